/* test_bench: see test_bench.h. */
#include "runner/test_bench.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/time.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_S = 60, OK = 200, REFUSED = 400, BROKEN = 500 };

struct bench bench;

extern char **environ;

void bench_use(const char *program)
{
    bench.program = program;
}

/* ---- waiting ---- */

static void on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    bench.late = true;
    ev_break(loop, EVBREAK_ONE);
}

void bench_wait(bench_condition *condition, const void *context)
{
    ev_timer patience;
    ev_now_update(bench.loop);
    ev_timer_init(&patience, on_late, PATIENCE_S, 0);
    ev_timer_start(bench.loop, &patience);
    while (!condition(context) && !bench.late)
        ev_run(bench.loop, EVRUN_ONCE);
    ev_timer_stop(bench.loop, &patience);
    if (bench.late) {
        for (size_t i = 0; i < bench.reports.len; i++)
            print_error("reported: %.*s %.*s\n", SLICE_ARG(bench.reports.items[i].name),
                        SLICE_ARG(json_text(bench.arena, &bench.reports.items[i].body)));
        fail_msg("what the test waits for does not happen");
    }
}

static void on_end(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    ev_io_stop(loop, io);
    *(bool *)io->data = true;
}

static bool is_true(const void *context)
{
    return *(const bool *)context;
}

void bench_wait_end(int pidfd)
{
    bool ended = false;
    ev_io io;
    ev_io_init(&io, on_end, pidfd, EV_READ);
    io.data = &ended;
    ev_io_start(bench.loop, &io);
    bench_wait(is_true, &ended);
    close(pidfd);
}

/* ---- ecs ---- */

static bool seen(struct slice_list *ids, slice id)
{
    list_foreach (old, ids) {
        if (slice_eq(*old, id))
            return true;
    }
    *list_add(bench.arena, ids) = slice_dup(bench.arena, id);
    return false;
}

static void on_ecs(void *context, const struct bus_item *items, size_t count)
{
    (void)context;
    /* What comes together is stored together, or not at all. */
    int status = bench.refuse_reports > 0 ? BROKEN : OK;
    bench.refuse_reports -= status == BROKEN;
    for (size_t i = 0; i < count; i++) {
        const struct msg *msg = &items[i].msg;
        if (msg->kind != MSG_EVENT)
            continue;
        if (status == OK && !seen(&bench.report_ids, msg->event_id)) {
            struct report *report = list_add(bench.arena, &bench.reports);
            slice why;
            report->name = slice_dup(bench.arena, msg->operation);
            assert_int_equal(json_parse(bench.arena, slice_dup(bench.arena, msg->body), &report->body, &why), 0);
        }
        bus_answer(bench.ecs, &items[i].from, &(struct msg){.status = (uint16_t)status});
    }
}

void bench_open_ecs(void)
{
    struct bus_config config = {.loop = bench.loop,
                                .run_dir = arena_printf(bench.arena, "%s/run", bench.dir).ptr,
                                .self = "ecs",
                                .on_batch = on_ecs};
    assert_int_equal(bus_open(&config, &bench.ecs), 0);
    bench.runner = bus_peer(bench.ecs, S("runner"));
}

void bench_close_ecs(void)
{
    if (bench.ecs)
        bus_close(bench.ecs);
    bench.ecs = NULL;
}

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    (void)context;
    bench.replies++;
    bench.status = outcome == BUS_REPLIED ? reply->status : -1;
    bench.reply = outcome == BUS_REPLIED ? slice_dup(bench.arena, reply->body) : S("");
}

static void send_command(const char *name, const char *format, va_list args)
{
    slice body = arena_vprintf(bench.arena, format, args);
    char *text = arena_copy(bench.arena, body.ptr, body.len);
    for (size_t i = 0; i < body.len; i++)
        text[i] = text[i] == '\'' ? '"' : text[i] == '`' ? '\'' : text[i];
    static int64_t number;
    struct msg event = {.kind = MSG_EVENT,
                        .origin = S("ecs"),
                        .service = S("runner"),
                        .operation = slice_of(name),
                        .event_id = arena_printf(bench.arena, "ecs:%lld", (long long)++number),
                        .body = {text, body.len}};
    bus_send(bench.runner, &event, on_answer, NULL);
}

void bench_send(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_command(name, format, args);
    va_end(args);
}

static bool has_replies(const void *context)
{
    return bench.replies >= *(const int *)context;
}

static bool has_variable(struct arena *arena, const char *pid, slice variable)
{
    slice text;
    if (fdio_read_file(arena, arena_printf(arena, "/proc/%s/environ", pid).ptr, 1024 * 1024, &text) != 0)
        return false;
    while (text.len > 0) {
        slice one;
        slice_cut(text, '\0', &one, &text);
        if (slice_eq(one, variable))
            return true;
    }
    return false;
}

size_t bench_open_processes(const char *variable, int *pidfds, size_t max)
{
    struct arena *arena = arena_open();
    DIR *dir = opendir("/proc");
    size_t n = 0;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && n < max; entry = readdir(dir)) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            has_variable(arena, entry->d_name, slice_of(variable)))
            pidfds[n++] = (int)syscall(SYS_pidfd_open, atoi(entry->d_name), 0);
    }
    if (dir)
        closedir(dir);
    arena_close(arena);
    return n;
}

int bench_command(const char *name, const char *format, ...)
{
    int wanted = bench.replies + 1;
    va_list args;
    va_start(args, format);
    send_command(name, format, args);
    va_end(args);
    bench_wait(has_replies, &wanted);
    return bench.status;
}

void bench_run_with(const char *container, const char *script, const char *more, const char *more_log)
{
    struct val text = val_string(slice_of(script));
    slice quoted = json_text(bench.arena, &text);
    char *hidden = arena_copy(bench.arena, quoted.ptr, quoted.len);
    for (size_t i = 0; i < quoted.len; i++)
        hidden[i] = hidden[i] == '\'' ? '`' : hidden[i];
    int status = bench_command("StartContainer",
                               "{'task': 'T', 'container': '%s', 'name': 'main', 'image': 'busybox', %s"
                               "'command': ['sh', '-c', %.*s], 'log': {'account': '123456789012', 'region': "
                               "'us-east-1', 'group': 'g', 'stream': '%s'%s}}",
                               container, more, (int)quoted.len, hidden, container, more_log);
    assert_int_equal(status, OK);
}

void bench_run(const char *container, const char *script)
{
    bench_run_with(container, script, "", "");
}

static const struct val *find_report(const char *name, const char *container, size_t *count)
{
    const struct val *first = NULL;
    *count = 0;
    list_foreach (report, &bench.reports) {
        if (!slice_eq(report->name, slice_of(name)) ||
            (container && !slice_eq(val_get_string(&report->body, S("container")), slice_of(container))))
            continue;
        first = first ? first : &report->body;
        ++*count;
    }
    return first;
}

size_t bench_count_reports(const char *name, const char *container)
{
    size_t count;
    find_report(name, container, &count);
    return count;
}

struct wanted_report {
    const char *name, *container;
};

static bool is_reported(const void *context)
{
    const struct wanted_report *wanted = context;
    return bench_count_reports(wanted->name, wanted->container) > 0;
}

const struct val *bench_report(const char *name, const char *container)
{
    struct wanted_report wanted = {name, container};
    size_t count;
    bench_wait(is_reported, &wanted);
    return find_report(name, container, &count);
}

/* ---- logs ---- */

static struct stream *stream_of(slice name)
{
    list_foreach (stream, &bench.streams) {
        if (slice_eq(stream->name, name))
            return stream;
    }
    struct stream *stream = list_add(bench.arena, &bench.streams);
    stream->name = slice_dup(bench.arena, name);
    return stream;
}

static void store(slice body)
{
    struct val value;
    slice why;
    struct arena *arena = arena_open();
    assert_int_equal(json_parse(arena, slice_dup(arena, body), &value, &why), 0);
    assert_true(slice_eq(val_get_string(&value, S("account")), S("123456789012")));
    assert_true(slice_eq(val_get_string(&value, S("group")), S("g")));
    struct stream *stream = stream_of(val_get_string(&value, S("stream")));
    const struct val *events = val_get(&value, S("events"));
    for (size_t i = 0; i < events->array.len; i++) {
        const struct val *event = &events->array.items[i];
        assert_true(event->array.items[0].integer > 0);
        *list_add(bench.arena, &stream->lines) = slice_dup(bench.arena, event->array.items[1].string);
    }
    arena_close(arena);
}

static void answer_logs(const struct bus_from *from, int status, const char *code)
{
    struct msg reply = {.status = (uint16_t)status, .body = S("{}")};
    if (status != OK) {
        reply.error = slice_of(code);
        reply.body = arena_printf(bench.arena, "{\"__type\":\"%s\",\"message\":\"%s\"}", code,
                                  bench.no_group ? "The specified log group does not exist." : "no.");
    }
    bus_answer(bench.logs, from, &reply);
}

static bool refuse(int *times, const struct bus_from *from)
{
    if (*times == 0)
        return false;
    --*times;
    bench.refused_last_ms = time_mono_ms();
    bench.refused_first_ms = bench.refused_first_ms ? bench.refused_first_ms : bench.refused_last_ms;
    answer_logs(from, BROKEN, "InternalFailure");
    return true;
}

static void run_append(const struct bus_item *item)
{
    bench.batches++;
    if (bench.hold_batches) {
        *list_add(bench.arena, &bench.held) = item->from;
        return;
    }
    if (refuse(&bench.refuse_batches, &item->from))
        return;
    if (!seen(&bench.batch_ids, item->msg.event_id))
        store(item->msg.body);
    if (!bench.lose_replies)
        answer_logs(&item->from, OK, NULL);
}

static void run_create(const struct bus_item *item)
{
    assert_true(slice_eq(item->msg.protocol, S("internal")));
    assert_true(slice_eq(item->msg.region, S("us-east-1")));
    if (slice_eq(item->msg.operation, S("CreateLogGroup"))) {
        bench.group_calls++;
        answer_logs(&item->from, bench.no_group ? OK : REFUSED, "ResourceAlreadyExistsException");
        bench.no_group = false;
        return;
    }
    bench.stream_calls++;
    if (bench.hold_streams)
        *list_add(bench.arena, &bench.held) = item->from;
    else if (!refuse(&bench.refuse_streams, &item->from))
        answer_logs(&item->from, bench.no_group ? REFUSED : OK, "ResourceNotFoundException");
}

static void on_logs(void *context, const struct bus_item *items, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        if (items[i].msg.kind == MSG_EVENT)
            run_append(&items[i]);
        else if (items[i].msg.kind == MSG_REQUEST)
            run_create(&items[i]);
    }
}

void bench_open_logs(void)
{
    struct bus_config config = {.loop = bench.loop,
                                .run_dir = arena_printf(bench.arena, "%s/run", bench.dir).ptr,
                                .self = "logs",
                                .on_batch = on_logs};
    assert_int_equal(bus_open(&config, &bench.logs), 0);
}

void bench_close_logs(void)
{
    if (bench.logs)
        bus_close(bench.logs);
    bench.logs = NULL;
    bench.held.len = 0;
}

void bench_release(int status)
{
    bench.hold_streams = bench.hold_batches = false;
    list_foreach (from, &bench.held)
        answer_logs(from, status, "InternalFailure");
    bench.held.len = 0;
}

const struct slice_list *bench_lines(const char *stream)
{
    return &stream_of(slice_of(stream))->lines;
}

struct wanted_lines {
    const char *stream;
    size_t count;
};

static bool has_lines(const void *context)
{
    const struct wanted_lines *wanted = context;
    return bench_lines(wanted->stream)->len >= wanted->count;
}

void bench_wait_lines(const char *stream, size_t count)
{
    struct wanted_lines wanted = {stream, count};
    bench_wait(has_lines, &wanted);
}

/* ---- the runner ---- */

static int spawn(int ready, int control)
{
    posix_spawn_file_actions_t actions;
    char *argv[] = {strdup(bench.program), strdup(arena_printf(bench.arena, "--state-dir=%s/state", bench.dir).ptr),
                    strdup(arena_printf(bench.arena, "--run-dir=%s/run", bench.dir).ptr), strdup("--images=host"),
                    NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready, 3);
    posix_spawn_file_actions_adddup2(&actions, control, 4);
    int result = posix_spawn(&bench.pid, bench.program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < 4; i++)
        free(argv[i]);
    return result;
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    char byte;
    (void)events;
    ev_io_stop(loop, io);
    *(bool *)io->data = read(io->fd, &byte, 1) == 1 && byte == '\n';
}

/* 3 and 4 of this process are kept taken: no pipe of the test is in the way of the child's. */
static int above(int fd)
{
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    close(fd);
    return higher;
}

void bench_start_runner(void)
{
    int ready[2], control[2];
    bool is_ready = false;
    ev_io io;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    for (int i = 0; i < 2; i++) {
        ready[i] = above(ready[i]);
        control[i] = above(control[i]);
    }
    assert_int_equal(spawn(ready[1], control[1]), 0);
    close(ready[1]);
    close(control[1]);
    bench.control = control[0];
    ev_io_init(&io, on_ready, ready[0], EV_READ);
    io.data = &is_ready;
    ev_io_start(bench.loop, &io);
    bench_wait(is_true, &is_ready);
    close(ready[0]);
}

void bench_signal_runner(int signal_number)
{
    kill(bench.pid, signal_number);
}

int bench_runner_end(void)
{
    int status = 0;
    bench_wait_end((int)syscall(SYS_pidfd_open, bench.pid, 0));
    assert_int_equal(waitpid(bench.pid, &status, 0), bench.pid);
    bench.pid = 0;
    if (bench.control >= 0)
        close(bench.control);
    bench.control = -1;
    return status;
}

static bool is_runner_up(const void *context)
{
    (void)context;
    return bus_peer_up(bench.runner);
}

void bench_wait_runner_up(void)
{
    bench_wait(is_runner_up, NULL);
}

int bench_setup(void **state)
{
    (void)state;
    bench = (struct bench){.program = bench.program, .control = -1, .dir = "/tmp/awssim-runner-XXXXXX"};
    bench.arena = arena_open();
    bench.loop = ev_loop_new(0);
    if (!mkdtemp(bench.dir) || fdio_mkdirs(arena_printf(bench.arena, "%s/run", bench.dir).ptr, 0700) != 0)
        return -1;
    bench_open_ecs();
    bench_open_logs();
    bench_start_runner();
    bench_report("RunnerStarted", NULL);
    bench_wait_runner_up();
    return 0;
}

int bench_teardown(void **state)
{
    (void)state;
    int status = 0;
    if (bench.logs)
        bench_release(OK);
    if (bench.pid) {
        bench_signal_runner(bench.late ? SIGKILL : SIGTERM);
        bench.late = false;
        status = bench_runner_end();
    }
    bench_close_ecs();
    bench_close_logs();
    fdio_remove_tree(bench.dir);
    ev_loop_destroy(bench.loop);
    arena_close(bench.arena);
    return status == 0 ? 0 : -1;
}
