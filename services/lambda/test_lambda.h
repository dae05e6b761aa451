/* test_lambda: what the tests of the lambda service share: a worker in memory with a folder for code, calls by HTTP
 * method and path, and a runner and an STS played by the test. */
#pragma once

#include "common/base64.h"
#include "common/fdio.h"
#include "services/lambda/invoke.h"
#include "services/worker/test_json.h"

#include <stdlib.h>

static const int64_t test_now = 1700000000000;
static char test_dir[] = "/tmp/awssim-test-lambda-XXXXXX";

/* The runner's part. */
static struct {
    int asked, planned; /* InvokeFunction, and with a plan */
    bool knows_plan;    /* else 412 for the first question */
    bool efs_is_gone;   /* its access point */
    int status;         /* else 200 */
    const char *answer; /* head line and payload */
    slice body;         /* of the last question */
} runner;

/* Of the image "app". */
#define IMAGE_DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A zip with the file "app.py". */
static const char zip_base64[] =
    "UEsDBBQAAAAAAAAAIQDJC1LTIAAAACAAAAAGAAAAYXBwLnB5ZGVmIGhhbmRsZXIoZSwgYyk6IHJldHVybiAxICAgIApQSwECFAMUAAAAAAAA"
    "ACEAyQtS0yAAAAAgAAAABgAAAAAAAAAAAAAAgAEAAAAAYXBwLnB5UEsFBgAAAAABAAEANAAAAEQAAAAAAA==";

static inline int answer_question(slice service, slice operation, slice body, slice *answer)
{
    if (slice_eq(service, S("sts"))) {
        assert_true(slice_eq(operation, S("ServiceRole")));
        bool known = slice_find(body, S("role/r")) >= 0;
        *answer = known ? S("{\"accessKeyId\":\"ASIATEST\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\"}")
                        : S("{\"__type\":\"AccessDenied\",\"message\":\"no\"}");
        return known ? 200 : 403;
    }
    if (slice_eq(service, S("ec2"))) {
        bool known = slice_find(body, S("-none")) < 0;
        *answer = known
                      ? S("{\"Subnets\":[{\"SubnetId\":\"subnet-1\",\"VpcId\":\"vpc-1\"}]}")
                      : S("{\"__type\":\"InvalidSubnetID.NotFound\",\"message\":\"The subnet ID 'subnet-none' does not "
                          "exist\"}");
        return known ? 200 : 400;
    }
    if (slice_eq(service, S("ecr"))) {
        assert_true(slice_eq(operation, S("BatchGetImage")));
        bool known = slice_find(body, S("\"repositoryName\":\"app\"")) >= 0, tagged = slice_find(body, S("none")) < 0;
        *answer = !known    ? S("{\"__type\":\"RepositoryNotFoundException\",\"message\":\"no\"}")
                  : !tagged ? S("{\"images\":[],\"failures\":[{\"failureCode\":\"ImageNotFound\"}]}")
                            : S("{\"images\":[{\"imageId\":{\"imageDigest\":\"" IMAGE_DIGEST "\"}}],\"failures\":[]}");
        return known ? 200 : 400;
    }
    if (slice_eq(service, S("efs"))) {
        bool known = slice_find(body, S("fsap-0123456789abcdef0")) >= 0 && !runner.efs_is_gone;
        bool described = slice_eq(operation, S("DescribeAccessPoints"));
        assert_true(described || slice_eq(operation, S("ResolveMount")));
        *answer = known && described ? S("{\"AccessPoints\":[{\"AccessPointId\":\"fsap-0123456789abcdef0\"}]}")
                  : known            ? S("{\"path\":\"/efs/fs-1/own\",\"uid\":1000,\"gid\":1000}")
                          : S("{\"__type\":\"AccessPointNotFound\",\"message\":\"Access point does not exist.\"}");
        return known ? 200 : 404;
    }
    if (slice_eq(service, S("s3"))) {
        assert_true(slice_eq(operation, S("GetObject")));
        bool known = slice_find(body, S("code.zip")) >= 0;
        *answer = known ? arena_printf(arena, "{\"Body\":\"%s\"}", zip_base64)
                        : S("{\"__type\":\"NoSuchKey\",\"message\":\"The specified key does not exist.\"}");
        return known ? 200 : 404;
    }
    assert_true(slice_eq(service, S("runner")) && slice_eq(operation, S("InvokeFunction")));
    bool has_plan = slice_find(body, S("\"plan\":{")) >= 0;
    runner.asked++;
    runner.planned += has_plan;
    runner.body = slice_dup(arena, body);
    *answer = S("{\"__type\":\"UnknownPlan\"}");
    if (!runner.knows_plan && !has_plan)
        return 412;
    *answer = slice_of(runner.answer ? runner.answer : "{}\n{\"done\":true}");
    return runner.status ? runner.status : 200;
}

static inline const struct val *request(struct msg *request)
{
    struct val *value = arena_alloc(arena, sizeof(*value));
    slice why;
    request->kind = MSG_REQUEST;
    request->request_id = S("11111111-2222-4333-8444-555555555555");
    request->origin = S("router");
    request->service = S("lambda");
    request->account = S("123456789012");
    request->region = S("us-east-1");
    request->access_key = S("test");
    if (!request->host.ptr)
        request->host = S("127.0.0.1:4566");
    worker_test_request(worker, request, &reply);
    *value = val_null();
    if (reply.body.len > 0 && json_parse(arena, slice_dup(arena, reply.body), value, &why) != 0)
        *value = val_string(slice_dup(arena, reply.body));
    return value;
}

/* "POST /2015-03-31/functions?x=y", with a JSON body in which ' stands for ". */
static inline const struct val *call(const char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline const struct val *call(const char *line, const char *format, ...)
{
    va_list args;
    struct msg message = {0};
    slice target;
    va_start(args, format);
    message.body = slice_of(json_v(format, args));
    va_end(args);
    slice_cut(slice_of(line), ' ', &message.method, &target);
    slice_cut(target, '?', &message.path, &message.query);
    return request(&message);
}

static inline void assert_status_at(int status, const char *file, int line)
{
    if (reply.status != status)
        fail_msg("%s:%d: status %d: %.*s", file, line, reply.status, SLICE_ARG(reply.body));
}
#define assert_status(status) assert_status_at(status, __FILE__, __LINE__)

/* The last call was refused with this error. */
static inline void assert_refused_at(int status, const char *code, const char *file, int line)
{
    assert_status_at(status, file, line);
    slice wanted = arena_printf(arena, "x-amzn-errortype: %s\n", code);
    if (slice_find(reply.headers, wanted) < 0)
        fail_msg("%s:%d: not %s: %.*s %.*s", file, line, code, SLICE_ARG(reply.headers), SLICE_ARG(reply.body));
}
#define assert_refused(status, code) assert_refused_at(status, code, __FILE__, __LINE__)

static inline bool says(const char *text)
{
    return slice_find(reply.body, slice_of(text)) >= 0;
}

static inline void later(int64_t ms)
{
    static int64_t now;
    now = (now < test_now ? test_now : now) + ms;
    worker_test_set_time(worker, now);
}

/* A function that is Active. more: further members, with a comma in front. */
static inline const struct val *create(const char *name, const char *more)
{
    const struct val *answer =
        call("POST /2015-03-31/functions",
             "{'FunctionName':'%s','Runtime':'python3.11','Role':'arn:aws:iam::123456789012:role/r','Handler':"
             "'app.handler','Code':{'ZipFile':'%s'}%s}",
             name, zip_base64, more);
    assert_status(201);
    later(100);
    return answer;
}

/* What the outbox has for the runner and others: takes everything. */
static inline size_t take_effects(void)
{
    struct worker_effect effect;
    size_t n = 0;
    while (worker_test_take_effect(worker, &effect, S("{}")))
        n++;
    return n;
}

static inline int lambda_setup(void **state)
{
    (void)state;
    arena = arena_open();
    memcpy(test_dir + sizeof(test_dir) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(test_dir));
    memset(&runner, 0, sizeof(runner));
    worker = worker_open_test(&lambda_process);
    worker_test_set_state_dir(worker, slice_of(test_dir));
    worker_test_set_answers(worker, answer_question);
    later(0);
    return 0;
}

static inline int lambda_teardown(void **state)
{
    (void)state;
    worker_close(worker);
    fdio_remove_tree(test_dir);
    arena_close(arena);
    return 0;
}

#define lambda_test(function) cmocka_unit_test_setup_teardown(function, lambda_setup, lambda_teardown)
