#!/usr/bin/env python3
"""kill -9, restarts, the supervisor's death and full disks, as each service's clients see them."""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, in_threads, wait_until  # noqa: E402
from harness import WORKERS, fill, kill, take_rounds, wait_nothing_left  # noqa: E402
from load import call, messages, register, run_task, wait_status  # noqa: E402
from services import ECS, LOGS, ServicesLoad  # noqa: E402

suite = Suite()


@suite.test
def reads_outlive_a_worker():
    """While only workers die, no read fails: the router asks the new process again."""
    with Awssim() as sim:
        load = ServicesLoad(sim).start()
        load.wait_made(1)
        for _ in range(ROUNDS):
            began = time.monotonic()
            for part in WORKERS:
                kill(sim, part)
            time.sleep(max(0, 1 - (time.monotonic() - began)))
        load.stop()
        print(f"     {load.summary()}")
        load.check()
        assert not load.client.unheard, load.client.unheard[:5]
        sim.stop()
        wait_nothing_left(sim)


@suite.test
def supervisor_dies_in_the_middle():
    with Awssim() as sim:
        load = ServicesLoad(sim)
        for _ in range(min(ROUNDS, 5)):
            load.start()
            load.wait_made(1)
            sim.kill()
            wait_nothing_left(sim)
            load.stop()
            sim.start()
        load.start()
        load.wait_made(1)
        load.stop()
        print(f"     {load.summary()}")
        load.check()


@suite.test
def restarts_lose_nothing():
    """Every process is restarted once, under load, with a task and an invocation running."""
    lines = 600
    with Awssim() as sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/long"})
        register(sim, "long", f"i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); [ $((i % 5)) -ne 0 ] || sleep 0.05; done; exit 7",
                 "/crash/long")
        load = ServicesLoad(sim).start()
        load.wait_made(1)
        task = run_task(sim, "long")
        wait_status(sim, [task], "RUNNING")
        function = load.services["lambda"]
        assert load.client.write(*function.invocation("async-long", "Event", seconds=5))
        function.queued.append("async-long")
        for part in (*WORKERS, "router"):
            sim.ctl("restart", part)
        [ended] = wait_status(sim, [task], "STOPPED")
        assert ended["containers"][0]["exitCode"] == 7, ended
        stored = messages(sim, "/crash/long", f"long/main/{task.rsplit('/', 1)[1]}")
        assert stored == [f"line {i}" for i in range(lines)], f"{len(stored)} of {lines} lines"
        load.stop()
        print(f"     {load.summary()}")
        load.check()
        started = [m for m in group_messages(sim, function.name) if "ran async-long" in m]
        assert len(started) == 1, f"the running invocation was disturbed: {started}"


def group_messages(sim, function):
    answer = call(sim, f"{LOGS}.FilterLogEvents", {"logGroupName": f"/aws/lambda/{function}", "filterPattern": '"ran async-long"'})
    return [e["message"] for e in answer["events"]]


@suite.test
def the_runner_restarts():
    """Its invocations fail with AWS's error; what was queued runs again."""
    with Awssim() as sim:
        load = ServicesLoad(sim, names=("lambda",))
        function = load.services["lambda"]
        assert load.client.write(*function.invocation("async-long", "Event", seconds=2))
        function.queued.append("async-long")
        wait_until(lambda: group_messages(sim, function.name), 20, "start of the invocation")
        answers = []

        def wait_for_answer():
            answers.append(sim.http(*function.invocation("sync", seconds=20)))

        def restart():
            wait_until(lambda: "sync" in json.dumps(call(sim, f"{LOGS}.FilterLogEvents", {
                "logGroupName": f"/aws/lambda/{function.name}", "filterPattern": '"ran sync"'})["events"]), 20, "start of the invocation")
            sim.ctl("restart", "runner")

        in_threads(2, lambda i: (wait_for_answer, restart)[i]())
        [(status, headers, body)] = answers
        assert status == 500 and headers["x-amzn-errortype"].startswith("ServiceException"), (status, headers, body)
        load.start()
        load.wait_made(1)
        load.stop()
        load.check()


def check_refusals(sim, load, name, refusals):
    """A service on a full disk refuses clearly or does its work; it never hangs."""
    before, began = load.client.refused, time.monotonic()
    for _ in range(16):
        load.write(name)
        load.read(name)
    assert time.monotonic() - began < 60, f"{name} hangs on a full disk"
    refusals[name] = load.client.refused - before


@suite.test
def full_disk():
    if os.geteuid() != 0:
        print("     skipped: only root may mount a small file system")
        return
    sim = Awssim()
    os.mkdir(sim.state_dir)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", sim.state_dir], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        print(f"     skipped: nothing can be mounted here: {mounted.stderr.strip()}")
        return
    try:
        with sim:
            load, refusals = ServicesLoad(sim), {}
            for name in load.services:
                load.write(name)
            fill(sim.state_dir)
            for name in load.services:
                check_refusals(sim, load, name, refusals)
            assert sim.http("GET", "/health")[0] == 200
            print("     refused: " + ", ".join(f"{count} {name}" for name, count in refusals.items()))
            assert all(refusals.values()), "nothing was refused on a full disk"
            before = load.client.refused
            load.start()
            wait_until(lambda: load.client.refused > before + 100, 30, "refusals of many at once")
            load.stop()
            os.unlink(os.path.join(sim.state_dir, "filler"))
            load.start()
            load.wait_made(1)
            load.stop()
            load.check()
            for name in load.services:
                sim.ctl("restart", name)
            load.check()
            sim.stop()
            wait_until(lambda: subprocess.run(["umount", sim.state_dir], capture_output=True, check=False).returncode == 0, 5, "unmounting")
    finally:
        subprocess.run(["umount", "-q", "-l", sim.state_dir], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    ROUNDS = take_rounds(2)
    sys.exit(suite.main())
