#!/usr/bin/env python3
"""What tasks and functions cannot do to this machine and to awssim, and what other users of the machine cannot: each
attack is tried."""

import gzip
import io
import json
import os
import pathlib
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, build_dir, ctl, fails, wait_until  # noqa: E402
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


def task(sim, script, launch="FARGATE", image=None, definition=None, **container):
    """(lines of output, task) of a container that runs this script in the image."""
    prepare(sim)
    ecs, logs = sim.client("ecs"), sim.client("logs")
    family = f"family-{getattr(sim, 'families', 0)}"
    sim.families = getattr(sim, "families", 0) + 1
    main = {"name": "main", "image": image or f"127.0.0.1:{sim.port}/app:1", "command": [script],
                  "logConfiguration": {"logDriver": "awslogs", "options": {
                      "awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}}, **container}
    fargate = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    ecs.register_task_definition(family=family, containerDefinitions=[main if launch == "FARGATE" else {"memory": 256, **main}],
                                 **(fargate if launch == "FARGATE" else {}), **(definition or {}))
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
def sandboxes_are_confined_too(sim):
    """A task whose image is nowhere, among this machine's programs."""
    script = ("import ctypes, errno; libc = ctypes.CDLL(None, use_errno=True); "
              "print('io_uring_setup', errno.errorcode[ctypes.get_errno()] if libc.syscall(425, 0, 0) < 0 else 0); "
              "print(open('/proc/self/status').read())")
    more = {"linuxParameters": {"capabilities": {"add": ["ALL"]}}, "privileged": True}
    for launch, wish in (("FARGATE", {}), ("EC2", more)):
        lines, ended = task(sim, script, launch, "nowhere", entryPoint=["/usr/bin/env", "python3", "-c"], **wish)
        found = dict(line.split(None, 1) for line in lines if len(line.split(None, 1)) == 2)
        assert found.get("io_uring_setup") == "EPERM" and found["Seccomp:"] == "2", (lines, ended)
        assert int(found["CapBnd:"], 16) == DEFAULT_CAPABILITIES, found["CapBnd:"]


@suite.test
def without_root(_):
    """Another user's awssim makes sandboxes in user namespaces: filters hold there, and processes are counted."""
    need_another_user()
    if as_nobody("unshare", "--user", "--map-root-user", "true").returncode != 0:
        raise Skipped("other users may make no user namespaces here")
    folder = tempfile.mkdtemp(prefix="awssim-test-")
    os.chown(folder, NOBODY, NOBODY)
    sim = Awssim(prefix=["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"])
    os.rmdir(sim.dir)
    sim.dir = folder
    try:
        sim.start()
        lines, ended = task(sim, "probe forks 2000 && probe keyctl io_uring_setup unshare_user inet; grep Seccomp: /proc/self/status")
        found = results(lines)
        assert found["forks"].endswith(" EAGAIN") and int(found["forks"].split()[0]) < 1024, (lines, ended)
        assert found["keyctl"] == found["io_uring_setup"] == found["unshare_user"] == "EPERM" and found["inet"] == "0", found
        assert found["Seccomp:"].strip() == "2", found
        sim.stop()
        sim.check_logs()
    finally:
        sim.stop()
        shutil.rmtree(folder, ignore_errors=True)


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


# Other users of the machine

NOBODY = 65534
# Everything below a folder that this user can read, list, run or connect to.
WALK = """
import os, socket, stat, sys
for folder, folders, files in os.walk(sys.argv[1], onerror=lambda error: None):
    for name in [""] + folders + files:
        path = os.path.join(folder, name) if name else folder
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        able = [what for what, how in (("read", os.R_OK), ("write", os.W_OK), ("enter", os.X_OK)) if os.access(path, how)]
        if stat.S_ISSOCK(mode):
            try:
                socket.socket(socket.AF_UNIX).connect(path)
                able.append("connect")
            except OSError:
                pass
        if able and not stat.S_ISLNK(mode):
            print(path, *able)
"""


def need_another_user():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skipped("needs root and setpriv, to be another user")


def as_nobody(*command, **how):
    return subprocess.run(["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *command], capture_output=True,
                          text=True, timeout=60, **how)


def reachable(path):
    done = as_nobody(sys.executable, "-c", WALK, path)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def open_to_others(folder):
    """Names directly in the folder whose own permissions let others in."""
    return {name: oct(mode) for name in os.listdir(folder)
            if (mode := stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)) & 0o077}


@suite.test
def others_reach_no_state(sim):
    need_another_user()
    task(sim, "true", user="app")
    create(sim, "stateful", archive(app__py="def handler(event, context): return 1"))
    invoke(sim, "stateful")
    sim.client("s3").create_bucket(Bucket="private")
    sim.client("s3").put_object(Bucket="private", Key="large", Body=b"x" * 1_000_000)
    sim.client("efs").create_file_system(CreationToken="x")
    os.chmod(sim.dir, 0o755)  # the state directory alone keeps others out
    try:
        assert reachable(sim.state_dir) == [], reachable(sim.state_dir)
    finally:
        os.chmod(sim.dir, 0o700)
    # Each of its own entries would as well.
    assert open_to_others(sim.state_dir) == {} and stat.S_IMODE(os.stat(sim.state_dir).st_mode) == 0o700
    assert open_to_others(os.path.join(sim.state_dir, "log")) == {}
    assert open_to_others(os.path.join(sim.state_dir, "run")) == {}


@suite.test
def older_state_is_closed(_):
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        sim = Awssim()
        os.rmdir(sim.dir)
        sim.dir = folder
        for name in ("images", "efs", "log"):
            os.makedirs(f"{sim.state_dir}/{name}", 0o755)
        for name in ("iam.db", "lock", "parts"):
            with open(f"{sim.state_dir}/{name}", "w"):
                os.chmod(f"{sim.state_dir}/{name}", 0o644)
        os.chmod(sim.state_dir, 0o755)
        sim.start()
        assert open_to_others(sim.state_dir) == {} and stat.S_IMODE(os.stat(sim.state_dir).st_mode) == 0o700
        sim.stop()
        # Where a user has other files, those and the way to them stay as they are.
        with open(f"{sim.state_dir}/notes", "w"):
            os.chmod(f"{sim.state_dir}/notes", 0o644)
        os.chmod(sim.state_dir, 0o755)
        os.chmod(f"{sim.state_dir}/iam.db", 0o644)
        sim.start()
        assert open_to_others(sim.state_dir) == {"notes": "0o644"} and stat.S_IMODE(os.stat(sim.state_dir).st_mode) == 0o755
        sim.stop()


def refused_start(text, *options):
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        done = subprocess.run([ctl(), "start", "--port", "0", "--dns", "off", "--state-dir", f"{folder}/state", *options],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and text in done.stderr, (done.returncode, done.stdout, done.stderr)


@suite.test
def run_directories_are_nobody_elses(_):
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        path = f"{folder}/run"
        os.mkdir(path, 0o700)
        os.symlink(path, f"{folder}/link")
        refused_start("it is a link or a file", "--run-dir", f"{folder}/link")
        for mode in (0o755, 0o770, 0o777, 0o1777):
            os.chmod(path, mode)
            refused_start("others may enter the run directory", "--run-dir", path)
        os.mkfifo(f"{folder}/fifo")
        refused_start("Not a directory", "--run-dir", f"{folder}/fifo")
        with Awssim("--run-dir", f"{folder}/fine") as sim:
            assert os.path.exists(f"{folder}/fine/control") and open_to_others(f"{folder}/fine") == {}, sim.status()
        if os.geteuid() == 0:
            os.chmod(path, 0o700)
            os.chown(path, NOBODY, NOBODY)
            refused_start("belongs to another user", "--run-dir", path)


@suite.test
def state_directories_are_nobody_elses(_):
    need_another_user()
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        os.mkdir(f"{folder}/theirs", 0o700)
        os.chown(f"{folder}/theirs", NOBODY, NOBODY)
        refused_start("belongs to another user", "--state-dir", f"{folder}/theirs")
        assert os.listdir(f"{folder}/theirs") == []


def long_path(folder):
    return f"{folder}/{'x' * 60}/{'y' * 60}/state"


@suite.test
def sockets_of_long_paths(_):
    """A state directory too long for a socket's path: the sockets are in the user's runtime directory."""
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        runtime = f"{folder}/runtime"
        os.mkdir(runtime, 0o700)
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime}

        def run(*arguments):
            done = subprocess.run([ctl(), *arguments, "--state-dir", long_path(folder)], capture_output=True, text=True, timeout=60,
                                  env=environment)
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)
            return done.stdout

        run("start", "--port", "0", "--dns", "off")
        place = json.loads(run("status", "--json")) and fields(long_path(folder))["run_dir"]
        assert place.startswith(f"{runtime}/awssim/"), place
        run("restart", "ecs")
        run("stop")
        assert not os.path.exists(place)


def fields(state_dir):
    """What the lock file tells of the awssim that runs there."""
    return dict(line.split("=", 1) for line in pathlib.Path(state_dir, "lock").read_text().splitlines())


@suite.test
def sockets_without_a_runtime_directory(_):
    need_another_user()
    folder = tempfile.mkdtemp(prefix="awssim-test-")
    try:
        os.makedirs(long_path(folder))
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        environment = {"PATH": os.environ["PATH"], "HOME": folder}

        def run(*arguments):
            done = as_nobody(ctl(), *arguments, "--state-dir", long_path(folder), env=environment)
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)
            return done.stdout

        run("start", "--port", "0", "--dns", "off")
        first = fields(long_path(folder))
        place = first["run_dir"]
        assert place.startswith("/tmp/awssim-run-") and "XXX" not in place and stat.S_IMODE(os.stat(place).st_mode) == 0o700, place
        os.kill(int(first["pid"]), 9)
        wait_until(lambda: not os.path.exists(f"/proc/{first['pid']}"), what="the end")
        run("start", "--port", "0", "--dns", "off")
        other = fields(long_path(folder))["run_dir"]
        assert other != place and not os.path.exists(place), (place, other)
        run("status")
        run("stop")
        assert not os.path.exists(other)
    finally:
        shutil.rmtree(folder)


@suite.test
def links_in_tmp_are_not_followed(_):
    """What looks like the leftover of a killed ephemeral awssim and is a link to a folder of this user's."""
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        os.makedirs(f"{folder}/victim")
        for name in ("lock", "precious"):
            pathlib.Path(folder, "victim", name).write_text("x")
        trap = f"/tmp/awssim-private-trap{os.getpid()}"
        os.symlink(f"{folder}/victim", trap)
        try:
            with Awssim("--ephemeral"):
                pass
            assert sorted(os.listdir(f"{folder}/victim")) == ["lock", "precious"]
        finally:
            os.unlink(trap)


@suite.test
def closed_folders_are_no_hindrance_inside(sim):
    """Another user in a container has its mounts, and a function its package, though nobody may go there by path."""
    lines, _ = task(sim, "ls -d / /bin /etc /data; cat /etc/passwd >/dev/null && echo reads", user="app", definition={"volumes": [{"name": "data", "host": {}}]},
                    mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}])
    assert sorted(lines) == ["/", "/bin", "/data", "/etc", "reads"], lines
    create(sim, "implied", archive(app__py="from pkg.deep import mod\ndef handler(event, context): return mod.VALUE",
                                   **{"pkg/deep/mod__py": "VALUE = 7"}))
    assert invoke(sim, "implied")[1] == 7


# The API from inside

RUN_TASK = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.RunTask", "Content-Type": "application/x-amz-json-1.1"}
# Calls awssim in each way a function could: unsigned, signed by its role, with keys that somebody might guess.
ATTACKER = '''
import json, os, urllib.error, urllib.request
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
url = os.environ["AWS_ENDPOINT_URL"]
def plain(method, path, body=None, headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, body, headers, method=method), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
def signed(service, operation, fields, **keys):
    client = boto3.client(service, endpoint_url=url, config=Config(retries={"max_attempts": 0}), **keys)
    try:
        getattr(client, operation)(**fields)
        return "allowed"
    except ClientError as error:
        return error.response["Error"]["Code"]
def handler(event, context):
    if event:
        return signed(event["service"], event["operation"], event["fields"])
    guess = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": None}
    account = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "test"}
    return {
        "unsigned": plain("POST", "/", b'{"taskDefinition": "f"}', RUN_TASK),
        "reset": plain("POST", "/_awssim/reset", b""),
        "stats": plain("GET", "/_awssim/stats"),
        "role": signed("ecs", "run_task", {"taskDefinition": "f"}),
        "role_iam": signed("iam", "create_user", {"UserName": "me"}),
        "role_s3": signed("s3", "list_buckets", {}),
        "guessed": signed("ecs", "run_task", {"taskDefinition": "f"}, **guess),
        "account": signed("ecs", "run_task", {"taskDefinition": "f"}, **account),
    }
'''.replace("RUN_TASK", json.dumps(RUN_TASK))


class Secured(Awssim):
    """Signatures and policies are enforced, and nobody knows the root key."""

    def __init__(self):
        super().__init__("--verify-signatures", "--iam", "enforce", "--root-keys", "root:known-to-nobody")

    def client(self, service, region="us-east-1", account=None, **kwargs):
        import boto3
        from botocore.config import Config
        return boto3.client(service, endpoint_url=self.endpoint, region_name=region, aws_access_key_id="root",
                            aws_secret_access_key="known-to-nobody", config=Config(retries={"max_attempts": 0}), **kwargs)

    def ec2_ids(self, what, element):
        assert what == "Subnets", element
        return [self.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]]


@suite.test
def functions_have_their_roles_rights_only(_):
    with Secured() as sim:
        make_role(sim)
        try:
            create(sim, "attacker", archive(app__py=ATTACKER), Timeout=60)
            answer, found = invoke(sim, "attacker")
        except ImportError:
            raise Skipped("there is no boto3")
        if "ModuleNotFoundError" in json.dumps(found):
            raise Skipped("functions find no boto3")
        assert "FunctionError" not in answer, found
        assert 400 <= found.pop("unsigned") <= 403 and found.pop("reset") == 403 and found.pop("stats") == 403, found
        assert found == {"role": "AccessDeniedException", "role_iam": "AccessDenied", "role_s3": "AccessDenied",
                         "guessed": "UnrecognizedClientException", "account": "InvalidSignatureException"}, found
        # What its role permits it may do.
        listing = {"service": "ecs", "operation": "list_clusters", "fields": {}}
        assert invoke(sim, "attacker", listing)[1] == "AccessDeniedException"
        sim.client("iam").put_role_policy(RoleName="lambda", PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}]}))
        assert invoke(sim, "attacker", listing)[1] == "allowed"
        assert sim.client("ecs").list_clusters()["clusterArns"] == [] and sim.http("GET", "/health")[0] == 200


@suite.test
def the_known_root_key_is_warned_of(_):
    with Awssim("--verify-signatures") as sim:
        assert "--root-keys" in " ".join(sim.status()["warnings"]), sim.status()
    with Secured() as sim:
        assert sim.status()["warnings"] == [], sim.status()


@suite.test
def tasks_have_no_rights_unsigned(_):
    with Secured() as sim:
        headers = " ".join(f"--header '{name}: {value}'" for name, value in RUN_TASK.items())
        url = f"http://127.0.0.1:{sim.port}"
        script = (f"/bin/busybox wget -O - {headers} --post-data '{{\"taskDefinition\": \"f\"}}' {url}/; "
                  f"/bin/busybox wget -O - --post-data '' {url}/_awssim/reset; /bin/busybox wget -q -O - {url}/health")
        lines, ended = task(sim, script)
        assert ended["containers"][0]["exitCode"] == 0, (lines, ended)
        refused = [line for line in lines if "server returned error" in line]
        assert len(refused) == 2 and " 400 " in refused[0] and " 403 " in refused[1], lines
        assert len(sim.client("ecs").list_tasks(desiredStatus="STOPPED")["taskArns"]) == 1


if __name__ == "__main__":
    with Awssim() as shared:
        sys.exit(suite.main(shared))
