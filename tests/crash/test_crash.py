#!/usr/bin/env python3
"""kill -9, restarts and full disks under load: nothing acknowledged is lost, nothing is left behind, all is back soon.

usage: test_crash.py [--rounds N] [TEST…]     how often each process is killed (5)
"""

import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, wait_until  # noqa: E402
from harness import KILLS_PER_MINUTE, PARTS, check_runner_folder, fill, kill, pace, report, take_rounds, wait_nothing_left  # noqa: E402
from load import Load, call, messages, register, run_task, wait_status  # noqa: E402
from services import ECS, LOGS, ServicesLoad  # noqa: E402

suite = Suite()


def rounds():
    return ROUNDS


@suite.test
def kill_each_part_under_load():
    with Awssim() as sim:
        services = ServicesLoad(sim, patience=1 if rounds() <= KILLS_PER_MINUTE else 8).start()
        load = Load(sim).start()
        took = {part: [] for part in PARTS}
        for _ in range(rounds()):
            began = time.monotonic()
            for part in PARTS:
                took[part].append(kill(sim, part))
            pace(began, rounds())
        load.stop()
        services.stop()
        load.check()
        services.check()
        print(f"     {len(load.clusters)} clusters, {sum(map(len, load.events.values()))} events, {len(load.tasks)} tasks")
        print(f"     {services.summary()}")
        for part in PARTS:
            report(part, took[part])
        check_runner_folder(sim)
        sim.stop()
        wait_nothing_left(sim)


@suite.test
def kill_the_supervisor_under_load():
    with Awssim() as sim:
        register(sim, "endless", "while :; do echo alive; sleep 0.1; done", "/crash/endless")
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/endless"})
        load, took, endless = Load(sim), [], []
        for _ in range(rounds()):
            load.start()
            endless.append(run_task(sim, "endless"))
            wait_status(sim, endless[-1:], "RUNNING")
            sim.kill()
            wait_nothing_left(sim)
            load.stop()
            began = time.monotonic()
            sim.start()
            took.append(time.monotonic() - began)
            [task] = wait_status(sim, endless[-1:], "STOPPED")
            assert task.get("stoppedReason"), task
        load.check()
        report("everything", took)


@suite.test
def restarts_do_not_disturb_a_task():
    lines = 1500
    with Awssim() as sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/long"})
        register(sim, "long", f"i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); "
                 "[ $((i % 5)) -ne 0 ] || sleep 0.01; done; exit 7", "/crash/long")
        load = Load(sim).start()
        task = run_task(sim, "long")
        wait_status(sim, [task], "RUNNING")
        for action in (lambda: sim.ctl("restart", "logs"), lambda: sim.ctl("restart", "ecs"), lambda: kill(sim, "logs"),
                       lambda: sim.ctl("restart", "router"), lambda: kill(sim, "ecs"), lambda: sim.ctl("restart", "sts")):
            action()
        [ended] = wait_status(sim, [task], "STOPPED")
        assert ended["containers"][0]["exitCode"] == 7 and ended["stopCode"] == "EssentialContainerExited", ended
        stored = messages(sim, "/crash/long", f"long/main/{task.rsplit('/', 1)[1]}")
        assert stored == [f"line {i}" for i in range(lines)], f"{len(stored)} of {lines} lines: {stored[:3]} … {stored[-3:]}"
        load.stop()
        load.check()


@suite.test
def tasks_die_with_the_runner():
    with Awssim() as sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/g"})
        register(sim, "deaf", "trap '' TERM INT HUP; echo ready; while :; do sleep 1; done", "/crash/g")
        tasks = [run_task(sim, "deaf") for _ in range(3)]
        wait_status(sim, tasks, "RUNNING")
        kill(sim, "runner")
        for task in wait_status(sim, tasks, "STOPPED"):
            assert task["stoppedReason"] and task["stopCode"] and "exitCode" not in task["containers"][0] or \
                task["containers"][0]["exitCode"] != 0, task
        wait_until(lambda: not any("trap" in c for c in sim.survivors().values()), 5, "end of the tasks' processes")


@suite.test
def foreground_killed_leaves_nothing():
    sim = Awssim(foreground=True)
    with sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/g"})
        register(sim, "deaf", "trap '' TERM INT HUP; (sleep 1000 &) ; while :; do sleep 1; done", "/crash/g")
        wait_status(sim, [run_task(sim, "deaf")], "RUNNING")
        assert sim.survivors()
        sim.process.kill()
        sim.process.wait(10)
        sim.process = None
        wait_nothing_left(sim)


def put(sim, message):
    event = {"timestamp": int(time.time() * 1000), "message": message}
    return sim.json_call(f"{LOGS}.PutLogEvents", {"logGroupName": "g", "logStreamName": "s", "logEvents": [event]})


def check_full(sim):
    """Writes are refused clearly and at once, reads go on."""
    refused = 0
    for i in range(40):
        began = time.monotonic()
        status, document = put(sim, f"full {i} " + "y" * 60000)
        assert time.monotonic() - began < 5, "a call hung"
        if status != 200:
            assert status in (500, 503) and document["__type"] and document["message"], (status, document)
            refused += 1
    assert refused, "nothing was refused on a full disk"
    assert call(sim, f"{LOGS}.GetLogEvents", {"logGroupName": "g", "logStreamName": "s", "startFromHead": True})["events"]
    assert sim.http("GET", "/health")[0] == 200


@suite.test
def full_disk():
    if os.geteuid() != 0:
        print("     skipped: only root may mount a small file system")
        return
    sim = Awssim()
    os.mkdir(sim.state_dir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", sim.state_dir], check=True)
    try:
        with sim:
            call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "g"})
            call(sim, f"{LOGS}.CreateLogStream", {"logGroupName": "g", "logStreamName": "s"})
            assert put(sim, "before")[0] == 200
            fill(sim.state_dir)
            check_full(sim)
            os.unlink(os.path.join(sim.state_dir, "filler"))
            wait_until(lambda: put(sim, "after")[0] == 200, 10, "writing after room was made")
            stored = messages(sim, "g", "s")
            assert stored[0] == "before" and stored[-1] == "after", (stored[0][:20], stored[-1][:20])
            sim.ctl("restart", "logs")
            assert messages(sim, "g", "s") == stored
            sim.stop()
            wait_nothing_left(sim)
            subprocess.run(["umount", sim.state_dir], check=True)
    finally:
        subprocess.run(["umount", "-q", "-l", sim.state_dir], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    ROUNDS = take_rounds(5)
    sys.exit(suite.main())
