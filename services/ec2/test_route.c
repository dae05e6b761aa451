/* Tests of the ec2 service: route tables, routes, internet and NAT gateways, elastic addresses, network ACLs. */
#include "services/ec2/test_ec2.h"

static const char *vpc, *subnet;

static int set_up_vpc(void **state)
{
    int result = set_up(state);
    vpc = new_vpc("10.0.0.0/16");
    subnet = new_subnet(vpc, "10.0.0.0/24");
    return result;
}

static const char *new_gateway(void)
{
    ok("CreateInternetGateway");
    const char *gateway = element("internetGatewayId");
    ok("AttachInternetGateway&InternetGatewayId=%s&VpcId=%s", gateway, vpc);
    return gateway;
}

static const char *new_table(void)
{
    ok("CreateRouteTable&VpcId=%s", vpc);
    return element("routeTableId");
}

static const char *new_address(void)
{
    ok("AllocateAddress&Domain=vpc");
    return element("allocationId");
}

static void test_internet_gateway(void **state)
{
    (void)state;
    const char *gateway = new_gateway();
    refused("Resource.AlreadyAssociated", "AttachInternetGateway&InternetGatewayId=%s&VpcId=%s", gateway, vpc);
    refused("DependencyViolation", "DeleteInternetGateway&InternetGatewayId=%s", gateway);
    refused("DependencyViolation", "DeleteVpc&VpcId=%s", vpc);
    ok("DetachInternetGateway&InternetGatewayId=%s&VpcId=%s", gateway, vpc);
    refused("Gateway.NotAttached", "DetachInternetGateway&InternetGatewayId=%s&VpcId=%s", gateway, vpc);
    ok("DeleteInternetGateway&InternetGatewayId=%s", gateway);
    refused("InvalidInternetGatewayID.NotFound", "DescribeInternetGateways&InternetGatewayId.1=%s", gateway);
    refused("MissingParameter", "AttachInternetGateway&VpcId=%s", vpc);
}

static void test_routes(void **state)
{
    (void)state;
    const char *gateway = new_gateway(), *table = new_table();
    ok("CreateRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0&GatewayId=%s", table, gateway);
    refused("RouteAlreadyExists", "CreateRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0&GatewayId=%s", table,
            gateway);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    shows("<origin>CreateRoute</origin>");
    shows("<origin>CreateRouteTable</origin>");
    refused("InvalidInternetGatewayID.NotFound",
            "CreateRoute&RouteTableId=%s&DestinationCidrBlock=192.0.2.0/24&GatewayId=igw-12345678", table);
    refused("InvalidParameterValue", "CreateRoute&RouteTableId=%s&DestinationCidrBlock=nowhere&GatewayId=%s", table,
            gateway);
    refused("InvalidRouteTableID.NotFound",
            "CreateRoute&RouteTableId=rtb-12345678&DestinationCidrBlock=0.0.0.0/0&GatewayId=%s", gateway);
    ok("CreateNetworkInterface&SubnetId=%s", subnet);
    const char *interface = element("networkInterfaceId");
    ok("ReplaceRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0&NetworkInterfaceId=%s", table, interface);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    shows(interface);
    ok("DeleteRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0", table);
    refused("InvalidRoute.NotFound", "DeleteRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0", table);
    refused("InvalidParameterValue", "DeleteRoute&RouteTableId=%s&DestinationCidrBlock=10.0.0.0/16", table);
}

static void test_associations(void **state)
{
    (void)state;
    const char *table = new_table(), *other = new_table();
    ok("AssociateRouteTable&RouteTableId=%s&SubnetId=%s", table, subnet);
    const char *association = element("associationId");
    refused("Resource.AlreadyAssociated", "AssociateRouteTable&RouteTableId=%s&SubnetId=%s", other, subnet);
    refused("DependencyViolation", "DeleteRouteTable&RouteTableId=%s", table);
    ok("DescribeRouteTables&Filter.1.Name=association.route-table-association-id&Filter.1.Value.1=%s", association);
    assert_string_equal(element("routeTableId"), table);
    ok("ReplaceRouteTableAssociation&AssociationId=%s&RouteTableId=%s", association, other);
    association = element("newAssociationId");
    ok("DeleteRouteTable&RouteTableId=%s", table);
    ok("DisassociateRouteTable&AssociationId=%s", association);
    refused("InvalidAssociationID.NotFound", "DisassociateRouteTable&AssociationId=%s", association);
    ok("DeleteRouteTable&RouteTableId=%s", other);
    ok("DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    const char *main_table = element("routeTableId"), *main_association = element("routeTableAssociationId");
    refused("DependencyViolation", "DeleteRouteTable&RouteTableId=%s", main_table);
    refused("InvalidParameterValue", "DisassociateRouteTable&AssociationId=%s", main_association);
}

static void test_addresses(void **state)
{
    (void)state;
    const char *gateway = new_gateway(), *address = new_address();
    ok("DescribeAddressesAttribute&AllocationId.1=%s&Attribute=domain-name", address);
    ok("CreateNetworkInterface&SubnetId=%s", subnet);
    const char *interface = element("networkInterfaceId");
    ok("AssociateAddress&AllocationId=%s&NetworkInterfaceId=%s", address, interface);
    const char *association = element("associationId");
    ok("DescribeAddresses&AllocationId.1=%s", address);
    assert_string_equal(element("networkInterfaceId"), interface);
    refused("InvalidIPAddress.InUse", "ReleaseAddress&AllocationId=%s", address);
    refused("DependencyViolation", "DetachInternetGateway&InternetGatewayId=%s&VpcId=%s", gateway, vpc);
    shows("has some mapped public address(es)");
    ok("DisassociateAddress&AssociationId=%s", association);
    refused("InvalidAssociationID.NotFound", "DisassociateAddress&AssociationId=%s", association);
    ok("ReleaseAddress&AllocationId=%s", address);
    refused("InvalidAllocationID.NotFound", "ReleaseAddress&AllocationId=%s", address);
    refused("InvalidAllocationID.NotFound", "DescribeAddresses&AllocationId.1=%s", address);
}

static void test_nat_gateways(void **state)
{
    (void)state;
    new_gateway();
    const char *address = new_address();
    ok("CreateNatGateway&SubnetId=%s&AllocationId=%s&ClientToken=t", subnet, address);
    const char *gateway = element("natGatewayId");
    shows("<state>pending</state>");
    ok("CreateNatGateway&SubnetId=%s&AllocationId=%s&ClientToken=t", subnet, address);
    assert_string_equal(element("natGatewayId"), gateway);
    refused("IdempotentParameterMismatch", "CreateNatGateway&SubnetId=%s&ConnectivityType=private&ClientToken=t",
            subnet);
    worker_test_set_time(worker, test_now + 60000);
    ok("DescribeNatGateways&NatGatewayId.1=%s", gateway);
    shows("<state>available</state>");
    shows(address);
    ok("DescribeNetworkInterfaces&Filter.1.Name=interface-type&Filter.1.Value.1=nat_gateway");
    assert_int_equal(count("<networkInterfaceId>"), 1);
    refused("DependencyViolation", "DeleteSubnet&SubnetId=%s", subnet);
    ok("DeleteNatGateway&NatGatewayId=%s", gateway);
    worker_test_set_time(worker, test_now + 120000);
    ok("DescribeNatGateways&NatGatewayId.1=%s", gateway);
    shows("<state>deleted</state>");
    ok("ReleaseAddress&AllocationId=%s", address);
    ok("DeleteSubnet&SubnetId=%s", subnet);
    worker_test_set_time(worker, test_now + 7200000);
    refused("NatGatewayNotFound", "DescribeNatGateways&NatGatewayId.1=%s", gateway);
    refused("NatGatewayNotFound", "DeleteNatGateway&NatGatewayId=nat-00000000000000000");
    refused("InvalidSubnetID.NotFound", "CreateNatGateway&SubnetId=subnet-12345678&ConnectivityType=private");
}

static void test_network_acls(void **state)
{
    (void)state;
    ok("CreateNetworkAcl&VpcId=%s", vpc);
    const char *acl = element("networkAclId");
    assert_int_equal(count("<ruleNumber>32767</ruleNumber>"), 2);
    const char *entry = "RuleNumber=100&Protocol=6&RuleAction=allow&Egress=false&CidrBlock=10.0.0.0/8&PortRange.From=80"
                        "&PortRange.To=80";
    ok("CreateNetworkAclEntry&NetworkAclId=%s&%s", acl, entry);
    refused("NetworkAclEntryAlreadyExists", "CreateNetworkAclEntry&NetworkAclId=%s&%s", acl, entry);
    ok("ReplaceNetworkAclEntry&NetworkAclId=%s&RuleNumber=100&Protocol=-1&RuleAction=deny&Egress=false"
       "&CidrBlock=10.0.0.0/8",
       acl);
    ok("DescribeNetworkAcls&NetworkAclId.1=%s", acl);
    assert_int_equal(count("<ruleAction>deny</ruleAction>"), 3);
    ok("DescribeNetworkAcls&Filter.1.Name=association.subnet-id&Filter.1.Value.1=%s", subnet);
    const char *association = element("networkAclAssociationId");
    ok("ReplaceNetworkAclAssociation&AssociationId=%s&NetworkAclId=%s", association, acl);
    association = element("newAssociationId");
    refused("DependencyViolation", "DeleteNetworkAcl&NetworkAclId=%s", acl);
    ok("DescribeNetworkAcls&Filter.1.Name=default&Filter.1.Value.1=true&Filter.2.Name=vpc-id&Filter.2.Value.1=%s", vpc);
    const char *main_acl = element("networkAclId");
    refused("InvalidParameterValue", "DeleteNetworkAcl&NetworkAclId=%s", main_acl);
    ok("ReplaceNetworkAclAssociation&AssociationId=%s&NetworkAclId=%s", association, main_acl);
    ok("DeleteNetworkAclEntry&NetworkAclId=%s&RuleNumber=100&Egress=false", acl);
    refused("InvalidNetworkAclEntry.NotFound", "DeleteNetworkAclEntry&NetworkAclId=%s&RuleNumber=100&Egress=false",
            acl);
    ok("DeleteNetworkAcl&NetworkAclId=%s", acl);
    refused("InvalidNetworkAclID.NotFound", "DescribeNetworkAcls&NetworkAclId.1=%s", acl);
}

static void test_private_nat_addresses(void **state)
{
    (void)state;
    ok("CreateNatGateway&SubnetId=%s&ConnectivityType=private", subnet);
    const char *gateway = element("natGatewayId");
    ok("AssignPrivateNatGatewayAddress&NatGatewayId=%s&PrivateIpAddress.1=10.0.0.77", gateway);
    ok("DescribeNatGateways&NatGatewayId.1=%s", gateway);
    assert_int_equal(count("<privateIp>"), 2);
    ok("UnassignPrivateNatGatewayAddress&NatGatewayId=%s&PrivateIpAddress.1=10.0.0.77", gateway);
    ok("DescribeNatGateways&NatGatewayId.1=%s", gateway);
    assert_int_equal(count("<privateIp>"), 1);
    refused("InvalidParameterValue", "UnassignPrivateNatGatewayAddress&NatGatewayId=%s&PrivateIpAddress.1=10.0.0.77",
            gateway);
    refused("MissingParameter", "AssignPrivateNatGatewayAddress&NatGatewayId=%s", gateway);
    refused("NatGatewayNotFound",
            "AssignPrivateNatGatewayAddress&NatGatewayId=nat-00000000000000000&PrivateIpAddressCount=1");
    refused("InvalidParameter", "AssociateNatGatewayAddress&NatGatewayId=%s&AllocationId.1=%s", gateway, new_address());
}

static void test_public_nat_addresses(void **state)
{
    (void)state;
    new_gateway();
    const char *first = new_address(), *second = new_address();
    ok("CreateNatGateway&SubnetId=%s&AllocationId=%s", subnet, first);
    const char *gateway = element("natGatewayId");
    refused("Resource.AlreadyAssociated", "AssociateNatGatewayAddress&NatGatewayId=%s&AllocationId.1=%s", gateway,
            first);
    ok("AssociateNatGatewayAddress&NatGatewayId=%s&AllocationId.1=%s", gateway, second);
    const char *association = element("associationId");
    ok("DescribeNatGateways&NatGatewayId.1=%s", gateway);
    assert_int_equal(count("<allocationId>"), 2);
    ok("DisassociateNatGatewayAddress&NatGatewayId=%s&AssociationId.1=%s", gateway, association);
    ok("ReleaseAddress&AllocationId=%s", second);
    refused("InvalidParameterValue", "DisassociateNatGatewayAddress&NatGatewayId=%s&AssociationId.1=%s", gateway,
            association);
    refused("NatGatewayNotFound", "DisassociateNatGatewayAddress&NatGatewayId=nat-00000000000000000&AssociationId.1=%s",
            association);
}

static void test_egress_only_gateway(void **state)
{
    (void)state;
    const char *table = new_table(), *other = new_vpc("10.9.0.0/16");
    refused("InvalidVpcID.NotFound", "CreateEgressOnlyInternetGateway&VpcId=vpc-01234567");
    refused("InvalidGatewayID.NotFound", "DeleteEgressOnlyInternetGateway&EgressOnlyInternetGatewayId=eigw-01234567");
    ok("CreateEgressOnlyInternetGateway&VpcId=%s&ClientToken=once&TagSpecification.1.ResourceType="
       "egress-only-internet-gateway&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v",
       vpc);
    const char *gateway = element("egressOnlyInternetGatewayId");
    shows("<state>attached</state>");
    ok("CreateEgressOnlyInternetGateway&VpcId=%s&ClientToken=once&TagSpecification.1.ResourceType="
       "egress-only-internet-gateway&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v",
       vpc);
    assert_string_equal(element("egressOnlyInternetGatewayId"), gateway);
    ok("DescribeEgressOnlyInternetGateways&EgressOnlyInternetGatewayId.1=%s", gateway);
    shows("<key>k</key>");
    ok("CreateRoute&RouteTableId=%s&DestinationIpv6CidrBlock=::/0&EgressOnlyInternetGatewayId=%s", table, gateway);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    shows("<egressOnlyInternetGatewayId>eigw-");
    refused("InvalidParameterCombination",
            "CreateRoute&RouteTableId=%s&DestinationCidrBlock=0.0.0.0/0&EgressOnlyInternetGatewayId=%s", table,
            gateway);
    ok("CreateRouteTable&VpcId=%s", other);
    refused("InvalidParameterValue",
            "CreateRoute&RouteTableId=%s&DestinationIpv6CidrBlock=::/0&EgressOnlyInternetGatewayId=%s",
            element("routeTableId"), gateway);
    ok("DeleteEgressOnlyInternetGateway&EgressOnlyInternetGatewayId=%s", gateway);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    shows("<state>blackhole</state>");
    ok("DescribeEgressOnlyInternetGateways");
    assert_false(says("eigw-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_internet_gateway, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_routes, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_associations, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_nat_gateways, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_network_acls, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_private_nat_addresses, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_public_nat_addresses, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_egress_only_gateway, set_up_vpc, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
