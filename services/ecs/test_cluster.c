/* Tests of clusters, tags, account settings, and of what all operations share. */
#include "services/ecs/test_runner.h"

#define ARN "arn:aws:ecs:us-east-1:123456789012:"

static void test_create(void **state)
{
    const struct val *cluster =
        val_get(ok("CreateCluster", json("{'clusterName': 'web', 'tags': [{'key': 'a', 'value': 'b'}], "
                                         "'settings': [{'name': 'containerInsights', 'value': 'enabled'}]}")),
                S("cluster"));
    assert_text(cluster, "clusterArn", ARN "cluster/web");
    assert_text(cluster, "clusterName", "web");
    assert_text(cluster, "status", "ACTIVE");
    assert_int_equal(number(cluster, "runningTasksCount"), 0);
    assert_int_equal(number(cluster, "pendingTasksCount"), 0);
    assert_int_equal(number(cluster, "registeredContainerInstancesCount"), 0);
    assert_int_equal(number(cluster, "activeServicesCount"), 0);
    assert_text(item(cluster, "settings", 0), "value", "enabled");
    assert_text(item(cluster, "tags", 0), "value", "b");
    cluster = val_get(ok("CreateCluster", json("{'clusterName': 'web'}")), S("cluster"));
    assert_text(item(cluster, "settings", 0), "value", "enabled");
    cluster = val_get(ok("CreateCluster", json("{}")), S("cluster"));
    assert_text(cluster, "clusterName", "default");
    assert_text(item(cluster, "settings", 0), "value", "disabled");
    refused("CreateCluster", json("{'clusterName': 'a b'}"), "InvalidParameterException");
    refused("CreateCluster", json("{'clusterName': ''}"), "InvalidParameterException");
    refused("CreateCluster", json("{'clusterName': 5}"), "SerializationException");
    refused("CreateCluster", json("{'settings': [{'name': 'what', 'value': 'enabled'}]}"), "InvalidParameterException");
    refused("CreateCluster", json("{'clusterName': 'x', 'capacityProviders': ['none']}"), "InvalidParameterException");
    refused("CreateCluster", json("{'clusterName': 'x', 'tags': [{'key': 'aws:a', 'value': 'b'}]}"),
            "InvalidParameterException");
    refused("CreateCluster", "{", "SerializationException");
}

static void test_describe(void **state)
{
    ok("CreateCluster", json("{'clusterName': 'web', 'tags': [{'key': 'a', 'value': 'b'}], 'configuration': "
                             "{'executeCommandConfiguration': {'logging': 'NONE'}}}"));
    const struct val *answer =
        ok("DescribeClusters", json("{'clusters': ['web', '" ARN "cluster/web', 'none', '" ARN "cluster/no']}"));
    assert_int_equal(count(answer, "clusters"), 2);
    assert_int_equal(count(answer, "failures"), 2);
    assert_text(item(answer, "failures", 0), "arn", ARN "cluster/none");
    assert_text(item(answer, "failures", 0), "reason", "MISSING");
    const struct val *cluster = item(answer, "clusters", 0);
    assert_int_equal(count(cluster, "settings"), 0);
    assert_int_equal(count(cluster, "tags"), 0);
    assert_null(val_get(cluster, S("configuration")));
    answer = ok(
        "DescribeClusters",
        json("{'clusters': ['web'], 'include': ['TAGS', 'SETTINGS', 'CONFIGURATIONS', 'STATISTICS', 'ATTACHMENTS']}"));
    cluster = item(answer, "clusters", 0);
    assert_text(item(cluster, "settings", 0), "name", "containerInsights");
    assert_text(item(cluster, "tags", 0), "key", "a");
    assert_text(val_get(val_get(cluster, S("configuration")), S("executeCommandConfiguration")), "logging", "NONE");
    assert_true(count(cluster, "statistics") > 0);
    answer = ok("DescribeClusters", json("{}"));
    assert_text(item(answer, "clusters", 0), "clusterName", "default");
    refused("DescribeClusters", json("{'include': ['ALL']}"), "InvalidParameterException");
    refused("DescribeClusters", json("{'clusters': 'web'}"), "SerializationException");
}

static void test_list(void **state)
{
    ok("CreateCluster", json("{'clusterName': 'b'}"));
    ok("CreateCluster", json("{'clusterName': 'a'}"));
    const struct val *page = ok("ListClusters", json("{'maxResults': 2}"));
    assert_int_equal(count(page, "clusterArns"), 2);
    slice token = text(page, "nextToken");
    page = ok("ListClusters", json("{'maxResults': 2, 'nextToken': '%.*s'}", SLICE_ARG(token)));
    assert_int_equal(count(page, "clusterArns"), 1);
    assert_true(slice_eq(item(page, "clusterArns", 0)->string, S(ARN "cluster/default")));
    assert_null(val_get(page, S("nextToken")));
    refused("ListClusters", json("{'maxResults': 101}"), "InvalidParameterException");
    refused("ListClusters", json("{'maxResults': 0}"), "InvalidParameterException");
    refused("ListClusters", json("{'nextToken': 'x'}"), "InvalidParameterException");
    refused("ListTasks", json("{'nextToken': '%.*s'}", SLICE_ARG(token)), "InvalidParameterException");
}

static void test_update(void **state)
{
    const struct val *cluster =
        val_get(ok("UpdateClusterSettings",
                   json("{'cluster': 'default', 'settings': [{'name': 'containerInsights', 'value': 'enhanced'}]}")),
                S("cluster"));
    assert_text(item(cluster, "settings", 0), "value", "enhanced");
    cluster = val_get(ok("UpdateCluster",
                         json("{'cluster': '" ARN "cluster/default', 'configuration': {'executeCommandConfiguration': "
                              "{'logging': 'DEFAULT'}}, 'serviceConnectDefaults': {'namespace': 'n'}}")),
                      S("cluster"));
    assert_text(item(cluster, "settings", 0), "value", "enhanced");
    assert_text(val_get(val_get(cluster, S("configuration")), S("executeCommandConfiguration")), "logging", "DEFAULT");
    refused("UpdateCluster", json("{'cluster': 'none'}"), "ClusterNotFoundException");
    refused("UpdateCluster", json("{}"), "InvalidParameterException");
    refused("UpdateClusterSettings", json("{'cluster': 'none', 'settings': []}"), "ClusterNotFoundException");
    refused("UpdateClusterSettings", json("{'cluster': 'default'}"), "InvalidParameterException");
}

static void test_capacity_providers(void **state)
{
    const char *put =
        "{'cluster': 'default', 'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], 'defaultCapacityProviderStrategy': "
        "[{'capacityProvider': '%s', 'weight': 1, 'base': 1}]}";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const struct val *cluster = val_get(ok("PutClusterCapacityProviders", json(put, "FARGATE")), S("cluster"));
#pragma GCC diagnostic pop
    assert_int_equal(count(cluster, "capacityProviders"), 2);
    assert_text(item(cluster, "defaultCapacityProviderStrategy", 0), "capacityProvider", "FARGATE");
    refused("PutClusterCapacityProviders",
            json("{'cluster': 'default', 'capacityProviders': [], 'defaultCapacityProviderStrategy': "
                 "[{'capacityProvider': 'FARGATE'}]}"),
            "InvalidParameterException");
    refused("PutClusterCapacityProviders",
            json("{'cluster': 'none', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}"),
            "ClusterNotFoundException");
    refused("PutClusterCapacityProviders", json("{'cluster': 'default', 'capacityProviders': []}"),
            "InvalidParameterException");
    cluster =
        val_get(ok("PutClusterCapacityProviders",
                   json("{'cluster': 'default', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}")),
                S("cluster"));
    assert_int_equal(count(cluster, "capacityProviders"), 0);
}

static void test_delete(void **state)
{
    define("f", "{'name': 'app', 'image': 'i', 'memory': 64}");
    slice id = run("f");
    refused("DeleteCluster", json("{'cluster': 'default'}"), "ClusterContainsTasksException");
    const struct val *start = take("StartContainer", "app");
    started(start);
    const struct val *cluster = item(ok("DescribeClusters", json("{}")), "clusters", 0);
    assert_int_equal(number(cluster, "runningTasksCount"), 1);
    ended(start, 0);
    assert_status(id, "STOPPED");
    cluster = item(ok("DescribeClusters", json("{}")), "clusters", 0);
    assert_int_equal(number(cluster, "runningTasksCount"), 0);
    cluster = val_get(ok("DeleteCluster", json("{'cluster': 'default'}")), S("cluster"));
    assert_text(cluster, "status", "INACTIVE");
    cluster = item(ok("DescribeClusters", json("{'clusters': ['default']}")), "clusters", 0);
    assert_text(cluster, "status", "INACTIVE");
    assert_int_equal(count(ok("ListClusters", json("{}")), "clusterArns"), 0);
    refused("DeleteCluster", json("{'cluster': 'none'}"), "ClusterNotFoundException");
    refused("DeleteCluster", json("{}"), "InvalidParameterException");
    refused("RunTask", json("{'taskDefinition': 'f'}"), "ClusterNotFoundException");
    cluster = val_get(ok("CreateCluster", json("{}")), S("cluster"));
    assert_text(cluster, "status", "ACTIVE");
}

static void test_accounts_and_regions(void **state)
{
    test_region = S("eu-west-1");
    assert_int_equal(count(ok("ListClusters", json("{}")), "clusterArns"), 0);
    refused("DescribeTasks", json("{'tasks': ['x']}"), "ClusterNotFoundException");
    ok("CreateCluster", json("{'clusterName': 'eu'}"));
    test_region = S("us-east-1");
    test_account = S("999999999999");
    assert_int_equal(count(ok("ListClusters", json("{}")), "clusterArns"), 0);
    assert_int_equal(count(ok("DescribeClusters", json("{'clusters': ['" ARN "cluster/default']}")), "failures"), 1);
    refused("ListTagsForResource", json("{'resourceArn': '" ARN "cluster/default'}"), "InvalidParameterException");
}

static void test_tags(void **state)
{
    const char *arns[] = {ARN "cluster/default", ARN "task-definition/f:1"};
    define("f", "{'name': 'app', 'image': 'i', 'memory': 64}");
    for (size_t i = 0; i < 2; i++) {
        ok("TagResource",
           json("{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': '1'}, {'key': 'b', 'value': '2'}]}", arns[i]));
        ok("TagResource", json("{'resourceArn': '%s', 'tags': [{'key': 'b', 'value': '3'}]}", arns[i]));
        ok("UntagResource", json("{'resourceArn': '%s', 'tagKeys': ['a', 'none']}", arns[i]));
        const struct val *answer = ok("ListTagsForResource", json("{'resourceArn': '%s'}", arns[i]));
        assert_int_equal(count(answer, "tags"), 1);
        assert_text(item(answer, "tags", 0), "value", "3");
    }
    refused("TagResource", json("{'resourceArn': '" ARN "cluster/none', 'tags': []}"), "ClusterNotFoundException");
    refused("TagResource", json("{'resourceArn': '" ARN "task-definition/none:1', 'tags': []}"),
            "InvalidParameterException");
    refused("TagResource", json("{'resourceArn': 'rubbish', 'tags': []}"), "InvalidParameterException");
    refused("TagResource", json("{'resourceArn': '%s'}", arns[0]), "InvalidParameterException");
    refused("TagResource", json("{'resourceArn': '%s', 'tags': [{'key': 'aws:x', 'value': '1'}]}", arns[0]),
            "InvalidParameterException");
    refused("UntagResource", json("{'resourceArn': '" ARN "cluster/none', 'tagKeys': ['a']}"),
            "ClusterNotFoundException");
    refused("ListTagsForResource", json("{}"), "InvalidParameterException");
    struct val body = val_object(), tags = val_array();
    for (int i = 0; i < 51; i++) {
        struct val tag = val_object();
        val_set(arena, &tag, S("key"), val_string(arena_printf(arena, "k%d", i)));
        val_set(arena, &tag, S("value"), val_string(S("v")));
        val_push(arena, &tags, tag);
    }
    val_set(arena, &body, S("resourceArn"), val_string(slice_of(arns[0])));
    val_set(arena, &body, S("tags"), tags);
    refused("TagResource", slice_cstr(arena, json_text(arena, &body)), "InvalidParameterException");
    assert_int_equal(count(ok("ListTagsForResource", json("{'resourceArn': '%s'}", arns[0])), "tags"), 1);
}

static void test_task_tags(void **state)
{
    define("f", "{'name': 'app', 'image': 'i', 'memory': 64}");
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    slice arn = arena_printf(arena, ARN "task/default/%.*s", SLICE_ARG(id));
    ok("TagResource", json("{'resourceArn': '%.*s', 'tags': [{'key': 'a', 'value': '1'}]}", SLICE_ARG(arn)));
    assert_int_equal(count(ok("ListTagsForResource", json("{'resourceArn': '%.*s'}", SLICE_ARG(arn))), "tags"), 1);
    ended(start, 0);
    refused("TagResource", json("{'resourceArn': '%.*s', 'tags': [{'key': 'a', 'value': '1'}]}", SLICE_ARG(arn)),
            "InvalidParameterException");
    const struct val *answer = ok("DescribeTasks", json("{'tasks': ['%.*s'], 'include': ['TAGS']}", SLICE_ARG(arn)));
    assert_text(item(item(answer, "tasks", 0), "tags", 0), "key", "a");
}

static void test_account_settings(void **state)
{
    const struct val *answer =
        ok("ListAccountSettings", json("{'effectiveSettings': true, 'name': 'containerInsights'}"));
    assert_text(item(answer, "settings", 0), "value", "disabled");
    assert_int_equal(count(ok("ListAccountSettings", json("{}")), "settings"), 0);
    answer = val_get(ok("PutAccountSettingDefault", json("{'name': 'containerInsights', 'value': 'enabled'}")),
                     S("setting"));
    assert_text(answer, "value", "enabled");
    answer = ok("ListAccountSettings", json("{'effectiveSettings': true, 'name': 'containerInsights'}"));
    assert_text(item(answer, "settings", 0), "value", "enabled");
    answer = val_get(ok("PutAccountSetting", json("{'name': 'containerInsights', 'value': 'enhanced'}")), S("setting"));
    assert_text(answer, "principalArn", "arn:aws:iam::123456789012:root");
    assert_text(item(ok("ListAccountSettings", json("{'name': 'containerInsights'}")), "settings", 0), "value",
                "enhanced");
    ok("DeleteAccountSetting", json("{'name': 'containerInsights'}"));
    answer = ok("ListAccountSettings", json("{'effectiveSettings': true, 'name': 'containerInsights'}"));
    assert_text(item(answer, "settings", 0), "value", "enabled");
    answer = ok("ListAccountSettings", json("{'effectiveSettings': true, 'maxResults': 3}"));
    assert_int_equal(count(answer, "settings"), 3);
    slice token = text(answer, "nextToken");
    ok("ListAccountSettings",
       json("{'effectiveSettings': true, 'maxResults': 3, 'nextToken': '%.*s'}", SLICE_ARG(token)));
    refused("ListAccountSettings", json("{'nextToken': 'x'}"), "InvalidParameterException");
    refused("PutAccountSetting", json("{'name': 'what', 'value': 'enabled'}"), "InvalidParameterException");
    refused("PutAccountSetting", json("{'name': 'containerInsights', 'value': 'rubbish'}"),
            "InvalidParameterException");
    refused("PutAccountSettingDefault", json("{'name': 'containerInsights'}"), "InvalidParameterException");
    refused("DeleteAccountSetting", json("{'name': 'what'}"), "InvalidParameterException");
}

static void test_operations_without_handler(void **state)
{
    call("CreateService", slice_of(json("{'serviceName': 's'}")));
    assert_int_equal(reply.status, 501);
    call("DeregisterContainerInstance", slice_of(json("{}")));
    assert_int_equal(reply.status, 501);
    refused("Nonsense", json("{}"), "UnknownOperationException");
}

/* Programs that list or clean up an account ask for what clusters do not have here. */
static void test_absent(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *body, *list;
    } empty[] = {
        {"ListServices", "{'cluster': 'a'}", "serviceArns"},
        {"ListContainerInstances", "{'cluster': 'a'}", "containerInstanceArns"},
        {"ListAttributes", "{'cluster': 'a', 'targetType': 'container-instance'}", "attributes"},
        {"ListDaemons", "{}", "daemonSummariesList"},
        {"ListDaemonTaskDefinitions", "{}", "daemonTaskDefinitions"},
    };
    static const struct {
        const char *operation, *body;
    } missing[] = {
        {"DescribeServices", "{'cluster': 'a', 'services': ['web']}"},
        {"DescribeContainerInstances", "{'cluster': 'a', 'containerInstances': ['i']}"},
        {"DescribeServiceDeployments",
         "{'serviceDeploymentArns': ['arn:aws:ecs:us-east-1:123456789012:service-deployment/a/web/x']}"},
        {"DescribeServiceRevisions",
         "{'serviceRevisionArns': ['arn:aws:ecs:us-east-1:123456789012:service-revision/a/web/1']}"},
        {"DescribeCapacityProviders", "{'capacityProviders': ['mine']}"},
    };
    ok("CreateCluster", json("{'clusterName': 'a'}"));
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
        assert_int_equal(count(ok(empty[i].operation, json("%s", empty[i].body)), empty[i].list), 0);
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
        assert_text(item(ok(missing[i].operation, json("%s", missing[i].body)), "failures", 0), "reason", "MISSING");
    assert_text(item(ok("DescribeServices", json("{'cluster': 'a', 'services': ['web']}")), "failures", 0), "arn",
                "arn:aws:ecs:us-east-1:123456789012:service/a/web");
    assert_int_equal(count(ok("DescribeCapacityProviders", json("{}")), "capacityProviders"), 2);
    assert_text(
        item(ok("DescribeCapacityProviders", json("{'capacityProviders': ['FARGATE']}")), "capacityProviders", 0),
        "status", "ACTIVE");
    refused("ListServices", json("{'cluster': 'none'}"), "ClusterNotFoundException");
    refused("ListContainerInstances", json("{'cluster': 'none'}"), "ClusterNotFoundException");
    refused("DescribeServices", json("{'cluster': 'a', 'services': []}"), "InvalidParameterException");
    refused("ListServiceDeployments", json("{'cluster': 'a', 'service': 'web'}"), "ServiceNotFoundException");
    refused("DescribeTaskSets", json("{'cluster': 'a', 'service': 'web'}"), "ServiceNotFoundException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_create),
        ecs_test(test_describe),
        ecs_test(test_list),
        ecs_test(test_update),
        ecs_test(test_capacity_providers),
        ecs_test(test_delete),
        ecs_test(test_accounts_and_regions),
        ecs_test(test_tags),
        ecs_test(test_task_tags),
        ecs_test(test_account_settings),
        ecs_test(test_operations_without_handler),
        ecs_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
