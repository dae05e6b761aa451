/* child: starts one process with the descriptors it is promised, signals it, and feeds its machine. Leaves waiting for
 * events and deaths to supervisor.c. */
#include "supervisor/child.h"

#include "common/time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_FDS = 7, NO_PROGRAM = 127 };

/* What a child inherits, by its own descriptor number; one that is -1 becomes /dev/null. */
struct inheritance {
    int fds[CHILD_FDS];
};

/* Sources are first moved out of the way of the numbers they are wanted at. */
static bool place_descriptors(struct inheritance from)
{
    for (int i = 0; i < CHILD_FDS; i++) {
        from.fds[i] = fcntl(from.fds[i] < 0 ? from.fds[0] : from.fds[i], F_DUPFD_CLOEXEC, CHILD_FDS);
        if (from.fds[i] < 0)
            return false;
    }
    for (int i = 0; i < CHILD_FDS; i++) {
        if (dup2(from.fds[i], i) != i)
            return false;
    }
    closefrom(CHILD_FDS);
    return true;
}

static void become_ordinary(void)
{
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the new process. The death signal is set before the parent is looked at, so that no moment is uncovered. */
static _Noreturn void run(const struct child_program *program, struct inheritance from, pid_t supervisor)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(0);
    for (const char *const *name = program->without; name && *name; name++)
        unsetenv(*name);
    if (place_descriptors(from)) {
        become_ordinary();
        execv(program->argv[0], program->argv);
    }
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", program->argv[0], strerror(errno));
    _exit(NO_PROGRAM);
}

struct spawn_fds {
    int null_fd;
    int ready[2];   /* ours, theirs */
    int control[2]; /* ours, theirs */
};

static void close_all(struct spawn_fds *f)
{
    int all[] = {f->null_fd, f->ready[0], f->ready[1], f->control[0], f->control[1]};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (all[i] >= 0)
            close(all[i]);
    }
}

static bool open_all(struct spawn_fds *f)
{
    *f = (struct spawn_fds){-1, {-1, -1}, {-1, -1}};
    f->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return f->null_fd >= 0 && pipe2(f->ready, O_CLOEXEC) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->control) == 0;
}

/* The process; 0 when there is none, with errno. */
static pid_t spawn_with(struct child *c, struct spawn_fds *f)
{
    pid_t supervisor = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        int log_fd = c->output.write_fd;
        struct inheritance from = {{f->null_fd, log_fd, log_fd, f->ready[1], f->control[1], c->listen_fd, c->parts_fd}};
        run(c->program, from, supervisor);
    }
    if (pid < 0)
        return 0;
    c->ready_fd = f->ready[0];
    c->parent_fd = f->control[0];
    f->ready[0] = f->control[0] = -1;
    return pid;
}

static bool spawn(struct child *c)
{
    struct spawn_fds f;
    c->pid = open_all(&f) ? spawn_with(c, &f) : 0;
    int error = errno;
    close_all(&f);
    if (c->pid == 0) {
        c->end = (struct child_end){CHILD_NOT_SPAWNED, error};
        return false;
    }
    c->spawns++;
    return true;
}

static void forget(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void act(struct child *c, enum machine_action action)
{
    switch (action) {
    case MACHINE_NOTHING:
        break;
    case MACHINE_SPAWN:
        if (!spawn(c))
            act(c, machine_step(&c->machine, MACHINE_DEATH, time_mono_ms()));
        break;
    case MACHINE_TERMINATE:
        kill(c->pid, SIGTERM);
        break;
    case MACHINE_KILL:
        kill(c->pid, SIGKILL);
        break;
    }
}

int child_open(struct child *child, const struct child_program *program, const char *log_folder, bool echo)
{
    *child = (struct child){.program = program,
                            .ready_fd = -1,
                            .parent_fd = -1,
                            .listen_fd = -1,
                            .parts_fd = -1,
                            .since_ms = time_now_ms()};
    machine_init(&child->machine, program->start_limit_ms, program->stop_limit_ms);
    return output_open(&child->output, log_folder, program->name, echo);
}

void child_close(struct child *child)
{
    forget(&child->ready_fd);
    forget(&child->parent_fd);
    output_close(&child->output);
}

bool child_event(struct child *child, enum machine_event event)
{
    enum machine_state before = child->machine.state;
    unsigned spawns_before = child->spawns;
    if (event == MACHINE_TIMER && before == MACHINE_STARTING)
        child->end = (struct child_end){CHILD_LATE, 0};
    act(child, machine_step(&child->machine, event, time_mono_ms()));
    if (child->machine.state == before && child->spawns == spawns_before)
        return false;
    child->since_ms = time_now_ms();
    return true;
}

bool child_on_readiness(struct child *child)
{
    char byte = 0;
    ssize_t n = read(child->ready_fd, &byte, 1);
    forget(&child->ready_fd);
    /* End of file without a word: the death that follows, or the start limit, will tell. */
    return n == 1 && child_event(child, MACHINE_ANNOUNCE);
}

/* An end that was asked for is no news; a late starter keeps the reason for which it was killed. */
static void note_end(struct child *c, int status)
{
    bool killed_late = c->machine.state == MACHINE_STARTING && c->machine.deadline_ms == 0;
    if (c->machine.state == MACHINE_STOPPING || killed_late)
        return;
    c->end = WIFSIGNALED(status) ? (struct child_end){CHILD_SIGNALLED, WTERMSIG(status)}
                                 : (struct child_end){CHILD_EXITED, WEXITSTATUS(status)};
}

bool child_on_death(struct child *child, int status)
{
    output_finish(&child->output);
    note_end(child, status);
    forget(&child->ready_fd);
    forget(&child->parent_fd);
    child->pid = 0;
    bool refused = WIFEXITED(status) && WEXITSTATUS(status) == CHILD_GIVES_UP;
    return child_event(child, refused ? MACHINE_REFUSAL : MACHINE_DEATH);
}

void child_describe_end(const struct child *child, struct buf *out)
{
    int value = child->end.value;
    switch (child->end.kind) {
    case CHILD_NEVER_ENDED:
        break;
    case CHILD_EXITED:
        buf_printf(out, "exit code %d", value);
        break;
    case CHILD_SIGNALLED:
        buf_printf(out, "killed by signal %d (%s)", value, strsignal(value));
        break;
    case CHILD_LATE:
        buf_printf(out, "was not ready within %lld s", (long long)child->program->start_limit_ms / 1000);
        break;
    case CHILD_NOT_SPAWNED:
        buf_printf(out, "could not be started: %s", strerror(value));
        break;
    }
}
