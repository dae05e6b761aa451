/* Tests of file systems: their life, their directory, their settings and tags, and lists of them. */
#include "services/efs/test_efs.h"

#include <sys/stat.h>
#include <unistd.h>

#define FS "/2015-02-01/file-systems"

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static const char *directory(const char *id)
{
    return arena_printf(arena, "%.*s/efs/123456789012/us-east-1/%s", SLICE_ARG(state_dir), id).ptr;
}

static const char *one(const char *id)
{
    return text_of(FS "?FileSystemId=%s", id);
}

static void test_life(void **state)
{
    const struct val *fs = ok("POST", FS,
                              text_of("{'CreationToken': 'a', 'Encrypted': true, 'Tags': [{'Key': 'Name', 'Value': "
                                      "'data'}], 'ThroughputMode': 'elastic'}"));
    const char *id = text(fs, "FileSystemId");
    assert_int_equal(reply.status, 201);
    assert_string_equal(text(fs, "LifeCycleState"), "creating");
    assert_string_equal(text(fs, "Name"), "data");
    assert_string_equal(text(fs, "FileSystemArn"),
                        text_of("arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/%s", id));
    assert_true(slice_starts(val_get_string(fs, S("KmsKeyId")), S("arn:aws:kms:us-east-1:123456789012:key/")));
    assert_true(exists(directory(id)));
    refused("POST", text_of("/2015-02-01/access-points"), text_of("{'ClientToken': 'x', 'FileSystemId': '%s'}", id),
            409, "IncorrectFileSystemLifeCycleState");
    later(EFS_STATE_MS);
    assert_string_equal(text(item(get(one(id)), "FileSystems", 0), "LifeCycleState"), "available");
    const struct val *again = refused("POST", FS, text_of("{'CreationToken': 'a'}"), 409, "FileSystemAlreadyExists");
    assert_string_equal(text(again, "FileSystemId"), id);
    ok("DELETE", text_of(FS "/%s", id), "");
    assert_int_equal(reply.status, 204);
    assert_string_equal(text(item(get(one(id)), "FileSystems", 0), "LifeCycleState"), "deleting");
    later(EFS_STATE_MS);
    refused("GET", one(id), "", 404, "FileSystemNotFound");
    assert_false(exists(directory(id)));
    refused("DELETE", text_of(FS "/%s", id), "", 404, "FileSystemNotFound");
}

static void test_bad_creation(void **state)
{
    refused("POST", FS, text_of("{'CreationToken': 'a', 'PerformanceMode': 'x'}"), 400, "ValidationException");
    refused("POST", FS, text_of("{'CreationToken': 'a', 'ThroughputMode': 'provisioned'}"), 400, "BadRequest");
    refused("POST", FS, text_of("{'CreationToken': 'a', 'ProvisionedThroughputInMibps': 5}"), 400, "BadRequest");
    refused("POST", FS,
            text_of("{'CreationToken': 'a', 'ThroughputMode': 'provisioned', 'ProvisionedThroughputInMibps': 9999}"),
            400, "ThroughputLimitExceeded");
    refused("POST", FS, text_of("{'CreationToken': 'a', 'PerformanceMode': 'maxIO', 'ThroughputMode': 'elastic'}"), 400,
            "BadRequest");
    refused("POST", FS, text_of("{'CreationToken': 'a', 'KmsKeyId': 'alias/k'}"), 400, "BadRequest");
    refused("POST", FS,
            text_of("{'CreationToken': 'a', 'Tags': [{'Key': 'k', 'Value': ''}, {'Key': 'k', 'Value': ''}]}"), 400,
            "BadRequest");
    assert_int_equal(count(get(FS), "FileSystems"), 0);
    refused("GET", FS "?FileSystemId=fs-0123456789abcdef0", "", 404, "FileSystemNotFound");
    refused("GET", FS "?FileSystemId=nonsense", "", 400, "ValidationException");
    refused("GET", FS "?Marker=nonsense", "", 400, "BadRequest");
}

static void test_lists(void **state)
{
    for (int i = 0; i < 5; i++)
        file_system(text_of("t%d", i));
    const struct val *page = get(FS "?MaxItems=2");
    size_t seen = count(page, "FileSystems");
    while (val_get(page, S("NextMarker"))) {
        const char *marker = text(page, "NextMarker");
        page = get(text_of(FS "?MaxItems=2&Marker=%s", marker));
        assert_string_equal(text(page, "Marker"), marker);
        seen += count(page, "FileSystems");
    }
    assert_int_equal(seen, 5);
    assert_int_equal(count(get(FS "?CreationToken=t3"), "FileSystems"), 1);
    assert_int_equal(count(get(FS "?CreationToken=none"), "FileSystems"), 0);
}

static void test_update(void **state)
{
    const char *id = file_system("a"), *path = text_of(FS "/%s", id);
    const struct val *fs =
        ok("PUT", path, text_of("{'ThroughputMode': 'provisioned', 'ProvisionedThroughputInMibps': 8}"));
    assert_int_equal(reply.status, 202);
    assert_string_equal(text(fs, "LifeCycleState"), "updating");
    later(EFS_STATE_MS);
    ok("PUT", path, text_of("{'ProvisionedThroughputInMibps': 16}"));
    later(EFS_STATE_MS);
    refused("PUT", path, text_of("{'ProvisionedThroughputInMibps': 4}"), 429, "TooManyRequests");
    refused("PUT", path, text_of("{'ThroughputMode': 'bursting'}"), 429, "TooManyRequests");
    later(24 * 3600 * 1000LL);
    fs = ok("PUT", path, text_of("{'ThroughputMode': 'bursting'}"));
    assert_null(val_get(fs, S("ProvisionedThroughputInMibps")));
}

static void test_settings(void **state)
{
    const char *id = file_system("a"), *fs = text_of(FS "/%s", id);
    const char *lifecycle = text_of("%s/lifecycle-configuration", fs), *backup = text_of("%s/backup-policy", fs);
    const char *policy = text_of("%s/policy", fs);
    assert_int_equal(count(get(lifecycle), "LifecyclePolicies"), 0);
    ok("PUT", lifecycle,
       text_of("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_30_DAYS'}, {'TransitionToPrimaryStorageClass': "
               "'AFTER_1_ACCESS'}]}"));
    assert_string_equal(text(item(get(lifecycle), "LifecyclePolicies", 0), "TransitionToIA"), "AFTER_30_DAYS");
    refused(
        "PUT", lifecycle,
        text_of("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_7_DAYS', 'TransitionToArchive': 'AFTER_7_DAYS'}]}"),
        400, "BadRequest");
    refused("PUT", lifecycle, text_of("{'LifecyclePolicies': [{'TransitionToArchive': 'AFTER_90_DAYS'}]}"), 400,
            "BadRequest");
    refused("PUT", lifecycle, text_of("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_3_DAYS'}]}"), 400,
            "ValidationException");
    assert_string_equal(text(val_get(get(backup), S("BackupPolicy")), "Status"), "DISABLED");
    ok("PUT", backup, text_of("{'BackupPolicy': {'Status': 'ENABLED'}}"));
    assert_string_equal(text(val_get(get(backup), S("BackupPolicy")), "Status"), "ENABLED");
    refused("PUT", backup, text_of("{'BackupPolicy': {'Status': 'ENABLING'}}"), 400, "BadRequest");
    refused("GET", policy, "", 404, "PolicyNotFound");
    refused("PUT", policy, text_of("{'Policy': 'x'}"), 400, "InvalidPolicyException");
    refused("PUT", policy, "{\"Policy\": \"{\\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\"}]}\"}", 400,
            "InvalidPolicyException");
    ok("PUT", policy,
       "{\"Policy\": \"{\\\"Version\\\": \\\"2012-10-17\\\", \\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\", "
       "\\\"Principal\\\": {\\\"AWS\\\": \\\"*\\\"}, \\\"Action\\\": \\\"elasticfilesystem:ClientMount\\\"}]}\"}");
    assert_string_equal(text(get(policy), "FileSystemId"), id);
    ok("DELETE", policy, "");
    refused("GET", policy, "", 404, "PolicyNotFound");
    const struct val *protection =
        ok("PUT", text_of("%s/protection", fs), text_of("{'ReplicationOverwriteProtection': 'DISABLED'}"));
    assert_string_equal(text(protection, "ReplicationOverwriteProtection"), "DISABLED");
    refused("GET", text_of(FS "/replication-configurations?FileSystemId=%s", id), "", 404, "ReplicationNotFound");
    assert_int_equal(count(get(FS "/replication-configurations"), "Replications"), 0);
    const struct val *preferences = get("/2015-02-01/account-preferences");
    assert_string_equal(text(val_get(preferences, S("ResourceIdPreference")), "ResourceIdType"), "LONG_ID");
}

static void test_tags(void **state)
{
    const char *id = file_system("a"), *path = text_of("/2015-02-01/resource-tags/%s", id);
    ok("POST", path, text_of("{'Tags': [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}]}"));
    ok("POST", text_of("/2015-02-01/create-tags/%s", id), text_of("{'Tags': [{'Key': 'c', 'Value': '3'}]}"));
    const struct val *page = get(text_of("%s?MaxResults=2", path));
    assert_int_equal(count(page, "Tags"), 2);
    page = get(text_of("%s?NextToken=%s", path, text(page, "NextToken")));
    assert_string_equal(text(item(page, "Tags", 0), "Key"), "c");
    ok("DELETE", text_of("%s?tagKeys=a", path), "");
    ok("POST", text_of("/2015-02-01/delete-tags/%s", id), text_of("{'TagKeys': ['b']}"));
    assert_int_equal(count(get(text_of("/2015-02-01/tags/%s/", id)), "Tags"), 1);
    assert_int_equal(count(item(get(one(id)), "FileSystems", 0), "Tags"), 1);
    refused("POST", path, text_of("{'Tags': [{'Key': 'aws:x', 'Value': '1'}]}"), 400, "ValidationException");
    refused("GET", "/2015-02-01/resource-tags/fs-0123456789abcdef0", "", 404, "FileSystemNotFound");
    refused("GET", "/2015-02-01/resource-tags/fsap-0123456789abcdef0", "", 404, "AccessPointNotFound");
}

static void write_bytes(const char *path, size_t n)
{
    char *bytes = arena_alloc(arena, n);
    assert_int_equal(fdio_replace_file(path, (slice){bytes, n}, 0600), 0);
}

static int64_t size_of(const char *id)
{
    return val_get_int(val_get(item(get(one(id)), "FileSystems", 0), S("SizeInBytes")), S("Value"), -1);
}

static void test_sizes_and_removal(void **state)
{
    const char *id = file_system("a"), *deep = directory(id);
    get(one(id));
    int64_t empty = size_of(id);
    write_bytes(text_of("%s/file", deep), 10000);
    for (int i = 0; i < 200; i++) {
        deep = text_of("%s/d", deep);
        assert_int_equal(mkdir(deep, 0700), 0);
    }
    assert_int_equal(symlink("/etc", text_of("%s/link", directory(id))), 0);
    assert_int_equal(size_of(id), empty);
    later(20000);
    get(one(id));
    assert_true(size_of(id) >= empty + 12288);
    ok("DELETE", text_of(FS "/%s", id), "");
    for (int i = 0; i < 100; i++)
        later(EFS_STATE_MS);
    assert_false(exists(directory(id)));
    assert_int_equal(rmdir(arena_printf(arena, "%.*s/efs/.gone", SLICE_ARG(state_dir)).ptr), 0);
    assert_true(exists("/etc"));
}

static void test_reset(void **state)
{
    const char *id = file_system("a");
    worker_test_event(worker, S("router"), S("Reset"), S("{}"));
    assert_int_equal(count(get(FS), "FileSystems"), 0);
    assert_false(exists(directory(id)));
}

static const char *made_state(const char *token)
{
    return text(ok("POST", FS, text_of("{'CreationToken': '%s'}", token)), "LifeCycleState");
}

static void test_at_once(void **state)
{
    worker_test_set_lenient(worker, S("-efs-at-once"));
    assert_string_equal(made_state("a"), "creating");
    worker_test_set_lenient(worker, S("efs-at-once"));
    assert_string_equal(made_state("b"), "available");
}

static void test_gone_is_empty(void **state)
{
    const char *id = file_system("a");
    ok("DELETE", text_of(FS "/%s", id), "");
    later(EFS_STATE_MS);
    worker_test_set_lenient(worker, S("-efs-gone-is-empty"));
    refused("GET", one(id), "", 404, "FileSystemNotFound");
    worker_test_set_lenient(worker, S("efs-gone-is-empty"));
    assert_int_equal(count(get(one(id)), "FileSystems"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        efs_test(test_life),
        efs_test(test_bad_creation),
        efs_test(test_lists),
        efs_test(test_update),
        efs_test(test_settings),
        efs_test(test_tags),
        efs_test(test_sizes_and_removal),
        efs_test(test_reset),
        efs_test(test_at_once),
        efs_test(test_gone_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
