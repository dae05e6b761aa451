/* Tests of init scripts: which files are scripts, in which order, and how their ends are told. */
#include "supervisor/init/scripts.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct arena *arena;
    char dir[sizeof("/tmp/awssim-test-XXXXXX")];
};

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof(*f));
    *f = (struct fixture){arena, "/tmp/awssim-test-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fdio_remove_tree(f->dir);
    arena_close(f->arena);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *content, mode_t mode)
{
    const char *path = arena_printf(f->arena, "%s/%s", f->dir, name).ptr;
    assert_int_equal(fdio_replace_file(path, slice_of(content), mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void scripts_are_found_in_order(void **state)
{
    struct fixture *f = *state;
    struct script_list scripts = {0};
    assert_int_equal(mkdir(arena_printf(f->arena, "%s/b.d", f->dir).ptr, 0700), 0);
    put(f, "c", "#!/bin/sh\n", 0700);
    put(f, "a.sh", "", 0600);
    put(f, "b.d/one.py", "", 0600);
    put(f, "readme.txt", "", 0600);
    put(f, ".hidden.sh", "", 0700);
    scripts_find(f->arena, slice_of(f->dir), &scripts);
    assert_int_equal(scripts.len, 3);
    assert_true(slice_eq(scripts.items[0].name, S("a.sh")) && slice_eq(scripts.items[1].name, S("b.d/one.py")));
    assert_string_equal(scripts.items[0].interpreter, "bash");
    assert_string_equal(scripts.items[1].interpreter, "python3");
    assert_true(slice_eq(scripts.items[2].name, S("c")) && scripts.items[2].interpreter == NULL);
    assert_true(
        slice_eq(scripts_status(f->arena, S("READY"), false, &scripts),
                 S("{\"completed\":false,\"scripts\":[{\"stage\":\"READY\",\"name\":\"a.sh\",\"state\":\"UNKNOWN\"},"
                   "{\"stage\":\"READY\",\"name\":\"b.d/one.py\",\"state\":\"UNKNOWN\"},"
                   "{\"stage\":\"READY\",\"name\":\"c\",\"state\":\"UNKNOWN\"}]}")));
}

static void a_missing_folder_has_none(void **state)
{
    struct fixture *f = *state;
    struct script_list scripts = {0};
    scripts_find(f->arena, arena_printf(f->arena, "%s/none", f->dir), &scripts);
    assert_int_equal(scripts.len, 0);
}

static void assert_run(struct fixture *f, const char *content, int64_t limit_ms, bool good, const char *why_begins)
{
    struct script_list scripts = {0};
    slice why = S("");
    put(f, "s.sh", content, 0700);
    scripts_find(f->arena, slice_of(f->dir), &scripts);
    int none[2];
    assert_int_equal(pipe(none), 0);
    assert_int_equal(scripts_run(f->arena, &scripts.items[0], limit_ms, none[0], &why), good);
    assert_true(slice_starts(why, slice_of(why_begins)));
    close(none[0]);
    close(none[1]);
}

static void ends_are_told(void **state)
{
    struct fixture *f = *state;
    assert_run(f, "#!/bin/sh\nexit 0\n", 0, true, "exit code 0");
    assert_run(f, "#!/bin/sh\nexit 3\n", 0, false, "exit code 3");
    assert_run(f, "#!/bin/sh\nkill -KILL $$\n", 0, false, "killed by signal 9");
    assert_run(f, "#!/no/such/program\n", 0, false, "exit code 127");
    assert_run(f, "#!/bin/sh\nsleep 1000\n", 50, false, "ended after ");
    assert_run(f, "#!/bin/sh\nsleep 1000 & wait\n", 50, false, "ended after ");
}

static void the_end_of_awssim_ends_a_script(void **state)
{
    struct fixture *f = *state;
    struct script_list scripts = {0};
    slice why = S("");
    int stop[2];
    assert_int_equal(pipe(stop), 0);
    put(f, "s.sh", "#!/bin/sh\nsleep 1000\n", 0700);
    scripts_find(f->arena, slice_of(f->dir), &scripts);
    assert_int_equal(write(stop[1], "", 1), 1);
    assert_false(scripts_run(f->arena, &scripts.items[0], 0, stop[0], &why));
    close(stop[0]);
    close(stop[1]);
}

int main(void)
{
#define scripts_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        scripts_test(scripts_are_found_in_order),
        scripts_test(a_missing_folder_has_none),
        scripts_test(ends_are_told),
        scripts_test(the_end_of_awssim_ends_a_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
