/* exec: a further command in a container that runs. Talks to the runner at the socket "exec" in the run directory
 * (common/exec_frame.h). */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/fdio.h"
#include "common/json.h"
#include "common/exec_frame.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, MOST_WAITING = 256 * 1024, GOES_ON = -1 };

struct exec {
    struct ctl *ctl;
    int socket, signals;
    bool terminal, reads_input;
    struct buf to_runner, from_runner;
    struct termios before; /* of the user's terminal, when it was changed */
    bool changed;
};

static void add_frame(struct exec *exec, enum exec_kind kind, slice payload)
{
    char head[EXEC_HEAD_BYTES];
    exec_frame_head(head, kind, payload.len);
    buf_add(&exec->to_runner, (slice){head, sizeof(head)});
    buf_add(&exec->to_runner, payload);
}

static void add_size(struct exec *exec)
{
    struct winsize size;
    if (!exec->terminal || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0)
        return;
    char payload[] = {(char)(size.ws_row >> 8), (char)size.ws_row, (char)(size.ws_col >> 8), (char)size.ws_col};
    add_frame(exec, EXEC_SIZE, (slice){payload, sizeof(payload)});
}

static struct val environment_of(struct ctl *ctl)
{
    struct val list = val_array();
    list_foreach (variable, &ctl->variables) {
        struct val pair = val_array();
        slice name, value;
        slice_cut(*variable, '=', &name, &value);
        val_push(ctl->arena, &pair, val_string(name));
        val_push(ctl->arena, &pair, val_string(value.ptr ? value : slice_of(getenv(slice_cstr(ctl->arena, name)))));
        val_push(ctl->arena, &list, pair);
    }
    return list;
}

static void add_start(struct exec *exec)
{
    struct ctl *ctl = exec->ctl;
    struct val wish = val_object(), command = val_array();
    for (char *const *word = ctl->words; *word; word++)
        val_push(ctl->arena, &command, val_string(slice_of(*word)));
    val_set(ctl->arena, &wish, S("task"), val_string(ctl->argument));
    if (ctl->second.ptr)
        val_set(ctl->arena, &wish, S("container"), val_string(ctl->second));
    val_set(ctl->arena, &wish, S("command"), command);
    val_set(ctl->arena, &wish, S("environment"), environment_of(ctl));
    if (ctl->user.len > 0)
        val_set(ctl->arena, &wish, S("user"), val_string(ctl->user));
    if (ctl->workdir.len > 0)
        val_set(ctl->arena, &wish, S("workingDirectory"), val_string(ctl->workdir));
    struct winsize size = {0};
    if (exec->terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        val_set(ctl->arena, &wish, S("rows"), val_int(size.ws_row));
        val_set(ctl->arena, &wish, S("columns"), val_int(size.ws_col));
    }
    val_set(ctl->arena, &wish, S("terminal"), val_bool(exec->terminal));
    val_set(ctl->arena, &wish, S("input"), val_bool(exec->reads_input));
    add_frame(exec, EXEC_START, json_text(ctl->arena, &wish));
}

/* Keys go to the command as they are typed. */
static void set_raw(struct exec *exec)
{
    if (!exec->terminal || !exec->reads_input || tcgetattr(STDIN_FILENO, &exec->before) != 0)
        return;
    struct termios raw = exec->before;
    cfmakeraw(&raw);
    exec->changed = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void restore(struct exec *exec)
{
    if (exec->changed)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &exec->before);
    exec->changed = false;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The exit code, or GOES_ON. A signal that ends this program ends the command, as its connection is closed. */
static int take_signal(struct exec *exec)
{
    struct signalfd_siginfo info;
    while (read(exec->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGWINCH)
            return 128 + (int)info.ssi_signo;
        add_size(exec);
    }
    return GOES_ON;
}

static void take_input(struct exec *exec)
{
    static char bytes[READ_BYTES];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR)
        return;
    if (n > 0) {
        add_frame(exec, EXEC_INPUT, (slice){bytes, (size_t)n});
        return;
    }
    exec->reads_input = false;
    add_frame(exec, EXEC_INPUT_END, S(""));
}

static int take_frame(struct exec *exec, const struct exec_frame *frame)
{
    uint32_t code = 0;
    if (frame->kind == EXEC_OUTPUT || frame->kind == EXEC_ERROR_OUTPUT) {
        int fd = frame->kind == EXEC_OUTPUT ? STDOUT_FILENO : STDERR_FILENO;
        return fdio_write_all(fd, frame->payload) == 0 ? GOES_ON : CTL_FAILED;
    }
    if (frame->kind == EXEC_EXIT && exec_frame_number(frame, &code) == 0)
        return (int)(code & 0xff);
    if (frame->kind != EXEC_REFUSED || frame->payload.len == 0)
        return GOES_ON;
    restore(exec);
    say(CTL_FAILED, "%.*s", SLICE_ARG(slice_sub(frame->payload, 1, frame->payload.len)));
    return (unsigned char)frame->payload.ptr[0];
}

static int lost(struct exec *exec)
{
    restore(exec);
    return (int)say(CTL_FAILED, "the connection to the runner is lost: it is being started again, and with it end all "
                                "tasks");
}

static int take_answer(struct exec *exec)
{
    struct exec_frame frame;
    ssize_t n = read(exec->socket, buf_reserve(&exec->from_runner, READ_BYTES), READ_BYTES);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return GOES_ON;
    if (n <= 0)
        return lost(exec);
    exec->from_runner.len += (size_t)n;
    for (;;) {
        ssize_t taken = exec_frame_parse(buf_slice(&exec->from_runner), &frame);
        if (taken == 0)
            return GOES_ON;
        if (taken < 0)
            return lost(exec);
        int code = take_frame(exec, &frame);
        if (code != GOES_ON)
            return code;
        buf_consume(&exec->from_runner, (size_t)taken);
    }
}

static int send_some(struct exec *exec)
{
    ssize_t n = send(exec->socket, exec->to_runner.ptr, exec->to_runner.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return GOES_ON; /* what the runner has still said is read first */
    if (n > 0)
        buf_consume(&exec->to_runner, (size_t)n);
    return GOES_ON;
}

static int talk(struct exec *exec)
{
    for (int code = GOES_ON;;) {
        bool reads = exec->reads_input && exec->to_runner.len < MOST_WAITING;
        struct pollfd polled[] = {
            {exec->socket, (short)(POLLIN | (exec->to_runner.len > 0 ? POLLOUT : 0)), 0},
            {exec->signals, POLLIN, 0},
            {reads ? STDIN_FILENO : -1, POLLIN, 0},
        };
        if (poll(polled, sizeof(polled) / sizeof(*polled), -1) < 0 && errno != EINTR)
            return (int)say(CTL_FAILED, "%s", strerror(errno));
        if (polled[1].revents)
            code = take_signal(exec);
        if (code == GOES_ON && (polled[0].revents & POLLOUT))
            code = send_some(exec);
        if (code == GOES_ON && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)))
            code = take_answer(exec);
        if (code == GOES_ON && polled[2].revents)
            take_input(exec);
        if (code != GOES_ON)
            return code;
    }
}

static int dial(const struct instance *instance)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof(address.sun_path), "%.*s/exec", SLICE_ARG(instance->run_dir)) >=
        (int)sizeof(address.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    fdio_cleanup(&fd);
    return -error;
}

enum ctl_exit exec_run(struct ctl *ctl)
{
    struct instance instance;
    struct exec exec = {.ctl = ctl};
    if (!ctl->argument.ptr || !ctl->words || !ctl->words[0])
        return say(CTL_USAGE, "name a task, and behind -- a command: %s exec TASK [CONTAINER] -- COMMAND [ARGUMENT…]",
                   ctl->program);
    if (!instance_find(ctl, &instance))
        return say_not_running(ctl);
    exec.terminal = ctl->options & CTL_TTY;
    exec.reads_input = ctl->options & CTL_INTERACTIVE;
    if (exec.terminal && exec.reads_input && !isatty(STDIN_FILENO))
        return say(CTL_USAGE, "--tty with --interactive needs a terminal as standard input");
    exec.socket = dial(&instance);
    if (exec.socket == -ECONNREFUSED || exec.socket == -ENOENT)
        return say(CTL_FAILED, "the runner is not there: it is being started again; `%s status` shows it",
                   ctl->program);
    if (exec.socket < 0)
        return say(CTL_FAILED, "the runner cannot be reached: %s", strerror(-exec.socket));
    buf_init(&exec.to_runner, NULL);
    buf_init(&exec.from_runner, NULL);
    exec.signals = open_signals();
    add_start(&exec);
    set_raw(&exec);
    int code = talk(&exec);
    restore(&exec);
    buf_deinit(&exec.to_runner);
    buf_deinit(&exec.from_runner);
    close(exec.signals);
    close(exec.socket);
    return (enum ctl_exit)code;
}
