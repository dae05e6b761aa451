/* test_json: what the tests of services share that answer JSON: a worker, a client's request, texts that are easy to
 * read in C, and looks at what was answered. What is answered lives as long as the test's arena. */
#pragma once

#include "common/json.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct worker *worker;
static struct arena *arena;
static struct msg reply;

/* What every request of a client has. */
static inline struct msg client_request(const char *service)
{
    return (struct msg){
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = slice_of(service),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .method = S("POST"),
        .path = S("/"),
    };
}

/* The body of `reply`, which is JSON or empty (null). */
static inline const struct val *parsed(void)
{
    struct val *value = arena_alloc(arena, sizeof(*value));
    slice why;
    *value = val_null();
    if (reply.body.len > 0 && json_parse(arena, slice_dup(arena, reply.body), value, &why) != 0)
        fail_msg("no JSON: %d %.*s", reply.status, SLICE_ARG(reply.body));
    return value;
}

/* A text in which ' stands for ". */
static inline const char *json(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *json_v(const char *format, va_list args)
{
    slice formatted = arena_vprintf(arena, format, args);
    char *bytes = arena_copy(arena, formatted.ptr, formatted.len + 1);
    for (char *at = bytes; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return bytes;
}

static inline const char *json(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = json_v(format, args);
    va_end(args);
    return text;
}

/* The list must be there. */
static inline size_t count(const struct val *object, const char *list)
{
    const struct val *array = val_get(object, slice_of(list));
    if (!array || array->type != VAL_ARRAY)
        fail_msg("no list %s: %.*s", list, SLICE_ARG(reply.body));
    return array->array.len;
}

static inline const struct val *item(const struct val *object, const char *list, size_t index)
{
    if (index >= count(object, list))
        fail_msg("no %s[%zu]: %.*s", list, index, SLICE_ARG(reply.body));
    return &val_get(object, slice_of(list))->array.items[index];
}

/* Absent when there is no such text; -1 when there is no such number. */
static inline slice text(const struct val *object, const char *member)
{
    return val_get_string(object, slice_of(member));
}

static inline int64_t number(const struct val *object, const char *member)
{
    return val_get_int(object, slice_of(member), -1);
}

static inline void assert_text_at(const struct val *object, const char *member, const char *expected, const char *file,
                                  int line)
{
    slice actual = text(object, member);
    if (!slice_eq(actual, slice_of(expected)))
        fail_msg("%s:%d: %s is '%.*s', not '%s'", file, line, member, SLICE_ARG(actual), expected);
}

#define assert_text(object, member, expected) assert_text_at(object, member, expected, __FILE__, __LINE__)
