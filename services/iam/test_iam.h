/* test_iam: what the tests of the iam service share: calls as bytes, and looks at the answer. */
#pragma once

#include "services/iam/iam.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#include "common/uri.h"

#define TRUST                                                                                                          \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":"                     \
    "\"ecs-tasks.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"
#define ALLOW_S3                                                                                                       \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"

static const int64_t now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;
static slice as_key = S("test");

/* Calls an operation; the arguments are pairs of a parameter and its value, ended by NULL. */
static void call(const char *action, ...) __attribute__((sentinel));
static void call(const char *action, ...)
{
    va_list args;
    slice form = arena_printf(arena, "Action=%s&Version=2010-05-08", action);
    va_start(args, action);
    for (const char *name; (name = va_arg(args, const char *)) != NULL;) {
        slice value = uri_encode(arena, slice_of(va_arg(args, const char *)), false);
        form = arena_printf(arena, "%.*s&%s=%.*s", SLICE_ARG(form), name, SLICE_ARG(value));
    }
    va_end(args);
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("iam"),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .access_key = as_key,
        .method = S("POST"),
        .path = S("/"),
        .content_type = S("application/x-www-form-urlencoded"),
        .body = form,
    };
    worker_test_request(worker, &request, &reply);
}

static inline bool says(const char *text)
{
    return slice_find(reply.body, slice_of(text)) >= 0;
}

static inline void succeeded(void)
{
    if (reply.status != 200)
        print_error("%.*s\n", SLICE_ARG(reply.body));
    assert_int_equal(reply.status, 200);
}

static inline void refused(int status, const char *code, const char *message)
{
    slice element = arena_printf(arena, "<Code>%s</Code>", code);
    if (reply.status != status || slice_find(reply.body, element) < 0 || !says(message))
        print_error("%d %.*s\n", reply.status, SLICE_ARG(reply.body));
    assert_int_equal(reply.status, status);
    assert_true(slice_find(reply.body, element) >= 0 && says(message));
}

/* The text of the first element of that name. */
static inline slice element(const char *name)
{
    slice open = arena_printf(arena, "<%s>", name), rest;
    ssize_t at = slice_find(reply.body, open);
    assert_true(at >= 0);
    rest = slice_sub(reply.body, (size_t)at + open.len, reply.body.len);
    return slice_dup(arena, slice_sub(rest, 0, slice_index(rest, '<')));
}

static inline const char *element_text(const char *name)
{
    return slice_cstr(arena, element(name));
}

static inline int setup(void **state)
{
    arena = arena_open();
    worker = worker_open_test(&iam_process);
    worker_test_set_time(worker, now);
    as_key = S("test");
    return 0;
}

static inline int teardown(void **state)
{
    worker_close(worker);
    arena_close(arena);
    return 0;
}
