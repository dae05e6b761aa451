/* Tests of tasks: RunTask and everything that may happen to a task until it is STOPPED, with the runner's part played
 * by the test. Wire bytes in, wire bytes out. */
#include "services/ecs/test_ecs.h"

#define TASK_OPTIONS                                                                                                   \
    "\"launchType\": \"FARGATE\", \"networkConfiguration\": {\"awsvpcConfiguration\": {\"subnets\": "                  \
    "[\"subnet-12345678\"]}}"

static void define(const char *containers)
{
    call("RegisterTaskDefinition",
         arena_printf(
             arena,
             "{\"family\": \"f\", \"networkMode\": \"awsvpc\", \"requiresCompatibilities\": [\"FARGATE\"], \"cpu\": "
             "\"256\", \"memory\": \"512\", \"containerDefinitions\": [%s]}",
             containers));
    assert_int_equal(reply.status, 200);
}

static slice run(void)
{
    const struct val *answer = ok("RunTask", "{\"taskDefinition\": \"f\", " TASK_OPTIONS "}");
    const struct val *task = item(answer, "tasks", 0);
    assert_text(task, "lastStatus", "PROVISIONING");
    provide_interface();
    return slice_dup(arena, val_get_string(task, S("taskArn")));
}

static const struct val *task_of(slice arn)
{
    return item(call("DescribeTasks", arena_printf(arena, "{\"tasks\": [\"%.*s\"]}", SLICE_ARG(arn))), "tasks", 0);
}

static const struct val *container_of(slice arn, const char *name)
{
    const struct val *containers = val_get(task_of(arn), S("containers"));
    for (size_t i = 0; i < containers->array.len; i++) {
        if (slice_eq(val_get_string(&containers->array.items[i], S("name")), slice_of(name)))
            return &containers->array.items[i];
    }
    fail_msg("no container %s", name);
    return NULL;
}

/* The next command for the runner, acknowledged by the runner process `boot`. */
static struct val next_effect(const char *name, const char *boot)
{
    struct worker_effect effect;
    struct val body;
    slice why;
    assert_true(take_runner_effect(&effect, boot));
    if (!slice_eq(effect.name, slice_of(name)))
        fail_msg("%.*s instead of %s", SLICE_ARG(effect.name), name);
    assert_int_equal(json_parse(arena, slice_dup(arena, effect.body), &body, &why), 0);
    return body;
}

static void no_effect(void)
{
    struct worker_effect effect;
    if (take_runner_effect(&effect, ""))
        fail_msg("unexpected %.*s", SLICE_ARG(effect.name));
}

static void report(const char *event, const struct val *plan, const char *more)
{
    slice body =
        arena_printf(arena, "{\"boot\": \"b1\", \"task\": \"%.*s\", \"container\": \"%.*s\"%s}",
                     SLICE_ARG(val_get_string(plan, S("task"))), SLICE_ARG(val_get_string(plan, S("container"))), more);
    assert_int_equal(worker_test_event(worker, S("runner"), slice_of(event), body), 200);
}

static void started(const struct val *plan)
{
    report("ContainerStarted", plan,
           ", \"pid\": 5, \"driver\": \"process\", \"pullStartedAt\": 1700000000000, \"pullStoppedAt\": "
           "1700000000001, \"startedAt\": 1700000000002");
}

static void stopped(const struct val *plan, const char *more)
{
    report("ContainerStopped", plan, more);
    report("ContainerDrained", plan, "");
}

static void test_whole_life(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"], \"logConfiguration\": {\"logDriver\": "
           "\"awslogs\", "
           "\"options\": {\"awslogs-group\": \"/g\", \"awslogs-region\": \"us-east-1\", \"awslogs-stream-prefix\": "
           "\"p\"}}}");
    slice arn = run();
    assert_text(task_of(arn), "lastStatus", "PENDING");
    struct val plan = next_effect("StartContainer", "b1");
    const struct val *log = val_get(&plan, S("log"));
    assert_text(log, "group", "/g");
    assert_true(slice_starts(val_get_string(log, S("stream")), S("p/main/")));
    started(&plan);
    const struct val *task = task_of(arn);
    assert_text(task, "lastStatus", "RUNNING");
    assert_text(task, "connectivity", "CONNECTED");
    assert_non_null(val_get(task, S("startedAt")));
    assert_text(item(task, "attachments", 0), "status", "ATTACHED");
    report("ContainerStopped", &plan, ", \"started\": true, \"exitCode\": 3");
    assert_text(task_of(arn), "lastStatus", "DEPROVISIONING");
    report("ContainerDrained", &plan, "");
    task = task_of(arn);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "EssentialContainerExited");
    assert_text(task, "stoppedReason", "Essential container in task exited");
    assert_int_equal(val_get_int(container_of(arn, "main"), S("exitCode"), -1), 3);
    next_effect("RemoveTask", "b1");
    no_effect();
    assert_int_equal(count(ok("ListTasks", "{}"), "taskArns"), 0);
    assert_int_equal(count(ok("ListTasks", "{\"desiredStatus\": \"STOPPED\"}"), "taskArns"), 1);
    worker_test_set_time(worker, test_now + 2 * 3600 * 1000);
    assert_int_equal(count(ok("ListTasks", "{\"desiredStatus\": \"STOPPED\"}"), "taskArns"), 0);
}

static void test_start_fails(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"nosuch\"]}, {\"name\": \"side\", \"image\": \"i\", "
           "\"essential\": "
           "false, \"command\": [\"true\"]}");
    slice arn = run();
    struct val main_plan = next_effect("StartContainer", "b1"), side_plan = next_effect("StartContainer", "b1");
    started(&side_plan);
    stopped(&main_plan, ", \"started\": false, \"reason\": \"CannotStartContainerError: exec: nosuch\"");
    struct val stop = next_effect("StopContainer", "b1");
    assert_true(slice_eq(val_get_string(&stop, S("container")), val_get_string(&side_plan, S("container"))));
    assert_int_equal(val_get_int(&stop, S("killAfterMs"), 0), 30000);
    stopped(&side_plan, ", \"started\": true, \"exitCode\": 143");
    const struct val *task = task_of(arn);
    assert_text(task, "stopCode", "TaskFailedToStart");
    assert_text(task, "stoppedReason", "CannotStartContainerError: exec: nosuch");
    assert_null(val_get(container_of(arn, "main"), S("exitCode")));
    assert_int_equal(val_get_int(container_of(arn, "side"), S("exitCode"), -1), 143);
}

static void test_depends_on(void **state)
{
    define("{\"name\": \"init\", \"image\": \"i\", \"essential\": false, \"command\": [\"a\"]}, {\"name\": \"main\", "
           "\"image\": \"i\", "
           "\"command\": [\"b\"], \"stopTimeout\": 5, \"dependsOn\": [{\"containerName\": \"init\", \"condition\": "
           "\"SUCCESS\"}]}, "
           "{\"name\": \"late\", \"image\": \"i\", \"essential\": false, \"command\": [\"c\"], \"dependsOn\": "
           "[{\"containerName\": "
           "\"main\", \"condition\": \"START\"}]}");
    slice arn = run();
    struct val init = next_effect("StartContainer", "b1");
    no_effect();
    started(&init);
    stopped(&init, ", \"started\": true, \"exitCode\": 0");
    struct val main_plan = next_effect("StartContainer", "b1");
    assert_text(&main_plan, "name", "main");
    no_effect();
    started(&main_plan);
    struct val late = next_effect("StartContainer", "b1");
    started(&late);
    call("StopTask", arena_printf(arena, "{\"task\": \"%.*s\", \"reason\": \"why not\"}", SLICE_ARG(arn)));
    assert_int_equal(reply.status, 200);
    struct val stop = next_effect("StopContainer", "b1");
    assert_true(slice_eq(val_get_string(&stop, S("container")), val_get_string(&late, S("container"))));
    no_effect(); /* main is needed by late */
    stopped(&late, ", \"started\": true, \"exitCode\": 143");
    stop = next_effect("StopContainer", "b1");
    assert_int_equal(val_get_int(&stop, S("killAfterMs"), 0), 5000);
    stopped(&main_plan, ", \"started\": true, \"exitCode\": 137");
    assert_text(task_of(arn), "lastStatus", "STOPPED");
    assert_text(task_of(arn), "stopCode", "UserInitiated");
    assert_text(task_of(arn), "stoppedReason", "why not");
}

static void test_dependency_fails(void **state)
{
    define("{\"name\": \"init\", \"image\": \"i\", \"essential\": false, \"command\": [\"a\"]}, {\"name\": \"main\", "
           "\"image\": \"i\", "
           "\"command\": [\"b\"], \"dependsOn\": [{\"containerName\": \"init\", \"condition\": \"SUCCESS\"}]}");
    slice arn = run();
    struct val init = next_effect("StartContainer", "b1");
    started(&init);
    stopped(&init, ", \"started\": true, \"exitCode\": 1");
    assert_text(task_of(arn), "lastStatus", "STOPPED");
    assert_text(task_of(arn), "stopCode", "TaskFailedToStart");
}

static void test_events_in_any_order(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"]}");
    slice arn = run();
    struct val plan = next_effect("StartContainer", "b1");
    report("ContainerDrained", &plan, "");
    report("ContainerStopped", &plan, ", \"started\": true, \"exitCode\": 0");
    started(&plan);
    report("ContainerStopped", &plan, ", \"started\": true, \"exitCode\": 9");
    assert_text(task_of(arn), "lastStatus", "STOPPED");
    assert_int_equal(val_get_int(container_of(arn, "main"), S("exitCode"), -1), 0);
    assert_int_equal(worker_test_event(worker, S("runner"), S("ContainerStarted"), S("{\"container\": \"unknown\"}")),
                     200);
    assert_int_equal(worker_test_event(worker, S("runner"), S("ContainerStarted"), S("nonsense")), 400);
}

static void test_runner_restarts(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"]}");
    slice old = run();
    struct val plan = next_effect("StartContainer", "b1");
    started(&plan);
    slice fresh = run(); /* not yet given to any runner */
    assert_int_equal(worker_test_event(worker, S("runner"), S("RunnerStarted"), S("{\"boot\": \"b2\"}")), 200);
    const struct val *task = task_of(old);
    assert_text(task, "lastStatus", "STOPPED");
    assert_true(val_get_string(task, S("stoppedReason")).len > 0);
    assert_int_equal(val_get_int(container_of(old, "main"), S("exitCode"), -1), 137);
    assert_text(task_of(fresh), "lastStatus", "PENDING");
}

static void test_overrides(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"entryPoint\": [\"env\"], \"command\": [\"true\"], "
           "\"environment\": [{\"name\": "
           "\"A\", \"value\": \"1\"}, {\"name\": \"B\", \"value\": \"1\"}], \"user\": \"nobody\", "
           "\"workingDirectory\": \"/w\", "
           "\"ulimits\": [{\"name\": \"nofile\", \"softLimit\": 5, \"hardLimit\": 6}]}");
    ok("RunTask", "{\"taskDefinition\": \"f:1\", \"overrides\": {\"containerOverrides\": [{\"name\": \"main\", "
                  "\"command\": [\"x\", "
                  "\"y\"], \"cpu\": 5, \"environment\": [{\"name\": \"B\", \"value\": \"2\"}]}]}, " TASK_OPTIONS "}");
    provide_interface();
    struct val plan = next_effect("StartContainer", "b1");
    const struct val *command = val_get(&plan, S("command")), *environment = val_get(&plan, S("environment"));
    assert_int_equal(command->array.len, 3);
    assert_true(slice_eq(command->array.items[0].string, S("env")) && slice_eq(command->array.items[2].string, S("y")));
    assert_true(slice_eq(environment->array.items[1].array.items[1].string, S("2")));
    assert_text(&plan, "user", "nobody");
    assert_int_equal(val_get_int(&plan, S("cpu"), 0), 5);
    refused(
        "RunTask",
        "{\"taskDefinition\": \"f\", \"overrides\": {\"containerOverrides\": [{\"name\": \"other\"}]}, " TASK_OPTIONS
        "}",
        "InvalidParameterException");
}

static void test_refusals(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"]}");
    refused("RunTask", "{\"taskDefinition\": \"f\", \"cluster\": \"none\"}", "ClusterNotFoundException");
    refused("RunTask", "{\"taskDefinition\": \"none\"}", "ClientException");
    refused("RunTask", "{}", "InvalidParameterException");
    refused("RunTask", "{\"taskDefinition\": \"f\"}", "InvalidParameterException");
    refused("RunTask", "{\"taskDefinition\": \"f\", \"count\": 11, " TASK_OPTIONS "}", "InvalidParameterException");
    refused("RunTask", "{\"taskDefinition\": \"f\", \"count\": \"1\", " TASK_OPTIONS "}", "SerializationException");
    refused("RunTask", "{\"taskDefinition\": \"f\", \"launchType\": \"MOON\"}", "InvalidParameterException");
    refused("StopTask", "{\"task\": \"0123456789abcdef0123456789abcdef\"}", "InvalidParameterException");
    refused("DescribeTasks", "{\"tasks\": []}", "InvalidParameterException");
    refused("ListTasks", "{\"nextToken\": \"x\"}", "InvalidParameterException");
    ok("DeregisterTaskDefinition", "{\"taskDefinition\": \"f:1\"}");
    refused("RunTask", "{\"taskDefinition\": \"f:1\", " TASK_OPTIONS "}", "ClientException");
}

static void test_token_and_tags(void **state)
{
    const char *request =
        "{\"taskDefinition\": \"f\", \"clientToken\": \"t\", \"count\": 2, \"tags\": [{\"key\": \"k\", \"value\": "
        "\"v\"}], \"propagateTags\": \"TASK_DEFINITION\", " TASK_OPTIONS "}";
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"]}");
    slice first = slice_dup(arena, val_get_string(item(ok("RunTask", request), "tasks", 1), S("taskArn")));
    const struct val *again = ok("RunTask", request);
    assert_int_equal(count(again, "tasks"), 2);
    assert_true(slice_eq(val_get_string(item(again, "tasks", 1), S("taskArn")), first));
    refused("RunTask", "{\"taskDefinition\": \"f\", \"clientToken\": \"t\", " TASK_OPTIONS "}", "ConflictException");
    const struct val *task =
        item(call("DescribeTasks",
                  arena_printf(arena, "{\"include\": [\"TAGS\"], \"tasks\": [\"%.*s\"]}", SLICE_ARG(first))),
             "tasks", 0);
    assert_text(item(task, "tags", 0), "key", "k");
    call("TagResource",
         arena_printf(arena, "{\"resourceArn\": \"%.*s\", \"tags\": [{\"key\": \"x\", \"value\": \"y\"}]}",
                      SLICE_ARG(first)));
    assert_int_equal(reply.status, 200);
    assert_int_equal(
        count(call("ListTagsForResource", arena_printf(arena, "{\"resourceArn\": \"%.*s\"}", SLICE_ARG(first))),
              "tags"),
        2);
}

static void test_unsupported(void **state)
{
    define("{\"name\": \"main\", \"image\": \"i\", \"command\": [\"true\"], \"secrets\": [{\"name\": \"S\", "
           "\"valueFrom\": \"x\"}]}");
    const struct val *task = item(ok("RunTask", "{\"taskDefinition\": \"f\", " TASK_OPTIONS "}"), "tasks", 0);
    slice arn = slice_dup(arena, val_get_string(task, S("taskArn")));
    assert_text(task_of(arn), "lastStatus", "STOPPED");
    assert_text(task_of(arn), "stopCode", "TaskFailedToStart");
    assert_true(slice_starts(val_get_string(task_of(arn), S("stoppedReason")), S("ResourceInitializationError")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_whole_life),          ecs_test(test_start_fails),
        ecs_test(test_depends_on),          ecs_test(test_dependency_fails),
        ecs_test(test_events_in_any_order), ecs_test(test_runner_restarts),
        ecs_test(test_overrides),           ecs_test(test_refusals),
        ecs_test(test_token_and_tags),      ecs_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
