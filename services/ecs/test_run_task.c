/* Tests of RunTask, DescribeTasks and ListTasks: what is asked for, answered, refused, and told to the runner. */
#include "services/ecs/test_runner.h"

#define APP "{'name': 'app', 'image': 'i', 'memory': 64, 'command': ['true']}"
#define SUBNET                                                                                                         \
    "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['subnet-12345678'], 'securityGroups': "              \
    "['sg-0123456789abcdef0']}}"
#define FARGATE "'launchType': 'FARGATE', " SUBNET
#define ARN "arn:aws:ecs:us-east-1:123456789012:"

static void define_fargate(const char *family)
{
    ok("RegisterTaskDefinition",
       json("{'family': '%s', 'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'cpu': '256', "
            "'memory': '512', 'containerDefinitions': [{'name': 'app', 'image': 'i', 'cpu': 10, 'command': ['true']}]}",
            family));
}

static slice detail(const struct val *task, const char *name)
{
    const struct val *attachment = item(task, "attachments", 0);
    for (size_t i = 0; i < count(attachment, "details"); i++) {
        if (slice_eq(text(item(attachment, "details", i), "name"), slice_of(name)))
            return text(item(attachment, "details", i), "value");
    }
    fail_msg("no detail %s", name);
    return S("");
}

static void test_answer(void **state)
{
    define_fargate("f");
    const struct val *task = item(
        ok("RunTask", json("{'taskDefinition': 'f', 'startedBy': 'me', 'enableExecuteCommand': true, " FARGATE "}")),
        "tasks", 0);
    assert_text(task, "lastStatus", "PROVISIONING");
    assert_text(task, "desiredStatus", "RUNNING");
    assert_text(task, "clusterArn", ARN "cluster/default");
    assert_text(task, "taskDefinitionArn", ARN "task-definition/f:1");
    assert_text(task, "launchType", "FARGATE");
    assert_text(task, "platformVersion", "1.4.0");
    assert_text(task, "platformFamily", "Linux");
    assert_text(task, "group", "family:f");
    assert_text(task, "startedBy", "me");
    assert_text(task, "cpu", "256");
    assert_text(task, "memory", "512");
    assert_text(task, "healthStatus", "UNKNOWN");
    assert_true(val_get_bool(task, S("enableExecuteCommand"), false));
    assert_int_equal(number(task, "version"), 1);
    assert_int_equal(number(val_get(task, S("ephemeralStorage")), "sizeInGiB"), 20);
    assert_text(item(task, "attributes", 0), "name", "ecs.cpu-architecture");
    assert_int_equal(count(val_get(task, S("overrides")), "containerOverrides"), 0);
    static const char *const absent[] = {
        "startedAt",    "stoppedAt", "stopCode", "connectivity", "containerInstanceArn", "capacityProviderName",
        "pullStartedAt"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        assert_null(val_get(task, slice_of(absent[i])));
    assert_non_null(val_get(task, S("createdAt")));
    slice arn = text(task, "taskArn"), id = arn_last(arn);
    assert_true(slice_starts(arn, S(ARN "task/default/")));
    assert_int_equal(id.len, 32);
    const struct val *container = item(task, "containers", 0);
    assert_true(slice_starts(text(container, "containerArn"), S(ARN "container/default/")));
    assert_text(container, "lastStatus", "PENDING");
    assert_text(container, "cpu", "10");
    assert_true(slice_starts(text(container, "runtimeId"), id));
    assert_text(item(task, "attachments", 0), "type", "ElasticNetworkInterface");
    assert_text(item(task, "attachments", 0), "status", "PRECREATED");
    assert_text(task, "availabilityZone", "us-east-1b");
    assert_true(slice_eq(detail(task, "subnetId"), S("subnet-12345678")));
    assert_int_equal(count(container, "networkInterfaces"), 0);
    assert_text(task_of(arn), "lastStatus", "PROVISIONING");
    provide_interface();
    task = task_of(arn);
    slice address = detail(task, "privateIPv4Address");
    assert_true(slice_starts(address, S("172.31.")));
    assert_true(slice_starts(detail(task, "networkInterfaceId"), S("eni-")));
    assert_int_equal(detail(task, "macAddress").len, 17);
    assert_true(slice_starts(detail(task, "privateDnsName"), S("ip-172-")));
    assert_true(
        slice_eq(text(item(item(task, "containers", 0), "networkInterfaces", 0), "privateIpv4Address"), address));
    assert_text(task, "lastStatus", "PENDING");
    assert_text(item(task, "attachments", 0), "status", "ATTACHED");
    const struct val *start = take("StartContainer", "app");
    started(start);
    ended(start, 0);
    assert_text(item(task_of(id), "attachments", 0), "status", "DELETED");
}

static void test_no_interface(void **state)
{
    struct worker_effect effect;
    define_fargate("f");
    slice arn = text(item(ok("RunTask", json("{'taskDefinition': 'f', " FARGATE "}")), "tasks", 0), "taskArn");
    slice why = S("{\"__type\":\"InsufficientFreeAddressesInSubnet\",\"message\":\"no free addresses\"}");
    assert_true(worker_test_refuse_effect(worker, &effect, 400, why));
    const struct val *task = task_of(arn);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
    assert_true(slice_ends(text(task, "stoppedReason"), S("in subnet 'subnet-12345678': no free addresses")));
    take("RemoveTask", NULL);
    quiet();
}

/* A profile may know no subnets; the address is one of this machine then, and there at once. */
static void test_unknown_subnet_allowed(void **state)
{
    define_fargate("f");
    const char *body = json("{'taskDefinition': 'f', 'count': 2, 'launchType': 'FARGATE', 'networkConfiguration': "
                            "{'awsvpcConfiguration': {'subnets': ['subnet-sim'], 'securityGroups': ['sg-sim']}}}");
    worker_test_set_lenient(worker, S("-unknown-networks"));
    refused("RunTask", body, "InvalidParameterException");
    worker_test_set_lenient(worker, S("unknown-networks"));
    const struct val *answer = ok("RunTask", body);
    slice first = detail(item(answer, "tasks", 0), "privateIPv4Address");
    assert_true(slice_starts(first, S("127.")));
    assert_false(slice_eq(first, detail(item(answer, "tasks", 1), "privateIPv4Address")));
    take("StartContainer", "app");
}

/* A task waits for its file systems as for its interface. */
static void test_file_system(void **state)
{
    struct worker_effect effect;
    slice found = S("{\"path\":\"/efs/fs-1\",\"uid\":1000,\"gid\":1000}");
    ok("RegisterTaskDefinition",
       json("{'family': 'v', 'volumes': [{'name': 'data', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1', "
            "'transitEncryption': 'ENABLED', 'authorizationConfig': {'accessPointId': 'fsap-1'}}}], "
            "'containerDefinitions': [" APP "]}"));
    run("v");
    assert_true(worker_test_take_effect(worker, &effect, found));
    assert_true(slice_eq(effect.target, S("efs")) && slice_eq(effect.name, S("ResolveMount")));
    assert_true(slice_find(effect.body, S("\"accessPointId\":\"fsap-1\"")) >= 0);
    take("StartContainer", "app");
    slice id = run("v");
    assert_true(
        worker_test_refuse_effect(worker, &effect, 404, S("{\"message\":\"File system 'fs-1' does not exist.\"}")));
    assert_text(task_of(id), "stopCode", "TaskFailedToStart");
    assert_true(
        slice_starts(text(task_of(id), "stoppedReason"), S("ResourceInitializationError: failed to invoke EFS")));
}

static void test_many(void **state)
{
    define_fargate("f");
    const struct val *answer = ok("RunTask", json("{'taskDefinition': 'f:1', 'count': 10, " FARGATE "}"));
    assert_int_equal(count(answer, "tasks"), 10);
    assert_int_equal(count(answer, "failures"), 0);
    for (size_t i = 0; i < 10; i++)
        provide_interface();
    for (size_t i = 0; i < 10; i++)
        take("StartContainer", "app");
    quiet();
    assert_int_equal(number(item(ok("DescribeClusters", "{}"), "clusters", 0), "pendingTasksCount"), 10);
    const struct val *page = ok("ListTasks", json("{'maxResults': 7}"));
    assert_int_equal(count(page, "taskArns"), 7);
    page = ok("ListTasks", json("{'nextToken': '%.*s'}", SLICE_ARG(text(page, "nextToken"))));
    assert_int_equal(count(page, "taskArns"), 3);
}

static void test_size_overrides(void **state)
{
    define_fargate("f");
    const struct val *task = item(ok("RunTask", json("{'taskDefinition': 'f', 'overrides': {'cpu': '1 vCPU', 'memory': "
                                                     "'2 GB', 'ephemeralStorage': {'sizeInGiB': 30}}, " FARGATE "}")),
                                  "tasks", 0);
    assert_text(task, "cpu", "1024");
    assert_text(task, "memory", "2048");
    assert_int_equal(number(val_get(task, S("ephemeralStorage")), "sizeInGiB"), 30);
    refused("RunTask", json("{'taskDefinition': 'f', 'overrides': {'cpu': '1024'}, " FARGATE "}"), "ClientException");
    refused("RunTask", json("{'taskDefinition': 'f', 'overrides': {'memory': 'much'}, " FARGATE "}"),
            "ClientException");
}

static void test_capacity_providers(void **state)
{
    define_fargate("f");
    const struct val *task =
        item(ok("RunTask", json("{'taskDefinition': 'f', 'capacityProviderStrategy': [{'capacityProvider': "
                                "'FARGATE_SPOT', 'weight': 1}], " SUBNET "}")),
             "tasks", 0);
    assert_text(task, "capacityProviderName", "FARGATE_SPOT");
    assert_text(task, "launchType", "FARGATE");
    refused("RunTask",
            json("{'taskDefinition': 'f', 'capacityProviderStrategy': [{'capacityProvider': 'FARGATE'}], " FARGATE "}"),
            "InvalidParameterException");
    refused("RunTask",
            json("{'taskDefinition': 'f', 'capacityProviderStrategy': [{'capacityProvider': 'none'}], " SUBNET "}"),
            "InvalidParameterException");
    ok("PutClusterCapacityProviders",
       json("{'cluster': 'default', 'capacityProviders': ['FARGATE'], 'defaultCapacityProviderStrategy': "
            "[{'capacityProvider': 'FARGATE', 'weight': 1}]}"));
    task = item(ok("RunTask", json("{'taskDefinition': 'f', " SUBNET "}")), "tasks", 0);
    assert_text(task, "capacityProviderName", "FARGATE");
}

static void refused_run(const char *more, const char *code)
{
    int status = strcmp(code, "ServerException") == 0 ? 500 : 400;
    fails("RunTask", json("{'taskDefinition': 'f', %s}", more), status, code);
}

static void test_refused(void **state)
{
    define_fargate("f");
    define("e", APP);
    refused_run("'launchType': 'FARGATE'", "InvalidParameterException");
    refused_run("'networkConfiguration': {}", "InvalidParameterException");
    refused_run("'networkConfiguration': {'awsvpcConfiguration': {'subnets': []}}", "InvalidParameterException");
    refused_run("'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['sub']}}", "InvalidParameterException");
    refused_run("'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['subnet-1234']}}",
                "InvalidParameterException");
    refused_run(
        "'networkConfiguration': {'awsvpcConfiguration': {'subnets': ['subnet-12345678'], 'securityGroups': ['x']}}",
        "InvalidParameterException");
    refused_run("'count': 0, " FARGATE, "InvalidParameterException");
    refused_run("'platformVersion': 'new', " FARGATE, "PlatformUnknownException");
    refused_run("'tags': [{'key': 'a', 'value': 'b'}, {'key': 'a', 'value': 'c'}], " FARGATE,
                "InvalidParameterException");
    refused_run(json("'startedBy': '%0129d', " FARGATE, 0), "InvalidParameterException");
    refused_run(json("'clientToken': '%065d', " FARGATE, 0), "InvalidParameterException");
    refused_run(json("'overrides': {'containerOverrides': [{'name': 'app', 'command': ['%08192d']}]}, " FARGATE, 0),
                "InvalidParameterException");
    refused("RunTask", json("{'taskDefinition': 'e', 'launchType': 'FARGATE'}"), "InvalidParameterException");
    refused("RunTask", json("{'taskDefinition': 'e', " SUBNET "}"), "InvalidParameterException");
    refused("RunTask", json("{'taskDefinition': 'e', 'cluster': 'none'}"), "ClusterNotFoundException");
    assert_int_equal(count(ok("ListTasks", "{}"), "taskArns"), 0);
    quiet();
    define("h",
           "{'name': 'a', 'image': 'i', 'memory': 5, 'dependsOn': [{'containerName': 'b', 'condition': 'HEALTHY'}]}, "
           "{'name': 'b', 'image': 'i', 'memory': 5, 'healthCheck': {'command': ['CMD', 'true']}}");
    refused("RunTask", json("{'taskDefinition': 'h'}"), "ClientException");
}

static int only_subnets(slice service, slice operation, slice body, slice *answer)
{
    return slice_eq(operation, S("DescribeSubnets")) ? ec2_answers(service, operation, body, answer) : 503;
}

/* When ec2 does not answer, nothing is wrong with the request. */
static void test_unanswered(void **state)
{
    define_fargate("f");
    worker_test_set_answers(worker, NULL);
    refused_run(FARGATE, "ServerException");
    worker_test_set_answers(worker, only_subnets);
    refused_run("'launchType': 'FARGATE', 'networkConfiguration': {'awsvpcConfiguration': {'subnets': "
                "['subnet-12345678'], 'securityGroups': ['sg-0123456789abcdef0']}}",
                "ServerException");
    assert_int_equal(reply.status, 500);
    assert_int_equal(count(ok("ListTasks", "{}"), "taskArns"), 0);
    quiet();
}

static void cannot_run(const char *family, const char *reason)
{
    slice id = run(family);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
    assert_true(slice_starts(text(task, "stoppedReason"), slice_of(reason)));
    assert_text(item(task, "containers", 0), "lastStatus", "STOPPED");
    assert_null(val_get(item(task, "containers", 0), S("exitCode")));
    take("RemoveTask", NULL);
    quiet();
}

static void test_what_cannot_be_done_is_said(void **state)
{
    define("secrets", "{'name': 'a', 'image': 'i', 'memory': 5, 'secrets': [{'name': 'S', 'valueFrom': 'x'}]}");
    cannot_run("secrets", "ResourceInitializationError: ");
    define("private", "{'name': 'a', 'image': 'i', 'memory': 5, 'repositoryCredentials': {'credentialsParameter': "
                      "'arn:aws:secretsmanager:us-east-1:123456789012:secret:x'}}");
    cannot_run("private", "ResourceInitializationError: ");
    define(
        "files",
        "{'name': 'a', 'image': 'i', 'memory': 5, 'environmentFiles': [{'value': 'arn:aws:s3:::b/k', 'type': 's3'}]}");
    cannot_run("files", "ResourceInitializationError: ");
    define("log", "{'name': 'a', 'image': 'i', 'memory': 5, 'logConfiguration': {'logDriver': 'gelf'}}");
    cannot_run("log", "CannotStartContainerError: ");
    ok("RegisterTaskDefinition",
       json("{'family': 'volume', 'volumes': [{'name': 'v', 'dockerVolumeConfiguration': {'driver': 'x'}}], "
            "'containerDefinitions': [{'name': 'a', 'image': 'i', 'memory': 5}]}"));
    cannot_run("volume", "CannotCreateVolumeError: ");
}

static slice variable(const struct val *start, const char *name)
{
    const struct val *all = val_get(start, S("environment"));
    slice found = {NULL, 0};
    for (size_t i = 0; i < all->array.len; i++) {
        const struct val *pair = &all->array.items[i];
        if (slice_eq(pair->array.items[0].string, slice_of(name))) {
            assert_null(found.ptr);
            found = pair->array.items[1].string;
        }
    }
    return found;
}

#define assert_variable(start, name, expected) assert_true(slice_eq(variable(start, name), S(expected)))

static void test_plan(void **state)
{
    define("f", "{'name': 'app', 'image': 'img', 'cpu': 1, 'memory': 64, 'memoryReservation': 32, 'entryPoint': ['sh', "
                "'-c'], 'command': "
                "['a', 'b'], 'environment': [{'name': 'A', 'value': '1'}, {'name': 'B'}, {'name': 'AWS_REGION', "
                "'value': 'mine'}], 'user': "
                "'1:2', 'dockerSecurityOptions': ['no-new-privileges:true'], 'workingDirectory': '/w', 'ulimits': "
                "[{'name': 'nofile', 'softLimit': 1, 'hardLimit': 2}], "
                "'logConfiguration': "
                "{'logDriver': 'awslogs', 'options': {'awslogs-group': '/g', 'awslogs-region': 'eu-west-1', "
                "'awslogs-stream-prefix': 'p', "
                "'awslogs-create-group': 'true', 'mode': 'non-blocking', 'max-buffer-size': '2m'}}}");
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    assert_true(slice_eq(text(start, "task"), id));
    assert_text(start, "image", "img");
    assert_true(slice_eq(json_text(arena, val_get(start, S("command"))), S("[\"sh\",\"-c\",\"a\",\"b\"]")));
    assert_variable(start, "A", "1");
    assert_variable(start, "B", "");
    assert_variable(start, "AWS_REGION", "mine");
    assert_variable(start, "AWS_DEFAULT_REGION", "us-east-1");
    assert_variable(start, "AWS_EXECUTION_ENV", "AWS_ECS_EC2");
    assert_variable(start, "AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    assert_text(start, "user", "1:2");
    assert_text(start, "workingDirectory", "/w");
    assert_true(slice_eq(json_text(arena, val_get(start, S("ulimits"))), S("[[\"nofile\",1,2]]")));
    assert_true(slice_eq(json_text(arena, val_get(start, S("files"))), S("[32768,65536]")));
    assert_true(val_get_bool(start, S("noNewPrivileges"), false));
    assert_int_equal(number(start, "cpu"), 1);
    assert_int_equal(number(start, "memory"), 64);
    assert_int_equal(number(start, "memoryReservation"), 32);
    const struct val *log = val_get(start, S("log"));
    assert_text(log, "account", "123456789012");
    assert_text(log, "region", "eu-west-1");
    assert_text(log, "group", "/g");
    assert_true(slice_eq(text(log, "stream"), arena_printf(arena, "p/app/%.*s", SLICE_ARG(id))));
    assert_true(val_get_bool(log, S("createGroup"), false));
    assert_text(log, "mode", "non-blocking");
    assert_int_equal(number(log, "maxBufferBytes"), 2 * 1024 * 1024);
    ok("RunTask", json("{'taskDefinition': 'f', 'overrides': {'containerOverrides': [{'name': 'app', 'command': [], "
                       "'memory': 70, 'environment': "
                       "[{'name': 'A', 'value': '2'}, {'name': 'C', 'value': '3'}]}]}}"));
    start = take("StartContainer", "app");
    assert_int_equal(val_get(start, S("command"))->array.len, 4);
    assert_int_equal(number(start, "memory"), 70);
    assert_variable(start, "A", "2");
    assert_variable(start, "C", "3");
}

/* A container that starts later, from an event, is still started in its task's account and region. */
static void test_plan_of_a_late_container(void **state)
{
    test_account = S("999999999999");
    test_region = S("eu-west-1");
    ok("CreateCluster", "{}");
    define("f", "{'name': 'b', 'image': 'i', 'memory': 5, 'dependsOn': [{'containerName': 'a', 'condition': 'START'}], "
                "'logConfiguration': "
                "{'logDriver': 'awslogs', 'options': {'awslogs-group': '/g', 'awslogs-region': 'eu-west-1', "
                "'awslogs-stream-prefix': 'p'}}},"
                "{'name': 'a', 'image': 'i', 'memory': 5}");
    run("f");
    started(take("StartContainer", "a"));
    const struct val *b = take("StartContainer", "b");
    assert_variable(b, "AWS_REGION", "eu-west-1");
    assert_text(val_get(b, S("log")), "account", "999999999999");
}

static void test_token(void **state)
{
    define("f", APP);
    const struct val *first = ok("RunTask", json("{'taskDefinition': 'f', 'clientToken': 't'}"));
    take("StartContainer", "app");
    const struct val *again = ok("RunTask", json("{'clientToken': 't', 'taskDefinition': 'f'}"));
    assert_true(slice_eq(text(item(first, "tasks", 0), "taskArn"), text(item(again, "tasks", 0), "taskArn")));
    quiet();
    refused("RunTask", json("{'taskDefinition': 'f', 'clientToken': 't', 'count': 2}"), "ConflictException");
    test_region = S("eu-west-1");
    ok("CreateCluster", "{}");
    define("f", APP);
    ok("RunTask", json("{'taskDefinition': 'f', 'clientToken': 't'}"));
    take("StartContainer", "app");
}

static void test_list_filters(void **state)
{
    define("f", APP);
    define("g", APP);
    ok("RunTask", json("{'taskDefinition': 'f', 'startedBy': 'x'}"));
    ok("RunTask", json("{'taskDefinition': 'g', 'group': 'service:s'}"));
    slice third = run("g");
    assert_int_equal(count(ok("ListTasks", "{}"), "taskArns"), 3);
    assert_int_equal(count(ok("ListTasks", json("{'family': 'g'}")), "taskArns"), 2);
    assert_int_equal(count(ok("ListTasks", json("{'startedBy': 'x'}")), "taskArns"), 1);
    assert_int_equal(count(ok("ListTasks", json("{'serviceName': 's'}")), "taskArns"), 1);
    assert_int_equal(count(ok("ListTasks", json("{'launchType': 'FARGATE'}")), "taskArns"), 0);
    assert_int_equal(count(ok("ListTasks", json("{'launchType': 'EC2'}")), "taskArns"), 3);
    assert_int_equal(count(ok("ListTasks", json("{'desiredStatus': 'PENDING'}")), "taskArns"), 0);
    ok("StopTask", json("{'task': '%.*s'}", SLICE_ARG(third)));
    assert_int_equal(count(ok("ListTasks", json("{'desiredStatus': 'STOPPED'}")), "taskArns"), 1);
    assert_int_equal(count(ok("ListTasks", json("{'desiredStatus': 'RUNNING', 'family': 'g'}")), "taskArns"), 1);
    refused("ListTasks", json("{'startedBy': 'x', 'family': 'f'}"), "InvalidParameterException");
    refused("ListTasks", json("{'containerInstance': 'x'}"), "InvalidParameterException");
    refused("ListTasks", json("{'cluster': 'none'}"), "ClusterNotFoundException");
    refused("ListTasks", json("{'desiredStatus': 'GONE'}"), "InvalidParameterException");
    refused("ListTasks", json("{'maxResults': 101}"), "InvalidParameterException");
}

static void test_describe(void **state)
{
    define("f", APP);
    slice id = run("f");
    ok("CreateCluster", json("{'clusterName': 'other'}"));
    static const char *const none = "00000000000000000000000000000000";
    const struct val *answer = ok("DescribeTasks", json("{'tasks': ['%.*s', '" ARN "task/default/%.*s', '%s']}",
                                                        SLICE_ARG(id), SLICE_ARG(id), none));
    assert_int_equal(count(answer, "tasks"), 2);
    assert_text(item(answer, "failures", 0), "reason", "MISSING");
    assert_true(slice_eq(text(item(answer, "failures", 0), "arn"), arena_printf(arena, ARN "task/default/%s", none)));
    assert_int_equal(
        count(ok("DescribeTasks", json("{'tasks': ['%.*s'], 'cluster': 'other'}", SLICE_ARG(id))), "failures"), 1);
    refused("DescribeTasks", json("{'tasks': ['%.*s'], 'cluster': 'none'}", SLICE_ARG(id)), "ClusterNotFoundException");
    refused("DescribeTasks", "{}", "InvalidParameterException");
    refused("DescribeTasks", json("{'tasks': ['x'], 'include': ['ALL']}"), "InvalidParameterException");
    refused("StopTask", json("{'task': '%.*s', 'cluster': 'other'}", SLICE_ARG(id)), "InvalidParameterException");
    refused("StopTask", json("{'task': '%.*s', 'reason': '%0256d'}", SLICE_ARG(id), 0), "InvalidParameterException");
    refused("StopTask", "{}", "InvalidParameterException");
}

static void test_tags(void **state)
{
    ok("RegisterTaskDefinition",
       json("{'family': 'f', 'tags': [{'key': 'from', 'value': 'definition'}, {'key': 'both', 'value': 'd'}], "
            "'containerDefinitions': [" APP "]}"));
    const struct val *task = item(
        ok("RunTask", json("{'taskDefinition': 'f', 'propagateTags': 'TASK_DEFINITION', 'enableECSManagedTags': true, "
                           "'tags': [{'key': 'both', 'value': 't'}]}")),
        "tasks", 0);
    assert_int_equal(count(task, "tags"), 3);
    const struct val *described =
        item(ok("DescribeTasks", json("{'tasks': ['%.*s'], 'include': ['TAGS']}", SLICE_ARG(text(task, "taskArn")))),
             "tasks", 0);
    assert_true(slice_eq(json_text(arena, val_get(task, S("tags"))), json_text(arena, val_get(described, S("tags")))));
    bool found = false;
    for (size_t i = 0; i < 3; i++) {
        const struct val *tag = item(task, "tags", i);
        found = found || (slice_eq(text(tag, "key"), S("both")) && slice_eq(text(tag, "value"), S("t")));
    }
    assert_true(found);
    assert_int_equal(count(task_of(text(task, "taskArn")), "tags"), 0);
    task = item(ok("RunTask", json("{'taskDefinition': 'f'}")), "tasks", 0);
    assert_int_equal(count(task, "tags"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_answer),
        ecs_test(test_no_interface),
        ecs_test(test_unknown_subnet_allowed),
        ecs_test(test_file_system),
        ecs_test(test_many),
        ecs_test(test_size_overrides),
        ecs_test(test_capacity_providers),
        ecs_test(test_refused),
        ecs_test(test_unanswered),
        ecs_test(test_what_cannot_be_done_is_said),
        ecs_test(test_plan),
        ecs_test(test_plan_of_a_late_container),
        ecs_test(test_token),
        ecs_test(test_list_filters),
        ecs_test(test_describe),
        ecs_test(test_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
