#!/usr/bin/env python3
"""Init scripts: the four stages, their order and failures, and what /_localstack/init tells of them."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, ctl, wait_until  # noqa: E402

suite = Suite()
STAGES = ("boot", "start", "ready", "shutdown")
CALL = """#!/usr/bin/env python3
import json, os, sys, urllib.request
request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/", b'{"clusterName": "NAME"}', {
    "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster", "Content-Type": "application/x-amz-json-1.1"})
print(urllib.request.urlopen(request).status)
"""


class Scripts:
    """A folder of scripts, each of which writes its name into one file."""

    def __init__(self, folder):
        self.folder, self.trace = pathlib.Path(folder), pathlib.Path(folder, "trace")
        for stage in STAGES:
            (self.folder / "init" / f"{stage}.d").mkdir(parents=True)

    def put(self, name, more="", mode=0o755):
        path = self.folder / "init" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(more if more.startswith("#!") else f'#!/bin/sh\necho {name} >>"{self.trace}"\n{more}')
        path.chmod(mode)

    def ran(self):
        return self.trace.read_text().split() if self.trace.exists() else []


def status(sim, stage=""):
    code, _, body = sim.http("GET", f"/_localstack/init{stage and '/' + stage}")
    assert code == 200, body
    return json.loads(body)


@suite.test
def four_stages():
    with tempfile.TemporaryDirectory() as folder:
        scripts = Scripts(folder)
        for stage in STAGES:
            scripts.put(f"{stage}.d/b.sh", mode=0o644)
            scripts.put(f"{stage}.d/a", "exit 1" if stage == "start" else "")
        scripts.put("ready.d/sub/c.py", CALL.replace("NAME", "made-by-a-script"), mode=0o644)
        scripts.put("ready.d/notes.txt", mode=0o644)
        scripts.put("shutdown.d/z.py", CALL.replace("NAME", "made-at-the-end"))
        with Awssim("--init-dir", f"{folder}/init") as sim:
            done = wait_until(lambda: status(sim, "ready")["completed"] and status(sim))
            assert done["completed"] == {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False}, done
            states = {(s["stage"], s["name"]): s["state"] for s in done["scripts"]}
            assert states == {
                ("BOOT", "a"): "SUCCESSFUL", ("BOOT", "b.sh"): "SUCCESSFUL", ("START", "a"): "ERROR", ("START", "b.sh"): "SUCCESSFUL",
                ("READY", "a"): "SUCCESSFUL", ("READY", "b.sh"): "SUCCESSFUL", ("READY", "sub/c.py"): "SUCCESSFUL",
                ("SHUTDOWN", "a"): "UNKNOWN", ("SHUTDOWN", "b.sh"): "UNKNOWN", ("SHUTDOWN", "z.py"): "UNKNOWN"}, states
            assert [s["name"] for s in status(sim, "boot")["scripts"]] == ["a", "b.sh"]
            assert any("made-by-a-script" in arn for arn in sim.client("ecs").list_clusters()["clusterArns"])
            log = sim.ctl("logs", "init").stdout
            assert "start script a has failed: exit code 1" in log and "notes.txt is left out" in log, log
            assert scripts.ran() == ["boot.d/a", "boot.d/b.sh", "start.d/a", "start.d/b.sh", "ready.d/a", "ready.d/b.sh"]
            sim.stop()
            assert scripts.ran()[-2:] == ["shutdown.d/a", "shutdown.d/b.sh"], scripts.ran()
            log = pathlib.Path(sim.state_dir, "log", "init.log").read_text()
            assert "shutdown script z.py begins" in log and "z.py has failed" not in log, log
            sim.start()
            assert any("made-at-the-end" in arn for arn in sim.client("ecs").list_clusters()["clusterArns"])


@suite.test
def a_script_that_hangs_is_ended():
    with tempfile.TemporaryDirectory() as folder:
        scripts = Scripts(folder)
        scripts.put("boot.d/a.sh", "sleep 1000 & wait")
        scripts.put("boot.d/b.sh")
        with Awssim("--init-dir", f"{folder}/init", "--init-timeout", "1") as sim:
            boot = status(sim, "boot")
            assert [s["state"] for s in boot["scripts"]] == ["ERROR", "SUCCESSFUL"] and boot["completed"], boot
            assert "its time limit" in sim.ctl("logs", "init").stdout
            assert not sim.survivors() or all("sleep" not in c for c in sim.survivors().values()), sim.survivors()


@suite.test
def a_stop_ends_what_hangs():
    """A script of `ready` that hangs does not keep awssim from stopping, and those of `shutdown` run all the same."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = Scripts(folder)
        scripts.put("ready.d/a.sh", "sleep 1000")
        scripts.put("ready.d/b.sh")
        scripts.put("shutdown.d/c.sh")
        with Awssim("--init-dir", f"{folder}/init", "--init-timeout", "0") as sim:
            wait_until(lambda: scripts.ran() == ["ready.d/a.sh"])
            assert status(sim, "ready")["scripts"][0]["state"] == "RUNNING"
            sim.stop()
        assert scripts.ran() == ["ready.d/a.sh", "shutdown.d/c.sh"], scripts.ran()


@suite.test
def without_scripts():
    with Awssim() as sim:
        told = status(sim)
        assert told == {"completed": {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False}, "scripts": []}, told


@suite.test
def ready_is_said():
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([ctl(), "start", "--foreground", "--port", "0", "--dns", "off", "--state-dir", folder],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout.readline() == "Ready.\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


if __name__ == "__main__":
    sys.exit(suite.main())
