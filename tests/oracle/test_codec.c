/* Tests of the codecs with bad input, which botocore does not write: every request that is not what it claims is
 * refused in the service's own form, at once. And of what another wire protocol takes: one struct codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "ec2_api.h"
#include "efs_api.h"
#include "iam_api.h"
#include "lambda_api.h"
#include "logs_api.h"
#include "proto/codec.h"
#include "proto/walk.h"
#include "s3_api.h"

#include <string.h>
#include <time.h>

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_open();
    return 0;
}

static int tear_down(void **state)
{
    arena_close(arena);
    return 0;
}

static struct msg post(slice path, slice body)
{
    return (struct msg){
        .kind = MSG_REQUEST, .method = S("POST"), .path = path, .query = S(""), .headers = S(""), .body = body};
}

static int decode(const struct api_service *service, const struct api_operation *operation, struct msg request,
                  void **in)
{
    slice why = {NULL, 0};
    *in = arena_alloc(arena, operation->in->size);
    int result = codec_for(service->protocol)->decode(arena, service, operation, &request, *in, &why);
    assert_true(result == 0 || !slice_empty(why));
    return result;
}

/* The request is refused, and the refusal is the service's error for that in its protocol. */
static void assert_refused(const struct api_service *service, const struct api_operation *operation, struct msg request)
{
    void *in;
    struct msg reply = {.kind = MSG_REPLY};
    int result = decode(service, operation, request, &in);
    assert_int_not_equal(result, 0);
    struct codec_failure failure = {.error = codec_decoding_error(service, result), .message = S("no")};
    codec_for(service->protocol)->encode_error(arena, service, operation, S("id"), &failure, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(memmem(reply.body.ptr, reply.body.len, failure.error->code.ptr, failure.error->code.len) ||
                            slice_starts(reply.headers, S("x-amzn-errortype: "))
                        ? reply.body.ptr
                        : NULL);
}

static slice repeated(slice part, size_t times)
{
    struct buf text;
    buf_init(&text, arena);
    while (times-- > 0)
        buf_add(&text, part);
    return buf_slice(&text);
}

static slice nested(slice open, slice middle, slice close, size_t depth)
{
    return arena_concat(arena, arena_concat(arena, repeated(open, depth), middle), repeated(close, depth));
}

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void test_json_bodies(void **state)
{
    static const slice bodies[] = {S("{"),
                                   S("[]"),
                                   S("5"),
                                   S("<logGroupName/>"),
                                   S("{\"logGroupName\":5}"),
                                   S("{\"logGroupName\":\"\xff\"}"),
                                   S("{\"limit\":2147483648}"),
                                   S("{\"limit\":1e400}"),
                                   S("{\"limit\":1.5}"),
                                   S("{\"limit\":99999999999999999999999}"),
                                   S("{\"limit\":true}"),
                                   S("{\"logGroupName\":{}}"),
                                   S("{\"logGroupName\":\"a\"}}")};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        assert_refused(&logs_api, &logs_op_describe_log_streams, post(S("/"), bodies[i]));
    slice deep = nested(S("{\"a\":"), S("1"), S("}"), 65);
    assert_refused(&logs_api, &logs_op_describe_log_streams, post(S("/"), deep));
    slice path = S("/2015-03-31/functions");
    assert_refused(&lambda_api, &lambda_op_create_function, post(path, deep));
    assert_refused(&lambda_api, &lambda_op_create_function, post(path, S("{\"Timeout\":\"3\"}")));
    assert_refused(&lambda_api, &lambda_op_create_function, post(path, S("{\"Code\":{\"ZipFile\":\"!\"}}")));
    assert_refused(&efs_api, &efs_op_create_file_system, post(S("/2015-02-01/file-systems"), S("[1]")));
}

static void test_json_duplicates(void **state)
{
    void *in;
    struct msg request = post(S("/"), S("{\"logGroupName\":\"a\",\"limit\":1,\"logGroupName\":\"b\"}"));
    assert_int_equal(decode(&logs_api, &logs_op_describe_log_streams, request, &in), 0);
    assert_true(slice_eq(((struct logs_describe_log_streams_in *)in)->log_group_name, S("b")));
}

static void test_xml_bodies(void **state)
{
    static const slice bodies[] = {
        S("<Delete>"),
        S("{}"),
        S("<Delete></Other>"),
        S("<Delete/><Delete/>"),
        S("<!DOCTYPE x [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>"),
        S("<!DOCTYPE x SYSTEM \"file:///etc/hostname\"><Delete/>"),
        S("<Delete><Object><Key>&undefined;</Key></Object></Delete>"),
        S("<Delete><Object><Key>\xff</Key></Object></Delete>"),
        S("<Delete><Quiet>maybe</Quiet></Delete>"),
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        assert_refused(&s3_api, &s3_op_delete_objects, post(S("/bucket"), bodies[i]));
    assert_refused(&s3_api, &s3_op_delete_objects,
                   post(S("/bucket"), nested(S("<Delete>"), S(""), S("</Delete>"), 65)));
    assert_refused(&s3_api, &s3_op_delete_objects,
                   post(S("/bucket"), nested(S("<Delete>"), repeated(S("<a/>"), 500000), S("</Delete>"), 1)));
}

static void test_rest_places(void **state)
{
    struct msg request = {
        .method = S("GET"), .path = S("/2015-03-31/functions"), .query = S("MaxItems=x"), .headers = S("")};
    assert_refused(&lambda_api, &lambda_op_list_functions, request);
    request.query = S("MaxItems=99999999999");
    assert_refused(&lambda_api, &lambda_op_list_functions, request);
    request.query = S("Marker=%f");
    assert_refused(&lambda_api, &lambda_op_list_functions, request);
    request = (struct msg){.method = S("PUT"), .path = S("/b/k"), .headers = S("x-amz-meta-a: \xff\n"), .query = S("")};
    assert_refused(&s3_api, &s3_op_put_object, request);
    request =
        (struct msg){.method = S("PUT"), .path = S("/b"), .body = S("\xff"), .headers = S(""), .query = S("policy")};
    assert_refused(&s3_api, &s3_op_put_bucket_policy, request);
}

static void test_forms(void **state)
{
    static const slice bodies[] = {
        S("Action=DescribeVpcs&MaxResults=x"), S("Action=DescribeVpcs&MaxResults=99999999999"),
        S("Action=DescribeVpcs&DryRun=5"),     S("Action=DescribeVpcs&VpcId.x=1"),
        S("Action=DescribeVpcs&VpcId.1=%"),    S("Action=DescribeVpcs&VpcId.1=%ff"),
        S("Action=DescribeVpcs&VpcId.1.2=a"),
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        assert_refused(&ec2_api, &ec2_op_describe_vpcs, post(S("/"), bodies[i]));
    slice deep = arena_concat(arena, S("a"), repeated(S(".a"), 65));
    assert_refused(&ec2_api, &ec2_op_describe_vpcs, post(S("/"), deep));
    assert_refused(&iam_api, &iam_op_create_role, post(S("/"), deep));
    assert_refused(&iam_api, &iam_op_create_role, post(S("/"), S("MaxSessionDuration=1h")));
}

/* Ten megabytes, in as many parameters as are allowed and in one more; names in the worst order. */
static void test_large_forms(void **state)
{
    void *in;
    struct buf form;
    double began = seconds();
    buf_init(&form, arena);
    slice filling = repeated(S("x"), 500);
    for (int i = 20000; i > 0; i--)
        buf_printf(&form, "%sVpcId.%d=%.*s", i == 20000 ? "" : "&", i, SLICE_ARG(filling));
    assert_int_equal(decode(&ec2_api, &ec2_op_describe_vpcs, post(S("/"), buf_slice(&form)), &in), 0);
    assert_int_equal(((struct ec2_describe_vpcs_in *)in)->vpc_ids.len, 20000);
    buf_add(&form, S("&VpcId.20001=x"));
    assert_refused(&ec2_api, &ec2_op_describe_vpcs, post(S("/"), buf_slice(&form)));
    assert_refused(&ec2_api, &ec2_op_describe_vpcs, post(S("/"), repeated(S("VpcId.1=x&"), 1000000)));
    assert_true(seconds() - began < 5);
}

/* A wire protocol for the test: lines of "Name value". */

static const struct api_operation *find_line(struct arena *of, const struct api_service *service,
                                             const struct msg *request, slice *name)
{
    *name = request->path;
    return api_find_operation(service, *name);
}

static int decode_lines(struct arena *of, const struct api_service *service, const struct api_operation *operation,
                        const struct msg *request, void *in, slice *why)
{
    slice lines = request->body, line, name, value;
    size_t hint = 0;
    while (!slice_empty(lines)) {
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ' ', &name, &value);
        const struct api_member *member = walk_member(operation->in, name, &hint);
        if (member && walk_set_text(of, member->shape, value, (char *)in + member->offset) != 0) {
            *why = S("malformed");
            return BAD_INPUT;
        }
    }
    return 0;
}

static void encode_lines(struct arena *of, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const void *out, struct msg *reply)
{
    reply->status = 200;
    reply->body = api_to_json(of, operation->out, out);
}

static void encode_line(struct arena *of, const struct api_service *service, const struct api_operation *operation,
                        slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    reply->status = failure->error->status;
    reply->body = failure->message;
}

static const struct codec lines = {find_line, decode_lines, encode_lines, encode_line};

static void test_another_protocol(void **state)
{
    struct violation_list violations = {0};
    struct logs_describe_log_streams_in in = {0};
    struct msg reply = {0}, request = post(S("DescribeLogStreams"), S("logGroupName g\nlimit 51\nelse x"));
    slice name, why;
    const struct api_operation *operation = lines.operation(arena, &logs_api, &request, &name);
    assert_ptr_equal(operation->in, logs_op_describe_log_streams.in);
    assert_int_equal(lines.decode(arena, &logs_api, operation, &request, &in, &why), 0);
    assert_true(slice_eq(in.log_group_name, S("g")));
    codec_validate(arena, &logs_api, operation->in, &in, &violations);
    struct codec_failure failure = codec_violations_failure(arena, &logs_api, &violations);
    lines.encode_error(arena, &logs_api, operation, S("id"), &failure, &reply);
    assert_int_equal(reply.status, 400);
    assert_true(
        slice_eq(reply.body, S("1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: "
                               "Member must have value less than or equal to 50")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json_duplicates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_xml_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rest_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_protocol, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
