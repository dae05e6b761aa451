#!/usr/bin/env python3
"""The unmodified AWS CLI runs the main job, and makes mistakes; and what awssimctl says to people."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Suite, ctl, wait_until  # noqa: E402

suite = Suite()


def clients():
    """Every AWS CLI on the machine: the first on PATH and Debian's."""
    found = {shutil.which("aws"), "/usr/bin/aws"}
    return sorted(c for c in found if c and os.access(c, os.X_OK))


def aws(sim, client, *arguments, fails=False):
    environment = {"PATH": os.environ["PATH"], "HOME": sim.dir, "AWS_PAGER": "", **sim.env()}
    done = subprocess.run([client, "--endpoint-url", sim.endpoint, "--output", "json", *arguments], capture_output=True,
                          text=True, timeout=120, env=environment, cwd=ROOT)
    if fails:
        assert done.returncode != 0, done.stdout
        return done.stderr
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


@suite.test
def main_job(sim):
    for client in clients():
        subnet = aws(sim, client, "ec2", "describe-subnets", "--filters", "Name=default-for-az,Values=true")["Subnets"][0]["SubnetId"]
        aws(sim, client, "ecs", "create-cluster", "--cluster-name", "demo")
        if not aws(sim, client, "logs", "describe-log-groups", "--log-group-name-prefix", "/demo/hello")["logGroups"]:
            aws(sim, client, "logs", "create-log-group", "--log-group-name", "/demo/hello")
        aws(sim, client, "ecs", "register-task-definition", "--cli-input-json", "file://examples/hello-task.json")
        task = aws(sim, client, "ecs", "run-task", "--cluster", "demo", "--task-definition", "hello", "--launch-type", "FARGATE",
                   "--network-configuration", f"awsvpcConfiguration={{subnets=[{subnet}]}}")["tasks"][0]
        arn = task["taskArn"]
        stream = f"hello/main/{arn.split('/')[-1]}"
        aws(sim, client, "ecs", "wait", "tasks-running", "--cluster", "demo", "--tasks", arn)
        events = wait_until(lambda: aws(sim, client, "logs", "get-log-events", "--log-group-name", "/demo/hello",
                                        "--log-stream-name", stream)["events"])
        assert events[0]["message"].startswith("hello from process"), events
        aws(sim, client, "ecs", "wait", "tasks-stopped", "--cluster", "demo", "--tasks", arn)
        task = aws(sim, client, "ecs", "describe-tasks", "--cluster", "demo", "--tasks", arn)["tasks"][0]
        assert task["containers"][0]["exitCode"] == 0 and task["stopCode"] == "EssentialContainerExited", task
        events = aws(sim, client, "logs", "filter-log-events", "--log-group-name", "/demo/hello", "--log-stream-names", stream)
        assert [e["message"] for e in events["events"]][1:] == [f"line {n}" for n in range(1, 7)] + ["done"]


@suite.test
def mistakes(sim):
    client = clients()[0]
    assert "ClusterNotFoundException" in aws(sim, client, "ecs", "list-tasks", "--cluster", "typo", fails=True)
    assert "ResourceNotFoundException" in aws(sim, client, "logs", "get-log-events", "--log-group-name", "typo",
                                              "--log-stream-name", "x", fails=True)
    assert "not implemented" in aws(sim, client, "ecs", "create-capacity-provider", "--name", "x", "--auto-scaling-group-provider",
                                   "autoScalingGroupArn=arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:x", fails=True).lower()


@suite.test
def identity(sim):
    who = aws(sim, clients()[0], "sts", "get-caller-identity")
    assert who["Account"] == "123456789012", who


@suite.test
def ctl_status_and_restart(sim):
    before = sim.pids()
    assert {"supervisor", "router", "runner", "ecs", "logs", "sts"} <= set(before), before
    for service in ("ecs", "logs", "sts", "router"):
        sim.ctl("restart", service)
    after = sim.pids()
    assert all(after[p] != before[p] for p in ("ecs", "logs", "sts", "router")) and after["runner"] == before["runner"]
    assert sim.http("GET", "/health")[0] == 200
    bad = sim.ctl("restart", "nonsense", check=False)
    assert bad.returncode != 0 and "ecs" in bad.stdout + bad.stderr, bad


@suite.test
def ctl_port_taken(sim):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        other = os.path.join(sim.dir, "other")
        done = subprocess.run([ctl(), "start", "--state-dir", other, "--port", str(port)], capture_output=True, text=True,
                              timeout=60)
        said = done.stdout + done.stderr
        assert done.returncode != 0 and str(port) in said and "use" in said, said
        done = subprocess.run([ctl(), "status", "--state-dir", other], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "not running" in done.stdout + done.stderr, done


@suite.test
def ctl_twice(sim):
    done = sim.ctl("start", "--port", "0", check=False)
    assert done.returncode != 0 and "already running" in done.stdout + done.stderr, done


@suite.test
def ctl_logs_are_in_order_of_time(sim):
    """Lines of all processes, older files included; one without a date stays behind the one before it."""
    folder = pathlib.Path(sim.state_dir, "log")
    (folder / "zz.log.1").write_text("2001-01-01T00:00:01.000Z zz info: first\n  its second line\n")
    (folder / "zz.log").write_text("2001-01-01T00:00:03.000Z zz warn: third\n")
    (folder / "yy.log").write_text("2001-01-01T00:00:02.000Z yy error: second\n9999-01-01T00:00:00.000Z yy info: last\n")
    lines = [line.split(" | ", 1)[1] for line in sim.ctl("logs").stdout.splitlines()]
    assert lines[:4] == ["2001-01-01T00:00:01.000Z zz info: first", "  its second line", "2001-01-01T00:00:02.000Z yy error: second",
                         "2001-01-01T00:00:03.000Z zz warn: third"], lines[:5]
    assert lines[-1].startswith("9999"), lines[-1]
    dates = [line.split()[0] for line in lines if line[:1].isdigit()]
    assert dates == sorted(dates) and len(dates) > 6, dates
    assert "\033" not in sim.ctl("logs").stdout
    follower = subprocess.Popen([ctl(), "logs", "yy", "-f", "--state-dir", sim.state_dir], stdout=subprocess.PIPE, text=True)
    assert "second" in follower.stdout.readline() and "last" in follower.stdout.readline()
    with open(folder / "yy.log", "a") as log:
        log.write("2001-01-01T00:00:05.000Z yy info: added\n")
    assert "added" in follower.stdout.readline()
    follower.kill()
    follower.wait()
    for name in ("zz.log.1", "zz.log", "yy.log"):
        (folder / name).unlink()


@suite.test
def ctl_reset_and_help(sim):
    sim.ctl("reset", "ecs")
    assert sim.client("ecs").list_clusters()["clusterArns"] == []
    for arguments in (["help"], ["version"], ["help", "start"]):
        done = subprocess.run([ctl(), *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout, arguments
    done = subprocess.run([ctl(), "nonsense"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "help" in done.stdout + done.stderr


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
