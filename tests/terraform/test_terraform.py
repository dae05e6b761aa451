#!/usr/bin/env python3
"""Terraform stands on awssim: every folder in examples/terraform is applied, planned empty by restarted workers, changed in
place, planned empty again and destroyed, and nothing is left of it.

It needs `terraform` and the AWS provider (support/terraform.py says where it is looked for); without them it is skipped.
"""

import json
import pathlib
import re
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Suite  # noqa: E402
from functions import reported  # noqa: E402
from terraform import PLAN_CHANGES, PLAN_EMPTY, Terraform, skip_reason  # noqa: E402

EXAMPLES = ROOT / "examples" / "terraform"
CHANGED = "stage=second"  # every example has the variable `stage`, which changes resources in place


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
            terraform = Terraform([*example.glob("*.tf"), *example.glob("*.py")], folder, sim.endpoint)
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
    suite = Suite()
    for example in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        suite.test(life_of(example))
    if skip_reason():
        return suite.skip(skip_reason())
    with Awssim() as sim:
        return suite.main(sim)


if __name__ == "__main__":
    sys.exit(main())
