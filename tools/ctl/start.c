/* start: brings up the supervisor, which does the rest. In the foreground this process becomes the supervisor, so that
 * whoever kills it kills all. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/program.h"
#include "tools/ctl/say.h"

#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STARTER_FD = 3,
    READ_BYTES = 4096,
    HEALTH_LIMIT_MS = 20 * 1000,
    NO_PROGRAM = 127,
};

static const char *find_supervisor(struct arena *arena)
{
    return program_find(arena, "awssim-supervisor", "supervisor");
}

static void say_ephemeral(const struct ctl *ctl)
{
    if (ctl->conf.ephemeral)
        fputs("EPHEMERAL: nothing will be kept; all state is removed when awssim stops.\n", stderr);
}

static enum ctl_exit run_in_foreground(struct ctl *ctl, const char *program)
{
    conf_export_secrets(ctl->arena, &ctl->conf);
    execv(program, conf_argv(ctl->arena, &ctl->conf, program));
    return say(CTL_FAILED, "cannot run %s: %s", program, strerror(errno));
}

static _Noreturn void become_supervisor(char *const *argv, int pipe_fd)
{
    setsid();
    int moved = fcntl(pipe_fd, F_DUPFD, STARTER_FD + 1), null_fd = open("/dev/null", O_RDWR);
    dup2(moved, STARTER_FD);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null_fd, fd);
    closefrom(STARTER_FD + 1);
    execv(argv[0], argv);
    dprintf(STARTER_FD, "failed cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(NO_PROGRAM);
}

/* What the supervisor says: one line when it is ready, everything up to its end when it is not going to be. */
static slice hear(struct arena *arena, int fd)
{
    struct buf text;
    buf_init(&text, arena);
    for (;;) {
        ssize_t n = read(fd, buf_reserve(&text, READ_BYTES), READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return buf_slice(&text);
        text.len += (size_t)n;
        bool ready = slice_starts(buf_slice(&text), S("ready "));
        if (ready && slice_index(buf_slice(&text), '\n') < text.len)
            return slice_trim(buf_slice(&text));
    }
}

static enum ctl_exit report_failure(struct ctl *ctl, pid_t pid, slice said)
{
    int status = 0;
    waitpid(pid, &status, 0);
    if (slice_starts(said, S("failed ")))
        return say(CTL_FAILED, "%.*s", SLICE_ARG(slice_trim(slice_sub(said, strlen("failed "), said.len))));
    const char *how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exited";
    return say(CTL_FAILED, "the supervisor ended before awssim was ready (%s); what it said: %s logs supervisor%.*s",
               how, ctl->program, SLICE_ARG(ctl->state_option));
}

static enum ctl_exit report_ready(struct ctl *ctl, slice endpoint)
{
    slice last;
    if (!instance_await_health(ctl, endpoint, HEALTH_LIMIT_MS, &last))
        return say(CTL_FAILED, "awssim is started, but %.*s/health says: %.*s", SLICE_ARG(endpoint), SLICE_ARG(last));
    const char *kept = ctl->conf.ephemeral ? "no state is kept; known by" : "state in";
    printf("awssim is ready at %.*s (%s %.*s).\n", SLICE_ARG(endpoint), kept, SLICE_ARG(ctl->conf.state_dir));
    status_print_warnings(ctl);
    printf("Next: eval \"$(%s env%.*s)\"\n", ctl->program, SLICE_ARG(ctl->state_option));
    return CTL_OK;
}

static enum ctl_exit run_in_background(struct ctl *ctl, const char *program)
{
    char **argv = conf_argv_and(ctl->arena, &ctl->conf, program, "background");
    int ends[2];
    conf_export_secrets(ctl->arena, &ctl->conf);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return say(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_supervisor(argv, ends[1]);
    if (pid < 0)
        return say(CTL_FAILED, "cannot start a process: %s", strerror(errno));
    close(ends[1]);
    slice said = hear(ctl->arena, ends[0]);
    close(ends[0]);
    if (!slice_starts(said, S("ready ")))
        return report_failure(ctl, pid, said);
    say_ephemeral(ctl);
    return report_ready(ctl, slice_sub(said, strlen("ready "), said.len));
}

static enum ctl_exit say_no_supervisor(void)
{
    return say(CTL_FAILED,
               "the program awssim-supervisor is not where awssimctl expects it; build or install awssim again");
}

#define SIMULATOR_USAGE "usage: SIM_LISTEN_ADDR=:PORT simulator-aws"

/* What it is asked to print, or why it does not start. */
static enum ctl_exit answer_arguments(struct arena *arena, int argc, char *const argv[])
{
    slice word = slice_of(argv[1]), variables = conf_environment(arena);
    if (argc > 2 || (!slice_eq(word, S("--help")) && !slice_eq(word, S("-h")))) {
        fprintf(stderr,
                "simulator-aws: it takes no arguments, but was given '%s'\n%s     (--help lists its settings)\n",
                argv[1], SIMULATOR_USAGE);
        return CTL_USAGE;
    }
    printf(
        "%s\n\nawssim in place of Sockerless' simulator: stays in the foreground until Ctrl-C or SIGTERM and keeps no "
        "state.\nIt is set by the environment:\n%.*s",
        SIMULATOR_USAGE, SLICE_ARG(variables));
    return CTL_OK;
}

static enum ctl_exit become_simulator(struct arena *arena, char *const argv[])
{
    const char *program = find_supervisor(arena);
    if (!program)
        return say_no_supervisor();
    execv(program, argv);
    return say(CTL_FAILED, "cannot run %s: %s", program, strerror(errno));
}

enum ctl_exit start_as_simulator(int argc, char *const argv[])
{
    struct arena *arena = arena_open();
    enum ctl_exit code = argc > 1 ? answer_arguments(arena, argc, argv) : become_simulator(arena, argv);
    arena_close(arena);
    return code;
}

/* An awssim that keeps nothing and was given no folder has one of its own, so that others may run beside it. */
static bool choose_folder(struct ctl *ctl)
{
    if (!ctl->conf.ephemeral || ctl->conf.state_dir_given)
        return true;
    ctl->conf.state_dir = conf_make_private_dir(ctl->arena);
    if (!ctl->conf.state_dir.ptr)
        return false;
    ctl->conf.run_dir = arena_concat(ctl->arena, ctl->conf.state_dir, S("/run"));
    ctl->state_option = arena_concat(ctl->arena, S(" --state-dir "), ctl->conf.state_dir);
    return true;
}

enum ctl_exit start_run(struct ctl *ctl)
{
    const char *program = find_supervisor(ctl->arena);
    if (!program)
        return say_no_supervisor();
    if (!choose_folder(ctl))
        return say(CTL_FAILED, "cannot make a folder in /tmp: %s; --state-dir names another one", strerror(errno));
    return ctl->options & CTL_FOREGROUND ? run_in_foreground(ctl, program) : run_in_background(ctl, program);
}
