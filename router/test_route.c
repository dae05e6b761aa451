/* Tests of sigv4 and route: who sends a request and which service it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/err.h"
#include "router/http1.h"
#include "router/route.h"
#include "router/sigv4.h"

static struct http1_request request;
static struct sigv4_scope scope;
static struct route route;
static struct arena *arena;
static slice body;

static int set_up(void **state)
{
    (void)state;
    arena = arena_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static void assert_slice(slice got, const char *wanted)
{
    if (!slice_eq(got, slice_of(wanted)))
        fail_msg("got '%.*s', wanted '%s'", SLICE_ARG(got), wanted);
}

/* Parses a request whose lines end with '\n' here, reads its scope and routes it. Answers sigv4_read's result. */
static int take(const char *text)
{
    const char *why;
    slice line, rest = slice_of(text), http = S("");
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        http = arena_printf(arena, "%.*s%.*s\r\n", SLICE_ARG(http), SLICE_ARG(line));
        if (line.len == 0)
            break;
    }
    body = rest;
    assert_int_equal(http1_parse(http, &request), 0);
    int r = sigv4_read(arena, &request, &scope, &why);
    if (r == 0)
        route_find(&request, &scope, body, &route);
    return r;
}

static void assert_service(const char *name, bool has_worker)
{
    if (!route.service)
        fail_msg("no service, wanted %s", name);
    assert_slice(route.service->name, name);
    assert_int_equal(route.service->has_worker, has_worker);
}

#define SIGNED(service)                                                                                                \
    "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261124/eu-west-1/" service                                      \
    "/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc\n"

static void test_scope_header(void **state)
{
    (void)state;
    assert_int_equal(take("POST / HTTP/1.1\nHost: h\n" SIGNED("ecs") "\n"), 0);
    assert_true(scope.present);
    assert_slice(scope.access_key, "AKID");
    assert_slice(scope.region, "eu-west-1");
    assert_slice(scope.service, "ecs");
    assert_service("ecs", true);
    assert_int_equal(take("POST / HTTP/1.1\nHost: h\nAuthorization: AWS4-ECDSA-P256-SHA256 "
                          "Credential=A/B/20261124/sts/aws4_request,SignedHeaders=host,Signature=1\n\n"),
                     0);
    assert_slice(scope.access_key, "A/B");
    assert_null(scope.region.ptr);
    assert_service("sts", true);
    assert_int_equal(take("GET /b HTTP/1.1\nHost: h\nAuthorization: AWS AKID:c2ln\n\n"), 0);
    assert_slice(scope.access_key, "AKID");
    assert_service("s3", true);
}

static void test_scope_broken(void **state)
{
    (void)state;
    static const char *const credentials[] = {
        "",
        "Credential=",
        "Credential=AKID",
        "Credential=AKID/20261124/r/ecs",
        "Credential=AKID/20261124/r/ecs/aws5_request",
        "Credential=AKID/20261124/r//aws4_request",
        "Credential=/20261124/r/ecs/aws4_request",
        "Credential=20261124/r/ecs/aws4_request",
    };
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++) {
        slice text =
            arena_printf(arena, "GET / HTTP/1.1\nHost: h\nAuthorization: AWS4-HMAC-SHA256 %s\n\n", credentials[i]);
        if (take(text.ptr) != BAD_INPUT)
            fail_msg("'%s' was accepted", credentials[i]);
    }
    assert_int_equal(take("GET /?X-Amz-Credential=a%2Fb HTTP/1.1\nHost: h\n\n"), BAD_INPUT);
    assert_int_equal(take("GET /?X-Amz-Credential=%zz HTTP/1.1\nHost: h\n\n"), BAD_INPUT);
}

static void test_other_authorization(void **state)
{
    (void)state;
    assert_int_equal(take("GET /v2/ HTTP/1.1\nHost: h\nAuthorization: Basic QVdTOnB3\n\n"), 0);
    assert_false(scope.present);
    assert_service("ecr", true);
}

static void test_scope_presigned(void **state)
{
    (void)state;
    assert_int_equal(take("GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
                          "AKID%2F20261124%2Fus-west-2%2Fs3%2Faws4_request&X-Amz-Signature=1 HTTP/1.1\nHost: h\n\n"),
                     0);
    assert_slice(scope.access_key, "AKID");
    assert_slice(scope.region, "us-west-2");
    assert_service("s3", true);
    assert_int_equal(take("GET /b/k?AWSAccessKeyId=AK%2BID&Signature=x%3D&Expires=1 HTTP/1.1\nHost: h\n\n"), 0);
    assert_slice(scope.access_key, "AK+ID");
    assert_null(scope.region.ptr);
    assert_service("s3", true);
    assert_int_equal(take("GET /b/k?AWSAccessKeyId=AKID HTTP/1.1\nHost: h\n\n"), 0);
    assert_false(scope.present);
}

static void test_json_operation(void **state)
{
    (void)state;
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.ListClusters\n" SIGNED(
        "ecs") "\n{}");
    assert_service("ecs", true);
    assert_slice(route.operation, "ListClusters");
    assert_true(route.readonly);
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.RunTask\n\n{}");
    assert_service("ecs", true);
    assert_false(route.readonly);
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: Logs_20140328.DescribeLogGroups\n\n{}");
    assert_service("logs", true);
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: Logs_20140328.Nonsense\n\n{}");
    assert_service("logs", true);
    assert_slice(route.operation, "Nonsense");
    assert_false(route.readonly);
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: DynamoDB_20120810.ListTables\n\n{}");
    assert_service("dynamodb", false);
    assert_slice(route.operation, "ListTables");
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: Nobody_1.ListTables\n\n{}");
    assert_null(route.service);
    assert_slice(route.said, "Nobody_1");
}

static void test_query_operation(void **state)
{
    (void)state;
    take("POST / HTTP/1.1\nHost: h\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\n"
         "\nDurationSeconds=900&Action=GetCallerIdentity&Version=2011-06-15");
    assert_service("sts", true);
    assert_slice(route.operation, "GetCallerIdentity");
    take("GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\nHost: h\n\n");
    assert_service("sts", true);
    assert_slice(route.operation, "GetCallerIdentity");
    take("GET /?Action=GetCallerIdentity HTTP/1.1\nHost: h\n\n");
    assert_service("sts", true);
    take("POST / HTTP/1.1\nHost: h\nContent-Type: application/x-www-form-urlencoded\n" SIGNED(
        "sts") "\nXAction=a&Action=AssumeRole&Version=2011-06-15");
    assert_slice(route.operation, "AssumeRole");
    assert_false(route.readonly);
    take("GET /?Action=Frobnicate&Version=1999-01-01 HTTP/1.1\nHost: h\n\n");
    assert_null(route.service);
    /* A JSON body that looks like a form is none. */
    take("POST / HTTP/1.1\nHost: h\nContent-Type: application/json\n\nAction=GetCallerIdentity&Version=2011-06-15");
    assert_service("s3", true);
}

static void test_paths(void **state)
{
    (void)state;
    take("GET /2015-03-31/functions/ HTTP/1.1\nHost: h\n\n");
    assert_service("lambda", true);
    assert_true(route.readonly);
    take("POST /2015-02-01/file-systems HTTP/1.1\nHost: h\n\n");
    assert_service("efs", true);
    assert_false(route.readonly);
    take("GET /v2 HTTP/1.1\nHost: h\n\n");
    assert_service("ecr", true);
    assert_true(route.readonly);
    take("POST /v2/a/blobs/uploads/ HTTP/1.1\nHost: h\n\n");
    assert_service("ecr", true);
    assert_false(route.readonly);
    take("GET /v20180820/tags/x HTTP/1.1\nHost: h\n\n");
    assert_service("s3", true);
    /* With credentials a bucket may be called anything. */
    take("GET /2015-03-31/functions/ HTTP/1.1\nHost: h\n" SIGNED("s3") "\n");
    assert_service("s3", true);
}

static void test_s3_prefix(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/s3", "/"}, {"/s3/", "/"}, {"/s3/bkt/k%20y", "/bkt/k%20y"}, {"/s3x/k", "/s3x/k"}, {"/b//../k", "/b//../k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slice text = arena_printf(arena, "GET %s?list-type=2 HTTP/1.1\nHost: h\n" SIGNED("s3") "\n", cases[i][0]);
        assert_int_equal(take(text.ptr), 0);
        assert_slice(route.path, cases[i][1]);
    }
}

static void test_without_worker(void **state)
{
    (void)state;
    take("POST / HTTP/1.1\nHost: h\n" SIGNED("sqs") "\n");
    assert_service("sqs", false);
    take("POST / HTTP/1.1\nHost: h\nX-Amz-Target: DynamoDBStreams_20120810.ListStreams\n" SIGNED("dynamodb") "\n");
    assert_service("dynamodb", false);
    assert_slice(route.service->title, "DynamoDB Streams");
    take("POST / HTTP/1.1\nHost: h\n" SIGNED("frobnicator") "\n");
    assert_null(route.service);
    assert_slice(route.said, "frobnicator");
}

static void test_table(void **state)
{
    (void)state;
    assert_true(route_count() >= 3);
    for (size_t i = 0; i < route_count(); i++) {
        const struct route_service *service = route_at(i);
        assert_int_equal(service->number, i);
        assert_true(service->has_worker);
        assert_ptr_equal(route_named(service->name), service);
    }
    assert_null(route_named(S("nobody")));
    assert_null(route_named(S("")));
}

int main(void)
{
#define ROUTE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROUTE_TEST(test_scope_header),    ROUTE_TEST(test_scope_broken),   ROUTE_TEST(test_other_authorization),
        ROUTE_TEST(test_scope_presigned), ROUTE_TEST(test_json_operation), ROUTE_TEST(test_query_operation),
        ROUTE_TEST(test_paths),           ROUTE_TEST(test_s3_prefix),      ROUTE_TEST(test_without_worker),
        ROUTE_TEST(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
