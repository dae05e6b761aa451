/* test_efs: what the tests of the efs service share: a worker in memory over a real folder, calls over REST, and an EC2
 * that knows two subnets. */
#pragma once

#include "common/fdio.h"
#include "services/efs/efs.h"
#include "services/worker/test_json.h"

#include <stdlib.h>

static const int64_t test_now = 1700000000000;
static slice state_dir;
static int64_t test_time;

/* Calls with method, path (with query) and body; answers the parsed answer, null when it is empty. */
static inline const struct val *call(const char *method, const char *path, slice body)
{
    slice at, query;
    slice_cut(slice_of(path), '?', &at, &query);
    struct msg request = client_request("efs");
    request.method = slice_of(method);
    request.path = at;
    request.query = query;
    request.body = body;
    worker_test_request(worker, &request, &reply);
    return parsed();
}

/* A call of another service. */
static inline const struct val *call_inside(const char *operation, const char *body)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("ecs"),
        .service = S("efs"),
        .protocol = S("internal"),
        .operation = slice_of(operation),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .body = slice_of(body),
    };
    worker_test_request(worker, &request, &reply);
    if (reply.status != 200)
        fail_msg("%s: %d %.*s", operation, reply.status, SLICE_ARG(reply.body));
    return parsed();
}

static inline const struct val *ok(const char *method, const char *path, const char *body)
{
    const struct val *value = call(method, path, slice_of(body));
    if (reply.status >= 300)
        fail_msg("%s %s: %d %.*s", method, path, reply.status, SLICE_ARG(reply.body));
    return value;
}

static inline const struct val *get(const char *path)
{
    return ok("GET", path, "");
}

/* The error's name is in a header and, for EFS's own, in ErrorCode. */
static inline const struct val *refused(const char *method, const char *path, const char *body, int status,
                                        const char *code)
{
    const struct val *value = call(method, path, slice_of(body));
    slice said = val_get_string(value, S("ErrorCode"));
    if (reply.status != status || !slice_eq(said, slice_of(code)))
        fail_msg("%s %s %s: %d %.*s", method, path, body, reply.status, SLICE_ARG(reply.body));
    return value;
}

static inline const char *string(const struct val *object, const char *member)
{
    return arena_printf(arena, "%.*s", SLICE_ARG(text(object, member))).ptr;
}

static inline void later(int64_t ms)
{
    test_time += ms;
    worker_test_set_time(worker, test_time);
}

static inline const char *file_system(const char *token)
{
    const struct val *fs = ok("POST", "/2015-02-01/file-systems", json("{'CreationToken': '%s'}", token));
    const char *id = string(fs, "FileSystemId");
    later(EFS_STATE_MS);
    return id;
}

static inline int efs_setup(void **state)
{
    (void)state;
    char path[] = "/tmp/awssim-test-efs-XXXXXX";
    arena = arena_open();
    assert_non_null(mkdtemp(path));
    state_dir = slice_dup(arena, slice_of(path));
    worker = worker_open_test(&efs_process);
    worker_test_set_state_dir(worker, state_dir);
    test_time = test_now;
    later(0);
    return 0;
}

static inline int efs_teardown(void **state)
{
    (void)state;
    fdio_remove_tree(slice_cstr(arena, state_dir));
    worker_close(worker);
    arena_close(arena);
    return 0;
}

#define efs_test(function) cmocka_unit_test_setup_teardown(function, efs_setup, efs_teardown)
