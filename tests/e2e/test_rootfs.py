#!/usr/bin/env python3
"""What tasks find where: nothing of the host that they were not given, and nothing of the host changes. As root and, where
this machine permits user namespaces, as an ordinary user."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, fails, wait_until  # noqa: E402
from image import Registry, busybox, busybox_layer  # noqa: E402

suite = Suite()
GROUP = "/rootfs"
USER = 61234  # nobody has this number


def prepare(sim):
    sim.client("ecs").create_cluster(clusterName="default")
    sim.client("logs").create_log_group(logGroupName=GROUP)
    sim.client("ecr").create_repository(repositoryName="app")
    if busybox():
        Registry(sim).push("app", "1", [busybox_layer()], Cmd=["true"])


def image(sim):
    if not busybox():
        raise Skipped("there is no statically linked busybox on this machine (Debian's package busybox-static)")
    return f"127.0.0.1:{sim.port}/app:1"


def start(sim, family, name, script, definition=None, **container):
    ecs = sim.client("ecs")
    ecs.register_task_definition(family=family, **(definition or {}), containerDefinitions=[{
        "name": "main", "image": name, "command": ["sh", "-c", script], "memory": 128, "logConfiguration": {
            "logDriver": "awslogs", "options": {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}},
        **container}])
    return ecs.run_task(taskDefinition=family)["tasks"][0]["taskArn"]


def stopped(sim, arn):
    def look():
        task = sim.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None

    return wait_until(look, 60, "STOPPED")


def run(sim, family, name, script, definition=None, **container):
    """Runs a shell script to its end; the lines it printed, and the task."""
    arn = start(sim, family, name, script, definition, **container)
    task = stopped(sim, arn)
    assert task["stopCode"] == "EssentialContainerExited", task
    events = sim.client("logs").get_log_events(logGroupName=GROUP, logStreamName=f"{family}/main/{arn.split('/')[-1]}", startFromHead=True)
    return [event["message"] for event in events["events"]], task


def efs_volume(system, **more):
    return {"volumes": [{"name": "efs", "efsVolumeConfiguration": {"fileSystemId": system, "transitEncryption": "ENABLED", **more}}]}


MOUNTED = {"mountPoints": [{"sourceVolume": "efs", "containerPath": "/data"}]}


@suite.test
def file_systems_follow_no_links_out(sim):
    """What a task has written in a file system does not make the host's folders its root."""
    efs = sim.client("efs")
    victim = os.path.join(sim.dir, "victim")
    os.makedirs(f"{victim}/d")
    os.chmod(victim, 0o777)
    os.chmod(f"{victim}/d", 0o777)
    pathlib.Path(victim, "d", "secret").write_text("the host's\n")
    system = efs.create_file_system(CreationToken="links")["FileSystemId"]
    wait_until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    run(sim, "links", image(sim), f"cd /data; ln -s {victim} evil; ln -s ../../../../../../../..{victim} up; ln -s /proc/self/root magic; "
        "mkdir inside; ln -s /inside near; echo own > inside/note", efs_volume(system), **MOUNTED)
    for n, directory in enumerate(("/evil/d", "/evil", "/up/d", "/magic/etc", f"/near/../..{victim}")):
        task = stopped(sim, start(sim, f"root{n}", image(sim), "ls -a /data", efs_volume(system, rootDirectory=directory), **MOUNTED))
        assert "No such file or directory" in task["stoppedReason"], (directory, task)
        if ".." in directory:
            continue  # no name of an access point's root
        owner = {"OwnerUid": 1, "OwnerGid": 1, "Permissions": "0777"}
        for root in ({"Path": directory}, {"Path": directory + "/new", "CreationInfo": owner}):
            point = efs.create_access_point(ClientToken=root["Path"], FileSystemId=system, RootDirectory=root)["AccessPointId"]
            wait_until(lambda: efs.describe_access_points(AccessPointId=point)["AccessPoints"][0]["LifeCycleState"] == "available")
            task = stopped(sim, start(sim, f"point{n}", image(sim), "ls -a /data", efs_volume(
                system, authorizationConfig={"accessPointId": point}), **MOUNTED))
            assert task["stopCode"] == "TaskFailedToStart", (root, task)
    text, _ = run(sim, "near", image(sim), "cat /data/note", efs_volume(system, rootDirectory="/near"), **MOUNTED)
    assert text == ["own"], text
    assert os.listdir(victim) == ["d"] and os.listdir(f"{victim}/d") == ["secret"]
    assert os.stat(f"{victim}/d").st_uid == os.getuid()


@suite.test
def paths_with_a_nul(sim):
    efs, ecs = sim.client("efs"), sim.client("ecs")
    system = efs.create_file_system(CreationToken="nul")["FileSystemId"]
    wait_until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    fails("BadRequest", 400, efs.create_access_point, ClientToken="nul", FileSystemId=system, RootDirectory={"Path": "/a\0b"})
    container = {"name": "main", "image": "busybox", "memory": 64}
    for fields in ({"containerDefinitions": [{**container, "workingDirectory": "/a\0b"}]},
                   {"volumes": [{"name": "v", "host": {"sourcePath": "/a\0b"}}], "containerDefinitions": [container]},
                   {"volumes": [{"name": "v"}], "containerDefinitions": [
                       {**container, "mountPoints": [{"sourceVolume": "v", "containerPath": "/a\0b"}]}]}):
        fails("ClientException", 400, ecs.register_task_definition, family="nul", **fields)


def as_user(test):
    """The same test by an awssim of an ordinary user."""
    def test_as_user(_):
        with unprivileged() as sim:
            prepare(sim)
            test(sim)
    test_as_user.__name__ = test.__name__ + "_as_user"
    suite.test(test_as_user)


def unprivileged(*options):
    prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    if os.getuid() != 0:
        raise Skipped("another user than this one needs root")
    if subprocess.run([*prefix, "unshare", "--user", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("this machine permits no user namespaces")
    sim = Awssim(*options, prefix=prefix)
    os.chown(sim.dir, USER, USER)
    return sim


for each in (file_systems_follow_no_links_out,):
    as_user(each)


if __name__ == "__main__":
    with Awssim() as running:
        prepare(running)
        sys.exit(suite.main(running))
