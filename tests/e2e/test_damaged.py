#!/usr/bin/env python3
"""A database that cannot be read as one: what is said, that nothing is tried again and again, and that the advice helps."""

import glob
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402

suite = Suite()
LOGS = "Logs_20140328"


def overwrite(path, offset, length):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(os.urandom(length))


DAMAGES = {
    "other bytes": lambda path: overwrite(path, 0, 8192),
    "cut short": lambda path: os.truncate(path, 20000),
    "holes": lambda path: overwrite(path, 8192, 6 * 4096),
}


def make_groups(sim, count):
    for i in range(count):
        status, answer = sim.json_call(f"{LOGS}.CreateLogGroup", {"logGroupName": f"group-{i}-{'x' * 200}"})
        assert status == 200, answer


def groups(sim):
    return sim.json_call(f"{LOGS}.DescribeLogGroups", {})


def move_away(sim):
    """As the message says."""
    os.mkdir(os.path.join(sim.dir, "aside"))
    for path in glob.glob(os.path.join(sim.state_dir, "logs.db*")):
        os.rename(path, os.path.join(sim.dir, "aside", os.path.basename(path)))


def check_start_fails(sim):
    path = os.path.join(sim.state_dir, "logs.db")
    began = time.monotonic()
    try:
        sim.start()
    except AssertionError as failure:
        said = str(failure)
    else:
        raise AssertionError("it started")
    assert time.monotonic() - began < 20
    for words in (f"{path} is damaged", "put back a copy", f"{path}*", "exit code 100"):
        assert words in said, said


def damaged_before_the_start(damage):
    with Awssim() as sim:
        make_groups(sim, 60)
        sim.stop()
        damage(os.path.join(sim.state_dir, "logs.db"))
        check_start_fails(sim)
        move_away(sim)
        sim.start()
        status, answer = groups(sim)
        assert status == 200 and answer["logGroups"] == [], answer
        make_groups(sim, 1)


@suite.test
def other_bytes():
    damaged_before_the_start(DAMAGES["other bytes"])


@suite.test
def cut_short():
    damaged_before_the_start(DAMAGES["cut short"])


@suite.test
def holes():
    damaged_before_the_start(DAMAGES["holes"])


@suite.test
def a_service_that_comes_back_to_it_is_given_up():
    """The others go on."""
    with Awssim() as sim:
        make_groups(sim, 60)
        sim.ctl("restart", "logs")
        path = os.path.join(sim.state_dir, "logs.db")
        DAMAGES["other bytes"](path)
        for extra in glob.glob(path + "-wal"):
            os.truncate(extra, 0)
        os.kill(sim.pids()["logs"], signal.SIGKILL)

        def given_up():
            return next(p for p in sim.status()["processes"] if p["process"] == "logs")["state"] == "GIVEN_UP"

        wait_until(given_up, 20, "giving up")
        shown = sim.ctl("status").stdout
        assert "GIVEN_UP" in shown and "100" in shown, shown
        wait_until(lambda: f"{path} is damaged" in sim.ctl("logs", "logs").stdout, 10, "the log's line")
        assert sim.client("sts").get_caller_identity()["Account"]
        move_away(sim)
        sim.ctl("restart", "logs")
        status, answer = groups(sim)
        assert status == 200 and answer["logGroups"] == [], answer


@suite.test
def found_while_it_runs():
    """What meets with it says so in the answer and in the log; it does not say that something is missing."""
    with Awssim() as sim:
        stream = {"logGroupName": "g", "logStreamName": "s"}
        assert sim.json_call(f"{LOGS}.CreateLogGroup", {"logGroupName": "g"})[0] == 200
        assert sim.json_call(f"{LOGS}.CreateLogStream", stream)[0] == 200
        for _ in range(60):
            event = {"timestamp": int(time.time() * 1000), "message": os.urandom(60000).hex()}
            assert sim.json_call(f"{LOGS}.PutLogEvents", {**stream, "logEvents": [event]})[0] == 200
        sim.ctl("restart", "logs")
        path = os.path.join(sim.state_dir, "logs.db")
        assert groups(sim)[0] == 200
        overwrite(path, 4096 * 40, os.stat(path).st_size - 4096 * 40)
        status, answer = sim.json_call(f"{LOGS}.GetLogEvents", {**stream, "startFromHead": True})
        assert status == 500 and f"{path} is damaged" in answer["message"], (status, answer.get("message"))
        wait_until(lambda: "malformed" in sim.ctl("logs", "logs").stdout, 10, "the log's line")


if __name__ == "__main__":
    sys.exit(suite.main())
