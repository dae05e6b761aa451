/* exec: see exec.h. This process joins the container's control groups and namespaces, but for the PID namespace, in
 * which a process has to be born: its child becomes the command. It stands outside, forwards signals and waits. */
#include "runner/stub/exec.h"

#include "runner/stub/attend.h"
#include "runner/stub/command.h"
#include "runner/stub/plan.h"
#include "runner/stub/user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PLAN_FD = 3, STATUS_FD = 4, EXIT_BROKEN = 126, PATH_BYTES = 64 };

/* The container's processes, by descriptors that stay true when a number is given to another: the inner process of its
 * stub, and process 1 of its PID namespace, which may be the same. */
struct target {
    int inner, first;
    int kinds;   /* of the namespaces that are the container's own, but for PIDs */
    bool mapped; /* process 1 has become its user in a user namespace of its own (command.c) */
    unsigned mapped_uid;
};

static int fail(const char *what)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    return write(STATUS_FD, text, (size_t)length) < 0 ? EXIT_BROKEN + 1 : EXIT_BROKEN;
}

static pid_t child_of(pid_t pid)
{
    char path[PATH_BYTES], text[PATH_BYTES] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    errno = ESRCH;
    return n > 0 && atoi(text) > 0 ? atoi(text) : -1;
}

static int open_process(pid_t pid)
{
    return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* Whether both are in the same namespace of that kind; a process that is gone is in none. */
static bool shares(const char *one, pid_t other, const char *kind)
{
    char path[PATH_BYTES];
    struct stat a, b;
    snprintf(path, sizeof(path), "/proc/%s/ns/%s", one, kind);
    if (stat(path, &a) != 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)other, kind);
    return stat(path, &b) == 0 && a.st_ino == b.st_ino;
}

static int kinds_of(pid_t inner)
{
    static const struct {
        const char *name;
        int kind;
    } kinds[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"uts", CLONE_NEWUTS},
                 {"ipc", CLONE_NEWIPC},   {"net", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};
    int all = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        all |= shares("self", inner, kinds[i].name) ? 0 : kinds[i].kind;
    return all;
}

/* Whose number the one user of process 1's user namespace has there, when it is not that of the stub's inner process.
 */
static void find_mapped(struct target *target, pid_t inner, pid_t first)
{
    char number[PATH_BYTES], path[PATH_BYTES];
    snprintf(number, sizeof(number), "%d", (int)inner);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)first);
    FILE *map = shares(number, first, "user") ? NULL : fopen(path, "re");
    target->mapped = map && fscanf(map, "%u", &target->mapped_uid) == 1;
    if (map)
        fclose(map);
}

/* The stub is this process's sibling: as long as their parent has not asked for its end its number is its own. Its
 * children are looked for a second time when they are held, lest one has been exchanged. */
static int find_target(pid_t stub, const struct plan *plan, struct target *target)
{
    bool alone = plan_has_root(plan) && !plan->init;
    pid_t inner = child_of(stub), first = alone ? child_of(inner) : inner;
    *target = (struct target){open_process(inner), open_process(first), kinds_of(inner), false, 0};
    find_mapped(target, inner, first);
    errno = ESRCH;
    if (target->inner < 0 || target->first < 0 || child_of(stub) != inner || (alone && child_of(inner) != first))
        return -1;
    errno = EOPNOTSUPP;
    return shares("self", inner, "pid") ? -1 : 0;
}

static int enter(const struct target *target)
{
    return setns(target->inner, target->kinds) == 0 ? setns(target->first, CLONE_NEWPID) : -1;
}

/* Processes of one user in different user namespaces may not look at each other: who is to be process 1's user joins
 * it. */
static void join_user(const struct target *target, const struct plan *plan)
{
    struct user user;
    if (target->mapped && user_find(plan->user ? plan->user : "0", &user) == USER_FOUND &&
        user.uid == target->mapped_uid && setns(target->first, CLONE_NEWUSER) != 0)
        errno = 0; /* then it becomes that user by itself */
}

static int send_descriptor(int fd)
{
    char byte = 'T';
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    return sendmsg(STATUS_FD, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* A terminal of the container's own, as its standard streams. What lies at the path may be anything the container has
 * put there. */
static int make_terminal(const struct winsize *size)
{
    int unlock = 0;
    struct statfs fs;
    int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    errno = master < 0 ? errno : ENOTTY;
    if (master < 0 || fstatfs(master, &fs) != 0 || fs.f_type != DEVPTS_SUPER_MAGIC ||
        ioctl(master, TIOCSPTLCK, &unlock) != 0 || ioctl(master, TIOCSWINSZ, size) != 0)
        return -1;
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || send_descriptor(master) != 0)
        return -1;
    close(master);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup2(slave, fd) < 0)
            return -1;
    }
    return close(slave);
}

static _Noreturn void run(const struct plan *plan, bool terminal)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    if (terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)
        _exit(fail("the terminal"));
    command_exec(plan, STATUS_FD);
}

int exec_main(pid_t stub, const char *mode)
{
    struct plan plan;
    struct target target;
    struct winsize size = {0};
    bool terminal = sscanf(mode, "terminal %hu %hu", &size.ws_row, &size.ws_col) == 2;
    const char *group = NULL;
    errno = EINVAL;
    if (plan_read(PLAN_FD, &plan) != 0)
        return fail("the command's plan");
    if (find_target(stub, &plan, &target) != 0)
        return fail(errno == EOPNOTSUPP ? "the container has no namespaces" : "the container has ended");
    plan.own_users = (target.kinds & CLONE_NEWUSER) != 0;
    if (attend_join(&plan, &group) != 0)
        return fail(group);
    if (enter(&target) != 0)
        return fail("the container's namespaces");
    if (terminal && make_terminal(&size) != 0)
        return fail("a terminal in the container");
    join_user(&target, &plan);
    close(target.inner);
    close(target.first);
    pid_t child = fork();
    if (child == 0)
        run(&plan, terminal);
    if (child < 0)
        return fail("fork/exec");
    close(STATUS_FD);
    close(PLAN_FD);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    return attend_child(child);
}
