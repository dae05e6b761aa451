/* Tests of the whole supervisor with fake programs (test_fake.c): it runs in a child of the test and is talked to over
 * its control socket. The test is a subreaper: what a supervisor leaves behind becomes its child. */
#include "supervisor/supervisor.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/listener.h"
#include "common/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { MAX_PROGRAMS = 4, START_LIMIT_MS = 10000, STOP_LIMIT_MS = 10000, PATIENCE_MS = 30000, FILE_BYTES = 1 << 20 };

static const char *fake;

struct fixture {
    struct arena *arena;
    const char *dir;
    struct child_program programs[MAX_PROGRAMS];
    size_t count;
    pid_t pid;
    int listen_fd;
    int starter_fd;
};

static const char *below(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->dir, name).ptr;
}

static struct child_program *add(struct fixture *f, const char *name, const char *mode, const char *argument)
{
    const char **argv = arena_array(f->arena, 4, sizeof(*argv));
    argv[0] = fake;
    argv[1] = mode;
    argv[2] = argument;
    struct child_program *program = &f->programs[f->count++];
    *program = (struct child_program){
        name, (char *const *)(uintptr_t)argv, CHILD_STOPS_NEXT, START_LIMIT_MS, STOP_LIMIT_MS, false};
    return program;
}

/* What the starter is told, up to the end of file or the first line. */
static slice hear(struct fixture *f)
{
    struct buf text;
    buf_init(&text, f->arena);
    ssize_t n = 1;
    while (n > 0 && !memchr(text.ptr ? text.ptr : "", '\n', text.len)) {
        n = read(f->starter_fd, buf_reserve(&text, 1024), 1024);
        text.len += n > 0 ? (size_t)n : 0;
    }
    return buf_slice(&text);
}

static slice run(struct fixture *f)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    f->pid = fork();
    if (f->pid == 0) {
        struct supervisor_setup setup = {.programs = f->programs,
                                         .count = f->count,
                                         .endpoint = "http://test",
                                         .state_dir = f->dir,
                                         .run_dir = f->dir,
                                         .log_dir = f->dir,
                                         .listen_fd = f->listen_fd,
                                         .parts_fd = -1,
                                         .starter_fd = ends[1]};
        _exit(supervisor_run(&setup));
    }
    close(ends[1]);
    f->starter_fd = ends[0];
    return hear(f);
}

static int exit_code(struct fixture *f)
{
    int status = 0;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Waits for all that has become ours; nothing may be left that does not end. */
static void assert_nothing_left(void)
{
    alarm(PATIENCE_MS / 1000);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    alarm(0);
}

static int dial(struct fixture *f, const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", f->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fdio_write_all(fd, slice_of(line)), 0);
    return fd;
}

static slice answer(struct fixture *f, int fd)
{
    struct buf text;
    buf_init(&text, f->arena);
    for (ssize_t n = 1; n > 0; text.len += n > 0 ? (size_t)n : 0)
        n = read(fd, buf_reserve(&text, 1024), 1024);
    close(fd);
    return buf_slice(&text);
}

static slice ask(struct fixture *f, const char *line)
{
    return answer(f, dial(f, line));
}

static void assert_has(slice text, const char *part)
{
    if (slice_find(text, slice_of(part)) < 0)
        fail_msg("'%s' is not in '%.*s'", part, SLICE_ARG(text));
}

static slice file(struct fixture *f, const char *name)
{
    slice content = S("");
    fdio_read_file(f->arena, below(f, name), FILE_BYTES, &content);
    return content;
}

/* The status line of one process. */
static slice status_of(struct fixture *f, const char *process)
{
    assert_true(slice_eq(ask(f, "status\n"), S("ok\n")));
    slice line, rest = file(f, "status.json");
    slice wanted = arena_printf(f->arena, "{\"process\":\"%s\",", process);
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_starts(line, wanted))
            return line;
    }
    fail_msg("no status of %s", process);
    return S("");
}

static int64_t pid_of(struct fixture *f, const char *process)
{
    slice line = status_of(f, process), head, value = S("");
    ssize_t at = slice_find(line, S("\"pid\":"));
    int64_t pid = 0;
    slice_cut(slice_sub(line, (size_t)at + strlen("\"pid\":"), line.len), ',', &value, &head);
    slice_to_int64(value, &pid);
    return pid;
}

/* For a change that nobody announces to a client. */
static void await(struct fixture *f, const char *process, const char *part)
{
    int64_t deadline_ms = time_mono_ms() + PATIENCE_MS;
    while (slice_find(status_of(f, process), slice_of(part)) < 0) {
        if (time_mono_ms() > deadline_ms)
            assert_has(status_of(f, process), part);
        usleep(2000);
    }
}

static void stop(struct fixture *f)
{
    assert_true(slice_eq(ask(f, "stop\n"), S("ok\n")));
    assert_int_equal(exit_code(f), 0);
    assert_nothing_left();
}

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof(*f));
    f->arena = arena;
    char *dir = arena_copy(arena, "/tmp/supervisor-XXXXXX", sizeof("/tmp/supervisor-XXXXXX"));
    f->dir = mkdtemp(dir);
    f->listen_fd = f->starter_fd = -1;
    *state = f;
    return f->dir ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fdio_cleanup(&f->starter_fd);
    fdio_cleanup(&f->listen_fd);
    fdio_remove_tree(f->dir);
    arena_close(f->arena);
    return 0;
}

static void starts_and_stops(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    add(f, "two", "good", NULL);
    assert_true(slice_eq(run(f), S("ready http://test\n")));
    assert_true(slice_eq(ask(f, "ping\n"), S("ok\n")));
    assert_true(slice_eq(ask(f, "wait\n"), S("ok\n")));
    assert_has(status_of(f, "one"), "\"state\":\"READY\"");
    assert_has(status_of(f, "two"), "\"restarts\":0,\"memory_bytes\":");
    assert_has(status_of(f, "supervisor"), "\"state\":\"READY\"");
    assert_int_equal(pid_of(f, "supervisor"), f->pid);
    stop(f);
    assert_int_not_equal(access(below(f, "control"), F_OK), 0);
    assert_int_not_equal(access(below(f, "status.json"), F_OK), 0);
}

static void stops_in_order(void **state)
{
    struct fixture *f = *state;
    const char *journal = below(f, "journal");
    add(f, "runner", "journal", journal)->stop_rank = CHILD_STOPS_LAST;
    add(f, "worker", "journal", journal)->stop_rank = CHILD_STOPS_NEXT;
    add(f, "router", "journal", journal)->stop_rank = CHILD_STOPS_FIRST;
    run(f);
    slice expected = arena_printf(f->arena, "%d\n%d\n%d\n", (int)pid_of(f, "router"), (int)pid_of(f, "worker"),
                                  (int)pid_of(f, "runner"));
    stop(f);
    slice content = file(f, "journal");
    assert_true(slice_eq(content, expected));
}

static void sigterm_stops(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    run(f);
    kill(f->pid, SIGTERM);
    assert_int_equal(exit_code(f), 0);
    assert_nothing_left();
}

static void a_second_signal_does_not_wait(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "stubborn", NULL)->stop_limit_ms = 10 * PATIENCE_MS;
    run(f);
    kill(f->pid, SIGINT);
    await(f, "one", "\"state\":\"STOPPING\"");
    kill(f->pid, SIGINT);
    assert_int_equal(exit_code(f), 0);
    assert_nothing_left();
}

static void the_stubborn_are_killed(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "stubborn", NULL)->stop_limit_ms = 50;
    run(f);
    stop(f);
}

static void refusal_fails_the_start(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    add(f, "two", "refuses", NULL);
    slice said = run(f);
    assert_has(said, "failed awssim could not start: two ended (exit code 100). It said:");
    assert_has(said, "the port is taken\n");
    assert_int_equal(exit_code(f), 1);
    assert_nothing_left();
}

static void two_bad_starts_fail_the_start(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "dies", NULL);
    slice said = run(f);
    assert_has(said, "failed awssim could not start: one ended (exit code 1). It said:");
    assert_has(said, "first words\nlast words\n");
    assert_int_equal(exit_code(f), 1);
    slice content = file(f, "one.log");
    assert_true(slice_eq(content, S("first words\nlast words\nfirst words\nlast words\n")));
}

static void silence_fails_the_start(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "silent", NULL)->start_limit_ms = 50;
    slice said = run(f);
    assert_has(said, "was not ready within");
    assert_int_equal(exit_code(f), 1);
    assert_nothing_left();
}

static void a_missing_program_fails_the_start(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {"/nonexistent/program", NULL};
    add(f, "one", "good", NULL)->argv = (char *const *)(uintptr_t)argv;
    slice said = run(f);
    assert_has(said, "cannot run /nonexistent/program: No such file or directory");
    assert_int_equal(exit_code(f), 1);
}

static void comes_back_after_kill(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    add(f, "two", "good", NULL);
    run(f);
    int64_t one = pid_of(f, "one"), two = pid_of(f, "two");
    kill((pid_t)one, SIGKILL);
    await(f, "one", "\"restarts\":1,");
    assert_true(slice_eq(ask(f, "wait\n"), S("ok\n")));
    assert_has(status_of(f, "one"), "\"last_end\":\"killed by signal 9 (Killed)\"");
    assert_int_not_equal(pid_of(f, "one"), one);
    assert_int_equal(pid_of(f, "two"), two);
    stop(f);
}

static void restarts_on_request(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    add(f, "two", "refuses-later", below(f, "mark"));
    run(f);
    int64_t one = pid_of(f, "one");
    assert_true(slice_eq(ask(f, "restart one\n"), S("ok\n")));
    assert_int_not_equal(pid_of(f, "one"), one);
    assert_has(status_of(f, "one"), "\"last_end\":null");
    assert_has(ask(f, "restart nonsense\n"), "error there is no process 'nonsense'; there are: one, two\n");
    slice said = ask(f, "restart two\n");
    assert_has(said, "error two did not come back (exit code 100). It is not tried again");
    assert_has(said, "the port is taken\n");
    assert_has(status_of(f, "two"), "\"state\":\"GIVEN_UP\"");
    unlink(below(f, "mark"));
    assert_true(slice_eq(ask(f, "restart two\n"), S("ok\n")));
    stop(f);
}

static void bad_clients_do_no_harm(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    run(f);
    assert_has(ask(f, "dance\n"), "error unknown command");
    char *longer = arena_alloc(f->arena, 4 * CONTROL_LINE_BYTES);
    memset(longer, 'x', 4 * CONTROL_LINE_BYTES - 1);
    close(dial(f, longer));
    int silent[2 * CONTROL_CLIENTS];
    for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
        silent[i] = dial(f, "");
    for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
        close(silent[i]);
    int64_t deadline_ms = time_mono_ms() + PATIENCE_MS;
    while (!slice_eq(ask(f, "ping\n"), S("ok\n")))
        assert_true(time_mono_ms() < deadline_ms);
    int waiter = dial(f, "wait\n");
    stop(f);
    answer(f, waiter);
}

/* One of them heeds neither signals nor the end of the control socket. */
static void nothing_survives_a_killed_supervisor(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "good", NULL);
    add(f, "two", "stubborn", NULL);
    add(f, "three", "silent", NULL);
    f->pid = 0;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    f->pid = fork();
    if (f->pid == 0) {
        struct supervisor_setup setup = {.programs = f->programs,
                                         .count = f->count,
                                         .endpoint = "http://test",
                                         .state_dir = f->dir,
                                         .run_dir = f->dir,
                                         .log_dir = f->dir,
                                         .listen_fd = f->listen_fd,
                                         .parts_fd = -1,
                                         .starter_fd = ends[1]};
        _exit(supervisor_run(&setup));
    }
    close(ends[1]);
    int64_t deadline_ms = time_mono_ms() + PATIENCE_MS;
    while (access(below(f, "status.json"), F_OK) != 0 && time_mono_ms() < deadline_ms)
        usleep(2000);
    await(f, "two", "\"state\":\"READY\"");
    kill(f->pid, SIGKILL);
    assert_int_equal(exit_code(f), -SIGKILL);
    assert_nothing_left();
}

static void orphans_are_killed(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "parent", NULL);
    run(f);
    slice word = file(f, "one.log");
    int64_t grandchild = 0;
    assert_true(slice_starts(word, S("child ")));
    assert_true(slice_to_int64(slice_trim(slice_sub(word, strlen("child "), word.len)), &grandchild));
    kill((pid_t)pid_of(f, "one"), SIGKILL);
    await(f, "one", "\"restarts\":1,");
    int64_t deadline_ms = time_mono_ms() + PATIENCE_MS;
    while (kill((pid_t)grandchild, 0) == 0) {
        assert_true(time_mono_ms() < deadline_ms);
        usleep(2000);
    }
    stop(f);
}

static void children_inherit_what_is_promised(void **state)
{
    struct fixture *f = *state;
    add(f, "one", "inspect", NULL);
    run(f);
    stop(f);
    slice content = file(f, "one.log");
    assert_true(slice_eq(content, S("descriptors 0 1 2 3 4 5 6\nlistens 0, leader 1, blocked 0 0\nwithout an end\n")));
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* Each process serves one client and ends: the others wait for the next one. Only who listens gets the socket. */
static void connections_wait_for_the_next_process(void **state)
{
    enum { CLIENTS = 2 };
    struct fixture *f = *state;
    slice why;
    assert_int_equal(listener_open(f->arena, S("127.0.0.1"), 0, &f->listen_fd, &why), 0);
    int port = listener_port(f->listen_fd), clients[CLIENTS];
    add(f, "one", "greet", NULL)->listens = true;
    add(f, "two", "inspect", NULL);
    run(f);
    fdio_cleanup(&f->listen_fd);
    f->listen_fd = -1;
    int64_t first = pid_of(f, "one");
    for (size_t i = 0; i < CLIENTS; i++)
        assert_true((clients[i] = connect_to(port)) >= 0);
    assert_true(slice_eq(answer(f, clients[0]), arena_printf(f->arena, "%d\n", (int)first)));
    for (size_t i = 1; i < CLIENTS; i++)
        assert_true(slice_ends(answer(f, clients[i]), S("\n")));
    stop(f);
    assert_int_equal(connect_to(port), -ECONNREFUSED);
    assert_has(file(f, "two.log"), "\nlistens 0,");
}

int main(int argc, char *argv[])
{
    fake = argc > 1 ? argv[1] : "./test_fake";
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#define supervisor_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        supervisor_test(starts_and_stops),
        supervisor_test(stops_in_order),
        supervisor_test(sigterm_stops),
        supervisor_test(a_second_signal_does_not_wait),
        supervisor_test(the_stubborn_are_killed),
        supervisor_test(refusal_fails_the_start),
        supervisor_test(two_bad_starts_fail_the_start),
        supervisor_test(silence_fails_the_start),
        supervisor_test(a_missing_program_fails_the_start),
        supervisor_test(comes_back_after_kill),
        supervisor_test(restarts_on_request),
        supervisor_test(bad_clients_do_no_harm),
        supervisor_test(nothing_survives_a_killed_supervisor),
        supervisor_test(orphans_are_killed),
        supervisor_test(children_inherit_what_is_promised),
        supervisor_test(connections_wait_for_the_next_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
