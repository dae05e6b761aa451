"""Kills processes, measures how soon they are back, and looks for what they leave behind, for the crash tests."""

import errno
import http.client
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import wait_until  # noqa: E402
from services import CLOUDMAP, ECR, ECS, LOGS, query, target  # noqa: E402

WORKS = {
    "sts": query("2011-06-15", "GetCallerIdentity", service="sts"),
    "logs": target(f"{LOGS}.DescribeLogGroups"),
    "ecs": target(f"{ECS}.ListClusters"),
    "ec2": query("2016-11-15", "DescribeRegions"),
    "iam": query("2010-05-08", "ListRoles", service="iam"),
    "efs": ("GET", "/2015-02-01/file-systems"),
    "servicediscovery": target(f"{CLOUDMAP}.ListNamespaces"),
    "s3": ("GET", "/"),
    "ecr": target(f"{ECR}.DescribeRepositories"),
    "lambda": ("GET", "/2015-03-31/functions"),
}
WORKERS = tuple(WORKS)
PARTS = (*WORKERS, "router", "runner")
BACK_WITHIN_S = 1.0
# The supervisor waits longer and longer before it starts a process that has died ten times within a minute. A process has
# its turn a little earlier in one round than in another.
KILLS_PER_MINUTE = 8
SANITIZED = "sanitize" in os.environ.get("AWSSIM_BUILD", "")


def wait_nothing_left(sim, timeout=5):
    """No process and no mount is left of an awssim that has ended."""
    wait_until(lambda: not sim.survivors(), timeout, f"end of {sim.survivors()}")
    assert not sim.mounts(), sim.mounts()


def check_runner_folder(sim):
    """What containers and environments had on disk goes with them, also when a runner was killed."""
    folder = os.path.join(sim.state_dir, "runner")
    sim.ctl("restart", "runner")
    own = {"spool", "removed", "templates", "functions.hosts"}
    wait_until(lambda: set(os.listdir(folder)) <= own, 10, f"the end of {os.listdir(folder)}")
    for name in ("spool", "removed"):
        wait_until(lambda: not os.listdir(os.path.join(folder, name)), 10, f"the runner's folder {name} to be empty")


def works(sim, part):
    """Whether the part does its work."""
    try:
        return sim.http(*WORKS.get(part, WORKS["ecs"]))[0] == 200
    except (OSError, http.client.HTTPException):
        return False


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
    """Prints how soon it was back; whether it always was soon enough."""
    ordered = sorted(seconds)
    print(f"     {what}: back after {ordered[len(ordered) // 2] * 1000:.0f} ms (median), {ordered[-1] * 1000:.0f} ms (longest) "
          f"of {len(ordered)}", flush=True)
    return SANITIZED or ordered[-1] <= BACK_WITHIN_S


def pace(began, rounds):
    """Sleeps so that the next round of kills does not come into the back-off, which would measure something else."""
    length = 1 if rounds <= KILLS_PER_MINUTE else 60 / KILLS_PER_MINUTE
    time.sleep(max(0, length - (time.monotonic() - began)))


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


def take_rounds(usual):
    """The number behind --rounds, taken out of the arguments."""
    if "--rounds" not in sys.argv:
        return usual
    at = sys.argv.index("--rounds")
    number = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return number
