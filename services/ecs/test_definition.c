/* Tests of task definitions beyond the everyday: every field comes back, and what AWS refuses is refused. */
#include "services/ecs/test_runner.h"

/* Everything in `part` is in `whole`, with the same value. */
static void assert_within(const struct val *part, const struct val *whole, slice where)
{
    if (!whole || part->type != whole->type)
        fail_msg("%.*s is missing or of another type", SLICE_ARG(where));
    if (part->type == VAL_OBJECT) {
        list_foreach (field, &part->object)
            assert_within(&field->value, val_get(whole, field->key),
                          arena_printf(arena, "%.*s.%.*s", SLICE_ARG(where), SLICE_ARG(field->key)));
    } else if (part->type == VAL_ARRAY) {
        assert_int_equal(part->array.len, whole->array.len);
        for (size_t i = 0; i < part->array.len; i++)
            assert_within(&part->array.items[i], &whole->array.items[i],
                          arena_printf(arena, "%.*s[%zu]", SLICE_ARG(where), i));
    } else if (!slice_eq(json_text(arena, part), json_text(arena, whole)))
        fail_msg("%.*s differs", SLICE_ARG(where));
}

static void assert_comes_back(const char *body)
{
    struct val given;
    slice why;
    const struct val *answer = val_get(ok("RegisterTaskDefinition", body), S("taskDefinition"));
    assert_int_equal(json_parse(arena, slice_of(body), &given, &why), 0);
    assert_within(&given, answer, S("registered"));
    answer =
        ok("DescribeTaskDefinition", json("{'taskDefinition': '%.*s'}", SLICE_ARG(text(answer, "taskDefinitionArn"))));
    assert_within(&given, val_get(answer, S("taskDefinition")), S("described"));
}

static void test_every_field_comes_back(void **state)
{
    assert_comes_back(json(
        "{'family': 'all', 'taskRoleArn': 'arn:aws:iam::123456789012:role/t', 'executionRoleArn': "
        "'arn:aws:iam::123456789012:role/e', "
        "'networkMode': 'bridge', 'cpu': '512', 'memory': '1024', 'pidMode': 'task', 'ipcMode': 'host', "
        "'requiresCompatibilities': ['EC2'], "
        "'placementConstraints': [{'type': 'memberOf', 'expression': 'a == b'}], 'runtimePlatform': "
        "{'cpuArchitecture': 'ARM64', "
        "'operatingSystemFamily': 'LINUX'}, 'ephemeralStorage': {'sizeInGiB': 30}, 'enableFaultInjection': true, "
        "'proxyConfiguration': "
        "{'type': 'APPMESH', 'containerName': 'a', 'properties': [{'name': 'x', 'value': 'y'}]}, "
        "'inferenceAccelerators': [{'deviceName': "
        "'d', 'deviceType': 't'}], 'volumes': [{'name': 'v', 'host': {'sourcePath': '/x'}}, {'name': 'd', "
        "'dockerVolumeConfiguration': "
        "{'scope': 'shared', 'autoprovision': true, 'driver': 'local', 'driverOpts': {'o': '1'}, 'labels': {'l': "
        "'2'}}}, {'name': 'e', "
        "'efsVolumeConfiguration': {'fileSystemId': 'fs-1', 'rootDirectory': '/', 'transitEncryption': 'ENABLED', "
        "'transitEncryptionPort': "
        "2049, 'authorizationConfig': {'accessPointId': 'fsap-1', 'iam': 'ENABLED'}}}], 'containerDefinitions': "
        "[{'name': 'b', 'image': "
        "'i', 'essential': false, 'healthCheck': {'command': ['CMD', 'true'], 'interval': 5, 'timeout': 2, 'retries': "
        "1, 'startPeriod': "
        "0}}, {'name': 'a', 'image': 'i', 'repositoryCredentials': {'credentialsParameter': 'p'}, 'cpu': 10, 'memory': "
        "100, "
        "'memoryReservation': 50, 'links': ['b'], 'portMappings': [{'containerPort': 80, 'hostPort': 8080, 'protocol': "
        "'udp', 'name': 'n', "
        "'appProtocol': 'http2'}], 'essential': true, 'restartPolicy': {'enabled': true, 'ignoredExitCodes': [0, 3], "
        "'restartAttemptPeriod': 60}, 'entryPoint': ['sh', '-c'], 'command': ['echo', ''], 'environment': [{'name': "
        "'A', 'value': ''}], "
        "'environmentFiles': [{'value': 'arn:aws:s3:::b/k', 'type': 's3'}], 'mountPoints': [{'sourceVolume': 'v', "
        "'containerPath': '/m', "
        "'readOnly': true}], 'volumesFrom': [{'sourceContainer': 'b', 'readOnly': false}], 'linuxParameters': "
        "{'capabilities': {'add': "
        "['SYS_PTRACE'], 'drop': ['ALL']}, 'devices': [{'hostPath': '/dev/x', 'containerPath': '/dev/y', "
        "'permissions': ['read']}], "
        "'initProcessEnabled': true, 'sharedMemorySize': 5, 'tmpfs': [{'containerPath': '/t', 'size': 6, "
        "'mountOptions': ['ro']}], "
        "'maxSwap': 7, 'swappiness': 8}, 'secrets': [{'name': 'S', 'valueFrom': 'f'}], 'dependsOn': [{'containerName': "
        "'b', 'condition': "
        "'HEALTHY'}], 'startTimeout': 9, 'stopTimeout': 10, 'versionConsistency': 'disabled', 'hostname': 'h', 'user': "
        "'u', "
        "'workingDirectory': '/w', 'disableNetworking': false, 'privileged': true, 'readonlyRootFilesystem': true, "
        "'dnsServers': ['1.1.1.1'], "
        "'dnsSearchDomains': ['x'], 'extraHosts': [{'hostname': 'h', 'ipAddress': '1.2.3.4'}], "
        "'dockerSecurityOptions': ['o'], "
        "'interactive': true, 'pseudoTerminal': true, 'dockerLabels': {'k': 'v'}, 'ulimits': [{'name': 'nofile', "
        "'softLimit': 1, 'hardLimit': "
        "2}], 'logConfiguration': {'logDriver': 'json-file', 'options': {'a': 'b'}, 'secretOptions': [{'name': 'n', "
        "'valueFrom': 'f'}]}, "
        "'systemControls': [{'namespace': 'net.x', 'value': '1'}], 'resourceRequirements': [{'type': 'GPU', 'value': "
        "'1'}], "
        "'firelensConfiguration': {'type': 'fluentbit', 'options': {'x': 'y'}}, 'credentialSpecs': ['c']}]}"));
}

static void test_defaults(void **state)
{
    const struct val *definition = val_get(
        ok("RegisterTaskDefinition",
           json("{'family': 'f', 'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'cpu': '1 vCPU', "
                "'memory': '2GB', 'tags': [{'key': 'k', 'value': 'v'}], 'containerDefinitions': [{'name': 'a', "
                "'image': 'i', 'portMappings': [{'containerPort': 80}], 'healthCheck': {'command': ['CMD', 'x']}}]}")),
        S("taskDefinition"));
    assert_text(definition, "cpu", "1024");
    assert_text(definition, "memory", "2048");
    assert_text(definition, "status", "ACTIVE");
    assert_int_equal(number(definition, "revision"), 1);
    assert_int_equal(count(definition, "compatibilities"), 2);
    assert_true(count(definition, "requiresAttributes") > 0);
    assert_non_null(val_get(definition, S("registeredAt")));
    assert_non_null(val_get(definition, S("registeredBy")));
    assert_null(val_get(definition, S("deregisteredAt")));
    const struct val *container = item(definition, "containerDefinitions", 0),
                     *port = item(container, "portMappings", 0);
    assert_int_equal(number(port, "hostPort"), 80);
    assert_text(port, "protocol", "tcp");
    assert_int_equal(number(val_get(container, S("healthCheck")), "interval"), 30);
    assert_int_equal(number(val_get(container, S("healthCheck")), "timeout"), 5);
    assert_int_equal(number(val_get(container, S("healthCheck")), "retries"), 3);
    const struct val *answer = ok("DescribeTaskDefinition", json("{'taskDefinition': 'f', 'include': ['TAGS']}"));
    assert_text(item(answer, "tags", 0), "value", "v");
    refused("DescribeTaskDefinition", json("{'taskDefinition': 'f:x'}"), "ClientException");
    refused("DescribeTaskDefinition", json("{'taskDefinition': 'f:2'}"), "ClientException");
    refused("DescribeTaskDefinition",
            json("{'taskDefinition': 'arn:aws:ecs:eu-west-1:123456789012:task-definition/f:1'}"), "ClientException");
    refused("DescribeTaskDefinition", json("{}"), "InvalidParameterException");
}

static void refused_task(const char *task)
{
    refused("RegisterTaskDefinition", json("{'family': 'f', 'memory': '512', %s}", task), "ClientException");
}

static void refused_container(const char *container)
{
    refused("RegisterTaskDefinition",
            json("{'family': 'f', 'memory': '512', 'containerDefinitions': [{'name': 'a', 'image': 'i', %s}, {'name': "
                 "'b', 'image': 'i'}]}",
                 container),
            "ClientException");
}

static void refused_on_fargate(const char *container)
{
    refused("RegisterTaskDefinition",
            json("{'family': 'f', 'memory': '512', 'cpu': '256', 'networkMode': 'awsvpc', 'requiresCompatibilities': "
                 "['FARGATE'], %s}",
                 container),
            "ClientException");
}

static void test_refused_containers(void **state)
{
    refused_container("'stopTimeout': -1");
    refused_container("'startTimeout': 1");
    refused_container("'memory': 3");
    refused_container("'memory': 100, 'memoryReservation': 101");
    refused_container("'restartPolicy': {'enabled': true, 'restartAttemptPeriod': 59}");
    refused_container("'healthCheck': {'command': []}");
    refused_container("'healthCheck': {'command': ['true']}");
    refused_container("'healthCheck': {'command': ['CMD', 'true'], 'interval': 4}");
    refused_container("'healthCheck': {'command': ['CMD', 'true'], 'retries': 11}");
    refused_container("'healthCheck': {'command': ['CMD', 'true'], 'startPeriod': 301}");
    refused_container("'portMappings': [{'containerPort': 65536}]");
    refused_container("'portMappings': [{'containerPort': 1, 'hostPort': -1}]");
    refused_container("'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g'}}");
    refused_container("'logConfiguration': {'logDriver': 'awslogs'}");
    refused_container("'environment': [{'name': '', 'value': 'x'}]");
    refused_container("'environment': [{'name': 'A=B', 'value': 'x'}]");
    refused_container("'volumesFrom': [{'sourceContainer': 'c'}]");
    refused_container("'dependsOn': [{'containerName': 'a', 'condition': 'START'}]");
    refused_container("'dependsOn': [{'containerName': 'b', 'condition': 'COMPLETE'}]");
    refused_container("'dependsOn': [{'containerName': 'b', 'condition': 'HEALTHY'}]");
    refused_container("'workingDirectory': '/a\\u0000b'");
    refused_container("'linuxParameters': {'tmpfs': [{'containerPath': '/a\\u0000b', 'size': 1}]}");
}

static void test_refused_tasks(void **state)
{
    refused_task("'volumes': [{'name': 'v'}, {'name': 'v'}], 'containerDefinitions': [{'name': 'a', 'image': 'i'}]");
    refused_task("'ephemeralStorage': {'sizeInGiB': 20}, 'containerDefinitions': [{'name': 'a', 'image': 'i'}]");
    refused_task("'cpu': '0', 'containerDefinitions': [{'name': 'a', 'image': 'i'}]");
    refused_task("'volumes': [{'name': 'v'}], 'containerDefinitions': [{'name': 'a', 'image': 'i', 'mountPoints': "
                 "[{'sourceVolume': 'v'}]}]");
    refused_task("'volumes': [{'name': 'v'}], 'containerDefinitions': [{'name': 'a', 'image': 'i', 'mountPoints': "
                 "[{'sourceVolume': 'v', 'containerPath': '/a\\u0000b'}]}]");
    refused_task("'volumes': [{'name': 'v', 'host': {'sourcePath': '/a\\u0000b'}}], 'containerDefinitions': [{'name': "
                 "'a', 'image': 'i'}]");
    refused_task("'volumes': [{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1', 'rootDirectory': "
                 "'/a\\u0000b'}}], 'containerDefinitions': [{'name': 'a', 'image': 'i'}]");
    refused_task("'networkMode': 'awsvpc', 'containerDefinitions': [{'name': 'a', 'image': 'i', 'links': ['b']}]");
    refused_task("'networkMode': 'awsvpc', 'containerDefinitions': [{'name': 'a', 'image': 'i', 'portMappings': "
                 "[{'containerPort': 1, "
                 "'hostPort': 2}]}]");
    refused_on_fargate("'containerDefinitions': [{'name': 'a', 'image': 'i', 'privileged': true}]");
    refused_on_fargate("'containerDefinitions': [{'name': 'a', 'image': 'i', 'dockerSecurityOptions': ['o']}]");
    refused_on_fargate("'containerDefinitions': [{'name': 'a', 'image': 'i', 'linuxParameters': {'devices': "
                       "[{'hostPath': '/dev/x'}]}}]");
    refused_on_fargate("'containerDefinitions': [{'name': 'a', 'image': 'i', 'linuxParameters': {'capabilities': "
                       "{'add': ['SYS_PTRACE', 'ALL']}}}]");
    refused_on_fargate(
        "'containerDefinitions': [{'name': 'a', 'image': 'i', 'logConfiguration': {'logDriver': 'syslog'}}]");
    refused_on_fargate(
        "'containerDefinitions': [{'name': 'a', 'image': 'i', 'logConfiguration': {'logDriver': 'awslogs', 'options': "
        "{'awslogs-group': 'g', 'awslogs-region': 'r'}}}]");
    refused_on_fargate("'volumes': [{'name': 'v', 'host': {'sourcePath': '/x'}}], 'containerDefinitions': [{'name': "
                       "'a', 'image': 'i'}]");
    refused_on_fargate("'volumes': [{'name': 'v', 'dockerVolumeConfiguration': {}}], 'containerDefinitions': [{'name': "
                       "'a', 'image': 'i'}]");
    char *many = arena_alloc(arena, 70000);
    memset(many, 'x', 69999);
    refused_task(json("'containerDefinitions': [{'name': 'a', 'image': '%s'}]", many));
    ok("RegisterTaskDefinition",
       json("{'family': 'f', 'memory': '512', 'containerDefinitions': [{'name': 'a', 'image': 'i'}]}"));
    assert_int_equal(count(ok("ListTaskDefinitions", "{}"), "taskDefinitionArns"), 1);
}

/* What Fargate does not permit leaves FARGATE out of what a definition is compatible with. */
static void test_rights(void **state)
{
    static const struct {
        const char *container;
        size_t launch_types;
    } cases[] = {
        {"'linuxParameters': {'capabilities': {'drop': ['ALL']}}", 2},
        {"'linuxParameters': {'capabilities': {'add': ['SYS_PTRACE']}}", 2},
        {"'linuxParameters': {'capabilities': {'add': ['NET_ADMIN']}}", 1},
        {"'privileged': true", 1},
        {"'dockerSecurityOptions': ['no-new-privileges']", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct val *made =
            ok("RegisterTaskDefinition",
               json("{'family': 'f', 'networkMode': 'awsvpc', 'cpu': '256', 'memory': '512', 'containerDefinitions': "
                    "[{'name': 'a', 'image': 'i', %s}]}",
                    cases[i].container));
        assert_int_equal(count(val_get(made, S("taskDefinition")), "compatibilities"), cases[i].launch_types);
    }
}

/* Ten containers, each waiting for all those before it many times over: checking is not exponential. */
static void test_dense_dependencies(void **state)
{
    slice containers = S("{'name': 'c0', 'image': 'i', 'memory': 5}");
    for (int i = 1; i < 10; i++) {
        slice list = S("");
        for (int n = 0; n < i * 5; n++)
            list = arena_printf(arena, "%.*s%s{'containerName': 'c%d', 'condition': 'START'}", SLICE_ARG(list),
                                n ? "," : "", n % i);
        containers = arena_printf(arena, "%.*s, {'name': 'c%d', 'image': 'i', 'memory': 5, 'dependsOn': [%.*s]}",
                                  SLICE_ARG(containers), i, SLICE_ARG(list));
    }
    define("f", containers.ptr);
    refused(
        "RegisterTaskDefinition",
        json("{'family': 'f', 'containerDefinitions': [%s]}",
             "{'name': 'a', 'image': 'i', 'memory': 5, 'dependsOn': [{'containerName': 'c', 'condition': 'START'}]},"
             "{'name': 'b', 'image': 'i', 'memory': 5, 'dependsOn': [{'containerName': 'a', 'condition': 'START'}]},"
             "{'name': 'c', 'image': 'i', 'memory': 5, 'dependsOn': [{'containerName': 'b', 'condition': 'START'}]}"),
        "ClientException");
}

static void test_lists(void **state)
{
    static const char *const app = "{'name': 'app', 'image': 'i', 'memory': 64}";
    for (int i = 0; i < 12; i++)
        define("many", app);
    define("other", app);
    const struct val *page = ok("ListTaskDefinitions", json("{'familyPrefix': 'many', 'maxResults': 10}"));
    assert_int_equal(count(page, "taskDefinitionArns"), 10);
    assert_true(slice_ends(item(page, "taskDefinitionArns", 9)->string, S("/many:10")));
    page = ok("ListTaskDefinitions",
              json("{'familyPrefix': 'many', 'nextToken': '%.*s'}", SLICE_ARG(text(page, "nextToken"))));
    assert_int_equal(count(page, "taskDefinitionArns"), 2);
    assert_null(val_get(page, S("nextToken")));
    ok("DeregisterTaskDefinition", json("{'taskDefinition': 'other:1'}"));
    refused("DeregisterTaskDefinition", json("{'taskDefinition': 'none:1'}"), "ClientException");
    refused("DeregisterTaskDefinition", json("{}"), "InvalidParameterException");
    assert_int_equal(count(ok("ListTaskDefinitions", json("{'status': 'INACTIVE'}")), "taskDefinitionArns"), 1);
    refused("ListTaskDefinitions", json("{'status': 'GONE'}"), "InvalidParameterException");
    refused("ListTaskDefinitions", json("{'maxResults': 101}"), "InvalidParameterException");
    refused("ListTaskDefinitions", json("{'nextToken': 'x'}"), "InvalidParameterException");
    assert_int_equal(count(ok("ListTaskDefinitionFamilies", json("{'status': 'ACTIVE'}")), "families"), 1);
    assert_int_equal(count(ok("ListTaskDefinitionFamilies", json("{'status': 'INACTIVE'}")), "families"), 1);
    assert_int_equal(count(ok("ListTaskDefinitionFamilies", json("{'status': 'ALL'}")), "families"), 2);
    page = ok("ListTaskDefinitionFamilies", json("{'status': 'ALL', 'maxResults': 1}"));
    page = ok("ListTaskDefinitionFamilies",
              json("{'status': 'ALL', 'nextToken': '%.*s'}", SLICE_ARG(text(page, "nextToken"))));
    assert_int_equal(count(page, "families"), 1);
    assert_int_equal(count(ok("ListTaskDefinitionFamilies", json("{'familyPrefix': 'ma'}")), "families"), 1);
    refused("ListTaskDefinitionFamilies", json("{'maxResults': 0}"), "InvalidParameterException");
    refused("DeleteTaskDefinitions", json("{'taskDefinitions': []}"), "InvalidParameterException");
    page = ok("DeleteTaskDefinitions", json("{'taskDefinitions': ['other:1', 'many:1']}"));
    assert_text(item(page, "taskDefinitions", 0), "status", "DELETE_IN_PROGRESS");
    assert_int_equal(count(page, "failures"), 1);
    define("other", app);
    ok("DescribeTaskDefinition", json("{'taskDefinition': 'other:2'}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_every_field_comes_back),
        ecs_test(test_defaults),
        ecs_test(test_refused_containers),
        ecs_test(test_refused_tasks),
        ecs_test(test_rights),
        ecs_test(test_dense_dependencies),
        ecs_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
