/* Tests of the ec2 service: security groups and their rules, in both styles. */
#include "services/ec2/test_ec2.h"

static const char *vpc;

static int set_up_vpc(void **state)
{
    int result = set_up(state);
    vpc = new_vpc("10.0.0.0/16");
    return result;
}

static void test_group_life(void **state)
{
    (void)state;
    const char *group = new_group(vpc, "web");
    refused("InvalidGroup.Duplicate", "CreateSecurityGroup&VpcId=%s&GroupName=web&GroupDescription=d", vpc);
    shows("The security group 'web' already exists for VPC '");
    ok("DescribeSecurityGroups&GroupId.1=%s", group);
    shows("<groupName>web</groupName>");
    shows("<ipProtocol>-1</ipProtocol>");
    ok("DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=w?b&Filter.2.Name=vpc-id&Filter.2.Value.1=%s",
       vpc);
    assert_string_equal(element("groupId"), group);
    ok("DeleteSecurityGroup&GroupId=%s", group);
    refused("InvalidGroup.NotFound", "DescribeSecurityGroups&GroupId.1=%s", group);
    refused("InvalidGroup.NotFound", "DeleteSecurityGroup&GroupId=%s", group);
}

static void test_group_refusals(void **state)
{
    (void)state;
    refused("MissingParameter", "CreateSecurityGroup&GroupName=x&VpcId=%s", vpc);
    refused("InvalidVpcID.NotFound", "CreateSecurityGroup&GroupName=x&GroupDescription=d&VpcId=vpc-12345678");
    refused("InvalidParameterValue", "CreateSecurityGroup&GroupName=sg-x&GroupDescription=d&VpcId=%s", vpc);
    refused("MissingParameter", "DeleteSecurityGroup");
    ok("DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=default&Filter.2.Name=vpc-id&Filter.2.Value.1="
       "%s",
       vpc);
    refused("CannotDelete", "DeleteSecurityGroup&GroupId=%s", element("groupId"));
}

static void test_rules_as_permissions(void **state)
{
    (void)state;
    const char *group = new_group(vpc, "web"), *web = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80"
                                                      "&IpPermissions.1.ToPort=80"
                                                      "&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8";
    ok("AuthorizeSecurityGroupIngress&GroupId=%s&%s&IpPermissions.1.IpRanges.1.Description=one", group, web);
    shows("<securityGroupRuleId>sgr-");
    shows("<description>one</description>");
    refused("InvalidPermission.Duplicate", "AuthorizeSecurityGroupIngress&GroupId=%s&%s", group, web);
    shows("peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW");
    ok("UpdateSecurityGroupRuleDescriptionsIngress&GroupId=%s&%s&IpPermissions.1.IpRanges.1.Description=two", group,
       web);
    ok("DescribeSecurityGroups&GroupId.1=%s", group);
    shows("<description>two</description>");
    ok("RevokeSecurityGroupIngress&GroupId=%s&%s", group, web);
    refused("InvalidPermission.NotFound", "RevokeSecurityGroupIngress&GroupId=%s&%s", group, web);
    shows("The specified rule does not exist in this security group.");
    ok("RevokeSecurityGroupEgress&GroupId=%s&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
       group);
    refused("InvalidPermission.NotFound",
            "RevokeSecurityGroupEgress&GroupId=%s&IpPermissions.1.IpProtocol=-1"
            "&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0",
            group);
    ok("DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1=%s", group);
    assert_int_equal(count("<securityGroupRuleId>"), 0);
}

static void test_egress_descriptions(void **state)
{
    (void)state;
    const char *group = new_group(vpc, "web");
    ok("UpdateSecurityGroupRuleDescriptionsEgress&GroupId=%s&IpPermissions.1.IpProtocol=-1"
       "&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0&IpPermissions.1.IpRanges.1.Description=all",
       group);
    ok("DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1=%s", group);
    shows("<description>all</description>");
    refused("InvalidPermission.NotFound",
            "UpdateSecurityGroupRuleDescriptionsEgress&GroupId=%s&IpPermissions.1.IpProtocol=-1"
            "&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
            group);
    refused("MissingParameter", "UpdateSecurityGroupRuleDescriptionsEgress&GroupId=%s", group);
}

static void test_rules_as_objects(void **state)
{
    (void)state;
    const char *group = new_group(vpc, "web");
    ok("AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80"
       "&IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8"
       "&TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=k"
       "&TagSpecification.1.Tag.1.Value=v",
       group);
    const char *rule = element("securityGroupRuleId");
    ok("DescribeSecurityGroupRules&SecurityGroupRuleId.1=%s", rule);
    shows("<cidrIpv4>10.0.0.0/8</cidrIpv4>");
    shows("<key>k</key>");
    ok("ModifySecurityGroupRules&GroupId=%s&SecurityGroupRule.1.SecurityGroupRuleId=%s"
       "&SecurityGroupRule.1.SecurityGroupRule.IpProtocol=tcp&SecurityGroupRule.1.SecurityGroupRule.FromPort=81"
       "&SecurityGroupRule.1.SecurityGroupRule.ToPort=82&SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=10.1.0.0/16",
       group, rule);
    ok("DescribeSecurityGroups&GroupId.1=%s", group);
    shows("<fromPort>81</fromPort>");
    shows("<cidrIp>10.1.0.0/16</cidrIp>");
    refused("InvalidSecurityGroupRuleId.NotFound",
            "RevokeSecurityGroupIngress&GroupId=%s&SecurityGroupRuleId.1=sgr-00000000000000000", group);
    ok("RevokeSecurityGroupIngress&GroupId=%s&SecurityGroupRuleId.1=%s", group, rule);
    refused("InvalidSecurityGroupRuleId.NotFound", "DescribeSecurityGroupRules&SecurityGroupRuleId.1=%s", rule);
}

static void test_references(void **state)
{
    (void)state;
    const char *one = new_group(vpc, "one"), *two = new_group(vpc, "two");
    ok("AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId=%s",
       one, two);
    ok("AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId=%s",
       one, one);
    ok("DescribeSecurityGroups&GroupId.1=%s", one);
    shows("<userId>123456789012</userId>");
    refused("DependencyViolation", "DeleteSecurityGroup&GroupId=%s", two);
    shows("has a dependent object");
    ok("DeleteSecurityGroup&GroupId=%s", one);
    ok("DeleteSecurityGroup&GroupId=%s", two);
    one = new_group(vpc, "one");
    refused("InvalidGroup.NotFound",
            "AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=-1"
            "&IpPermissions.1.Groups.1.GroupId=sg-12345678",
            one);
    refused("InvalidParameterValue",
            "AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1"
            "&IpPermissions.1.ToPort=2&IpPermissions.1.IpRanges.1.CidrIp=10.0.0",
            one);
    refused("InvalidParameterValue",
            "AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=9"
            "&IpPermissions.1.ToPort=2&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
            one);
}

/* Protocols without ports show none in a group's permissions, whatever was given. */
static void test_protocols_without_ports(void **state)
{
    (void)state;
    const char *group = new_group(vpc, "protocols"), *protocols[] = {"47", "50", "51", "-1"};
    for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
        ok("AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=%s&IpPermissions.1.FromPort=0"
           "&IpPermissions.1.ToPort=0&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
           group, protocols[i]);
        ok("DescribeSecurityGroups&GroupId.1=%s", group);
        assert_false(says("<fromPort>"));
        assert_false(says("<toPort>"));
        ok("DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1=%s", group);
        shows("<fromPort>-1</fromPort>");
        ok("RevokeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=%s"
           "&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
           group, protocols[i]);
    }
    ok("AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol=icmp&IpPermissions.1.FromPort=8"
       "&IpPermissions.1.ToPort=-1&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
       group);
    ok("DescribeSecurityGroups&GroupId.1=%s", group);
    shows("<fromPort>8</fromPort>");
}

static void test_in_use(void **state)
{
    (void)state;
    const char *subnet = new_subnet(vpc, "10.0.0.0/24"), *group = new_group(vpc, "web");
    ok("CreateNetworkInterface&SubnetId=%s&SecurityGroupId.1=%s", subnet, group);
    const char *interface = element("networkInterfaceId");
    refused("DependencyViolation", "DeleteSecurityGroup&GroupId=%s", group);
    ok("DeleteNetworkInterface&NetworkInterfaceId=%s", interface);
    ok("DeleteSecurityGroup&GroupId=%s", group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_group_life, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_group_refusals, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_rules_as_permissions, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_egress_descriptions, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_rules_as_objects, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_references, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_protocols_without_ports, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_in_use, set_up_vpc, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
