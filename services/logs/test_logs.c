/* Tests of the logs service: wire bytes in, wire bytes out. */
#include "services/logs/test_logs.h"

static void test_groups(void **state)
{
    ok("CreateLogGroup", "{\"logGroupName\": \"/b\", \"tags\": {\"k\": \"v\"}}");
    ok("CreateLogGroup", "{\"logGroupName\": \"/a\"}");
    refused("CreateLogGroup", "{\"logGroupName\": \"/a\"}", "ResourceAlreadyExistsException");
    refused("CreateLogGroup", "{\"logGroupName\": \"a b\"}", "InvalidParameterException");
    refused("CreateLogGroup", "{}", "InvalidParameterException");
    const struct val *page = ok("DescribeLogGroups", "{\"limit\": 1}");
    assert_int_equal(count(page, "logGroups"), 1);
    assert_true(slice_eq(val_get_string(item(page, "logGroups", 0), S("logGroupName")), S("/a")));
    assert_true(slice_eq(val_get_string(item(page, "logGroups", 0), S("arn")),
                         S("arn:aws:logs:us-east-1:123456789012:log-group:/a:*")));
    slice token = val_get_string(page, S("nextToken"));
    page = call("DescribeLogGroups", arena_printf(arena, "{\"nextToken\": \"%.*s\"}", SLICE_ARG(token)));
    assert_int_equal(count(page, "logGroups"), 1);
    assert_null(val_get(page, S("nextToken")));
    refused("DescribeLogGroups", "{\"nextToken\": \"rubbish\"}", "InvalidParameterException");
    page = ok("DescribeLogGroups", "{\"logGroupNamePrefix\": \"/b\"}");
    assert_int_equal(count(page, "logGroups"), 1);
    assert_int_equal(count(ok("ListLogGroups", "{}"), "logGroups"), 2);
    ok("DeleteLogGroup", "{\"logGroupName\": \"/a\"}");
    refused("DeleteLogGroup", "{\"logGroupName\": \"/a\"}", "ResourceNotFoundException");
}

static void test_tags(void **state)
{
    const char *arn = "{\"resourceArn\": \"arn:aws:logs:us-east-1:123456789012:log-group:/g\"";
    make_stream();
    call("TagResource", arena_printf(arena, "%s, \"tags\": {\"a\": \"1\", \"b\": \"2\"}}", arn));
    assert_int_equal(reply.status, 200);
    call("UntagResource", arena_printf(arena, "%s, \"tagKeys\": [\"a\"]}", arn));
    const struct val *page = call("ListTagsForResource", arena_printf(arena, "%s}", arn));
    assert_null(val_get(val_get(page, S("tags")), S("a")));
    assert_true(slice_eq(val_get_string(val_get(page, S("tags")), S("b")), S("2")));
    ok("TagLogGroup", "{\"logGroupName\": \"/g\", \"tags\": {\"c\": \"3\"}}");
    ok("UntagLogGroup", "{\"logGroupName\": \"/g\", \"tags\": [\"b\"]}");
    page = ok("ListTagsLogGroup", "{\"logGroupName\": \"/g\"}");
    assert_true(slice_eq(val_get_string(val_get(page, S("tags")), S("c")), S("3")));
    refused("TagLogGroup", "{\"logGroupName\": \"/g\", \"tags\": {\"aws:x\": \"3\"}}", "InvalidParameterException");
    refused("ListTagsLogGroup", "{\"logGroupName\": \"/none\"}", "ResourceNotFoundException");
}

static void test_put_limits(void **state)
{
    make_stream();
    refused("PutLogEvents",
            "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"logEvents\": [{\"timestamp\": 1700000000001, "
            "\"message\": \"a\"}, {\"timestamp\": 1700000000000, \"message\": \"b\"}]}",
            "InvalidParameterException");
    refused("PutLogEvents",
            "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"logEvents\": [{\"timestamp\": 1699900000000, "
            "\"message\": \"a\"}, {\"timestamp\": 1700000000000, \"message\": \"b\"}]}",
            "InvalidParameterException");
    refused("PutLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"logEvents\": []}",
            "InvalidParameterException");
    refused(
        "PutLogEvents",
        "{\"logGroupName\": \"/g\", \"logStreamName\": \"x\", \"logEvents\": [{\"timestamp\": 1, \"message\": \"a\"}]}",
        "ResourceNotFoundException");
    const struct val *out = ok("PutLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"logEvents\": "
                                               "[{\"timestamp\": 1000, \"message\": \"too old\"}]}");
    assert_int_equal(val_get_int(val_get(out, S("rejectedLogEventsInfo")), S("tooOldLogEventEndIndex"), -1), 1);
    out = ok("PutLogEvents",
             "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"logEvents\": [{\"timestamp\": "
             "1700000000000, \"message\": \"now\"}, {\"timestamp\": 1700010000000, \"message\": \"new\"}]}");
    assert_int_equal(val_get_int(val_get(out, S("rejectedLogEventsInfo")), S("tooNewLogEventStartIndex"), -1), 1);
    out = ok("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\"}");
    assert_int_equal(count(out, "events"), 1);
}

static slice page_request(slice token, int limit)
{
    return arena_printf(arena,
                        "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"limit\": %d, \"nextToken\": \"%.*s\"}",
                        limit, SLICE_ARG(token));
}

static void test_empty_stream(void **state)
{
    make_stream();
    const struct val *page = ok("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\"}");
    assert_int_equal(count(page, "events"), 0);
    slice token = slice_dup(arena, val_get_string(page, S("nextForwardToken")));
    assert_int_equal(count(ok("FilterLogEvents", "{\"logGroupName\": \"/g\"}"), "events"), 0);
    put("s", now, 1);
    page = call("GetLogEvents", page_request(token, 8));
    assert_int_equal(count(page, "events"), 1);
}

static void test_get_pages(void **state)
{
    make_stream();
    put("s", now, 10);
    put("s", now + 5, 10); /* overlaps the first batch */
    const struct val *page = ok(
        "GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"limit\": 8, \"startFromHead\": true}");
    assert_int_equal(count(page, "events"), 8);
    assert_true(slice_eq(message_at(page, 0), S("s 0")));
    assert_true(slice_eq(message_at(page, 6), S("s 5")));
    page = call("GetLogEvents", page_request(val_get_string(page, S("nextForwardToken")), 8));
    assert_true(slice_eq(message_at(page, 0), S("s 6")) && slice_eq(message_at(page, 7), S("s 10")));
    const struct val *back = call("GetLogEvents", page_request(val_get_string(page, S("nextBackwardToken")), 8));
    assert_true(slice_eq(message_at(back, 0), S("s 0")) && slice_eq(message_at(back, 7), S("s 6")));
    page = call("GetLogEvents", page_request(val_get_string(page, S("nextForwardToken")), 8));
    assert_int_equal(count(page, "events"), 4);
    slice end = val_get_string(page, S("nextForwardToken"));
    page = call("GetLogEvents", page_request(end, 8));
    assert_int_equal(count(page, "events"), 0);
    assert_true(slice_eq(val_get_string(page, S("nextForwardToken")), end));
    assert_int_equal(end.len, 60);
    put("s", now + 100, 1);
    page = call("GetLogEvents", page_request(end, 8));
    assert_int_equal(count(page, "events"), 1);
    page = ok("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"limit\": 2}");
    assert_true(slice_eq(message_at(page, 0), S("s 14")) && slice_eq(message_at(page, 1), S("s 100")));
    refused("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\", \"nextToken\": \"f/1/s\"}",
            "InvalidParameterException");
}

static void test_filter(void **state)
{
    make_stream();
    ok("CreateLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"t\"}");
    put("s", now, 5);
    put("t", now + 2, 5);
    const struct val *page = ok("FilterLogEvents", "{\"logGroupName\": \"/g\", \"limit\": 4}");
    assert_int_equal(count(page, "events"), 4);
    assert_true(slice_eq(message_at(page, 3), S("t 2")));
    assert_int_equal(val_get_string(item(page, "events", 0), S("eventId")).len, 56);
    slice token = val_get_string(page, S("nextToken"));
    page = call("FilterLogEvents",
                arena_printf(arena, "{\"logGroupName\": \"/g\", \"nextToken\": \"%.*s\"}", SLICE_ARG(token)));
    assert_int_equal(count(page, "events"), 6);
    assert_true(slice_eq(message_at(page, 0), S("s 3")) && slice_eq(message_at(page, 5), S("t 6")));
    assert_null(val_get(page, S("nextToken")));
    page = ok("FilterLogEvents", "{\"logGroupName\": \"/g\", \"filterPattern\": \"t\", \"logStreamNames\": [\"t\"]}");
    assert_int_equal(count(page, "events"), 5);
    page = ok("FilterLogEvents",
              "{\"logGroupName\": \"/g\", \"startTime\": 1700000000006, \"logStreamNamePrefix\": \"t\"}");
    assert_int_equal(count(page, "events"), 1);
    refused("FilterLogEvents", "{\"logGroupName\": \"/g\", \"filterPattern\": \"{ $.a\"}", "InvalidParameterException");
    refused("FilterLogEvents", "{\"logGroupName\": \"/none\"}", "ResourceNotFoundException");
}

static void test_streams(void **state)
{
    make_stream();
    ok("CreateLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"t\"}");
    put("t", now, 1);
    put("s", now + 5, 1);
    const struct val *page =
        ok("DescribeLogStreams",
           "{\"logGroupName\": \"/g\", \"orderBy\": \"LastEventTime\", \"descending\": true, \"limit\": 1}");
    assert_true(slice_eq(val_get_string(item(page, "logStreams", 0), S("logStreamName")), S("s")));
    assert_int_equal(val_get_int(item(page, "logStreams", 0), S("lastEventTimestamp"), 0), now + 5);
    page = call("DescribeLogStreams",
                arena_printf(arena,
                             "{\"logGroupName\": \"/g\", \"orderBy\": \"LastEventTime\", \"descending\": true, "
                             "\"nextToken\": \"%.*s\"}",
                             SLICE_ARG(val_get_string(page, S("nextToken")))));
    assert_int_equal(count(page, "logStreams"), 1);
    assert_true(slice_eq(val_get_string(item(page, "logStreams", 0), S("logStreamName")), S("t")));
    page = ok("DescribeLogStreams", "{\"logGroupName\": \"/g\", \"logStreamNamePrefix\": \"s\"}");
    assert_int_equal(count(page, "logStreams"), 1);
    refused("DescribeLogStreams",
            "{\"logGroupName\": \"/g\", \"orderBy\": \"LastEventTime\", \"logStreamNamePrefix\": \"s\"}",
            "InvalidParameterException");
    refused("CreateLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"t\"}",
            "ResourceAlreadyExistsException");
    ok("DeleteLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"t\"}");
    refused("DeleteLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"t\"}", "ResourceNotFoundException");
}

static void test_retention(void **state)
{
    const int64_t day = 24 * 3600 * 1000LL;
    make_stream();
    refused("PutRetentionPolicy", "{\"logGroupName\": \"/g\", \"retentionInDays\": 2}", "InvalidParameterException");
    ok("PutRetentionPolicy", "{\"logGroupName\": \"/g\", \"retentionInDays\": 1}");
    put("s", now, 1);
    worker_test_set_time(worker, now + 2 * day);
    assert_int_equal(count(ok("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\"}"), "events"), 0);
    ok("DeleteRetentionPolicy", "{\"logGroupName\": \"/g\"}");
    const struct val *page = ok("DescribeLogGroups", "{}");
    assert_null(val_get(item(page, "logGroups", 0), S("retentionInDays")));
    assert_int_equal(val_get_int(item(page, "logGroups", 0), S("storedBytes"), -1), 0);
}

static void test_append_event(void **state)
{
    make_stream();
    assert_int_equal(
        worker_test_event(worker, S("runner"), S("AppendLogEvents"),
                          S("{\"account\": \"123456789012\", \"region\": \"us-east-1\", \"group\": \"/g\", "
                            "\"stream\": \"s\", \"events\": [[1700000000000, \"one\"], [1700000000000, \"two\"]]}")),
        200);
    const struct val *page = ok("GetLogEvents", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s\"}");
    assert_int_equal(count(page, "events"), 2);
    assert_true(slice_eq(message_at(page, 1), S("two")));
    assert_int_equal(
        worker_test_event(worker, S("runner"), S("AppendLogEvents"),
                          S("{\"account\": \"123456789012\", \"region\": \"us-east-1\", \"group\": \"/none\", "
                            "\"stream\": \"s\", \"events\": [[1700000000000, \"one\"]]}")),
        400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_event, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
