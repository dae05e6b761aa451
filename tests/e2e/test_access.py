#!/usr/bin/env python3
"""Who may do what with awssim itself: its own paths, its roots' keys, its address, and whose keys of AWS's shape are."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Skipped, Suite, build_dir, ctl, wait_until  # noqa: E402

suite = Suite()
OWN_PATHS = [("GET", "/_awssim/stats"), ("POST", "/_awssim/reset"), ("POST", "/_awssim/reset?service=ecs"), ("GET", "/_awssim/nothing"),
             ("GET", "/_localstack/health"), ("GET", "/_localstack/info"), ("GET", "/_localstack/init"), ("POST", "/_localstack/state/reset")]


def signed(sim, method, path, key, secret, service="awssim", token=None):
    """(status, body) of a request signed as botocore signs."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    request = botocore.awsrequest.AWSRequest(method, f"http://127.0.0.1:{sim.port}{path}", data=b"")
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token), service, "us-east-1").add_auth(request)
    return sim.http(method, path, b"", dict(request.headers))[::2]


@suite.test
def own_paths_are_for_roots(_):
    with Awssim("--ephemeral", "--verify-signatures", "--root-keys", "owner:owner-secret,test:test") as sim:
        iam = sim.client("iam")
        iam.create_user(UserName="admin")
        iam.attach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        user = iam.create_access_key(UserName="admin")["AccessKey"]
        session = sim.client("sts").get_session_token()["Credentials"]
        sim.client("ecs").create_cluster(clusterName="kept")
        for method, path in OWN_PATHS:
            status, _, body = sim.http(method, path)
            assert status == 403 and b"--root-keys" in body, (path, status, body)
            for key, secret, token, reason in (
                    ("owner", "wrong", None, "SignatureDoesNotMatch|InvalidSignature"), ("nobody", "x", None, "root key"),
                    (user["AccessKeyId"], user["SecretAccessKey"], None, "root key"),
                    (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], "root key")):
                for service in ("awssim", "s3", "ecs"):
                    status, body = signed(sim, method, path, key, secret, service, token)
                    assert status == 403 and re.search(reason, body.decode()), (path, key, status, body)
        assert sim.client("ecs").list_clusters()["clusterArns"], "emptied by somebody who may not"
        assert sim.http("GET", "/health")[0] == 200
        for key, secret in (("owner", "owner-secret"), ("test", "test"), ("210987654321", "owner-secret")):
            status, body = signed(sim, "GET", "/_awssim/stats", key, secret)
            assert status == 200 and b"inFlight" in body, (key, status, body)
        assert signed(sim, "GET", "/_awssim/nothing", "owner", "owner-secret")[0] == 404
        assert signed(sim, "POST", "/_awssim/reset?service=ecs", "owner", "owner-secret")[0] == 200
        assert not sim.client("ecs").list_clusters()["clusterArns"]
        curl = subprocess.run(["curl", "-s", "--aws-sigv4", "aws:amz:us-east-1:awssim", "--user", "owner:owner-secret",
                               f"{sim.endpoint}/_awssim/stats"], capture_output=True, text=True, timeout=30)
        assert "inFlight" in curl.stdout, curl


@suite.test
def whoever_runs_it_needs_no_key(_):
    with Awssim("--ephemeral", "--verify-signatures", "--root-keys", "owner:owner-secret,test:test") as sim:
        sim.client("ecs").create_cluster(clusterName="gone")
        counts = {p["process"]: p.get("requests") for p in sim.status()["processes"]}
        assert counts["ecs"] == 1, counts
        assert "is empty" in sim.ctl("reset", "ecs").stdout
        assert not sim.client("ecs").list_clusters()["clusterArns"]
        run_dir = pathlib.Path(sim.state_dir, "run")
        assert stat.S_ISSOCK((run_dir / "admin").stat().st_mode)
        assert stat.S_IMODE(run_dir.stat().st_mode) & 0o077 == 0
        sim.ctl("restart", "router")  # its socket is there again
        wait_until(lambda: sim.ctl("reset", check=False).returncode == 0, what="a reset behind a restart")


@suite.test
def the_private_socket_is_private(_):
    if os.geteuid() != 0:
        raise Skipped("only root can become another user")
    with Awssim("--ephemeral", "--verify-signatures") as sim:
        path = pathlib.Path(sim.state_dir, "run", "admin")
        for folder in (sim.dir, sim.state_dir, path.parent):  # somebody has opened the folders
            os.chmod(folder, 0o755)
        os.chmod(path, 0o777)
        ask = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
               "s.sendall(b'POST /_awssim/reset HTTP/1.0\\r\\n\\r\\n')\nprint(s.recv(1000))")
        program = [shutil.which("python3", path="/usr/bin:/bin"), "-c", ask, str(path)]
        assert b"200 OK" in subprocess.run(program, capture_output=True, timeout=30).stdout
        other = subprocess.run(program, capture_output=True, timeout=30, user=65534, group=65534, extra_groups=[])
        assert b"200 OK" not in other.stdout, other


def command_lines():
    """Of all processes of this machine."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (folder / "cmdline").read_bytes()


@suite.test
def root_keys_are_not_shown(_):
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        path = pathlib.Path(folder, "keys")
        path.write_text("first:from-a-file-91\n\nsecond:from-a-file-92\n")
        for options, environment, key, secret in (
                (["--root-keys", "owner:given-by-flag-93"], {}, "owner", "given-by-flag-93"),
                ([f"--root-keys=@{path}"], {}, "second", "from-a-file-92"),
                ([], {"AWSSIM_ROOT_KEYS": "owner:by-variable-94"}, "owner", "by-variable-94"),
                ([], {"AWSSIM_ROOT_KEYS": f"@{path}"}, "first", "from-a-file-91")):
            with Awssim("--ephemeral", "--verify-signatures", *options, prefix=["env", *(f"{k}={v}" for k, v in environment.items())]) as sim:
                assert signed(sim, "GET", "/_awssim/stats", key, secret)[0] == 200
                # This test's own command line and its children's may hold it, awssim's not.
                shown = [line for line in command_lines() if secret.encode() in line and b"awssim-" in line.split(b"\0")[0]]
                assert not shown, shown
                pids = sim.pids()
                for process in ("runner", "lambda", "ecs"):
                    assert secret.encode() not in pathlib.Path(f"/proc/{pids[process]}/environ").read_bytes(), process
    done = subprocess.run([ctl(), "start", "--root-keys", "@/nowhere/keys", "--ephemeral"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "/nowhere/keys" in done.stderr, done


@suite.test
def an_open_address_is_said(_):
    for options in (["--listen", "0.0.0.0"], ["--listen", "::"], ["--listen", "0.0.0.0", "--verify-signatures"]):
        folder = tempfile.mkdtemp(prefix="awssim-test-")
        sim = Awssim("--ephemeral", *options)
        try:
            done = subprocess.run([ctl(), "start", "--state-dir", sim.state_dir, "--port", "0", "--ephemeral", *options],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done
            said = f"awssim listens on {options[1]} port"
            assert said in done.stderr and "run commands" in done.stderr, done
            warnings = sim.status()["warnings"]
            assert len(warnings) == 1 and said in warnings[0], warnings
            assert said in sim.ctl("status").stderr
            assert said in sim.ctl("logs", "supervisor").stdout
        finally:
            sim.stop()
            shutil.rmtree(sim.dir, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


@suite.test
def a_loopback_address_is_not(_):
    for address in ("127.0.0.1", "127.0.0.2", "localhost", "::1"):
        with Awssim("--ephemeral", "--listen", address) as sim:
            assert sim.status()["warnings"] == [], address
            done = sim.ctl("status")
            assert "WARNING" not in done.stdout + done.stderr, done


@suite.test
def the_simulator_says_it_too(_):
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        program = build_dir() / "tools" / "simulator-aws"
        process = subprocess.Popen([program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={
            "PATH": os.environ["PATH"], "HOME": folder, "SIM_LISTEN_ADDR": f":{port}", "AWSSIM_STATE_DIR": folder})
        try:
            line = next((line for line in process.stderr if "listens on" in line), "")
            assert f"awssim listens on 0.0.0.0 port {port}" in line and "run commands" in line, line
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@suite.test
def keys_of_awss_shape_name_their_account(sim):
    """ASIAQNZGKIQY56JQ7WML and AKIAIOSFODNN7EXAMPLE are examples of AWS's own documentation."""
    from botocore.config import Config
    import boto3

    def client(service, key):
        return boto3.client(service, endpoint_url=sim.endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="x",
                            config=Config(retries={"max_attempts": 0}))

    keys = {"ASIAQNZGKIQY56JQ7WML": "029608264753", "AKIAIOSFODNN7EXAMPLE": "581039954779"}
    sim.client("ecs").create_cluster(clusterName="of-test")
    for key, account in keys.items():
        for _ in range(3):
            assert client("sts", key).get_caller_identity()["Account"] == account
            assert client("ecs", key).list_clusters()["clusterArns"] == []
        assert client("ecs", key).create_cluster(clusterName="c")["cluster"]["clusterArn"].split(":")[4] == account
    client("ecs", "111122223333").list_clusters()
    sim.client("ecs").list_clusters()
    lines = [line for line in sim.ctl("logs", "router").stdout.splitlines() if "belong to account" in line]
    assert len(lines) == 2, lines
    for key, account in keys.items():
        assert any(f"account {account}" in line and key[:4] in line and key[-4:] in line and key not in line for line in lines), lines
    own = sim.client("iam")
    own.create_user(UserName="shape")
    key = own.create_access_key(UserName="shape")["AccessKey"]["AccessKeyId"]
    assert client("sts", key).get_caller_identity()["Account"] == "123456789012"


def client_of(sim, service, key):
    import boto3
    from botocore.config import Config
    return boto3.client(service, endpoint_url=sim.endpoint, region_name="us-east-1", aws_access_key_id=key["AccessKeyId"],
                        aws_secret_access_key=key["SecretAccessKey"], aws_session_token=key.get("SessionToken"),
                        config=Config(retries={"max_attempts": 0}, inject_host_prefix=False))


def make_user(sim, name):
    iam = sim.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy("Allow"))
    return iam.create_access_key(UserName=name)["AccessKey"]


def policy(effect, action="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]})


def calls_of(sim, key):
    """A harmless call to each of some services."""
    return [client_of(sim, "ecs", key).list_clusters, client_of(sim, "logs", key).describe_log_groups,
            client_of(sim, "s3", key).list_buckets, client_of(sim, "lambda", key).list_functions, client_of(sim, "ec2", key).describe_vpcs]


@contextlib.contextmanager
def standing_still(sim, *processes):
    pids = [sim.pids()[name] for name in processes]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@suite.test
def iam_is_not_asked_about_every_request(_):
    """With iam and sts stopped, keys that were used a moment ago go on working."""
    with Awssim("--ephemeral", "--iam", "enforce", "--verify-signatures") as sim:
        user = make_user(sim, "ann")
        sim.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
        sim.client("iam").put_role_policy(RoleName="r", PolicyName="all", PolicyDocument=policy("Allow"))
        role = client_of(sim, "sts", user).assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")["Credentials"]
        for key in (user, role):
            calls = calls_of(sim, key)
            identity = client_of(sim, "sts", user).get_caller_identity
            for call in [*calls, identity]:
                call()
            with standing_still(sim, "iam"):
                assert identity()["Arn"].endswith("user/ann")
            with standing_still(sim, "iam", "sts"):
                for call in calls * 3:
                    call()


def refused(call):
    from botocore.exceptions import ClientError
    try:
        call()
    except ClientError as failure:
        assert 400 <= failure.response["ResponseMetadata"]["HTTPStatusCode"] < 500, failure.response
        return True
    return False


@suite.test
def changes_count_at_once(_):
    """What iam has answered holds for the next request of every service, in either direction."""
    for options in (["--iam", "enforce"], ["--verify-signatures"], ["--iam", "enforce", "--verify-signatures"]):
        with Awssim("--ephemeral", *options) as sim:
            iam, key = sim.client("iam"), make_user(sim, "ann")
            calls = calls_of(sim, key)
            status = {"UserName": "ann", "AccessKeyId": key["AccessKeyId"]}
            for _ in range(10):
                assert not any(refused(call) for call in calls)
                iam.update_access_key(Status="Inactive", **status)
                assert all(refused(call) for call in calls)
                iam.update_access_key(Status="Active", **status)
                assert not any(refused(call) for call in calls)
                if "enforce" in options:
                    iam.put_user_policy(UserName="ann", PolicyName="none", PolicyDocument=policy("Deny"))
                    assert all(refused(call) for call in calls)
                    iam.delete_user_policy(UserName="ann", PolicyName="none")
            assert not any(refused(call) for call in calls)
            os.kill(sim.pids()["iam"], signal.SIGKILL)
            iam = sim.client("iam")
            wait_until(lambda: not refused_by_restart(iam), what="iam's restart")
            iam.update_access_key(Status="Inactive", **status)
            assert all(refused(call) for call in calls)
            iam.update_access_key(Status="Active", **status)
            assert not any(refused(call) for call in calls)
            iam.delete_access_key(**status)
            if "--verify-signatures" in options:  # without it a key that is nobody's is its account's root
                assert all(refused(call) for call in calls)


def refused_by_restart(iam):
    from botocore.exceptions import ClientError
    try:
        iam.list_users()
    except ClientError:
        return True
    return False


@suite.test
def resets_count_at_once(_):
    for service in ("iam", None):
        with Awssim("--ephemeral", "--iam", "enforce", "--verify-signatures") as sim:
            key = make_user(sim, "ann")
            session = sim.client("sts").get_session_token()["Credentials"]
            calls = [*calls_of(sim, key), *(calls_of(sim, session) if not service else [])]
            assert not any(refused(call) for call in calls)
            sim.ctl("reset", *([service] if service else []))
            assert all(refused(call) for call in calls)


@suite.test
def a_key_in_use_is_never_believed_too_long(_):
    """Under load, no call that begins behind the answer of UpdateAccessKey passes."""
    with Awssim("--ephemeral", "--iam", "enforce") as sim:
        iam, key = sim.client("iam"), make_user(sim, "ann")
        status = {"UserName": "ann", "AccessKeyId": key["AccessKeyId"]}
        inactive, stop, wrong = threading.Event(), threading.Event(), []

        def use():
            call = client_of(sim, "ecs", key).list_clusters
            while not stop.is_set():
                was_inactive = inactive.is_set()
                if not refused(call) and was_inactive and inactive.is_set():
                    wrong.append(time.monotonic())

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            iam.update_access_key(Status="Inactive", **status)
            inactive.set()
            assert refused(client_of(sim, "ecs", key).list_clusters)
            inactive.clear()
            iam.update_access_key(Status="Active", **status)
            assert not refused(client_of(sim, "ecs", key).list_clusters)
        stop.set()
        for thread in threads:
            thread.join()
        assert not wrong, wrong


if __name__ == "__main__":
    sys.exit(suite.main(Awssim("--ephemeral").start()))
