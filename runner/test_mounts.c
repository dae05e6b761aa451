/* Mounts of containers, by a runner process. */
#include "runner/test_bench.h"

#include "common/arena.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Mounts need a mount namespace; where none is permitted, the container says so and there is nothing to test. */
static void skip_without_mounts(const char *container)
{
    slice reason = val_get_string(bench_report("ContainerStopped", container), S("reason"));
    if (slice_find(reason, S("a mount namespace, which mounts need")) >= 0)
        skip();
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* A directory read-only and read-write, a file, and memory, at places the host has and has not. */
static void test_mounts(void **state)
{
    (void)state;
    mkdir(arena_printf(bench.arena, "%s/source", bench.dir).ptr, 0755);
    write_text(arena_printf(bench.arena, "%s/source/file", bench.dir).ptr, "inside\n");
    slice mounts =
        arena_printf(bench.arena,
                     "'mounts': [{'type': 'bind', 'source': '%s/source', 'target': '/awssim-a/b', 'readOnly': true},"
                     "{'type': 'bind', 'source': '%s/made/deep', 'target': '/usr/awssim-c', 'create': true},"
                     "{'type': 'bind', 'source': '%s/source/file', 'target': '/awssim-f'},"
                     "{'type': 'tmpfs', 'target': '/mnt', 'size': 65536, 'options': 'noexec'}], ",
                     bench.dir, bench.dir, bench.dir);
    bench_run_with(
        "c",
        "cat /awssim-a/b/file; echo x 2>/dev/null > /awssim-a/b/new || echo refused; echo y > /usr/awssim-c/new; "
        "cat /awssim-f; head -c 70000 /dev/zero 2>/dev/null > /mnt/x || echo full; "
        "test -e /proc/self/stat && test -c /dev/null && test -d /usr/bin && echo whole",
        mounts.ptr, "");
    bench_report("ContainerDrained", "c");
    skip_without_mounts("c");
    static const char *const lines[] = {"inside", "refused", "inside", "full", "whole"};
    assert_int_equal(bench_lines("c")->len, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(slice_cstr(bench.arena, bench_lines("c")->items[i]), lines[i]);
    assert_int_equal(access(arena_printf(bench.arena, "%s/made/deep/new", bench.dir).ptr, F_OK), 0);
    assert_int_not_equal(access(arena_printf(bench.arena, "%s/source/new", bench.dir).ptr, F_OK), 0);
    assert_int_not_equal(access("/awssim-a", F_OK), 0);
    assert_int_not_equal(access("/usr/awssim-c", F_OK), 0);
    assert_int_not_equal(access("/awssim-f", F_OK), 0);
}

static void assert_mount_refused(const char *container, const char *mount, const char *words)
{
    bench_run_with(container, "exit", arena_printf(bench.arena, "'mounts': [%s], ", mount).ptr, "");
    const struct val *stopped = bench_report("ContainerStopped", container);
    skip_without_mounts(container);
    assert_true(slice_starts(val_get_string(stopped, S("reason")), S("CannotStartContainerError: ")));
    assert_true(slice_find(val_get_string(stopped, S("reason")), slice_of(words)) >= 0);
}

static void test_bad_mounts(void **state)
{
    (void)state;
    assert_mount_refused("a", "{'type': 'bind', 'source': '/no/such', 'target': '/mnt'}", "No such file");
    assert_mount_refused("b", "{'type': 'tmpfs', 'target': '/mnt/../etc'}", "not absolute");
    assert_mount_refused("c", "{'type': 'tmpfs', 'target': 'mnt'}", "not absolute");
    assert_mount_refused("d", "{'type': 'bind', 'source': 'relative', 'target': '/mnt'}", "Invalid argument");
    assert_mount_refused("e", "{'type': 'tmpfs', 'target': '/mnt', 'options': 'bogus'}", "Invalid argument");
    assert_mount_refused("f", "{'type': 'tmpfs', 'target': '/etc/passwd/x'}", "Not a directory");
}

/* Nothing of a killed runner's mounts stays: they were in the namespace only. */
static void test_killed(void **state)
{
    (void)state;
    bench_run_with("c", "echo ready; exec sleep 1000", "'mounts': [{'type': 'tmpfs', 'target': '/awssim-k'}], ", "");
    bench_wait_lines("c", 1);
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)val_get_int(bench_report("ContainerStarted", "c"), S("pid"), 0), 0);
    bench_signal_runner(SIGKILL);
    bench_runner_end();
    bench_wait_end(pidfd);
    assert_int_not_equal(access("/awssim-k", F_OK), 0);
    char mounts[65536] = "";
    int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    for (ssize_t n = 0, got; (got = read(fd, mounts + n, sizeof(mounts) - 1 - (size_t)n)) > 0;)
        n += got;
    close(fd);
    assert_null(strstr(mounts, "awssim-k"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {TEST(mounts), TEST(bad_mounts), TEST(killed)};
    if (argc < 2) {
        fprintf(stderr, "usage: %s AWSSIM-RUNNER\n", argv[0]);
        return 2;
    }
    bench_use(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
