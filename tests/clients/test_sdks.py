#!/usr/bin/env python3
"""AWS's SDKs for JavaScript (v3) and Go (v2), newest releases, with their waiters, paginators, uploads and presigners."""

import io
import pathlib
import shutil
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite  # noqa: E402
from clients import CLIENTS, go_build, npm, run  # noqa: E402

suite = Suite()
PACKAGES = ("client-sts", "client-ecs", "client-cloudwatch-logs", "client-s3", "client-lambda", "lib-storage",
            "s3-request-presigner")


def javascript(sim, *arguments):
    folder = npm("js-sdk", *(f"@aws-sdk/{package}@3" for package in PACKAGES))
    shutil.copy(CLIENTS / "js-sdk" / "main.mjs", folder)
    return run(sim, "node", folder / "main.mjs", *arguments)


@suite.test
def javascript_identity(sim):
    javascript(sim, "identity")


@suite.test
def javascript_task(sim):
    javascript(sim, "task", sim.ec2_ids("Subnets", "subnetId")[0])


@suite.test
def javascript_storage(sim):
    javascript(sim, "storage")


@suite.test
def javascript_invocation(sim):
    sim.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument=(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, '
        '"Action": "sts:AssumeRole"}]}'))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.mjs", "export const handler = async (event) => ({ got: event });\n")
    path = pathlib.Path(sim.dir, "function.zip")
    path.write_bytes(content.getvalue())
    javascript(sim, "invocation", path)


@suite.test
def go_identity(sim):
    run(sim, go_build("go-sdk"), "identity")


@suite.test
def go_network(sim):
    run(sim, go_build("go-sdk"), "network")


@suite.test
def go_task(sim):
    run(sim, go_build("go-sdk"), "task")


@suite.test
def go_storage(sim):
    run(sim, go_build("go-sdk"), "storage")


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
