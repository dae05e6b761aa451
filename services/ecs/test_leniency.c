/* Tests of what ecs does differently for clients that rely on it: each leniency off and on. */
#include "services/ecs/test_runner.h"

#define ONE "{'name': 'app', 'image': 'i', 'memory': 64, 'command': ['true']}"
#define TWO                                                                                                            \
    ONE ", {'name': 'side', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'app', 'condition': "          \
        "'START'}]}"

static const struct val *stop(slice id)
{
    return val_get(ok("StopTask", json("{'task': '%.*s', 'reason': 'enough'}", SLICE_ARG(id))), S("task"));
}

static void assert_stopped_well(const struct val *task, size_t containers)
{
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "UserInitiated");
    assert_text(task, "stoppedReason", "enough");
    assert_non_null(val_get(task, S("stoppedAt")));
    assert_int_equal(count(task, "containers"), containers);
    for (size_t i = 0; i < containers; i++) {
        assert_text(item(task, "containers", i), "lastStatus", "STOPPED");
        assert_int_equal(number(item(task, "containers", i), "exitCode"), 0);
    }
}

/* The answer is not waited for by the containers, which end in their order and are cleared away then. */
static void test_stop_at_once(void **state)
{
    define("f", TWO);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app");
    started(app);
    const struct val *side = take("StartContainer", "side");
    started(side);
    worker_test_set_lenient(worker, S("stop-at-once"));
    assert_stopped_well(stop(id), 2);
    take_stop(side);
    quiet();
    assert_stopped_well(stop(id), 2);
    ended(side, 143);
    take_stop(app);
    quiet();
    stopped(app, 137);
    quiet();
    drained(app);
    assert_true(slice_eq(text(take("RemoveTask", NULL), "task"), id));
    assert_stopped_well(task_of(id), 2);
    drained(app);
    quiet();
}

static void test_stop_at_once_before_start(void **state)
{
    define("f", TWO);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app");
    worker_test_set_lenient(worker, S("stop-at-once"));
    assert_stopped_well(stop(id), 2);
    started(app);
    take_stop(app);
    ended(app, 143);
    take("RemoveTask", NULL);
    quiet();
    assert_stopped_well(task_of(id), 2);
}

static void test_stop_takes_its_time(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app");
    started(app);
    worker_test_set_lenient(worker, S("-stop-at-once"));
    assert_text(stop(id), "desiredStatus", "STOPPED");
    take_stop(app);
    assert_status(id, "STOPPING");
    ended(app, 143);
    assert_status(id, "STOPPED");
    assert_int_equal(number(item(task_of(id), "containers", 0), "exitCode"), 143);
}

static void test_running_lingers(void **state)
{
    worker_test_set_lenient(worker, S("running-lingers"));
    define("f", ONE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app");
    started(app);
    ended(app, 3);
    assert_status(id, "RUNNING");
    worker_test_set_time(worker, test_now + 599);
    assert_status(id, "RUNNING");
    quiet();
    worker_test_set_time(worker, test_now + 600);
    assert_status(id, "STOPPED");
    assert_text(task_of(id), "stopCode", "EssentialContainerExited");
    assert_int_equal(number(item(task_of(id), "containers", 0), "exitCode"), 3);
    take("RemoveTask", NULL);
}

/* It is for tasks that end by themselves; and one that could not start was never RUNNING. */
static void test_running_does_not_linger(void **state)
{
    worker_test_set_lenient(worker, S("running-lingers"));
    define("f", ONE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app");
    started(app);
    stop(id);
    take_stop(app);
    ended(app, 143);
    assert_status(id, "STOPPED");
    take("RemoveTask", NULL);
    id = run("f");
    app = take("StartContainer", "app");
    not_started(app, "no");
    drained(app);
    assert_status(id, "STOPPED");
    take("RemoveTask", NULL);
    worker_test_set_lenient(worker, S("-running-lingers"));
    id = run("f");
    app = take("StartContainer", "app");
    started(app);
    ended(app, 0);
    assert_status(id, "STOPPED");
}

static const struct val *log_of(const char *family)
{
    run(family);
    return val_get(take("StartContainer", "app"), S("log"));
}

static void test_log_groups(void **state)
{
    define("f", "{'name': 'app', 'image': 'i', 'memory': 64, 'logConfiguration': {'logDriver': 'awslogs', 'options': "
                "{'awslogs-group': '/g', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'p'}}}");
    worker_test_set_lenient(worker, S("-log-groups"));
    assert_false(val_get_bool(log_of("f"), S("createGroup"), true));
    worker_test_set_lenient(worker, S("log-groups"));
    assert_true(val_get_bool(log_of("f"), S("createGroup"), false));
}

static void test_no_log_region(void **state)
{
    const char *body = json("{'family': 'f', 'containerDefinitions': [{'name': 'app', 'image': 'i', 'memory': 64, "
                            "'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': '/g', "
                            "'awslogs-stream-prefix': 'p'}}}]}");
    worker_test_set_lenient(worker, S("-no-log-region"));
    refused("RegisterTaskDefinition", body, "ClientException");
    worker_test_set_lenient(worker, S("no-log-region"));
    ok("RegisterTaskDefinition", body);
    assert_text(log_of("f"), "region", "us-east-1");
}

static void test_no_network(void **state)
{
    ok("RegisterTaskDefinition", json("{'family': 'f', 'networkMode': 'awsvpc', 'containerDefinitions': [" ONE "]}"));
    worker_test_set_lenient(worker, S("-no-network,unknown-networks"));
    refused("RunTask", json("{'taskDefinition': 'f'}"), "InvalidParameterException");
    worker_test_set_lenient(worker, S("no-network,unknown-networks"));
    const struct val *task = item(ok("RunTask", json("{'taskDefinition': 'f'}")), "tasks", 0);
    assert_text(item(item(task, "attachments", 0), "details", 0), "name", "subnetId");
    take("StartContainer", "app");
}

/* The runner gets a command for the case that the image is nowhere. */
static void test_no_command_runs(void **state)
{
    define("f", "{'name': 'app', 'image': 'alpine', 'memory': 64}");
    worker_test_set_lenient(worker, S("-no-command-runs"));
    run("f");
    assert_null(val_get(take("StartContainer", "app"), S("command")));
    worker_test_set_lenient(worker, S("no-command-runs"));
    run("f");
    assert_true(count(take("StartContainer", "app"), "command") > 0);
}

static void test_no_memory(void **state)
{
    const char *body = "{\"family\": \"f\", \"containerDefinitions\": [{\"name\": \"app\", \"image\": \"i\"}]}";
    worker_test_set_lenient(worker, S("-no-memory"));
    refused("RegisterTaskDefinition", body, "ClientException");
    worker_test_set_lenient(worker, S("no-memory"));
    ok("RegisterTaskDefinition", body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_stop_at_once),
        ecs_test(test_stop_at_once_before_start),
        ecs_test(test_stop_takes_its_time),
        ecs_test(test_running_lingers),
        ecs_test(test_running_does_not_linger),
        ecs_test(test_log_groups),
        ecs_test(test_no_log_region),
        ecs_test(test_no_network),
        ecs_test(test_no_command_runs),
        ecs_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
