/* Tests of a task's life, from RunTask to STOPPED, with a runner played by hand. */
#include "services/ecs/test_runner.h"

#define ONE "{'name': 'app', 'image': 'i', 'memory': 64, 'command': ['true']}"
#define SIDE "{'name': 'side', 'image': 'i', 'memory': 64, 'essential': false, 'command': ['true']}"

static void test_run_to_end(void **state)
{
    define("f", ONE);
    slice id = run("f");
    assert_status(id, "PENDING");
    const struct val *start = take("StartContainer", "app");
    quiet();
    started(start);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "RUNNING");
    assert_text(task, "desiredStatus", "RUNNING");
    assert_text(task, "connectivity", "CONNECTED");
    assert_text(task, "healthStatus", "UNKNOWN");
    assert_non_null(val_get(task, S("startedAt")));
    assert_non_null(val_get(task, S("pullStartedAt")));
    assert_non_null(val_get(task, S("pullStoppedAt")));
    assert_null(val_get(task, S("stoppedAt")));
    assert_null(val_get(task, S("stopCode")));
    assert_text(item(task, "containers", 0), "lastStatus", "RUNNING");
    assert_null(val_get(item(task, "containers", 0), S("exitCode")));
    int64_t version = number(task, "version");
    stopped(start, 3);
    task = task_of(id);
    assert_text(task, "lastStatus", "DEPROVISIONING");
    assert_text(task, "desiredStatus", "STOPPED");
    assert_null(val_get(task, S("stoppedAt")));
    assert_int_equal(number(item(task, "containers", 0), "exitCode"), 3);
    drained(start);
    task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "EssentialContainerExited");
    assert_text(task, "stoppedReason", "Essential container in task exited");
    assert_non_null(val_get(task, S("stoppingAt")));
    assert_non_null(val_get(task, S("executionStoppedAt")));
    assert_non_null(val_get(task, S("stoppedAt")));
    assert_true(number(task, "version") > version);
    assert_true(slice_eq(text(take("RemoveTask", NULL), "task"), id));
    quiet();
}

/* The events of one container in the order the runner could send them again after a restart of either side. */
static void test_late_and_double_events(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    stopped(start, 0);
    started(start);
    stopped(start, 9);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "DEPROVISIONING");
    assert_int_equal(number(item(task, "containers", 0), "exitCode"), 0);
    assert_non_null(val_get(task, S("startedAt")));
    drained(start);
    drained(start);
    started(start);
    assert_status(id, "STOPPED");
    take("RemoveTask", NULL);
    quiet();
    event("ContainerStarted", "{\"boot\": \"b1\", \"task\": \"none\", \"container\": \"none\"}");
    assert_int_equal(worker_test_event(worker, S("runner"), S("ContainerStarted"), S("rubbish")), 400);
}

static void test_drained_before_stopped(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    started(start);
    drained(start);
    assert_status(id, "RUNNING");
    stopped(start, 0);
    assert_status(id, "STOPPED");
}

static void test_essential_exit_stops_siblings(void **state)
{
    define("f", ONE "," SIDE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app"), *side = take("StartContainer", "side");
    started(app);
    assert_status(id, "PENDING");
    started(side);
    assert_status(id, "RUNNING");
    stopped(app, 7);
    assert_status(id, "STOPPING");
    const struct val *stop = take_stop(side);
    assert_text(stop, "signal", "SIGTERM");
    assert_int_equal(number(stop, "killAfterMs"), 30000);
    ended(side, 143);
    assert_status(id, "DEPROVISIONING");
    drained(app);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "EssentialContainerExited");
    assert_int_equal(number(container_named(task, "app"), "exitCode"), 7);
    assert_int_equal(number(container_named(task, "side"), "exitCode"), 143);
}

static void test_unessential_exit_goes_on(void **state)
{
    define("f", ONE "," SIDE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app"), *side = take("StartContainer", "side");
    started(app);
    started(side);
    ended(side, 1);
    assert_status(id, "RUNNING");
    assert_text(container_named(task_of(id), "side"), "lastStatus", "STOPPED");
    quiet();
    ended(app, 0);
    assert_status(id, "STOPPED");
}

static void test_start_failure(void **state)
{
    define("f", ONE "," SIDE);
    slice id = run("f");
    const struct val *app = take("StartContainer", "app"), *side = take("StartContainer", "side");
    started(side);
    not_started(app, "CannotStartContainerError: no such file: /nope");
    drained(app);
    take_stop(side);
    ended(side, 143);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
    assert_text(task, "stoppedReason", "CannotStartContainerError: no such file: /nope");
    assert_null(val_get(task, S("startedAt")));
    assert_text(container_named(task, "app"), "reason", "CannotStartContainerError: no such file: /nope");
    assert_null(val_get(container_named(task, "app"), S("exitCode")));
}

/* A plan that the runner refuses outright ends the task instead of leaving it PENDING for ever. */
static void test_refused_by_runner(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    event("StartContainerDone", json("{'request': {'task': '%.*s', 'container': '%.*s'}, 'status': 400, 'reply': null}",
                                     SLICE_ARG(id), SLICE_ARG(text(start, "container"))));
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
}

static void test_depends_on_success(void **state)
{
    define("f", "{'name': 'init', 'image': 'i', 'memory': 64, 'essential': false},"
                "{'name': 'app', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'init', 'condition': "
                "'SUCCESS'}]}");
    slice id = run("f");
    const struct val *init = take("StartContainer", "init");
    quiet();
    started(init);
    quiet();
    ended(init, 0);
    const struct val *app = take("StartContainer", "app");
    started(app);
    assert_status(id, "RUNNING");
    id = run("f");
    init = take("StartContainer", "init");
    started(init);
    ended(init, 2);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
    assert_int_equal(number(container_named(task, "init"), "exitCode"), 2);
    assert_null(val_get(container_named(task, "app"), S("exitCode")));
    take("RemoveTask", NULL);
    quiet();
}

static void test_depends_on_complete(void **state)
{
    define("f", "{'name': 'init', 'image': 'i', 'memory': 64, 'essential': false},"
                "{'name': 'app', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'init', 'condition': "
                "'COMPLETE'}]}");
    run("f");
    const struct val *init = take("StartContainer", "init");
    started(init);
    ended(init, 5);
    take("StartContainer", "app");
}

static void test_start_timeout(void **state)
{
    define("f", "{'name': 'app', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'init', 'condition': "
                "'COMPLETE'}]},"
                "{'name': 'init', 'image': 'i', 'memory': 64, 'essential': false, 'startTimeout': 5}");
    slice id = run("f"), quick = run("f");
    const struct val *init = take("StartContainer", "init"), *quick_init = take("StartContainer", "init");
    started(init);
    started(quick_init);
    worker_test_set_time(worker, test_now + 4999);
    assert_status(id, "PENDING");
    ended(quick_init, 0);
    const struct val *app = take("StartContainer", "app");
    worker_test_set_time(worker, test_now + 5000);
    take_stop(init);
    ended(init, 143);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "TaskFailedToStart");
    take("RemoveTask", NULL);
    started(app);
    assert_status(quick, "RUNNING");
    worker_test_set_time(worker, test_now + 60000);
    assert_status(quick, "RUNNING");
    quiet();
}

/* c → b → a start in this order and stop in the other. */
static void test_chain(void **state)
{
    define("f",
           "{'name': 'c', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'b', 'condition': 'START'}]},"
           "{'name': 'b', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'a', 'condition': 'START'}]},"
           "{'name': 'a', 'image': 'i', 'memory': 64, 'stopTimeout': 7}");
    slice id = run("f");
    const struct val *a = take("StartContainer", "a");
    quiet();
    started(a);
    const struct val *b = take("StartContainer", "b");
    started(b);
    const struct val *c = take("StartContainer", "c");
    assert_status(id, "PENDING");
    started(c);
    assert_status(id, "RUNNING");
    ok("StopTask", json("{'task': '%.*s', 'reason': 'enough'}", SLICE_ARG(id)));
    take_stop(c);
    quiet();
    stopped(c, 143);
    take_stop(b);
    quiet();
    stopped(b, 143);
    assert_int_equal(number(take_stop(a), "killAfterMs"), 7000);
    stopped(a, 143);
    drained(a);
    drained(b);
    drained(c);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "UserInitiated");
    assert_text(task, "stoppedReason", "enough");
}

static void test_stop_task(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    started(start);
    const struct val *task = val_get(ok("StopTask", json("{'task': '%.*s'}", SLICE_ARG(id))), S("task"));
    assert_text(task, "desiredStatus", "STOPPED");
    assert_text(task, "stopCode", "UserInitiated");
    take_stop(start);
    ok("StopTask", json("{'task': '%.*s', 'reason': 'again'}", SLICE_ARG(id)));
    quiet();
    ended(start, 137);
    task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "UserInitiated");
    assert_true(text(task, "stoppedReason").len > 0 && !slice_eq(text(task, "stoppedReason"), S("again")));
    assert_int_equal(number(item(task, "containers", 0), "exitCode"), 137);
    int64_t version = number(task, "version");
    task = val_get(ok("StopTask", json("{'task': '%.*s'}", SLICE_ARG(id))), S("task"));
    assert_int_equal(number(task, "version"), version);
}

static void test_stop_before_start(void **state)
{
    define("f",
           "{'name': 'a', 'image': 'i', 'memory': 64},"
           "{'name': 'b', 'image': 'i', 'memory': 64, 'dependsOn': [{'containerName': 'a', 'condition': 'START'}]}");
    slice id = run("f");
    const struct val *a = take("StartContainer", "a");
    ok("StopTask", json("{'task': '%.*s'}", SLICE_ARG(id)));
    take_stop(a);
    quiet();
    not_started(a, "");
    drained(a);
    const struct val *task = task_of(id);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "UserInitiated");
    assert_null(val_get(task, S("startedAt")));
    take("RemoveTask", NULL);
    quiet();
}

/* The start overtakes the stop: what has started is still stopped. */
static void test_stop_crosses_start(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    ok("StopTask", json("{'task': '%.*s'}", SLICE_ARG(id)));
    started(start);
    assert_status(id, "STOPPING");
    take_stop(start);
    ended(start, 143);
    assert_status(id, "STOPPED");
}

static void test_runner_restart(void **state)
{
    event("RunnerStarted", "{\"boot\": \"b1\"}");
    define("f", ONE);
    slice dead = run("f");
    started(take("StartContainer", "app"));
    slice undrained = run("f");
    const struct val *start = take("StartContainer", "app");
    started(start);
    stopped(start, 4);
    slice unsent = run("f");
    event("RunnerStarted", "{\"boot\": \"b1\"}");
    assert_status(dead, "RUNNING");
    event("RunnerStarted", "{\"boot\": \"b2\"}");
    const struct val *task = task_of(dead);
    assert_text(task, "lastStatus", "STOPPED");
    assert_true(text(task, "stoppedReason").len > 0);
    assert_int_equal(number(item(task, "containers", 0), "exitCode"), 137);
    assert_true(text(item(task, "containers", 0), "reason").len > 0);
    task = task_of(undrained);
    assert_text(task, "lastStatus", "STOPPED");
    assert_text(task, "stopCode", "EssentialContainerExited");
    assert_int_equal(number(item(task, "containers", 0), "exitCode"), 4);
    assert_status(unsent, "PENDING");
    take("StartContainer", "app");
}

/* A container of the same task that only the new runner knows is stopped there, not forgotten. */
static void test_runner_restart_half_way(void **state)
{
    event("RunnerStarted", "{\"boot\": \"b1\"}");
    define("f", ONE "," SIDE);
    slice id = run("f");
    started(take("StartContainer", "app"));
    event("RunnerStarted", "{\"boot\": \"b2\"}");
    struct worker_effect effect;
    assert_true(worker_test_take_effect(worker, &effect, S("{\"boot\": \"b2\"}")));
    assert_true(slice_eq(effect.name, S("StartContainer")));
    struct val side;
    slice why;
    assert_int_equal(json_parse(arena, slice_dup(arena, effect.body), &side, &why), 0);
    take_stop(&side);
    assert_status(id, "STOPPING");
    not_started(&side, "");
    drained(&side);
    assert_status(id, "STOPPED");
    take("RemoveTask", NULL);
}

/* The old runner took the container and died; its acknowledgement is read after the new runner's first event. */
static void test_late_acknowledgement(void **state)
{
    event("RunnerStarted", "{\"boot\": \"b1\"}");
    define("f", ONE);
    slice id = run("f");
    event("RunnerStarted", "{\"boot\": \"b2\"}");
    take("StartContainer", "app");
    assert_status(id, "STOPPED");
}

static void test_forgotten_after_an_hour(void **state)
{
    define("f", ONE);
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    started(start);
    ended(start, 0);
    worker_test_set_time(worker, test_now + 3599 * 1000);
    assert_status(id, "STOPPED");
    worker_test_set_time(worker, test_now + 3602 * 1000);
    const struct val *answer = ok("DescribeTasks", json("{'tasks': ['%.*s']}", SLICE_ARG(id)));
    assert_int_equal(count(answer, "tasks"), 0);
    assert_text(item(answer, "failures", 0), "reason", "MISSING");
}

static void test_reset(void **state)
{
    define("f", ONE);
    run("f");
    assert_int_equal(worker_test_event(worker, S("router"), S("Reset"), S("{}")), 200);
    quiet();
    assert_int_equal(count(ok("ListClusters", "{}"), "clusterArns"), 0);
    assert_int_equal(count(ok("ListTaskDefinitions", "{}"), "taskDefinitionArns"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_run_to_end),
        ecs_test(test_late_and_double_events),
        ecs_test(test_drained_before_stopped),
        ecs_test(test_essential_exit_stops_siblings),
        ecs_test(test_unessential_exit_goes_on),
        ecs_test(test_start_failure),
        ecs_test(test_refused_by_runner),
        ecs_test(test_depends_on_success),
        ecs_test(test_depends_on_complete),
        ecs_test(test_start_timeout),
        ecs_test(test_chain),
        ecs_test(test_stop_task),
        ecs_test(test_stop_before_start),
        ecs_test(test_stop_crosses_start),
        ecs_test(test_runner_restart),
        ecs_test(test_runner_restart_half_way),
        ecs_test(test_late_acknowledgement),
        ecs_test(test_forgotten_after_an_hour),
        ecs_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
