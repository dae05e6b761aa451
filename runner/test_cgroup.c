/* Tests of control groups of both versions, in a folder that looks like the kernel's: whoever makes a group there finds
 * its files in it. A group that cannot be made, or does not keep what is written to it, is an error. */
#include "runner/cgroup.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/log.h"
#include "runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_JOINS = 4 };

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);

static struct fake {
    char folder[64];
    struct arena *arena;
    struct runner runner;
    const char *broken; /* a file that new groups have as this */
    const char *as;
    const char *refused; /* groups with this in their name cannot be made */
    slice joins[MAX_JOINS];
    size_t n_joins;
} fake;

static const char *const files[] = {
    "cgroup.procs",          "cgroup.subtree_control",      "memory.max", "memory.swap.max", "cpu.weight", "pids.max",
    "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpu.shares"};

static const char *path_of(const char *group, const char *file)
{
    return arena_printf(fake.arena, "%s/%s", group, file).ptr;
}

static void write_file(const char *path, slice text)
{
    assert_int_equal(fdio_replace_file(path, text, 0600), 0);
}

static void fill(const char *group)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        const char *path = path_of(group, files[i]);
        if (fake.broken && strcmp(files[i], fake.broken) == 0)
            assert_int_equal(symlink(fake.as, path), 0);
        else
            write_file(path, S(""));
    }
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    if (fake.refused && strstr(path, fake.refused)) {
        errno = EACCES;
        return -1;
    }
    int result = __real_mkdir(path, mode);
    if (result == 0 && *fake.folder && strncmp(path, fake.folder, strlen(fake.folder)) == 0)
        fill(path);
    return result;
}

/* own: what /proc/self/cgroup says; groups: folders below the root. */
static void begin(const char *own, const char *const *groups)
{
    fake = (struct fake){.arena = arena_open()};
    log_init("test", LOG_ERROR);
    char folder[] = "/tmp/awssim-cgroup-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(fake.folder, sizeof(fake.folder), "%s", folder);
    fill(fake.folder);
    for (; *groups; groups++)
        assert_int_equal(mkdir(path_of(fake.folder, *groups), 0700), 0);
    const char *file = path_of(fake.folder, "own");
    write_file(file, slice_of(own));
    fake.runner.arena = fake.arena;
    fake.runner.boot = S("boot");
    fake.runner.max_processes = 1024;
    cgroup_open(&fake.runner, fake.folder, file);
}

static void begin_first(void)
{
    static const char *const groups[] = {"memory", "memory/me", "cpu", "pids", NULL};
    begin("3:cpu:/\n2:memory:/me\n1:pids:/\n0::/\n", groups);
}

static void begin_second(void)
{
    static const char *const groups[] = {"me", NULL};
    begin("0::/me\n", groups);
}

static int end(void **state)
{
    fdio_remove_tree(fake.folder);
    arena_close(fake.arena);
    fake = (struct fake){0};
    return 0;
}

static void note_join(void *context, slice path)
{
    assert_true(fake.n_joins < MAX_JOINS);
    fake.joins[fake.n_joins++] = path;
}

static slice make(const char *plan)
{
    struct container *container = arena_alloc(fake.arena, sizeof(*container));
    slice why;
    *container = (struct container){.runner = &fake.runner, .arena = fake.arena, .id = S("c"), .task = S("t")};
    fake.n_joins = 0;
    assert_int_equal(json_parse(fake.arena, slice_dup(fake.arena, slice_of(plan)), &container->plan, &why), 0);
    return cgroup_make(container, note_join, NULL);
}

static void holds(const char *group, const char *file, const char *text)
{
    slice content;
    assert_int_equal(fdio_read_file(fake.arena, path_of(path_of(fake.folder, group), file), 4096, &content), 0);
    assert_true(slice_eq(content, slice_of(text)));
}

static const char limits[] = "{\"memory\": 64, \"taskMemory\": 128, \"cpu\": 256}";

static void test_first_version(void **state)
{
    begin_first();
    assert_null(make(limits).ptr);
    holds("memory/me/awssim-boot/t", "memory.limit_in_bytes", "134217728");
    holds("memory/me/awssim-boot/t/c", "memory.limit_in_bytes", "67108864");
    holds("memory/me/awssim-boot/t/c", "memory.memsw.limit_in_bytes", "67108864");
    holds("cpu/awssim-boot/t/c", "cpu.shares", "256");
    holds("pids/awssim-boot/t/c", "pids.max", "1024");
    assert_int_equal(fake.n_joins, 3);
    assert_true(slice_ends(fake.joins[0], S("/memory/me/awssim-boot/t/c/cgroup.procs")));
    assert_true(slice_ends(fake.joins[2], S("/pids/awssim-boot/t/c/cgroup.procs")));
}

static void test_second_version(void **state)
{
    begin_second();
    assert_true(fake.runner.groups.unified);
    assert_null(make(limits).ptr);
    holds("me", "cgroup.subtree_control", "+pidsry +cpu"); /* the file keeps what the shorter write left */
    holds("me/awssim-boot/t", "memory.max", "134217728");
    holds("me/awssim-boot/t/c", "memory.max", "67108864");
    holds("me/awssim-boot/t/c", "memory.swap.max", "0");
    holds("me/awssim-boot/t/c", "cpu.weight", "10");
    holds("me/awssim-boot/t/c", "pids.max", "1024");
    assert_int_equal(fake.n_joins, 1);
    assert_true(slice_ends(fake.joins[0], S("/me/awssim-boot/t/c/cgroup.procs")));
}

static void test_processes(void **state)
{
    begin_first();
    assert_null(make("{\"ulimits\": [[\"nproc\", 10, 20]]}").ptr);
    holds("pids/awssim-boot/t/c", "pids.max", "20");
    assert_int_equal(fake.n_joins, 1);
    end(state);
    begin_first();
    fake.runner.max_processes = 0;
    assert_null(make("{}").ptr);
    assert_int_equal(fake.n_joins, 0);
    assert_null(make("{\"processes\": 7}").ptr);
    holds("pids/awssim-boot/t/c", "pids.max", "7");
}

static void refuses(void (*start)(void), const char *broken, const char *as, const char *text)
{
    start();
    fake.broken = broken;
    fake.as = as;
    slice why = make(limits);
    assert_true(why.ptr && slice_find(why, slice_of(text)) >= 0);
    assert_true(slice_find(why, slice_of(broken)) >= 0);
    end(NULL);
}

/* A write that fails, and one that is taken and not kept. */
static void test_limits_that_do_not_hold(void **state)
{
    static const char *const first[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpu.shares",
                                        "pids.max"},
                             *const second[] = {"memory.max", "memory.swap.max", "cpu.weight", "pids.max"};
    for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
        refuses(begin_first, first[i], "/dev/full", "No space left on device");
        refuses(begin_first, first[i], "/dev/null", " is , not ");
        refuses(begin_second, second[i], "/dev/full", "No space left on device");
        refuses(begin_second, second[i], "/dev/null", " is , not ");
    }
    refuses(begin_second, "cgroup.subtree_control", "/dev/full", "No space left on device");
    begin_first();
}

static void test_groups_that_cannot_be_made(void **state)
{
    begin_first();
    fake.refused = "/t/c";
    slice why = make(limits);
    assert_true(slice_find(why, S("mkdir: Permission denied")) >= 0);
    fake.refused = NULL;
    assert_null(make(limits).ptr);
}

/* Where there never were any, nothing is promised. */
static void test_none(void **state)
{
    static const char *const no_groups[] = {NULL};
    begin("", no_groups);
    assert_null(fake.runner.groups.memory.ptr);
    assert_null(make(limits).ptr);
    assert_int_equal(fake.n_joins, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_first_version, end),
        cmocka_unit_test_teardown(test_second_version, end),
        cmocka_unit_test_teardown(test_processes, end),
        cmocka_unit_test_teardown(test_limits_that_do_not_hold, end),
        cmocka_unit_test_teardown(test_groups_that_cannot_be_made, end),
        cmocka_unit_test_teardown(test_none, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
