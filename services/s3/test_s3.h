/* test_s3: what the tests of s3 share: a worker, requests as bytes, and looks at what it answers. */
#pragma once

#include "services/s3/s3.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const int64_t now = 1700000000000;
static const int64_t day = 86400000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;

/* What all requests have; target is PATH or PATH?QUERY. */
static inline struct msg request_for(const char *method, const char *target)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("s3"),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .method = slice_of(method),
        .host = S("localhost:4566"),
    };
    slice_cut(slice_of(target), '?', &request.path, &request.query);
    return request;
}

/* One request; headers are lines. */
static inline void ask(const char *method, const char *target, const char *headers, const char *body)
{
    struct msg request = request_for(method, target);
    request.headers = slice_of(headers);
    request.body = slice_of(body);
    worker_test_request(worker, &request, &reply);
}

static inline void ok(const char *method, const char *target, const char *headers, const char *body)
{
    ask(method, target, headers, body);
    if (reply.status >= 300)
        fail_msg("%s %s: %d %.*s", method, target, reply.status, SLICE_ARG(reply.body));
}

static inline void refused(int status, const char *code, const char *method, const char *target, const char *headers,
                           const char *body)
{
    ask(method, target, headers, body);
    if (reply.status != status || !slice_eq(reply.error, slice_of(code)))
        fail_msg("%s %s: %d %.*s", method, target, reply.status, SLICE_ARG(reply.body));
}

static inline void has(const char *part)
{
    if (slice_find(reply.body, slice_of(part)) < 0)
        fail_msg("no %s in %.*s", part, SLICE_ARG(reply.body));
}

static inline void lacks(const char *part)
{
    if (slice_find(reply.body, slice_of(part)) >= 0)
        fail_msg("%s in %.*s", part, SLICE_ARG(reply.body));
}

/* A header of the reply, names as the codec writes them. */
static inline slice header(const char *name)
{
    slice line, rest = reply.headers, key, value;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_cut(line, ':', &key, &value) && slice_eq_nocase(key, slice_of(name)))
            return slice_dup(arena, slice_trim(value));
    }
    return (slice){NULL, 0};
}

static inline const char *target(const char *format, slice value)
{
    return arena_printf(arena, format, SLICE_ARG(value)).ptr;
}

#define NOTHING ""

static inline slice create_upload(const char *path)
{
    ok("POST", path, NOTHING, NOTHING);
    ssize_t at = slice_find(reply.body, S("<UploadId>"));
    assert_true(at > 0);
    return slice_dup(arena, slice_sub(reply.body, (size_t)at + 10, (size_t)at + 74));
}

static inline int set_up(void **state)
{
    arena = arena_open();
    worker = worker_open_test(&s3_process);
    worker_test_set_time(worker, now);
    ok("PUT", "/bkt", NOTHING, NOTHING);
    return 0;
}

static inline int tear_down(void **state)
{
    worker_close(worker);
    arena_close(arena);
    return 0;
}
