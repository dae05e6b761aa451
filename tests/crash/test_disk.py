#!/usr/bin/env python3
"""A full disk, as each service's clients see it: what needs room is refused clearly, what makes room works, reading goes on,
/health says so, and when there is room again everything goes on by itself."""

import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from awssim import Awssim, Skipped, Suite, wait_until  # noqa: E402
from harness import fill  # noqa: E402

suite = Suite()
MIB = 1 << 20


def small_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    return file.getvalue()


TASK = {"family": "f", "containerDefinitions": [{"name": "c", "image": "i", "command": ["true"], "memory": 64}]}
ROLE = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]})
FUNCTION = {"Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler", "Code": {"ZipFile": small_zip()}}

# Service → the error and status of a full disk; make(client, name), remove(client, name) and names(client).
SERVICES = {
    "logs": ("ServiceUnavailableException", 500, lambda c, n: c.create_log_group(logGroupName=n), lambda c, n: c.delete_log_group(logGroupName=n),
             lambda c: [g["logGroupName"] for g in c.describe_log_groups()["logGroups"]]),
    "ecs": ("ServerException", 500, lambda c, n: c.create_cluster(clusterName=n), lambda c, n: c.delete_cluster(cluster=n),
            lambda c: [a["clusterName"] for a in c.describe_clusters(clusters=c.list_clusters()["clusterArns"])["clusters"] if a["status"] == "ACTIVE"]),
    "ec2": ("Unavailable", 503, lambda c, n: c.create_security_group(GroupName=n, Description=n), lambda c, n: c.delete_security_group(GroupName=n),
            lambda c: [g["GroupName"] for g in c.describe_security_groups()["SecurityGroups"]]),
    "iam": ("ServiceFailure", 500, lambda c, n: c.create_role(RoleName=n, AssumeRolePolicyDocument=ROLE), lambda c, n: c.delete_role(RoleName=n),
            lambda c: [r["RoleName"] for r in c.list_roles()["Roles"]]),
    "efs": ("InternalServerError", 500, lambda c, n: c.create_file_system(CreationToken=n),
            lambda c, n: c.delete_file_system(FileSystemId=c.describe_file_systems(CreationToken=n)["FileSystems"][0]["FileSystemId"]),
            lambda c: [f["CreationToken"] for f in c.describe_file_systems()["FileSystems"] if f["LifeCycleState"] in ("creating", "available")]),
    "servicediscovery": ("ServiceUnavailable", 503, lambda c, n: c.create_http_namespace(Name=n),
                         lambda c, n: c.delete_namespace(Id=next(s["Id"] for s in c.list_namespaces()["Namespaces"] if s["Name"] == n)),
                         lambda c: [s["Name"] for s in c.list_namespaces()["Namespaces"]]),
    "ecr": ("ServerException", 500, lambda c, n: c.create_repository(repositoryName=n), lambda c, n: c.delete_repository(repositoryName=n),
            lambda c: [r["repositoryName"] for r in c.describe_repositories()["repositories"]]),
    "lambda": ("ServiceException", 500, lambda c, n: c.create_function(FunctionName=n, **FUNCTION), lambda c, n: c.delete_function(FunctionName=n),
               lambda c: [f["FunctionName"] for f in c.list_functions()["Functions"]]),
    "s3": ("ServiceUnavailable", 503, lambda c, n: c.put_object(Bucket="bucket", Key=n, Body=b"x" * 1000),
           lambda c, n: c.delete_object(Bucket="bucket", Key=n),
           lambda c: [o["Key"] for o in c.list_objects_v2(Bucket="bucket").get("Contents", ())]),
}


class SmallDisk:
    """An awssim whose state is on a file system of its own."""

    def __init__(self, mib):
        if os.geteuid() != 0:
            raise Skipped("only root may mount a small file system")
        self.sim = Awssim()
        os.mkdir(self.sim.state_dir)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", self.sim.state_dir], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            raise Skipped(f"nothing can be mounted here: {mounted.stderr.strip()}")

    def __enter__(self):
        return self.sim.__enter__()

    def __exit__(self, *failure):
        try:
            self.sim.check_logs()
            self.sim.stop()
            wait_until(lambda: subprocess.run(["umount", self.sim.state_dir], capture_output=True, check=False).returncode == 0, 10, "unmounting")
        finally:
            subprocess.run(["umount", "-q", "-l", self.sim.state_dir], check=False, stderr=subprocess.DEVNULL)
            self.sim.__exit__(ValueError, *failure[1:])


def make_room(sim):
    os.unlink(os.path.join(sim.state_dir, "filler"))


def refusal(make, client, name):
    from botocore.exceptions import ClientError
    try:
        make(client, name)
    except ClientError as failure:
        return failure.response
    return None


def check_refused(sim, name, client):
    """Refused at the second call at the latest (the first may find room in what is there), with nothing left of it."""
    code, status, make, _, names = SERVICES[name]
    tried = [f"full-{i}" for i in range(400)]
    answers = []
    for one in tried:
        answers.append(refusal(make, client, one))
        if answers[-1]:
            break
    assert answers[-1], f"{name}: nothing was refused on a full disk"
    error = answers[-1]["Error"]
    assert (error["Code"], answers[-1]["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), (name, answers[-1])
    assert "disk" in error["Message"] and sim.state_dir in error["Message"], (name, error)
    kept = [one for one, answer in zip(tried, answers) if not answer]
    wait_until(lambda: sorted(n for n in names(client) if n.startswith("full-")) == sorted(kept), 10, f"{name}: {kept} alone")
    return kept


def sts_works(sim):
    assert sim.client("sts").get_caller_identity()["Account"]


@suite.test
def every_service_says_so_deletes_and_recovers():
    with SmallDisk(96) as sim:
        clients = {name: sim.client(name) for name in SERVICES}
        clients["s3"].create_bucket(Bucket="bucket")
        clients["iam"].create_role(RoleName="r", AssumeRolePolicyDocument=ROLE)
        for name, (_, _, make, _, names) in SERVICES.items():
            for i in range(20):
                make(clients[name], f"before-{i}")
            wait_until(lambda names=names, name=name: len([n for n in names(clients[name]) if n.startswith("before-")]) == 20, 10, f"{name}'s things")
        assert json.loads(sim.http("GET", "/health")[2])["status"] == "ready"
        fill(sim.state_dir)
        kept = {name: check_refused(sim, name, clients[name]) for name in SERVICES}
        sts_works(sim)
        status, _, health = sim.http("GET", "/health")
        health = json.loads(health)
        assert status == 200 and health["status"] == "disk full" and health["disk"]["status"] == "full", health
        assert "the disk is full" in sim.ctl("status").stderr
        for name, (_, _, _, remove, names) in SERVICES.items():
            for one in [*(f"before-{i}" for i in range(19)), *kept[name]]:
                remove(clients[name], one)
            left = wait_until(lambda names=names, name=name: (n := [n for n in names(clients[name]) if n.startswith(("before-", "full-"))]) and len(n) == 1 and n,
                              10, f"{name}'s deletions")
            assert left == ["before-19"], (name, left)
        make_room(sim)
        wait_until(lambda: json.loads(sim.http("GET", "/health")[2])["status"] == "ready", 5, "health")
        for name, (_, _, make, remove, names) in SERVICES.items():
            wait_until(lambda make=make, name=name: not refusal(make, clients[name], "after"), 10, f"{name} to go on")
            wait_until(lambda names=names, name=name: "after" in names(clients[name]), 10, f"{name}'s new thing")
            remove(clients[name], "after")
        for name in SERVICES:
            sim.ctl("restart", name)
        for name, (_, _, _, _, names) in SERVICES.items():
            assert "before-19" in names(clients[name]), name
        assert not os.listdir(os.path.join(sim.state_dir, "spool"))


@suite.test
def large_bodies_leave_nothing():
    """Uploads beyond what is free, by every way that bodies come: objects, parts, code, layers."""
    with SmallDisk(96) as sim:
        s3, ecr, functions = sim.client("s3"), sim.client("ecr"), sim.client("lambda")
        s3.create_bucket(Bucket="bucket")
        sim.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=ROLE)
        s3.put_object(Bucket="bucket", Key="large", Body=b"l" * (5 * MIB))
        upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        ecr.create_repository(repositoryName="layers")
        fill(sim.state_dir)
        kind = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
        code = {**FUNCTION, "Code": {"ZipFile": os.urandom(2 * MIB)}}
        for make in (lambda c, n: s3.put_object(Bucket="bucket", Key="new", Body=b"n" * (5 * MIB)),
                     lambda c, n: s3.upload_part(PartNumber=1, Body=b"p" * (5 * MIB), **kind),
                     lambda c, n: functions.create_function(FunctionName="new", **code)):
            answer = refusal(make, None, None)
            assert answer and answer["ResponseMetadata"]["HTTPStatusCode"] in (500, 503) and "disk" in answer["Error"]["Message"], answer
        status, _, answer = sim.http("POST", "/v2/layers/blobs/uploads/?digest=sha256:" + "0" * 64, b"b" * (2 * MIB))
        assert status in (500, 503) and b"disk" in answer, (status, answer)
        assert not os.listdir(os.path.join(sim.state_dir, "spool"))
        s3.delete_object(Bucket="bucket", Key="large")
        s3.abort_multipart_upload(**kind)
        assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
        make_room(sim)
        wait_until(lambda: not refusal(lambda c, n: s3.put_object(Bucket="bucket", Key="new", Body=b"n" * (5 * MIB)), None, None), 10, "room")
        assert s3.get_object(Bucket="bucket", Key="new")["Body"].read() == b"n" * (5 * MIB)


if __name__ == "__main__":
    sys.exit(suite.main())
