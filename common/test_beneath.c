/* Names below a folder that others change: links out of it, and links that are exchanged while a name is used. */
#include "common/beneath.h"

#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ROUNDS = 3000, UNKNOWN = -1 };

static struct {
    char dir[64]; /* with "root" and "outside" in it */
    int root;
    atomic_bool over;
} f;

static void touch(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", f.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void make(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", f.dir, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", f.dir, name);
    assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(f.dir, sizeof(f.dir), "/tmp/awssim-beneath-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    make("root");
    make("root/inside");
    make("outside");
    touch("root/inside/file");
    touch("outside/secret");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/root", f.dir);
    f.root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    atomic_store(&f.over, false);
    return f.root >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    close(f.root);
    return fdio_remove_tree(f.dir);
}

static int result_of(const char *path)
{
    int fd = beneath_open(f.root, path, O_RDONLY);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void names_inside(void **state)
{
    (void)state;
    make_link("inside", "root/near");
    make_link("/inside/file", "root/absolute");
    static const char *const there[] = {
        "inside/file", "/inside/file", "//inside//./file", "near/file",          "absolute", "",
        "/",           "..",           "../../..",         "inside/../near/file"};
    for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
        assert_int_equal(result_of(there[i]), 0);
    assert_int_equal(result_of("none"), -ENOENT);
    assert_int_equal(result_of("inside/file/below"), -ENOTDIR);
}

static void links_lead_nowhere_else(void **state)
{
    (void)state;
    char out[PATH_MAX];
    snprintf(out, sizeof(out), "%s/outside", f.dir);
    make_link(out, "root/evil");
    make_link("../outside", "root/relative");
    make_link("../../../../../../../../../../../../etc", "root/deep");
    make_link("/proc/self/cwd", "root/magic");
    make_link("loop", "root/loop");
    static const char *const gone[] = {"evil",   "evil/secret", "relative/secret",   "deep/passwd",
                                       "magic/", "/etc/passwd", "../outside/secret", "../../etc/passwd"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
        assert_int_equal(result_of(gone[i]), -ENOENT);
    assert_int_equal(result_of("loop"), -ELOOP);
    snprintf(out, sizeof(out), "%s/root/inside", f.dir);
    assert_true(beneath_open_in(out, "file", O_RDONLY) >= 0);
    snprintf(out, sizeof(out), "%s/root/evil", f.dir);
    assert_int_equal(beneath_open_in(out, "secret", O_RDONLY), -ENOTDIR);
}

static int count_made(int fd, const void *context)
{
    ++*(int *)(uintptr_t)context;
    return fchmod(fd, 0711) == 0 ? 0 : -errno;
}

static int make_dirs(const char *path, int *made)
{
    *made = 0;
    int fd = beneath_mkdirs(f.root, path, 0700, count_made, made);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static mode_t mode_of(const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", f.dir, name);
    return stat(path, &st) == 0 ? st.st_mode & 07777 : (mode_t)UNKNOWN;
}

static void folders_are_made_inside(void **state)
{
    (void)state;
    int made;
    char out[PATH_MAX];
    snprintf(out, sizeof(out), "%s/outside", f.dir);
    make_link(out, "root/evil");
    make_link("/inside", "root/near");
    assert_int_equal(make_dirs("/a/b//c/", &made), 0);
    assert_int_equal(made, 3);
    assert_int_equal(mode_of("root/a/b/c"), 0711);
    assert_int_equal(make_dirs("a/b", &made), 0);
    assert_int_equal(made, 0);
    assert_int_equal(make_dirs("/", &made), 0);
    assert_int_equal(make_dirs("near/below", &made), 0);
    assert_int_equal(mode_of("root/inside/below"), 0711);
    assert_true(make_dirs("evil/below", &made) < 0);
    assert_true(make_dirs("evil", &made) < 0);
    assert_int_equal(make_dirs("inside/file/below", &made), -ENOTDIR);
    assert_int_equal(make_dirs("none/../../outside/x", &made), 0);
    assert_int_equal(mode_of("root/outside/x"), 0711);
    assert_int_equal(mode_of("outside/below"), (mode_t)UNKNOWN);
    assert_int_equal(mode_of("outside"), 0755);
}

/* Exchanges a folder and a link out of the root as fast as it can. */
static void *exchange(void *context)
{
    char folder[PATH_MAX], link[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/root/swap", f.dir);
    snprintf(link, sizeof(link), "%s/root/link", f.dir);
    while (!atomic_load(&f.over))
        renameat2(AT_FDCWD, folder, AT_FDCWD, link, RENAME_EXCHANGE);
    return context;
}

static void links_that_are_exchanged(void **state)
{
    (void)state;
    pthread_t thread;
    char out[PATH_MAX];
    int made;
    snprintf(out, sizeof(out), "%s/outside", f.dir);
    make("root/swap");
    make_link(out, "root/link");
    assert_int_equal(pthread_create(&thread, NULL, exchange, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(result_of("swap/secret"), -ENOENT);
        make_dirs("swap/made", &made);
    }
    atomic_store(&f.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(mode_of("outside/made"), (mode_t)UNKNOWN);
}

#define beneath_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        beneath_test(names_inside),
        beneath_test(links_lead_nowhere_else),
        beneath_test(folders_are_made_inside),
        beneath_test(links_that_are_exchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
