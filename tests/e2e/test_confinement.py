#!/usr/bin/env python3
"""What tasks and functions cannot do to this machine and to awssim, and what other users of the machine cannot: each
attack is tried."""

import gzip
import io
import pathlib
import resource
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, build_dir, fails, wait_until  # noqa: E402
from functions import archive, create, invoke, make_role  # noqa: E402
from image import Registry, busybox, busybox_layer, layer  # noqa: E402

suite = Suite()
GROUP = "/confinement"
DEFAULT_CAPABILITIES, PTRACE, NET_BIND = 0xa80425fb, 1 << 19, 1 << 10
# What a container has no use for, and what it must be able to do.
REFUSED = ("mount", "umount", "open_tree", "pivot_root", "unshare_user", "unshare_mounts", "clone_user", "setns", "keyctl", "add_key",
           "bpf", "perf_event_open", "kexec_load", "init_module", "reboot", "swapon", "acct", "userfaultfd", "io_uring_setup",
           "open_by_handle_at", "settimeofday", "kcmp", "mbind", "personality", "vsock", "af_alg")
ALLOWED = ("personality_query", "inet", "unix", "chroot", "ptrace")


def setuid_layer():
    """The probe, once more as a program that makes its caller root."""
    out = io.BytesIO()
    content = (build_dir() / "tests" / "probe").read_bytes()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("bin/probe", 0o755), ("bin/suid", 0o4755)):
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def prepare(sim):
    if not busybox():
        raise Skipped("there is no busybox")
    if getattr(sim, "prepared", False):
        return
    sim.client("ecs").create_cluster(clusterName="default")
    sim.client("logs").create_log_group(logGroupName=GROUP)
    sim.client("ecr").create_repository(repositoryName="app")
    Registry(sim).push("app", "1", [busybox_layer(), setuid_layer()], Entrypoint=["/bin/sh", "-c"])
    make_role(sim)
    sim.prepared = True


def task(sim, script, launch="FARGATE", image=None, **container):
    """(lines of output, task) of a container that runs this script in the image."""
    prepare(sim)
    ecs, logs = sim.client("ecs"), sim.client("logs")
    family = f"family-{getattr(sim, 'families', 0)}"
    sim.families = getattr(sim, "families", 0) + 1
    definition = {"name": "main", "image": image or f"127.0.0.1:{sim.port}/app:1", "command": [script],
                  "logConfiguration": {"logDriver": "awslogs", "options": {
                      "awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}}, **container}
    fargate = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    ecs.register_task_definition(family=family, containerDefinitions=[definition if launch == "FARGATE" else {"memory": 256, **definition}],
                                 **(fargate if launch == "FARGATE" else {}))
    where = {"networkConfiguration": sim.network()} if launch == "FARGATE" else {}
    arn = ecs.run_task(taskDefinition=family, launchType=launch, **where)["tasks"][0]["taskArn"]

    def look():
        found = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        return found if found["lastStatus"] == "STOPPED" else None

    ended = wait_until(look, 60, "STOPPED")
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=f"{family}/main/{arn.split('/')[-1]}", startFromHead=True)
    return [event["message"] for event in events["events"]], ended


def results(lines):
    return dict(line.split(None, 1) for line in lines)


def capabilities(lines):
    return int(results(lines)["CapBnd:"], 16)


@suite.test
def system_calls_are_filtered(sim):
    lines, _ = task(sim, f"probe {' '.join(REFUSED + ALLOWED)} clone3 future i386; grep Seccomp: /proc/self/status")
    found = results(lines)
    assert {name: found[name] for name in REFUSED} == dict.fromkeys(REFUSED, "EPERM"), found
    assert {name: found[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "0"), found
    assert found["clone3"] == "ENOSYS" and found["future"] == "ENOSYS" and found["i386_keyctl"] == "EPERM", found
    assert found["Seccomp:"].strip() == "2", found


@suite.test
def filters_follow_capabilities(sim):
    lines, _ = task(sim, "probe kcmp ptrace chroot", linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": ["SYS_CHROOT"]}})
    assert results(lines) == {"kcmp": "ESRCH", "ptrace": "0", "chroot": "EPERM"}, lines
    lines, _ = task(sim, "probe unshare_mounts clone3 keyctl", launch="EC2", linuxParameters={"capabilities": {"add": ["SYS_ADMIN"]}})
    assert results(lines) == {"unshare_mounts": "0", "clone3": "EINVAL", "keyctl": "EPERM"}, lines
    lines, _ = task(sim, "probe keyctl io_uring_setup; grep Seccomp: /proc/self/status", launch="EC2", privileged=True)
    assert results(lines)["Seccomp:"].strip() == "0" and results(lines)["io_uring_setup"] != "EPERM", lines


@suite.test
def capabilities_are_dockers(sim):
    show = "grep CapBnd /proc/self/status"

    def with_changes(launch="FARGATE", **changes):
        return capabilities(task(sim, show, launch=launch, linuxParameters={"capabilities": changes})[0])

    assert capabilities(task(sim, show)[0]) == DEFAULT_CAPABILITIES
    assert with_changes(add=["SYS_PTRACE"]) == DEFAULT_CAPABILITIES | PTRACE
    assert with_changes(drop=["ALL"]) == 0
    assert with_changes(drop=["ALL"], add=["SYS_PTRACE"]) == PTRACE
    assert with_changes("EC2", drop=["ALL"], add=["NET_BIND_SERVICE"]) == NET_BIND
    everything = with_changes("EC2", add=["ALL"])
    assert everything & DEFAULT_CAPABILITIES == DEFAULT_CAPABILITIES and everything & PTRACE and everything & 1 << 21, hex(everything)
    assert with_changes("EC2", add=["ALL"], drop=["SYS_ADMIN"]) == everything & ~(1 << 21)
    _, ended = task(sim, show, launch="EC2", linuxParameters={"capabilities": {"add": ["NONSENSE"]}})
    assert "unknown capability: \"NONSENSE\"" in ended["containers"][0]["reason"], ended


@suite.test
def fargate_adds_no_rights(sim):
    ecs = sim.client("ecs")

    def refused(text, network="awsvpc", **container):
        definition = {"name": "main", "image": "i", "command": ["true"], **container}
        error = fails("ClientException", 400, ecs.register_task_definition, family="no", requiresCompatibilities=["FARGATE"],
                      networkMode=network, cpu="256", memory="512", containerDefinitions=[definition])
        assert error["Message"] == text, error

    for name in ("ALL", "SYS_ADMIN", "NET_ADMIN", "sys_ptrace"):
        refused(f"{name} is not allowed on Fargate.", linuxParameters={"capabilities": {"add": ["SYS_PTRACE", name]}})
    refused("Fargate compatible task definitions do not support 'privileged'.", privileged=True)
    refused("Fargate compatible task definitions do not support dockerSecurityOptions.", dockerSecurityOptions=["no-new-privileges"])
    refused("Fargate compatible task definitions do not support devices.",
            linuxParameters={"devices": [{"hostPath": "/dev/null", "containerPath": "/dev/x"}]})
    # Registered for EC2, it does not get past the rule by being run on Fargate.
    prepare(sim)
    made = ecs.register_task_definition(
        family="other", networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[
            {"name": "main", "image": "i", "command": ["true"], "linuxParameters": {"capabilities": {"add": ["ALL"]}}}])
    assert made["taskDefinition"]["compatibilities"] == ["EC2"], made
    fails("InvalidParameterException", 400, ecs.run_task, taskDefinition="other", launchType="FARGATE", networkConfiguration=sim.network())


@suite.test
def no_new_privileges(sim):
    script = "suid ids; grep NoNewPrivs /proc/self/status"
    lines, _ = task(sim, script, launch="EC2", user="app", dockerSecurityOptions=["no-new-privileges"])
    assert results(lines) == {"ids": "1234 1234", "NoNewPrivs:": "1"}, lines
    lines, _ = task(sim, script, user="app")
    assert results(lines) == {"ids": "1234 0", "NoNewPrivs:": "0"}, lines


@suite.test
def processes_are_limited(sim):
    lines, _ = task(sim, "probe forks 2000")
    made, error = results(lines)["forks"].split()
    assert 900 < int(made) < 1024 and error == "EAGAIN", lines
    lines, _ = task(sim, "probe forks 2000", ulimits=[{"name": "nproc", "softLimit": 2100, "hardLimit": 2100}])
    assert results(lines)["forks"] == "2000 0", lines
    lines, _ = task(sim, "probe forks 200", user="app", ulimits=[{"name": "nproc", "softLimit": 50, "hardLimit": 50}])
    made, error = results(lines)["forks"].split()
    assert int(made) < 50 and error == "EAGAIN", lines


@suite.test
def processes_of_no_image_are_limited(sim):
    script = "i=0; while [ $i -lt 2000 ]; do sleep 60 & i=$((i+1)); done; echo all"
    lines, ended = task(sim, script, image="nowhere", entryPoint=["/bin/sh", "-c"])
    assert "all" not in lines and ended["containers"][0]["exitCode"] != 0, (lines[-3:], ended)


@suite.test
def open_files_are_awss(sim):
    show = "ulimit -n; ulimit -Hn"
    # A machine that permits less gives what it has.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 65536 if most == resource.RLIM_INFINITY else most
    assert task(sim, show)[0] == [str(min(65535, most))] * 2
    assert task(sim, show, launch="EC2")[0] == [str(min(32768, most)), str(min(65536, most))]
    assert task(sim, show, ulimits=[{"name": "nofile", "softLimit": 100, "hardLimit": 200}])[0] == ["100", "200"]


@suite.test
def functions_are_filtered(sim):
    prepare(sim)
    code = '''
import ctypes, errno, os
def attempt(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    return 0 if libc.syscall(number, *arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    return {"seccomp": int(status["Seccomp"]), "no_new_privs": int(status["NoNewPrivs"]), "capabilities": int(status["CapEff"], 16),
            "io_uring_setup": attempt(425, 0, 0), "unshare": attempt(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
            "future": attempt(600)}
'''
    create(sim, "filtered", archive(app__py=code))
    _, document = invoke(sim, "filtered")
    assert document == {"seccomp": 2, "no_new_privs": 1, "capabilities": 0, "io_uring_setup": "EPERM", "unshare": "EPERM",
                        "future": "ENOSYS"}, document


if __name__ == "__main__":
    with Awssim() as shared:
        sys.exit(suite.main(shared))
