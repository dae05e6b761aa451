/* Tests of users, groups, keys, managed policies, providers, the account, the simulator and authorization. */
#include "services/iam/test_iam.h"

static void test_users(void **state)
{
    call("CreateUser", "UserName", "ann", "Path", "/staff/", NULL);
    succeeded();
    assert_true(says("<Arn>arn:aws:iam::123456789012:user/staff/ann</Arn>"));
    call("CreateUser", "UserName", "Ann", NULL);
    refused(409, "EntityAlreadyExists", "User with name Ann already exists.");
    call("CreateUser", "UserName", "a b", NULL);
    refused(400, "ValidationError", "userName");
    call("UpdateUser", "UserName", "ann", "NewUserName", "eve", "NewPath", "/", NULL);
    succeeded();
    call("GetUser", "UserName", "eve", NULL);
    assert_true(says("<Arn>arn:aws:iam::123456789012:user/eve</Arn>"));
    call("GetUser", "UserName", "ann", NULL);
    refused(404, "NoSuchEntity", "The user with name ann cannot be found.");
    call("GetUser", NULL);
    assert_true(says("<Arn>arn:aws:iam::123456789012:root</Arn>"));
    call("ListUsers", NULL);
    assert_true(says("<UserName>eve</UserName>") && says("<IsTruncated>false</IsTruncated>"));
    call("TagUser", "UserName", "eve", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", NULL);
    call("ListUserTags", "UserName", "eve", NULL);
    assert_true(says("<Key>k</Key>"));
    call("AttachUserPolicy", "UserName", "eve", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess", NULL);
    call("DeleteUser", "UserName", "eve", NULL);
    refused(409, "DeleteConflict", "must detach all policies first.");
    call("DetachUserPolicy", "UserName", "eve", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess", NULL);
    call("PutUserPolicy", "UserName", "eve", "PolicyName", "p", "PolicyDocument", ALLOW_S3, NULL);
    call("ListUserPolicies", "UserName", "eve", NULL);
    assert_true(says("<member>p</member>"));
    call("DeleteUserPolicy", "UserName", "eve", "PolicyName", "p", NULL);
    call("DeleteUser", "UserName", "eve", NULL);
    succeeded();
}

static void test_keys(void **state)
{
    call("CreateUser", "UserName", "ann", NULL);
    call("CreateAccessKey", "UserName", "ann", NULL);
    const char *key = element_text("AccessKeyId");
    assert_int_equal(strlen(key), 20);
    call("CreateAccessKey", "UserName", "ann", NULL);
    call("CreateAccessKey", "UserName", "ann", NULL);
    refused(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
    call("UpdateAccessKey", "UserName", "ann", "AccessKeyId", key, "Status", "Inactive", NULL);
    succeeded();
    call("ListAccessKeys", "UserName", "ann", NULL);
    assert_true(says("<Status>Inactive</Status>") && says("<Status>Active</Status>"));
    call("ListAccessKeys", "UserName", "ann", "MaxItems", "1", NULL);
    assert_true(says("<IsTruncated>true</IsTruncated>"));
    call("ListAccessKeys", "UserName", "ann", "Marker", element_text("Marker"), NULL);
    assert_true(says("<IsTruncated>false</IsTruncated>"));
    call("GetAccessKeyLastUsed", "AccessKeyId", key, NULL);
    assert_true(says("<UserName>ann</UserName>") && says("<ServiceName>N/A</ServiceName>"));
    call("DeleteAccessKey", "UserName", "ann", "AccessKeyId", key, NULL);
    succeeded();
    call("DeleteAccessKey", "UserName", "ann", "AccessKeyId", key, NULL);
    refused(404, "NoSuchEntity", "The Access Key with id");
    call("CreateLoginProfile", "UserName", "ann", "Password", "short", NULL);
    refused(400, "PasswordPolicyViolation", "Password should have a minimum length of 8");
    call("CreateLoginProfile", "UserName", "ann", "Password", "long enough", NULL);
    succeeded();
    call("GetLoginProfile", "UserName", "ann", NULL);
    assert_true(says("<UserName>ann</UserName>") && !says("long"));
    call("DeleteLoginProfile", "UserName", "ann", NULL);
    call("GetLoginProfile", "UserName", "ann", NULL);
    refused(404, "NoSuchEntity", "Login Profile for User ann cannot be found.");
}

static void test_groups(void **state)
{
    call("CreateGroup", "GroupName", "g", NULL);
    succeeded();
    call("CreateGroup", "GroupName", "g", NULL);
    refused(409, "EntityAlreadyExists", "Group with name g already exists.");
    call("CreateUser", "UserName", "ann", NULL);
    call("AddUserToGroup", "GroupName", "g", "UserName", "ann", NULL);
    succeeded();
    call("AddUserToGroup", "GroupName", "none", "UserName", "ann", NULL);
    refused(404, "NoSuchEntity", "The group with name none cannot be found.");
    call("GetGroup", "GroupName", "g", NULL);
    assert_true(says("<Users><member><Path>/</Path><UserName>ann</UserName>"));
    call("ListGroupsForUser", "UserName", "ann", NULL);
    assert_true(says("<GroupName>g</GroupName>"));
    call("DeleteGroup", "GroupName", "g", NULL);
    refused(409, "DeleteConflict", "");
    call("UpdateGroup", "GroupName", "g", "NewGroupName", "h", NULL);
    call("PutGroupPolicy", "GroupName", "h", "PolicyName", "p", "PolicyDocument", ALLOW_S3, NULL);
    call("GetGroupPolicy", "GroupName", "h", "PolicyName", "p", NULL);
    succeeded();
    call("GetAccountAuthorizationDetails", NULL);
    assert_true(says("<GroupName>h</GroupName>") && says("<GroupPolicyList><member><PolicyName>p</PolicyName>"));
    call("GetAccountAuthorizationDetails", "MaxItems", "1", NULL);
    assert_true(says("<UserName>ann</UserName>") && !says("<GroupId>"));
    call("GetAccountAuthorizationDetails", "Marker", element_text("Marker"), NULL);
    assert_true(!says("<UserName>ann</UserName>") && says("<GroupName>h</GroupName>"));
    call("RemoveUserFromGroup", "GroupName", "h", "UserName", "ann", NULL);
    call("DeleteGroupPolicy", "GroupName", "h", "PolicyName", "p", NULL);
    call("DeleteGroup", "GroupName", "h", NULL);
    succeeded();
}

static void test_managed(void **state)
{
    static const char arn[] = "arn:aws:iam::123456789012:policy/x/p";
    call("CreatePolicy", "PolicyName", "p", "Path", "/x/", "PolicyDocument", ALLOW_S3, "Description", "", NULL);
    succeeded();
    call("CreatePolicy", "PolicyName", "p", "PolicyDocument", ALLOW_S3, NULL);
    refused(409, "EntityAlreadyExists", "A policy called p already exists. Duplicate names are not allowed.");
    for (int i = 0; i < 4; i++)
        call("CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", ALLOW_S3, NULL);
    succeeded();
    call("CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", ALLOW_S3, NULL);
    refused(409, "LimitExceeded", "A managed policy can have up to 5 versions.");
    call("DeletePolicyVersion", "PolicyArn", arn, "VersionId", "v5", NULL);
    call("CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", ALLOW_S3, "SetAsDefault", "true", NULL);
    assert_true(says("<VersionId>v6</VersionId><IsDefaultVersion>true</IsDefaultVersion>"));
    call("ListPolicyVersions", "PolicyArn", arn, "MaxItems", "2", NULL);
    assert_true(says("<VersionId>v6</VersionId>") && says("<VersionId>v4</VersionId>") && says(">true</IsTruncated>"));
    call("ListPolicyVersions", "PolicyArn", arn, "Marker", element_text("Marker"), NULL);
    assert_true(says("<VersionId>v3</VersionId>") && !says("<VersionId>v4</VersionId>"));
    call("DeletePolicyVersion", "PolicyArn", arn, "VersionId", "v6", NULL);
    refused(409, "DeleteConflict", "Cannot delete the default version of a policy.");
    call("GetPolicyVersion", "PolicyArn", arn, "VersionId", "v9", NULL);
    refused(404, "NoSuchEntity", "version v9 does not exist or is not attachable.");
    call("DeletePolicy", "PolicyArn", arn, NULL);
    refused(409, "DeleteConflict", "This policy has more than one version.");
    call("GetPolicy", "PolicyArn", "this is no ARN at all", NULL);
    refused(400, "ValidationError", "Invalid ARN:  Could not be parsed!");
    call("DeletePolicy", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess", NULL);
    refused(403, "AccessDenied", "");
    call("TagPolicy", "PolicyArn", arn, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", NULL);
    call("ListPolicyTags", "PolicyArn", arn, NULL);
    assert_true(says("<Key>k</Key>"));
    call("CreateUser", "UserName", "ann", "PermissionsBoundary", arn, NULL);
    call("AttachUserPolicy", "UserName", "ann", "PolicyArn", arn, NULL);
    call("ListPolicies", "Scope", "Local", "OnlyAttached", "true", NULL);
    assert_true(says("<AttachmentCount>1</AttachmentCount>"
                     "<PermissionsBoundaryUsageCount>1</PermissionsBoundaryUsageCount>"));
    call("ListPolicies", "PolicyUsageFilter", "PermissionsBoundary", "PathPrefix", "/x/", NULL);
    assert_true(says("<PolicyName>p</PolicyName>"));
    call("ListEntitiesForPolicy", "PolicyArn", arn, NULL);
    assert_true(says("<PolicyUsers><member><UserName>ann</UserName>"));
    call("ListEntitiesForPolicy", "PolicyArn", arn, "EntityFilter", "Role", NULL);
    assert_true(!says("<UserName>ann</UserName>"));
    call("DeletePolicy", "PolicyArn", arn, NULL);
    refused(409, "DeleteConflict", "Cannot delete a policy attached to entities.");
}

static void test_providers(void **state)
{
    static const char arn[] = "arn:aws:iam::123456789012:oidc-provider/idp.example/a";
    call("CreateOpenIDConnectProvider", "Url", "https://idp.example/a", "ClientIDList.member.1", "c", NULL);
    succeeded();
    assert_string_equal(element_text("OpenIDConnectProviderArn"), arn);
    call("CreateOpenIDConnectProvider", "Url", "https://idp.example/a", NULL);
    refused(409, "EntityAlreadyExists", "");
    call("CreateOpenIDConnectProvider", "Url", "http://idp.example/a", NULL);
    refused(400, "ValidationError", "");
    call("AddClientIDToOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, "ClientID", "d", NULL);
    call("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, NULL);
    assert_true(says("<ClientIDList><member>c</member><member>d</member></ClientIDList>"));
    call("ListOpenIDConnectProviders", NULL);
    assert_true(says(arn));
    call("DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, NULL);
    call("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, NULL);
    refused(404, "NoSuchEntity", "OpenIDConnect Provider not found for arn");
}

static void test_account(void **state)
{
    call("CreateAccountAlias", "AccountAlias", "mine", NULL);
    call("ListAccountAliases", NULL);
    assert_true(says("<AccountAliases><member>mine</member></AccountAliases><IsTruncated>false</IsTruncated>"));
    call("DeleteAccountAlias", "AccountAlias", "other", NULL);
    refused(404, "NoSuchEntity", "");
    call("GetAccountPasswordPolicy", NULL);
    refused(404, "NoSuchEntity", "The Password Policy with domain name 123456789012 cannot be found.");
    call("UpdateAccountPasswordPolicy", "MinimumPasswordLength", "12", "MaxPasswordAge", "90", NULL);
    call("GetAccountPasswordPolicy", NULL);
    assert_true(says("<MinimumPasswordLength>12</MinimumPasswordLength>") && says(">true</ExpirePasswords>"));
    call("UpdateAccountPasswordPolicy", "MinimumPasswordLength", "2", NULL);
    refused(400, "ValidationError", "minimumPasswordLength");
    call("GetAccountSummary", NULL);
    assert_true(says("<entry><key>RolesQuota</key><value>1000</value></entry>"));
}

static void test_simulator(void **state)
{
    call("SimulateCustomPolicy", "PolicyInputList.member.1", ALLOW_S3, "ActionNames.member.1", "s3:GetObject",
         "ActionNames.member.2", "ec2:RunInstances", NULL);
    succeeded();
    assert_true(says("<EvalActionName>s3:GetObject</EvalActionName><EvalResourceName>*</EvalResourceName>"
                     "<EvalDecision>allowed</EvalDecision><MatchedStatements><member>"
                     "<SourcePolicyId>PolicyInputList.1</SourcePolicyId>"));
    assert_true(says("<EvalDecision>implicitDeny</EvalDecision>"));
    call("SimulateCustomPolicy", "PolicyInputList.member.1", "{", "ActionNames.member.1", "s3:GetObject", NULL);
    refused(400, "InvalidInput", "");
    call("SimulateCustomPolicy", "PolicyInputList.member.1", ALLOW_S3, NULL);
    refused(400, "ValidationError", "actionNames");
    call("SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:user/none", "ActionNames.member.1",
         "s3:GetObject", NULL);
    refused(404, "NoSuchEntity", "");
}

static int answer_sts(slice service, slice question, slice body, slice *answer)
{
    assert_true(slice_eq(service, S("sts")) && slice_eq(question, S("Session")));
    *answer = S("{\"found\":true,\"arn\":\"arn:aws:sts::123456789012:assumed-role/r/s\",\"account\":\"123456789012\","
                "\"principal\":\"arn:aws:iam::123456789012:role/r\",\"policies\":[]}");
    return 200;
}

static void test_enforcement(void **state)
{
    worker_test_enforce(worker);
    worker_test_set_answers(worker, answer_sts);
    call("CreateUser", "UserName", "ann", NULL);
    call("CreateAccessKey", "UserName", "ann", NULL);
    slice key = element("AccessKeyId");
    call("PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument",
         "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iam:Get*\",\"Resource\":\"*\"}}", NULL);
    succeeded();
    as_key = key;
    call("GetUser", NULL);
    assert_true(says("<UserName>ann</UserName>"));
    call("ListRoles", NULL);
    refused(
        403, "AccessDenied",
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:ListRoles on resource: * because "
        "no identity-based policy allows the iam:ListRoles action");
    as_key = S("test");
    call("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", TRUST, NULL);
    as_key = S("ASIAQAAAAAAAAAAAAAAA");
    call("ListRoles", NULL);
    refused(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized");
    as_key = S("test");
    call("AttachRolePolicy", "RoleName", "r", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess", NULL);
    as_key = S("ASIAQAAAAAAAAAAAAAAA");
    call("ListRoles", NULL);
    succeeded();
    as_key = S("test");
    call("UpdateAccessKey", "UserName", "ann", "AccessKeyId", slice_cstr(arena, key), "Status", "Inactive", NULL);
    as_key = key;
    call("GetUser", NULL);
    refused(403, "InvalidClientTokenId", "");
}

/* Credentials and devices that cannot be made here: a user has none, and who deletes users is told so. */
static void test_absent(void **state)
{
    (void)state;
    static const char *const of_users[] = {"ListMFADevices", "ListServiceSpecificCredentials",
                                           "ListSigningCertificates", "ListSSHPublicKeys"};
    static const char *const of_accounts[] = {"ListServerCertificates", "ListVirtualMFADevices", "ListSAMLProviders"};
    call("CreateUser", "UserName", "ann", NULL);
    for (size_t i = 0; i < sizeof(of_users) / sizeof(*of_users); i++) {
        call(of_users[i], "UserName", "ann", NULL);
        succeeded();
        assert_true(says("<IsTruncated>false</IsTruncated>") && !says("<member>"));
        call(of_users[i], "UserName", "nobody", NULL);
        refused(404, "NoSuchEntity", "The user with name nobody cannot be found.");
        call(of_users[i], "UserName", "ann", "Marker", "nonsense", NULL);
        refused(400, "ValidationError", "Invalid Marker.");
    }
    for (size_t i = 0; i < sizeof(of_accounts) / sizeof(*of_accounts); i++) {
        call(of_accounts[i], NULL);
        succeeded();
        assert_false(says("<member>"));
    }
    call("GetServerCertificate", "ServerCertificateName", "web", NULL);
    refused(404, "NoSuchEntity", "The Server Certificate with name web cannot be found.");
    call("GetSSHPublicKey", "UserName", "ann", "SSHPublicKeyId", "APKAAAAAAAAAAAAAAAAA", "Encoding", "SSH", NULL);
    refused(404, "NoSuchEntity", "APKAAAAAAAAAAAAAAAAA");
    call("GetSAMLProvider", "SAMLProviderArn", "arn:aws:iam::123456789012:saml-provider/corporate", NULL);
    refused(404, "NoSuchEntity", "corporate");
    call("ListMFADeviceTags", "SerialNumber", "arn:aws:iam::123456789012:mfa/phone", NULL);
    refused(404, "NoSuchEntity", "phone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_managed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_providers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_account, setup, teardown),
        cmocka_unit_test_setup_teardown(test_simulator, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enforcement, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
