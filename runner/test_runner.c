/* Tests of awssim-runner as a process, with an ecs and a logs played by the test (test_bench). The program to test is
 * the argument. */
#include "runner/test_bench.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/time.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 100000, KILLED = 137, TERMINATED = 143 };

static slice text_of(const struct val *report, const char *key)
{
    return val_get_string(report, slice_of(key));
}

static int64_t number_of(const struct val *report, const char *key)
{
    return val_get_int(report, slice_of(key), -1);
}

static void assert_starts(slice text, const char *start)
{
    if (!slice_starts(text, slice_of(start)))
        fail_msg("\"%.*s\" does not start with \"%s\"", SLICE_ARG(text), start);
}

static void assert_line(const char *stream, size_t index, const char *expected)
{
    const struct slice_list *lines = bench_lines(stream);
    assert_true(index < lines->len);
    if (!slice_eq(lines->items[index], slice_of(expected)))
        fail_msg("line %zu is \"%.*s\", not \"%s\"", index, SLICE_ARG(lines->items[index]), expected);
}

/* Lines 1, 2, 3, … as seq prints them, each once and in order. */
static void assert_counted(const char *stream, size_t count)
{
    char number[16];
    assert_int_equal(bench_lines(stream)->len, count);
    for (size_t i = 0; i < count; i++) {
        snprintf(number, sizeof(number), "%zu", i + 1);
        assert_line(stream, i, number);
    }
}

/* A command that could not run: that reason, nothing else, and drained. */
static void assert_not_started(const char *container, const char *reason)
{
    const struct val *stopped = bench_report("ContainerStopped", container);
    assert_false(val_get_bool(stopped, S("started"), true));
    assert_null(val_get(stopped, S("exitCode")));
    if (reason)
        assert_starts(text_of(stopped, "reason"), reason);
    else
        assert_null(val_get(stopped, S("reason")));
    bench_report("ContainerDrained", container);
    assert_int_equal(bench_count_reports("ContainerStarted", container), 0);
}

static void assert_exited(const char *container, int code)
{
    const struct val *stopped = bench_report("ContainerStopped", container);
    assert_true(val_get_bool(stopped, S("started"), false));
    assert_int_equal(number_of(stopped, "exitCode"), code);
}

/* A fifo scripts read from, so that they go on when the test says so. */
static const char *make_fifo(void)
{
    static int number;
    const char *path = arena_printf(bench.arena, "%s/fifo%d", bench.dir, number++).ptr;
    assert_int_equal(mkfifo(path, 0600), 0);
    return path;
}

static void go(const char *fifo)
{
    int fd = open(fifo, O_RDWR | O_CLOEXEC); /* does not wait for a reader, and stays readable for one */
    assert_int_equal(write(fd, "go\n", 3), 3);
    static int kept = -1;
    if (kept >= 0)
        close(kept);
    kept = fd;
}

/* The newest process below that one: the command of a stub. */
static pid_t descendant(pid_t pid)
{
    for (;;) {
        char path[64];
        long child = 0;
        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
        FILE *file = fopen(path, "re");
        int found = file ? fscanf(file, "%ld", &child) : 0;
        if (file)
            fclose(file);
        if (found != 1)
            return pid;
        pid = (pid_t)child;
    }
}

static int pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    return fd;
}

/* Descriptors of stub and command of a container that has printed its first line. */
static void processes_of(const char *container, int pidfds[2])
{
    pid_t stub = (pid_t)number_of(bench_report("ContainerStarted", container), "pid");
    pidfds[0] = pidfd_of(stub);
    pidfds[1] = pidfd_of(descendant(stub));
}

static size_t files_in_spool(void)
{
    size_t count = 0;
    DIR *dir = opendir(arena_printf(bench.arena, "%s/state/runner/spool", bench.dir).ptr);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* ---- commands ---- */

static void test_normal(void **state)
{
    (void)state;
    assert_true(slice_eq(bench.reports.items[0].name, S("RunnerStarted")));
    slice boot = text_of(&bench.reports.items[0].body, "boot");
    bench_run_with(
        "c", "echo $GREETING; pwd; echo $PATH | wc -l; ulimit -n; exit 3",
        "'environment': [['GREETING', 'hello']], 'workingDirectory': '/usr', 'ulimits': [['nofile', 77, 88]], ", "");
    assert_true(slice_ends(bench.reply, arena_printf(bench.arena, "%.*s\"}", SLICE_ARG(boot))));
    const struct val *started = bench_report("ContainerStarted", "c");
    assert_true(number_of(started, "pid") > 0 && slice_eq(text_of(started, "driver"), S("process")));
    assert_true(slice_eq(text_of(started, "boot"), boot) && slice_eq(text_of(started, "task"), S("T")));
    assert_true(number_of(started, "pullStartedAt") <= number_of(started, "pullStoppedAt"));
    assert_exited("c", 3);
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench_lines("c")->len, 4); /* everything is stored when it is drained */
    static const char *const lines[] = {"hello", "/usr", "1", "77"};
    for (size_t i = 0; i < 4; i++)
        assert_line("c", i, lines[i]);
    assert_int_equal(bench.reports.len, 4);
}

static void test_user(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    bench_run_with("c", "id -u; id -g", "'user': '1234:2345', ", "");
    bench_report("ContainerDrained", "c");
    assert_line("c", 0, "1234");
    assert_line("c", 1, "2345");
}

static void test_no_log(void **state)
{
    (void)state;
    bench_command("StartContainer", "{'task': 'T', 'container': 'c', 'command': ['sh', '-c', 'echo x; kill -9 $$']}");
    assert_exited("c", KILLED);
    assert_int_equal(number_of(bench_report("ContainerStopped", "c"), "signal"), SIGKILL);
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench.stream_calls, 0);
}

static void test_not_startable(void **state)
{
    (void)state;
    bench_command("StartContainer", "{'task': 'T', 'container': 'a', 'command': ['/no/such/program']}");
    bench_command("StartContainer", "{'task': 'T', 'container': 'b', 'command': ['no-such-program']}");
    bench_command("StartContainer",
                  "{'task': 'T', 'container': 'c', 'command': ['id'], 'workingDirectory': '/no/dir'}");
    bench_command("StartContainer", "{'task': 'T', 'container': 'd', 'image': 'busybox:9'}");
    bench_command("StartContainer", "{'task': 'T', 'container': 'e', 'command': ['id', 'a\\u0000b']}");
    bench_command("StartContainer", "{'task': 'T', 'container': 'f', 'command': ['id'], 'user': 'no-such-user'}");
    assert_not_started("a", "CannotStartContainerError: ");
    assert_not_started("b", "CannotStartContainerError: ");
    assert_not_started("c", "CannotStartContainerError: ");
    assert_not_started("d", "CannotPullContainerError: pull image manifest has been retried 1 time(s): image busybox:9 "
                            "is not available here and the container names no command");
    assert_not_started("e", "CannotStartContainerError: ");
    assert_not_started("f", "CannotStartContainerError: ");
}

static void test_bad_limits(void **state)
{
    (void)state;
    struct buf ulimits = {0};
    for (int i = 0; i < 40; i++)
        buf_printf(&ulimits, "%s['nofile', %d, 100]", i ? ", " : "", i + 10);
    bench_command("StartContainer",
                  "{'task': 'T', 'container': 'a', 'command': ['sh', '-c', 'exit $(ulimit -n)'], 'ulimits': [%.*s]}",
                  SLICE_ARG(buf_slice(&ulimits)));
    buf_deinit(&ulimits);
    bench_command("StartContainer",
                  "{'task': 'T', 'container': 'b', 'command': ['id'], 'ulimits': [['nofile', 100, 50]]}");
    assert_exited("a", 49);
    assert_not_started("b", "CannotStartContainerError: ");
}

static void test_bad_commands(void **state)
{
    (void)state;
    assert_int_equal(bench_command("StartContainer", "{"), 400);
    assert_int_equal(bench_command("StartContainer", "[]"), 400);
    assert_int_equal(bench_command("StartContainer", "{'task': 'T'}"), 400);
    assert_int_equal(bench_command("StartContainer", "{'task': '../x', 'container': 'c', 'command': ['id']}"), 400);
    assert_int_equal(bench_command("StartContainer", "{'task': 'T', 'container': 'a/b', 'command': ['id']}"), 400);
    assert_int_equal(bench_command("StopContainer", "{'task': 'T', 'container': 'nobody'}"), 200);
    assert_int_equal(bench_command("RemoveTask", "{'task': 'nobody'}"), 200);
    assert_true(bench_command("Dance", "{}") >= 400);
    assert_int_equal(bench.reports.len, 1);
}

static void test_twice(void **state)
{
    (void)state;
    const char *fifo = make_fifo(), *script = arena_printf(bench.arena, "read x < %s", fifo).ptr;
    bench_run("c", script);
    bench_report("ContainerStarted", "c");
    bench_run("c", script);
    go(fifo);
    bench_report("ContainerDrained", "c");
    bench_run("c", script);
    assert_int_equal(bench_command("RemoveTask", "{'task': 'T'}"), 200);
    assert_int_equal(bench_count_reports("ContainerStarted", "c"), 1);
    assert_int_equal(bench_count_reports("ContainerStopped", "c"), 1);
    assert_int_not_equal(access(arena_printf(bench.arena, "%s/state/runner/T", bench.dir).ptr, F_OK), 0);
}

static void test_stop(void **state)
{
    (void)state;
    bench_run("a", "echo ready; exec sleep 1000");
    bench_run("b", "trap `` TERM; echo ready; while :; do sleep 1000; done");
    bench_run("c", "trap `exit 7` INT; echo ready; while :; do sleep 0.01; done");
    for (const char *c = "a\0b\0c\0"; *c; c += 2)
        bench_wait_lines(c, 1);
    bench_command("StopContainer", "{'task': 'T', 'container': 'a', 'signal': 'SIGTERM', 'killAfterMs': 60000}");
    bench_command("StopContainer", "{'task': 'T', 'container': 'b', 'signal': 'SIGTERM', 'killAfterMs': 100}");
    bench_command("StopContainer", "{'task': 'T', 'container': 'c', 'signal': 'SIGINT', 'killAfterMs': 60000}");
    assert_exited("a", TERMINATED);
    assert_exited("b", KILLED);
    assert_exited("c", 7);
    assert_int_equal(number_of(bench_report("ContainerStopped", "a"), "signal"), SIGTERM);
}

/* The same command again, as an outbox repeats it, does not postpone the end. */
static void test_stop_twice(void **state)
{
    (void)state;
    bench_run("c", "trap `echo term` TERM; echo ready; while :; do sleep 0.01; done");
    bench_wait_lines("c", 1);
    int64_t began = time_mono_ms();
    bench_command("StopContainer", "{'task': 'T', 'container': 'c', 'signal': 'SIGTERM', 'killAfterMs': 300}");
    bench_wait_lines("c", 2);
    bench_command("StopContainer", "{'task': 'T', 'container': 'c', 'signal': 'SIGTERM', 'killAfterMs': 30000}");
    assert_exited("c", KILLED);
    assert_true(time_mono_ms() - began < 20000);
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench_lines("c")->len, 2);
}

static void test_remove_running(void **state)
{
    (void)state;
    int pidfds[2];
    bench_run("c", "trap `` TERM; echo ready; while :; do sleep 1000; done");
    bench_wait_lines("c", 1);
    processes_of("c", pidfds);
    assert_int_equal(bench_command("RemoveTask", "{'task': 'T'}"), 200);
    bench_wait_end(pidfds[0]);
    bench_wait_end(pidfds[1]);
    assert_int_not_equal(access(arena_printf(bench.arena, "%s/state/runner/T", bench.dir).ptr, F_OK), 0);
    bench_command("StartContainer", "{'task': 'U', 'container': 'd', 'command': ['true']}");
    bench_report("ContainerDrained", "d");
    assert_int_equal(bench_count_reports("ContainerStopped", "c"), 0);
}

static bool is_asked(const void *context)
{
    (void)context;
    return bench.held.len > 0;
}

static void test_stop_before_start(void **state)
{
    (void)state;
    bench.hold_streams = true;
    bench_run("c", "echo never");
    bench_wait(is_asked, NULL);
    bench_command("StopContainer", "{'task': 'T', 'container': 'c', 'signal': 'SIGTERM', 'killAfterMs': 100}");
    assert_not_started("c", NULL); /* although logs has not answered */
    bench_release(200);
    assert_int_equal(bench_command("RemoveTask", "{'task': 'T'}"), 200);
    assert_int_equal(bench_lines("c")->len, 0);
}

/* ---- log streams ---- */

static void test_group(void **state)
{
    (void)state;
    bench.no_group = true;
    bench_run("a", "echo x");
    assert_not_started("a",
                       "ResourceInitializationError: failed to validate logger args: create stream has been retried "
                       "1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified "
                       "log group does not exist. : exit status 1");
    bench_run_with("b", "echo x", "", ", 'createGroup': true");
    assert_exited("b", 0);
    assert_int_equal(bench.group_calls, 1);
    bench_report("ContainerDrained", "b");
    assert_line("b", 0, "x");
}

static void test_streams_refused(void **state)
{
    (void)state;
    bench.refuse_streams = 3;
    bench_run("c", "echo x");
    assert_exited("c", 0);
    assert_int_equal(bench.stream_calls, 4);
    assert_true(bench.refused_last_ms - bench.refused_first_ms >= 100); /* not as fast as it can */
}

static void test_logs_away_before(void **state)
{
    (void)state;
    bench_close_logs();
    bench_run("c", "echo x");
    bench_open_logs();
    bench_report("ContainerDrained", "c");
    assert_line("c", 0, "x");
}

/* ---- output ---- */

static void test_long_line(void **state)
{
    (void)state;
    const size_t limit = LIMIT_LOG_EVENT_BYTES - 26;
    bench_run("c", "head -c 307200 /dev/zero | tr `\\0` x; echo; echo; printf end");
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench_lines("c")->len, 3);
    assert_int_equal(bench_lines("c")->items[0].len, limit);
    assert_int_equal(bench_lines("c")->items[1].len, 307200 - limit);
    assert_line("c", 2, "end");
}

/* Bytes that are no UTF-8 grow when they are repaired; an event stays as small as events must be. */
static void test_binary(void **state)
{
    (void)state;
    bench_run("c", "printf `a\\377\\000b\\n`; head -c 300000 /dev/zero | tr `\\0` `\\377`");
    bench_report("ContainerDrained", "c");
    assert_true(bench_lines("c")->len >= 2);
    assert_true(slice_starts(bench_lines("c")->items[0], S("a\xef\xbf\xbd\0b")));
    size_t characters = 0;
    for (size_t i = 1; i < bench_lines("c")->len; i++) {
        assert_true(bench_lines("c")->items[i].len <= LIMIT_LOG_EVENT_BYTES - 26);
        characters += slice_utf8_len(bench_lines("c")->items[i]);
    }
    assert_int_equal(characters, 300000);
}

static void test_many_lines(void **state)
{
    (void)state;
    int64_t began = time_mono_ms();
    bench_run("c", arena_printf(bench.arena, "seq %d", MANY).ptr);
    bench_report("ContainerDrained", "c");
    print_message("%d lines in %lld ms\n", MANY, (long long)(time_mono_ms() - began));
    assert_counted("c", MANY);
}

/* Somebody outside the container holds its pipe. */
static void test_held_pipe(void **state)
{
    (void)state;
    const char *fifo = make_fifo();
    bench_run("c", arena_printf(bench.arena, "echo ready; read x < %s; echo last", fifo).ptr);
    bench_wait_lines("c", 1);
    pid_t command = descendant((pid_t)number_of(bench_report("ContainerStarted", "c"), "pid"));
    int holder = open(arena_printf(bench.arena, "/proc/%d/fd/1", (int)command).ptr, O_WRONLY | O_CLOEXEC);
    assert_true(holder >= 0);
    go(fifo);
    assert_exited("c", 0);
    assert_int_equal(bench_count_reports("ContainerDrained", "c"), 0);
    bench_report("ContainerDrained", "c");
    assert_line("c", 1, "last");
    close(holder);
}

/* What the command leaves in the background dies with it. */
static void test_grandchild(void **state)
{
    (void)state;
    const char *fifo = make_fifo();
    bench_run("c", arena_printf(bench.arena, "setsid sleep 1000 & echo ready; read x < %s", fifo).ptr);
    bench_wait_lines("c", 1);
    int grandchild = pidfd_of(descendant(descendant((pid_t)number_of(bench_report("ContainerStarted", "c"), "pid"))));
    go(fifo);
    assert_exited("c", 0);
    bench_wait_end(grandchild);
    bench_report("ContainerDrained", "c");
}

/* ---- logs away ---- */

static bool has_batches(const void *context)
{
    return bench.batches >= *(const int *)context;
}

static void test_logs_away(void **state)
{
    (void)state;
    const char *fifo = make_fifo();
    bench_run("c", arena_printf(bench.arena, "seq 1000; read x < %s; seq 1001 %d; read x < %s; seq %d %d", fifo, MANY,
                                fifo, MANY + 1, MANY + 1000)
                       .ptr);
    bench_wait_lines("c", 1000);
    bench_close_logs();
    go(fifo);
    bench_open_logs();
    bench.lose_replies = true; /* stored, and then it dies */
    bench_wait_lines("c", 1001);
    bench_close_logs();
    bench.lose_replies = false;
    go(fifo);
    assert_exited("c", 0); /* nobody waits for logs */
    bench_open_logs();
    bench_report("ContainerDrained", "c");
    assert_counted("c", MANY + 1000);
    assert_int_equal(files_in_spool(), 0);
}

/* More than memory may hold: through the file. */
static void test_spool_file(void **state)
{
    (void)state;
    bench_close_logs();
    bench_run("b", "exit");
    bench_open_logs();
    bench_report("ContainerDrained", "b");
    const char *fifo = make_fifo();
    bench_run("c", arena_printf(bench.arena, "echo 1; read x < %s; seq 2 1000000", fifo).ptr);
    bench_wait_lines("c", 1);
    bench_close_logs();
    go(fifo);
    assert_exited("c", 0);
    assert_true(files_in_spool() > 0);
    bench_open_logs();
    bench_report("ContainerDrained", "c");
    assert_counted("c", 1000000);
    assert_int_equal(files_in_spool(), 0);
}

static void test_batches_refused(void **state)
{
    (void)state;
    bench.refuse_batches = 3;
    bench_run("c", "echo x");
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench.batches, 4);
    assert_int_equal(bench_lines("c")->len, 1);
    assert_true(bench.refused_last_ms - bench.refused_first_ms >= 100);
}

/* Logs is there and slow: the command waits, and loses nothing. */
static void test_back_pressure(void **state)
{
    (void)state;
    int one = 1;
    bench.hold_batches = true;
    bench_run("c", "seq 2000000; echo done > /dev/stderr");
    bench_wait(has_batches, &one);
    int pidfds[2];
    processes_of("c", pidfds);
    bench_run("d", "seq 10");
    assert_exited("d", 0); /* the others are not held up */
    assert_int_equal(bench_count_reports("ContainerStopped", "c"), 0);
    bench_release(500);
    bench_report("ContainerDrained", "c");
    assert_int_equal(bench_lines("c")->len, 2000001);
    bench_wait_end(pidfds[0]);
    bench_wait_end(pidfds[1]);
}

static void test_non_blocking(void **state)
{
    (void)state;
    const char *fifo = make_fifo();
    bench_run_with("c", arena_printf(bench.arena, "echo first; read x < %s; seq 1000000; echo last", fifo).ptr, "",
                   ", 'mode': 'non-blocking', 'maxBufferBytes': 100000");
    bench_wait_lines("c", 1);
    bench_close_logs();
    go(fifo);
    assert_exited("c", 0);
    bench_open_logs();
    bench_report("ContainerDrained", "c");
    const struct slice_list *lines = bench_lines("c");
    assert_line("c", lines->len - 1, "last");
    assert_true(lines->len > 1000 && lines->len < 100000); /* about what fits */
}

/* ---- the owner away ---- */

static void test_owner_away(void **state)
{
    (void)state;
    const char *fifo = make_fifo();
    bench_run("c", arena_printf(bench.arena, "echo ready; read x < %s; echo last", fifo).ptr);
    bench_wait_lines("c", 1);
    bench_report("ContainerStarted", "c");
    bench_close_ecs();
    go(fifo);
    bench_wait_lines("c", 2);
    bench_open_ecs();
    bench_report("ContainerDrained", "c");
    assert_exited("c", 0);
    assert_int_equal(bench.reports.len, 4);
}

static void test_owner_cannot_store(void **state)
{
    (void)state;
    bench.refuse_reports = 5;
    bench_run("c", "exit 1");
    bench_report("ContainerDrained", "c");
    static const char *const names[] = {"RunnerStarted", "ContainerStarted", "ContainerStopped", "ContainerDrained"};
    assert_int_equal(bench.reports.len, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(slice_eq(bench.reports.items[i].name, slice_of(names[i])));
}

/* ---- ends ---- */

static void test_killed(void **state)
{
    (void)state;
    int pidfds[2];
    bench_run("c", "sleep 1000 & echo ready; wait");
    bench_wait_lines("c", 1);
    processes_of("c", pidfds);
    bench_signal_runner(SIGKILL);
    bench_runner_end();
    bench_wait_end(pidfds[0]);
    bench_wait_end(pidfds[1]);
}

static void test_supervisor_gone(void **state)
{
    (void)state;
    int pidfds[2];
    bench_run("c", "echo ready; exec sleep 1000");
    bench_wait_lines("c", 1);
    processes_of("c", pidfds);
    close(bench.control);
    bench.control = -1;
    bench_wait_end(pidfds[0]);
    bench_wait_end(pidfds[1]);
    bench_runner_end();
}

static void test_reset(void **state)
{
    (void)state;
    int pidfds[2];
    bench.hold_streams = true;
    bench_run("b", "echo never");
    bench_wait(is_asked, NULL);
    bench.hold_streams = false;
    bench_run("c", "trap `` TERM; echo ready; while :; do sleep 1000; done");
    bench_wait_lines("c", 1);
    processes_of("c", pidfds);
    bench_send("Reset", "{}");
    assert_int_equal(bench_command("Reset", "{}"), 200); /* whoever has asked is answered */
    struct pollfd ended = {.fd = pidfds[1], .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 1);
    close(pidfds[1]);
    struct stat st;
    assert_int_not_equal(stat(arena_printf(bench.arena, "%s/state/runner/T", bench.dir).ptr, &st), 0);
    bench_run("c", "echo again");
    bench_report("ContainerDrained", "c");
    assert_line("c", 1, "again");
    bench_wait_end(pidfds[0]);
}

static void stop_runner(void)
{
    bench_signal_runner(SIGTERM);
    int status = bench_runner_end();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool all_started(const void *context)
{
    return bench_count_reports("RunnerStarted", NULL) >= *(const size_t *)context;
}

static void start_next_runner(void)
{
    size_t starts = bench_count_reports("RunnerStarted", NULL) + 1;
    bench_start_runner();
    bench_wait(all_started, &starts);
}

static void test_terminated(void **state)
{
    (void)state;
    const char *fifo = make_fifo(), *written = make_fifo();
    int one = 1, two = 2;
    bench_run("c", arena_printf(bench.arena, "seq 1000; read x < %s; seq 1001 %d; echo > %s; exec sleep 1000", fifo,
                                MANY, written)
                       .ptr);
    bench_wait_lines("c", 1000);
    bench_close_logs();
    go(fifo);
    int go_on = open(written, O_RDONLY | O_CLOEXEC);
    char byte;
    assert_int_equal(read(go_on, &byte, 1), 1); /* it has written everything */
    close(go_on);
    stop_runner();
    assert_int_equal(files_in_spool(), 1);
    /* The next one is stopped while the output is under way, and the one after it killed. */
    bench.batches = 0;
    bench.hold_batches = true;
    bench_open_logs();
    start_next_runner();
    bench_wait(has_batches, &one);
    stop_runner();
    start_next_runner();
    bench_wait(has_batches, &two);
    bench_signal_runner(SIGKILL);
    bench_runner_end();
    bench.hold_batches = false;
    int removal = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(removal, arena_printf(bench.arena, "%s/state/runner/spool", bench.dir).ptr, IN_DELETE);
    bench_start_runner();
    bench_wait_end(removal);
    assert_counted("c", MANY);
    stop_runner();
    assert_int_equal(files_in_spool(), 0);
}

/* ---- many ---- */

static bool all_drained(const void *context)
{
    return bench_count_reports("ContainerDrained", NULL) >= *(const size_t *)context;
}

static void test_many_containers(void **state)
{
    (void)state;
    enum { CONTAINERS = 200 };
    const char *fifo = make_fifo();
    size_t all = CONTAINERS;
    int64_t began = time_mono_ms();
    for (int i = 0; i < CONTAINERS; i++)
        bench_run(arena_printf(bench.arena, "c%d", i).ptr,
                  arena_printf(bench.arena, "echo ready; exec cat %s", fifo).ptr);
    for (int i = 0; i < CONTAINERS; i++)
        bench_wait_lines(arena_printf(bench.arena, "c%d", i).ptr, 1);
    print_message("%d containers in %lld ms\n", CONTAINERS, (long long)(time_mono_ms() - began));
    for (int i = 0; i < CONTAINERS; i++)
        bench_send("StopContainer", "{'task': 'T', 'container': 'c%d', 'signal': 'SIGKILL', 'killAfterMs': 1}", i);
    bench_wait(all_drained, &all);
    assert_int_equal(bench_count_reports("ContainerStopped", NULL), CONTAINERS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        TEST(normal),
        TEST(user),
        TEST(no_log),
        TEST(not_startable),
        TEST(bad_limits),
        TEST(bad_commands),
        TEST(twice),
        TEST(stop),
        TEST(stop_twice),
        TEST(remove_running),
        TEST(stop_before_start),
        TEST(group),
        TEST(streams_refused),
        TEST(logs_away_before),
        TEST(long_line),
        TEST(binary),
        TEST(many_lines),
        TEST(held_pipe),
        TEST(grandchild),
        TEST(logs_away),
        TEST(spool_file),
        TEST(batches_refused),
        TEST(back_pressure),
        TEST(non_blocking),
        TEST(owner_away),
        TEST(owner_cannot_store),
        TEST(killed),
        TEST(supervisor_gone),
        TEST(reset),
        TEST(terminated),
        TEST(many_containers),
    };
    if (argc < 2) {
        fprintf(stderr, "usage: %s AWSSIM-RUNNER [TEST]\n", argv[0]);
        return 2;
    }
    bench_use(argv[1]);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
