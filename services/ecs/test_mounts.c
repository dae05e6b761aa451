/* Tests of what containers' volumes become for the runner. */
#include "services/ecs/test_runner.h"

#define APP "'name': 'app', 'image': 'i', 'memory': 64, 'command': ['true']"

static void define_with(const char *volumes, const char *more)
{
    ok("RegisterTaskDefinition",
       json("{'family': 'f', 'volumes': [%s], 'containerDefinitions': [{" APP "%s}]}", volumes, more));
}

static void assert_bind(const struct val *start, size_t i, const char *source_end, const char *target, bool read_only)
{
    const struct val *mount = item(start, "mounts", i);
    assert_text(mount, "type", "bind");
    assert_text(mount, "target", target);
    assert_true(slice_ends(text(mount, "source"), slice_of(source_end)));
    assert_int_equal(val_get_bool(mount, S("readOnly"), false), read_only);
    assert_true(val_get_bool(mount, S("create"), false));
}

static void test_kinds(void **state)
{
    define_with("{'name': 'h', 'host': {'sourcePath': '/srv/x'}}, {'name': 'e'}, {'name': 'n', 'host': {}}, "
                "{'name': 'd', 'dockerVolumeConfiguration': {}}, "
                "{'name': 's', 'dockerVolumeConfiguration': {'scope': 'shared', 'autoprovision': true}}",
                ", 'mountPoints': [{'sourceVolume': 'h', 'containerPath': '/h', 'readOnly': true}, "
                "{'sourceVolume': 'e', 'containerPath': '/e'}, {'sourceVolume': 'n', 'containerPath': '/n'}, "
                "{'sourceVolume': 'd', 'containerPath': '/d'}, {'sourceVolume': 's', 'containerPath': '/s'}]");
    slice id = run("f");
    const struct val *start = take("StartContainer", "app");
    assert_int_equal(count(start, "mounts"), 5);
    assert_bind(start, 0, "/srv/x", "/h", true);
    assert_bind(start, 1, json("/runner/%.*s/volumes/e", SLICE_ARG(id)), "/e", false);
    assert_bind(start, 2, json("/runner/%.*s/volumes/n", SLICE_ARG(id)), "/n", false);
    assert_bind(start, 3, json("/runner/%.*s/volumes/d", SLICE_ARG(id)), "/d", false);
    assert_bind(start, 4, "/us-east-1/s", "/s", false);
}

static void test_file_system(void **state)
{
    struct worker_effect effect;
    define_with("{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'}}",
                ", 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/v'}]");
    run("f");
    assert_true(worker_test_take_effect(worker, &effect, S("{\"path\":\"/efs/fs-1\"}")));
    const struct val *mount = item(take("StartContainer", "app"), "mounts", 0);
    assert_text(mount, "source", "/efs/fs-1");
    assert_text(mount, "target", "/v");
    assert_false(val_get_bool(mount, S("create"), false));
}

static void test_from(void **state)
{
    ok("RegisterTaskDefinition",
       json("{'family': 'f', 'volumes': [{'name': 'v'}], 'containerDefinitions': [{" APP
            ", 'volumesFrom': [{'sourceContainer': 'b', 'readOnly': true}]}, {'name': 'b', 'image': 'i', 'memory': 64, "
            "'command': ['true'], 'volumesFrom': [{'sourceContainer': 'app'}], 'mountPoints': [{'sourceVolume': 'v', "
            "'containerPath': '/v'}]}]}"));
    run("f");
    const struct val *app = take("StartContainer", "app"), *other = take("StartContainer", "b");
    assert_bind(app, count(app, "mounts") - 1, "/volumes/v", "/v", true);
    assert_bind(other, count(other, "mounts") - 1, "/volumes/v", "/v", false);
}

static void test_memory(void **state)
{
    define_with("", ", 'linuxParameters': {'sharedMemorySize': 8, 'tmpfs': [{'containerPath': '/t', 'size': 2, "
                    "'mountOptions': ['noexec', 'ro']}]}");
    run("f");
    const struct val *start = take("StartContainer", "app");
    assert_int_equal(count(start, "mounts"), 2);
    assert_text(item(start, "mounts", 0), "target", "/dev/shm");
    assert_int_equal(number(item(start, "mounts", 0), "size"), 8 << 20);
    assert_text(item(start, "mounts", 1), "type", "tmpfs");
    assert_text(item(start, "mounts", 1), "options", "noexec,ro");
    assert_int_equal(number(item(start, "mounts", 1), "size"), 2 << 20);
}

static void test_refused(void **state)
{
    static const struct {
        const char *volume, *reason;
    } cases[] = {
        {"{'name': 'v', 'configuredAtLaunch': true}",
         "ResourceInitializationError: volume v: volumes of Amazon EBS are not available"},
        {"{'name': 'v', 'dockerVolumeConfiguration': {'driver': 'rexray'}}",
         "CannotCreateVolumeError: volume driver rexray is not available; local is"},
        {"{'name': 'v', 'dockerVolumeConfiguration': {'driverOpts': {'type': 'nfs'}}}",
         "CannotCreateVolumeError: options of the volume driver local are not available"},
        {"{'name': 'v', 'dockerVolumeConfiguration': {'scope': 'shared'}}",
         "CannotCreateVolumeError: get v: no such volume"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        define_with(cases[i].volume, "");
        const struct val *task = task_of(run("f"));
        assert_text(task, "stopCode", "TaskFailedToStart");
        assert_text(task, "stoppedReason", cases[i].reason);
        take("RemoveTask", NULL);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ecs_test(test_kinds),  ecs_test(test_file_system), ecs_test(test_from),
        ecs_test(test_memory), ecs_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
