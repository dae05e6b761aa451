#!/usr/bin/env python3
"""What runc, docker and containerd do for a container besides showing it its image's files: a test for each item.

Sources of the list: runc's libcontainer (init_linux.go, setns_init_linux.go, standard_init_linux.go, rootfs_linux.go),
moby's daemon (create_unix.go, container_operations_unix.go, volumes) and its oci package (defaults.go), containerd's oci
package. Images are made of busybox."""

import io
import gzip
import os
import pathlib
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, wait_until  # noqa: E402
from image import Registry, busybox, busybox_layer, layer  # noqa: E402

suite = Suite()
GROUP = "/runtime"
USER = 65534


def tar_layer(*entries):
    """(name, mode, uid, gid, content): as image.layer's, with owners."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode, uid, gid, content in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid = mode, uid, gid
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return gzip.compress(out.getvalue(), mtime=0)


PASSWD = (b"root:x:0:0::/root:/bin/sh\napp:x:1234:2345::/home/app:/bin/sh\nbare:x:1300:1300:::/bin/sh\n")
GROUPS = b"root:x:0:\napp:x:2345:\nwheel:x:10:app,root\nstaff:x:50:app\n"


def users_layer():
    return tar_layer(("etc/passwd", 0o644, 0, 0, PASSWD), ("etc/group", 0o644, 0, 0, GROUPS), ("tmp", 0o1777, 0, 0, None),
                     ("home", 0o755, 0, 0, None), ("home/app", 0o755, 1234, 2345, None), ("root", 0o700, 0, 0, None))


def prepare(sim):
    sim.client("ecs").create_cluster(clusterName="default")
    sim.client("logs").create_log_group(logGroupName=GROUP)
    sim.client("ecr").create_repository(repositoryName="runtime")
    sim.base = [busybox_layer(), users_layer()]
    push(sim, "base")


def push(sim, tag, *layers, **config):
    Registry(sim).push("runtime", tag, [*sim.base, *layers], **config)


def start(sim, family, script, tag="base", definition=None, others=(), **container):
    """A task; script: of a shell, or an argument vector, or None: the image's own command."""
    ecs = sim.client("ecs")

    def complete(given):
        return {"image": f"127.0.0.1:{sim.port}/runtime:{tag}", "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}}, **given}

    command = {} if script is None else {"command": ["sh", "-c", script] if isinstance(script, str) else script}
    ecs.register_task_definition(
        family=family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", **(definition or {}),
        containerDefinitions=[complete({"name": "main", **command, **container}), *map(complete, others)])
    return ecs.run_task(taskDefinition=family, launchType="FARGATE", networkConfiguration=sim.network())["tasks"][0]["taskArn"]


def reached(sim, arn, status):
    def look():
        task = sim.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
        assert status == "STOPPED" or task["lastStatus"] != "STOPPED", task
        return task if task["lastStatus"] == status else None

    return wait_until(look, 60, status)


def lines(sim, family, arn, name="main"):
    stream = f"{family}/{name}/{arn.split('/')[-1]}"
    return [e["message"] for e in sim.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]]


def said(sim, family, arn, word):
    def look():
        try:
            return word in lines(sim, family, arn)
        except sim.client("logs").exceptions.ResourceNotFoundException:
            return False
    wait_until(look, 30, word)


def run(sim, family, script, tag="base", **more):
    """What it printed, and its container."""
    arn = start(sim, family, script, tag, **more)
    task = reached(sim, arn, "STOPPED")
    container = next(c for c in task["containers"] if c["name"] == "main")
    assert "exitCode" in container, task
    return lines(sim, family, arn), container


def refused(sim, family, script, tag="base", **more):
    return reached(sim, start(sim, family, script, tag, **more), "STOPPED")["containers"][0]["reason"]


# Process 1


@suite.test
def the_program_is_process_1(sim):
    text, _ = run(sim, "pid1", "echo $$; exec busybox tr '\\0' ' ' < /proc/1/cmdline")
    assert text[0] == "1" and text[1].startswith("busybox tr"), text


@suite.test
def nothing_else_runs_beside_it(sim):
    text, _ = run(sim, "alone", "for p in /proc/[0-9]*; do echo ${p#/proc/}; done")
    assert text == ["1"], text


@suite.test
def an_init_is_process_1_if_asked(sim):
    text, _ = run(sim, "init", "echo $$; (busybox sleep 0.05 & ) ; busybox sleep 0.3; busybox ps | grep -c '[Zz]ombie\\|\\[sleep\\]'",
                  linuxParameters={"initProcessEnabled": True})
    assert text == ["2", "0"], text


@suite.test
def an_init_forwards_signals(sim):
    arn = start(sim, "initstop", "echo up; exec busybox sleep 1000", linuxParameters={"initProcessEnabled": True}, stopTimeout=30)
    said(sim, "initstop", arn, "up")
    sim.client("ecs").stop_task(task=arn)
    assert reached(sim, arn, "STOPPED")["containers"][0]["exitCode"] == 143


@suite.test
def process_1_ignores_what_it_does_not_handle(sim):
    arn = start(sim, "deaf", "echo up; busybox sleep 1000", stopTimeout=2)
    said(sim, "deaf", arn, "up")
    sim.client("ecs").stop_task(task=arn)
    task = reached(sim, arn, "STOPPED")
    seconds = (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds()
    assert task["containers"][0]["exitCode"] == 137 and seconds >= 1.9, (task, seconds)


@suite.test
def process_1_handles_what_it_handles(sim):
    arn = start(sim, "handles", "trap 'echo bye; exit 3' TERM; echo up; while :; do busybox sleep 0.05; done")
    said(sim, "handles", arn, "up")
    sim.client("ecs").stop_task(task=arn)
    assert reached(sim, arn, "STOPPED")["containers"][0]["exitCode"] == 3
    assert lines(sim, "handles", arn) == ["up", "bye"]


@suite.test
def the_end_of_process_1_is_the_end_of_all(sim):
    text, _ = run(sim, "ends", "(trap '' TERM HUP; exec busybox setsid busybox sleep 1234) & echo main")
    assert text == ["main"], text
    wait_until(lambda: not any("1234" in name for name in sim.survivors().values()))


@suite.test
def process_1_that_changes_its_user_dies_with_awssim(sim):
    """The kernel forgets a parent-death signal when a process changes its user, as gosu and su-exec do."""
    with Awssim() as other:
        prepare(other)
        arn = start(other, "gosu", ["busybox", "su", "app", "-c", "echo up; busybox sleep 4321"])
        said(other, "gosu", arn, "up")
        os.kill(other.pids()["runner"], 9)
        wait_until(lambda: not any("4321" in name for name in other.survivors().values()))


@suite.test
def orphans_become_children_of_process_1(sim):
    text, _ = run(sim, "orphans", "(sh -c 'busybox sleep 0.2; grep PPid /proc/$$/status' &) ; busybox sleep 0.6")
    assert [line.split() for line in text] == [["PPid:", "1"]], text


# Signals


@suite.test
def stop_signals_of_images(sim):
    for number, (name, trap) in enumerate((("SIGQUIT", "QUIT"), ("9", None), ("SIGRTMIN+3", "37"), ("winch", "WINCH"), ("10", "USR1"))):
        push(sim, f"signal{number}", StopSignal=name)
        handler = f"trap 'echo {trap}; exit 5' {trap}; " if trap else ""
        arn = start(sim, f"signal{number}", handler + "echo up; while :; do busybox sleep 0.05; done", tag=f"signal{number}")
        said(sim, f"signal{number}", arn, "up")
        sim.client("ecs").stop_task(task=arn)
        assert reached(sim, arn, "STOPPED")["containers"][0]["exitCode"] == (5 if trap else 137), name


# Standard streams


def streams(sim):
    for user in ("app", "1234", "4321:99"):
        family = "streams" + user.replace(":", "-")
        text, _ = run(sim, family, "echo a >/dev/stdout; echo b >/proc/self/fd/1; echo c >>/dev/stderr; echo d >/proc/self/fd/2", user=user)
        assert sorted(text) == ["a", "b", "c", "d"], (user, text)


@suite.test
def streams_are_the_users(sim):
    streams(sim)


@suite.test
def standard_input_is_empty(sim):
    text, _ = run(sim, "stdin", "cat; busybox readlink /proc/self/fd/0")
    assert text == ["/dev/null"], text


@suite.test
def nginx_images_log(sim):
    """nginx, haproxy, httpd and php images link their logs to the standard streams, and run as users."""
    push(sim, "nginx", tar_layer(("var/log/nginx", 0o755, 0, 0, None), ("var/log/nginx/access.log", 0o777, 0, 0, "/dev/stdout"),
                                 ("var/log/nginx/error.log", 0o777, 0, 0, "/dev/stderr")), User="app", StopSignal="SIGQUIT")
    text, _ = run(sim, "nginx", "echo GET >>/var/log/nginx/access.log; echo oops >>/var/log/nginx/error.log", tag="nginx")
    assert sorted(text) == ["GET", "oops"], text


@suite.test
def s6_images_run(sim):
    """s6-overlay 3 ends with "s6-overlay-suexec: fatal: can only run as pid 1", and wants /run and exec there."""
    init = b"#!/bin/sh\n[ $$ -eq 1 ] || { echo 'fatal: can only run as pid 1'; exit 100; }\nmkdir -p /run/s6 && cp /bin/busybox /run/s6/busybox && /run/s6/busybox echo started; exec \"$@\"\n"
    tools = tar_layer(("init", 0o755, 0, 0, init), ("bin/mkdir", 0o777, 0, 0, "busybox"), ("bin/cp", 0o777, 0, 0, "busybox"))
    push(sim, "s6", tools, Entrypoint=["/init"])
    text, container = run(sim, "s6", ["sh", "-c", "echo served; exit 4"], tag="s6")
    assert text == ["started", "served"] and container["exitCode"] == 4, (text, container)


# Users


def users(sim):
    for user, home in ((None, "/root"), ("app", "/home/app"), ("1234", "/home/app"), ("1234:10", "/home/app"), ("777", "/"), ("bare", "/"), (":10", "/root")):
        text, _ = run(sim, "home" + (user or "none").replace(":", "-"), "echo $HOME", **({"user": user} if user else {}))
        assert text == [home], (user, text)
    text, _ = run(sim, "homegiven", "echo $HOME", user="app", environment=[{"name": "HOME", "value": "/mine"}])
    assert text == ["/mine"], text


@suite.test
def home_is_the_users(sim):
    users(sim)


@suite.test
def users_and_groups_are_the_images(sim):
    for user, expected in (("app", "1234 2345 2345 10 50"), ("app:staff", "1234 50 50"), ("app:77", "1234 77 77"), ("1234", "1234 2345 2345 10 50"),
                           ("777", "777 0 0"), ("777:staff", "777 50 50"), ("root", "0 0 0 10"), (None, "0 0 0 10")):
        text, _ = run(sim, "ids" + (user or "none").replace(":", "-"), "echo $(id -u) $(id -g) $(id -G)", **({"user": user} if user else {}))
        assert text == [expected], (user, text)


@suite.test
def users_that_are_not_there(sim):
    reason = refused(sim, "nouser", "id", user="nobody-here")
    assert reason.endswith("unable to find user nobody-here: no matching entries in passwd file"), reason
    reason = refused(sim, "nogroup", "id", user="app:nothing")
    assert reason.endswith("unable to find group nothing: no matching entries in group file"), reason


# Folders and files


def working_directory(sim):
    text, _ = run(sim, "workdir", "pwd; busybox stat -c '%u:%g %a' . /made", workingDirectory="/made/here")
    assert text == ["/made/here", "0:0 755", "0:0 755"], text


@suite.test
def the_working_directory_is_made(sim):
    working_directory(sim)
    push(sim, "workdir", WorkingDir="/srv/app", User="app")
    text, _ = run(sim, "imageworkdir", "pwd", tag="workdir")
    assert text == ["/srv/app"], text


def modes(sim):
    text, _ = run(sim, "modes", "busybox stat -c '%a' /tmp /dev/shm /dev/null /dev/tty /dev/pts/ptmx /dev; umask; busybox touch /tmp/f && busybox stat -c %a /tmp/f",
                  user="0")
    assert text == ["1777", "1777", "666", "666", "666", "755", "0022", "644"], text


@suite.test
def modes_are_usual(sim):
    modes(sim)
    text, _ = run(sim, "shm", "echo x >/dev/shm/f && echo y >/tmp/g && cat /dev/shm/f /tmp/g", user="app")
    assert text == ["x", "y"], text


@suite.test
def volumes_of_images_are_made(sim):
    push(sim, "volume", Volumes={"/not/there": {}, "/var/run/kept": {}})
    text, _ = run(sim, "volume", "ls -d /not/there /var/run/kept && busybox stat -c '%u:%g %a' /not/there && echo x >/not/there/f && cat /not/there/f", tag="volume")
    assert text == ["/not/there", "/var/run/kept", "0:0 755", "x"], text


def data_layer(uid=0, gid=0, mode=0o4755):
    return tar_layer(("data", 0o2750, uid, gid, None), ("data/file", 0o640, uid, gid, b"from the image\n"), ("data/deep", 0o700, uid, gid, None),
                     ("data/deep/run", mode, 0, 0, b"x"), ("data/link", 0o777, 0, 0, "deep/run"), ("data/away", 0o777, 0, 0, "/etc/passwd"))


def copied_up(sim, uid, gid, mode=0o4755):
    push(sim, f"data{uid}", data_layer(uid, gid, mode), Volumes={"/data": {}})
    look = ("cat /data/file; busybox stat -c '%n %u:%g %a' /data /data/file /data/deep /data/deep/run; busybox readlink /data/link; busybox readlink /data/away; "
            "echo more >/data/own")
    definition = {"volumes": [{"name": "v"}]}
    point = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]}
    second = {"name": "second", "essential": False, "dependsOn": [{"containerName": "main", "condition": "SUCCESS"}], "command": ["sh", "-c", "cat /data/own /data/file"], **point}
    third = {"name": "third", "dependsOn": [{"containerName": "second", "condition": "COMPLETE"}], "command": ["sh", "-c", "cat /data/own /data/file"],
             "volumesFrom": [{"sourceContainer": "main"}]}
    arn = start(sim, f"copyup{uid}", look, tag=f"data{uid}", definition=definition, others=[second, third], essential=False, **point)
    reached(sim, arn, "STOPPED")
    owner = f"{uid}:{gid}"
    assert lines(sim, f"copyup{uid}", arn) == [
        "from the image", f"/data {owner} 2750", f"/data/file {owner} 640", f"/data/deep {owner} 700", f"/data/deep/run 0:0 {mode:o}", "deep/run", "/etc/passwd"], \
        lines(sim, f"copyup{uid}", arn)
    for name in ("second", "third"):
        assert lines(sim, f"copyup{uid}", arn, name) == ["more", "from the image"], (name, lines(sim, f"copyup{uid}", arn, name))


@suite.test
def images_files_are_copied_into_new_volumes(sim):
    copied_up(sim, 1234, 2345)


@suite.test
def two_containers_fill_a_volume_once(sim):
    """Both start at once with the same new volume; each finds it complete."""
    many = [("data", 0o755, 0, 0, None), *((f"data/{number}", 0o644, 0, 0, b"x" * 1000) for number in range(300))]
    push(sim, "many", tar_layer(*many))
    point = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]}
    count = "ls /data | busybox wc -l"
    arn = start(sim, "together", count, tag="many", definition={"volumes": [{"name": "v"}]},
                others=[{"name": "other", "command": ["sh", "-c", count], **point}], essential=True, **point)
    reached(sim, arn, "STOPPED")
    assert lines(sim, "together", arn) == ["300"], lines(sim, "together", arn)


@suite.test
def volumes_of_the_host_are_not_filled(sim):
    """Folders of the host and EFS are shown as they are."""
    push(sim, "data0", data_layer(), Volumes={"/data": {}})
    folder = os.path.join(sim.dir, "given")
    os.mkdir(folder)
    ecs = sim.client("ecs")
    ecs.register_task_definition(family="given", requiresCompatibilities=["EC2"], networkMode="host", volumes=[{"name": "v", "host": {"sourcePath": folder}}],
                                 containerDefinitions=[{"name": "main", "image": f"127.0.0.1:{sim.port}/runtime:data0", "memory": 64, "command": ["sh", "-c", "ls /data >/data/out"],
                                                        "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]}])
    arn = ecs.run_task(taskDefinition="given", launchType="EC2")["tasks"][0]["taskArn"]
    reached(sim, arn, "STOPPED")
    assert os.listdir(folder) == ["out"] and open(os.path.join(folder, "out"), encoding="utf-8").read() == "out\n"


@suite.test
def many_layers(sim):
    """docker's most: more names than the options of a mount have room for."""
    push(sim, "layers", *(layer([(f"l/{number}", b"x"), ("l/last", str(number).encode() + b"\n")]) for number in range(125)))
    text, _ = run(sim, "layers", "ls /l | busybox wc -l; cat /l/last", tag="layers")
    assert text == ["126", "124"], text


# Names


@suite.test
def the_host_has_a_name(sim):
    text, _ = run(sim, "hostname", "hostname; echo $HOSTNAME; cat /etc/hostname; env | grep -c ^HOSTNAME=", hostname="box")
    assert text == ["box", "box", "box", "1"], text
    text, _ = run(sim, "noname", "hostname; env | grep ^HOSTNAME=")
    assert text[1] == "HOSTNAME=" + text[0] and text[0], text
    text, _ = run(sim, "given", "env | grep ^HOSTNAME=", hostname="box", environment=[{"name": "HOSTNAME", "value": "mine"}])
    assert text == ["HOSTNAME=mine"], text


@suite.test
def many_hosts(sim):
    hosts = [{"hostname": f"host-{number}.of.a.long.name.example.com", "ipAddress": f"10.1.{number // 250}.{number % 250}"} for number in range(400)]
    text, _ = run(sim, "hosts", "grep -c example /etc/hosts; grep host-399 /etc/hosts", extraHosts=hosts)
    assert text[0] == "400" and text[1].split() == ["10.1.1.149", "host-399.of.a.long.name.example.com"], text


# Environment and command


@suite.test
def path_has_a_default(sim):
    text, _ = run(sim, "path", "echo $PATH")
    assert text == ["/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], text
    push(sim, "path", Env=["PATH=/bin:/opt/bin"])
    assert run(sim, "imagepath", "echo $PATH", tag="path")[0] == ["/bin:/opt/bin"]


@suite.test
def variables_have_an_order(sim):
    push(sim, "variables", Env=["A=image", "B=image", "EMPTY="])
    text, _ = run(sim, "variables", "echo $A $B [$EMPTY]; env | grep -c ^A=", tag="variables", environment=[{"name": "A", "value": "definition"}])
    assert text == ["definition image []", "1"], text


@suite.test
def commands_are_combined(sim):
    push(sim, "combined", Entrypoint=["echo", "entry"], Cmd=["cmd"])
    for number, (more, expected) in enumerate((({}, "entry cmd"), ({"command": ["own"]}, "entry own"), ({"entryPoint": ["echo", "mine"]}, "mine"),
                                               ({"entryPoint": ["echo", "mine"], "command": ["own"]}, "mine own"))):
        assert run(sim, f"combined{number}", None, tag="combined", **more)[0] == [expected], more


@suite.test
def programs_that_cannot_be_run(sim):
    push(sim, "programs", tar_layer(("bin/plain", 0o644, 0, 0, b"#!/bin/sh\n"), ("bin/garbage", 0o755, 0, 0, b"\x7fELFnothing"),
                                    ("bin/script", 0o755, 0, 0, b"#!/no/interpreter\n")))
    for number, (command, text) in enumerate((
            ("nothing-here", 'exec: "nothing-here": executable file not found in $PATH'), ("plain", 'exec: "plain": executable file not found in $PATH'),
            ("/not/here", 'exec: "/not/here": stat /not/here: no such file or directory'), ("/bin/plain", 'exec: "/bin/plain": permission denied'),
            ("/etc", 'exec: "/etc": is a directory'))):
        reason = refused(sim, f"refused{number}", [command], tag="programs")
        assert reason.startswith("CannotStartContainerError") and reason.endswith(text), reason
    for number, (command, text) in enumerate((("garbage", "exec /bin/garbage: exec format error"), ("/bin/script", "exec /bin/script: no such file or directory"))):
        output, container = run(sim, f"started{number}", [command], tag="programs")
        assert output == [text] and container["exitCode"] == 255, (output, container)


# The kernel


@suite.test
def kernel_files_are_masked(sim):
    masked = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /sys/firmware"
    text, _ = run(sim, "masked", f"for f in {masked}; do test -d $f && ls $f; test -f $f && head -c 1 $f; done 2>/dev/null; echo end")
    assert text == ["end"], text
    text, _ = run(sim, "readonly", "for f in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /sys; do test ! -e $f || grep -q \" $f .*[ ,]ro[, ]\" /proc/mounts || echo $f; done")
    assert text == [], text


@suite.test
def limits_are_set(sim):
    text, _ = run(sim, "limits", "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj", ulimits=[{"name": "nofile", "softLimit": 111, "hardLimit": 222}])
    assert text == ["111", "222", "0"], text


# The sandbox, where there is no image


@suite.test
def sandboxes_start_alike(sim):
    ecs = sim.client("ecs")
    ecs.register_task_definition(
        family="sandbox", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[{
            "name": "main", "image": "nowhere", "hostname": "box", "command": [
                "sh", "-c", "echo $$ $HOME $HOSTNAME; echo x >/dev/stdout; stat -c %a /tmp /dev/shm"],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "sandbox"}}}])
    arn = ecs.run_task(taskDefinition="sandbox", launchType="FARGATE", networkConfiguration=sim.network())["tasks"][0]["taskArn"]
    reached(sim, arn, "STOPPED")
    text = lines(sim, "sandbox", arn)
    assert text == ["1 /root box", "x", "1777", "1777"], text


# Without root


def unprivileged():
    prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    if os.getuid() != 0:
        raise Skipped("another user than this one needs root")
    if subprocess.run([*prefix, "unshare", "--user", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("this machine permits no user namespaces")
    sim = Awssim(prefix=prefix)
    os.chown(sim.dir, USER, USER)
    return sim


@suite.test
def without_root(_):
    """One user is mapped: he is root in the container, or whom the image or the definition names."""
    with unprivileged() as sim:
        prepare(sim)
        the_program_is_process_1(sim)
        process_1_ignores_what_it_does_not_handle(sim)
        an_init_is_process_1_if_asked(sim)
        streams(sim)
        users(sim)
        working_directory(sim)
        modes(sim)
        copied_up(sim, 0, 0, mode=0o755)
        push(sim, "user", User="app")
        text, _ = run(sim, "user", "id -u; id -g; echo x >/tmp/f && busybox stat -c %U /tmp/f; echo $HOME; grep CapEff /proc/self/status; grep Seccomp: /proc/self/status",
                      tag="user")
        assert text[:4] == ["1234", "2345", "app", "/home/app"] and text[4].split()[1].strip("0") == "" and text[5].split()[1] == "2", text
        sandboxes_start_alike(sim)


if __name__ == "__main__":
    if busybox() is None:
        sys.exit(suite.skip("no statically linked busybox on this machine (Debian's package busybox-static)"))
    with Awssim() as running:
        prepare(running)
        sys.exit(suite.main(running))
