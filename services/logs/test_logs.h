/* test_logs: what the tests of logs share: a worker, calls as bytes, and looks at what it answers. */
#pragma once

#include "services/logs/logs.h"

#include "common/json.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const int64_t now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;

/* Calls an operation and answers the parsed body; the reply is in `reply`. */
static inline const struct val *call(const char *operation, slice body)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("logs"),
        .operation = slice_of(operation),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .method = S("POST"),
        .path = S("/"),
        .headers = arena_printf(arena, "x-amz-target: Logs_20140328.%s\n", operation),
        .content_type = S("application/x-amz-json-1.1"),
        .body = body,
    };
    struct val *value = arena_alloc(arena, sizeof(*value));
    slice why;
    worker_test_request(worker, &request, &reply);
    if (reply.body.len > 0 && json_parse(arena, slice_dup(arena, reply.body), value, &why) != 0)
        fail_msg("%s answered no JSON: %.*s", operation, SLICE_ARG(reply.body));
    return value;
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
    const struct val *value = call(operation, slice_of(body));
    slice type = val_get_string(value, S("__type"));
    if (reply.status != 400 || !slice_eq(type, slice_of(code)))
        fail_msg("%s %s: %d %.*s", operation, body, reply.status, SLICE_ARG(reply.body));
}

static inline const struct val *item(const struct val *object, const char *list, size_t index)
{
    const struct val *array = val_get(object, slice_of(list));
    assert_non_null(array);
    assert_true(array->type == VAL_ARRAY && index < array->array.len);
    return &array->array.items[index];
}

static inline size_t count(const struct val *object, const char *list)
{
    const struct val *array = val_get(object, slice_of(list));
    assert_non_null(array);
    return array->array.len;
}

static inline void make_stream(void)
{
    ok("CreateLogGroup", "{\"logGroupName\": \"/g\"}");
    ok("CreateLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\"}");
}

static inline void put(const char *stream, int64_t ms, int events)
{
    struct val body = val_object(), list = val_array();
    val_set(arena, &body, S("logGroupName"), val_string(S("/g")));
    val_set(arena, &body, S("logStreamName"), val_string(slice_of(stream)));
    for (int i = 0; i < events; i++) {
        struct val event = val_object();
        val_set(arena, &event, S("timestamp"), val_int(ms + i));
        val_set(arena, &event, S("message"),
                val_string(arena_printf(arena, "%s %lld", stream, (long long)(ms + i - now))));
        val_push(arena, &list, event);
    }
    val_set(arena, &body, S("logEvents"), list);
    call("PutLogEvents", json_text(arena, &body));
    assert_int_equal(reply.status, 200);
}

static inline slice message_at(const struct val *page, size_t index)
{
    return val_get_string(item(page, "events", index), S("message"));
}

static inline int setup(void **state)
{
    arena = arena_open();
    worker = worker_open_test(&logs_process);
    worker_test_set_time(worker, now);
    return 0;
}

static inline int teardown(void **state)
{
    worker_close(worker);
    arena_close(arena);
    return 0;
}
