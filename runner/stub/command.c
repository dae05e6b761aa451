/* command: see command.h. */
#include "runner/stub/command.h"

#include "runner/stub/capability.h"
#include "runner/stub/syscall_filter.h"
#include "runner/stub/user.h"

#include <errno.h>
#include <fcntl.h>
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

enum { EXIT_NOT_STARTED = 127, EXIT_NOT_EXECUTED = 255 };

/* Whether it runs as tasks do: in a root of its own, as docker and runc start it. */
static bool is_task(const struct plan *plan)
{
    return plan_has_root(plan) && !plan->sandbox;
}

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
    case EISDIR:
        return "is a directory";
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

static const char *value_of(char *const *env, const char *name)
{
    size_t length = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    }
    return NULL;
}

/* The pipes, or the terminal, are the container's own: their user may open them again by the names in /dev and /proc.
 * The null device is everybody's. */
static void give_streams(const struct user *user)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)) && st.st_uid != user->uid &&
            fchown(fd, user->uid, st.st_gid) != 0)
            continue; /* as runc: a user that is not mapped, for instance */
    }
}

/* The home directory of the user's entry in /etc/passwd, where nothing else is given. */
static void set_home(const struct plan *plan, const struct user *user, int status_fd)
{
    const char *given = value_of(plan->env, "HOME");
    size_t n = 0;
    if (given && *given)
        return;
    while (plan->env[n] && strncmp(plan->env[n], "HOME=", sizeof("HOME=") - 1) != 0)
        n++;
    if (asprintf(&plan->env[n], "HOME=%s", user->home) < 0)
        refuse(status_fd, "%s", reason(ENOMEM));
}

static void write_map(const char *path, const char *text, const char *name, int status_fd)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        refuse(status_fd, "unable to become user %s: %s: %s", name, path, reason(errno));
    close(fd);
}

/* Only one user is mapped: in a user namespace below that one he has the container's user's number. What is root's in
 * the image is his there. */
static void become_mapped(const struct plan *plan, const struct user *user, int status_fd)
{
    char map[64];
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWUSER) != 0)
        refuse(status_fd, "unable to become user %s: %s", plan->user, reason(errno));
    write_map("/proc/self/setgroups", "deny", plan->user, status_fd);
    snprintf(map, sizeof(map), "%u %u 1\n", user->uid, uid);
    write_map("/proc/self/uid_map", map, plan->user, status_fd);
    snprintf(map, sizeof(map), "%u %u 1\n", user->gid, gid);
    write_map("/proc/self/gid_map", map, plan->user, status_fd);
}

/* False: it stays as it is. */
static bool look_up_user(const struct plan *plan, struct user *user, int status_fd)
{
    if (!plan->user && !is_task(plan))
        return false;
    int result = user_find(plan->user ? plan->user : "0", user);
    if (result != USER_FOUND)
        refuse(status_fd, "unable to find %s: no matching entries in %s file", user->missing,
               result == USER_NO_GROUP ? "group" : "passwd");
    if (is_task(plan))
        set_home(plan, user, status_fd);
    return true;
}

/* Where one user is mapped there are no further groups. */
static void become_user(const struct plan *plan, const struct user *user, int status_fd)
{
    bool grouped = setgroups(user->n_groups, user->groups) == 0 || plan->own_users;
    if (user->uid == getuid() && user->gid == getgid())
        return;
    give_streams(user);
    if (!grouped || setgid(user->gid) != 0 || setuid(user->uid) != 0)
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
    struct user user;
    bool rooted = plan_has_root(plan), filtered = rooted && !plan->privileged;
    bool changes = look_up_user(plan, &user, status_fd);
    if (changes && plan->own_users && is_task(plan) && (user.uid != getuid() || user.gid != getgid()))
        become_mapped(plan, &user, status_fd); /* all that follows is of that user namespace */
    const char *unknown = capability_unknown(plan);
    if (rooted && unknown)
        refuse(status_fd, "invalid capability: unknown capability: \"%s\"", unknown);
    if (rooted && capability_bound(plan) != 0)
        refuse(status_fd, "unable to apply capabilities: %s", reason(errno));
    if (filtered && !plan->no_new_privileges)
        filter_calls(plan, status_fd);
    if (changes)
        become_user(plan, &user, status_fd);
    if (rooted && capability_reduce(plan) != 0)
        refuse(status_fd, "unable to apply capabilities: %s", reason(errno));
    if (!plan->no_new_privileges)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        refuse(status_fd, "unable to renounce further rights: %s", reason(errno));
    if (filtered)
        filter_calls(plan, status_fd);
}

/* Whether it is a program that may be run: 0, or an errno. */
static int check_program(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* By then docker has started the container: what the kernel says of the program is output, and the exit code runc's. */
static _Noreturn void execute(const struct plan *plan, const char *path, int status_fd)
{
    close(status_fd);
    execve(path, plan->args, plan->env);
    dprintf(STDERR_FILENO, "exec %s: %s\n", path, reason(errno));
    _exit(EXIT_NOT_EXECUTED);
}

static _Noreturn void run_task(const struct plan *plan, int status_fd)
{
    const char *name = plan->args[0], *path = value_of(plan->env, "PATH");
    char candidate[PATH_MAX];
    int error = strchr(name, '/') ? check_program(name) : ENOENT;
    if (strchr(name, '/') && error == 0)
        execute(plan, name, status_fd);
    if (strchr(name, '/'))
        refuse(status_fd, "exec: \"%s\": %s%s%s%s", name, error == ENOENT || error == ENOTDIR ? "stat " : "",
               error == ENOENT || error == ENOTDIR ? name : "", error == ENOENT || error == ENOTDIR ? ": " : "",
               reason(error));
    while (*name && path && *path) {
        size_t length = strcspn(path, ":");
        if (snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, length ? path : ".", name) <
                (int)sizeof(candidate) &&
            check_program(candidate) == 0)
            execute(plan, candidate, status_fd);
        path += length + (path[length] == ':');
    }
    refuse(status_fd, "exec: \"%s\": executable file not found in $PATH", name);
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
    if (is_task(plan))
        run_task(plan, status_fd);
    if (!strchr(plan->args[0], '/'))
        search(plan, status_fd);
    execve(plan->args[0], plan->args, plan->env);
    refuse(status_fd, "exec: \"%s\": %s", plan->args[0], reason(errno));
}
