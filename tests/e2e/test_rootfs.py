#!/usr/bin/env python3
"""What tasks find where: nothing of the host that they were not given, and nothing of the host changes. As root and, where
this machine permits user namespaces, as an ordinary user."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Skipped, Suite, fails, wait_until  # noqa: E402
from image import Registry, busybox, busybox_layer  # noqa: E402

suite = Suite()
GROUP = "/rootfs"
USER = 61234  # nobody has this number
NOWHERE = "example.com/nowhere:1"


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


# What a task of an image and one of none find alike: each line is of one thing that is as it must be.
SURROUNDINGS = """
for node in null zero full random urandom tty; do test -c /dev/$node && echo node $node; done
for link in fd stdin stdout stderr ptmx core; do test -h /dev/$link && echo link $link; done
test "$(stat -c %a /dev/shm)" = 1777 && echo shm; test -d /dev/mqueue && echo mqueue; test -e /dev/pts/ptmx && echo pts
head -c 3 /dev/zero | wc -c; : > /dev/null && echo null is written
(: >> /proc/sys/kernel/core_pattern) 2>/dev/null || echo kernel is kept
(: >> /proc/sysrq-trigger) 2>/dev/null || echo no requests
mkdir /sys/kernel/x 2>/dev/null || echo sys is kept; test -s /proc/kcore || echo no memory
for one in / /dev /dev/shm /proc /sys; do grep -E "^[^ ]+ $one [^ ]+ [^ ]*nodev" /proc/mounts >/dev/null && echo nodev $one; done
exit 0
"""
EXPECTED = [*(f"node {name}" for name in ("null", "zero", "full", "random", "urandom", "tty")),
            *(f"link {name}" for name in ("fd", "stdin", "stdout", "stderr", "ptmx", "core")), "shm", "mqueue", "pts", "3",
            "null is written", "kernel is kept", "no requests", "sys is kept", "no memory",
            *(f"nodev {place}" for place in ("/", "/dev", "/dev/shm", "/proc", "/sys"))]


@suite.test
def surroundings(sim):
    for n, name in enumerate((NOWHERE, image(sim))):
        text, _ = run(sim, f"around{n}", name, SURROUNDINGS)
        assert text == EXPECTED, (name, set(EXPECTED) ^ set(text))


def nodes():
    """What can be changed of the host's devices without opening them."""
    return {name: (st.st_mode, st.st_uid, st.st_gid, st.st_mtime, st.st_rdev) for name in
            ("null", "zero", "full", "random", "urandom", "tty") for st in [os.stat("/dev/" + name)]}


@suite.test
def devices_of_the_host_are_kept(sim):
    """chmod, chown, touch and their replacement in a container: the host's stay as they are."""
    before = nodes()
    script = ("cd /dev; for node in null zero full random urandom tty; do chmod 600 $node; chown 1:1 $node; touch -d '2001-01-01 00:00' $node; "
              "rm -f $node; mv $node other; ln -f $node second; done; chmod 700 . pts shm; exit 0")
    for n, name in enumerate((NOWHERE, image(sim))):
        run(sim, f"devices{n}", name, script)
        assert nodes() == before
    assert os.stat("/dev").st_mode & 0o777 == 0o755 or os.getuid() != 0


@suite.test
def files_of_names_are_kept(sim):
    """/etc/hosts, hostname and resolv.conf are the container's own."""
    names = ("hosts", "hostname", "resolv.conf")
    before = {name: pathlib.Path("/etc", name).read_bytes() for name in names if os.path.exists("/etc/" + name)}
    for n, name in enumerate((NOWHERE, image(sim))):
        text, _ = run(sim, f"names{n}", name, "cd /etc; cat hosts hostname; for name in hosts hostname resolv.conf; do echo changed > $name; done; "
                      "cat hosts; hostname", hostname="box", extraHosts=[{"hostname": "other.example", "ipAddress": "192.0.2.9"}])
        assert any(line.split() == ["192.0.2.9", "other.example"] for line in text), text
        assert text[-3:-1] == ["box", "changed"] and text[-1] == "box", text
        assert {name: pathlib.Path("/etc", name).read_bytes() for name in before} == before


@suite.test
def sandbox_shows_no_files_of_users(sim):
    """Of this machine there are programs; what is written is private and gone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, tempfile.TemporaryDirectory(dir="/opt" if os.getuid() == 0 else None) as other:
        for place in (folder, other):
            os.chmod(place, 0o755)
            pathlib.Path(place, "secret").write_text("x")
        script = (f"ls -A /root /home /mnt /media /opt /srv /tmp /var/tmp | grep -v '^/' | grep .; ls {sim.state_dir} {folder} {other} {ROOT} "
                  "/etc/shadow /etc/gshadow /etc/ssl/private /etc/sudoers /boot /lost+found 2>/dev/null; "
                  "find /etc /usr/local/etc ! -type l ! -perm -4 2>/dev/null; ls /proc | grep -c '^[0-9]' | grep -v '^.$'; "
                  "command -v sh >/dev/null && ls /usr/bin/env && ls -d /usr/lib >/dev/null && echo programs")
        text, _ = run(sim, "shown", NOWHERE, script)
        assert text == ["/usr/bin/env", "programs"], text


@suite.test
def what_becomes_private_is_hidden(_):
    """In an /etc of its own, which changes while awssim runs."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/upper")
        os.mkdir(f"{folder}/work")
        mount = f"mount -t overlay none -o lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work /etc"
        prefix = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
        if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
            raise Skipped("another /etc than this machine's needs root")
        with Awssim(prefix=prefix) as sim:
            prepare(sim)
            etc = pathlib.Path(f"/proc/{sim.pids()['runner']}/root/etc")
            look = "cat /etc/awssim-note /etc/awssim.d/* 2>/dev/null; find /etc -name 'awssim*' | sort"
            assert run(sim, "none", NOWHERE, look)[0] == []
            (etc / "awssim-note").write_text("for all\n")
            assert run(sim, "open", NOWHERE, look)[0] == ["for all", "/etc/awssim-note"]
            (etc / "awssim-note").chmod(0o600)
            assert run(sim, "closed", NOWHERE, look)[0] == []
            (etc / "awssim.d").mkdir()
            (etc / "awssim.d" / "awssim-open").write_text("open\n")
            seen = ["open", "/etc/awssim.d", "/etc/awssim.d/awssim-open"]
            assert run(sim, "folder", NOWHERE, look)[0] == seen
            (etc / "awssim.d" / "awssim-key").touch(0o600)
            assert run(sim, "key", NOWHERE, look)[0] == seen
            (etc / "awssim.d").chmod(0o750)
            assert run(sim, "all", NOWHERE, look)[0] == []
            templates = os.path.join(sim.state_dir, "runner", "templates")
            wait_until(lambda: len(os.listdir(templates)) <= 2, what="old templates are removed")


@suite.test
def sandbox_writes_are_private(sim):
    script = ("for place in / /etc /usr /usr/bin /usr/local /tmp /var/lib /home /root /opt /dev/shm; do "
              "echo x > $place/awssim-written && rm -f $place/awssim-written && echo x > $place/awssim-written; done; "
              "mkdir -p /a/b; rm -rf /etc/passwd /etc/ssl /usr/bin/env /usr/share/info; exit 0")
    if os.stat(sim.dir).st_uid != 0:
        script = "echo x > /awssim-written; echo x > /tmp/awssim-written; mkdir -p /a/b; rm -rf /etc/passwd /etc/ssl /usr/bin/env; exit 0"
    run(sim, "written", NOWHERE, script)
    for place in ("/", "/etc", "/usr", "/usr/bin", "/usr/local", "/tmp", "/var/lib", "/home", "/root", "/opt", "/dev/shm"):
        assert not os.path.exists(os.path.join(place, "awssim-written")), place
    assert os.path.exists("/usr/bin/env") and os.path.exists("/etc/passwd") and os.path.exists("/etc/ssl")
    text, _ = run(sim, "gone", NOWHERE, "ls -d /etc/passwd /etc/ssl /usr/bin/env; ls -d /a /*/awssim-written 2>/dev/null")
    assert text == ["/etc/passwd", "/etc/ssl", "/usr/bin/env"], text
    task = stopped(sim, start(sim, "sealed", NOWHERE, "for place in / /etc /usr /tmp; do touch $place/x 2>/dev/null && echo $place; done; exit 5",
                              readonlyRootFilesystem=True))
    assert task["containers"][0]["exitCode"] == 5, task


@suite.test
def sandbox_is_isolated(sim):
    """Its own processes, mounts, names and shared memory; no more rights than docker gives."""
    script = ("readlink /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/uts /proc/self/ns/ipc; grep CapBnd /proc/self/status; "
              "mount -t tmpfs none /mnt 2>/dev/null && echo mounts; mknod /disk b 254 0 2>/dev/null && head -c1 /disk 2>/dev/null | wc -c; exit 0")
    text, _ = run(sim, "isolated", NOWHERE, script, privileged=True, linuxParameters={"capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN"]}})
    own = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "mnt", "uts", "ipc")]
    assert not set(own) & set(text[:4]) and len(text[:4]) == 4, (own, text)
    assert int(text[4].split()[1], 16) & ~0xa80425fb == 0, text
    assert text[5:] in ([], ["0"]), text


@suite.test
def sandbox_takes_what_images_take(sim):
    """Volumes, memory, the working directory, the user, the entry point."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        pathlib.Path(folder, "given").write_text("by the host\n")
        definition = {"volumes": [{"name": "host", "host": {"sourcePath": folder}}, {"name": "scratch"}]}
        points = [{"sourceVolume": "host", "containerPath": "/deep/host"}, {"sourceVolume": "scratch", "containerPath": "/usr/scratch"}]
        text, _ = run(sim, "volumes", NOWHERE, "pwd; cat /deep/host/given; echo made > /deep/host/made; echo x > /usr/scratch/x; cat /usr/scratch/x; "
                      "grep -c ' /memory tmpfs ' /proc/mounts; for one in /deep/host /usr/scratch /memory; do "
                      "grep \" $one \" /proc/mounts | grep nosuid | grep -c nodev; done", definition, mountPoints=points,
                      workingDirectory="/var/tmp", linuxParameters={"tmpfs": [{"containerPath": "/memory", "size": 1}]})
        assert text == ["/var/tmp", "by the host", "x", "1", "1", "1", "1"], text
        assert pathlib.Path(folder, "made").read_text() == "made\n"
    if os.stat(sim.dir).st_uid == 0:
        text, _ = run(sim, "user", NOWHERE, "id -u; id -g", user="4321:8765")
        assert text == ["4321", "8765"], text


@suite.test
def own_images_that_are_not_there(sim):
    """A repository without that tag or digest, by whatever name: AWS's error, in every mode."""
    def names(of):
        for place in (f"127.0.0.1:{of.port}", f"localhost:{of.port}", f"registry:{of.port}", "123456789012.dkr.ecr.us-east-1.amazonaws.com"):
            for what in (":never", "@sha256:" + "0" * 64, ":bad/tag", "@sha256:short"):
                yield f"{place}/app{what}"

    def check(of, where):
        for n, name in enumerate(names(of)):
            task = stopped(of, start(of, f"missing{n}", name, "echo ran"))
            reason = task["containers"][0].get("reason", task["stoppedReason"])
            assert task["stopCode"] == "TaskFailedToStart" and "exitCode" not in task["containers"][0], (where, name, task)
            assert reason.startswith("CannotPullContainerError: ") and f"failed to resolve ref {name}: " in reason, (where, name, reason)
            assert reason.endswith(f"{name}: not found") or "invalid reference format" in reason, reason

    check(sim, "sandbox")
    for options in (("--images", "host"), ("--images", "strict"), ("--profile", "sockerless")):
        with Awssim(*options) as other:
            prepare(other)
            check(other, options)


# What hides what this machine's container engine has left, if it is in a container, and what says that it is in one.
OUTSIDE = "export container= KUBERNETES_SERVICE_HOST=; unset container KUBERNETES_SERVICE_HOST; "
NO_NAMESPACES = "for kind in mnt pid user; do echo 0 > /proc/sys/user/max_${kind}_namespaces || exit 1; done; "


def without_namespaces(*options, inside):
    """An awssim that can make no namespaces, in a container or elsewhere; None where this machine does not permit the test."""
    root = tempfile.mkdtemp()
    names = [name for name in os.listdir("/") if not name.startswith(".") and os.path.isdir("/" + name)]
    binds = "".join(f"mkdir {root}/{name}; mount --rbind /{name} {root}/{name} || exit 1; " for name in names if not os.path.islink("/" + name))
    links = "".join(f"ln -s {os.readlink('/' + name)} {root}/{name}; " for name in names if os.path.islink("/" + name))
    leave = (f"mount -t tmpfs none {root} || exit 1; {binds}{links}umount -l {root}/run; mount -t tmpfs none {root}/run; {OUTSIDE}"
             f"cd {root}; {NO_NAMESPACES}exec chroot {root} \"$@\"")
    stay = f"export container=test; {NO_NAMESPACES}exec \"$@\""
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", stay if inside else leave, "sh"]
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    try:
        if done.returncode != 0:
            raise Skipped(f"this machine permits no user namespaces: {done.stderr}")
        yield Awssim(*options, prefix=prefix)
    finally:
        os.rmdir(root)


@suite.test
def elsewhere_nothing_starts_without_a_sandbox(_):
    for sim in without_namespaces(inside=False):
        with sim:
            prepare(sim)
            task = stopped(sim, start(sim, "refused", NOWHERE, "echo ran"))
            reason = task["containers"][0]["reason"]
            assert reason.startswith("CannotStartContainerError: ") and "--images host" in reason, task
            status = sim.status()
            assert status["images"] == "none" and "--images host" in status["warnings"][0], status
            assert "--images host" in sim.ctl("logs", "runner").stdout
    for sim in without_namespaces("--images", "host", inside=False):
        with sim:
            prepare(sim)
            assert run(sim, "asked", NOWHERE, "echo ran")[0] == ["ran"]
            assert sim.status()["images"] == "host", sim.status()


@suite.test
def in_a_container_its_files_serve(_):
    for sim in without_namespaces(inside=True):
        with sim:
            prepare(sim)
            assert run(sim, "served", NOWHERE, "echo ran")[0] == ["ran"]
            status = sim.status()
            assert status["images"] == "host" and "permits no sandboxes" in status["warnings"][0], status
            assert "permits no sandboxes" in sim.ctl("status").stderr and "permits no sandboxes" in sim.ctl("logs", "runner").stdout


@suite.test
def mode_is_told(sim):
    assert sim.status()["images"] == "sandbox" and "in a sandbox" in sim.ctl("status").stdout
    with Awssim("--profile", "sockerless") as other:
        assert other.status()["images"] == "host" and "files" in other.ctl("status").stdout


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


for each in (file_systems_follow_no_links_out, surroundings, devices_of_the_host_are_kept, files_of_names_are_kept,
             sandbox_shows_no_files_of_users, sandbox_writes_are_private, sandbox_is_isolated, sandbox_takes_what_images_take):
    as_user(each)


if __name__ == "__main__":
    with Awssim() as running:
        prepare(running)
        sys.exit(suite.main(running))
