/* reap: the stub's end, noticed by its pidfd; its status pipe; signals and the kill timer. */
#include "runner/runner.h"

#include "common/fdio.h"
#include "common/loop_watch.h"
#include "runner/stub/plan.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stub that was told to kill its container has so long. */
static const double stub_seconds = 2;

static void stop_io(struct ev_loop *loop, ev_io *io)
{
    if (io->fd < 0)
        return;
    ev_io_stop(loop, io);
    close(io->fd);
    io->fd = -1;
}

static void read_status(struct container *container)
{
    char bytes[1024];
    for (;;) {
        ssize_t n = read(container->status.fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (n == 0)
            break;
        buf_add(&container->status_text, (slice){bytes, (size_t)n});
    }
    stop_io(container->runner->loop, &container->status);
    container_command_runs(container);
}

static void on_status(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    read_status(io->data);
    loop_watch_did(S("a container's start"));
}

static void on_end(struct ev_loop *loop, ev_io *io, int events)
{
    struct container *container = io->data;
    siginfo_t info = {0};
    (void)events;
    if (waitid(P_PIDFD, (id_t)io->fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return;
    /* The status pipe may have more to say than has been read. When it has said nothing before a stop was asked, the
     * command has not run. */
    if (container->status.fd >= 0 && !container->stop_asked)
        read_status(container);
    stop_io(loop, &container->status);
    stop_io(loop, io);
    ev_timer_stop(loop, &container->kill_timer);
    container_exited(container, info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
    loop_watch_did(S("a container's end"));
}

void reap_watch(struct container *container, int pidfd, int status_fd)
{
    fdio_set_nonblocking(status_fd);
    ev_io_init(&container->pidfd, on_end, pidfd, EV_READ);
    ev_io_init(&container->status, on_status, status_fd, EV_READ);
    container->pidfd.data = container->status.data = container;
    ev_io_start(container->runner->loop, &container->pidfd);
    ev_io_start(container->runner->loop, &container->status);
}

static void send_signal(struct container *container, int signal_number)
{
    if (container->pidfd.fd >= 0)
        syscall(SYS_pidfd_send_signal, container->pidfd.fd, signal_number, NULL, 0);
}

static void set_timer(struct container *container, void (*on_time)(struct ev_loop *, ev_timer *, int), double seconds)
{
    ev_timer_stop(container->runner->loop, &container->kill_timer);
    if (container->pidfd.fd < 0)
        return;
    ev_timer_init(&container->kill_timer, on_time, seconds, 0);
    container->kill_timer.data = container;
    ev_now_update(container->runner->loop);
    ev_timer_start(container->runner->loop, &container->kill_timer);
}

static void on_stub_stuck(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    send_signal(timer->data, SIGKILL);
}

static void on_kill(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    reap_signal(timer->data, SIGKILL);
}

void reap_signal(struct container *container, int signal_number)
{
    if (signal_number == SIGKILL)
        set_timer(container, on_stub_stuck, stub_seconds);
    send_signal(container, signal_number == SIGKILL ? PLAN_KILL_SIGNAL : signal_number);
}

void reap_kill_after(struct container *container, int64_t ms)
{
    set_timer(container, on_kill, (double)ms / 1000);
}

void reap_unwatch(struct container *container)
{
    stop_io(container->runner->loop, &container->status);
    stop_io(container->runner->loop, &container->pidfd);
    ev_timer_stop(container->runner->loop, &container->kill_timer);
}
