/* Tests of clusters, task definitions, tags and account settings: wire bytes in, wire bytes out. */
#include "services/ecs/test_ecs.h"

#define MAIN "\"containerDefinitions\": [{\"name\": \"main\", \"image\": \"i\", \"memory\": 64}]"

static void test_clusters(void **state)
{
    const struct val *cluster = val_get(
        ok("CreateCluster", "{\"clusterName\": \"a\", \"tags\": [{\"key\": \"k\", \"value\": \"v\"}]}"), S("cluster"));
    assert_text(cluster, "clusterArn", "arn:aws:ecs:us-east-1:123456789012:cluster/a");
    assert_text(cluster, "status", "ACTIVE");
    ok("CreateCluster", "{\"clusterName\": \"a\"}");
    refused("CreateCluster", "{\"clusterName\": \"a b\"}", "InvalidParameterException");
    refused("CreateCluster", "{\"clusterName\": \"\"}", "InvalidParameterException");
    refused("CreateCluster", "{\"clusterName\": \"x\", \"capacityProviders\": [\"moon\"]}",
            "InvalidParameterException");
    const struct val *page = ok("ListClusters", "{\"maxResults\": 1}");
    assert_int_equal(count(page, "clusterArns"), 1);
    page = call("ListClusters",
                arena_printf(arena, "{\"nextToken\": \"%.*s\"}", SLICE_ARG(val_get_string(page, S("nextToken")))));
    assert_int_equal(count(page, "clusterArns"), 1);
    assert_null(val_get(page, S("nextToken")));
    refused("ListClusters", "{\"maxResults\": 1000}", "InvalidParameterException");
    page = ok("DescribeClusters",
              "{\"clusters\": [\"a\", \"none\"], \"include\": [\"TAGS\", \"SETTINGS\", \"STATISTICS\"]}");
    assert_text(item(item(page, "clusters", 0), "tags", 0), "key", "k");
    assert_text(item(item(page, "clusters", 0), "settings", 0), "value", "disabled");
    assert_text(item(page, "failures", 0), "reason", "MISSING");
    ok("UpdateClusterSettings",
       "{\"cluster\": \"a\", \"settings\": [{\"name\": \"containerInsights\", \"value\": \"enabled\"}]}");
    ok("UpdateCluster",
       "{\"cluster\": \"a\", \"configuration\": {\"executeCommandConfiguration\": {\"logging\": \"DEFAULT\"}}}");
    ok("PutClusterCapacityProviders",
       "{\"cluster\": \"a\", \"capacityProviders\": [\"FARGATE\"], \"defaultCapacityProviderStrategy\": "
       "[{\"capacityProvider\": \"FARGATE\", \"weight\": 1}]}");
    page = ok("DescribeClusters",
              "{\"clusters\": [\"arn:aws:ecs:us-east-1:123456789012:cluster/a\"], \"include\": [\"SETTINGS\"]}");
    assert_text(item(item(page, "clusters", 0), "settings", 0), "value", "enabled");
    assert_null(val_get(item(page, "clusters", 0), S("configuration")));
    refused("UpdateCluster", "{\"cluster\": \"none\"}", "ClusterNotFoundException");
    refused("DeleteCluster", "{}", "InvalidParameterException");
    ok("DeleteCluster", "{\"cluster\": \"a\"}");
    assert_text(item(ok("DescribeClusters", "{\"clusters\": [\"a\"]}"), "clusters", 0), "status", "INACTIVE");
    refused("DeleteCluster", "{\"cluster\": \"a\"}", "ClusterNotFoundException");
}

static void test_register(void **state)
{
    const struct val *definition =
        val_get(ok("RegisterTaskDefinition", "{\"family\": \"f\", " MAIN "}"), S("taskDefinition"));
    assert_text(definition, "taskDefinitionArn", "arn:aws:ecs:us-east-1:123456789012:task-definition/f:1");
    const struct val *container = item(definition, "containerDefinitions", 0);
    assert_true(val_get_bool(container, S("essential"), false));
    assert_int_equal(
        count(container, "environment") + count(container, "mountPoints") + count(container, "volumesFrom"), 0);
    assert_int_equal(val_get_int(container, S("cpu"), -1), 0);
    ok("RegisterTaskDefinition", "{\"family\": \"f\", " MAIN "}");
    assert_int_equal(
        val_get_int(val_get(ok("DescribeTaskDefinition", "{\"taskDefinition\": \"f\"}"), S("taskDefinition")),
                    S("revision"), 0),
        2);
    ok("DeregisterTaskDefinition", "{\"taskDefinition\": \"f:2\"}");
    assert_int_equal(
        val_get_int(val_get(ok("DescribeTaskDefinition", "{\"taskDefinition\": \"f\"}"), S("taskDefinition")),
                    S("revision"), 0),
        1);
    assert_text(val_get(ok("DescribeTaskDefinition", "{\"taskDefinition\": \"f:2\"}"), S("taskDefinition")), "status",
                "INACTIVE");
    ok("RegisterTaskDefinition", "{\"family\": \"f\", " MAIN "}");
    assert_int_equal(count(ok("ListTaskDefinitions", "{\"familyPrefix\": \"f\"}"), "taskDefinitionArns"), 2);
    const struct val *page = ok("ListTaskDefinitions", "{\"sort\": \"DESC\", \"maxResults\": 1}");
    assert_true(slice_ends(item(page, "taskDefinitionArns", 0)->string, S("f:3")));
    page = call("ListTaskDefinitions", arena_printf(arena, "{\"sort\": \"DESC\", \"nextToken\": \"%.*s\"}",
                                                    SLICE_ARG(val_get_string(page, S("nextToken")))));
    assert_true(slice_ends(item(page, "taskDefinitionArns", 0)->string, S("f:1")));
    assert_int_equal(count(ok("ListTaskDefinitionFamilies", "{}"), "families"), 1);
    page = ok("DeleteTaskDefinitions", "{\"taskDefinitions\": [\"f:1\", \"f:2\", \"none:1\"]}");
    assert_int_equal(count(page, "taskDefinitions"), 1);
    assert_int_equal(count(page, "failures"), 2);
    refused("DescribeTaskDefinition", "{\"taskDefinition\": \"none\"}", "ClientException");
    refused("DeregisterTaskDefinition", "{\"taskDefinition\": \"f\"}", "ClientException");
}

static void test_register_refusals(void **state)
{
    static const char *const bad[] = {
        "{\"family\": \"a b\", " MAIN "}",
        "{\"family\": \"f\", \"containerDefinitions\": []}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"memory\": 64}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\"}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\", \"memory\": 64, "
        "\"essential\": false}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\", \"memory\": 64}, "
        "{\"name\": \"m\", \"image\": "
        "\"i\", \"memory\": 64}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\", \"memory\": 64, "
        "\"dependsOn\": "
        "[{\"containerName\": \"x\", \"condition\": \"START\"}]}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"a\", \"image\": \"i\", \"memory\": 64, "
        "\"dependsOn\": "
        "[{\"containerName\": \"b\", \"condition\": \"START\"}]}, {\"name\": \"b\", \"image\": \"i\", \"memory\": 64, "
        "\"dependsOn\": "
        "[{\"containerName\": \"a\", \"condition\": \"START\"}]}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\", \"memory\": 64, "
        "\"mountPoints\": "
        "[{\"sourceVolume\": \"x\"}]}]}",
        "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"m\", \"image\": \"i\", \"memory\": 64, "
        "\"stopTimeout\": 121}]}",
        "{\"family\": \"f\", \"requiresCompatibilities\": [\"FARGATE\"], " MAIN "}",
        "{\"family\": \"f\", \"requiresCompatibilities\": [\"FARGATE\"], \"networkMode\": \"awsvpc\", \"cpu\": "
        "\"256\", " MAIN "}",
        "{\"family\": \"f\", \"requiresCompatibilities\": [\"FARGATE\"], \"networkMode\": \"awsvpc\", \"cpu\": "
        "\"256\", \"memory\": "
        "\"4096\", " MAIN "}",
        "{\"family\": \"f\", \"cpu\": \"many\", " MAIN "}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refused("RegisterTaskDefinition", bad[i], "ClientException");
    refused("RegisterTaskDefinition", "{\"family\": \"f\"}", "InvalidParameterException");
    refused("RegisterTaskDefinition", "{\"family\": \"f\", \"networkMode\": \"moon\", " MAIN "}",
            "InvalidParameterException");
    const struct val *definition = val_get(
        ok("RegisterTaskDefinition",
           "{\"family\": \"f\", \"requiresCompatibilities\": [\"FARGATE\"], \"networkMode\": \"awsvpc\", \"cpu\": "
           "\".5 vCPU\", \"memory\": \"1 GB\", " MAIN "}"),
        S("taskDefinition"));
    assert_text(definition, "cpu", "512");
    assert_text(definition, "memory", "1024");
    assert_int_equal(val_get_int(definition, S("revision"), 0), 1);
}

static void test_tags(void **state)
{
    const char *arn = "{\"resourceArn\": \"arn:aws:ecs:us-east-1:123456789012:cluster/default\"";
    call("TagResource",
         arena_printf(arena, "%s, \"tags\": [{\"key\": \"a\", \"value\": \"1\"}, {\"key\": \"b\", \"value\": \"2\"}]}",
                      arn));
    assert_int_equal(reply.status, 200);
    call("UntagResource", arena_printf(arena, "%s, \"tagKeys\": [\"a\"]}", arn));
    const struct val *page = call("ListTagsForResource", arena_printf(arena, "%s}", arn));
    assert_int_equal(count(page, "tags"), 1);
    assert_text(item(page, "tags", 0), "value", "2");
    refused("ListTagsForResource", "{\"resourceArn\": \"arn:aws:ecs:us-east-1:123456789012:cluster/none\"}",
            "ClusterNotFoundException");
    refused("ListTagsForResource", "{\"resourceArn\": \"nonsense\"}", "InvalidParameterException");
    refused(
        "TagResource",
        "{\"resourceArn\": \"arn:aws:ecs:us-east-1:123456789012:cluster/default\", \"tags\": [{\"key\": \"aws:x\"}]}",
        "InvalidParameterException");
}

static void test_account_settings(void **state)
{
    ok("PutAccountSetting", "{\"name\": \"containerInsights\", \"value\": \"enabled\"}");
    ok("PutAccountSettingDefault", "{\"name\": \"awsvpcTrunking\", \"value\": \"enabled\"}");
    const struct val *page = ok("ListAccountSettings", "{}");
    assert_int_equal(count(page, "settings"), 1);
    assert_text(item(page, "settings", 0), "name", "containerInsights");
    page = ok("ListAccountSettings", "{\"effectiveSettings\": true, \"name\": \"awsvpcTrunking\"}");
    assert_text(item(page, "settings", 0), "value", "enabled");
    ok("DeleteAccountSetting", "{\"name\": \"containerInsights\"}");
    assert_int_equal(count(ok("ListAccountSettings", "{}"), "settings"), 0);
    refused("PutAccountSetting", "{\"name\": \"containerInsights\", \"value\": \"maybe\"}",
            "InvalidParameterException");
    refused("PutAccountSetting", "{\"name\": \"nonsense\", \"value\": \"enabled\"}", "InvalidParameterException");
}

static void test_known_operations(void **state)
{
    fails("CreateService", "{\"serviceName\": \"s\"}", 501, "NotImplementedException");
    assert_int_equal(reply.status, 501);
    fails("CreateTaskSet", "{}", 501, "NotImplementedException");
    refused("Nonsense", "{}", "UnknownOperationException");
    assert_int_equal(reply.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_clusters), ecs_test(test_register),         ecs_test(test_register_refusals),
        ecs_test(test_tags),     ecs_test(test_account_settings), ecs_test(test_known_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
