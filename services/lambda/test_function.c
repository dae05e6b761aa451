/* Tests of functions, their code, versions, aliases, tags and policies. */
#include "services/lambda/test_lambda.h"

#include "common/buf.h"
#include "common/hash.h"
#include "common/uri.h"

#include <sys/stat.h>
#include <unistd.h>

static const char functions[] = "POST /2015-03-31/functions";

static void test_create(void **state)
{
    const struct val *made = create("f", ",'Tags':{'k':'v'},'Environment':{'Variables':{'AB':'c'}}");
    assert_text(made, "State", "Pending");
    assert_text(made, "FunctionArn", "arn:aws:lambda:us-east-1:123456789012:function:f");
    assert_null(val_get(made, S("LastUpdateStatus")));
    assert_null(val_get(made, S("Layers")));
    assert_text(made, "LastModified", "2023-11-14T22:13:20.000+0000");
    assert_int_equal(val_get_int(made, S("Timeout"), 0), 3);
    const struct val *got = call("GET /2015-03-31/functions/f", "%s", "");
    assert_status(200);
    assert_text(val_get(got, S("Configuration")), "State", "Active");
    assert_text(val_get(got, S("Configuration")), "LastUpdateStatus", "Successful");
    assert_text(val_get(got, S("Tags")), "k", "v");
    slice hash = hash_sha256_hex(arena, S(""));
    assert_int_equal(hash.len, 64);
}

static void test_create_refused(void **state)
{
    static const struct {
        const char *body;
        const char *code;
        int status;
    } cases[] = {
        {"{}", "ValidationException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Code':{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'g','Role':'bad','Runtime':'python3.11','Handler':'a.b','Code':{'ZipFile':'ZmFrZQ=='}}",
         "ValidationException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11','Handler':'a.b','Code':"
         "{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Runtime':'cobol','Handler':'a.b','Code':"
         "{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/"
         "r','Runtime':'python3.11','Handler':'a.b','Timeout':"
         "901,'Code':{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11','Handler':'a.b',"
         "'Environment':{'Variables':{'AWS_REGION':'x'}},'Code':{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/"
         "untrusting','Runtime':'python3.11','Handler':'a.b',"
         "'Code':{'ZipFile':'ZmFrZQ=='}}",
         "InvalidParameterValueException", 400},
        {"{'FunctionName':'f','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11','Handler':'a.b','Code':"
         "{'ZipFile':'ZmFrZQ=='}}",
         "ResourceConflictException", 409},
    };
    create("f", "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        call(functions, "%s", cases[i].body);
        assert_refused(cases[i].status, cases[i].code);
    }
    call("POST /2015-03-31/functions", "{");
    assert_refused(400, "SerializationException");
}

static void test_any_zip(void **state)
{
    static const char body[] = "{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11',"
                               "'Handler':'a.b','Code':{'ZipFile':'ZmFrZQ=='}}";
    worker_test_set_lenient(worker, S("-any-zip"));
    call(functions, body);
    assert_refused(400, "InvalidParameterValueException");
    assert_true(says("Could not unzip uploaded file. Please check your file, then try to upload again."));
    worker_test_set_lenient(worker, S("function-at-once,any-zip"));
    call(functions, body);
    assert_status(201);
    call("POST /2015-03-31/functions/g/invocations", "{}");
    assert_status(200);
    assert_true(slice_find(runner.body, S("\"empty\":true")) > 0);
}

static void test_at_once(void **state)
{
    worker_test_set_lenient(worker, S("-function-at-once"));
    assert_text(create("f", ""), "State", "Pending");
    const struct val *changed = call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':9}");
    assert_text(changed, "LastUpdateStatus", "InProgress");
    worker_test_set_lenient(worker, S("function-at-once"));
    assert_text(create("g", ""), "State", "Active");
    changed = call("PUT /2015-03-31/functions/g/configuration", "{'Timeout':9}");
    assert_text(changed, "LastUpdateStatus", "Successful");
}

/* Whether the runner is told this of a function that is invoked for the first time. */
static bool planned(const char *name, const char *what)
{
    call(arena_printf(arena, "POST /2015-03-31/functions/%s/invocations", name).ptr, "{}");
    assert_status(200);
    return slice_find(runner.body, slice_of(what)) > 0;
}

static void test_stream_per_invocation(void **state)
{
    create("f", "");
    create("g", "");
    worker_test_set_lenient(worker, S("-stream-per-invocation"));
    assert_true(planned("f", "\"once\":false"));
    worker_test_set_lenient(worker, S("stream-per-invocation"));
    assert_true(planned("g", "\"once\":true"));
}

static void test_image_output(void **state)
{
    static const char body[] = "{'FunctionName':'%s','Role':'arn:aws:iam::123456789012:role/r','PackageType':'Image',"
                               "'Code':{'ImageUri':'x:1'},'ImageConfig':{'Command':['echo','hello']}}";
    worker_test_set_lenient(worker, S("function-at-once,any-image,-image-output"));
    call(functions, body, "f");
    call(functions, body, "g");
    assert_true(planned("f", "\"printsAnswer\":false"));
    worker_test_set_lenient(worker, S("image-output"));
    assert_true(planned("g", "\"printsAnswer\":true"));
}

static void test_code_in_s3(void **state)
{
    static const char body[] = "{'FunctionName':'%s','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11',"
                               "'Handler':'a.b','Code':{'S3Bucket':'bucket','S3Key':'%s'}}";
    const struct val *made = call(functions, body, "g", "code.zip");
    assert_status(201);
    assert_true(val_get_int(made, S("CodeSize"), 0) > 100);
    call(functions, body, "h", "none.zip");
    assert_refused(400, "InvalidParameterValueException");
    assert_true(says("S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."));
}

static int only_sts_answers(slice service, slice operation, slice body, slice *answer)
{
    return slice_eq(service, S("sts")) ? answer_question(service, operation, body, answer) : 0;
}

/* When another service does not answer, nothing is wrong with the request. */
static void test_unanswered(void **state)
{
    static const char body[] = "{'FunctionName':'g','Role':'arn:aws:iam::123456789012:role/r','Runtime':'python3.11',"
                               "'Handler':'a.b','Code':%s}";
    static const char object[] = "{'S3Bucket':'bucket','S3Key':'code.zip'}";
    create("f", "");
    worker_test_set_answers(worker, only_sts_answers);
    call(functions, body, object);
    assert_refused(500, "ServiceException");
    call("PUT /2015-03-31/functions/f/configuration",
         "{'VpcConfig':{'SubnetIds':['subnet-1'],'SecurityGroupIds':['sg-1']}}");
    assert_refused(500, "ServiceException");
    worker_test_set_answers(worker, NULL);
    call(functions, body, object);
    assert_refused(500, "ServiceException");
}

static void test_vpc(void **state)
{
    const struct val *made = create("f", ",'VpcConfig':{'SubnetIds':['subnet-1'],'SecurityGroupIds':['sg-1']}");
    assert_text(val_get(made, S("VpcConfig")), "VpcId", "vpc-1");
    worker_test_set_lenient(worker, S("-unknown-networks"));
    call("PUT /2015-03-31/functions/f/configuration",
         "{'VpcConfig':{'SubnetIds':['subnet-none'],'SecurityGroupIds':['sg-1']}}");
    assert_refused(400, "InvalidParameterValueException");
    assert_true(says("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound."));
    call("PUT /2015-03-31/functions/f/configuration", "{'VpcConfig':{'SubnetIds':['subnet-1'],'SecurityGroupIds':[]}}");
    assert_refused(400, "InvalidParameterValueException");
    worker_test_set_lenient(worker, S("unknown-networks"));
    call("PUT /2015-03-31/functions/f/configuration",
         "{'VpcConfig':{'SubnetIds':['subnet-none'],'SecurityGroupIds':['sg-1']}}");
    assert_status(200);
}

static void test_names(void **state)
{
    create("f", "");
    static const char *const good[] = {"f",
                                       "f:$LATEST",
                                       "123456789012:function:f",
                                       "function:f",
                                       "arn:aws:lambda:us-east-1:123456789012:function:f",
                                       "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        call(arena_printf(arena, "GET /2015-03-31/functions/%s/configuration", good[i]).ptr, "%s", "");
        assert_status(200);
    }
    call("GET /2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    assert_true(says("Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"));
    call("GET /2015-03-31/functions/f:1?Qualifier=2", "%s", "");
    assert_refused(400, "InvalidParameterValueException");
    call("GET /2015-03-31/functions/none", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    assert_true(says("Function not found: arn:aws:lambda:us-east-1:123456789012:function:none"));
}

static void test_update(void **state)
{
    const struct val *made = create("f", "");
    slice revision = slice_dup(arena, text(made, "RevisionId"));
    call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':9,'RevisionId':'no'}");
    assert_refused(412, "PreconditionFailedException");
    const struct val *changed =
        call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':9,'RevisionId':'%.*s'}", SLICE_ARG(revision));
    assert_status(200);
    assert_text(changed, "LastUpdateStatus", "InProgress");
    assert_int_equal(val_get_int(changed, S("Timeout"), 0), 9);
    call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':10}");
    assert_refused(409, "ResourceConflictException");
    later(100);
    struct worker_effect effect;
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    assert_true(slice_eq(effect.name, S("RetireEnvironments")) && slice_eq(effect.target, S("runner")));
    call("PUT /2015-03-31/functions/f/code", "{'ZipFile':'%s'}", zip_base64);
    assert_status(200);
    later(100);
    call("PUT /2015-03-31/functions/f/code", "{'ImageUri':'x'}");
    assert_refused(400, "InvalidParameterValueException");
}

static void test_delete(void **state)
{
    create("f", ",'Publish':true");
    call("DELETE /2015-03-31/functions/f?Qualifier=$LATEST", "%s", "");
    assert_refused(400, "InvalidParameterValueException");
    call("DELETE /2015-03-31/functions/f?Qualifier=1", "%s", "");
    assert_status(204);
    call("GET /2015-03-31/functions/f?Qualifier=1", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    const struct val *got = call("GET /2015-03-31/functions/f", "%s", "");
    slice location = slice_dup(arena, text(val_get(got, S("Code")), "Location"));
    struct msg message = {.method = S("GET")};
    slice_cut(slice_sub(location, (size_t)slice_find(location, S("/2015")), location.len), '?', &message.path,
              &message.query);
    request(&message);
    assert_status(200);
    slice file = arena_printf(arena, "%s/spool/%.*s", test_dir, SLICE_ARG(reply.body_file));
    assert_int_equal(mkdir(arena_printf(arena, "%s/spool", test_dir).ptr, 0700), 0);
    assert_int_equal(access(file.ptr, R_OK), 0);
    message.query = arena_concat(arena, message.query, S("0"));
    request(&message);
    assert_status(403);
    call("DELETE /2015-03-31/functions/f", "%s", "");
    assert_status(204);
    call("DELETE /2015-03-31/functions/f", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    assert_int_equal(access(file.ptr, R_OK), 0);
    later(17 * 60 * 1000);
    assert_int_not_equal(access(file.ptr, R_OK), 0);
}

static void test_list(void **state)
{
    for (int i = 0; i < 5; i++)
        create(arena_printf(arena, "f%d", i).ptr, i == 2 ? ",'Publish':true" : "");
    const struct val *page = call("GET /2015-03-31/functions/?MaxItems=3", "%s", "");
    assert_int_equal(count(page, "Functions"), 3);
    assert_null(val_get(item(page, "Functions", 0), S("State")));
    page = call(arena_printf(arena, "GET /2015-03-31/functions/?Marker=%.*s",
                             SLICE_ARG(uri_encode(arena, text(page, "NextMarker"), false)))
                    .ptr,
                "%s", "");
    assert_int_equal(count(page, "Functions"), 2);
    assert_text(item(page, "Functions", 0), "FunctionName", "f3");
    page = call("GET /2015-03-31/functions/?FunctionVersion=ALL", "%s", "");
    assert_int_equal(count(page, "Functions"), 6);
    call("GET /2015-03-31/functions/?Marker=broken", "%s", "");
    assert_refused(400, "InvalidParameterValueException");
    call("GET /2015-03-31/functions/?MaxItems=0", "%s", "");
    assert_refused(400, "ValidationException");
    page = call("GET /2015-03-31/functions/f2/versions", "%s", "");
    assert_int_equal(count(page, "Versions"), 2);
    call("GET /2015-03-31/functions/none/versions", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_versions(void **state)
{
    create("f", "");
    assert_text(call("POST /2015-03-31/functions/f/versions", "{'Description':'one'}"), "Version", "1");
    assert_status(201);
    assert_text(call("POST /2015-03-31/functions/f/versions", "{}"), "Version", "1");
    call("POST /2015-03-31/functions/f/versions", "{'CodeSha256':'other'}");
    assert_refused(400, "InvalidParameterValueException");
    call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':4}");
    later(100);
    assert_text(call("POST /2015-03-31/functions/f/versions", "{}"), "Version", "2");
    later(100);
    const struct val *got = call("GET /2015-03-31/functions/f/configuration?Qualifier=1", "%s", "");
    assert_text(got, "Description", "one");
    assert_text(got, "FunctionArn", "arn:aws:lambda:us-east-1:123456789012:function:f:1");
    assert_int_equal(val_get_int(got, S("Timeout"), 0), 3);
}

static void test_aliases(void **state)
{
    create("f", ",'Publish':true");
    call("PUT /2015-03-31/functions/f/configuration", "{'Timeout':4}");
    later(100);
    call("POST /2015-03-31/functions/f/versions", "{}");
    const struct val *made = call("POST /2015-03-31/functions/f/aliases", "{'Name':'live','FunctionVersion':'1',"
                                                                          "'RoutingConfig':{'AdditionalVersionWeights':"
                                                                          "{'2':0.25}}}");
    assert_status(201);
    assert_text(made, "AliasArn", "arn:aws:lambda:us-east-1:123456789012:function:f:live");
    call("POST /2015-03-31/functions/f/aliases", "{'Name':'live','FunctionVersion':'1'}");
    assert_refused(409, "ResourceConflictException");
    call("POST /2015-03-31/functions/f/aliases", "{'Name':'x','FunctionVersion':'9'}");
    assert_refused(404, "ResourceNotFoundException");
    call("POST /2015-03-31/functions/f/aliases", "{'Name':'12','FunctionVersion':'1'}");
    assert_refused(400, "ValidationException");
    call("PUT /2015-03-31/functions/f/aliases/live", "{'RoutingConfig':{'AdditionalVersionWeights':{'1':0.5}}}");
    assert_refused(400, "InvalidParameterValueException");
    call("PUT /2015-03-31/functions/f/aliases/live", "{'RevisionId':'no'}");
    assert_refused(412, "PreconditionFailedException");
    call("DELETE /2015-03-31/functions/f?Qualifier=2", "%s", "");
    assert_refused(409, "ResourceConflictException");
    call("PUT /2015-03-31/functions/f/aliases/live", "{'FunctionVersion':'2','RoutingConfig':{}}");
    assert_status(200);
    assert_text(call("GET /2015-03-31/functions/f/aliases/live", "%s", ""), "FunctionVersion", "2");
    assert_int_equal(count(call("GET /2015-03-31/functions/f/aliases?FunctionVersion=1", "%s", ""), "Aliases"), 0);
    assert_int_equal(count(call("GET /2015-03-31/functions/f/aliases", "%s", ""), "Aliases"), 1);
    call("DELETE /2015-03-31/functions/f/aliases/live", "%s", "");
    assert_status(204);
    call("GET /2015-03-31/functions/f/aliases/live", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_tags(void **state)
{
    static const char arn[] = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af";
    const char *path = arena_printf(arena, "POST /2017-03-31/tags/%s", arn).ptr;
    create("f", "");
    call(path, "{'Tags':{'a':'1','b':'2'}}");
    assert_status(204);
    call(path, "{'Tags':{'aws:x':'1'}}");
    assert_refused(400, "InvalidParameterValueException");
    call(path, "{}");
    assert_refused(400, "ValidationException");
    call(arena_printf(arena, "DELETE /2017-03-31/tags/%s?tagKeys=a", arn).ptr, "%s", "");
    assert_status(204);
    const struct val *tags =
        val_get(call(arena_printf(arena, "GET /2017-03-31/tags/%s", arn).ptr, "%s", ""), S("Tags"));
    assert_null(val_get(tags, S("a")));
    assert_text(tags, "b", "2");
    call(arena_printf(arena, "GET /2017-03-31/tags/%sx", arn).ptr, "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

static void test_policy(void **state)
{
    static const char path[] = "POST /2015-03-31/functions/f/policy";
    create("f", ",'Publish':true");
    call("GET /2015-03-31/functions/f/policy", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call(path, "{'StatementId':'s3','Action':'lambda:InvokeFunction','Principal':'s3.amazonaws.com','SourceArn':"
               "'arn:aws:s3:::b','SourceAccount':'123456789012'}");
    assert_status(201);
    call(path, "{'StatementId':'s3','Action':'lambda:InvokeFunction','Principal':'s3.amazonaws.com'}");
    assert_refused(409, "ResourceConflictException");
    call(path, "{'StatementId':'x y','Action':'lambda:InvokeFunction','Principal':'*'}");
    assert_refused(400, "ValidationException");
    call(path, "{'StatementId':'x','Action':'lambda:InvokeFunction','Principal':'*','RevisionId':'no'}");
    assert_refused(412, "PreconditionFailedException");
    slice policy = slice_dup(arena, text(call("GET /2015-03-31/functions/f/policy", "%s", ""), "Policy"));
    assert_true(
        slice_find(policy, S("\"Condition\":{\"StringEquals\":{\"AWS:SourceAccount\":\"123456789012\"},\"ArnLike\":"
                             "{\"AWS:SourceArn\":\"arn:aws:s3:::b\"}}")) > 0);
    call("DELETE /2015-03-31/functions/f/policy/none", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
    call("DELETE /2015-03-31/functions/f/policy/s3", "%s", "");
    assert_status(204);
    call("POST /2015-03-31/functions/f/policy?Qualifier=1", "{'StatementId':'v','Action':'lambda:InvokeFunction',"
                                                            "'Principal':'111122223333'}");
    assert_status(201);
    assert_true(says("function:f:1"));
    call("GET /2015-03-31/functions/f/policy", "%s", "");
    assert_refused(404, "ResourceNotFoundException");
}

/* A request of which the body is a file. */
static const struct val *call_with_file(const char *line, slice body)
{
    struct msg message = {.body_file = S("body-1")};
    slice spool = arena_printf(arena, "%s/spool", test_dir);
    slice_cut(slice_of(line), ' ', &message.method, &message.path);
    assert_int_equal(fdio_mkdirs(spool.ptr, 0700), 0);
    assert_int_equal(fdio_replace_file(arena_printf(arena, "%.*s/body-1", SLICE_ARG(spool)).ptr, body, 0600), 0);
    return request(&message);
}

static bool is_there(const char *name)
{
    return access(arena_printf(arena, "%s/lambda/%s", test_dir, name).ptr, F_OK) == 0;
}

/* The small archive with a comment that makes it long. */
static slice long_archive(void)
{
    enum { COMMENT = 65000 };
    slice zip;
    assert_int_equal(base64_decode(arena, slice_of(zip_base64), &zip), 0);
    char *bytes = arena_alloc(arena, zip.len + COMMENT);
    memcpy(bytes, zip.ptr, zip.len);
    memset(bytes + zip.len, '~', COMMENT);
    bytes[zip.len - 2] = (char)(COMMENT & 0xff);
    bytes[zip.len - 1] = (char)(COMMENT >> 8);
    return (slice){bytes, zip.len + COMMENT};
}

/* What a long archive is in a request: with white space, with escaped slashes, or no base64 at all. */
static void test_long_archive(void **state)
{
    static const char before[] =
        "{\"FunctionName\":\"%s\",\"Runtime\":\"python3.11\",\"Role\":\"arn:aws:iam::123456789012:role/r\","
        "\"Handler\":\"app.handler\",\"Description\":\"\\\"ZipFile\\\":\",\"Code\":{\"ZipFile\"%s\"%.*s\"}}";
    slice zip = long_archive(), text = base64_encode(arena, zip);
    struct buf escaped;
    buf_init(&escaped, arena);
    for (size_t i = 0; i < text.len; i++)
        buf_printf(&escaped, "%s%c", text.ptr[i] == '/' ? "\\" : "", text.ptr[i]);
    const struct val *made =
        call_with_file("POST /2015-03-31/functions", arena_printf(arena, before, "f", " :\n ", SLICE_ARG(text)));
    assert_status(201);
    assert_int_equal(val_get_int(made, S("CodeSize"), 0), zip.len);
    assert_text(made, "Description", "\"ZipFile\":");
    made = call_with_file("POST /2015-03-31/functions",
                          arena_printf(arena, before, "g", ":", SLICE_ARG(buf_slice(&escaped))));
    assert_status(201);
    assert_int_equal(val_get_int(made, S("CodeSize"), 0), zip.len);
    assert_false(is_there("upload/body-1"));
    memset((char *)(uintptr_t)text.ptr + 50000, '!', 10);
    call_with_file("POST /2015-03-31/functions", arena_printf(arena, before, "h", ":", SLICE_ARG(text)));
    assert_int_equal(reply.status, 400);
    memset((char *)(uintptr_t)text.ptr, 'A', text.len);
    call_with_file("POST /2015-03-31/functions", arena_printf(arena, before, "h", ":", SLICE_ARG(text)));
    assert_refused(400, "InvalidParameterValueException"); /* no archive */
    call_with_file("POST /2015-03-31/functions", arena_printf(arena, before, "f", ":", SLICE_ARG(text)));
    assert_refused(409, "ResourceConflictException"); /* before it is looked at */
    assert_false(is_there("upload/body-1"));
    call_with_file("POST /2015-03-31/functions", arena_printf(arena, "{\"Code\":{\"ZipFile\":\"%.*s", SLICE_ARG(text)));
    assert_int_equal(reply.status, 400);
    assert_false(is_there("upload/body-1"));
}

static void test_long_payload(void **state)
{
    static const char path[] = "POST /2015-03-31/functions/f/invocations";
    create("f", "");
    call_with_file(path, S("{\"ZipFile\":\"as it is\"}"));
    assert_status(200);
    assert_true(slice_ends(runner.body, S("\n{\"ZipFile\":\"as it is\"}")));
    call_with_file(path, S("{\"broken\":"));
    assert_refused(400, "InvalidRequestContentException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        lambda_test(test_create),
        lambda_test(test_create_refused),
        lambda_test(test_any_zip),
        lambda_test(test_at_once),
        lambda_test(test_stream_per_invocation),
        lambda_test(test_image_output),
        lambda_test(test_code_in_s3),
        lambda_test(test_long_archive),
        lambda_test(test_long_payload),
        lambda_test(test_unanswered),
        lambda_test(test_vpc),
        lambda_test(test_names),
        lambda_test(test_update),
        lambda_test(test_delete),
        lambda_test(test_list),
        lambda_test(test_versions),
        lambda_test(test_aliases),
        lambda_test(test_tags),
        lambda_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
