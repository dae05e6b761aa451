/* Tests of the list of running instances: entries come and go, and folders that others may write to are not believed.
 */
#include "common/instances.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct arena *arena;
    char home[sizeof("/tmp/awssim-test-XXXXXX")];
};

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof(*f));
    *f = (struct fixture){arena, "/tmp/awssim-test-XXXXXX"};
    assert_non_null(mkdtemp(f->home));
    setenv("XDG_RUNTIME_DIR", f->home, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fdio_remove_tree(f->home);
    arena_close(f->arena);
    return 0;
}

/* A state directory with a lock file. */
static slice make_state(struct fixture *f, const char *name)
{
    slice path = arena_printf(f->arena, "%s/%s", f->home, name);
    assert_int_equal(fdio_mkdirs(path.ptr, 0700), 0);
    assert_int_equal(fdio_replace_file(arena_printf(f->arena, "%s/lock", path.ptr).ptr, S("pid=1\n"), 0600), 0);
    return path;
}

static bool is_listed(struct fixture *f, slice state_dir)
{
    struct slice_list list = {0};
    instances_list(f->arena, &list);
    list_foreach (entry, &list) {
        if (slice_eq(*entry, state_dir))
            return true;
    }
    return false;
}

static void entries_come_and_go(void **state)
{
    struct fixture *f = *state;
    slice one = make_state(f, "one"), two = make_state(f, "two");
    assert_false(is_listed(f, one));
    assert_int_equal(instances_add(f->arena, one), 0);
    assert_int_equal(instances_add(f->arena, one), 0);
    assert_int_equal(instances_add(f->arena, two), 0);
    assert_true(is_listed(f, one) && is_listed(f, two));
    instances_remove(f->arena, one);
    instances_remove(f->arena, one);
    assert_true(!is_listed(f, one) && is_listed(f, two));
    instances_remove(f->arena, two);
}

static void entries_of_removed_folders_are_swept(void **state)
{
    struct fixture *f = *state;
    slice one = make_state(f, "one"), two = make_state(f, "two");
    assert_int_equal(instances_add(f->arena, one), 0);
    assert_int_equal(fdio_remove_tree(one.ptr), 0);
    assert_true(is_listed(f, one));
    assert_int_equal(instances_add(f->arena, two), 0);
    assert_true(!is_listed(f, one) && is_listed(f, two));
    instances_remove(f->arena, two);
}

static void a_folder_others_can_write_to_is_not_believed(void **state)
{
    struct fixture *f = *state;
    slice one = make_state(f, "one");
    assert_int_equal(instances_add(f->arena, one), 0);
    const char *folder = arena_printf(f->arena, "%s/awssim/instances", f->home).ptr;
    assert_int_equal(chmod(folder, 0777), 0);
    assert_false(is_listed(f, one));
    assert_int_equal(instances_add(f->arena, one), -EPERM);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(rename(folder, arena_printf(f->arena, "%s/moved", f->home).ptr), 0);
    assert_int_equal(symlink(arena_printf(f->arena, "%s/moved", f->home).ptr, folder), 0);
    assert_false(is_listed(f, one));
}

int main(void)
{
#define instances_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        instances_test(entries_come_and_go),
        instances_test(entries_of_removed_folders_are_swept),
        instances_test(a_folder_others_can_write_to_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
