/* test_ec2: what the tests of the ec2 service share: a worker in memory, calls as forms, answers as texts. */
#pragma once

#include "services/ec2/ec2.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int64_t test_now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;
static slice test_account, test_region;

/* Action=… and parameters; the answer is in `reply`. */
static inline void call(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void call_text(slice form)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("ec2"),
        .account = test_account,
        .region = test_region,
        .access_key = S("test"),
        .method = S("POST"),
        .path = S("/"),
        .content_type = S("application/x-www-form-urlencoded"),
        .body = arena_printf(arena, "Version=2016-11-15&Action=%.*s", SLICE_ARG(form)),
    };
    worker_test_request(worker, &request, &reply);
}

static inline void call(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slice form = arena_vprintf(arena, format, args);
    va_end(args);
    call_text(form);
}

static inline bool says(const char *text)
{
    return slice_find(reply.body, slice_of(text)) >= 0;
}

/* Succeeds, and the answer holds the text. */
#define ok(...)                                                                                                        \
    do {                                                                                                               \
        call(__VA_ARGS__);                                                                                             \
        if (reply.status != 200)                                                                                       \
            fail_msg("%d %.*s", reply.status, SLICE_ARG(reply.body));                                                  \
    } while (0)

/* Fails with that code. */
#define refused(code, ...)                                                                                             \
    do {                                                                                                               \
        call(__VA_ARGS__);                                                                                             \
        if (reply.status == 200 || !says("<Code>" code "</Code>"))                                                     \
            fail_msg("not %s: %d %.*s", code, reply.status, SLICE_ARG(reply.body));                                    \
    } while (0)

static inline void shows(const char *text)
{
    if (!says(text))
        fail_msg("no %s in %.*s", text, SLICE_ARG(reply.body));
}

/* How often the text is in the answer. */
static inline size_t count(const char *text)
{
    size_t n = 0;
    slice rest = reply.body, needle = slice_of(text);
    for (ssize_t at; (at = slice_find(rest, needle)) >= 0; n++)
        rest = slice_sub(rest, (size_t)at + needle.len, rest.len);
    return n;
}

/* The text of the first element of that name, NUL-terminated. */
static inline const char *element(const char *name)
{
    slice open = arena_printf(arena, "<%s>", name);
    ssize_t at = slice_find(reply.body, open);
    if (at < 0)
        fail_msg("no <%s> in %.*s", name, SLICE_ARG(reply.body));
    slice rest = slice_sub(reply.body, (size_t)at + open.len, reply.body.len);
    return slice_cstr(arena, slice_sub(rest, 0, slice_index(rest, '<')));
}

static inline const char *new_vpc(const char *cidr)
{
    ok("CreateVpc&CidrBlock=%s", cidr);
    return element("vpcId");
}

static inline const char *new_subnet(const char *vpc, const char *cidr)
{
    ok("CreateSubnet&VpcId=%s&CidrBlock=%s", vpc, cidr);
    return element("subnetId");
}

static inline const char *new_group(const char *vpc, const char *name)
{
    ok("CreateSecurityGroup&VpcId=%s&GroupName=%s&GroupDescription=d", vpc, name);
    return element("groupId");
}

static inline int set_up(void **state)
{
    (void)state;
    arena = arena_open();
    worker = worker_open_test(&ec2_process);
    worker_test_set_time(worker, test_now);
    test_account = S("123456789012");
    test_region = S("us-east-1");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return 0;
}
