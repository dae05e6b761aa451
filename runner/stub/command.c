/* command: see command.h. */
#include "runner/stub/command.h"

#include "runner/stub/capability.h"
#include "runner/stub/syscall_filter.h"
#include "runner/stub/user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127 };

static _Noreturn __attribute__((format(printf, 2, 3))) void refuse(int status_fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length > (int)sizeof(text) - 1)
        length = sizeof(text) - 1;
    if (write(status_fd, text, (size_t)length) < 0)
        _exit(EXIT_NOT_STARTED + 1);
    _exit(EXIT_NOT_STARTED);
}

/* Docker's spelling of the common errors begins in lower case. */
static const char *reason(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file or directory";
    case EACCES:
        return "permission denied";
    case ENOTDIR:
        return "not a directory";
    case ENOEXEC:
        return "exec format error";
    default:
        return strerror(error);
    }
}

static rlim_t at_most(unsigned long long wanted, rlim_t most)
{
    return wanted < most ? (rlim_t)wanted : most;
}

/* Limits that nobody has asked for are no reason not to start. */
static void set_usual_limits(const struct plan *plan)
{
    struct rlimit found, files = {plan->files.soft, plan->files.hard}, processes = {plan->processes, plan->processes};
    if (plan->files.soft > 0 && setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &found) == 0) {
        found.rlim_max = at_most(plan->files.hard, found.rlim_max);
        found.rlim_cur = at_most(plan->files.soft, found.rlim_max);
        setrlimit(RLIMIT_NOFILE, &found);
    }
    if (plan->own_users && plan->processes > 0)
        setrlimit(RLIMIT_NPROC, &processes);
}

static void set_limits(const struct plan *plan, int status_fd)
{
    set_usual_limits(plan);
    for (size_t i = 0; i < plan->n_limits; i++) {
        const struct plan_limit *limit = &plan->limits[i];
        struct rlimit wanted = {limit->soft, limit->hard};
        if (setrlimit((__rlimit_resource_t)limit->resource, &wanted) != 0)
            refuse(status_fd, "error setting rlimit type %d: %s", limit->resource, reason(errno));
    }
}

static void become_user(const struct plan *plan, int status_fd)
{
    struct user user;
    if (!plan->user)
        return;
    if (user_find(plan->user, &user) != 0)
        refuse(status_fd, "unable to find user %s: no matching entries in passwd file", plan->user);
    if (user.uid == getuid() && user.gid == getgid())
        return;
    if (setgroups(user.n_groups, user.groups) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0)
        refuse(status_fd, "unable to become user %s: %s", plan->user, reason(errno));
}

static void filter_calls(const struct plan *plan, int status_fd)
{
    if (syscall_filter_install(capability_kept(plan)) != 0)
        refuse(status_fd, "unable to init seccomp: %s", reason(errno));
}

/* The user, and what the command may not do. A filter needs CAP_SYS_ADMIN, which is gone behind the change of the user,
 * or that no program can give more rights. */
static void confine(const struct plan *plan, int status_fd)
{
    bool rooted = plan_has_root(plan), filtered = rooted && !plan->privileged;
    const char *unknown = capability_unknown(plan);
    if (rooted && unknown)
        refuse(status_fd, "invalid capability: unknown capability: \"%s\"", unknown);
    if (rooted && capability_bound(plan) != 0)
        refuse(status_fd, "unable to apply capabilities: %s", reason(errno));
    if (filtered && !plan->no_new_privileges)
        filter_calls(plan, status_fd);
    become_user(plan, status_fd);
    if (rooted && capability_reduce(plan) != 0)
        refuse(status_fd, "unable to apply capabilities: %s", reason(errno));
    if (!plan->no_new_privileges)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        refuse(status_fd, "unable to renounce further rights: %s", reason(errno));
    if (filtered)
        filter_calls(plan, status_fd);
}

static const char *value_of(char *const *env, const char *name)
{
    size_t length = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    }
    return NULL;
}

/* Looks along the container's own PATH. */
static _Noreturn void search(const struct plan *plan, int status_fd)
{
    const char *name = plan->args[0], *path = value_of(plan->env, "PATH");
    char candidate[PATH_MAX];
    int error = ENOENT;
    while (path && *path) {
        size_t length = strcspn(path, ":");
        struct stat st;
        if (snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, length ? path : ".", name) <
                (int)sizeof(candidate) &&
            stat(candidate, &st) == 0 && S_ISREG(st.st_mode)) {
            execve(candidate, plan->args, plan->env);
            error = errno;
            if (error != EACCES && error != ENOENT)
                break;
        }
        path += length + (path[length] == ':');
    }
    if (error == ENOENT)
        refuse(status_fd, "exec: \"%s\": executable file not found in $PATH", name);
    refuse(status_fd, "exec: \"%s\": %s", name, reason(error));
}

_Noreturn void command_exec(const struct plan *plan, int status_fd)
{
    struct sched_param parameters = {0};
    sigset_t none;
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    sched_setscheduler(0, SCHED_OTHER, &parameters);
    umask(022);
    set_limits(plan, status_fd);
    confine(plan, status_fd);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* behind setuid, which clears it */
    const char *cwd = plan->cwd ? plan->cwd : "/";
    if (chdir(cwd) != 0)
        refuse(status_fd, "chdir to cwd (\"%s\") set in config.json failed: %s", cwd, reason(errno));
    if (!strchr(plan->args[0], '/'))
        search(plan, status_fd);
    execve(plan->args[0], plan->args, plan->env);
    refuse(status_fd, "exec: \"%s\": %s", plan->args[0], reason(errno));
}
