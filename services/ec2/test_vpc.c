/* Tests of the ec2 service: VPCs, subnets, zones and what an account has from the start. */
#include "services/ec2/test_ec2.h"

static void test_default_network(void **state)
{
    (void)state;
    ok("DescribeVpcs");
    assert_int_equal(count("<vpcId>"), 1);
    shows("<cidrBlock>172.31.0.0/16</cidrBlock>");
    shows("<isDefault>true</isDefault>");
    const char *vpc = element("vpcId");
    ok("DescribeSubnets&Filter.1.Name=default-for-az&Filter.1.Value.1=true");
    assert_int_equal(count("<subnetId>"), 6);
    assert_int_equal(count("<availableIpAddressCount>4091</availableIpAddressCount>"), 6);
    assert_int_equal(count("<mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>"), 6);
    ok("DescribeInternetGateways&Filter.1.Name=attachment.vpc-id&Filter.1.Value.1=%s", vpc);
    assert_int_equal(count("<internetGatewayId>"), 1);
    ok("DescribeRouteTables&Filter.1.Name=association.main&Filter.1.Value.1=true");
    assert_int_equal(count("<destinationCidrBlock>"), 2);
    shows("<gatewayId>local</gatewayId>");
    ok("DescribeNetworkAcls&Filter.1.Name=default&Filter.1.Value.1=true");
    assert_int_equal(count("<ruleNumber>100</ruleNumber>"), 2);
    assert_int_equal(count("<ruleNumber>32767</ruleNumber>"), 2);
    ok("DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=default");
    assert_int_equal(count("<groupName>default</groupName>"), 1);
    shows("<cidrIp>0.0.0.0/0</cidrIp>");
    ok("DescribeDhcpOptions");
    shows("<value>AmazonProvidedDNS</value>");
}

static void test_scopes_are_apart(void **state)
{
    (void)state;
    new_vpc("10.0.0.0/16");
    test_region = S("eu-west-1");
    ok("DescribeVpcs");
    assert_int_equal(count("<vpcId>"), 1);
    ok("DescribeSubnets");
    assert_int_equal(count("<subnetId>"), 3);
    shows("eu-west-1c");
    test_region = S("us-east-1");
    test_account = S("999988887777");
    ok("DescribeVpcs");
    assert_int_equal(count("<vpcId>"), 1);
}

static void test_vpc_life(void **state)
{
    (void)state;
    ok("CreateVpc&CidrBlock=10.1.2.3/16&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=Name"
       "&TagSpecification.1.Tag.1.Value=one");
    shows("<cidrBlock>10.1.0.0/16</cidrBlock>");
    const char *vpc = element("vpcId");
    ok("DescribeVpcs&Filter.1.Name=tag:Name&Filter.1.Value.1=o*");
    assert_string_equal(element("vpcId"), vpc);
    shows("<state>available</state>");
    ok("DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    assert_int_equal(count("<main>true</main>"), 1);
    ok("DescribeNetworkAcls&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    shows("<default>true</default>");
    ok("DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    shows("<groupName>default</groupName>");
    const char *subnet = new_subnet(vpc, "10.1.0.0/24");
    refused("DependencyViolation", "DeleteVpc&VpcId=%s", vpc);
    ok("DeleteSubnet&SubnetId=%s", subnet);
    refused("DryRunOperation", "DeleteVpc&VpcId=%s&DryRun=true", vpc);
    assert_int_equal(reply.status, 412);
    ok("DeleteVpc&VpcId=%s", vpc);
    refused("InvalidVpcID.NotFound", "DescribeVpcs&VpcId.1=%s", vpc);
    ok("DescribeSecurityGroups&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    assert_int_equal(count("<groupId>"), 0);
}

static void test_vpc_refusals(void **state)
{
    (void)state;
    refused("MissingParameter", "CreateVpc");
    refused("InvalidParameterValue", "CreateVpc&CidrBlock=10.0.0.0");
    refused("InvalidParameterValue", "CreateVpc&CidrBlock=10.0.0.256/16");
    refused("InvalidVpc.Range", "CreateVpc&CidrBlock=10.0.0.0/15");
    refused("InvalidVpc.Range", "CreateVpc&CidrBlock=10.0.0.0/29");
    refused("InvalidVpcID.NotFound", "DeleteVpc&VpcId=vpc-00000000000000000");
    refused("InvalidVpcID.NotFound", "DescribeVpcs&VpcId.1=vpc-12345678");
    refused("InvalidParameterValue", "DescribeVpcs&Filter.1.Name=colour&Filter.1.Value.1=red");
    shows("The filter 'colour' is invalid");
    refused("InvalidParameterValue", "DescribeVpcs&MaxResults=4");
    refused("InvalidParameterCombination", "DescribeVpcs&MaxResults=5&VpcId.1=vpc-12345678");
    refused("DryRunOperation", "CreateVpc&CidrBlock=10.0.0.0/16&DryRun=true");
    refused("InvalidParameterValue", "CreateVpc&CidrBlock=10.0.0.0/16&TagSpecification.1.ResourceType=vpc"
                                     "&TagSpecification.1.Tag.1.Key=aws:x&TagSpecification.1.Tag.1.Value=y");
    ok("DescribeVpcs");
    assert_int_equal(count("<vpcId>"), 1);
}

static void test_vpc_attributes(void **state)
{
    (void)state;
    const char *vpc = new_vpc("10.0.0.0/16");
    ok("DescribeVpcAttribute&VpcId=%s&Attribute=enableDnsSupport", vpc);
    shows("<enableDnsSupport><value>true</value></enableDnsSupport>");
    ok("DescribeVpcAttribute&VpcId=%s&Attribute=enableDnsHostnames", vpc);
    shows("<enableDnsHostnames><value>false</value></enableDnsHostnames>");
    ok("ModifyVpcAttribute&VpcId=%s&EnableDnsHostnames.Value=true", vpc);
    ok("DescribeVpcAttribute&VpcId=%s&Attribute=enableDnsHostnames", vpc);
    shows("<enableDnsHostnames><value>true</value></enableDnsHostnames>");
    refused("InvalidVpcID.NotFound", "ModifyVpcAttribute&VpcId=vpc-12345678&EnableDnsHostnames.Value=true");
    refused("InvalidParameterCombination",
            "ModifyVpcAttribute&VpcId=%s&EnableDnsHostnames.Value=true&EnableDnsSupport.Value=true", vpc);
}

static void test_secondary_ranges(void **state)
{
    (void)state;
    const char *vpc = new_vpc("10.0.0.0/16");
    refused("InvalidVpc.Range", "AssociateVpcCidrBlock&VpcId=%s&CidrBlock=10.0.0.0/24", vpc);
    ok("AssociateVpcCidrBlock&VpcId=%s&CidrBlock=10.1.0.0/16", vpc);
    const char *association = element("associationId");
    ok("DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    shows("<destinationCidrBlock>10.1.0.0/16</destinationCidrBlock>");
    const char *subnet = new_subnet(vpc, "10.1.0.0/24");
    refused("InvalidCidr.InUse", "DisassociateVpcCidrBlock&AssociationId=%s", association);
    ok("DeleteSubnet&SubnetId=%s", subnet);
    ok("DisassociateVpcCidrBlock&AssociationId=%s", association);
    ok("DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    assert_false(says("10.1.0.0/16"));
}

static void test_subnets(void **state)
{
    (void)state;
    const char *vpc = new_vpc("10.0.0.0/16");
    ok("CreateSubnet&VpcId=%s&CidrBlock=10.0.1.9/24&AvailabilityZone=us-east-1b", vpc);
    shows("<cidrBlock>10.0.1.0/24</cidrBlock>");
    shows("<availabilityZone>us-east-1b</availabilityZone>");
    shows("<availableIpAddressCount>251</availableIpAddressCount>");
    const char *subnet = element("subnetId");
    refused("InvalidSubnet.Conflict", "CreateSubnet&VpcId=%s&CidrBlock=10.0.1.128/25", vpc);
    refused("InvalidSubnet.Range", "CreateSubnet&VpcId=%s&CidrBlock=10.1.0.0/24", vpc);
    refused("InvalidSubnet.Range", "CreateSubnet&VpcId=%s&CidrBlock=10.0.2.0/29", vpc);
    refused("InvalidParameterValue", "CreateSubnet&VpcId=%s&CidrBlock=10.0.2.0/24&AvailabilityZone=us-east-1z", vpc);
    refused("InvalidVpcID.NotFound", "CreateSubnet&VpcId=vpc-12345678&CidrBlock=10.0.2.0/24");
    ok("ModifySubnetAttribute&SubnetId=%s&MapPublicIpOnLaunch.Value=true", subnet);
    ok("DescribeSubnets&SubnetId.1=%s", subnet);
    shows("<mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>");
    refused("InvalidSubnetID.NotFound",
            "ModifySubnetAttribute&SubnetId=subnet-12345678&MapPublicIpOnLaunch.Value=true");
    ok("CreateNetworkInterface&SubnetId=%s", subnet);
    refused("DependencyViolation", "DeleteSubnet&SubnetId=%s", subnet);
    refused("InvalidSubnetID.NotFound", "DeleteSubnet&SubnetId=subnet-12345678");
}

static void test_paging(void **state)
{
    (void)state;
    const char *vpc = new_vpc("10.0.0.0/16");
    for (int i = 0; i < 12; i++)
        ok("CreateSubnet&VpcId=%s&CidrBlock=10.0.%d.0/24", vpc, i);
    size_t seen = 0;
    const char *more = "";
    for (int page = 0; page < 3; page++) {
        ok("DescribeSubnets&MaxResults=5&Filter.1.Name=vpc-id&Filter.1.Value.1=%s%s", vpc, more);
        seen += count("<subnetId>");
        if (says("<nextToken>"))
            more = slice_cstr(arena, arena_printf(arena, "&NextToken=%s", element("nextToken")));
    }
    assert_int_equal(seen, 12);
    assert_false(says("<nextToken>"));
    refused("InvalidNextToken", "DescribeSubnets&MaxResults=5&NextToken=nonsense");
}

static void test_zones(void **state)
{
    (void)state;
    ok("DescribeAvailabilityZones");
    assert_int_equal(count("<zoneName>"), 6);
    shows("<zoneId>use1-az1</zoneId>");
    ok("DescribeAvailabilityZones&ZoneName.1=us-east-1a");
    assert_int_equal(count("<zoneName>"), 1);
    refused("InvalidParameterValue", "DescribeAvailabilityZones&ZoneName.1=us-east-9a");
    ok("DescribeRegions&RegionName.1=eu-west-1");
    shows("<regionEndpoint>ec2.eu-west-1.amazonaws.com</regionEndpoint>");
    refused("InvalidParameterValue", "DescribeRegions&RegionName.1=mars-north-1");
}

static void test_ipv6(void **state)
{
    (void)state;
    ok("CreateVpc&CidrBlock=10.0.0.0/16&AmazonProvidedIpv6CidrBlock=true");
    const char *vpc = element("vpcId"), *range = element("ipv6CidrBlock");
    const char *subnet = new_subnet(vpc, "10.0.0.0/24");
    slice first = slice_sub(slice_of(range), 0, (size_t)slice_find(slice_of(range), S("::")));
    ok("AssociateSubnetCidrBlock&SubnetId=%s&Ipv6CidrBlock=%.*s::/64", subnet, SLICE_ARG(first));
    const char *association = element("associationId");
    ok("DescribeSubnets&SubnetId.1=%s", subnet);
    shows(association);
    ok("DisassociateSubnetCidrBlock&AssociationId=%s", association);
    refused("InvalidSubnetCidrBlockAssociationID.NotFound", "DisassociateSubnetCidrBlock&AssociationId=%s",
            association);
    refused("InvalidParameterValue", "AssociateSubnetCidrBlock&SubnetId=%s&Ipv6CidrBlock=nonsense", subnet);
    refused("InvalidSubnetID.NotFound",
            "AssociateSubnetCidrBlock&SubnetId=subnet-12345678&Ipv6CidrBlock=2001:db8::/64");
    refused("InvalidVpcCidrBlockAssociationID.NotFound",
            "DisassociateVpcCidrBlock&AssociationId=vpc-cidr-assoc-00000000000000000");
}

static void test_tenancy(void **state)
{
    (void)state;
    ok("CreateVpc&CidrBlock=10.0.0.0/16&InstanceTenancy=dedicated");
    const char *vpc = element("vpcId");
    ok("ModifyVpcTenancy&VpcId=%s&InstanceTenancy=default", vpc);
    ok("DescribeVpcs&VpcId.1=%s", vpc);
    shows("<instanceTenancy>default</instanceTenancy>");
    refused("InvalidParameterValue", "ModifyVpcTenancy&VpcId=%s&InstanceTenancy=dedicated", vpc);
    refused("InvalidVpcID.NotFound", "ModifyVpcTenancy&VpcId=vpc-12345678&InstanceTenancy=default");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_default_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scopes_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vpc_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vpc_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vpc_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secondary_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subnets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paging, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ipv6, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tenancy, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
