/* Tests of trash: what is put there is no longer where it was, and is removed. */
#include "runner/trash.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <dirent.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WAIT_MS = 20000 };

static char dir[] = "/tmp/awssim-test-trash-XXXXXX";
static struct arena *arena;

static const char *path(const char *name)
{
    return arena_printf(arena, "%s/%s", dir, name).ptr;
}

static void make(const char *name)
{
    assert_int_equal(fdio_mkdirs(path(name), 0700), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fdio_replace_file(arena_printf(arena, "%s/%s/%d", dir, name, i).ptr, S("x"), 0600), 0);
}

static size_t count(void)
{
    size_t n = 0;
    DIR *folder = opendir(path("removed"));
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
        n += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return n;
}

/* Each entry's end is announced by the kernel. */
static void wait_empty(int watch)
{
    char events[4096];
    while (count() > 0) {
        struct pollfd poll_fd = {.fd = watch, .events = POLLIN};
        assert_true(poll(&poll_fd, 1, WAIT_MS) > 0);
        assert_true(read(watch, events, sizeof(events)) > 0);
    }
}

static void test_put(void **state)
{
    int watch = inotify_init1(IN_CLOEXEC);
    (void)state;
    make("removed/left by a former process");
    make("one");
    assert_true(inotify_add_watch(watch, path("removed"), IN_DELETE) >= 0);
    struct trash *trash = trash_open(slice_of(path("removed")));
    trash_put(trash, path("one"));
    assert_int_equal(access(path("one"), F_OK), -1);
    trash_put(trash, path("none"));
    wait_empty(watch);
    make("two");
    trash_put(trash, path("two"));
    assert_int_equal(access(path("two"), F_OK), -1);
    wait_empty(watch);
    trash_close(trash);
    close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_put)};
    if (!mkdtemp(dir))
        return 1;
    arena = arena_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fdio_remove_tree(dir);
    arena_close(arena);
    return failed;
}
