/* Tests of roles, instance profiles and service-linked roles: wire bytes in, wire bytes out. */
#include "services/iam/test_iam.h"

#define ROLE(name) "RoleName", name, "AssumeRolePolicyDocument", TRUST, NULL

static void test_create(void **state)
{
    call("CreateRole", "Path", "/a/b/", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", ROLE("r"));
    succeeded();
    assert_true(
        says("<CreateRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateRoleResult><Role>"));
    assert_true(says("<Arn>arn:aws:iam::123456789012:role/a/b/r</Arn>"));
    assert_true(says("<CreateDate>2023-11-14T22:13:20Z</CreateDate>"));
    assert_true(says("<AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22"));
    assert_int_equal(element("RoleId").len, 21);
    call("GetRole", "RoleName", "r", NULL);
    assert_true(says("<RoleLastUsed></RoleLastUsed>") || says("<RoleLastUsed/>"));
    assert_true(says("<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"));
    call("CreateRole", ROLE("R"));
    refused(409, "EntityAlreadyExists", "Role with name R already exists.");
    call("CreateRole", "RoleName", "x y", "AssumeRolePolicyDocument", TRUST, NULL);
    refused(400, "ValidationError", "1 validation error detected: Value at 'roleName' failed to satisfy constraint");
    call("CreateRole", "PermissionsBoundary", "arn:aws:iam::123456789012:policy/none", ROLE("bounded"));
    refused(404, "NoSuchEntity", "does not exist or is not attachable.");
    call("CreateRole", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", "Tags.member.2.Key", "K",
         "Tags.member.2.Value", "v", ROLE("tagged"));
    refused(400, "InvalidInput", "Duplicate tag keys found.");
}

static void test_trust_documents(void **state)
{
    static const char *const broken[][2] = {
        {"nonsense", "This policy contains invalid Json"},
        {"{\"Statement\":[]}", "Could not parse the policy: Statement is empty!"},
        {"{\"Version\":\"2012-10-17\"}", "Missing required field Statement"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\"}}", "Missing required field Principal"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\"}}", "Missing required field Action"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\"}}",
         "AssumeRole policy may only specify STS AssumeRole actions."},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\"}}",
         "Has prohibited field Resource"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"x\"},\"Action\":\"sts:AssumeRole\"}}",
         "Invalid principal in policy: \"SERVICE\":\"x\""},
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        call("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", broken[i][0], NULL);
        refused(400, "MalformedPolicyDocument", "");
        /* The answer escapes quotes. */
        slice words = slice_of(broken[i][1]);
        assert_true(slice_find(reply.body, slice_sub(words, 0, slice_index(words, '"'))) >= 0);
    }
}

static void test_updates(void **state)
{
    call("CreateRole", ROLE("r"));
    call("UpdateRole", "RoleName", "r", "Description", "new", "MaxSessionDuration", "7200", NULL);
    succeeded();
    call("UpdateRole", "RoleName", "r", "MaxSessionDuration", "1", NULL);
    refused(400, "ValidationError", "maxSessionDuration");
    call("UpdateRoleDescription", "RoleName", "r", "Description", "newer", NULL);
    assert_true(says("<Description>newer</Description>"));
    call("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", ALLOW_S3, NULL);
    refused(400, "MalformedPolicyDocument", "Missing required field Principal");
    call("UpdateAssumeRolePolicy", "RoleName", "none", "PolicyDocument", TRUST, NULL);
    refused(404, "NoSuchEntity", "The role with name none cannot be found.");
    call("PutRolePermissionsBoundary", "RoleName", "r", "PermissionsBoundary",
         "arn:aws:iam::aws:policy/PowerUserAccess", NULL);
    succeeded();
    call("GetRole", "RoleName", "r", NULL);
    assert_true(says("<PermissionsBoundaryArn>arn:aws:iam::aws:policy/PowerUserAccess</PermissionsBoundaryArn>"));
    call("DeleteRolePermissionsBoundary", "RoleName", "r", NULL);
    succeeded();
    call("DeleteRolePermissionsBoundary", "RoleName", "r", NULL);
    refused(404, "NoSuchEntity", "");
    call("TagRole", "RoleName", "r", "Tags.member.1.Key", "aws:x", "Tags.member.1.Value", "", NULL);
    refused(400, "InvalidInput", "");
    call("TagRole", "RoleName", "r", "Tags.member.1.Key", "a", "Tags.member.1.Value", "1", NULL);
    call("TagRole", "RoleName", "r", "Tags.member.1.Key", "b", "Tags.member.1.Value", "2", NULL);
    call("UntagRole", "RoleName", "r", "TagKeys.member.1", "a", NULL);
    call("ListRoleTags", "RoleName", "r", NULL);
    assert_true(says("<Key>b</Key>") && !says("<Key>a</Key>") && says("<IsTruncated>false</IsTruncated>"));
}

static void test_policies_of_a_role(void **state)
{
    call("CreateRole", ROLE("r"));
    call("PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", ALLOW_S3, NULL);
    succeeded();
    call("GetRolePolicy", "RoleName", "r", "PolicyName", "p", NULL);
    assert_true(says("<PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B"));
    call("GetRolePolicy", "RoleName", "r", "PolicyName", "none", NULL);
    refused(404, "NoSuchEntity", "The role policy with name none cannot be found.");
    call("PutRolePolicy", "RoleName", "r", "PolicyName", "p", "PolicyDocument", "{}", NULL);
    refused(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    call("ListRolePolicies", "RoleName", "r", NULL);
    assert_true(says("<PolicyNames><member>p</member></PolicyNames><IsTruncated>false</IsTruncated>"));
    call("AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", NULL);
    call("AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", NULL);
    succeeded();
    call("ListAttachedRolePolicies", "RoleName", "r", NULL);
    assert_true(says("<PolicyName>AdministratorAccess</PolicyName>"));
    call("ListAttachedRolePolicies", "RoleName", "r", "PathPrefix", "/service-role/", NULL);
    assert_true(!says("AdministratorAccess"));
    call("AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/None", NULL);
    refused(404, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/None does not exist or is not attachable.");
    call("DeleteRole", "RoleName", "r", NULL);
    refused(409, "DeleteConflict", "Cannot delete entity, must detach all policies first.");
    call("DetachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", NULL);
    succeeded();
    call("DetachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", NULL);
    refused(404, "NoSuchEntity", "was not found.");
    call("DeleteRole", "RoleName", "r", NULL);
    refused(409, "DeleteConflict", "Cannot delete entity, must delete policies first.");
    call("DeleteRolePolicy", "RoleName", "r", "PolicyName", "p", NULL);
    call("DeleteRole", "RoleName", "r", NULL);
    succeeded();
    call("GetRole", "RoleName", "r", NULL);
    refused(404, "NoSuchEntity", "The role with name r cannot be found.");
}

static void test_attachment_limit(void **state)
{
    call("CreateRole", ROLE("r"));
    for (size_t i = 0; i < 11; i++) {
        struct iam_policy policy;
        struct call c = {.arena = arena};
        aws_policy_describe(&c, aws_policy_at(i), &policy);
        call("AttachRolePolicy", "RoleName", "r", "PolicyArn", slice_cstr(arena, policy.arn), NULL);
        if (i < 10)
            succeeded();
    }
    refused(409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10");
}

static void test_profiles(void **state)
{
    call("CreateInstanceProfile", "InstanceProfileName", "ip", NULL);
    succeeded();
    assert_true(says("<Roles></Roles>") || says("<Roles/>"));
    call("CreateInstanceProfile", "InstanceProfileName", "ip", NULL);
    refused(409, "EntityAlreadyExists", "Instance Profile ip already exists.");
    call("CreateRole", ROLE("r"));
    call("CreateRole", ROLE("s"));
    call("AddRoleToInstanceProfile", "InstanceProfileName", "ip", "RoleName", "r", NULL);
    succeeded();
    call("AddRoleToInstanceProfile", "InstanceProfileName", "ip", "RoleName", "s", NULL);
    refused(409, "LimitExceeded", "");
    call("ListInstanceProfilesForRole", "RoleName", "r", NULL);
    assert_true(says("<InstanceProfileName>ip</InstanceProfileName>"));
    call("ListInstanceProfiles", "PathPrefix", "/x/", NULL);
    assert_true(!says("<InstanceProfileName>"));
    call("DeleteRole", "RoleName", "r", NULL);
    refused(409, "DeleteConflict", "must remove roles from instance profile first.");
    call("DeleteInstanceProfile", "InstanceProfileName", "ip", NULL);
    refused(409, "DeleteConflict", "");
    call("RemoveRoleFromInstanceProfile", "InstanceProfileName", "ip", "RoleName", "s", NULL);
    refused(404, "NoSuchEntity", "");
    call("RemoveRoleFromInstanceProfile", "InstanceProfileName", "ip", "RoleName", "r", NULL);
    call("DeleteInstanceProfile", "InstanceProfileName", "ip", NULL);
    succeeded();
    call("GetInstanceProfile", "InstanceProfileName", "ip", NULL);
    refused(404, "NoSuchEntity", "Instance Profile ip cannot be found.");
}

static void test_linked(void **state)
{
    call("CreateServiceLinkedRole", "AWSServiceName", "ecs.amazonaws.com", NULL);
    succeeded();
    assert_true(says(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS</Arn>"));
    call("CreateServiceLinkedRole", "AWSServiceName", "ecs.amazonaws.com", NULL);
    refused(400, "InvalidInput", "has been taken in this account");
    call("CreateServiceLinkedRole", "AWSServiceName", "ecs.amazonaws.com", "CustomSuffix", "x", NULL);
    refused(400, "InvalidInput", "Custom suffix is not allowed for ecs.amazonaws.com");
    call("CreateServiceLinkedRole", "AWSServiceName", "nonsense.amazonaws.com", NULL);
    refused(400, "InvalidInput", "");
    call("PutRolePolicy", "RoleName", "AWSServiceRoleForECS", "PolicyName", "p", "PolicyDocument", ALLOW_S3, NULL);
    refused(400, "UnmodifiableEntity", "Cannot perform the operation on the protected role");
    call("DeleteServiceLinkedRole", "RoleName", "AWSServiceRoleForECS", NULL);
    const char *task = element_text("DeletionTaskId");
    call("DeleteServiceLinkedRole", "RoleName", "AWSServiceRoleForECS", NULL);
    assert_string_equal(element_text("DeletionTaskId"), task);
    call("GetServiceLinkedRoleDeletionStatus", "DeletionTaskId", task, NULL);
    assert_true(says("<Status>IN_PROGRESS</Status>"));
    worker_test_set_time(worker, now + 1000);
    call("GetServiceLinkedRoleDeletionStatus", "DeletionTaskId", task, NULL);
    assert_true(says("<Status>SUCCEEDED</Status>"));
    call("GetRole", "RoleName", "AWSServiceRoleForECS", NULL);
    refused(404, "NoSuchEntity", "");
    call("GetServiceLinkedRoleDeletionStatus", "DeletionTaskId", "none", NULL);
    refused(404, "NoSuchEntity", "");
}

static void test_paging(void **state)
{
    for (int i = 0; i < 5; i++)
        call("CreateRole", "Path", i < 3 ? "/x/" : "/", "RoleName", slice_cstr(arena, arena_printf(arena, "r%d", i)),
             "AssumeRolePolicyDocument", TRUST, NULL);
    call("ListRoles", "MaxItems", "2", NULL);
    assert_true(says("<RoleName>r0</RoleName>") && says("<RoleName>r1</RoleName>") && !says("<RoleName>r2</RoleName>"));
    assert_true(says("<IsTruncated>true</IsTruncated>"));
    call("ListRoles", "Marker", element_text("Marker"), NULL);
    assert_true(!says("<RoleName>r1</RoleName>") && says("<RoleName>r4</RoleName>"));
    assert_true(says("<IsTruncated>false</IsTruncated>") && !says("<Marker>"));
    call("ListRoles", "PathPrefix", "/x/", NULL);
    assert_true(says("<RoleName>r2</RoleName>") && !says("<RoleName>r3</RoleName>"));
    call("ListRoles", "Marker", "nonsense", NULL);
    refused(400, "ValidationError", "Invalid Marker.");
    call("ListRoles", "MaxItems", "1001", NULL);
    refused(400, "ValidationError", "maxItems");
}

/* One of each kind of name: the service's own, with words before it, with words behind the role's, with a suffix. */
static void test_linked_services(void **state)
{
    (void)state;
    static const struct {
        const char *service, *suffix, *role;
    } services[] = {
        {"elasticbeanstalk.amazonaws.com", NULL, "AWSServiceRoleForElasticBeanstalk"},
        {"logger.cloudfront.amazonaws.com", NULL, "AWSServiceRoleForCloudFrontLogger"},
        {"vpcorigin.cloudfront.amazonaws.com", NULL, "AWSServiceRoleForCloudFrontVPCOrigin"},
        {"cloudfront.amazonaws.com", "x", "AWSServiceRoleForCloudFrontLogger_x"},
        {"amplify.amazonaws.com", "x", "AWSServiceRoleForAmplify_x"},
        {"lexv2.amazonaws.com", "x", "AWSServiceRoleForLexV2Bots_x"},
        {"autoscaling.amazonaws.com", "x", "AWSServiceRoleForAutoScaling_x"},
        {"dynamodb.application-autoscaling.amazonaws.com", NULL,
         "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"},
        {"guardduty.amazonaws.com", NULL, "AWSServiceRoleForAmazonGuardDuty"},
        {"securityhub.amazonaws.com", NULL, "AWSServiceRoleForSecurityHub"},
    };
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
        if (services[i].suffix)
            call("CreateServiceLinkedRole", "AWSServiceName", services[i].service, "CustomSuffix", services[i].suffix,
                 NULL);
        else
            call("CreateServiceLinkedRole", "AWSServiceName", services[i].service, NULL);
        succeeded();
        assert_string_equal(element_text("RoleName"), services[i].role);
    }
    call("CreateServiceLinkedRole", "AWSServiceName", "guardduty.amazonaws.com", "CustomSuffix", "x", NULL);
    refused(400, "InvalidInput", "Custom suffix is not allowed for guardduty.amazonaws.com");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trust_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_updates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policies_of_a_role, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attachment_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_profiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linked_services, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
