#!/usr/bin/env python3
"""Tasks that run in images of the simulator's own registry: what they see, what is combined, what cannot be pulled."""

import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Skipped, Suite, wait_until  # noqa: E402
from image import Registry, busybox, busybox_layer, layer  # noqa: E402

suite = Suite()
GROUP = "/images"


def uri(sim, name):
    return f"127.0.0.1:{sim.port}/{name}"


def run(sim, family, image, definition=None, **container):
    ecs = sim.client("ecs")
    ecs.register_task_definition(
        family=family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", **(definition or {}),
        containerDefinitions=[{"name": "main", "image": image, "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}}, **container}])
    return ecs.run_task(taskDefinition=family, launchType="FARGATE", networkConfiguration=sim.network())["tasks"][0]["taskArn"]


def stopped(sim, arn):
    def look():
        task = sim.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None

    return wait_until(look, 60, "STOPPED")


def lines(sim, family, arn):
    events = sim.client("logs").get_log_events(logGroupName=GROUP, logStreamName=f"{family}/main/{arn.split('/')[-1]}", startFromHead=True)
    return [event["message"] for event in events["events"]]


def output(sim, family, image, definition=None, **container):
    arn = run(sim, family, image, definition, **container)
    task = stopped(sim, arn)
    assert task["stopCode"] == "EssentialContainerExited", task
    return lines(sim, family, arn), task


def prepare(sim):
    sim.client("ecs").create_cluster(clusterName="default")
    sim.client("logs").create_log_group(logGroupName=GROUP)
    for name in ("app", "team/other", "foreign"):
        sim.client("ecr").create_repository(repositoryName=name)
    registry = Registry(sim)
    base = busybox_layer()
    above = layer([("etc/motto", b"made here\n"), ("srv", None), ("srv/kept", b"1"), ("srv/gone", b"2")])
    top = layer([("srv/.wh.gone", b"")])
    sim.image = registry.push("app", "1", [base, above, top], Entrypoint=["/bin/sh", "-c"], Cmd=["cat /etc/motto; ls /srv"],
                              Env=["COLOUR=blue", "SIZE=1"], WorkingDir="/srv")
    registry.push("foreign", "1", [base], architecture="s390x", Cmd=["true"])
    registry.push("team/other", "latest", [base], Cmd=["id"], User="app")


@suite.test
def image_defaults(sim):
    prepare(sim)
    text, task = output(sim, "defaults", uri(sim, "app:1"))
    assert text == ["made here", "kept"], text
    container = task["containers"][0]
    assert container["exitCode"] == 0 and container["imageDigest"] == sim.image, container
    assert task["pullStartedAt"] <= task["pullStoppedAt"], task


@suite.test
def combined(sim):
    text, _ = output(sim, "command", uri(sim, "app:1"), command=["echo $COLOUR $SIZE $OWN; pwd"],
                     environment=[{"name": "SIZE", "value": "2"}, {"name": "OWN", "value": "x"}])
    assert text == ["blue 2 x", "/srv"], text
    text, _ = output(sim, "entry", uri(sim, "app:1"), entryPoint=["echo", "entry"])
    assert text == ["entry"], text
    text, _ = output(sim, "byuser", uri(sim, "team/other"))
    assert text[0].startswith("uid=1234(app) gid=2345(app)"), text
    text, _ = output(sim, "nocaps", uri(sim, "team/other"), linuxParameters={"capabilities": {"drop": ["ALL"]}}, command=[
        "sh", "-c", "id -u; grep Cap /proc/self/status"])
    assert text[0] == "1234" and all(line.split()[1].strip("0") == "" for line in text[1:]), text
    text, _ = output(sim, "digest", uri(sim, "app@" + sim.image), command=["echo by digest"], workingDirectory="/tmp")
    assert text == ["by digest"], text
    aws = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1"
    text, task = output(sim, "awsname", aws, command=["exit 7"])
    assert task["containers"][0]["exitCode"] == 7, task


@suite.test
def isolated(sim):
    script = ("ls / | head -50; echo $$; hostname; cat /etc/hosts; test -c /dev/null && echo null; "
              "test -e /root || echo no root; ls /proc/1 >/dev/null && echo proc; touch /written && echo writes")
    text, _ = output(sim, "isolated", uri(sim, "app:1"), command=[script], hostname="box",
                     extraHosts=[{"hostname": "elsewhere", "ipAddress": "10.9.8.7"}])
    for word in ("box", "null", "proc", "writes", "no root"):
        assert word in text, text
    assert any(line.endswith("localhost box") for line in text), text
    assert ["10.9.8.7", "elsewhere"] in [line.split() for line in text], text
    text, task = output(sim, "again", uri(sim, "app:1"), command=["ls /written; exit 0"])
    assert "/written" not in text, text


@suite.test
def sealed(sim):
    text, task = output(sim, "sealed", uri(sim, "app:1"), readonlyRootFilesystem=True, command=["touch /x; echo $?"])
    assert "1" in text, text  # two streams, in any order


@suite.test
def volumes(sim):
    volume = {"volumes": [{"name": "scratch"}]}
    points = [{"sourceVolume": "scratch", "containerPath": "/deep/data"}]
    text, _ = output(sim, "volume", uri(sim, "app:1"), volume, mountPoints=points, command=["echo in > /deep/data/f; cat /deep/data/f"])
    assert text == ["in"], text


@suite.test
def volumes_of_images(sim):
    Registry(sim).push("app", "volume", [busybox_layer()], Volumes={"/var/kept": {}}, Cmd=["true"])
    text, _ = output(sim, "imagevolume", uri(sim, "app:volume"), readonlyRootFilesystem=True,
                     command=["sh", "-c", "echo in > /var/kept/f && cat /var/kept/f; touch /var/other 2>/dev/null || echo refused"])
    assert text == ["in", "refused"], text


@suite.test
def indexes(sim):
    registry = Registry(sim)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    ours = registry.push("app", "ours", [busybox_layer()], Cmd=["echo", "ours"])
    other = registry.push("app", "other", [busybox_layer()], architecture="s390x", Cmd=["echo", "other"])

    def index(tag, *platforms):
        kind = "application/vnd.oci.image.manifest.v1+json"
        sizes = {name: len(sim.http("GET", f"/v2/app/manifests/{name}", None, {**registry.headers, "Accept": kind})[2]) for name, _ in platforms}
        return registry.push_manifest("app", tag, {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
                {"mediaType": kind, "digest": name, "size": sizes[name], "platform": {"os": "linux", "architecture": architecture}}
                for name, architecture in platforms]})

    both = index("both", (other, "s390x"), (ours, machine))
    text, task = output(sim, "index", uri(sim, "app:both"))
    assert text == ["ours"] and task["containers"][0]["imageDigest"] == both, (text, task)
    index("foreign", (other, "s390x"))
    reason = stopped(sim, run(sim, "noindex", uri(sim, "app:foreign")))["containers"][0]["reason"]
    assert reason.startswith("CannotPullContainerError") and reason.endswith(
        f"no matching manifest for linux/{machine} in the manifest list entries"), reason


@suite.test
def links_do_not_lead_to_the_host(sim):
    registry = Registry(sim)
    for folder in ("etc", "dev", "proc", "sys"):
        victim = os.path.join(sim.dir, "victim-" + folder)
        os.mkdir(victim)
        for name in ("hosts", "hostname", "resolv.conf"):
            with open(os.path.join(victim, name), "w", encoding="utf-8") as file:
                file.write("the host's")
        registry.push("app", "hostile-" + folder, [busybox_layer(), layer([(folder, "-> " + victim)])], Cmd=["true"])
        task = stopped(sim, run(sim, "hostile" + folder, uri(sim, "app:hostile-" + folder)))
        assert task["containers"][0]["reason"].startswith("CannotStartContainerError"), task
        assert sorted(os.listdir(victim)) == ["hostname", "hosts", "resolv.conf"], os.listdir(victim)
        for name in os.listdir(victim):
            with open(os.path.join(victim, name), encoding="utf-8") as file:
                assert file.read() == "the host's", name


@suite.test
def kernel_is_guarded(sim):
    script = ("busybox mknod /disk b 7 0; head -c 1 /disk >/dev/null 2>&1 && echo reads a device; "
              "busybox mknod /data/disk c 1 5; head -c 1 /data/disk >/dev/null 2>&1 && echo reads a device of a volume; "
              "(: >> /proc/sys/kernel/core_pattern) 2>/dev/null && echo writes the kernel; "
              "(: >> /proc/sysrq-trigger) 2>/dev/null && echo asks the kernel; head -c 1 /dev/zero >/dev/null && echo whole")
    text, _ = output(sim, "guarded", uri(sim, "app:1"), {"volumes": [{"name": "data"}]}, command=[script],
                     mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}])
    assert text == ["whole"], text


def efs_volume(system, point, **more):
    return {"volumes": [{"name": "shared", "efsVolumeConfiguration": {
        "fileSystemId": system, "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": point, "iam": "ENABLED"}, **more}}]}


@suite.test
def efs_is_shared(sim):
    efs = sim.client("efs")
    system = efs.create_file_system(CreationToken="images")["FileSystemId"]
    wait_until(lambda: efs.describe_file_systems(FileSystemId=system)["FileSystems"][0]["LifeCycleState"] == "available")
    point = efs.create_access_point(
        ClientToken="images", FileSystemId=system, PosixUser={"Uid": 1234, "Gid": 2345},
        RootDirectory={"Path": "/shared", "CreationInfo": {"OwnerUid": 1234, "OwnerGid": 2345, "Permissions": "0755"}})["AccessPointId"]
    wait_until(lambda: efs.describe_access_points(AccessPointId=point)["AccessPoints"][0]["LifeCycleState"] == "available")
    points = [{"sourceVolume": "shared", "containerPath": "/data"}]
    output(sim, "writer", uri(sim, "team/other"), efs_volume(system, point), mountPoints=points,
           command=["sh", "-c", "echo from the first > /data/note"])
    text, _ = output(sim, "reader", uri(sim, "app:1"), efs_volume(system, point), mountPoints=[{**points[0], "readOnly": True}],
                     command=["cat /data/note; touch /data/other || echo refused"])
    assert text[0] == "from the first" and "refused" in text, text
    text, _ = output(sim, "onhost", "example.com/nothing", efs_volume(system, point), mountPoints=points, command=["cat", "/data/note"])
    assert text == ["from the first"], text
    arn = run(sim, "lost", uri(sim, "app:1"), efs_volume("fs-0123456789abcdef0", point), mountPoints=points)
    task = stopped(sim, arn)
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to invoke EFS"), task
    assert "fs-0123456789abcdef0" in task["stoppedReason"], task


@suite.test
def memory_is_limited(sim):
    if "control groups cannot be made" in sim.ctl("logs", "runner", check=False).stdout:
        raise Skipped("this machine permits no control groups")
    text, task = output(sim, "greedy", uri(sim, "app:1"), memory=32, entryPoint=["dd"],
                        command=["if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=60"])
    container = task["containers"][0]
    assert container["exitCode"] == 137, container
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage", container


@suite.test
def cannot_be_pulled(sim):
    arn = run(sim, "missing", uri(sim, "app:none"))
    task = stopped(sim, arn)
    assert task["stopCode"] == "TaskFailedToStart", task
    assert task["containers"][0]["reason"].startswith("CannotPullContainerError"), task
    arn = run(sim, "foreign", uri(sim, "foreign:1"))
    assert "linux/" in stopped(sim, arn)["containers"][0]["reason"]
    text, _ = output(sim, "nowhere", "example.com/nothing:1", command=["echo", "on the host"])
    assert text == ["on the host"], text


@suite.test
def latency(sim):
    """From the simulator's own instants, so that the client's time is not in it."""
    ecs, took = sim.client("ecs"), []
    run(sim, "quick", uri(sim, "app:1"), command=["sleep 5"])
    for _ in range(20):
        task = ecs.run_task(taskDefinition="quick", launchType="FARGATE", networkConfiguration=sim.network())["tasks"][0]
        arn = task["taskArn"]

        def running():
            seen = ecs.describe_tasks(tasks=[arn])["tasks"][0]
            return seen if "startedAt" in seen else None

        seen = wait_until(running)
        took.append((seen["startedAt"] - seen["createdAt"]).total_seconds() * 1000)
        ecs.stop_task(task=arn)
    print(f"RunTask to RUNNING, median of {len(took)}: {sorted(took)[len(took) // 2]:.0f} ms")


@suite.test
def nowhere_and_strict(sim):
    with Awssim("--images", "strict") as strict:
        strict.client("ecs").create_cluster(clusterName="default")
        strict.client("logs").create_log_group(logGroupName=GROUP)
        for image in ("example.com/nothing:1", f"127.0.0.1:{strict.port}/nothing:1"):
            task = stopped(strict, run(strict, "strict", image, command=["true"]))
            assert task["stopCode"] == "TaskFailedToStart", task
            assert task["containers"][0]["reason"].startswith("CannotPullContainerError"), task
    with Awssim("--lenient", "no-command-runs") as lenient:
        lenient.client("ecs").create_cluster(clusterName="default")
        lenient.client("logs").create_log_group(logGroupName=GROUP)
        for image in ("example.com/nothing:1", f"127.0.0.1:{lenient.port}/nothing:1"):
            arn = run(lenient, "paused", image)
            ecs = lenient.client("ecs")
            wait_until(lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "RUNNING")
            ecs.stop_task(task=arn)
            stopped(lenient, arn)


@suite.test
def the_example(sim):
    if not shutil.which("aws"):
        raise Skipped("there is no AWS CLI on this machine")
    Registry(sim).push("team/other", "podman", [busybox_layer()], Cmd=["echo", "hello from an image"])
    environment = {"PATH": os.environ["PATH"], "HOME": sim.dir, "AWS_PAGER": "", **sim.env()}
    told = subprocess.run([str(ROOT / "examples" / "images" / "run_task.sh"), "team/other"], env=environment, capture_output=True,
                          text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    printed = told.stdout.split()
    assert " ".join(printed[:4]) == "hello from an image" and printed[4] == "0" and printed[5].startswith("sha256:"), told.stdout


@suite.test
def nothing_stays(sim):
    for task in sim.client("ecs").list_tasks()["taskArns"]:
        stopped(sim, task)
    with open("/proc/mounts", encoding="utf-8") as mounts:
        assert sim.state_dir not in mounts.read()
    runner = os.path.join(sim.state_dir, "runner")
    wait_until(lambda: not [name for name in os.listdir(runner) if len(name) == 32])


if __name__ == "__main__":
    if busybox() is None:
        sys.exit(suite.skip("no statically linked busybox on this machine (Debian's package busybox-static)"))
    with Awssim() as running:
        sys.exit(suite.main(running))
