/* test_logs: what the tests of logs share: a worker, calls as bytes, and looks at what it answers. */
#pragma once

#include "services/logs/logs.h"

#include "services/worker/test_awsjson.h"

#include <stdlib.h>

static const int64_t now = 1700000000000;

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
    test_service = "logs";
    test_account = S("123456789012");
    test_region = S("us-east-1");
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
