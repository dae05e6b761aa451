/* Tests of bus: between this process and others, which are this executable again ("server" or "client" as the first
 * argument). What a server does with a request, the request's operation says. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "common/limits.h"
#include "common/time.h"
#include "proto/bus.h"
#include "proto/bus_wire.h"

enum { PATIENCE_S = 60, MIB = 1024 * 1024, MAX_LATE = 64 };

extern char **environ;

slice __real_msg_build_id(void);
slice __wrap_msg_build_id(void);

slice __wrap_msg_build_id(void)
{
    const char *other = getenv("TEST_BUILD_ID");
    return other ? slice_of(other) : __real_msg_build_id();
}

/* ---- the other process ---- */

struct server {
    struct bus *bus;
    struct bus_from late[MAX_LATE];
    size_t n_late;
    int cancels;
    char *big; /* 40 MiB */
};

static void answer(struct server *s, const struct bus_item *item, int status, slice body)
{
    bus_answer(s->bus, &item->from, &(struct msg){.status = (uint16_t)status, .body = body});
}

static void answer_late(struct server *s)
{
    while (s->n_late > 0) {
        s->n_late--;
        bus_answer(s->bus, &s->late[s->n_late], &(struct msg){.status = 200, .body = S("late")});
    }
}

static void serve(struct server *s, const struct bus_item *item, size_t count)
{
    const struct msg *m = &item->msg;
    slice op = m->operation;
    if (m->kind == MSG_CANCEL)
        s->cancels++;
    else if (slice_eq(op, S("echo")))
        answer(s, item, 200, m->body);
    else if (slice_eq(op, S("batch")))
        answer(s, item, (int)count, S(""));
    else if (slice_eq(op, S("late")))
        s->late[s->n_late++] = item->from;
    else if (slice_eq(op, S("release")))
        answer_late(s);
    else if (slice_eq(op, S("cancels")))
        answer(s, item, s->cancels, S(""));
    else if (slice_eq(op, S("broken")))
        answer(s, item, (int)bus_broken(s->bus), S(""));
    else if (slice_eq(op, S("big")))
        answer(s, item, 200, (slice){s->big, 40 * MIB});
    else if (slice_eq(op, S("die")))
        raise(SIGKILL);
    if (slice_eq(op, S("release")))
        answer(s, item, 200, S(""));
}

static void serve_batch(void *context, const struct bus_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        serve(context, &items[i], count);
}

static void end_loop(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)w, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static int server_main(const char *run_dir, const char *name)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct server s = {.big = calloc(1, 40 * MIB)};
    struct bus_config config = {.loop = loop, .run_dir = run_dir, .self = name, .on_batch = serve_batch, .context = &s};
    ev_signal term;
    ev_signal_init(&term, end_loop, SIGTERM);
    ev_signal_start(loop, &term);
    bus_process_init();
    if (bus_open(&config, &s.bus) != 0)
        return 1;
    ev_run(loop, 0);
    bus_close(s.bus);
    free(s.big);
    return 0;
}

/* Stops itself (as a debugger would) at its first answer, with many more on the way; then takes them all. */
enum { SLOW_CALLS = 100 };

static void slow_reply(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    int *left = context;
    if (outcome != BUS_REPLIED || reply->body.len != MIB)
        _exit(2);
    if ((*left)-- == SLOW_CALLS)
        raise(SIGSTOP);
}

static int client_main(const char *run_dir)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct bus_config config = {.loop = loop, .run_dir = run_dir, .self = "client"};
    struct bus *bus;
    if (bus_open(&config, &bus) != 0)
        return 1;
    char *body = calloc(1, MIB);
    int left = SLOW_CALLS;
    for (int i = 0; i < SLOW_CALLS; i++)
        bus_send(bus_peer(bus, S("server")),
                 &(struct msg){.kind = MSG_REQUEST, .operation = S("echo"), .body = {body, MIB}}, slow_reply, &left);
    while (left > 0)
        ev_run(loop, EVRUN_ONCE);
    bus_close(bus);
    free(body);
    return 0;
}

/* ---- this process ---- */

static struct ev_loop *running_loop;

struct fixture {
    char dir[32];
    struct ev_loop *loop;
    struct bus *bus;
    struct bus_peer *server;
    pid_t pid; /* the server's; 0: none */
    int ups, downs;
};

static pid_t spawn(const struct fixture *f, const char *role, const char *build_id)
{
    char program[] = "/proc/self/exe";
    char *argv[] = {program, strdup(role), strdup(f->dir), NULL};
    if (build_id)
        setenv("TEST_BUILD_ID", build_id, 1);
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
    unsetenv("TEST_BUILD_ID");
    free(argv[1]);
    free(argv[2]);
    return pid;
}

static void on_patience_end(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)w, (void)events;
    fprintf(stderr, "what the test waits for does not happen\n");
    abort();
}

/* Runs the loop until *value is at least goal. */
static void run_until(struct fixture *f, const int *value, int goal)
{
    ev_timer patience;
    ev_timer_init(&patience, on_patience_end, PATIENCE_S, 0);
    ev_now_update(f->loop);
    ev_timer_start(f->loop, &patience);
    while (*value < goal)
        ev_run(f->loop, EVRUN_ONCE);
    ev_timer_stop(f->loop, &patience);
}

static void on_process_end(struct ev_loop *loop, ev_io *w, int events)
{
    (void)events;
    ev_io_stop(loop, w);
    *(int *)w->data = 1;
}

static void run_until_ended(struct fixture *f, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int ended = 0;
    ev_io process;
    ev_io_init(&process, on_process_end, fd, EV_READ);
    process.data = &ended;
    ev_io_start(f->loop, &process);
    run_until(f, &ended, 1);
    close(fd);
}

static void on_peer(void *context, struct bus_peer *peer, bool up)
{
    struct fixture *f = context;
    assert_ptr_equal(peer, f->server);
    assert_int_equal(bus_peer_up(peer), up);
    if (up)
        f->ups++;
    else
        f->downs++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    memcpy(f->dir, "/tmp/test_bus.XXXXXX", sizeof("/tmp/test_bus.XXXXXX"));
    assert_non_null(mkdtemp(f->dir));
    f->loop = running_loop = ev_loop_new(0);
    struct bus_config config = {.loop = f->loop, .run_dir = f->dir, .self = "test", .on_peer = on_peer, .context = f};
    assert_int_equal(bus_open(&config, &f->bus), 0);
    f->server = bus_peer(f->bus, S("server"));
    assert_string_equal(bus_peer_name(f->server), "server");
    *state = f;
    return 0;
}

static void start_server(struct fixture *f)
{
    int ups = f->ups;
    f->pid = spawn(f, "server", NULL);
    run_until(f, &f->ups, ups + 1);
}

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->pid) {
        kill(f->pid, SIGTERM);
        int status = end_of(f->pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    bus_close(f->bus);
    ev_loop_destroy(f->loop);
    char path[64];
    snprintf(path, sizeof path, "%s/server.bus", f->dir);
    unlink(path);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* What came back, over all calls of a test. */
struct outcome {
    int all;
    int count[4]; /* by enum bus_outcome */
    int status;   /* of the last reply */
    size_t bytes;
};

static void on_reply(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    if (outcome == BUS_OVERSIZE) /* told just before the loop goes to sleep */
        ev_break(running_loop, EVBREAK_ONE);
    struct outcome *o = context;
    o->all++;
    o->count[outcome]++;
    assert_int_equal(reply != NULL, outcome == BUS_REPLIED);
    if (!reply)
        return;
    assert_int_equal(reply->kind, MSG_REPLY);
    o->status = reply->status;
    o->bytes += reply->body.len;
}

static uint64_t send_call(struct fixture *f, struct outcome *o, const char *operation, slice body, int64_t deadline_ms)
{
    struct msg msg = {.kind = MSG_REQUEST, .operation = slice_of(operation), .body = body, .deadline_ms = deadline_ms};
    return bus_send(f->server, &msg, on_reply, o);
}

static int ask(struct fixture *f, const char *operation)
{
    struct outcome o = {0};
    send_call(f, &o, operation, S(""), 0);
    run_until(f, &o.all, 1);
    assert_int_equal(o.count[BUS_REPLIED], 1);
    return o.status;
}

static void test_echo(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    send_call(f, &o, "echo", S("before anybody listens"), 0);
    assert_true(bus_queued(f->server) > 22);
    start_server(f);
    run_until(f, &o.all, 1);
    assert_int_equal(o.status, 200);
    assert_int_equal(o.bytes, 22);
    assert_int_equal(bus_queued(f->server), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(f, "echo"), 200);
    assert_int_equal(f->ups, 1);
    assert_int_equal(f->downs, 0);
}

static void test_one_turn_is_one_batch(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    start_server(f);
    for (int i = 0; i < 300; i++)
        send_call(f, &o, "batch", S("x"), 0);
    run_until(f, &o.all, 300);
    assert_int_equal(o.status, 300);
}

static void note_order(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    int **next = context;
    assert_int_equal(outcome, BUS_REPLIED);
    (void)reply;
    *(*next)++ = 1;
}

static void test_late_and_out_of_order(void **state)
{
    struct fixture *f = *state;
    struct outcome late = {0};
    start_server(f);
    for (int i = 0; i < 40; i++)
        send_call(f, &late, "late", S(""), 0);
    assert_int_equal(ask(f, "echo"), 200); /* overtakes all of them */
    assert_int_equal(late.all, 0);
    assert_int_equal(ask(f, "release"), 200);
    run_until(f, &late.all, 40);
    assert_int_equal(late.count[BUS_REPLIED], 40);

    int order[1] = {0};
    int *next = order;
    bus_send(f->server, &(struct msg){.kind = MSG_EVENT, .operation = S("late")}, note_order, &next);
    ask(f, "release");
    run_until(f, order, 1);
}

/* Answers that come one by one, when nothing is asked meanwhile: more of them than any window has room for. */
static void test_many_late_answers(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    start_server(f);
    for (int round = 0; round < 100; round++) {
        send_call(f, &o, "late", S(""), 0);
        bus_send(f->server, &(struct msg){.kind = MSG_EVENT, .operation = S("release")}, NULL, NULL);
        run_until(f, &o.all, round + 1);
    }
    assert_int_equal(o.count[BUS_REPLIED], 100);
}

static void test_peer_dies(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    start_server(f);
    for (int i = 0; i < 5; i++)
        send_call(f, &o, "late", S(""), 0);
    ask(f, "echo");
    send_call(f, &o, "die", S(""), 0);
    ev_run(f->loop, EVRUN_NOWAIT); /* sends it */
    struct outcome unsent = {0};
    for (int i = 0; i < 5; i++)
        send_call(f, &unsent, "echo", S(""), 0);
    run_until(f, &o.all, 6);
    assert_int_equal(o.count[BUS_GONE], 6);
    assert_int_equal(f->downs, 1);
    assert_int_equal(unsent.all, 0);
    assert_int_equal(WTERMSIG(end_of(f->pid)), SIGKILL);
    start_server(f);
    run_until(f, &unsent.all, 5);
    assert_int_equal(unsent.count[BUS_REPLIED], 5);
}

static void test_timeout(void **state)
{
    struct fixture *f = *state;
    struct outcome queued = {0};
    int64_t start_ms = time_mono_ms();
    send_call(f, &queued, "echo", S(""), start_ms + 30);
    run_until(f, &queued.all, 1);
    assert_int_equal(queued.count[BUS_TIMEOUT], 1);
    assert_true(time_mono_ms() >= start_ms + 30);
    assert_int_equal(bus_queued(f->server), 0);

    start_server(f);
    struct outcome o = {0};
    struct outcome patient = {0};
    start_ms = time_mono_ms();
    send_call(f, &patient, "late", S(""), start_ms + 60000);
    send_call(f, &o, "late", S(""), start_ms + 50);
    send_call(f, &o, "late", S(""), start_ms + 20);
    send_call(f, &o, "late", S(""), start_ms - 1000);
    run_until(f, &o.all, 3);
    assert_int_equal(o.count[BUS_TIMEOUT], 3);
    assert_true(time_mono_ms() >= start_ms + 50);
    ask(f, "release"); /* their answers come too late */
    run_until(f, &patient.all, 1);
    assert_int_equal(patient.count[BUS_REPLIED], 1);
    assert_int_equal(o.all, 3);
}

static void test_forget(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    bus_forget(f->server, send_call(f, &o, "late", S(""), 0));
    assert_int_equal(bus_queued(f->server), 0);
    start_server(f);
    assert_int_equal(ask(f, "cancels"), 0);
    uint64_t sent = send_call(f, &o, "late", S(""), 0);
    ask(f, "echo");
    uint64_t unsent = send_call(f, &o, "late", S(""), 0);
    bus_forget(f->server, sent);
    bus_forget(f->server, unsent);
    bus_forget(f->server, unsent);
    assert_int_equal(ask(f, "cancels"), 1);
    ask(f, "release");
    ask(f, "echo");
    assert_int_equal(o.all, 0);
}

static void test_large(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    char *body = calloc(1, 33 * MIB);
    start_server(f);
    for (int i = 0; i < 3; i++) {
        send_call(f, &o, "echo", S("small"), 0);
        send_call(f, &o, "echo", (slice){body, 10 * MIB}, 0);
    }
    run_until(f, &o.all, 6);
    assert_int_equal(o.bytes, 3 * (5 + 10 * MIB));
    send_call(f, &o, "echo", (slice){body, LIMIT_MESSAGE_BYTES - 256}, 0);
    run_until(f, &o.all, 7);
    assert_int_equal(o.count[BUS_REPLIED], 7);
    send_call(f, &o, "echo", (slice){body, LIMIT_MESSAGE_BYTES}, 0);
    assert_int_equal(o.all, 7);
    run_until(f, &o.all, 8);
    assert_int_equal(o.count[BUS_OVERSIZE], 1);
    assert_int_equal(ask(f, "big"), 500);
    assert_int_equal(f->downs, 0);
    free(body);
}

static void test_flood(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    start_server(f);
    for (int i = 0; i < 100000; i++)
        send_call(f, &o, "echo", S("0123456789"), time_mono_ms() + 60000);
    run_until(f, &o.all, 100000);
    assert_int_equal(o.count[BUS_REPLIED], 100000);
    assert_int_equal(o.bytes, 1000000);
    assert_int_equal(bus_queued(f->server), 0);
}

/* A process that is stopped by SIGTERM answers what it has looked at; what it has not, the next one gets. */
static void test_graceful_restart_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    int sent = 0;
    for (int restart = 0; restart < 10; restart++) {
        start_server(f);
        kill(f->pid, SIGTERM);
        for (int downs = f->downs; f->downs == downs; ev_run(f->loop, EVRUN_ONCE)) {
            for (int i = 0; i < 20 && sent - o.all < 1000; i++, sent++)
                send_call(f, &o, "echo", S("x"), 0);
        }
        assert_int_equal(end_of(f->pid), 0);
    }
    start_server(f);
    run_until(f, &o.all, sent);
    assert_int_equal(o.count[BUS_REPLIED], sent);
    assert_int_equal(o.bytes, sent);
}

static void test_slow_reader_blocks_nobody(void **state)
{
    struct fixture *f = *state;
    start_server(f);
    pid_t slow = spawn(f, "client", NULL);
    int status;
    assert_int_equal(waitpid(slow, &status, WUNTRACED), slow);
    assert_true(WIFSTOPPED(status));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(f, "echo"), 200);
    kill(slow, SIGCONT);
    assert_int_equal(end_of(slow), 0);
}

static void test_other_build(void **state)
{
    struct fixture *f = *state;
    start_server(f);
    pid_t client = spawn(f, "client", "another");
    int status = end_of(client);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 100);
    assert_int_equal(ask(f, "echo"), 200);

    kill(f->pid, SIGKILL);
    end_of(f->pid);
    run_until(f, &f->downs, 1);
    pid_t server = spawn(f, "server", "another");
    run_until_ended(f, server); /* the loop must turn for HELLO to be sent */
    status = end_of(server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 100);
    assert_int_equal(f->ups, 1);
    start_server(f);
    assert_int_equal(ask(f, "echo"), 200);
}

/* Takes events until one says that. The wake-up is one for all the events that came since the last. */
static void wait_link(struct bus_wire *wire, int wake, struct bus_wire_event *event, bool up)
{
    uint64_t raised;
    while (!bus_wire_next_event(wire, event) || event->up != up) {
        struct pollfd ready = {.fd = wake, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_S * 1000), 1);
        assert_int_equal(read(wake, &raised, sizeof raised), sizeof raised);
    }
}

/* Garbage ends the connection it came on, and nothing else. */
static void test_garbage(void **state)
{
    struct fixture *f = *state;
    static const char *const garbage[] = {"", "x", "ASIM", "ASIM\1\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0"};
    start_server(f);
    char path[64];
    snprintf(path, sizeof path, "%s/server.bus", f->dir);
    for (int i = 0; i < 4; i++) {
        int wake = eventfd(0, 0);
        struct bus_wire *wire;
        assert_int_equal(bus_wire_open(path, false, wake, &wire), 0);
        assert_int_equal(bus_wire_dial(wire), 0);
        struct bus_wire_event event = {0};
        wait_link(wire, wake, &event, true);
        struct bus_packet packet = {.pipe = event.pipe, .tag = 0x80000001};
        bus_packet_new(&packet, 32);
        bus_packet_append(&packet, garbage[i], i == 3 ? 20 : strlen(garbage[i]));
        assert_int_equal(bus_wire_send(wire, &packet), 0);
        if (i < 3) /* the last is a batch before HELLO: ignored */
            wait_link(wire, wake, &event, false);
        bus_wire_close(wire);
        close(wake);
        assert_int_equal(ask(f, "echo"), 200);
    }
    assert_int_equal(ask(f, "broken"), 3);
    assert_int_equal(f->downs, 0);
}

static void test_cannot_listen(void **state)
{
    struct fixture *f = *state;
    start_server(f);
    struct server s = {0};
    struct bus_config config = {
        .loop = f->loop, .run_dir = f->dir, .self = "server", .on_batch = serve_batch, .context = &s};
    assert_true(bus_open(&config, &s.bus) < 0);
    config.run_dir = "/nowhere/at/all";
    assert_true(bus_open(&config, &s.bus) < 0);
    char long_dir[200];
    memset(long_dir, 'x', sizeof long_dir);
    long_dir[199] = 0;
    config.run_dir = long_dir;
    assert_true(bus_open(&config, &s.bus) < 0);
    assert_int_equal(ask(f, "echo"), 200);
}

int main(int argc, char *argv[])
{
    if (argc > 2)
        return strcmp(argv[1], "server") == 0 ? server_main(argv[2], "server") : client_main(argv[2]);
#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        BUS_TEST(test_echo),
        BUS_TEST(test_one_turn_is_one_batch),
        BUS_TEST(test_late_and_out_of_order),
        BUS_TEST(test_many_late_answers),
        BUS_TEST(test_peer_dies),
        BUS_TEST(test_timeout),
        BUS_TEST(test_forget),
        BUS_TEST(test_large),
        BUS_TEST(test_flood),
        BUS_TEST(test_graceful_restart_loses_nothing),
        BUS_TEST(test_slow_reader_blocks_nobody),
        BUS_TEST(test_other_build),
        BUS_TEST(test_garbage),
        BUS_TEST(test_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
