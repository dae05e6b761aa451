/* Tests of invocations, of the queue, of function URLs and of what other services send; the runner is the test. */
#include "services/lambda/test_lambda.h"

static const char invoke_f[] = "POST /2015-03-31/functions/f/invocations";

static const struct val *invoke_as(const char *type, const char *payload)
{
    struct msg message = {.method = S("POST"), .path = S("/2015-03-31/functions/f/invocations")};
    message.headers = arena_printf(arena, "x-amz-invocation-type: %s\nx-amz-log-type: Tail\n", type);
    message.body = slice_of(payload);
    return request(&message);
}

static void test_synchronous(void **state)
{
    create("f", "");
    const struct val *answer = call(invoke_f, "{'a':1}");
    assert_status(200);
    assert_true(val_get_bool(answer, S("done"), false));
    assert_int_equal(runner.asked, 2);
    assert_int_equal(runner.planned, 1);
    assert_true(slice_find(reply.headers, S("X-Amz-Executed-Version: $LATEST")) >= 0);
    assert_true(slice_find(reply.headers, S("X-Amz-Function-Error")) < 0);
    assert_true(slice_find(runner.body, S("\"AWS_ACCESS_KEY_ID\",\"ASIATEST\"")) > 0);
    assert_true(slice_ends(runner.body, S("\n{\"a\":1}")));
    runner.knows_plan = true;
    call(invoke_f, "{}");
    assert_int_equal(runner.planned, 1);
    runner.answer = "{\"error\":\"Unhandled\",\"log\":\"TG9n\"}\n{\"errorType\":\"E\"}";
    invoke_as("RequestResponse", "{}");
    assert_status(200);
    assert_true(slice_find(reply.headers, S("X-Amz-Function-Error: Unhandled")) >= 0);
    assert_true(slice_find(reply.headers, S("X-Amz-Log-Result: TG9n")) >= 0);
    assert_true(slice_find(runner.body, S("\"tail\":true")) >= 0);
}

static void test_refused(void **state)
{
    create("f", "");
    call("POST /2015-03-31/functions/none/invocations", "{}");
    assert_refused(404, "ResourceNotFoundException");
    call("POST /2015-03-31/functions/f/invocations?Qualifier=none", "{}");
    assert_refused(404, "ResourceNotFoundException");
    call(invoke_f, "{broken");
    assert_refused(400, "InvalidRequestContentException");
    invoke_as("Sometimes", "{}");
    assert_refused(400, "ValidationException");
    runner.status = 429;
    runner.answer = "{\"__type\":\"ReservedFunctionConcurrentInvocationLimitExceeded\"}";
    assert_text(call(invoke_f, "{}"), "Reason", "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert_refused(429, "TooManyRequestsException");
    runner.status = 503;
    runner.answer = "{}";
    call(invoke_f, "{}");
    assert_refused(500, "ServiceException");
    invoke_as("DryRun", "{}");
    assert_status(204);
}

static void invoke_with_context(const char *type, slice context)
{
    struct msg message = {.method = S("POST"), .path = S("/2015-03-31/functions/f/invocations")};
    message.headers = arena_printf(arena, "x-amz-invocation-type: %s\nx-amz-client-context: %.*s\n", type,
                                   SLICE_ARG(base64_encode(arena, context)));
    message.body = S("{}");
    request(&message);
}

static void test_client_context(void **state)
{
    static const slice refused[] = {S("{\"a\": \"\r\nX: y\"}"), S("{"),     S("[1]"),     S("\"text\""),
                                    S("{\"a\":\"\xff\"}"),      S("{} {}"), S("not JSON")};
    create("f", "");
    runner.knows_plan = true;
    invoke_with_context("RequestResponse",
                        S("{\r\n \"a b\" :\t\"M\xc3\xbc \xf0\x9f\x8e\x89 \\\" \\\\\",\"n\":[1, 2.50]}\r\n"));
    assert_status(200);
    /* One line of ASCII; what was escaped stays so, here once more as a text in JSON. */
    static const slice sent = S("\"clientContext\":\"{\\\"a b\\\":\\\"M\\\\u00fc \\\\ud83c\\\\udf89 \\\\\\\" "
                                "\\\\\\\\\\\",\\\"n\\\":[1,2.50]}\"");
    if (slice_find(runner.body, sent) < 0)
        fail_msg("%.*s", SLICE_ARG(runner.body));
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        invoke_with_context(i % 2 ? "RequestResponse" : "Event", refused[i]);
        assert_refused(400, "InvalidRequestContentException");
        assert_true(says("Client context must be a valid Base64-encoded JSON object."));
    }
    char *large = arena_alloc(arena, 4000);
    memset(large, ' ', 4000);
    memcpy(large, "{}", 2);
    invoke_with_context("RequestResponse", (slice){large, 4000});
    assert_refused(400, "InvalidRequestContentException");
    invoke_with_context("Event", S("{\"a\":1}")); /* synchronous invocations only */
    assert_status(202);
    assert_true(slice_find(runner.body, S("clientContext")) < 0);
}

static void test_waits_while_pending(void **state)
{
    call("POST /2015-03-31/functions",
         "{'FunctionName':'f','Runtime':'python3.11','Role':'arn:aws:iam::123456789012:role/r','Handler':'app.handler',"
         "'Code':{'ZipFile':'%s'}}",
         zip_base64);
    reply.status = 0;
    call(invoke_f, "{}");
    assert_int_equal(reply.status, 0);
    assert_int_equal(runner.asked, 0);
}

static void test_weights(void **state)
{
    create("f", ",'Publish':true");
    call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':4}");
    later(100);
    call("POST /2015-03-31/functions/f/versions", "{}");
    later(100);
    call("POST /2015-03-31/functions/f/aliases", "{'Name':'all','FunctionVersion':'1','RoutingConfig':"
                                                 "{'AdditionalVersionWeights':{'2':1.0}}}");
    call("POST /2015-03-31/functions/f:all/invocations", "{}");
    assert_true(slice_find(reply.headers, S("X-Amz-Executed-Version: 2")) >= 0);
    assert_true(slice_find(runner.body, S("\"arn\":\"arn:aws:lambda:us-east-1:123456789012:function:f:all\"")) >= 0);
    assert_true(slice_find(runner.body, S("\"timeoutMs\":4000")) >= 0);
}

static void test_queue(void **state)
{
    create("f", "");
    create("g", "");
    call("PUT /2019-09-25/functions/f/event-invoke-config",
         "{'MaximumRetryAttempts':1,'DestinationConfig':{'OnFailure':{'Destination':"
         "'arn:aws:lambda:us-east-1:123456789012:function:g'}}}");
    assert_status(200);
    runner.knows_plan = true;
    invoke_as("Event", "{\"n\":1}");
    assert_status(202);
    assert_int_equal(runner.asked, 1);
    later(10000);
    assert_int_equal(runner.asked, 1); /* it has succeeded */
    runner.answer = "{\"error\":\"Unhandled\"}\n{\"errorType\":\"E\"}";
    invoke_as("Event", "{\"n\":2}");
    assert_int_equal(runner.asked, 2);
    later(1000);
    assert_int_equal(runner.asked, 4); /* once more, then the destination */
    assert_true(slice_find(runner.body, S("\"condition\":\"RetriesExhausted\",\"approximateInvokeCount\":2")) > 0);
    assert_true(slice_find(runner.body, S("\"requestPayload\":{\"n\":2}")) > 0);
    runner.answer = NULL;
    later(60000);
    runner.asked = 0;
    runner.status = 429;
    runner.answer = "{\"__type\":\"ConcurrentInvocationLimitExceeded\"}";
    invoke_as("Event", "{\"n\":3}");
    later(1000);
    assert_true(runner.asked >= 2); /* throttled ones do not count as tries */
    runner.status = 0;
    runner.answer = NULL;
    later(1000);
    int asked = runner.asked;
    later(60000);
    assert_int_equal(runner.asked, asked);
}

static void test_invoke_async(void **state)
{
    create("f", "");
    call("POST /2014-11-13/functions/f/invoke-async/", "{}");
    assert_status(202);
    assert_int_equal(runner.planned, 1);
    call("POST /2014-11-13/functions/f/invoke-async/", "{");
    assert_refused(400, "InvalidRequestContentException");
    call("POST /2014-11-13/functions/none/invoke-async/", "{}");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_response_stream(void **state)
{
    create("f", "");
    runner.answer = "{}\nstreamed";
    call("POST /2021-11-15/functions/f/response-streaming-invocations", "{}");
    assert_status(200);
    assert_true(slice_eq(reply.content_type, S("application/vnd.amazon.eventstream")));
    assert_true(says("PayloadChunk") && says("streamed") && says("InvokeComplete"));
    runner.answer = "{\"error\":\"Unhandled\"}\n{\"errorType\":\"Own\"}";
    call("POST /2021-11-15/functions/f/response-streaming-invocations", "{}");
    assert_true(says("\"ErrorCode\":\"Own\"") && !says("PayloadChunk"));
    assert_true(slice_find(runner.body, S("\"stream\":\"events\"")) > 0);
    /* One that grows is the router's to follow. */
    runner.answer = "{\"stream\":\"stream-1\",\"contentType\":\"text/plain\"}\n";
    call("POST /2021-11-15/functions/f/response-streaming-invocations", "{}");
    assert_status(200);
    assert_true(slice_eq(reply.body_file, S("stream-1")) && (reply.flags & MSG_FLAG_GROWING));
    assert_true(slice_eq(reply.content_type, S("application/vnd.amazon.eventstream")));
    call("POST /2021-11-15/functions/none/response-streaming-invocations", "{}");
    assert_refused(404, "ResourceNotFoundException");
    call("POST /2021-11-15/functions/f/response-streaming-invocations", "{");
    assert_refused(400, "InvalidRequestContentException");
}

static void test_urls(void **state)
{
    create("f", "");
    call("POST /2021-10-31/functions/f/url", "{'AuthType':'SOMETIMES'}");
    assert_refused(400, "ValidationException");
    call("GET /2021-10-31/functions/f/url", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    const struct val *made =
        call("POST /2021-10-31/functions/f/url",
             "{'AuthType':'NONE','Cors':{'AllowOrigins':['*'],'AllowMethods':['GET'],'MaxAge':5}}");
    assert_status(201);
    slice url = slice_dup(arena, text(made, "FunctionUrl"));
    slice host = slice_sub(url, 7, url.len - 1);
    call("POST /2021-10-31/functions/f/url", "{'AuthType':'NONE'}");
    assert_refused(409, "ResourceConflictException");
    struct msg message = {.method = S("GET"), .path = S("/x"), .query = S("a=1&a=2"), .host = host};
    request(&message);
    assert_status(403);
    call("POST /2015-03-31/functions/f/policy",
         "{'StatementId':'u','Action':'lambda:InvokeFunctionUrl','Principal':'*',"
         "'FunctionUrlAuthType':'NONE'}");
    assert_status(201);
    runner.answer = "{}\n{\"statusCode\":202,\"headers\":{\"X\":\"y\"},\"body\":\"aGk=\",\"isBase64Encoded\":true,"
                    "\"cookies\":[\"c=1\"]}";
    request(&message);
    assert_status(202);
    assert_true(slice_eq(reply.body, S("hi")) && slice_find(reply.headers, S("set-cookie: c=1")) >= 0);
    assert_true(slice_find(runner.body, S("\"queryStringParameters\":{\"a\":\"1,2\"}")) > 0);
    message.method = S("OPTIONS");
    message.headers = S("origin: https://a\naccess-control-request-method: GET\n");
    request(&message);
    assert_status(200);
    assert_true(slice_find(reply.headers, S("access-control-max-age: 5")) >= 0);
    call("PUT /2021-10-31/functions/f/url", "{'AuthType':'AWS_IAM'}");
    assert_status(200);
    assert_int_equal(count(call("GET /2021-10-31/functions/f/urls", "%s", ""), "FunctionUrlConfigs"), 1);
    call("PUT /2021-10-31/functions/f/url", "{'AuthType':'NONE','InvokeMode':'RESPONSE_STREAM'}");
    assert_status(200);
    runner.answer =
        "{\"stream\":\"stream-2\",\"contentType\":\"application/vnd.awslambda.http-integration-response\"}\n"
        "{\"statusCode\":203,\"headers\":{\"X-Own\":\"yes\"}}";
    message.method = S("GET");
    request(&message);
    assert_status(203);
    assert_true(slice_eq(reply.body_file, S("stream-2")) && (reply.flags & MSG_FLAG_GROWING));
    assert_true(slice_find(reply.headers, S("X-Own: yes")) >= 0);
    assert_true(slice_find(runner.body, S("\"stream\":\"http\"")) > 0);
    call("DELETE /2021-10-31/functions/f/url", "%s", "");
    assert_status(204);
    request(&message);
    assert_status(403);
}

static int event(const char *name, const char *arn)
{
    slice body =
        arena_printf(arena,
                     "{\"account\":\"123456789012\",\"region\":\"us-east-1\",\"functionArn\":\"%s\",\"sourceArn\":"
                     "\"arn:aws:s3:::b\",\"payload\":{\"Records\":[]}}",
                     arn);
    return worker_test_event(worker, S("s3"), slice_of(name), body);
}

static void test_events(void **state)
{
    static const char arn[] = "arn:aws:lambda:us-east-1:123456789012:function:f";
    create("f", "");
    assert_int_equal(event("S3Notification", arn), 403);
    call("POST /2015-03-31/functions/f/policy", "{'StatementId':'s','Action':'lambda:InvokeFunction','Principal':"
                                                "'s3.amazonaws.com','SourceArn':'arn:aws:s3:::other'}");
    assert_int_equal(event("S3Notification", arn), 403);
    call("POST /2015-03-31/functions/f/policy", "{'StatementId':'t','Action':'lambda:InvokeFunction','Principal':"
                                                "'s3.amazonaws.com','SourceArn':'arn:aws:s3:::*'}");
    assert_int_equal(event("S3Notification", arn), 200);
    assert_true(slice_ends(runner.body, S("\n{\"Records\":[]}")));
    assert_int_equal(event("InvokeFunctionAsync", arn), 200);
    assert_int_equal(event("S3Notification", "arn:aws:lambda:us-east-1:123456789012:function:none"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        lambda_test(test_synchronous),  lambda_test(test_refused),         lambda_test(test_waits_while_pending),
        lambda_test(test_weights),      lambda_test(test_client_context),  lambda_test(test_queue),
        lambda_test(test_invoke_async), lambda_test(test_response_stream), lambda_test(test_urls),
        lambda_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
