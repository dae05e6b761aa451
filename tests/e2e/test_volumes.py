#!/usr/bin/env python3
"""Volumes of ECS tasks through boto3: host directories, shared and task volumes, memory; the host stays as it is."""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, wait_until  # noqa: E402

suite = Suite()


def run(sim, family, volumes, *containers):
    """Runs one task to its end; answers it."""
    ecs = sim.client("ecs")
    ecs.create_cluster(clusterName="c")
    for container in containers:
        container.update(image="busybox", memory=64)
    ecs.register_task_definition(family=family, volumes=volumes, containerDefinitions=list(containers))
    answer = ecs.run_task(cluster="c", taskDefinition=family)
    assert not answer["failures"], answer
    arn = answer["tasks"][0]["taskArn"]

    def stopped():
        task = ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None
    return wait_until(stopped, 30, f"{arn} STOPPED")


def shell(script, *points, **fields):
    return {"name": "main", "command": ["sh", "-c", script],
            "mountPoints": [{"sourceVolume": volume, "containerPath": path, "readOnly": read_only}
                            for volume, path, read_only in points], **fields}


def exit_code(task, name="main"):
    container = next(one for one in task["containers"] if one["name"] == name)
    assert "exitCode" in container, task
    return container["exitCode"]


@suite.test
def host_directory(sim):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "in").write_text("given")
        volume = {"name": "h", "host": {"sourcePath": folder}}
        task = run(sim, "host", [volume], shell("test $(cat /awssim-h/in) = given && echo made > /awssim-h/out",
                                                ("h", "/awssim-h", False)))
        assert exit_code(task) == 0, task
        assert pathlib.Path(folder, "out").read_text() == "made\n"
        task = run(sim, "host", [volume], shell("echo x > /awssim-h/not", ("h", "/awssim-h", True)))
        assert exit_code(task) != 0, task
        assert not os.path.exists("/awssim-h") and not os.path.exists(os.path.join(folder, "not"))


@suite.test
def shared_between_tasks(sim):
    volume = {"name": "s", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}}
    assert exit_code(run(sim, "shared", [volume], shell("echo kept > /awssim-s/f", ("s", "/awssim-s", False)))) == 0
    assert exit_code(run(sim, "shared", [volume], shell("grep kept /awssim-s/f", ("s", "/awssim-s", False)))) == 0


@suite.test
def between_containers_of_a_task(sim):
    first = shell("echo here > /awssim-t/f", ("t", "/awssim-t", False), essential=False) | {"name": "first"}
    second = shell("grep here /awssim-t/f && ! echo x > /awssim-t/g", volumesFrom=[
        {"sourceContainer": "first", "readOnly": True}], dependsOn=[{"containerName": "first", "condition": "SUCCESS"}])
    assert exit_code(run(sim, "task", [{"name": "t"}], first, second)) == 0
    again = shell("! test -e /awssim-t/f", ("t", "/awssim-t", False))
    assert exit_code(run(sim, "task", [{"name": "t"}], again)) == 0


@suite.test
def memory(sim):
    container = shell("echo x > /awssim-m/f && grep ' /awssim-m tmpfs ' /proc/mounts", linuxParameters={
        "tmpfs": [{"containerPath": "/awssim-m", "size": 1, "mountOptions": ["noexec"]}]})
    assert exit_code(run(sim, "memory", [], container)) == 0
    assert not os.path.exists("/awssim-m")


@suite.test
def no_such_volume(sim):
    task = run(sim, "none", [{"name": "n", "dockerVolumeConfiguration": {"scope": "shared"}}],
               shell("true", ("n", "/awssim-n", False)))
    assert task["stopCode"] == "TaskFailedToStart", task
    assert task["stoppedReason"] == "CannotCreateVolumeError: get n: no such volume", task


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
