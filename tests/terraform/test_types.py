#!/usr/bin/env python3
"""Every resource type of the AWS provider that needs only awssim's services: each file in types/ is applied, planned empty and
destroyed, and nothing is left. The files' types and those of types/unsupported.txt together are the provider's types of these
services, no more and no fewer, and what is said to be unsupported is.

It needs `terraform` and the AWS provider (support/terraform.py says where it is looked for); without them it is skipped.
"""

import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import ROOT, Awssim, Suite  # noqa: E402
from terraform import PLAN_EMPTY, PROVIDER, Terraform, skip_reason  # noqa: E402

TYPES = pathlib.Path(__file__).parent / "types"
COMMON = [TYPES / "provider.tf", TYPES / "function.py"]
AT_ONCE = "-parallelism=20"
# How the provider's names of a service's types begin, without aws_: whole words.
WORDS = {
    "ec2": """ami customer_gateway default_network_acl default_route_table default_security_group default_subnet default_vpc ebs ec2
              egress_only_internet_gateway eip flow_log instance internet_gateway key_pair launch_template
              main_route_table_association nat_gateway network_acl network_interface placement_group route route_table
              security_group snapshot_create_volume_permission spot subnet verifiedaccess volume_attachment vpc vpn_connection
              vpn_gateway""",
    "ecr": "ecr ecrpublic", "ecs": "ecs", "efs": "efs", "iam": "iam", "lambda": "lambda",
    "logs": "cloudwatch_log cloudwatch_query_definition", "s3": "s3 s3control", "servicediscovery": "service_discovery",
}
PREFIXES = [f"aws_{word}" for words in WORDS.values() for word in words.split()]
NEWER = "5.100.0"  # the version whose types the table knows


def sources():
    return sorted(path for path in TYPES.glob("*.tf") if path not in COMMON)


def is_ours(name):
    return any(name == prefix or name.startswith(prefix + "_") for prefix in PREFIXES)


def applied():
    return {name for path in sources() for name in re.findall(r'^resource "(\w+)"', path.read_text(), re.MULTILINE)}


def unsupported():
    """Type → why, from the table."""
    lines = [line for line in (TYPES / "unsupported.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {name: why.strip() for name, _, why in (line.partition(" ") for line in lines)}


def operations(service):
    return json.loads((ROOT / "services" / service / "api.json").read_text(encoding="utf-8"))["operations"]


def the_table_is_whole(sim):
    with tempfile.TemporaryDirectory(prefix="awssim-terraform-") as folder:
        terraform = Terraform(COMMON, folder, sim.endpoint)
        terraform.init()
        version = re.search(r"hashicorp/aws v(\S+)", terraform.run("version")[1])[1]
        schemas = json.loads(terraform.schemas())["provider_schemas"][PROVIDER]["resource_schemas"]
    ours, can, cannot = {name for name in schemas if is_ours(name)}, applied(), unsupported()
    assert not can & cannot.keys(), f"applied, and said to be unsupported: {sorted(can & cannot.keys())}"
    unknown, gone = sorted(ours - can - cannot.keys()), sorted((can | cannot.keys()) - ours)
    print(f"     provider {version}: {len(ours)} types, {len(can)} applied, {len(cannot)} unsupported")
    if version == NEWER:
        assert not unknown and not gone, f"not in the tables: {unknown}; not in the provider: {gone}"
    elif unknown or gone:
        print(f"     not in the tables, which are of {NEWER}: {unknown}; not in this provider: {gone}")


def the_unsupported_answer_501(_sim):
    for name, why in unsupported().items():
        print(f"     {name}: {why}")
        named = re.fullmatch(r"(\w+):(\w+)", why)
        if named:
            known = operations(named[1])
            assert named[2] in known, f"{name}: there is no {why}"
            assert not known[named[2]].get("handler"), f"{name}: {why} has a handler, so the type belongs into a file"


def life_of(source):
    def body(sim):
        with tempfile.TemporaryDirectory(prefix="awssim-terraform-") as folder:
            terraform = Terraform([*COMMON, source], folder, sim.endpoint)
            terraform.init()
            try:
                terraform.apply(AT_ONCE)
                terraform.plan(AT_ONCE, expected=PLAN_EMPTY)
            finally:
                terraform.destroy(AT_ONCE)
            assert terraform.resources() == []

    body.__name__ = source.stem
    return body


# Lists that are empty in an account where nothing was made: (service, operation, member, what is asked for).
LISTS = (
    ("ec2", "describe_addresses", "Addresses", {}), ("ec2", "describe_network_interfaces", "NetworkInterfaces", {}),
    ("ec2", "describe_vpcs", "Vpcs", {"Filters": [{"Name": "is-default", "Values": ["false"]}]}),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", {}),
    ("ec2", "describe_nat_gateways", "NatGateways", {"Filters": [{"Name": "state", "Values": ["pending", "available", "deleting"]}]}),
    ("ecr", "describe_repositories", "repositories", {}), ("ecr", "describe_pull_through_cache_rules", "pullThroughCacheRules", {}),
    ("ecr", "describe_repository_creation_templates", "repositoryCreationTemplates", {}),
    ("ecs", "list_clusters", "clusterArns", {}), ("ecs", "list_task_definitions", "taskDefinitionArns", {}),
    ("efs", "describe_file_systems", "FileSystems", {}), ("efs", "describe_access_points", "AccessPoints", {}),
    ("iam", "list_account_aliases", "AccountAliases", {}), ("iam", "list_groups", "Groups", {}),
    ("iam", "list_instance_profiles", "InstanceProfiles", {}),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", {}),
    ("iam", "list_policies", "Policies", {"Scope": "Local"}), ("iam", "list_roles", "Roles", {}), ("iam", "list_users", "Users", {}),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", {}), ("lambda", "list_functions", "Functions", {}),
    ("lambda", "list_layers", "Layers", {}), ("logs", "describe_log_groups", "logGroups", {"logGroupNamePrefix": "types"}),
    ("s3", "list_buckets", "Buckets", {}), ("servicediscovery", "list_namespaces", "Namespaces", {}),
)


def nothing_is_left(sim):
    left = [f"{service} {operation}: {item}" for service, operation, member, asked in LISTS
            for item in getattr(sim.client(service), operation)(**asked)[member]]
    assert not left, "\n".join(left)


def main():
    suite = Suite()
    suite.test(the_table_is_whole)
    suite.test(the_unsupported_answer_501)
    for source in sources():
        suite.test(life_of(source))
    suite.test(nothing_is_left)
    if skip_reason():
        return suite.skip(skip_reason())
    with Awssim() as sim:
        return suite.main(sim)


if __name__ == "__main__":
    sys.exit(main())
