/* test_ecs: what the tests of the ecs service share: a worker in memory with a default cluster, and calls as JSON. */
#pragma once

#include "common/json.h"
#include "services/ecs/ecs.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int64_t test_now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;
static slice test_account, test_region;

/* Calls an operation and answers the parsed body; the reply is in `reply`. */
static inline const struct val *call(const char *operation, slice body)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("ecs"),
        .operation = slice_of(operation),
        .account = test_account,
        .region = test_region,
        .method = S("POST"),
        .path = S("/"),
        .body = body,
    };
    struct val *value = arena_alloc(arena, sizeof(*value));
    slice why;
    worker_test_request(worker, &request, &reply);
    if (json_parse(arena, slice_dup(arena, reply.body), value, &why) != 0)
        fail_msg("%s answered no JSON: %.*s", operation, SLICE_ARG(reply.body));
    return value;
}

/* A JSON text in which ' stands for ". */
static inline const char *json(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *json(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slice formatted = arena_vprintf(arena, format, args);
    va_end(args);
    char *bytes = arena_copy(arena, formatted.ptr, formatted.len + 1);
    for (char *at = bytes; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return bytes;
}

static inline const struct val *ok(const char *operation, const char *body)
{
    const struct val *value = call(operation, slice_of(body));
    if (reply.status != 200)
        fail_msg("%s: %d %.*s", operation, reply.status, SLICE_ARG(reply.body));
    return value;
}

static inline void refused(const char *operation, const char *body, const char *code)
{
    slice type = val_get_string(call(operation, slice_of(body)), S("__type"));
    if (reply.status < 400 || !slice_eq(type, slice_of(code)))
        fail_msg("%s %s: %d %.*s", operation, body, reply.status, SLICE_ARG(reply.body));
}

static inline const struct val *item(const struct val *object, const char *list, size_t index)
{
    const struct val *array = val_get(object, slice_of(list));
    if (!array || array->type != VAL_ARRAY || index >= array->array.len)
        fail_msg("no %s[%zu]: %.*s", list, index, SLICE_ARG(reply.body));
    return &array->array.items[index];
}

static inline size_t count(const struct val *object, const char *list)
{
    const struct val *array = val_get(object, slice_of(list));
    assert_non_null(array);
    return array->array.len;
}

static inline void assert_text_at(const struct val *object, const char *member, const char *expected, const char *file,
                                  int line)
{
    slice actual = val_get_string(object, slice_of(member));
    if (!slice_eq(actual, slice_of(expected)))
        fail_msg("%s:%d: %s is '%.*s', not '%s'", file, line, member, SLICE_ARG(actual), expected);
}

#define assert_text(object, member, expected) assert_text_at(object, member, expected, __FILE__, __LINE__)

static inline slice text(const struct val *object, const char *member)
{
    return val_get_string(object, slice_of(member));
}

static inline int64_t number(const struct val *object, const char *member)
{
    return val_get_int(object, slice_of(member), -1);
}

/* ec2's part: subnets and groups with well-formed ids exist. */
static inline int ec2_answers(slice service, slice operation, slice body, slice *answer)
{
    bool subnets = slice_eq(operation, S("DescribeSubnets"));
    bool known = slice_find(body, subnets ? S("\"subnet-12345678\"") : S("\"sg-0123456789abcdef0\"")) >= 0;
    assert_true(slice_eq(service, S("ec2")));
    if (!known)
        *answer =
            subnets ? S("{\"__type\":\"InvalidSubnetID.NotFound\",\"message\":\"The subnet ID 'x' does not exist\"}")
                    : S("{\"__type\":\"InvalidGroup.NotFound\",\"message\":\"The security group 'x' does not exist\"}");
    else
        *answer = subnets ? S("{\"Subnets\":[{\"SubnetId\":\"subnet-12345678\",\"AvailabilityZone\":\"us-east-1b\"}]}")
                          : S("{}");
    return known ? 200 : 400;
}

/* Takes the next command for another process. The reply serves the runner, process `boot`, and ec2 alike: each has an
 * address of its own. */
static inline bool take_effect(struct worker_effect *effect, const char *boot)
{
    static int number;
    number++;
    slice acknowledgement =
        arena_printf(arena,
                     "{\"boot\":\"%s\",\"networkInterfaceId\":\"eni-%017d\",\"macAddress\":\"0a:00:00:00:00:01\","
                     "\"privateIpAddress\":\"172.31.1.%d\",\"privateDnsName\":\"ip-172-31-1-%d.ec2.internal\","
                     "\"availabilityZone\":\"us-east-1c\"}",
                     boot, number, number, number);
    return worker_test_take_effect(worker, effect, acknowledgement);
}

/* The same for commands to the runner: interfaces of ended tasks go by the way. */
static inline bool take_runner_effect(struct worker_effect *effect, const char *boot)
{
    bool taken = take_effect(effect, boot);
    while (taken && slice_eq(effect->name, S("DeleteRequesterInterface")))
        taken = take_effect(effect, boot);
    return taken;
}

/* ec2 makes the interface of a task that was just run. */
static inline void provide_interface(void)
{
    struct worker_effect effect;
    assert_true(take_effect(&effect, ""));
    if (!slice_eq(effect.target, S("ec2")) || !slice_eq(effect.name, S("CreateRequesterInterface")))
        fail_msg("%.*s instead of CreateRequesterInterface", SLICE_ARG(effect.name));
}

static inline int ecs_setup(void **state)
{
    (void)state;
    arena = arena_open();
    test_account = S("123456789012");
    test_region = S("us-east-1");
    worker = worker_open_test(&ecs_process);
    worker_test_set_answers(worker, ec2_answers);
    worker_test_set_time(worker, test_now);
    ok("CreateCluster", "{}");
    return 0;
}

static inline int ecs_teardown(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return 0;
}

#define ecs_test(function) cmocka_unit_test_setup_teardown(function, ecs_setup, ecs_teardown)
