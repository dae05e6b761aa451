/* Tests of instance: one awssim per state directory. */
#include "supervisor/instance.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
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
    instance_retract(&first);
    assert_int_equal(instance_lock(arena, &second, &why), BAD_INPUT);
    fdio_cleanup(&first.lock_fd);
    fdio_cleanup(&first.parts_fd);
    assert_int_equal(instance_lock(arena, &second, &why), 0);
    fdio_cleanup(&second.lock_fd);
    fdio_cleanup(&second.parts_fd);
    fdio_remove_tree(dir);
    arena_close(arena);
}

/* What a killed supervisor has started may live a moment longer than it. */
static void parts_are_waited_for(void **state)
{
    struct arena *arena = arena_open();
    const char *dir = mkdtemp(arena_copy(arena, "/tmp/instance-XXXXXX", sizeof("/tmp/instance-XXXXXX")));
    struct instance killed = {.state_dir = slice_of(dir)}, next = killed;
    slice why = S("");
    int ended[2], let_go[2];
    char byte;
    assert_int_equal(instance_lock(arena, &killed, &why), 0);
    assert_int_equal(pipe(ended) | pipe(let_go), 0);
    if (fork() == 0) {
        close(killed.lock_fd);
        close(let_go[0]);
        close(let_go[1]);
        close(ended[1]);
        _exit((int)read(ended[0], &byte, 1));
    }
    fdio_cleanup(&killed.lock_fd);
    fdio_cleanup(&killed.parts_fd);
    close(let_go[1]);
    assert_int_equal(read(let_go[0], &byte, 1), 0); /* the lock itself is nobody's any more */
    close(let_go[0]);
    pid_t started = fork();
    if (started == 0) {
        close(ended[1]);
        _exit(instance_lock(arena, &next, &why) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(started, NULL, WNOHANG), 0);
    close(ended[1]); /* the part ends */
    int status;
    assert_int_equal(waitpid(started, &status, 0), started);
    assert_int_equal(status, 0);
    assert_true(wait(NULL) > 0);
    close(ended[0]);
    fdio_remove_tree(dir);
    arena_close(arena);
}

static void a_missing_directory_is_named(void **state)
{
    struct arena *arena = arena_open();
    struct instance instance = {.state_dir = S("/nonexistent")};
    slice why = S("");
    assert_int_equal(instance_lock(arena, &instance, &why), BAD_INPUT);
    assert_true(slice_eq(why, S("cannot lock /nonexistent/lock: No such file or directory")));
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_instance_per_directory),
        cmocka_unit_test(parts_are_waited_for),
        cmocka_unit_test(a_missing_directory_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
