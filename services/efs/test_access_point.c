/* Tests of access points: their life, their root directories, and what does not get out of a file system. */
#include "services/efs/test_efs.h"

#include <sys/stat.h>
#include <unistd.h>

#define AP "/2015-02-01/access-points"

static const char *path_in(const char *fs, const char *rest)
{
    return arena_printf(arena, "%.*s/efs/123456789012/us-east-1/%s%s", SLICE_ARG(state_dir), fs, rest).ptr;
}

static const char *point(const char *fs, const char *token, const char *root)
{
    const struct val *made =
        ok("POST", AP,
           json("{'ClientToken': '%s', 'FileSystemId': '%s', 'RootDirectory': {'Path': '%s', 'CreationInfo': "
                "{'OwnerUid': %d, 'OwnerGid': %d, 'Permissions': '0751'}}}",
                token, fs, root, (int)getuid(), (int)getgid()));
    later(EFS_STATE_MS);
    return string(made, "AccessPointId");
}

static void test_life(void **state)
{
    struct stat st;
    const char *fs = file_system("a"), *id = point(fs, "t", "/a/b");
    const struct val *again =
        refused("POST", AP, json("{'ClientToken': 't', 'FileSystemId': '%s'}", fs), 409, "AccessPointAlreadyExists");
    assert_string_equal(string(again, "AccessPointId"), id);
    const struct val *seen = item(get(json(AP "?AccessPointId=%s", id)), "AccessPoints", 0);
    assert_string_equal(string(seen, "LifeCycleState"), "available");
    assert_int_equal(stat(path_in(fs, "/a"), &st), -1);
    call_inside("DescribeAccessPoints", json("{'AccessPointId': '%s'}", id));
    assert_int_equal(stat(path_in(fs, "/a/b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    call_inside("DescribeAccessPoints", json("{'AccessPointId': '%s'}", id));
    ok("DELETE", json(AP "/%s", id), "");
    later(EFS_STATE_MS);
    refused("GET", json(AP "?AccessPointId=%s", id), "", 404, "AccessPointNotFound");
    refused("DELETE", json(AP "/%s", id), "", 404, "AccessPointNotFound");
    assert_int_equal(stat(path_in(fs, "/a/b"), &st), 0);
}

static void test_links_are_not_followed(void **state)
{
    struct stat st;
    const char *fs = file_system("a"), *id = point(fs, "t", "/out/made");
    assert_int_equal(symlink(slice_cstr(arena, state_dir), path_in(fs, "/out")), 0);
    struct msg request = {
        .kind = MSG_REQUEST,
        .origin = S("ecs"),
        .service = S("efs"),
        .protocol = S("internal"),
        .operation = S("DescribeAccessPoints"),
        .account = S("123456789012"),
        .region = S("us-east-1"),
        .body = slice_of(json("{'AccessPointId': '%s'}", id)),
    };
    worker_test_request(worker, &request, &reply);
    assert_true(reply.status >= 400);
    assert_int_equal(stat(arena_printf(arena, "%.*s/made", SLICE_ARG(state_dir)).ptr, &st), -1);
}

static void test_bad_creation(void **state)
{
    const char *fs = file_system("a");
    refused("POST", AP, json("{'ClientToken': 't', 'FileSystemId': 'fs-0123456789abcdef0'}"), 404,
            "FileSystemNotFound");
    refused("POST", AP, json("{'ClientToken': 't', 'FileSystemId': '%s', 'RootDirectory': {'Path': '/a/../b'}}", fs),
            400, "ValidationException");
    refused("POST", AP, json("{'ClientToken': 't', 'FileSystemId': '%s', 'RootDirectory': {'Path': 'a'}}", fs), 400,
            "ValidationException");
    refused("POST", AP, json("{'ClientToken': 't', 'FileSystemId': '%s', 'PosixUser': {'Uid': -1, 'Gid': 1}}", fs), 400,
            "ValidationException");
    refused("POST", AP,
            json("{'ClientToken': 't', 'FileSystemId': '%s', 'RootDirectory': {'Path': '/a\\u0000/b'}}", fs), 400,
            "BadRequest");
    refused("GET", json(AP "?AccessPointId=fsap-0123456789abcdef0&FileSystemId=%s", fs), "", 400, "BadRequest");
    refused("GET", AP "?NextToken=x", "", 400, "BadRequest");
    refused("DELETE", AP "/x", "", 400, "ValidationException");
    assert_int_equal(count(get(AP), "AccessPoints"), 0);
}

static void test_lists(void **state)
{
    const char *a = file_system("a"), *b = file_system("b");
    for (int i = 0; i < 5; i++)
        point(i < 3 ? a : b, json("t%d", i), "/x");
    assert_int_equal(count(get(json(AP "?FileSystemId=%s", a)), "AccessPoints"), 3);
    const struct val *page = get(AP "?MaxResults=4");
    assert_int_equal(count(page, "AccessPoints"), 4);
    page = get(json(AP "?MaxResults=4&NextToken=%s", string(page, "NextToken")));
    assert_int_equal(count(page, "AccessPoints"), 1);
    assert_null(val_get(page, S("NextToken")));
    ok("DELETE", json("/2015-02-01/file-systems/%s", a), "");
    later(EFS_STATE_MS);
    assert_int_equal(count(get(AP), "AccessPoints"), 2);
}

static void refused_mount(const char *body, int status, const char *message)
{
    slice answer;
    assert_int_equal(worker_test_event_reply(worker, S("ecs"), S("ResolveMount"), slice_of(body), &answer), status);
    if (slice_find(answer, slice_of(message)) < 0)
        fail_msg("%.*s", SLICE_ARG(answer));
}

static void test_mount(void **state)
{
    const char *fs = file_system("m"), *scope = "'account': '123456789012', 'region': 'us-east-1'";
    slice answer;
    const char *whole = json("{%s, 'fileSystemId': '%s'}", scope, fs);
    assert_int_equal(worker_test_event_reply(worker, S("ecs"), S("ResolveMount"), slice_of(whole), &answer), 200);
    assert_true(slice_find(answer, slice_of(json("/efs/123456789012/us-east-1/%s'", fs))) > 0);
    refused_mount(json("{%s, 'fileSystemId': 'fs-0123456789abcdef0'}", scope), 404, "Failed to resolve");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/none'}", scope, fs), 400,
                  "No such file or directory");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/../..'}", scope, fs), 400,
                  "No such file or directory");
    const char *root = arena_printf(arena, "%.*s/efs/123456789012/us-east-1/%s", SLICE_ARG(state_dir), fs).ptr;
    assert_int_equal(symlink("/etc", json("%s/evil", root)), 0);
    assert_int_equal(symlink("../../../..", json("%s/up", root)), 0);
    assert_int_equal(mkdir(json("%s/in", root), 0755), 0);
    assert_int_equal(symlink("/in", json("%s/near", root)), 0);
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/evil/ssl'}", scope, fs), 400, "No such file");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/up/efs'}", scope, fs), 400, "No such file");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/i\\u0000n'}", scope, fs), 400, "No such file");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'rootDirectory': '/near'}", scope, fs), 200, "near\"}");
    refused_mount(json("{%s, 'fileSystemId': '%s', 'accessPointId': 'fsap-0123456789abcdef0'}", scope, fs), 404,
                  "does not exist");
}

int main(void)
{
    const struct CMUnitTest tests[] = {efs_test(test_life), efs_test(test_links_are_not_followed),
                                       efs_test(test_bad_creation), efs_test(test_lists), efs_test(test_mount)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
