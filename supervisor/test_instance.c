/* Tests of instance: one awssim per state directory. */
#include "supervisor/instance.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static void one_instance_per_directory(void **state)
{
    struct arena *arena = arena_open();
    const char *dir = mkdtemp(arena_copy(arena, "/tmp/instance-XXXXXX", sizeof("/tmp/instance-XXXXXX")));
    struct instance first = {.state_dir = slice_of(dir), .port = 4711}, second = first;
    slice why = S("");
    assert_int_equal(instance_lock(arena, &first, &why), 0);
    instance_publish(arena, &first);
    assert_int_equal(instance_lock(arena, &second, &why), BAD_INPUT);
    slice expected =
        arena_printf(arena, "awssim is already running on port 4711 (pid %d, state directory %s)", (int)getpid(), dir);
    assert_true(slice_eq(why, expected));
    instance_unlock(&first);
    assert_int_equal(instance_lock(arena, &second, &why), 0);
    instance_unlock(&second);
    fdio_remove_tree(dir);
    arena_close(arena);
}

static void a_missing_directory_is_named(void **state)
{
    struct arena *arena = arena_open();
    struct instance instance = {.state_dir = S("/nonexistent")};
    slice why = S("");
    assert_int_equal(instance_lock(arena, &instance, &why), BAD_INPUT);
    assert_true(slice_eq(why, S("cannot open /nonexistent/lock: No such file or directory")));
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_instance_per_directory),
        cmocka_unit_test(a_missing_directory_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
