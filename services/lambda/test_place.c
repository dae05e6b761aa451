/* Tests of what functions are made of besides zips: images, and file systems of EFS. */
#include "services/lambda/test_lambda.h"

static const char update_f[] = "PUT /2015-03-31/functions/f/code";
static const char invoke_f[] = "POST /2015-03-31/functions/f/invocations";

static const struct val *create_of_image(const char *image, const char *more)
{
    return call(
        "POST /2015-03-31/functions",
        "{'FunctionName':'f','PackageType':'Image','Role':'arn:aws:iam::123456789012:role/r','Code':{'ImageUri':"
        "'%s'}%s}",
        image, more);
}

static void test_image(void **state)
{
    const struct val *made = create_of_image("localhost:4566/app:1", ",'ImageConfig':{'Command':['other.handler']}");
    assert_status(201);
    assert_text(made, "CodeSha256", &IMAGE_DIGEST[7]);
    assert_text(made, "PackageType", "Image");
    later(100);
    const struct val *code = val_get(call("GET /2015-03-31/functions/f", "{}"), S("Code"));
    assert_text(code, "RepositoryType", "ECR");
    assert_text(code, "ImageUri", "localhost:4566/app:1");
    assert_text(code, "ResolvedImageUri", "localhost:4566/app@" IMAGE_DIGEST);
    call(invoke_f, "{}");
    assert_status(200);
    assert_true(
        slice_find(runner.body, S("\"ecr\":{\"account\":\"123456789012\",\"region\":\"us-east-1\",\"repository\":"
                                  "\"app\",\"digest\":\"" IMAGE_DIGEST "\"}")) > 0);
    assert_true(slice_find(runner.body, S("\"command\":[\"other.handler\"]")) > 0);
    call(update_f, "{'ImageUri':'123456789012.dkr.ecr.us-east-1.amazonaws.com/app:2'}");
    assert_status(200);
    later(100);
    call("GET /2015-03-31/functions/f", "{}");
    assert_true(says("123456789012.dkr.ecr.us-east-1.amazonaws.com/app@" IMAGE_DIGEST));
}

static void test_image_that_is_nowhere(void **state)
{
    static const char *const unknown[] = {"localhost:4566/none:1", "localhost:4566/app:none"};
    worker_test_set_lenient(worker, S("-any-image"));
    static const char *const foreign[] = {"example.com/app:1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1"};
    for (size_t i = 0; i < 2; i++) {
        create_of_image(unknown[i], "");
        assert_refused(400, "InvalidParameterValueException");
        assert_true(says(arena_printf(arena, "Source image %s does not exist. Provide a valid", unknown[i]).ptr));
        create_of_image(foreign[i], "");
        assert_refused(400, "InvalidParameterValueException");
        assert_true(says(arena_printf(arena, "Source image %s is not valid. Provide a valid", foreign[i]).ptr));
    }
    worker_test_set_lenient(worker, S("any-image"));
    create_of_image(unknown[0], "");
    assert_status(201);
    later(100);
    call(invoke_f, "{}");
    assert_true(slice_find(runner.body, S("\"repository\":\"none\",\"tag\":\"1\"}")) > 0);
    call(update_f, "{'ImageUri':'example.com/app:1'}");
    assert_status(200);
    later(100);
    call(invoke_f, "{}");
    assert_true(slice_find(runner.body, S("\"image\":\"example.com/app:1\"")) > 0);
    assert_true(slice_find(runner.body, S("\"ecr\"")) < 0);
    call("GET /2015-03-31/functions/f", "{}");
    assert_true(says("\"ResolvedImageUri\":\"example.com/app:1\""));
}

#define POINT "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-"
#define VPC ",'VpcConfig':{'SubnetIds':['subnet-1'],'SecurityGroupIds':['sg-1']}"

static void test_file_system(void **state)
{
    create("f", VPC ",'FileSystemConfigs':[{'Arn':'" POINT "0123456789abcdef0','LocalMountPath':'/mnt/own'}]");
    call(invoke_f, "{}");
    assert_status(200);
    assert_true(slice_find(runner.body, S("\"fileSystem\":{\"path\":\"/efs/fs-1/own\",\"uid\":1000,\"gid\":1000,"
                                          "\"target\":\"/mnt/own\"}")) > 0);
    call("PUT /2015-03-31/functions/f/configuration",
         "{'FileSystemConfigs':[{'Arn':'" POINT "00000000000000000','LocalMountPath':'/mnt/own'}]}");
    assert_refused(400, "InvalidParameterValueException");
    assert_true(says("EFS Error Code: AccessPointNotFound"));
    runner.efs_is_gone = true;
    call(invoke_f, "{}");
    assert_refused(403, "EFSMountFailureException");
    call("PUT /2015-03-31/functions/f/configuration", "{'FileSystemConfigs':[]}");
    assert_status(200);
    later(100);
    call(invoke_f, "{}");
    assert_status(200);
    assert_true(slice_find(runner.body, S("fileSystem")) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {lambda_test(test_image), lambda_test(test_image_that_is_nowhere),
                                       lambda_test(test_file_system)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
