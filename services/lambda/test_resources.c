/* Tests of layers, event source mappings, concurrency and the other settings of functions. */
#include "services/lambda/test_lambda.h"

static void test_layers(void **state)
{
    const char *body =
        arena_printf(arena, "{'Content':{'ZipFile':'%s'},'CompatibleRuntimes':['python3.11']}", zip_base64).ptr;
    const struct val *made = call("POST /2018-10-31/layers/lay/versions", "%s", body);
    assert_status(201);
    assert_text(made, "LayerVersionArn", "arn:aws:lambda:us-east-1:123456789012:layer:lay:1");
    assert_int_equal(val_get_int(call("POST /2018-10-31/layers/lay/versions", "%s", body), S("Version"), 0), 2);
    call("POST /2018-10-31/layers/lay/versions", "{}");
    assert_refused(400, "ValidationException");
    call("POST /2018-10-31/layers/lay/versions", "{'Content':{'ZipFile':'ZmFrZQ=='}}");
    assert_refused(400, "InvalidParameterValueException");
    create("f", ",'Layers':['arn:aws:lambda:us-east-1:123456789012:layer:lay:1']");
    call("POST /2015-03-31/functions/f/invocations", "{}");
    assert_true(slice_find(runner.body, S("\"layers\":[\"/tmp/")) > 0);
    call("PUT /2015-03-31/functions/f/configuration",
         "{'Layers':['arn:aws:lambda:us-east-1:123456789012:layer:lay:7']}");
    assert_refused(400, "InvalidParameterValueException");
    const struct val *list = call("GET /2018-10-31/layers?CompatibleRuntime=python3.11", "%s", "");
    assert_int_equal(val_get_int(val_get(item(list, "Layers", 0), S("LatestMatchingVersion")), S("Version"), 0), 2);
    assert_int_equal(count(call("GET /2018-10-31/layers?CompatibleRuntime=nodejs20.x", "%s", ""), "Layers"), 0);
    assert_int_equal(count(call("GET /2018-10-31/layers/lay/versions", "%s", ""), "LayerVersions"), 2);
    static const char policy[] = "POST /2018-10-31/layers/lay/versions/1/policy";
    call(policy, "{'StatementId':'all','Action':'lambda:GetLayerVersion','Principal':'*'}");
    assert_status(201);
    call(policy, "{'StatementId':'all','Action':'lambda:GetLayerVersion','Principal':'*'}");
    assert_refused(409, "ResourceConflictException");
    call(policy, "{'StatementId':'x','Action':'lambda:InvokeFunction','Principal':'*'}");
    assert_refused(400, "ValidationException");
    call("GET /2018-10-31/layers/lay/versions/1/policy", "%s", "");
    assert_status(200);
    assert_true(says("layer:lay:1"));
    call("DELETE /2018-10-31/layers/lay/versions/1/policy/all", "%s", "");
    assert_status(204);
    call("GET /2018-10-31/layers/lay/versions/1/policy", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call("GET /2018-10-31/layers?find=LayerVersion&Arn=arn:aws:lambda:us-east-1:123456789012:layer:lay:1", "%s", "");
    assert_status(200);
    call("GET /2018-10-31/layers?find=LayerVersion&Arn=arn:aws:lambda:us-east-1:123456789012:layer:lay:9", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call("DELETE /2018-10-31/layers/lay/versions/2", "%s", "");
    assert_status(204);
    call("GET /2018-10-31/layers/lay/versions/2", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call("GET /2018-10-31/layers/lay/versions/1", "%s", "");
    assert_status(200);
}

static void test_mappings(void **state)
{
    static const char path[] = "POST /2015-03-31/event-source-mappings";
    static const char *const unfit[] = {
        "sqs:us-east-1:123456789012:p','BatchSize':11",
        "sqs:us-east-1:123456789012:p.fifo','BatchSize':11,'MaximumBatchingWindowInSeconds':1",
        "sqs:us-east-1:123456789012:p.fifo','MaximumBatchingWindowInSeconds':1",
        "sqs:us-east-1:123456789012:p','StartingPosition':'LATEST'",
        "kinesis:us-east-1:123456789012:stream/s','StartingPosition':'AT_TIMESTAMP'",
    };
    create("f", "");
    call(path, "{'FunctionName':'f','EventSourceArn':'arn:aws:sns:us-east-1:123456789012:t'}");
    assert_refused(400, "InvalidParameterValueException");
    call(path, "{'FunctionName':'none','EventSourceArn':'arn:aws:sqs:us-east-1:123456789012:q'}");
    assert_refused(404, "ResourceNotFoundException");
    call(path, "{'FunctionName':'f','EventSourceArn':'arn:aws:kinesis:us-east-1:123456789012:stream/s'}");
    assert_refused(400, "InvalidParameterValueException");
    const struct val *made =
        call(path, "{'FunctionName':'f','EventSourceArn':'arn:aws:sqs:us-east-1:123456789012:q','Tags':{'a':'b'}}");
    assert_status(202);
    assert_text(made, "State", "Disabled");
    assert_text(made, "StateTransitionReason", "awssim has no Amazon SQS to read events from");
    slice id = slice_dup(arena, text(made, "UUID"));
    call(path, "{'FunctionName':'f','EventSourceArn':'arn:aws:sqs:us-east-1:123456789012:q'}");
    assert_refused(409, "ResourceConflictException");
    for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++) {
        call(path, "{'FunctionName':'f','EventSourceArn':'arn:aws:%s}", unfit[i]);
        assert_refused(400, "InvalidParameterValueException");
    }
    const char *one = arena_printf(arena, "PUT /2015-03-31/event-source-mappings/%.*s", SLICE_ARG(id)).ptr;
    assert_int_equal(val_get_int(call(one, "{'BatchSize':5,'Enabled':false}"), S("BatchSize"), 0), 5);
    call(one, "{'BatchSize':11}");
    assert_refused(400, "InvalidParameterValueException");
    const struct val *list = call("GET /2015-03-31/event-source-mappings?FunctionName=f", "%s", "");
    assert_int_equal(count(list, "EventSourceMappings"), 1);
    assert_text(item(list, "EventSourceMappings", 0), "StateTransitionReason", "USER_INITIATED");
    call(arena_printf(arena, "DELETE /2015-03-31/event-source-mappings/%.*s", SLICE_ARG(id)).ptr, "%s", "");
    assert_status(202);
    call(arena_printf(arena, "GET /2015-03-31/event-source-mappings/%.*s", SLICE_ARG(id)).ptr, "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_concurrency(void **state)
{
    static const char path[] = "PUT /2017-10-31/functions/f/concurrency";
    create("f", "");
    call(path, "{'ReservedConcurrentExecutions':901}");
    assert_refused(400, "InvalidParameterValueException");
    call(path, "{'ReservedConcurrentExecutions':-1}");
    assert_refused(400, "ValidationException");
    call(path, "{'ReservedConcurrentExecutions':7}");
    assert_status(200);
    call("POST /2015-03-31/functions/f/invocations", "{}");
    assert_true(slice_find(runner.body, S("\"reserved\":7")) > 0);
    const struct val *limits = val_get(call("GET /2016-08-19/account-settings/", "%s", ""), S("AccountLimit"));
    assert_int_equal(val_get_int(limits, S("UnreservedConcurrentExecutions"), 0), 993);
    const struct val *got = call("GET /2019-09-30/functions/f/concurrency", "%s", "");
    assert_int_equal(val_get_int(got, S("ReservedConcurrentExecutions"), 0), 7);
    call("DELETE /2017-10-31/functions/f/concurrency", "%s", "");
    assert_status(204);
    call("POST /2015-03-31/functions/f/invocations", "{}");
    assert_true(slice_find(runner.body, S("\"unreserved\":1000")) > 0);
    call("GET /2019-09-30/functions/none/concurrency", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_provisioned(void **state)
{
    static const char path[] = "PUT /2019-09-30/functions/f/provisioned-concurrency?Qualifier=1";
    create("f", ",'Publish':true");
    call("GET /2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "%s", "");
    assert_refused(404, "ProvisionedConcurrencyConfigNotFoundException");
    call("PUT /2019-09-30/functions/f/provisioned-concurrency?Qualifier=$LATEST",
         "{'ProvisionedConcurrentExecutions':1}");
    assert_status(400);
    call(path, "{'ProvisionedConcurrentExecutions':0}");
    assert_refused(400, "ValidationException");
    assert_text(call(path, "{'ProvisionedConcurrentExecutions':2}"), "Status", "IN_PROGRESS");
    assert_status(202);
    assert_text(call("GET /2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "%s", ""), "Status", "READY");
    static const char list[] = "GET /2019-09-30/functions/f/provisioned-concurrency?List=ALL";
    assert_int_equal(count(call(list, "%s", ""), "ProvisionedConcurrencyConfigs"), 1);
    call("DELETE /2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "%s", "");
    assert_status(204);
    assert_int_equal(count(call(list, "%s", ""), "ProvisionedConcurrencyConfigs"), 0);
}

static void test_event_invoke_config(void **state)
{
    static const char path[] = "PUT /2019-09-25/functions/f/event-invoke-config";
    create("f", "");
    call("GET /2019-09-25/functions/f/event-invoke-config", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call(path, "{}");
    assert_refused(400, "InvalidParameterValueException");
    call(path, "{'MaximumRetryAttempts':3}");
    assert_refused(400, "ValidationException");
    call(path, "{'MaximumRetryAttempts':1}");
    assert_status(200);
    call("POST /2019-09-25/functions/f/event-invoke-config", "{'MaximumEventAgeInSeconds':60}");
    const struct val *got = call("GET /2019-09-25/functions/f/event-invoke-config", "%s", "");
    assert_int_equal(val_get_int(got, S("MaximumRetryAttempts"), 0), 1);
    assert_int_equal(val_get_int(got, S("MaximumEventAgeInSeconds"), 0), 60);
    got = call("GET /2019-09-25/functions/f/event-invoke-config/list", "%s", "");
    assert_int_equal(count(got, "FunctionEventInvokeConfigs"), 1);
    call("DELETE /2019-09-25/functions/f/event-invoke-config", "%s", "");
    assert_status(204);
    call("DELETE /2019-09-25/functions/f/event-invoke-config", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_management(void **state)
{
    create("f", "");
    assert_text(call("GET /2021-07-20/functions/f/runtime-management-config", "%s", ""), "UpdateRuntimeOn", "Auto");
    call("PUT /2021-07-20/functions/f/runtime-management-config", "{'UpdateRuntimeOn':'Manual'}");
    assert_refused(400, "InvalidParameterValueException");
    call("PUT /2021-07-20/functions/f/runtime-management-config", "{'UpdateRuntimeOn':'FunctionUpdate'}");
    assert_status(200);
    call("PUT /2021-07-20/functions/f/runtime-management-config", "{'UpdateRuntimeOn':'x'}");
    assert_refused(400, "ValidationException");
    assert_text(call("GET /2020-06-30/functions/f/code-signing-config", "%s", ""), "FunctionName", "f");
    call("GET /2020-06-30/functions/none/code-signing-config", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        lambda_test(test_layers),
        lambda_test(test_mappings),
        lambda_test(test_concurrency),
        lambda_test(test_provisioned),
        lambda_test(test_event_invoke_config),
        lambda_test(test_management),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
