/* exec: see exec.h. */
#include "runner/exec.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/fdio.h"
#include "common/json.h"
#include "common/listener.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/exec_frame.h"
#include "runner/exec_spawn.h"
#include "runner/stub/plan.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_SESSIONS = 64,
    READ_BYTES = 64 * 1024,
    MOST_WAITING = 256 * 1024, /* in one direction, before the other end has to wait */
    MOST_LAST_BYTES = 4 * 1024 * 1024,
    NOT_FOUND_CODE = 127,
    NOT_EXECUTABLE_CODE = 126,
    FAILED_CODE = 1,
};

/* A command whose terminal is gone has so long to end by itself. */
static const double hang_up_seconds = 2;

enum session_state {
    SESSION_ASKED,    /* nothing is started */
    SESSION_STARTING, /* the stub runs, the command not yet */
    SESSION_RUNNING,
    SESSION_REFUSED, /* the client knows why; the stub may still be there */
    SESSION_ENDED,   /* the client is told the exit code */
};

struct session {
    struct exec_server *server;
    struct session *next, *prev;
    enum session_state state;
    bool terminal;
    pid_t pid; /* of the stub, while there is one */
    ev_io client, to_client, input, outputs[2], status, pidfd;
    ev_timer hang_up;
    struct buf received, answer, pending, complaint;
    bool input_ends; /* when what is pending has been written */
};

struct exec_server {
    struct exec_config config;
    char *path;
    ev_io listener;
    struct session *sessions;
    size_t n_sessions;
    int spare;   /* of listener_accept */
    int program; /* what is executed: a sealed copy of the stub */
};

static void stop_io(struct session *session, ev_io *io)
{
    if (io->fd < 0)
        return;
    ev_io_stop(session->server->config.loop, io);
    close(io->fd);
    io->fd = -1;
}

static void session_free(struct session *session)
{
    struct exec_server *server = session->server;
    ev_io *all[] = {&session->input, &session->outputs[0], &session->outputs[1], &session->status, &session->pidfd};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        stop_io(session, all[i]);
    ev_io_stop(server->config.loop, &session->to_client);
    stop_io(session, &session->client);
    ev_timer_stop(server->config.loop, &session->hang_up);
    buf_deinit(&session->received);
    buf_deinit(&session->answer);
    buf_deinit(&session->pending);
    buf_deinit(&session->complaint);
    if (session->next)
        session->next->prev = session->prev;
    *(session->prev ? &session->prev->next : &server->sessions) = session->next;
    server->n_sessions--;
    free(session);
}

static void signal_stub(struct session *session, int number)
{
    if (session->pidfd.fd >= 0)
        syscall(SYS_pidfd_send_signal, session->pidfd.fd, number, NULL, 0);
}

static void on_hang_up(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    signal_stub(timer->data, PLAN_KILL_SIGNAL);
}

/* Nobody is there any more. With a terminal the kernel tells the command when the other end is closed. */
static void lose_client(struct session *session)
{
    struct ev_loop *loop = session->server->config.loop;
    ev_io_stop(loop, &session->to_client);
    stop_io(session, &session->client);
    stop_io(session, &session->input);
    stop_io(session, &session->outputs[0]);
    stop_io(session, &session->outputs[1]);
    if (session->pid <= 0) {
        session_free(session);
        return;
    }
    if (!session->terminal) {
        signal_stub(session, PLAN_KILL_SIGNAL);
        return;
    }
    signal_stub(session, SIGHUP);
    ev_timer_set(&session->hang_up, hang_up_seconds, 0);
    ev_timer_start(loop, &session->hang_up);
}

/* False: the session is gone, or its client. */
static bool flush(struct session *session)
{
    struct ev_loop *loop = session->server->config.loop;
    while (session->answer.len > 0) {
        ssize_t n = send(session->client.fd, session->answer.ptr, session->answer.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            lose_client(session);
            return false;
        }
        buf_consume(&session->answer, (size_t)n);
    }
    if (session->answer.len > 0) {
        ev_io_start(loop, &session->to_client);
        return true;
    }
    ev_io_stop(loop, &session->to_client);
    if (session->state == SESSION_ENDED || (session->state == SESSION_REFUSED && session->pid <= 0)) {
        session_free(session);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (session->outputs[i].fd >= 0 && session->state == SESSION_RUNNING)
            ev_io_start(loop, &session->outputs[i]);
    }
    return true;
}

static void add_frame(struct session *session, enum exec_kind kind, slice payload)
{
    char head[EXEC_HEAD_BYTES];
    exec_frame_head(head, kind, payload.len);
    buf_add(&session->answer, (slice){head, sizeof(head)});
    buf_add(&session->answer, payload);
}

static void refuse(struct session *session, int code, slice why)
{
    char first = (char)code;
    struct buf payload;
    buf_init(&payload, NULL);
    buf_add(&payload, (slice){&first, 1});
    buf_add(&payload, slice_sub(why, 0, READ_BYTES));
    session->state = SESSION_REFUSED;
    add_frame(session, EXEC_REFUSED, buf_slice(&payload));
    buf_deinit(&payload);
    flush(session);
}

/* What a pipe or a terminal holds: its bytes as a frame. 1: some; 0: none now; -1: its end. */
static int read_output(struct session *session, int which)
{
    static char bytes[READ_BYTES];
    ssize_t n = read(session->outputs[which].fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) /* a terminal without a command answers EIO */
        return -1;
    add_frame(session, which == 0 ? EXEC_OUTPUT : EXEC_ERROR_OUTPUT, (slice){bytes, (size_t)n});
    return 1;
}

static void on_output(struct ev_loop *loop, ev_io *io, int events)
{
    struct session *session = io->data;
    (void)events;
    int which = io == &session->outputs[1];
    if (read_output(session, which) < 0) {
        stop_io(session, io);
        return;
    }
    if (session->answer.len > MOST_WAITING)
        ev_io_stop(loop, io);
    flush(session);
    loop_watch_did(S("output of an exec session"));
}

static void on_to_client(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    flush(io->data);
}

static void on_input(struct ev_loop *loop, ev_io *io, int events)
{
    struct session *session = io->data;
    (void)events;
    while (session->pending.len > 0) {
        ssize_t n = write(io->fd, session->pending.ptr, session->pending.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) { /* it reads no more */
            buf_clear(&session->pending);
            stop_io(session, io);
            break;
        }
        buf_consume(&session->pending, (size_t)n);
    }
    if (session->pending.len < MOST_WAITING && session->client.fd >= 0)
        ev_io_start(loop, &session->client);
    if (session->pending.len > 0 || io->fd < 0)
        return;
    ev_io_stop(loop, io);
    if (session->input_ends && !session->terminal)
        stop_io(session, io);
}

static void watch_fd(struct session *session, ev_io *io, void (*call)(struct ev_loop *, ev_io *, int), int fd)
{
    fdio_set_nonblocking(fd);
    ev_io_init(io, call, fd, EV_READ);
    io->data = session;
    ev_io_start(session->server->config.loop, io);
}

static void set_input(struct session *session, int fd)
{
    fdio_set_nonblocking(fd);
    ev_io_init(&session->input, on_input, fd, EV_WRITE);
    session->input.data = session;
    ev_io_start(session->server->config.loop, &session->input);
}

/* The terminal's other end is both: what is typed is written to a descriptor of its own. */
static void take_terminal(struct session *session, int fd)
{
    int second = fcntl(fd, F_DUPFD_CLOEXEC, 5);
    if (session->outputs[0].fd >= 0 || second < 0) {
        close(fd);
        return;
    }
    fdio_set_nonblocking(fd);
    ev_io_init(&session->outputs[0], on_output, fd, EV_READ);
    session->outputs[0].data = session;
    set_input(session, second);
}

static int code_of(slice complaint)
{
    bool is_program = slice_starts(complaint, S("exec: "));
    if (!is_program)
        return FAILED_CODE;
    return slice_ends(complaint, S("permission denied")) || slice_ends(complaint, S("is a directory"))
               ? NOT_EXECUTABLE_CODE
               : NOT_FOUND_CODE;
}

static void on_started(struct session *session)
{
    struct ev_loop *loop = session->server->config.loop;
    slice complaint = buf_slice(&session->complaint);
    stop_io(session, &session->status);
    if (session->terminal)
        complaint = slice_starts(complaint, S("T")) ? slice_sub(complaint, 1, complaint.len) : complaint;
    if (complaint.len > 0) {
        refuse(session, code_of(complaint), complaint);
        return;
    }
    session->state = SESSION_RUNNING;
    for (int i = 0; i < 2; i++) {
        if (session->outputs[i].fd >= 0)
            ev_io_start(loop, &session->outputs[i]);
    }
    add_frame(session, EXEC_STARTED, S(""));
    flush(session);
}

static void read_status(struct session *session)
{
    char bytes[1024];
    int fd = -1;
    ssize_t n = exec_spawn_receive(session->status.fd, bytes, sizeof(bytes), &fd);
    if (fd >= 0)
        take_terminal(session, fd);
    if (n > 0)
        buf_add(&session->complaint, (slice){bytes, (size_t)n});
    else if (n == 0 || errno != EAGAIN)
        on_started(session);
}

static void on_status(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    read_status(io->data);
}

static void on_end(struct ev_loop *loop, ev_io *io, int events)
{
    struct session *session = io->data;
    siginfo_t info = {0};
    (void)events;
    (void)loop;
    if (waitid(P_PIDFD, (id_t)io->fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return;
    int code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    char text[] = {0, 0, (char)(code >> 8), (char)code};
    /* What it has said at the socket may not have been read yet. */
    while (session->state == SESSION_STARTING)
        read_status(session);
    stop_io(session, io);
    session->pid = 0;
    if (session->client.fd < 0) {
        session_free(session);
        return;
    }
    if (session->state == SESSION_RUNNING) {
        for (int i = 0; i < 2; i++) {
            while (session->outputs[i].fd >= 0 && session->answer.len < MOST_LAST_BYTES && read_output(session, i) > 0)
                ;
            stop_io(session, &session->outputs[i]);
        }
        session->state = SESSION_ENDED;
        add_frame(session, EXEC_EXIT, (slice){text, sizeof(text)});
    }
    flush(session);
    loop_watch_did(S("an exec session's end"));
}

/* What stands behind the last slash of an ARN. */
static slice id_of(slice task)
{
    for (size_t i = task.len; i > 0; i--) {
        if (task.ptr[i - 1] == '/')
            return slice_sub(task, i, task.len);
    }
    return task;
}

static void start(struct session *session, slice body)
{
    struct exec_server *server = session->server;
    struct arena *arena = arena_open();
    struct exec_target target = {0};
    struct exec_spawned made;
    struct val wish;
    slice why = S("");
    if (json_parse(arena, slice_dup(arena, body), &wish, &why) != 0 || wish.type != VAL_OBJECT)
        why = S("the request cannot be read");
    else
        why = server->config.find(server->config.context, id_of(val_get_string(&wish, S("task"))),
                                  val_get_string(&wish, S("container")), &target);
    if (why.ptr) {
        refuse(session, FAILED_CODE, why);
        arena_close(arena);
        return;
    }
    session->terminal = val_get_bool(&wish, S("terminal"), false);
    int result = exec_spawn(arena, server->program, &target, &wish, &made);
    arena_close(arena);
    if (result != 0) {
        refuse(session, FAILED_CODE, slice_of(strerror(-result)));
        return;
    }
    session->state = SESSION_STARTING;
    session->pid = made.pid;
    watch_fd(session, &session->pidfd, on_end, made.pidfd);
    watch_fd(session, &session->status, on_status, made.status);
    if (session->terminal)
        return;
    for (int i = 0; i < 2; i++) {
        fdio_set_nonblocking(made.outputs[i]);
        ev_io_init(&session->outputs[i], on_output, made.outputs[i], EV_READ);
        session->outputs[i].data = session;
    }
    if (made.input >= 0)
        set_input(session, made.input);
}

static void resize(struct session *session, const struct exec_frame *frame)
{
    struct winsize size = {0};
    if (session->terminal && session->outputs[0].fd >= 0 && exec_frame_size(frame, &size.ws_row, &size.ws_col) == 0)
        ioctl(session->outputs[0].fd, TIOCSWINSZ, &size);
}

/* False: this is no client of ours. */
static bool take_frame(struct session *session, const struct exec_frame *frame)
{
    struct ev_loop *loop = session->server->config.loop;
    bool asked = session->state == SESSION_ASKED;
    if (asked != (frame->kind == EXEC_START))
        return false;
    if (frame->kind == EXEC_START) {
        start(session, frame->payload); /* a session that was refused may be gone */
        return true;
    }
    if (frame->kind == EXEC_INPUT && (session->input.fd >= 0 || session->state == SESSION_STARTING))
        buf_add(&session->pending, frame->payload);
    else if (frame->kind == EXEC_INPUT_END)
        session->input_ends = true;
    else if (frame->kind == EXEC_SIZE)
        resize(session, frame);
    else if (frame->kind == EXEC_SIGNAL && frame->payload.len == 1 && session->state == SESSION_RUNNING)
        signal_stub(session, frame->payload.ptr[0] == SIGKILL ? PLAN_KILL_SIGNAL : frame->payload.ptr[0]);
    if (session->input.fd >= 0)
        ev_io_start(loop, &session->input);
    return true;
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
    struct session *session = io->data;
    struct exec_frame frame;
    (void)events;
    ssize_t n = read(io->fd, buf_reserve(&session->received, READ_BYTES), READ_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose_client(session);
        return;
    }
    session->received.len += (size_t)n;
    for (;;) {
        ssize_t taken = exec_frame_parse(buf_slice(&session->received), &frame);
        if (taken == 0)
            break;
        /* The payload is used before the bytes are dropped; a session that has been refused is flushed, and gone. */
        const struct exec_server *server = session->server;
        size_t before = server->n_sessions;
        if (taken < 0 || !take_frame(session, &frame)) {
            lose_client(session);
            return;
        }
        if (server->n_sessions < before)
            return;
        buf_consume(&session->received, (size_t)taken);
    }
    if (session->pending.len > MOST_WAITING)
        ev_io_stop(loop, io);
    loop_watch_did(S("input of an exec session"));
}

/* The folder is closed to others; this holds when somebody has opened it. */
static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct exec_server *server = io->data;
    (void)events;
    int fd = listener_accept(io->fd, &server->spare);
    if (fd < 0)
        return;
    if (!is_own_user(fd) || server->n_sessions >= MAX_SESSIONS) {
        close(fd);
        return;
    }
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        abort();
    session->server = server;
    session->input.fd = session->outputs[0].fd = session->outputs[1].fd = session->status.fd = session->pidfd.fd = -1;
    buf_init(&session->received, NULL);
    buf_init(&session->answer, NULL);
    buf_init(&session->pending, NULL);
    buf_init(&session->complaint, NULL);
    ev_io_init(&session->client, on_client, fd, EV_READ);
    ev_io_init(&session->to_client, on_to_client, fd, EV_WRITE);
    ev_timer_init(&session->hang_up, on_hang_up, hang_up_seconds, 0);
    session->client.data = session->to_client.data = session->hang_up.data = session;
    session->next = server->sessions;
    if (session->next)
        session->next->prev = session;
    server->sessions = session;
    server->n_sessions++;
    ev_io_start(loop, &session->client);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && chmod(path, 0600) == 0 &&
        listen(fd, MAX_SESSIONS) == 0)
        return fd;
    int error = errno;
    fdio_cleanup(&fd);
    errno = error;
    return -1;
}

struct exec_server *exec_open(const struct exec_config *config)
{
    struct exec_server *server = calloc(1, sizeof(*server));
    if (!server || asprintf(&server->path, "%s/exec", config->run_dir) < 0)
        abort();
    server->config = *config;
    server->spare = LISTENER_NO_SPARE;
    server->program = exec_spawn_seal(config->stub);
    int fd = server->program < 0 ? -1 : listen_at(server->path);
    if (fd < 0) {
        int error = errno;
        fdio_cleanup(&server->program);
        free(server->path);
        free(server);
        errno = error;
        return NULL;
    }
    ev_io_init(&server->listener, on_accept, fd, EV_READ);
    server->listener.data = server;
    ev_io_start(config->loop, &server->listener);
    return server;
}

void exec_close(struct exec_server *server)
{
    if (!server)
        return;
    while (server->sessions) {
        struct session *session = server->sessions;
        if (session->pid > 0) {
            signal_stub(session, PLAN_KILL_SIGNAL);
            waitpid(session->pid, NULL, 0);
            session->pid = 0;
        }
        session_free(session);
    }
    ev_io_stop(server->config.loop, &server->listener);
    close(server->listener.fd);
    close(server->program);
    fdio_cleanup(&server->spare);
    unlink(server->path);
    free(server->path);
    free(server);
}
