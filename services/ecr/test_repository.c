/* Tests of the registry's control plane: repositories, tags, policies, rules, settings. */
#include "services/ecr/test_ecr.h"

#include "common/buf.h"

static void test_repositories(void **state)
{
    const struct val *made = val_get(ok("CreateRepository", "{'repositoryName': 'a-b/c.d/e__f', 'imageTagMutability': "
                                                            "'IMMUTABLE', 'imageScanningConfiguration': {}}"),
                                     S("repository"));
    assert_text(made, "repositoryArn", "arn:aws:ecr:us-east-1:123456789012:repository/a-b/c.d/e__f");
    assert_text(made, "repositoryUri", "localhost:4566/a-b/c.d/e__f");
    assert_text(made, "imageTagMutability", "IMMUTABLE");
    assert_text(val_get(made, S("encryptionConfiguration")), "encryptionType", "AES256");
    slice message = refused("CreateRepository", "{'repositoryName': 'team/app'}", "RepositoryAlreadyExistsException");
    assert_true(slice_eq(message, S("The repository with name 'team/app' already exists in the registry with id "
                                    "'123456789012'")));
    refused("CreateRepository", "{'repositoryName': 'Upper'}", "InvalidParameterException");
    refused("CreateRepository", "{}", "InvalidParameterException");
    refused("CreateRepository", "{'repositoryName': 'x1', 'registryId': '210987654321'}", "InvalidParameterException");
    refused("CreateRepository",
            "{'repositoryName': 'x1', 'encryptionConfiguration': {'encryptionType': 'AES256', 'kmsKey': 'k'}}",
            "InvalidParameterException");
    message = refused("DescribeRepositories", "{'repositoryNames': ['none']}", "RepositoryNotFoundException");
    assert_true(slice_eq(message, S("The repository with name 'none' does not exist in the registry with id "
                                    "'123456789012'")));
    refused("DescribeRepositories", "{'repositoryNames': ['team/app'], 'maxResults': 5}", "InvalidParameterException");
    refused("DescribeRepositories", "{'nextToken': 'rubbish'}", "InvalidParameterException");
    refused("DescribeRepositories", "{'maxResults': 1001}", "InvalidParameterException");
    const struct val *page = ok("DescribeRepositories", "{'maxResults': 1}");
    assert_text(item(page, "repositories", 0), "repositoryName", "a-b/c.d/e__f");
    slice next = val_get_string(page, S("nextToken"));
    page = ok("DescribeRepositories", json("{'maxResults': 1, 'nextToken': '%.*s'}", SLICE_ARG(next)));
    assert_text(item(page, "repositories", 0), "repositoryName", "team/app");
    assert_null(val_get(page, S("nextToken")));
    assert_int_equal(count(ok("DescribeRepositories", "{'registryId': '210987654321'}"), "repositories"), 0);
    ok("DeleteRepository", "{'repositoryName': 'a-b/c.d/e__f'}");
    refused("DeleteRepository", "{'repositoryName': 'a-b/c.d/e__f'}", "RepositoryNotFoundException");
    push_image("team/app", "v1", "layer");
    refused("DeleteRepository", "{'repositoryName': 'team/app'}", "RepositoryNotEmptyException");
    ok("DeleteRepository", "{'repositoryName': 'team/app', 'force': true}");
}

static void test_mutability(void **state)
{
    const struct val *set =
        ok("PutImageTagMutability", "{'repositoryName': 'team/app', 'imageTagMutability': 'IMMUTABLE_WITH_EXCLUSION', "
                                    "'imageTagMutabilityExclusionFilters': [{'filterType': 'WILDCARD', 'filter': "
                                    "'latest*'}]}");
    assert_text(item(set, "imageTagMutabilityExclusionFilters", 0), "filter", "latest*");
    refused("PutImageTagMutability", "{'repositoryName': 'team/app', 'imageTagMutability': 'IMMUTABLE_WITH_EXCLUSION'}",
            "InvalidParameterException");
    refused("PutImageTagMutability",
            "{'repositoryName': 'team/app', 'imageTagMutability': 'MUTABLE', 'imageTagMutabilityExclusionFilters': "
            "[{'filterType': 'WILDCARD', 'filter': 'a'}]}",
            "InvalidParameterException");
    refused("PutImageTagMutability", "{'repositoryName': 'none', 'imageTagMutability': 'MUTABLE'}",
            "RepositoryNotFoundException");
    refused("PutImageTagMutability", "{'repositoryName': 'team/app', 'imageTagMutability': 'SOME'}",
            "InvalidParameterException");
    push_image("team/app", "v1", "one");
    push_image("team/app", "latest", "one");
    push_image("team/app", "latest", "two");
    slice manifest = manifest_of("team/app", "two");
    http_refused("PUT", "/v2/team/app/manifests/v1", manifest, 409, "TAG_INVALID");
    ok("PutImageScanningConfiguration",
       "{'repositoryName': 'team/app', 'imageScanningConfiguration': {'scanOnPush': true}}");
    refused("PutImageScanningConfiguration", "{'repositoryName': 'none', 'imageScanningConfiguration': {}}",
            "RepositoryNotFoundException");
    refused("PutImageScanningConfiguration", "{'repositoryName': 'team/app'}", "InvalidParameterException");
}

static void test_tags(void **state)
{
    const char *arn = "'resourceArn': 'arn:aws:ecr:us-east-1:123456789012:repository/team/app'";
    ok("TagResource", json("{%s, 'tags': [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}]}", arn));
    ok("UntagResource", json("{%s, 'tagKeys': ['a']}", arn));
    const struct val *tags = ok("ListTagsForResource", json("{%s}", arn));
    assert_int_equal(count(tags, "tags"), 1);
    assert_text(item(tags, "tags", 0), "Value", "2");
    refused("TagResource", json("{%s, 'tags': [{'Key': 'aws:a', 'Value': '1'}]}", arn), "InvalidTagParameterException");
    refused("TagResource", json("{%s}", arn), "InvalidParameterException");
    refused("UntagResource", "{'resourceArn': 'arn:aws:s3:::b', 'tagKeys': ['a']}", "InvalidParameterException");
    refused("UntagResource", json("{%s}", arn), "InvalidParameterException");
    refused("ListTagsForResource", "{'resourceArn': 'arn:aws:ecr:us-east-1:123456789012:repository/none'}",
            "RepositoryNotFoundException");
    struct buf many;
    buf_init(&many, arena);
    for (int i = 0; i < 51; i++)
        buf_printf(&many, "%s{'Key': 'k%d', 'Value': ''}", i ? "," : "", i);
    refused("TagResource", json("{%s, 'tags': [%.*s]}", arn, SLICE_ARG(buf_slice(&many))), "TooManyTagsException");
    assert_int_equal(count(ok("ListTagsForResource", json("{%s}", arn)), "tags"), 1);
}

static const char policy[] =
    "{\\'Version\\': \\'2012-10-17\\', \\'Statement\\': [{\\'Effect\\': \\'Allow\\', \\'Principal\\': "
    "\\'*\\', \\'Action\\': \\'ecr:*\\'}]}";

static void test_policies(void **state)
{
    const char *repository = "'repositoryName': 'team/app'";
    refused("GetRepositoryPolicy", json("{%s}", repository), "RepositoryPolicyNotFoundException");
    refused("SetRepositoryPolicy", json("{%s, 'policyText': '{}'}", repository), "InvalidParameterException");
    refused("SetRepositoryPolicy", json("{%s}", repository), "InvalidParameterException");
    refused("SetRepositoryPolicy", json("{'repositoryName': 'none', 'policyText': '%s'}", policy),
            "RepositoryNotFoundException");
    ok("SetRepositoryPolicy", json("{%s, 'policyText': '%s'}", repository, policy));
    assert_true(val_get_string(ok("GetRepositoryPolicy", json("{%s}", repository)), S("policyText")).len > 50);
    ok("DeleteRepositoryPolicy", json("{%s}", repository));
    refused("DeleteRepositoryPolicy", json("{%s}", repository), "RepositoryPolicyNotFoundException");
    refused("GetRegistryPolicy", "{}", "RegistryPolicyNotFoundException");
    refused("PutRegistryPolicy", "{'policyText': 'x'}", "InvalidParameterException");
    ok("PutRegistryPolicy", json("{'policyText': '%s'}", policy));
    assert_text(ok("GetRegistryPolicy", "{}"), "registryId", "123456789012");
    ok("DeleteRegistryPolicy", "{}");
    refused("DeleteRegistryPolicy", "{}", "RegistryPolicyNotFoundException");
}

static void test_settings(void **state)
{
    const struct val *registry = ok("DescribeRegistry", "{}");
    assert_int_equal(count(val_get(registry, S("replicationConfiguration")), "rules"), 0);
    ok("PutReplicationConfiguration", "{'replicationConfiguration': {'rules': [{'destinations': [{'region': "
                                      "'eu-west-1', 'registryId': '123456789012'}]}]}}");
    registry = ok("DescribeRegistry", "{}");
    assert_int_equal(count(val_get(registry, S("replicationConfiguration")), "rules"), 1);
    refused("PutReplicationConfiguration",
            "{'replicationConfiguration': {'rules': [{'destinations': [{'region': 'us-east-1', 'registryId': "
            "'123456789012'}]}]}}",
            "InvalidParameterException");
    refused("PutReplicationConfiguration", "{}", "InvalidParameterException");
    assert_text(val_get(ok("GetRegistryScanningConfiguration", "{}"), S("scanningConfiguration")), "scanType", "BASIC");
    ok("PutRegistryScanningConfiguration",
       "{'scanType': 'BASIC', 'rules': [{'scanFrequency': 'SCAN_ON_PUSH', 'repositoryFilters': [{'filter': 'team/*', "
       "'filterType': 'WILDCARD'}]}]}");
    refused("PutRegistryScanningConfiguration",
            "{'scanType': 'BASIC', 'rules': [{'scanFrequency': 'CONTINUOUS_SCAN', 'repositoryFilters': []}]}",
            "InvalidParameterException");
    const struct val *scanning =
        ok("BatchGetRepositoryScanningConfiguration", "{'repositoryNames': ['team/app', 'no']}");
    assert_text(item(scanning, "scanningConfigurations", 0), "scanFrequency", "SCAN_ON_PUSH");
    assert_text(item(scanning, "failures", 0), "failureCode", "REPOSITORY_NOT_FOUND");
    refused("BatchGetRepositoryScanningConfiguration", "{}", "InvalidParameterException");
    assert_text(ok("GetAccountSetting", "{'name': 'BASIC_SCAN_TYPE_VERSION'}"), "value", "AWS_NATIVE");
    ok("PutAccountSetting", "{'name': 'BASIC_SCAN_TYPE_VERSION', 'value': 'CLAIR'}");
    assert_text(ok("GetAccountSetting", "{'name': 'BASIC_SCAN_TYPE_VERSION'}"), "value", "CLAIR");
    refused("PutAccountSetting", "{'name': 'BASIC_SCAN_TYPE_VERSION', 'value': 'X'}", "InvalidParameterException");
    refused("GetAccountSetting", "{'name': 'x'}", "InvalidParameterException");
}

static void test_cache_rules(void **state)
{
    const struct val *rule =
        ok("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'quay', 'upstreamRegistryUrl': 'quay.io'}");
    assert_text(rule, "upstreamRegistry", "quay");
    refused("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'quay', 'upstreamRegistryUrl': 'quay.io'}",
            "PullThroughCacheRuleAlreadyExistsException");
    refused("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'xx', 'upstreamRegistryUrl': 'example.com'}",
            "UnsupportedUpstreamRegistryException");
    refused("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'XX', 'upstreamRegistryUrl': 'quay.io'}",
            "InvalidParameterException");
    ok("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'own', 'upstreamRegistryUrl': '127.0.0.1:5000'}");
    /* An upstream prefix that was not given is not shown: Terraform would replace the rule because of it. */
    const struct val *without = ok("DescribePullThroughCacheRules", "{'ecrRepositoryPrefixes': ['own']}");
    assert_null(val_get(item(without, "pullThroughCacheRules", 0), S("upstreamRepositoryPrefix")));
    ok("CreatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'kube', 'upstreamRegistryUrl': 'registry.k8s.io', "
                                     "'upstreamRepositoryPrefix': 'pause'}");
    const struct val *with = ok("DescribePullThroughCacheRules", "{'ecrRepositoryPrefixes': ['kube']}");
    assert_text(item(with, "pullThroughCacheRules", 0), "upstreamRepositoryPrefix", "pause");
    ok("DeletePullThroughCacheRule", "{'ecrRepositoryPrefix': 'kube'}");
    const struct val *page = ok("DescribePullThroughCacheRules", "{'maxResults': 1}");
    assert_int_equal(count(page, "pullThroughCacheRules"), 1);
    assert_true(val_get_string(page, S("nextToken")).len > 0);
    refused("DescribePullThroughCacheRules", "{'ecrRepositoryPrefixes': ['none']}",
            "PullThroughCacheRuleNotFoundException");
    refused("DescribePullThroughCacheRules", "{'maxResults': 0}", "InvalidParameterException");
    refused("UpdatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'none'}", "PullThroughCacheRuleNotFoundException");
    refused("UpdatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'quay'}", "InvalidParameterException");
    ok("UpdatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'quay', 'credentialArn': "
                                     "'arn:aws:secretsmanager:us-east-1:123456789012:secret:ecr-pullthroughcache/x'}");
    /* Without a loop nothing can be fetched. */
    const struct val *valid = ok("ValidatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'own'}");
    assert_false(val_get_bool(valid, S("isValid"), true));
    refused("ValidatePullThroughCacheRule", "{'ecrRepositoryPrefix': 'none'}", "PullThroughCacheRuleNotFoundException");
    refused("BatchGetImage", "{'repositoryName': 'own/x', 'imageIds': [{'imageTag': 'v'}]}",
            "UnableToGetUpstreamImageException");
    http_refused("GET", "/v2/own/x/manifests/v", S(""), 404, "MANIFEST_UNKNOWN");
    ok("DeletePullThroughCacheRule", "{'ecrRepositoryPrefix': 'own'}");
    refused("DeletePullThroughCacheRule", "{'ecrRepositoryPrefix': 'own'}", "PullThroughCacheRuleNotFoundException");
    refused("DeletePullThroughCacheRule", "{}", "InvalidParameterException");
}

static void test_templates(void **state)
{
    http_refused("POST", "/v2/made/here/blobs/uploads/", S(""), 404, "NAME_UNKNOWN");
    ok("CreateRepositoryCreationTemplate", "{'prefix': 'made', 'appliedFor': ['CREATE_ON_PUSH'], 'imageTagMutability': "
                                           "'IMMUTABLE', 'resourceTags': [{'Key': 'k', 'Value': 'v'}]}");
    refused("CreateRepositoryCreationTemplate", "{'prefix': 'made', 'appliedFor': ['REPLICATION']}",
            "TemplateAlreadyExistsException");
    refused("CreateRepositoryCreationTemplate", "{'prefix': 'made'}", "InvalidParameterException");
    http("POST", "/v2/made/here/blobs/uploads/", S(""), "", 202);
    const struct val *made = item(ok("DescribeRepositories", "{'repositoryNames': ['made/here']}"), "repositories", 0);
    assert_text(made, "imageTagMutability", "IMMUTABLE");
    ok("UpdateRepositoryCreationTemplate", "{'prefix': 'made', 'description': 'd'}");
    const struct val *page = ok("DescribeRepositoryCreationTemplates", "{}");
    assert_text(item(page, "repositoryCreationTemplates", 0), "description", "d");
    refused("UpdateRepositoryCreationTemplate", "{'prefix': 'none'}", "TemplateNotFoundException");
    refused("DescribeRepositoryCreationTemplates", "{'prefixes': ['none']}", "TemplateNotFoundException");
    ok("DeleteRepositoryCreationTemplate", "{'prefix': 'made'}");
    refused("DeleteRepositoryCreationTemplate", "{'prefix': 'made'}", "TemplateNotFoundException");
}

static void test_tokens(void **state)
{
    const struct val *data = ok("GetAuthorizationToken", "{'registryIds': ['210987654321', '123456789012']}");
    assert_int_equal(count(data, "authorizationData"), 2);
    assert_text(item(data, "authorizationData", 0), "proxyEndpoint", "http://localhost:4566");
    refused("GetAuthorizationToken", "{'registryIds': ['x']}", "InvalidParameterException");
    http("GET", "/v2/", S(""), "", 200);
    worker_test_set_time(worker, test_now + 13 * 3600 * 1000);
    http_refused("GET", "/v2/", S(""), 403, "DENIED");
    token = S("rubbish");
    http_refused("GET", "/v2/", S(""), 401, "UNAUTHORIZED");
    assert_true(slice_starts(header("WWW-Authenticate"), S("Basic realm=")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_repositories, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mutability, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_policies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_templates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
