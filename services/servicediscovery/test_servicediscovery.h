/* test_servicediscovery: what the tests of the Cloud Map service share: a worker in memory, calls as JSON. */
#pragma once

#include "common/json.h"
#include "services/servicediscovery/servicediscovery.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int64_t test_now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;
static slice test_account, test_region;
static int64_t test_time;

/* Calls an operation and answers the parsed body; the reply is in `reply`. */
static inline const struct val *call(const char *operation, slice body)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("servicediscovery"),
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

static inline void later(int64_t ms)
{
    test_time += ms;
    worker_test_set_time(worker, test_time);
}

/* The status of an operation, now. */
static inline const char *status_of(const char *operation)
{
    const struct val *answer = val_get(ok("GetOperation", json("{'OperationId': '%s'}", operation)), S("Operation"));
    return arena_printf(arena, "%.*s", SLICE_ARG(text(answer, "Status"))).ptr;
}

/* Carries out the operation an answer names; answers its description. */
static inline const struct val *done(const struct val *answer)
{
    const char *operation = arena_printf(arena, "%.*s", SLICE_ARG(text(answer, "OperationId"))).ptr;
    later(1000);
    later(1000);
    const struct val *seen = val_get(ok("GetOperation", json("{'OperationId': '%s'}", operation)), S("Operation"));
    assert_text(seen, "Status", "SUCCESS");
    return seen;
}

static inline const char *cstr(slice s)
{
    return arena_printf(arena, "%.*s", SLICE_ARG(s)).ptr;
}

static inline const char *private_namespace(const char *name)
{
    const struct val *made = ok("CreatePrivateDnsNamespace", json("{'Name': '%s', 'Vpc': 'vpc-1'}", name));
    return cstr(text(val_get(done(made), S("Targets")), "NAMESPACE"));
}

static inline const char *service(const char *ns, const char *name, const char *more)
{
    const struct val *made = ok("CreateService", json("{'Name': '%s', 'NamespaceId': '%s'%s}", name, ns, more));
    return cstr(text(val_get(made, S("Service")), "Id"));
}

static inline void registered(const char *srv, const char *id, const char *attributes)
{
    done(ok("RegisterInstance",
            json("{'ServiceId': '%s', 'InstanceId': '%s', 'Attributes': {%s}}", srv, id, attributes)));
}

static inline int discovery_setup(void **state)
{
    (void)state;
    arena = arena_open();
    test_account = S("123456789012");
    test_region = S("us-east-1");
    worker = worker_open_test(&servicediscovery_process);
    worker_test_set_time(worker, test_now);
    test_time = test_now;
    worker_test_set_lenient(worker, S("unknown-networks"));
    return 0;
}

static inline int discovery_teardown(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return 0;
}

#define discovery_test(function) cmocka_unit_test_setup_teardown(function, discovery_setup, discovery_teardown)
