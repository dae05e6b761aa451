/* Tests of mount targets: the questions to EC2, the interface that EC2 makes and takes back, and conflicts. */
#include "services/efs/test_efs.h"

#define MT "/2015-02-01/mount-targets"
#define SUBNET_A "subnet-aaaaaaaaaaaaaaaaa"
#define SUBNET_B "subnet-bbbbbbbbbbbbbbbbb"
#define GROUP "sg-11111111111111111"

static const char subnet_a[] =
    "{\"Subnets\": [{\"SubnetId\": \"" SUBNET_A
    "\", \"VpcId\": \"vpc-1\", \"AvailabilityZone\": \"us-east-1a\", \"AvailabilityZoneId\": "
    "\"use1-az1\", \"CidrBlock\": \"10.0.0.0/24\", \"AvailableIpAddressCount\": 250}]}";
static const char subnet_b[] =
    "{\"Subnets\": [{\"SubnetId\": \"" SUBNET_B
    "\", \"VpcId\": \"vpc-2\", \"AvailabilityZone\": \"us-east-1b\", \"AvailabilityZoneId\": "
    "\"use1-az2\", \"CidrBlock\": \"10.1.0.0/24\", \"AvailableIpAddressCount\": 0}]}";
static const char unknown_subnet[] =
    "{\"__type\": \"InvalidSubnetID.NotFound\", \"message\": \"The subnet ID 'x' does not exist\"}";
static const char group[] = "{\"SecurityGroups\": [{\"GroupId\": \"" GROUP "\", \"VpcId\": \"vpc-1\"}]}";
static const char unknown_group[] =
    "{\"__type\": \"InvalidGroup.NotFound\", \"message\": \"The security group 'x' does not exist\"}";
static const char zone[] = "{\"AvailabilityZones\": [{\"ZoneName\": \"us-east-1a\", \"ZoneId\": \"use1-az1\"}]}";

static int ec2(slice service, slice operation, slice body, slice *answer)
{
    bool a = slice_find(body, S(SUBNET_A)) >= 0, b = slice_find(body, S(SUBNET_B)) >= 0;
    assert_true(slice_eq(service, S("ec2")));
    if (slice_eq(operation, S("DescribeSubnets"))) {
        *answer = slice_of(a ? subnet_a : b ? subnet_b : unknown_subnet);
        return a || b ? 200 : 400;
    }
    if (slice_eq(operation, S("DescribeSecurityGroups"))) {
        bool known = slice_find(body, S(GROUP)) >= 0 || slice_find(body, S("default")) >= 0;
        *answer = slice_of(known ? group : unknown_group);
        return known ? 200 : 400;
    }
    if (slice_eq(operation, S("DescribeAvailabilityZones"))) {
        *answer = slice_of(zone);
        return slice_find(body, S("us-east-1a")) >= 0 ? 200 : 400;
    }
    bool used = slice_find(body, S("10.0.0.77")) >= 0;
    *answer =
        used ? S("{\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"eni-1\"}]}") : S("{\"NetworkInterfaces\": []}");
    return 200;
}

static const char *target(const char *fs, const char *more)
{
    return json("{'FileSystemId': '%s', 'SubnetId': '" SUBNET_A "'%s}", fs, more);
}

static const char *one(const char *id)
{
    return json(MT "?MountTargetId=%s", id);
}

static void test_life(void **state)
{
    struct worker_effect effect;
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    const struct val *made = ok("POST", MT, target(fs, ", 'SecurityGroups': ['" GROUP "']"));
    const char *id = string(made, "MountTargetId");
    assert_string_equal(string(made, "LifeCycleState"), "creating");
    assert_string_equal(string(made, "AvailabilityZoneId"), "use1-az1");
    assert_true(worker_test_take_effect(
        worker, &effect,
        S("{\"networkInterfaceId\": \"eni-0123\", \"privateIpAddress\": \"10.0.0.9\", \"vpcId\": \"vpc-1\"}")));
    assert_true(slice_eq(effect.name, S("CreateRequesterInterface")));
    assert_true(slice_find(effect.body, S("\"subnetId\":\"" SUBNET_A "\"")) >= 0);
    const struct val *seen = item(get(one(id)), "MountTargets", 0);
    assert_string_equal(string(seen, "LifeCycleState"), "available");
    assert_string_equal(string(seen, "IpAddress"), "10.0.0.9");
    assert_string_equal(string(seen, "NetworkInterfaceId"), "eni-0123");
    refused("POST", MT, target(fs, ""), 409, "MountTargetConflict");
    refused("DELETE", json("/2015-02-01/file-systems/%s", fs), "", 409, "FileSystemInUse");
    assert_int_equal(count(get(json(MT "?FileSystemId=%s", fs)), "MountTargets"), 1);
    const struct val *groups = get(json(MT "/%s/security-groups", id));
    assert_int_equal(count(groups, "SecurityGroups"), 1);
    refused("PUT", json(MT "/%s/security-groups", id), json("{'SecurityGroups': ['sg-22222222222222222']}"), 400,
            "SecurityGroupNotFound");
    ok("PUT", json(MT "/%s/security-groups", id), json("{'SecurityGroups': ['" GROUP "']}"));
    ok("DELETE", json(MT "/%s", id), "");
    assert_string_equal(string(item(get(one(id)), "MountTargets", 0), "LifeCycleState"), "deleting");
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    assert_true(slice_eq(effect.name, S("DeleteRequesterInterface")));
    refused("GET", one(id), "", 404, "MountTargetNotFound");
    refused("DELETE", json(MT "/%s", id), "", 404, "MountTargetNotFound");
    refused("PUT", json(MT "/%s/security-groups", id), "{}", 404, "MountTargetNotFound");
    refused("GET", json(MT "/%s/security-groups", id), "", 404, "MountTargetNotFound");
}

/* What EC2 says of the interface is added when it comes. */
static void test_at_once(void **state)
{
    struct worker_effect effect;
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    worker_test_set_lenient(worker, S("efs-at-once"));
    const struct val *made = ok("POST", MT, target(fs, ""));
    const char *id = string(made, "MountTargetId");
    assert_string_equal(string(made, "LifeCycleState"), "available");
    assert_true(worker_test_take_effect(
        worker, &effect, S("{\"networkInterfaceId\": \"eni-0123\", \"privateIpAddress\": \"10.0.0.9\"}")));
    const struct val *seen = item(get(one(id)), "MountTargets", 0);
    assert_string_equal(string(seen, "LifeCycleState"), "available");
    assert_string_equal(string(seen, "IpAddress"), "10.0.0.9");
    assert_string_equal(string(seen, "NetworkInterfaceId"), "eni-0123");
}

static void test_bad_creation(void **state)
{
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    refused("POST", MT, json("{'FileSystemId': '%s'}", fs), 400, "ValidationException");
    refused("POST", MT, target("fs-0123456789abcdef0", ""), 404, "FileSystemNotFound");
    refused("POST", MT, json("{'FileSystemId': '%s', 'SubnetId': 'subnet-cccccccccccccccca'}", fs), 400,
            "SubnetNotFound");
    refused("POST", MT, json("{'FileSystemId': '%s', 'SubnetId': '" SUBNET_B "'}", fs), 409, "NoFreeAddressesInSubnet");
    refused("POST", MT, target(fs, ", 'SecurityGroups': ['sg-22222222222222222']"), 400, "SecurityGroupNotFound");
    refused("POST", MT,
            target(fs,
                   ", 'SecurityGroups': ['sg-00000001', 'sg-00000002', 'sg-00000003', 'sg-00000004', 'sg-00000005', "
                   "'sg-00000006']"),
            400, "SecurityGroupLimitExceeded");
    refused("POST", MT, target(fs, ", 'IpAddress': '10.0.0.77'"), 409, "IpAddressInUse");
    refused("POST", MT, target(fs, ", 'IpAddress': '10.0.1.7'"), 400, "BadRequest");
    refused("POST", MT, target(fs, ", 'IpAddress': '10.0.0.1'"), 400, "BadRequest");
    refused("GET", MT, "", 400, "BadRequest");
    worker_test_set_answers(worker, NULL);
    refused("POST", MT, target(fs, ""), 500, "InternalServerError");
    refused("GET", one("fsmt-0123456789abcdef0"), "", 404, "MountTargetNotFound");
}

static void test_refused_interface(void **state)
{
    struct worker_effect effect;
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    const char *id = string(ok("POST", MT, target(fs, "")), "MountTargetId");
    assert_true(worker_test_refuse_effect(worker, &effect, 400, S("{}")));
    assert_string_equal(string(item(get(one(id)), "MountTargets", 0), "LifeCycleState"), "error");
    ok("DELETE", json(MT "/%s", id), "");
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    assert_int_equal(count(get(json(MT "?FileSystemId=%s", fs)), "MountTargets"), 0);
}

static void test_deleted_while_creating(void **state)
{
    struct worker_effect effect;
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    const char *id = string(ok("POST", MT, target(fs, "")), "MountTargetId");
    ok("DELETE", json(MT "/%s", id), "");
    assert_true(worker_test_take_effect(worker, &effect, S("{\"networkInterfaceId\": \"eni-1\"}")));
    assert_string_equal(string(item(get(one(id)), "MountTargets", 0), "LifeCycleState"), "deleting");
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    refused("GET", one(id), "", 404, "MountTargetNotFound");
}

static void test_one_zone(void **state)
{
    worker_test_set_answers(worker, ec2);
    refused("POST", "/2015-02-01/file-systems", json("{'CreationToken': 'z', 'AvailabilityZoneName': 'us-east-1z'}"),
            400, "UnsupportedAvailabilityZone");
    const struct val *fs =
        ok("POST", "/2015-02-01/file-systems", json("{'CreationToken': 'z', 'AvailabilityZoneName': 'us-east-1a'}"));
    assert_string_equal(string(fs, "AvailabilityZoneId"), "use1-az1");
}

static void test_unknown_networks(void **state)
{
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    const char *body =
        json("{'FileSystemId': '%s', 'SubnetId': 'subnet-12345678', 'SecurityGroups': ['sg-12345678']}", fs);
    worker_test_set_lenient(worker, S("-unknown-networks"));
    refused("POST", MT, body, 400, "SubnetNotFound");
    worker_test_set_lenient(worker, S("unknown-networks"));
    const char *id = string(ok("POST", MT, body), "MountTargetId");
    refused("POST", MT, body, 409, "MountTargetConflict");
    later(EFS_STATE_MS);
    assert_string_equal(string(item(get(one(id)), "MountTargets", 0), "LifeCycleState"), "available");
    const char *path = json("/2015-02-01/file-systems/%s", fs);
    worker_test_set_lenient(worker, S("unknown-networks,-efs-in-use"));
    refused("DELETE", path, "", 409, "FileSystemInUse");
    worker_test_set_lenient(worker, S("unknown-networks,efs-in-use"));
    ok("DELETE", path, "");
    refused("GET", one(id), "", 404, "MountTargetNotFound");
}

/* Ids that no model allows. */
static void test_impossible_networks(void **state)
{
    worker_test_set_answers(worker, ec2);
    const char *fs = file_system("a");
    const char *body = json("{'FileSystemId': '%s', 'SubnetId': 'subnet-12345', 'SecurityGroups': ['sg-12345']}", fs);
    refused("POST", MT, body, 400, "ValidationException");
    worker_test_set_lenient(worker, S("unknown-networks"));
    assert_string_equal(string(ok("POST", MT, body), "SubnetId"), "subnet-12345");
    refused("POST", MT, json("{'FileSystemId': '%s', 'SubnetId': ''}", fs), 400, "ValidationException");
    refused("POST", MT, json("{'SubnetId': 'subnet-12345'}"), 400, "ValidationException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        efs_test(test_life),
        efs_test(test_at_once),
        efs_test(test_bad_creation),
        efs_test(test_refused_interface),
        efs_test(test_deleted_while_creating),
        efs_test(test_one_zone),
        efs_test(test_unknown_networks),
        efs_test(test_impossible_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
