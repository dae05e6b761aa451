#!/usr/bin/env python3
"""boto3 and the AWS CLI, the newest from PyPI and those of Debian: checksums, transfers in parts, presigned URLs, over http and
https; the CLI's s3, lambda and ecr commands."""

import base64
import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, secure_awssim  # noqa: E402
from clients import CLIENTS, debian_install, pypi, run, trees_equal  # noqa: E402

suite = Suite()
MIB = 1024 * 1024
PROGRAM = CLIENTS / "boto3-sdk" / "main.py"


def newest_boto3():
    return pypi("boto3", "boto3[crt]") / "python"


@suite.test
def boto3_objects(sim):
    run(sim, newest_boto3(), PROGRAM, "objects")


@suite.test
def boto3_transfers(sim):
    run(sim, newest_boto3(), PROGRAM, "transfers")


@suite.test
def boto3_parts(sim):
    run(sim, newest_boto3(), PROGRAM, "parts")


@suite.test
def boto3_presigned(sim):
    run(sim, newest_boto3(), PROGRAM, "presigned")


@suite.test
def boto3_secure(_):
    with secure_awssim() as (sim, certificate):
        for part in ("objects", "transfers", "parts", "registry"):
            run(sim, newest_boto3(), PROGRAM, part, certificate, AWS_ENDPOINT_URL=f"https://localhost:{sim.port}")


@suite.test
def debians_boto3(_):
    if subprocess.run(["/usr/bin/python3", "-c", "import boto3"], capture_output=True).returncode != 0:
        debian_install("python3-boto3")
    with Awssim() as sim:
        for part in ("objects", "transfers", "parts", "presigned", "registry"):
            run(sim, "/usr/bin/python3", PROGRAM, part)


def command_line_storage(sim, aws, name, *curl):
    """The s3 commands with a tree of files; aws runs the CLI, and curl has options for the presigned URL."""
    tree, back = pathlib.Path(sim.dir, f"{name}-tree"), pathlib.Path(sim.dir, f"{name}-back")
    (tree / "deep").mkdir(parents=True)
    for path, size in (("large", 17 * MIB), ("empty", 0), ("deep/a b+c&d=e%20", 3), ("deep/grüße 😀", 5)):
        (tree / path).write_bytes(os.urandom(size))
    there = f"s3://{name}"
    aws("s3", "mb", there)
    assert name in aws("s3", "ls")
    aws("s3", "sync", tree, f"{there}/tree")
    assert not aws("s3", "sync", tree, f"{there}/tree").strip(), "nothing has changed"
    aws("s3", "sync", f"{there}/tree", back)
    assert trees_equal(tree, back)
    (tree / "empty").unlink()
    assert "delete: " in aws("s3", "sync", "--delete", tree, f"{there}/tree")
    aws("s3", "cp", f"{there}/tree/large", f"{there}/copy")
    aws("s3", "mv", f"{there}/copy", f"{there}/moved")
    aws("s3", "cp", f"{there}/moved", back / "moved")
    assert (back / "moved").read_bytes() == (tree / "large").read_bytes()
    aws("s3", "cp", "-", f"{there}/streamed", stdin="from standard input")
    assert aws("s3", "cp", f"{there}/streamed", "-") == "from standard input"
    url = aws("s3", "presign", f"{there}/moved", "--expires-in", "600").strip()
    run(sim, "curl", "-sf", *curl, "-o", back / "presigned", url)
    assert (back / "presigned").read_bytes() == (tree / "large").read_bytes()
    assert "3 B" not in aws("s3", "ls", "--recursive", "--human-readable", "--summarize", f"{there}/moved")
    assert "404" in aws("s3", "cp", f"{there}/none", back / "none", fails=True)
    assert "BucketNotEmpty" in aws("s3", "rb", there, fails=True)
    aws("s3", "rm", "--recursive", f"{there}/tree")
    aws("s3", "rb", "--force", there)
    assert "NoSuchBucket" in aws("s3", "ls", there, fails=True)


def command_line_function(sim, aws, name):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = json.loads(aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document",
                          json.dumps({"Version": "2012-10-17", "Statement": [trust]})))["Role"]["Arn"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {'got': event}\n")
    pathlib.Path(sim.dir, f"{name}.zip").write_bytes(content.getvalue())
    aws("lambda", "create-function", "--function-name", name, "--runtime", "python3.11", "--role", role, "--handler",
        "app.handler", "--zip-file", f"fileb://{name}.zip")
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    pathlib.Path(sim.dir, "event.json").write_text('{"a": "ü"}')
    told = json.loads(aws("lambda", "invoke", "--function-name", name, "--payload", "fileb://event.json", "--log-type", "Tail",
                          "answer.json"))
    assert told["StatusCode"] == 200 and b"REPORT RequestId" in base64.b64decode(told["LogResult"]), told
    assert json.loads(pathlib.Path(sim.dir, "answer.json").read_text()) == {"got": {"a": "ü"}}
    assert "ResourceNotFoundException" in aws("lambda", "invoke", "--function-name", "none", "answer.json", fails=True)


def command_line(sim, program, name):
    """One AWS CLI. Debian's knows nothing of AWS_ENDPOINT_URL, so all are told on the command line."""
    def aws(*arguments, **options):
        return run(sim, program, "--endpoint-url", sim.endpoint, "--output", "json", *arguments, **options)

    command_line_storage(sim, aws, name)
    command_line_function(sim, aws, name)
    token = aws("ecr", "get-login-password").strip()
    basic = base64.b64encode(f"AWS:{token}".encode()).decode()
    assert sim.http("GET", "/v2/", headers={"Authorization": f"Basic {basic}"})[0] == 200


@suite.test
def newest_command_line(sim):
    command_line(sim, pypi("awscli", "awscli") / "aws", "cli-newest")


@suite.test
def debians_command_line(sim):
    if not os.access("/usr/bin/aws", os.X_OK):
        debian_install("awscli")
    command_line(sim, "/usr/bin/aws", "cli-debian")


@suite.test
def newest_command_line_secure(_):
    with secure_awssim() as (sim, certificate):
        def aws(*arguments, **options):
            return run(sim, pypi("awscli", "awscli") / "aws", *arguments, AWS_ENDPOINT_URL=f"https://localhost:{sim.port}",
                       AWS_CA_BUNDLE=certificate, **options)

        command_line_storage(sim, aws, "cli-secure", "--cacert", certificate)
        assert aws("ecr", "get-login-password").strip()


@suite.test
def endpoint_of_the_environment(sim):
    """What `awssimctl env` prints is all that the newest CLI needs."""
    program = pypi("awscli", "awscli") / "aws"
    assert json.loads(run(sim, program, "--output", "json", "sts", "get-caller-identity"))["Account"] == "123456789012"


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
