#!/usr/bin/env python3
"""EC2's networking through boto3: the answers parse, the waiters end, pages and filters are whole, state survives kill -9."""

import ipaddress
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from awssim import Awssim, Suite, in_threads  # noqa: E402

suite = Suite()
FAST = {"Delay": 0.05, "MaxAttempts": 400}


def refused(code, operation, **arguments):
    from botocore.exceptions import ClientError

    try:
        answer = operation(**arguments)
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == code, failure
        return failure.response
    raise AssertionError(f"not refused with {code}: {answer}")


def only(*pairs):
    return [{"Name": name, "Values": [value]} for name, value in pairs]


def make_vpc(ec2, cidr="10.0.0.0/16"):
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc], WaiterConfig=FAST)
    return vpc


def remove_vpc(ec2, vpc):
    for subnet in ec2.describe_subnets(Filters=only(("vpc-id", vpc)))["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for group in ec2.describe_security_groups(Filters=only(("vpc-id", vpc)))["SecurityGroups"]:
        if group["GroupName"] != "default":
            ec2.delete_security_group(GroupId=group["GroupId"])
    ec2.delete_vpc(VpcId=vpc)


@suite.test
def default_network(sim):
    for region, zones in (("us-east-1", 6), ("eu-west-1", 3)):
        ec2 = sim.client("ec2", region)
        vpc, = ec2.describe_vpcs(Filters=only(("is-default", "true")))["Vpcs"]
        assert vpc["CidrBlock"] == "172.31.0.0/16" and vpc["State"] == "available", vpc
        subnets = ec2.describe_subnets(Filters=only(("vpc-id", vpc["VpcId"])))["Subnets"]
        assert len(subnets) == zones and all(subnet["DefaultForAz"] for subnet in subnets)
        table, = ec2.describe_route_tables(Filters=only(("vpc-id", vpc["VpcId"])))["RouteTables"]
        assert {route["DestinationCidrBlock"] for route in table["Routes"]} == {"172.31.0.0/16", "0.0.0.0/0"}
        named = ec2.describe_availability_zones()["AvailabilityZones"]
        assert {zone["ZoneName"] for zone in named} == {subnet["AvailabilityZone"] for subnet in subnets}


@suite.test
def ways_out(sim):
    ec2 = sim.client("ec2")
    vpc = make_vpc(ec2)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    ec2.get_waiter("subnet_available").wait(SubnetIds=[subnet], WaiterConfig=FAST)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat], WaiterConfig=FAST)
    shown, = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"]
    assert shown["NatGatewayAddresses"][0]["PublicIp"] == address["PublicIp"], shown
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat], WaiterConfig=FAST)
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    remove_vpc(ec2, vpc)
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])


@suite.test
def rules(sim):
    ec2 = sim.client("ec2")
    vpc = make_vpc(ec2)
    group = ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc)["GroupId"]
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    rule, = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[web])["SecurityGroupRules"]
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[web])
    ec2.create_tags(Resources=[rule["SecurityGroupRuleId"]], Tags=[{"Key": "k", "Value": "v"}])
    found, = ec2.describe_security_group_rules(Filters=only(("tag:k", "v")))["SecurityGroupRules"]
    assert found["CidrIpv4"] == "10.0.0.0/8" and found["GroupId"] == group, found
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[web])
    dry = refused("DryRunOperation", ec2.delete_security_group, GroupId=group, DryRun=True)
    assert dry["ResponseMetadata"]["HTTPStatusCode"] == 412
    remove_vpc(ec2, vpc)


@suite.test
def addresses_are_unique_at_once(sim):
    ec2 = sim.client("ec2")
    vpc = make_vpc(ec2)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/27")["Subnet"]["SubnetId"]
    made = []
    in_threads(9, lambda _: made.extend(
        sim.client("ec2").create_network_interface(SubnetId=subnet)["NetworkInterface"] for _ in range(3)))
    given = {interface["PrivateIpAddress"] for interface in made}
    assert len(given) == 27 and all(
        ipaddress.ip_address(one) in ipaddress.ip_network("10.0.0.0/27") for one in given), given
    refused("InsufficientFreeAddressesInSubnet", ec2.create_network_interface, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    for interface in made:
        ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    shown, = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert shown["AvailableIpAddressCount"] == 27, shown
    remove_vpc(ec2, vpc)


@suite.test
def pages(sim):
    ec2 = sim.client("ec2", account="222233334444")
    vpc = make_vpc(ec2)
    for i in range(23):
        ec2.create_security_group(GroupName=f"g{i}", Description="d", VpcId=vpc)
    found = [group["GroupName"] for page in ec2.get_paginator("describe_security_groups").paginate(
        Filters=only(("group-name", "g*"), ("vpc-id", vpc)), PaginationConfig={"PageSize": 5})
        for group in page["SecurityGroups"]]
    assert sorted(found) == sorted(f"g{i}" for i in range(23)), found
    remove_vpc(ec2, vpc)


@suite.test
def accounts_and_regions_are_apart(sim):
    vpc = make_vpc(sim.client("ec2", account="333344445555"))
    for region, account in (("us-east-1", "444455556666"), ("eu-west-1", "333344445555")):
        refused("InvalidVpcID.NotFound", sim.client("ec2", region, account).describe_vpcs, VpcIds=[vpc])
    remove_vpc(sim.client("ec2", account="333344445555"), vpc)


@suite.test
def survives_a_kill(sim):
    with Awssim() as own:
        ec2 = own.client("ec2")
        vpc = make_vpc(ec2)
        before = ec2.describe_security_groups()["SecurityGroups"]
        own.kill()
        own.start()
        ec2 = own.client("ec2")
        assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"] == "10.0.0.0/16"
        assert ec2.describe_security_groups()["SecurityGroups"] == before


if __name__ == "__main__":
    with Awssim() as simulator:
        sys.exit(suite.main(simulator))
