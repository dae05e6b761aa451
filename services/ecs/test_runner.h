/* test_runner: tasks in tests, and the runner's part played by hand. */
#pragma once

#include "services/ecs/test_ecs.h"

/* Registers family `f` with these containers (JSON objects, comma-separated). */
static inline void define(const char *family, const char *containers)
{
    ok("RegisterTaskDefinition", json("{'family': '%s', 'containerDefinitions': [%s]}", family, containers));
}

/* Runs one task of the family; answers its id. */
static inline slice run(const char *family)
{
    const struct val *answer = ok("RunTask", json("{'taskDefinition': '%s'}", family));
    assert_int_equal(count(answer, "tasks"), 1);
    return arn_last(text(item(answer, "tasks", 0), "taskArn"));
}

static inline const struct val *task_of(slice id)
{
    const struct val *answer = ok("DescribeTasks", json("{'tasks': ['%.*s']}", SLICE_ARG(id)));
    return item(answer, "tasks", 0);
}

static inline const struct val *container_named(const struct val *task, const char *name)
{
    for (size_t i = 0; i < count(task, "containers"); i++) {
        if (slice_eq(text(item(task, "containers", i), "name"), slice_of(name)))
            return item(task, "containers", i);
    }
    fail_msg("no container %s", name);
    return NULL;
}

#define assert_status(id, expected) assert_text(task_of(id), "lastStatus", expected)

/* The runner's part: takes the oldest command, which must be this one, for that container (NULL: any). */
static inline const struct val *take(const char *command, const char *name)
{
    struct worker_effect effect;
    if (!take_runner_effect(&effect, "b1"))
        fail_msg("the runner was told nothing, not %s %s", command, name ? name : "");
    struct val *value = arena_alloc(arena, sizeof(*value));
    slice why;
    assert_true(slice_eq(effect.target, S("runner")));
    assert_int_equal(json_parse(arena, slice_dup(arena, effect.body), value, &why), 0);
    if (!slice_eq(effect.name, slice_of(command)) || (name && !slice_eq(text(value, "name"), slice_of(name))))
        fail_msg("the runner was told %.*s %.*s, not %s %s", SLICE_ARG(effect.name), SLICE_ARG(effect.body), command,
                 name ? name : "");
    return value;
}

static inline void quiet(void)
{
    struct worker_effect effect;
    if (take_runner_effect(&effect, "b1"))
        fail_msg("unexpected command %.*s %.*s", SLICE_ARG(effect.name), SLICE_ARG(effect.body));
}

static inline void event(const char *name, const char *body)
{
    int status = worker_test_event(worker, S("runner"), slice_of(name), slice_of(body));
    if (status != 200)
        fail_msg("%s %s: %d", name, body, status);
}

/* Events about the container of a StartContainer command. */
static inline void started(const struct val *start)
{
    event("ContainerStarted",
          json("{'boot': 'b1', 'task': '%.*s', 'container': '%.*s', 'pid': 77, 'driver': 'process', 'pullStartedAt': "
               "%lld, 'pullStoppedAt': %lld, 'startedAt': %lld}",
               SLICE_ARG(text(start, "task")), SLICE_ARG(text(start, "container")), (long long)test_now,
               (long long)test_now + 1, (long long)test_now + 2));
}

static inline void stopped(const struct val *start, int exit_code)
{
    event(
        "ContainerStopped",
        json("{'boot': 'b1', 'task': '%.*s', 'container': '%.*s', 'started': true, 'exitCode': %d, 'stoppedAt': %lld}",
             SLICE_ARG(text(start, "task")), SLICE_ARG(text(start, "container")), exit_code, (long long)test_now + 5));
}

static inline void not_started(const struct val *start, const char *reason)
{
    event(
        "ContainerStopped",
        json("{'boot': 'b1', 'task': '%.*s', 'container': '%.*s', 'started': false, 'reason': '%s', 'stoppedAt': %lld}",
             SLICE_ARG(text(start, "task")), SLICE_ARG(text(start, "container")), reason, (long long)test_now + 5));
}

static inline void drained(const struct val *start)
{
    event("ContainerDrained", json("{'boot': 'b1', 'task': '%.*s', 'container': '%.*s'}",
                                   SLICE_ARG(text(start, "task")), SLICE_ARG(text(start, "container"))));
}

static inline void ended(const struct val *start, int exit_code)
{
    stopped(start, exit_code);
    drained(start);
}

/* The next StopContainer must be for the container of this StartContainer. Answers it. */
static inline const struct val *take_stop(const struct val *start)
{
    const struct val *stop = take("StopContainer", NULL);
    if (!slice_eq(text(stop, "container"), text(start, "container")))
        fail_msg("StopContainer was not for %.*s", SLICE_ARG(text(start, "name")));
    return stop;
}
