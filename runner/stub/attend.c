/* attend: see attend.h. */
#include "runner/stub/attend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* All are forwarded: an image may name any as the one that stops it. SIGPIPE is this process's own affair. */
sigset_t attend_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGPIPE);
    return set;
}

static int code_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int attend_child(pid_t child)
{
    sigset_t set = attend_signals();
    for (;;) {
        int got = sigwaitinfo(&set, NULL);
        if (got > 0 && got != SIGCHLD)
            kill(child, got == PLAN_KILL_SIGNAL ? SIGKILL : got);
        int status, code = -1;
        for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
            if (pid == child)
                code = code_of(status);
        }
        if (code >= 0)
            return code;
    }
}

int attend_join(const struct plan *plan, const char **group)
{
    for (size_t i = 0; i < plan->n_groups; i++) {
        *group = plan->groups[i];
        int fd = open(*group, O_WRONLY | O_CLOEXEC);
        ssize_t joined = fd < 0 ? -1 : write(fd, "0", 1);
        int error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        if (joined != 1)
            return -1;
    }
    return 0;
}
