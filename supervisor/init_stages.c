/* init_stages: see init_stages.h. Leaves the scripts, their order and limits to the program. */
#include "supervisor/init_stages.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NO_PROGRAM = 127 };

static _Noreturn void become(char *const *argv, int log_fd, pid_t supervisor)
{
    sigset_t none;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(0);
    int null_fd = open("/dev/null", O_RDONLY);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(argv[0], argv);
    log_error("cannot run %s: %s", argv[0], strerror(errno));
    _exit(NO_PROGRAM);
}

/* A stage that cannot be started is over: scripts must not keep awssim from running. */
static void begin_next(struct init_stages *init)
{
    while (init->argv && init->pid == 0 && init->next < init->wanted) {
        pid_t supervisor = getpid(), pid = fork();
        if (pid == 0)
            become(init->argv[init->next], init->output.write_fd, supervisor);
        if (pid < 0)
            log_error("cannot run the init scripts: %s", strerror(errno));
        init->pid = pid > 0 ? pid : 0;
        init->next++;
    }
}

int init_stages_open(struct init_stages *init, char *const *const *argv, const char *log_folder, bool echo)
{
    *init = (struct init_stages){.argv = argv, .output = {.read_fd = -1}};
    return argv ? output_open(&init->output, log_folder, "init", echo) : 0;
}

void init_stages_close(struct init_stages *init)
{
    if (init->argv)
        output_close(&init->output);
}

void init_stages_want(struct init_stages *init, enum init_stage stage)
{
    if (init->wanted > stage)
        return;
    init->wanted = stage + 1;
    if (stage == INIT_SHUTDOWN) {
        init->next = stage;
        if (init->pid)
            kill(init->pid, SIGTERM);
    }
    begin_next(init);
}

bool init_stages_idle(const struct init_stages *init)
{
    return !init->argv || (init->pid == 0 && init->next >= init->wanted);
}

bool init_stages_on_death(struct init_stages *init, pid_t pid)
{
    if (init->pid == 0 || pid != init->pid)
        return false;
    output_finish(&init->output);
    init->pid = 0;
    begin_next(init);
    return true;
}

void init_stages_abandon(struct init_stages *init)
{
    init->next = init->wanted = INIT_STAGES;
    if (init->pid)
        kill(init->pid, SIGKILL);
}
