#!/usr/bin/env python3
"""AWS's SDKs for JavaScript (v3, its newest release) and Go (v2), with their waiters, paginators, uploads in parts, presigners
and typed errors. The programs are in js-sdk and go-sdk; a test here is a part of one."""

import io
import json
import pathlib
import shutil
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, secure_awssim  # noqa: E402
from clients import CLIENTS, go_build, node, npm, run  # noqa: E402

suite = Suite()
PACKAGES = ("client-cloudwatch-logs", "client-ec2", "client-ecr", "client-ecs", "client-iam", "client-lambda", "client-s3",
            "client-sts", "lib-storage", "s3-presigned-post", "s3-request-presigner")
FUNCTION = """import os
def handler(event, context):
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"got": event, "color": os.environ.get("COLOR")}
"""


def javascript(sim, *arguments, **variables):
    folder = npm("js-sdk", *(f"@aws-sdk/{package}@3" for package in PACKAGES))
    shutil.copytree(CLIENTS / "js-sdk", folder, dirs_exist_ok=True)
    run(sim, node() / "node", folder / "main.mjs", *arguments, **variables)


def go(sim, *arguments, **variables):
    run(sim, go_build("go-sdk"), *arguments, **variables)


def function(sim, language):
    """An archive with a function's code, and a role for it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = sim.client("iam").create_role(RoleName=f"{language}-functions", AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", FUNCTION)
    path = pathlib.Path(sim.dir, f"{language}.zip")
    path.write_bytes(content.getvalue())
    return path, role


@suite.test
def javascript_identity(sim):
    javascript(sim, "identity")


@suite.test
def javascript_policies(sim):
    javascript(sim, "policies")


@suite.test
def javascript_network(sim):
    javascript(sim, "network")


@suite.test
def javascript_registry(sim):
    javascript(sim, "registry")


@suite.test
def javascript_task(sim):
    javascript(sim, "task", sim.ec2_ids("Subnets", "subnetId")[0])


@suite.test
def javascript_logs(sim):
    javascript(sim, "logs")


@suite.test
def javascript_storage(sim):
    javascript(sim, "storage")


@suite.test
def javascript_parts(sim):
    javascript(sim, "parts")


@suite.test
def javascript_invocation(sim):
    javascript(sim, "invocation", *function(sim, "js"))


@suite.test
def go_identity(sim):
    go(sim, "identity")


@suite.test
def go_policies(sim):
    go(sim, "policies")


@suite.test
def go_network(sim):
    go(sim, "network")


@suite.test
def go_registry(sim):
    go(sim, "registry")


@suite.test
def go_task(sim):
    go(sim, "task")


@suite.test
def go_logs(sim):
    go(sim, "logs")


@suite.test
def go_storage(sim):
    go(sim, "storage")


@suite.test
def go_parts(sim):
    go(sim, "parts")


@suite.test
def go_invocation(sim):
    go(sim, "invocation", *function(sim, "go"))


@suite.test
def secure(_):
    """Both by https, where the Go SDK sends its checksums behind the body."""
    with secure_awssim() as (sim, certificate):
        endpoint = f"https://localhost:{sim.port}"
        for part in ("storage", "parts", "registry"):
            javascript(sim, part, AWS_ENDPOINT_URL=endpoint, NODE_EXTRA_CA_CERTS=certificate)
            go(sim, part, AWS_ENDPOINT_URL=endpoint, SSL_CERT_FILE=certificate)


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
