#!/usr/bin/env python3
"""Terraform stands on awssim: every folder in examples/terraform is applied, planned empty by restarted workers, changed in
place, planned empty again and destroyed, and nothing is left of it.

It needs `terraform` and the AWS provider. The provider is the folder that holds registry.terraform.io: AWSSIM_TF_PLUGIN_DIR,
or one of the places where Terraform itself looks. Without them the suite says so and passes nothing.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Suite  # noqa: E402
from functions import reported  # noqa: E402

EXAMPLES = ROOT / "examples" / "terraform"
CHANGED = "stage=second"  # every example has the variable `stage`, which changes resources in place
PLAN_EMPTY, PLAN_CHANGES = 0, 2
TIMEOUT_S = 420


def plugin_dir():
    home = pathlib.Path.home()
    places = [os.environ.get("AWSSIM_TF_PLUGIN_DIR"), home / ".terraform.d/plugins",
              home / ".local/share/terraform/plugins", "/usr/local/share/terraform/plugins",
              "/usr/share/terraform/plugins"]
    for place in filter(None, places):
        if (pathlib.Path(place) / "registry.terraform.io/hashicorp/aws").is_dir():
            return str(place)
    return None


def skip_reason():
    if not shutil.which("terraform"):
        return "terraform is not installed"
    if not plugin_dir():
        return "the AWS provider is not installed (AWSSIM_TF_PLUGIN_DIR)"
    return None


class Terraform:
    """One example in a folder of its own."""

    def __init__(self, example, folder, endpoint):
        self.folder = pathlib.Path(folder)
        for source in example.glob("*.tf"):
            shutil.copy(source, self.folder)
        for source in example.glob("*.py"):
            with zipfile.ZipFile(self.folder / f"{source.stem}.zip", "w") as package:
                package.write(source, source.name)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true", "TF_VAR_endpoint": endpoint}

    def run(self, *arguments, expected=(0,)):
        done = subprocess.run(["terraform", *arguments], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert done.returncode in expected, f"terraform {arguments}: {done.returncode}\n{said[-6000:]}"
        return done.returncode, said

    def init(self):
        self.run("init", "-input=false", f"-plugin-dir={plugin_dir()}")

    def apply(self, *variables):
        return self.run("apply", "-auto-approve", "-input=false", *variables)[1]

    def plan(self, *variables, expected):
        self.run("plan", "-detailed-exitcode", "-input=false", *variables, expected=(expected,))

    def destroy(self, *variables):
        self.run("destroy", "-auto-approve", "-input=false", *variables)

    def resources(self):
        return self.run("state", "list")[1].split()


def leftovers(sim):
    """What EC2 holds that is not part of a default network, as a list of ids."""
    ec2 = sim.client("ec2")
    default = [vpc["VpcId"] for vpc in ec2.describe_vpcs(
        Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]]
    found = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["VpcId"] not in default]
    for operation, member, name in (("describe_subnets", "Subnets", "SubnetId"),
                                    ("describe_security_groups", "SecurityGroups", "GroupId"),
                                    ("describe_route_tables", "RouteTables", "RouteTableId"),
                                    ("describe_network_acls", "NetworkAcls", "NetworkAclId")):
        found += [one[name] for one in getattr(ec2, operation)()[member] if one["VpcId"] not in default]
    found += [one["NetworkInterfaceId"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]]
    found += [one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]]
    found += [one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]]
    found += [one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"]
    return found


def restart_workers(sim):
    with urllib.request.urlopen(f"{sim.endpoint}/health") as answer:
        services = json.load(answer)["services"]
    for service in services:
        sim.ctl("restart", service)


def upload_calls_function(sim):
    """Uploads below the filter's prefix call the function, others do not."""
    s3 = sim.client("s3")
    for key in ("elsewhere/a.txt", "incoming/a file.txt"):
        s3.put_object(Bucket="terraform-lambda-uploads", Key=key, Body=b"uploaded")
    lines = reported(sim, "terraform-lambda")
    assert "uploaded: incoming/a+file.txt" in lines and not any("elsewhere" in line for line in lines), lines


# What an example must do beyond being there.
WORKS = {"lambda-s3": upload_calls_function}


def life_of(example):
    def body(sim):
        with tempfile.TemporaryDirectory(prefix="awssim-terraform-") as folder:
            terraform = Terraform(example, folder, sim.endpoint)
            terraform.init()
            terraform.apply()
            try:
                restart_workers(sim)
                WORKS.get(example.name, lambda _: None)(sim)
                terraform.plan(expected=PLAN_EMPTY)
                terraform.plan(f"-var={CHANGED}", expected=PLAN_CHANGES)
                said = terraform.apply(f"-var={CHANGED}")
                assert re.search(r"0 added, [1-9]\d* changed, 0 destroyed", said), said[-2000:]
                terraform.plan(f"-var={CHANGED}", expected=PLAN_EMPTY)
            finally:
                terraform.destroy(f"-var={CHANGED}")
            assert terraform.resources() == []
        assert leftovers(sim) == []

    body.__name__ = example.name.replace("-", "_")
    return body


def main():
    reason = skip_reason()
    if reason:
        print(f"SKIPPED: {reason}")
        print("0 passed, 0 failed")
        return 0
    suite = Suite()
    for example in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        suite.test(life_of(example))
    with Awssim() as sim:
        return suite.main(sim)


if __name__ == "__main__":
    sys.exit(main())
