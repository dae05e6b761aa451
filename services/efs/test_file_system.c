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
    return json(FS "?FileSystemId=%s", id);
}

static void test_life(void **state)
{
    const struct val *fs = ok("POST", FS,
                              json("{'CreationToken': 'a', 'Encrypted': true, 'Tags': [{'Key': 'Name', 'Value': "
                                   "'data'}], 'ThroughputMode': 'elastic'}"));
    const char *id = string(fs, "FileSystemId");
    assert_int_equal(reply.status, 201);
    assert_string_equal(string(fs, "LifeCycleState"), "creating");
    assert_string_equal(string(fs, "Name"), "data");
    assert_string_equal(string(fs, "FileSystemArn"),
                        json("arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/%s", id));
    assert_true(slice_starts(val_get_string(fs, S("KmsKeyId")), S("arn:aws:kms:us-east-1:123456789012:key/")));
    assert_true(exists(directory(id)));
    refused("POST", json("/2015-02-01/access-points"), json("{'ClientToken': 'x', 'FileSystemId': '%s'}", id), 409,
            "IncorrectFileSystemLifeCycleState");
    later(EFS_STATE_MS);
    assert_string_equal(string(item(get(one(id)), "FileSystems", 0), "LifeCycleState"), "available");
    const struct val *again = refused("POST", FS, json("{'CreationToken': 'a'}"), 409, "FileSystemAlreadyExists");
    assert_string_equal(string(again, "FileSystemId"), id);
    ok("DELETE", json(FS "/%s", id), "");
    assert_int_equal(reply.status, 204);
    assert_string_equal(string(item(get(one(id)), "FileSystems", 0), "LifeCycleState"), "deleting");
    later(EFS_STATE_MS);
    refused("GET", one(id), "", 404, "FileSystemNotFound");
    assert_false(exists(directory(id)));
    refused("DELETE", json(FS "/%s", id), "", 404, "FileSystemNotFound");
}

static void test_bad_creation(void **state)
{
    refused("POST", FS, json("{'CreationToken': 'a', 'PerformanceMode': 'x'}"), 400, "ValidationException");
    refused("POST", FS, json("{'CreationToken': 'a', 'ThroughputMode': 'provisioned'}"), 400, "BadRequest");
    refused("POST", FS, json("{'CreationToken': 'a', 'ProvisionedThroughputInMibps': 5}"), 400, "BadRequest");
    refused("POST", FS,
            json("{'CreationToken': 'a', 'ThroughputMode': 'provisioned', 'ProvisionedThroughputInMibps': 9999}"), 400,
            "ThroughputLimitExceeded");
    refused("POST", FS, json("{'CreationToken': 'a', 'PerformanceMode': 'maxIO', 'ThroughputMode': 'elastic'}"), 400,
            "BadRequest");
    refused("POST", FS, json("{'CreationToken': 'a', 'KmsKeyId': 'alias/k'}"), 400, "BadRequest");
    refused("POST", FS, json("{'CreationToken': 'a', 'Tags': [{'Key': 'k', 'Value': ''}, {'Key': 'k', 'Value': ''}]}"),
            400, "BadRequest");
    assert_int_equal(count(get(FS), "FileSystems"), 0);
    refused("GET", FS "?FileSystemId=fs-0123456789abcdef0", "", 404, "FileSystemNotFound");
    refused("GET", FS "?FileSystemId=nonsense", "", 400, "ValidationException");
    refused("GET", FS "?Marker=nonsense", "", 400, "BadRequest");
}

static void test_lists(void **state)
{
    for (int i = 0; i < 5; i++)
        file_system(json("t%d", i));
    const struct val *page = get(FS "?MaxItems=2");
    size_t seen = count(page, "FileSystems");
    while (val_get(page, S("NextMarker"))) {
        const char *marker = string(page, "NextMarker");
        page = get(json(FS "?MaxItems=2&Marker=%s", marker));
        assert_string_equal(string(page, "Marker"), marker);
        seen += count(page, "FileSystems");
    }
    assert_int_equal(seen, 5);
    assert_int_equal(count(get(FS "?CreationToken=t3"), "FileSystems"), 1);
    assert_int_equal(count(get(FS "?CreationToken=none"), "FileSystems"), 0);
}

static void test_update(void **state)
{
    const char *id = file_system("a"), *path = json(FS "/%s", id);
    const struct val *fs =
        ok("PUT", path, json("{'ThroughputMode': 'provisioned', 'ProvisionedThroughputInMibps': 8}"));
    assert_int_equal(reply.status, 202);
    assert_string_equal(string(fs, "LifeCycleState"), "updating");
    later(EFS_STATE_MS);
    ok("PUT", path, json("{'ProvisionedThroughputInMibps': 16}"));
    later(EFS_STATE_MS);
    refused("PUT", path, json("{'ProvisionedThroughputInMibps': 4}"), 429, "TooManyRequests");
    refused("PUT", path, json("{'ThroughputMode': 'bursting'}"), 429, "TooManyRequests");
    later(24 * 3600 * 1000LL);
    fs = ok("PUT", path, json("{'ThroughputMode': 'bursting'}"));
    assert_null(val_get(fs, S("ProvisionedThroughputInMibps")));
}

static void test_settings(void **state)
{
    const char *id = file_system("a"), *fs = json(FS "/%s", id);
    const char *lifecycle = json("%s/lifecycle-configuration", fs), *backup = json("%s/backup-policy", fs);
    const char *policy = json("%s/policy", fs);
    assert_int_equal(count(get(lifecycle), "LifecyclePolicies"), 0);
    ok("PUT", lifecycle,
       json("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_30_DAYS'}, {'TransitionToPrimaryStorageClass': "
            "'AFTER_1_ACCESS'}]}"));
    assert_string_equal(string(item(get(lifecycle), "LifecyclePolicies", 0), "TransitionToIA"), "AFTER_30_DAYS");
    refused("PUT", lifecycle,
            json("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_7_DAYS', 'TransitionToArchive': 'AFTER_7_DAYS'}]}"),
            400, "BadRequest");
    refused("PUT", lifecycle, json("{'LifecyclePolicies': [{'TransitionToArchive': 'AFTER_90_DAYS'}]}"), 400,
            "BadRequest");
    refused("PUT", lifecycle, json("{'LifecyclePolicies': [{'TransitionToIA': 'AFTER_3_DAYS'}]}"), 400,
            "ValidationException");
    assert_string_equal(string(val_get(get(backup), S("BackupPolicy")), "Status"), "DISABLED");
    ok("PUT", backup, json("{'BackupPolicy': {'Status': 'ENABLED'}}"));
    assert_string_equal(string(val_get(get(backup), S("BackupPolicy")), "Status"), "ENABLED");
    refused("PUT", backup, json("{'BackupPolicy': {'Status': 'ENABLING'}}"), 400, "BadRequest");
    refused("GET", policy, "", 404, "PolicyNotFound");
    refused("PUT", policy, json("{'Policy': 'x'}"), 400, "InvalidPolicyException");
    refused("PUT", policy, "{\"Policy\": \"{\\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\"}]}\"}", 400,
            "InvalidPolicyException");
    ok("PUT", policy,
       "{\"Policy\": \"{\\\"Version\\\": \\\"2012-10-17\\\", \\\"Statement\\\": [{\\\"Effect\\\": \\\"Allow\\\", "
       "\\\"Principal\\\": {\\\"AWS\\\": \\\"*\\\"}, \\\"Action\\\": \\\"elasticfilesystem:ClientMount\\\"}]}\"}");
    assert_string_equal(string(get(policy), "FileSystemId"), id);
    ok("DELETE", policy, "");
    refused("GET", policy, "", 404, "PolicyNotFound");
    const struct val *protection =
        ok("PUT", json("%s/protection", fs), json("{'ReplicationOverwriteProtection': 'DISABLED'}"));
    assert_string_equal(string(protection, "ReplicationOverwriteProtection"), "DISABLED");
    refused("GET", json(FS "/replication-configurations?FileSystemId=%s", id), "", 404, "ReplicationNotFound");
    assert_int_equal(count(get(FS "/replication-configurations"), "Replications"), 0);
    const struct val *preferences = get("/2015-02-01/account-preferences");
    assert_string_equal(string(val_get(preferences, S("ResourceIdPreference")), "ResourceIdType"), "LONG_ID");
}

static void test_tags(void **state)
{
    const char *id = file_system("a"), *path = json("/2015-02-01/resource-tags/%s", id);
    ok("POST", path, json("{'Tags': [{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': '2'}]}"));
    ok("POST", json("/2015-02-01/create-tags/%s", id), json("{'Tags': [{'Key': 'c', 'Value': '3'}]}"));
    const struct val *page = get(json("%s?MaxResults=2", path));
    assert_int_equal(count(page, "Tags"), 2);
    page = get(json("%s?NextToken=%s", path, string(page, "NextToken")));
    assert_string_equal(string(item(page, "Tags", 0), "Key"), "c");
    ok("DELETE", json("%s?tagKeys=a", path), "");
    ok("POST", json("/2015-02-01/delete-tags/%s", id), json("{'TagKeys': ['b']}"));
    assert_int_equal(count(get(json("/2015-02-01/tags/%s/", id)), "Tags"), 1);
    assert_int_equal(count(item(get(one(id)), "FileSystems", 0), "Tags"), 1);
    refused("POST", path, json("{'Tags': [{'Key': 'aws:x', 'Value': '1'}]}"), 400, "ValidationException");
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
    write_bytes(json("%s/file", deep), 10000);
    for (int i = 0; i < 200; i++) {
        deep = json("%s/d", deep);
        assert_int_equal(mkdir(deep, 0700), 0);
    }
    assert_int_equal(symlink("/etc", json("%s/link", directory(id))), 0);
    assert_int_equal(size_of(id), empty);
    later(20000);
    get(one(id));
    assert_true(size_of(id) >= empty + 12288);
    ok("DELETE", json(FS "/%s", id), "");
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
    return string(ok("POST", FS, json("{'CreationToken': '%s'}", token)), "LifeCycleState");
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
    ok("DELETE", json(FS "/%s", id), "");
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
