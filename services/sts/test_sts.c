/* Tests of the sts service: wire bytes in, wire bytes out. */
#include "services/sts/sts.h"

#include "proto/access_key.h"
#include "services/worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int64_t now = 1700000000000;
static struct worker *worker;
static struct arena *arena;
static struct msg reply;

static void call_as(slice access_key, slice account, const char *form)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .request_id = S("11111111-2222-4333-8444-555555555555"),
        .origin = S("router"),
        .service = S("sts"),
        .account = account,
        .region = S("us-east-1"),
        .access_key = access_key,
        .method = S("POST"),
        .path = S("/"),
        .content_type = S("application/x-www-form-urlencoded"),
        .body = slice_of(form),
    };
    worker_test_request(worker, &request, &reply);
}

static void call(const char *form)
{
    call_as(S("test"), S("123456789012"), form);
}

static bool says(const char *text)
{
    return slice_find(reply.body, slice_of(text)) >= 0;
}

/* The text of the first element of that name. */
static slice element(const char *name)
{
    slice open = arena_printf(arena, "<%s>", name), rest;
    ssize_t at = slice_find(reply.body, open);
    assert_true(at >= 0);
    rest = slice_sub(reply.body, (size_t)at + open.len, reply.body.len);
    return slice_dup(arena, slice_sub(rest, 0, slice_index(rest, '<')));
}

/* In iam there are a role R that its account trusts, and Service, which trusts only a service. */
static int answer_iam(slice service, slice question, slice body, slice *answer)
{
    assert_true(slice_eq(service, S("iam")));
    if (slice_eq(question, S("Key"))) {
        *answer =
            S("{\"found\":true,\"active\":true,\"arn\":\"arn:aws:iam::123456789012:user/bob\",\"userId\":\"AIDA1\"}");
        return 200;
    }
    assert_true(slice_eq(question, S("Role")));
    if (slice_find(body, S("\"R\"")) >= 0 || slice_find(body, S("\"Other\"")) >= 0)
        *answer =
            S("{\"found\":true,\"id\":\"AROA1\",\"maxSeconds\":3600,\"trust\":\"{\\\"Statement\\\":[{\\\"Effect\\\":"
              "\\\"Allow\\\",\\\"Principal\\\":{\\\"AWS\\\":\\\"*\\\"},\\\"Action\\\":[\\\"sts:*\\\"]}]}\"}");
    else if (slice_find(body, S("\"Service\"")) >= 0)
        *answer =
            S("{\"found\":true,\"id\":\"AROA2\",\"maxSeconds\":3600,\"trust\":\"{\\\"Statement\\\":[{\\\"Effect\\\":"
              "\\\"Allow\\\",\\\"Principal\\\":{\\\"Service\\\":\\\"ecs.amazonaws.com\\\"},\\\"Action\\\":"
              "\\\"sts:AssumeRole\\\"}]}\"}");
    else
        *answer = S("{\"found\":false}");
    return 200;
}

static void test_caller_identity(void **state)
{
    call("Action=GetCallerIdentity&Version=2011-06-15");
    assert_int_equal(reply.status, 200);
    assert_true(says(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"));
    assert_true(says("<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:root</Arn>"));
    assert_true(says("<RequestId>11111111-2222-4333-8444-555555555555</RequestId>"));
}

static void test_assume_role(void **state)
{
    char account[13];
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/a/b/R&RoleSessionName=me"
         "&Tags.member.1.Key=k&Tags.member.1.Value=v&DurationSeconds=900");
    assert_int_equal(reply.status, 200);
    assert_true(says("<Arn>arn:aws:sts::999988887777:assumed-role/R/me</Arn>"));
    slice key = element("AccessKeyId"), id = element("AssumedRoleId");
    assert_true(access_key_account(key, account));
    assert_string_equal(account, "999988887777");
    call_as(key, S("999988887777"), "Action=GetCallerIdentity&Version=2011-06-15");
    assert_true(says("<Arn>arn:aws:sts::999988887777:assumed-role/R/me</Arn>"));
    assert_true(slice_eq(element("UserId"), id));
    call_as(key, S("999988887777"),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/Other"
            "&RoleSessionName=me&DurationSeconds=7200");
    assert_int_equal(reply.status, 400);
    assert_true(says("role chaining"));
    worker_test_set_time(worker, now + 901 * 1000);
    call_as(key, S("999988887777"), "Action=GetCallerIdentity&Version=2011-06-15");
    assert_true(says("<Code>ExpiredToken</Code>"));
}

static void test_refusals(void **state)
{
    call("Action=AssumeRole&Version=2011-06-15");
    assert_int_equal(reply.status, 400);
    assert_true(says("<Code>ValidationError</Code>"));
    assert_true(says("2 validation errors detected: Value null at &apos;roleArn&apos;") ||
                says("2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must "
                     "not be null"));
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::1:user/nonsense&RoleSessionName=me");
    assert_true(says("arn:aws:iam::1:user/nonsense is invalid"));
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/R&RoleSessionName=m:e");
    assert_true(says("<Code>ValidationError</Code>") && says("regular expression pattern"));
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/"
         "R&RoleSessionName=me&Policy=nonsense");
    assert_true(says("<Code>MalformedPolicyDocument</Code>"));
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/"
         "R&RoleSessionName=me&DurationSeconds=1");
    assert_true(says("greater than or equal to 900"));
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::999988887777:role/"
         "R&RoleSessionName=me&DurationSeconds=x");
    assert_true(says("<Code>MalformedInput</Code>"));
    call("Action=DecodeAuthorizationMessage&Version=2011-06-15&EncodedMessage=x");
    assert_true(says("<Code>InvalidAuthorizationMessageException</Code>"));
    call("Action=Nonsense&Version=2011-06-15");
    assert_int_equal(reply.status, 400);
    assert_true(says("<Code>InvalidAction</Code>"));
    call("Action=AssumeRoleWithSAML&Version=2011-06-15");
    assert_int_equal(reply.status, 501);
    assert_true(says("AssumeRoleWithSAML of AWS STS is not implemented"));
}

static void test_trust(void **state)
{
    static const char service[] = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/Service"
                                  "&RoleSessionName=me",
                      unknown[] = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/None"
                                  "&RoleSessionName=me";
    call(service);
    assert_int_equal(reply.status, 403);
    assert_true(says("User: arn:aws:iam::123456789012:root is not authorized to perform: sts:AssumeRole on resource: "
                     "arn:aws:iam::123456789012:role/Service"));
    worker_test_set_lenient(worker, S("-unknown-roles"));
    call(unknown);
    assert_int_equal(reply.status, 403);
    call("Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/R&RoleSessionName=me"
         "&DurationSeconds=7200");
    assert_int_equal(reply.status, 400);
    assert_true(says("exceeds the MaxSessionDuration set for this role"));
    worker_test_set_lenient(worker, S("unknown-roles"));
    call(unknown);
    assert_int_equal(reply.status, 200);
}

static void test_users(void **state)
{
    slice key = access_key_new(arena, S("AKIA"), S("123456789012"));
    call_as(key, S("123456789012"), "Action=GetCallerIdentity&Version=2011-06-15");
    assert_true(says("<Arn>arn:aws:iam::123456789012:user/bob</Arn>"));
}

/* {"iss":"https://idp.example","sub":"s","aud":"a","exp":1800000000} and one that expired in 2001. */
static void test_web_identity(void **state)
{
    call("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/Service"
         "&RoleSessionName=me&WebIdentityToken=e30.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwic3ViIjoicyIsImF1ZCI6ImEiLCJl"
         "eHAiOjE4MDAwMDAwMDB9.x");
    assert_int_equal(reply.status, 403);
    assert_true(says("Not authorized to perform sts:AssumeRoleWithWebIdentity"));
    call("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/R"
         "&RoleSessionName=me&WebIdentityToken=e30.eyJpc3MiOiJpIiwic3ViIjoicyIsImV4cCI6MTAwMDAwMDAwMH0.x");
    assert_true(says("<Code>ExpiredTokenException</Code>"));
    call("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/R"
         "&RoleSessionName=me&WebIdentityToken=nonsense");
    assert_true(says("<Code>InvalidIdentityToken</Code>"));
}

static void test_tokens(void **state)
{
    call("Action=GetSessionToken&Version=2011-06-15");
    slice key = element("AccessKeyId");
    call_as(key, S("123456789012"), "Action=GetCallerIdentity&Version=2011-06-15");
    assert_true(says("arn:aws:iam::123456789012:root"));
    call_as(key, S("123456789012"), "Action=GetSessionToken&Version=2011-06-15");
    assert_int_equal(reply.status, 403);
    call("Action=GetFederationToken&Version=2011-06-15&Name=bob");
    assert_true(says("arn:aws:sts::123456789012:federated-user/bob"));
    call("Action=GetFederationToken&Version=2011-06-15&Name=b");
    assert_int_equal(reply.status, 400);
    call("Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=0000111122223333");
    assert_true(says("<Account>123456789012</Account>"));
}

/* As another worker asks for a role that its service assumes. */
static int ask_service_role(const char *role, const char *service, int seconds)
{
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("lambda"),
        .service = S("sts"),
        .protocol = S("internal"),
        .operation = S("ServiceRole"),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .body = arena_printf(arena,
                             "{\"role\":\"arn:aws:iam::123456789012:role/%s\",\"service\":\"%s\",\"session\":\"f\","
                             "\"seconds\":%d}",
                             role, service, seconds),
    };
    worker_test_request(worker, &request, &reply);
    return reply.status;
}

static void test_service_role(void **state)
{
    assert_int_equal(ask_service_role("Service", "ecs.amazonaws.com", 0), 200);
    assert_true(slice_eq(reply.body, S("{}")));
    assert_int_equal(ask_service_role("Service", "ecs.amazonaws.com", 900), 200);
    assert_true(says("\"accessKeyId\":\"ASIA"));
    assert_int_equal(ask_service_role("Service", "lambda.amazonaws.com", 900), 403);
    assert_int_equal(ask_service_role("None", "ecs.amazonaws.com", 900), 403);
}

static int setup(void **state)
{
    arena = arena_open();
    worker = worker_open_test(&sts_process);
    worker_test_set_time(worker, now);
    worker_test_set_answers(worker, answer_iam);
    return 0;
}

static int teardown(void **state)
{
    worker_close(worker);
    arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_caller_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_assume_role, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
        cmocka_unit_test_setup_teardown(test_service_role, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_web_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
