#!/usr/bin/env python3
"""Several awssims beside each other: awssimctl finds the only one, lists several, and leaves nothing of ephemeral ones."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Skipped, Suite, ctl  # noqa: E402

suite = Suite()
HOME = None


def run(*arguments, code=0, prefix=(), **environment):
    environment = {"PATH": os.environ["PATH"], "HOME": HOME, "XDG_RUNTIME_DIR": f"{HOME}/runtime",
                   "XDG_STATE_HOME": f"{HOME}/state", **environment}
    done = subprocess.run([*prefix, ctl(), *arguments], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == code, (arguments, done)
    return done.stdout + done.stderr


def start(*arguments, **environment):
    """Starts one; answers its endpoint."""
    said = run("start", "--port", "0", "--dns", "off", *arguments, **environment)
    return next(word for word in said.split() if word.startswith("http://"))


def folders():
    return {str(p) for p in pathlib.Path(tempfile.gettempdir()).glob("awssim-private-*")}


@suite.test
def the_only_one_is_found():
    before = folders()
    endpoint = start("--ephemeral")
    assert endpoint in run("env") and endpoint in run("status"), endpoint
    assert "ready" in run("wait") and "sts is ready" in run("restart", "sts")
    assert "is empty" in run("reset", "logs") and "router" in run("logs", "-h") + run("logs")
    assert "has stopped" in run("stop")
    assert folders() == before, "an ephemeral awssim has left its folder"
    assert "not running" in run("status", code=3) and "not running" in run("stop")


@suite.test
def an_ephemeral_one_beside_a_lasting_one():
    lasting = start("--state-dir", f"{HOME}/lasting")
    ephemeral = start("--ephemeral")
    other = start("--ephemeral")
    assert len({lasting, ephemeral, other}) == 3
    listed = json.loads(run("status", "--json"))["instances"]
    assert {i["endpoint"] for i in listed} == {lasting, ephemeral, other}, listed
    for command in ("stop", "env", "reset", "logs", "wait", "restart"):
        said = run(command, *(["sts"] if command == "restart" else []), code=1)
        assert all(i["state_dir"] in said for i in listed), (command, said)
    table = run("status")
    assert all(i["state_dir"] in table and i["endpoint"] in table for i in listed), table
    assert lasting in run("env", "--state-dir", f"{HOME}/lasting")
    assert lasting in run("env", AWSSIM_STATE_DIR=f"{HOME}/lasting")
    for instance in listed:
        run("stop", "--state-dir", instance["state_dir"])
    assert os.path.exists(f"{HOME}/lasting/sts.db"), "a lasting awssim keeps its state"
    assert "not running" in run("status", code=3)


@suite.test
def a_named_folder_is_left_as_it_was():
    made, there = f"{HOME}/made", f"{HOME}/there"
    os.mkdir(there)
    for folder in (made, there):
        start("--ephemeral", "--state-dir", folder)
        run("stop")
    assert not os.path.exists(made) and os.listdir(there) == [], os.listdir(there)
    start("--state-dir", there)
    run("stop")
    kept = {p for p in os.listdir(there) if p.endswith(".db")}
    start("--ephemeral", "--state-dir", there)
    run("stop")
    assert {p for p in os.listdir(there) if p.endswith(".db")} == kept and kept


@suite.test
def a_killed_one_is_not_listed():
    start("--ephemeral")
    pid = next(p["pid"] for p in json.loads(run("status", "--json"))["processes"] if p["process"] == "supervisor")
    os.kill(pid, 9)
    while os.path.exists(f"/proc/{pid}"):
        os.sched_yield()
    assert "not running" in run("status", code=3)
    first = start("--ephemeral")
    assert first in run("status")
    run("stop")


@suite.test
def wrong_words():
    cases = [(["--dns", "bad"], "--dns"), (["--dns", "1.2.3:5"], "--dns"), (["--dns", "127.0.0.1:99999"], "--dns"),
             (["--state-dir="], "--state-dir"), (["--state-dir", ""], "--state-dir"), (["--run-dir="], "--run-dir"),
             (["--listen="], "--listen")]
    for arguments, option in cases:
        said = run("start", *arguments, code=2)
        assert option in said and "help start" in said, said


@suite.test
def another_users_instance():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skipped("needs root and setpriv, to be another user")
    endpoint = start("--state-dir", f"{HOME}/roots")
    os.chmod(HOME, 0o755)
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    nobodys = {name: f"{HOME}/nobody" for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
    for command in ("status", "stop"):
        said = run(command, "--state-dir", f"{HOME}/roots", code=1, prefix=as_nobody, **nobodys)
        assert "another user (root)" in said, said
    assert endpoint in run("status")
    run("stop")


def main():
    global HOME
    HOME = tempfile.mkdtemp(prefix="awssim-test-")
    os.mkdir(f"{HOME}/runtime", 0o700)
    try:
        return suite.main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
