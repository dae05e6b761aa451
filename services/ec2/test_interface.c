/* Tests of the ec2 service: network interfaces, their addresses, and those that other services ask for by events. */
#include "services/ec2/test_ec2.h"

#include <stdlib.h>

static const char *vpc, *subnet;

static int set_up_vpc(void **state)
{
    int result = set_up(state);
    vpc = new_vpc("10.0.0.0/16");
    subnet = new_subnet(vpc, "10.0.0.0/28");
    return result;
}

static const char *new_interface(const char *more)
{
    ok("CreateNetworkInterface&SubnetId=%s%s", subnet, more);
    return element("networkInterfaceId");
}

static void free_is(int n)
{
    ok("DescribeSubnets&SubnetId.1=%s", subnet);
    assert_int_equal(atoi(element("availableIpAddressCount")), n);
}

static void test_life(void **state)
{
    (void)state;
    free_is(11);
    const char *interface = new_interface("&Description=mine&PrivateIpAddress=10.0.0.9");
    shows("<privateIpAddress>10.0.0.9</privateIpAddress>");
    free_is(10);
    ok("DescribeNetworkInterfaces&NetworkInterfaceId.1=%s", interface);
    shows("<status>available</status>");
    shows("<groupName>default</groupName>");
    shows("<description>mine</description>");
    shows("<requesterManaged>false</requesterManaged>");
    ok("DescribeNetworkInterfaces&Filter.1.Name=addresses.private-ip-address&Filter.1.Value.1=10.0.0.9");
    assert_string_equal(element("networkInterfaceId"), interface);
    refused("InvalidIPAddress.InUse", "CreateNetworkInterface&SubnetId=%s&PrivateIpAddress=10.0.0.9", subnet);
    ok("ModifyNetworkInterfaceAttribute&NetworkInterfaceId=%s&SourceDestCheck.Value=false", interface);
    ok("DescribeNetworkInterfaceAttribute&NetworkInterfaceId=%s&Attribute=sourceDestCheck", interface);
    shows("<sourceDestCheck><value>false</value></sourceDestCheck>");
    const char *group = new_group(vpc, "web");
    ok("ModifyNetworkInterfaceAttribute&NetworkInterfaceId=%s&SecurityGroupId.1=%s", interface, group);
    ok("DescribeNetworkInterfaces&Filter.1.Name=group-id&Filter.1.Value.1=%s", group);
    assert_string_equal(element("networkInterfaceId"), interface);
    ok("DeleteNetworkInterface&NetworkInterfaceId=%s", interface);
    free_is(11);
    refused("InvalidNetworkInterfaceID.NotFound", "DeleteNetworkInterface&NetworkInterfaceId=%s", interface);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("MissingParameter", "CreateNetworkInterface");
    refused("InvalidSubnetID.NotFound", "CreateNetworkInterface&SubnetId=subnet-12345678");
    refused("InvalidGroup.NotFound", "CreateNetworkInterface&SubnetId=%s&SecurityGroupId.1=sg-12345678", subnet);
    refused("InvalidParameterValue", "CreateNetworkInterface&SubnetId=%s&PrivateIpAddress=10.9.0.9", subnet);
    refused("InvalidParameterValue", "CreateNetworkInterface&SubnetId=%s&PrivateIpAddress=10.0.0.2", subnet);
    refused("DryRunOperation", "CreateNetworkInterface&SubnetId=%s&DryRun=true", subnet);
    free_is(11);
}

static void test_exhaustion(void **state)
{
    (void)state;
    const char *last = NULL;
    for (int i = 0; i < 11; i++)
        last = new_interface("");
    free_is(0);
    refused("InsufficientFreeAddressesInSubnet", "CreateNetworkInterface&SubnetId=%s", subnet);
    ok("DeleteNetworkInterface&NetworkInterfaceId=%s", last);
    new_interface("");
    free_is(0);
    for (int i = 4; i < 15; i++) { /* .0 to .3 and .15 are AWS's; each of the others is given once */
        ok("DescribeNetworkInterfaces&Filter.1.Name=private-ip-address&Filter.1.Value.1=10.0.0.%d", i);
        assert_int_equal(count("<networkInterfaceId>"), 1);
    }
}

static void test_secondary_addresses(void **state)
{
    (void)state;
    const char *interface = new_interface("");
    ok("AssignPrivateIpAddresses&NetworkInterfaceId=%s&SecondaryPrivateIpAddressCount=2", interface);
    free_is(8);
    ok("AssignPrivateIpAddresses&NetworkInterfaceId=%s&PrivateIpAddress.1=10.0.0.13", interface);
    free_is(7);
    ok("UnassignPrivateIpAddresses&NetworkInterfaceId=%s&PrivateIpAddress.1=10.0.0.13", interface);
    free_is(8);
    refused("InvalidParameterValue", "UnassignPrivateIpAddresses&NetworkInterfaceId=%s&PrivateIpAddress.1=10.0.0.13",
            interface);
    ok("DeleteNetworkInterface&NetworkInterfaceId=%s", interface);
    free_is(11);
}

/* A question of another service: the operation by name, structures as JSON. */
static void ask(const char *operation, const char *body)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("efs"),
        .service = S("ec2"),
        .protocol = S("internal"),
        .operation = slice_of(operation),
        .account = test_account,
        .region = test_region,
        .body = slice_of(body),
    };
    worker_test_request(worker, &request, &reply);
}

static void test_questions(void **state)
{
    (void)state;
    ask("DescribeSubnets", arena_printf(arena, "{\"SubnetIds\":[\"%s\"]}", subnet).ptr);
    assert_int_equal(reply.status, 200);
    shows(vpc);
    ask("DescribeVpcs", arena_printf(arena, "{\"VpcIds\":[\"%s\"]}", vpc).ptr);
    assert_int_equal(reply.status, 200);
    ask("DescribeSecurityGroups", "{\"GroupIds\":[\"sg-12345678\"]}");
    assert_int_not_equal(reply.status, 200);
    shows("InvalidGroup.NotFound");
    ask("CreateNetworkInterface", arena_printf(arena, "{\"SubnetId\":\"%s\"}", subnet).ptr);
    assert_int_equal(reply.status, 200);
    free_is(10);
    ok("DescribeNetworkInterfaces&Filter.1.Name=subnet-id&Filter.1.Value.1=%s", subnet);
    const char *interface = element("networkInterfaceId");
    ask("DeleteNetworkInterface", arena_printf(arena, "{\"NetworkInterfaceId\":\"%s\"}", interface).ptr);
    assert_int_equal(reply.status, 200);
    free_is(11);
}

static slice event_reply;

static int event(const char *name, const char *key, const char *subnet_id)
{
    slice body = arena_printf(
        arena,
        "{\"key\":\"%s\",\"account\":\"123456789012\",\"region\":\"us-east-1\",\"subnetId\":\"%s\","
        "\"groups\":[],\"description\":\"arn:aws:ecs:us-east-1:123456789012:attachment/a\","
        "\"interfaceType\":\"interface\",\"requesterId\":\"578734482556\",\"tags\":[{\"key\":\"k\",\"value\":\"v\"}]}",
        key, subnet_id);
    int status = worker_test_event_reply(worker, S("ecs"), slice_of(name), body, &event_reply);
    event_reply = slice_dup(arena, event_reply);
    return status;
}

static bool replied(const char *text)
{
    return slice_find(event_reply, slice_of(text)) >= 0;
}

static void test_requested(void **state)
{
    (void)state;
    assert_int_equal(event("CreateRequesterInterface", "task/1", subnet), 200);
    assert_true(replied("\"networkInterfaceId\":\"eni-") && replied("\"privateIpAddress\":\"10.0.0.") &&
                replied("\"macAddress\":\"0") && replied(subnet) && replied(vpc) &&
                replied("\"availabilityZone\":\"us-"));
    slice first = event_reply;
    assert_int_equal(event("CreateRequesterInterface", "task/1", subnet), 200);
    assert_true(slice_eq(first, event_reply));
    free_is(10);
    ok("DescribeNetworkInterfaces&Filter.1.Name=requester-managed&Filter.1.Value.1=true"
       "&Filter.2.Name=tag:k&Filter.2.Value.1=v");
    assert_int_equal(count("<networkInterfaceId>"), 1);
    shows("<status>in-use</status>");
    shows("<instanceOwnerId>amazon-aws</instanceOwnerId>");
    const char *interface = element("networkInterfaceId");
    call("DeleteNetworkInterface&NetworkInterfaceId=%s", interface);
    assert_int_not_equal(reply.status, 200);
    assert_int_equal(event("DeleteRequesterInterface", "task/1", ""), 200);
    free_is(11);
    assert_int_equal(event("DeleteRequesterInterface", "task/1", ""), 200);
    assert_int_equal(event("CreateRequesterInterface", "task/2", "subnet-12345678"), 400);
    assert_true(replied("InvalidSubnetID.NotFound"));
}

static void test_requested_from_full_subnet(void **state)
{
    (void)state;
    for (int i = 0; i < 11; i++)
        new_interface("");
    assert_int_equal(event("CreateRequesterInterface", "task/1", subnet), 400);
    assert_true(replied("InsufficientFreeAddressesInSubnet"));
}

static void test_unknown_networks(void **state)
{
    (void)state;
    worker_test_set_lenient(worker, S("-unknown-networks"));
    refused("InvalidSubnetID.NotFound", "DescribeSubnets&SubnetId.1=subnet-0123456789abcdef0");
    assert_int_equal(event("CreateRequesterInterface", "task/1", "subnet-0000000000000dead"), 400);
    worker_test_set_lenient(worker, S("unknown-networks"));
    test_account = S("111122223333");
    ok("DescribeSubnets&SubnetId.1=subnet-0123456789abcdef0");
    ok("DescribeVpcs&VpcId.1=vpc-sim");
    assert_int_equal(event("CreateRequesterInterface", "task/1", "subnet-0000000000000dead"), 200);
    assert_true(replied("\"privateIpAddress\":\"172.31."));
}

/* The default network is there when an event is the account's first call. */
static void test_requested_first(void **state)
{
    (void)state;
    worker_test_set_lenient(worker, S("unknown-networks"));
    assert_int_equal(event("CreateRequesterInterface", "task/1", "subnet-0000000000000dead"), 200);
    assert_true(replied("\"privateIpAddress\":\"172.31."));
    ok("DescribeVpcs");
    assert_int_equal(count("<vpcId>"), 1);
}

static void test_attachments(void **state)
{
    (void)state;
    const char *interface = new_interface("");
    refused("InvalidInstanceID.NotFound",
            "AttachNetworkInterface&NetworkInterfaceId=%s&InstanceId=i-12345678&DeviceIndex=1", interface);
    refused("InvalidNetworkInterfaceID.NotFound",
            "AttachNetworkInterface&NetworkInterfaceId=eni-12345678&InstanceId=i-12345678&DeviceIndex=1");
    refused("InvalidAttachmentID.NotFound", "DetachNetworkInterface&AttachmentId=eni-attach-12345678");
    assert_int_equal(event("CreateRequesterInterface", "task/1", subnet), 200);
    ok("DescribeNetworkInterfaces&Filter.1.Name=status&Filter.1.Value.1=in-use");
    refused("AuthFailure", "DetachNetworkInterface&AttachmentId=%s", element("attachmentId"));
    refused("InvalidNetworkInterfaceID.NotFound",
            "DescribeNetworkInterfaceAttribute&NetworkInterfaceId=eni-12345678&Attribute=description");
    refused("InvalidNetworkInterfaceID.NotFound",
            "AssignPrivateIpAddresses&NetworkInterfaceId=eni-12345678&SecondaryPrivateIpAddressCount=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_exhaustion, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_secondary_addresses, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_questions, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_requested, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_requested_from_full_subnet, set_up_vpc, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_networks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requested_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attachments, set_up_vpc, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
