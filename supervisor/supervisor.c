/* supervisor: the loop that waits for deaths, readiness, output, clients and deadlines, and the order of starting and
 * stopping. What a child does next is machine.c's decision. */
#include "supervisor/supervisor.h"

#include "supervisor/status.h"

#include "common/err.h"
#include "common/fdio.h"
#include "common/log.h"
#include "common/time.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STATUS_DELAY_MS = 50,   /* states that change together are written together */
    BAD_STARTS_ALLOWED = 1, /* in the beginning; one more and the start has failed */
    TAIL_LINES = 5,
    SWEEPS = 20,
    SWEEP_WAIT_MS = 100,
};

/* Places in the poll array. */
enum { POLL_SIGNALS, POLL_INIT, POLL_CONTROL, POLL_CHILDREN = POLL_CONTROL + CONTROL_POLL_FDS };

static void note_change(struct supervisor *s, const struct child *child)
{
    if (s->status_due_ms == 0)
        s->status_due_ms = time_mono_ms() + STATUS_DELAY_MS;
    log_debug("%s is %s", child->program->name, machine_state_name(child->machine.state));
}

void supervisor_event(struct supervisor *supervisor, struct child *child, enum machine_event event)
{
    if (child_event(child, event))
        note_change(supervisor, child);
}

bool supervisor_all_ready(const struct supervisor *supervisor)
{
    list_foreach (child, &supervisor->children) {
        if (child->machine.state != MACHINE_READY)
            return false;
    }
    return true;
}

struct child *supervisor_find(struct supervisor *supervisor, slice name)
{
    list_foreach (child, &supervisor->children) {
        if (slice_eq(slice_of(child->program->name), name))
            return child;
    }
    return NULL;
}

static void begin_stop(struct supervisor *supervisor)
{
    if (!supervisor->stopping)
        log_info("stopping");
    supervisor->stopping = true;
    /* Whoever connects now is refused, and does not wait for an end he would only see as a broken connection. */
    fdio_cleanup(&supervisor->listen_fd);
    supervisor->listen_fd = -1;
}

void supervisor_stop(struct supervisor *supervisor)
{
    supervisor->stop_asked = true;
    if (supervisor->was_ready)
        init_stages_want(&supervisor->init, INIT_SHUTDOWN);
    else
        init_stages_abandon(&supervisor->init);
}

void supervisor_write_status(struct supervisor *supervisor)
{
    struct buf text = {0};
    status_write(supervisor, &text);
    int result = fdio_replace_file(supervisor->status_path, buf_slice(&text), 0600);
    if (result != 0)
        log_warn("cannot write %s: %s", supervisor->status_path, strerror(-result));
    buf_deinit(&text);
    supervisor->status_due_ms = 0;
}

static bool is_ours(const void *owner, pid_t pid)
{
    const struct supervisor *s = owner;
    if (s->init.pid == pid)
        return true;
    list_foreach (child, &s->children) {
        if (child->pid == pid)
            return true;
    }
    return false;
}

static void log_death(const struct child *child)
{
    struct buf why = {0};
    child_describe_end(child, &why);
    log_warn("%s ended unexpectedly: %.*s", child->program->name, SLICE_ARG(buf_slice(&why)));
    buf_deinit(&why);
}

static void on_death(struct supervisor *s, pid_t pid, int status)
{
    list_foreach (child, &s->children) {
        if (child->pid != pid)
            continue;
        bool expected = child->machine.state == MACHINE_STOPPING;
        if (child_on_death(child, status))
            note_change(s, child);
        if (!expected)
            log_death(child);
        return;
    }
}

/* A dead parent's children are ours from that moment on. */
static void reap(struct supervisor *s)
{
    bool any = false;
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        if (!init_stages_on_death(&s->init, pid))
            on_death(s, pid, status);
        any = true;
    }
    if (any)
        orphans_kill(&s->orphans, is_ours, s);
}

/* Somebody has asked twice: nobody gets time to end by himself. */
static void hurry(struct supervisor *s)
{
    init_stages_abandon(&s->init);
    list_foreach (child, &s->children) {
        supervisor_event(s, child, MACHINE_STOP);
        if (child->pid)
            supervisor_event(s, child, MACHINE_TIMER);
    }
}

static void on_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (s->stop_asked)
            hurry(s);
        supervisor_stop(s);
    }
    reap(s);
}

static void tell_starter(struct supervisor *s, slice text)
{
    if (s->setup->starter_fd < 0)
        return;
    fdio_write_all(s->setup->starter_fd, text); /* a starter that has gone needs no answer */
}

static void on_all_ready(struct supervisor *s)
{
    s->was_ready = true;
    struct buf text = {0};
    buf_printf(&text, "ready %s\n", s->setup->endpoint);
    tell_starter(s, buf_slice(&text));
    buf_deinit(&text);
    log_info("ready at %s", s->setup->endpoint);
    /* What tools that know LocalStack wait for. */
    fdio_write_all(STDOUT_FILENO, S("Ready.\n"));
    init_stages_want(&s->init, INIT_READY);
}

static void on_failed_start(struct supervisor *s, const struct child *child)
{
    struct buf text = {0};
    buf_printf(&text, "failed awssim could not start: %s ended (", child->program->name);
    child_describe_end(child, &text);
    slice said = output_tail(&child->output, TAIL_LINES);
    buf_printf(&text, ")%s\n", said.len > 0 ? ". It said:" : " without a word.");
    slice sentence = slice_sub(buf_slice(&text), strlen("failed "), text.len - 1);
    log_error("%.*s%s", SLICE_ARG(sentence), said.len > 0 && s->setup->echo ? " see above" : "");
    buf_add(&text, said);
    tell_starter(s, buf_slice(&text));
    buf_deinit(&text);
    s->failed = true;
    supervisor_stop(s);
}

static void settle_start(struct supervisor *s)
{
    if (supervisor_all_ready(s)) {
        on_all_ready(s);
        return;
    }
    list_foreach (child, &s->children) {
        if (child->machine.state == MACHINE_GIVEN_UP || child->machine.bad_starts > BAD_STARTS_ALLOWED) {
            on_failed_start(s, child);
            return;
        }
    }
}

/* Stops the first rank that still lives; true when all have ended. */
static bool settle_stop(struct supervisor *s)
{
    for (enum child_stop_rank rank = CHILD_STOPS_FIRST; rank < CHILD_STOP_RANKS; rank++) {
        bool alive = false;
        list_foreach (child, &s->children) {
            if (child->program->stop_rank != rank || child->machine.state == MACHINE_DOWN)
                continue;
            supervisor_event(s, child, MACHINE_STOP);
            alive |= child->machine.state != MACHINE_DOWN;
        }
        if (alive)
            return false;
    }
    return true;
}

static void settle_deadlines(struct supervisor *s)
{
    int64_t now_ms = time_mono_ms();
    list_foreach (child, &s->children) {
        if (child->machine.deadline_ms == 0 || child->machine.deadline_ms > now_ms)
            continue;
        if (child->machine.state == MACHINE_STOPPING)
            log_warn("%s has not stopped in time and is killed", child->program->name);
        supervisor_event(s, child, MACHINE_TIMER);
    }
    if (s->status_due_ms && s->status_due_ms <= now_ms)
        supervisor_write_status(s);
}

/* The first init scripts have ended, or there are none. */
static void boot(struct supervisor *s)
{
    s->booted = true;
    list_foreach (child, &s->children)
        supervisor_event(s, child, MACHINE_START);
    init_stages_want(&s->init, INIT_START);
}

/* What follows from the states; true at the end. */
static bool settle(struct supervisor *s)
{
    settle_deadlines(s);
    if (!s->booted && !s->stop_asked && init_stages_idle(&s->init))
        boot(s);
    if (s->booted && !s->was_ready && !s->stop_asked)
        settle_start(s);
    if (s->stop_asked && !s->stopping && init_stages_idle(&s->init))
        begin_stop(s);
    control_settle(s);
    return s->stopping && settle_stop(s);
}

static int poll_timeout(const struct supervisor *s)
{
    int64_t first_ms = s->status_due_ms;
    list_foreach (child, &s->children) {
        int64_t deadline_ms = child->machine.deadline_ms;
        if (deadline_ms && (first_ms == 0 || deadline_ms < first_ms))
            first_ms = deadline_ms;
    }
    if (first_ms == 0)
        return -1;
    int64_t left_ms = first_ms - time_mono_ms();
    return left_ms > 0 ? (int)left_ms : 0;
}

/* Announcements before deaths: who was ready and died has not failed to start. Signals come last, as a new process may
 * get the descriptor numbers of an old one. */
static void turn(struct supervisor *s, struct pollfd *fds)
{
    size_t count = s->children.len;
    fds[POLL_SIGNALS] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    fds[POLL_INIT] = (struct pollfd){.fd = s->init.output.read_fd, .events = POLLIN};
    control_poll(&s->control, &fds[POLL_CONTROL]);
    struct pollfd *outputs = &fds[POLL_CHILDREN], *announcements = outputs + count;
    for (size_t i = 0; i < count; i++) {
        outputs[i] = (struct pollfd){.fd = s->children.items[i].output.read_fd, .events = POLLIN};
        announcements[i] = (struct pollfd){.fd = s->children.items[i].ready_fd, .events = POLLIN};
    }
    if (poll(fds, POLL_CHILDREN + 2 * count, poll_timeout(s)) <= 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct child *child = &s->children.items[i];
        if (outputs[i].revents)
            output_read(&child->output);
        if (announcements[i].revents && child_on_readiness(child))
            note_change(s, child);
    }
    if (fds[POLL_INIT].revents)
        output_read(&s->init.output);
    control_on_poll(s, &fds[POLL_CONTROL]);
    if (fds[POLL_SIGNALS].revents)
        on_signals(s);
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int children_open(struct supervisor *s)
{
    s->children.items = calloc(s->setup->count, sizeof(*s->children.items));
    if (!s->children.items)
        abort();
    for (size_t i = 0; i < s->setup->count; i++) {
        struct child *child = &s->children.items[i];
        TRY(child_open(child, &s->setup->programs[i], s->setup->log_dir, s->setup->echo));
        child->listen_fd = child->program->listens ? s->listen_fd : -1;
        child->parts_fd = s->setup->parts_fd;
        s->children.len++;
    }
    return 0;
}

static void loop(struct supervisor *s)
{
    struct pollfd *fds = calloc(POLL_CHILDREN + 2 * s->setup->count, sizeof(*fds));
    if (!fds)
        abort();
    init_stages_want(&s->init, INIT_BOOT);
    while (!settle(s))
        turn(s, fds);
    free(fds);
}

/* All children have ended; whatever they have left behind ends now. */
static void sweep(struct supervisor *s)
{
    for (int i = 0; i < SWEEPS && orphans_kill(&s->orphans, is_ours, s); i++) {
        struct pollfd p = {.fd = s->signal_fd, .events = POLLIN};
        poll(&p, 1, SWEEP_WAIT_MS);
        on_signals(s);
    }
}

static void clean_up(struct supervisor *s)
{
    sweep(s);
    list_foreach (child, &s->children)
        child_close(child);
    init_stages_close(&s->init);
    free(s->children.items);
    orphans_close(&s->orphans);
    unlink(s->status_path);
    free(s->status_path);
    close(s->signal_fd);
    log_info("stopped");
    control_close(&s->control);
}

static int refuse_start(struct supervisor *s, const char *what, int error)
{
    struct buf text = {0};
    buf_printf(&text, "failed %s: %s\n", what, strerror(error));
    tell_starter(s, buf_slice(&text));
    buf_deinit(&text);
    log_error("%s: %s", what, strerror(error));
    return 1;
}

int supervisor_run(const struct supervisor_setup *setup)
{
    struct supervisor s = {.setup = setup, .began_ms = time_now_ms(), .listen_fd = setup->listen_fd};
    s.signal_fd = signals_open();
    if (s.signal_fd < 0)
        return refuse_start(&s, "cannot watch signals", errno);
    int result = control_open(&s.control, setup->run_dir);
    if (result < 0)
        return refuse_start(&s, "cannot open the control socket in the run directory", -result);
    result = children_open(&s);
    if (result < 0)
        return refuse_start(&s, "cannot open the log pipes", -result);
    result = init_stages_open(&s.init, setup->init_argv, setup->log_dir, setup->echo);
    if (result < 0)
        return refuse_start(&s, "cannot open the log pipe of init scripts", -result);
    if (asprintf(&s.status_path, "%s/status.json", setup->run_dir) < 0)
        abort();
    orphans_open(&s.orphans);
    loop(&s);
    clean_up(&s);
    return s.failed ? 1 : 0;
}
