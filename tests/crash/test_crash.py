#!/usr/bin/env python3
"""kill -9, restarts and full disks under load: nothing acknowledged is lost, nothing is left behind, all is back soon.

usage: test_crash.py [--rounds N] [TEST…]     how often each process is killed (5)
"""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Suite, wait_until  # noqa: E402
from load import ECS, LOGS, Load, call, messages, register, run_task, try_call, wait_status  # noqa: E402

suite = Suite()
PARTS = ("sts", "logs", "ecs", "router", "runner")
BACK_WITHIN_S = 1.0
# The supervisor waits longer and longer before it starts a process that has died ten times within a minute.
KILLS_PER_MINUTE = 9
SANITIZED = "sanitize" in os.environ.get("AWSSIM_BUILD", "")


def rounds():
    return ROUNDS


def survivors(sim):
    """Processes that belong to this awssim: its folder is in their command line, environment or working directory."""
    mark, found = sim.dir.encode(), {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if int(folder.name) in (os.getpid(), os.getppid()):
            continue
        try:
            what = (folder / "cmdline").read_bytes() + b" " + (folder / "environ").read_bytes() + os.readlink(folder / "cwd").encode()
            zombie = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            continue
        if mark in what and not zombie:
            found[int(folder.name)] = what.split(b" ")[0].replace(b"\0", b" ").decode(errors="replace")
    return found


def wait_nothing_left(sim, timeout=5):
    wait_until(lambda: not survivors(sim), timeout, f"end of {survivors(sim)}")


def works(sim, part):
    """Whether the part does its work."""
    if part == "sts":
        try:
            return sim.http("GET", "/?Action=GetCallerIdentity&Version=2011-06-15")[0] == 200
        except OSError:
            return False
    target = {"logs": (f"{LOGS}.DescribeLogGroups", {}), "runner": (f"{ECS}.ListTasks", {})}.get(part, (f"{ECS}.ListClusters", {}))
    return try_call(sim, *target)[0] == 200


def kill(sim, part):
    """Seconds from the kill of a part to a new process that does its work."""
    before = sim.pids()[part]
    began = time.monotonic()
    os.kill(before, signal.SIGKILL)

    def is_back():
        process = next(p for p in sim.status()["processes"] if p["process"] == part)
        return process["state"] == "READY" and process["pid"] != before and works(sim, part)

    wait_until(is_back, 20, f"return of {part}")
    return time.monotonic() - began


def report(what, seconds):
    ordered = sorted(seconds)
    print(f"     {what}: back after {ordered[len(ordered) // 2] * 1000:.0f} ms (median), {ordered[-1] * 1000:.0f} ms (longest) "
          f"of {len(ordered)}", flush=True)
    assert SANITIZED or ordered[-1] <= BACK_WITHIN_S, f"{what} took {ordered[-1]:.2f} s"


@suite.test
def kill_each_part_under_load():
    with Awssim() as sim:
        load = Load(sim).start()
        took = {part: [] for part in PARTS}
        pace = 0 if rounds() <= KILLS_PER_MINUTE else 60 / KILLS_PER_MINUTE
        for _ in range(rounds()):
            began = time.monotonic()
            for part in PARTS:
                took[part].append(kill(sim, part))
            # Not to come into the back-off, which would measure something else.
            time.sleep(max(0, pace, 1) - min(time.monotonic() - began, max(0, pace, 1)))
        load.stop()
        load.check()
        print(f"     {len(load.clusters)} clusters, {sum(map(len, load.events.values()))} events, {len(load.tasks)} tasks")
        for part in PARTS:
            report(part, took[part])
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
        wait_until(lambda: not any("trap" in c for c in survivors(sim).values()), 5, "end of the tasks' processes")


@suite.test
def foreground_killed_leaves_nothing():
    sim = Awssim(foreground=True)
    with sim:
        call(sim, f"{ECS}.CreateCluster", {})
        call(sim, f"{LOGS}.CreateLogGroup", {"logGroupName": "/crash/g"})
        register(sim, "deaf", "trap '' TERM INT HUP; (sleep 1000 &) ; while :; do sleep 1; done", "/crash/g")
        wait_status(sim, [run_task(sim, "deaf")], "RUNNING")
        assert survivors(sim)
        sim.process.kill()
        sim.process.wait(10)
        sim.process = None
        wait_nothing_left(sim)


def fill(folder):
    """Writes files until there is no room for a byte more."""
    size = 1 << 20
    with open(os.path.join(folder, "filler"), "wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError as failure:
                assert failure.errno == errno.ENOSPC, failure
                size //= 2


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


@suite.test
def a_slow_client_does_not_hold_up_others():
    import socket

    with Awssim() as sim:
        half = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: " + f"{ECS}.CreateCluster".encode() + b"\r\nContent-Length: 20\r\n\r\n{"
        slow = [socket.create_connection(("127.0.0.1", sim.port)) for _ in range(200)]
        for i, peer in enumerate(slow):
            peer.sendall(half[:5 + i])
        for i in range(50):
            call(sim, f"{ECS}.CreateCluster", {"clusterName": f"c{i}"})
        for peer in slow:
            peer.close()


def take_rounds():
    """The number behind --rounds, taken out of the arguments."""
    if "--rounds" not in sys.argv:
        return 5
    at = sys.argv.index("--rounds")
    number = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return number


if __name__ == "__main__":
    ROUNDS = take_rounds()
    sys.exit(suite.main())
