/* Tests of the ec2 service: tags, DHCP options, endpoints, prefix lists, and what an account without instances shows.
 */
#include "services/ec2/test_ec2.h"

static const char *vpc;

static int set_up_vpc(void **state)
{
    int result = set_up(state);
    vpc = new_vpc("10.0.0.0/16");
    return result;
}

static void test_tags(void **state)
{
    (void)state;
    const char *subnet = new_subnet(vpc, "10.0.0.0/24");
    ok("CreateTags&ResourceId.1=%s&ResourceId.2=%s&Tag.1.Key=Name&Tag.1.Value=a%%20b&Tag.2.Key=empty", vpc, subnet);
    ok("DescribeSubnets&Filter.1.Name=tag:Name&Filter.1.Value.1=a%%20b");
    assert_string_equal(element("subnetId"), subnet);
    ok("DescribeVpcs&Filter.1.Name=tag-key&Filter.1.Value.1=empty");
    assert_string_equal(element("vpcId"), vpc);
    ok("DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1=%s", subnet);
    assert_int_equal(count("<resourceType>subnet</resourceType>"), 2);
    ok("DeleteTags&ResourceId.1=%s&Tag.1.Key=Name&Tag.1.Value=other", subnet);
    ok("DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1=%s", subnet);
    assert_int_equal(count("<key>"), 2);
    ok("DeleteTags&ResourceId.1=%s&Tag.1.Key=Name", subnet);
    ok("DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1=%s&Filter.2.Name=key&Filter.2.Value.1=e*", subnet);
    assert_int_equal(count("<key>"), 1);
    ok("DeleteTags&ResourceId.1=%s", subnet);
    ok("DescribeSubnets&SubnetId.1=%s", subnet);
    assert_int_equal(count("<key>"), 0);
}

static void test_tag_refusals(void **state)
{
    (void)state;
    refused("MissingParameter", "CreateTags&ResourceId.1=%s", vpc);
    refused("InvalidParameterValue", "CreateTags&ResourceId.1=%s&Tag.1.Key=aws:a&Tag.1.Value=b", vpc);
    refused("InvalidVpcID.NotFound", "CreateTags&ResourceId.1=vpc-12345678&Tag.1.Key=a&Tag.1.Value=b");
    refused("InvalidID", "CreateTags&ResourceId.1=nothing&Tag.1.Key=a&Tag.1.Value=b");
    refused("DryRunOperation", "CreateTags&DryRun=true&ResourceId.1=%s&Tag.1.Key=a&Tag.1.Value=b", vpc);
    for (int i = 0; i < 50; i++)
        ok("CreateTags&ResourceId.1=%s&Tag.1.Key=k%d&Tag.1.Value=v", vpc, i);
    refused("TagLimitExceeded", "CreateTags&ResourceId.1=%s&Tag.1.Key=more&Tag.1.Value=v", vpc);
    ok("CreateTags&ResourceId.1=%s&Tag.1.Key=k7&Tag.1.Value=w", vpc);
}

static void test_dhcp_options(void **state)
{
    (void)state;
    ok("CreateDhcpOptions&DhcpConfiguration.1.Key=domain-name&DhcpConfiguration.1.Value.1=example.internal"
       "&DhcpConfiguration.2.Key=domain-name-servers&DhcpConfiguration.2.Value.1=10.0.0.2");
    const char *options = element("dhcpOptionsId");
    ok("DescribeDhcpOptions&DhcpOptionsId.1=%s", options);
    shows("<value>example.internal</value>");
    ok("AssociateDhcpOptions&DhcpOptionsId=%s&VpcId=%s", options, vpc);
    ok("DescribeVpcs&Filter.1.Name=dhcp-options-id&Filter.1.Value.1=%s", options);
    assert_string_equal(element("vpcId"), vpc);
    refused("DependencyViolation", "DeleteDhcpOptions&DhcpOptionsId=%s", options);
    ok("AssociateDhcpOptions&DhcpOptionsId=default&VpcId=%s", vpc);
    ok("DeleteDhcpOptions&DhcpOptionsId=%s", options);
    refused("InvalidDhcpOptionID.NotFound", "DescribeDhcpOptions&DhcpOptionsId.1=%s", options);
    refused("InvalidParameterValue",
            "CreateDhcpOptions&DhcpConfiguration.1.Key=colour&DhcpConfiguration.1.Value.1=red");
}

static void test_endpoints(void **state)
{
    (void)state;
    const char *subnet = new_subnet(vpc, "10.0.0.0/24");
    ok("CreateRouteTable&VpcId=%s", vpc);
    const char *table = element("routeTableId");
    ok("CreateVpcEndpoint&VpcId=%s&ServiceName=com.amazonaws.us-east-1.s3&RouteTableId.1=%s", vpc, table);
    shows("<vpcEndpointType>Gateway</vpcEndpointType>");
    const char *gateway = element("vpcEndpointId");
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    shows("<destinationPrefixListId>pl-");
    ok("CreateVpcEndpoint&VpcId=%s&VpcEndpointType=Interface&ServiceName=com.amazonaws.us-east-1.logs&SubnetId.1=%s",
       vpc, subnet);
    const char *interface = element("vpcEndpointId");
    ok("DescribeNetworkInterfaces&Filter.1.Name=interface-type&Filter.1.Value.1=vpc_endpoint");
    assert_int_equal(count("<requesterManaged>true</requesterManaged>"), 1);
    ok("DescribeVpcEndpoints&Filter.1.Name=vpc-id&Filter.1.Value.1=%s", vpc);
    assert_int_equal(count("<state>available</state>"), 2);
    refused("InvalidServiceName", "CreateVpcEndpoint&VpcId=%s&ServiceName=com.example.none", vpc);
    refused("InvalidVpcID.NotFound", "CreateVpcEndpoint&VpcId=vpc-12345678&ServiceName=com.amazonaws.us-east-1.s3");
    refused("DependencyViolation", "DeleteSubnet&SubnetId=%s", subnet);
    ok("DeleteVpcEndpoints&VpcEndpointId.1=%s&VpcEndpointId.2=%s&VpcEndpointId.3=vpce-12345678", gateway, interface);
    assert_int_equal(count("<resourceId>"), 1);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    assert_false(says("<destinationPrefixListId>pl-"));
    ok("DeleteSubnet&SubnetId=%s", subnet);
    ok("DescribeVpcEndpointServices&ServiceName.1=com.amazonaws.us-east-1.s3");
    shows("com.amazonaws.us-east-1.s3");
}

static void test_prefix_lists(void **state)
{
    (void)state;
    ok("DescribePrefixLists&Filter.1.Name=prefix-list-name&Filter.1.Value.1=com.amazonaws.us-east-1.s3");
    const char *list = element("prefixListId");
    ok("DescribeManagedPrefixLists&PrefixListId.1=%s", list);
    shows("<ownerId>AWS</ownerId>");
    ok("GetManagedPrefixListEntries&PrefixListId=%s", list);
    assert_true(count("<cidr>") > 0);
    refused("InvalidPrefixListID.NotFound", "GetManagedPrefixListEntries&PrefixListId=pl-00000000");
}

static void test_no_instances(void **state)
{
    (void)state;
    ok("DescribeInstances");
    shows("<reservationSet></reservationSet>");
    refused("InvalidInstanceID.NotFound", "DescribeInstances&InstanceId.1=i-12345678");
    ok("DescribeVolumes");
    refused("InvalidVolume.NotFound", "DescribeVolumes&VolumeId.1=vol-12345678");
    ok("DescribeKeyPairs");
    refused("InvalidKeyPair.NotFound", "DescribeKeyPairs&KeyName.1=none");
    ok("DescribeImages&Owner.1=self");
    refused("InvalidAMIID.NotFound", "DescribeImages&ImageId.1=ami-12345678");
    ok("DescribeInstanceTypes&InstanceType.1=t3.micro");
    shows("<instanceType>t3.micro</instanceType>");
    ok("DescribeInstanceTypes&MaxResults=5&Filter.1.Name=instance-type&Filter.1.Value.1=t?.*");
    assert_int_equal(count("<instanceType>"), 5);
    ok("DescribeInstanceTypes&MaxResults=100&NextToken=%s", element("nextToken"));
    refused("InvalidParameterValue", "DescribeInstanceTypes&Filter.1.Name=colour&Filter.1.Value.1=red");
    refused("InvalidInstanceType", "DescribeInstanceTypes&InstanceType.1=t3.enormous");
    ok("DescribeAccountAttributes&AttributeName.1=default-vpc");
    shows("<attributeValue>vpc-");
}

static void test_defaults_again(void **state)
{
    (void)state;
    refused("DefaultVpcAlreadyExists", "CreateDefaultVpc");
    refused("DefaultSubnetAlreadyExistsInAvailabilityZone", "CreateDefaultSubnet&AvailabilityZone=us-east-1a");
    ok("DescribeSubnets&Filter.1.Name=default-for-az&Filter.1.Value.1=true&Filter.2.Name=availability-zone"
       "&Filter.2.Value.1=us-east-1a");
    ok("DeleteSubnet&SubnetId=%s", element("subnetId"));
    ok("CreateDefaultSubnet&AvailabilityZone=us-east-1a");
    shows("<defaultForAz>true</defaultForAz>");
}

static void test_endpoint_changes(void **state)
{
    (void)state;
    ok("CreateRouteTable&VpcId=%s", vpc);
    const char *table = element("routeTableId");
    ok("CreateVpcEndpoint&VpcId=%s&ServiceName=com.amazonaws.us-east-1.s3", vpc);
    const char *endpoint = element("vpcEndpointId");
    ok("ModifyVpcEndpoint&VpcEndpointId=%s&AddRouteTableId.1=%s", endpoint, table);
    ok("DescribeVpcEndpoints&VpcEndpointId.1=%s", endpoint);
    shows(table);
    ok("ModifyVpcEndpoint&VpcEndpointId=%s&RemoveRouteTableId.1=%s", endpoint, table);
    ok("DescribeRouteTables&RouteTableId.1=%s", table);
    assert_false(says("pl-"));
    refused("InvalidVpcEndpointId.NotFound", "ModifyVpcEndpoint&VpcEndpointId=vpce-12345678&ResetPolicy=true");
    refused("InvalidRouteTableID.NotFound", "ModifyVpcEndpoint&VpcEndpointId=%s&AddRouteTableId.1=rtb-12345678",
            endpoint);
    refused("InvalidVpcEndpointId.NotFound", "DescribeVpcEndpoints&VpcEndpointId.1=vpce-12345678");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tags, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_tag_refusals, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_dhcp_options, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_endpoints, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_prefix_lists, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_no_instances, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_defaults_again, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_endpoint_changes, set_up_vpc, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
