/* awssim-stub: supervises one container. The outer process, the runner's child, makes a PID namespace and waits; the
 * inner one is its process 1: it starts the command, forwards signals, reaps, and ends when the command ends, so that
 * the kernel kills whatever is left. Both die with their parent.
 *
 * In a root of its own the command is process 1 of a PID namespace below that one, as runc starts it, unless the plan
 * asks for an init: then the inner process is in the container, as docker-init is. A PID namespace between the host's
 * and the container's is what ends the container with its stub whatever the command does: a parent-death signal of the
 * command itself would be forgotten by the kernel as soon as it changes its user.
 *
 * Descriptors: 0 to 2 the container's own, 3 the plan (plan.h), 4 the status pipe: a text when the command could not be
 * started, closed without one when it runs. Ends with the command's exit code, or 128 + signal. */
#include "runner/stub/attend.h"
#include "runner/stub/command.h"
#include "runner/stub/exec.h"
#include "runner/stub/mounts.h"
#include "runner/stub/plan.h"
#include "runner/stub/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLAN_FD = 3, STATUS_FD = 4, EXIT_BROKEN = 126 };

/* The command cannot even be tried. */
static int fail(const char *what)
{
    char text[PATH_MAX + 256];
    int length = snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    return write(STATUS_FD, text, (size_t)length) < 0 ? EXIT_BROKEN + 1 : EXIT_BROKEN;
}

/* A fresh /proc shows the namespace's own processes. Without the right to mount one, the host's stays. */
static void mount_proc(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* Everything the container sees as files. */
static void make_files(const struct plan *plan)
{
    struct mounts mounts;
    char why[512] = "";
    int result = mounts_take(plan, &mounts, why, sizeof(why));
    if (result == 0 && plan_has_root(plan))
        result = root_enter(plan, why, sizeof(why));
    if (result == 0)
        result = mounts_apply(plan, &mounts, why, sizeof(why));
    if (result == 0 && plan_has_root(plan))
        result = root_complete(plan, why, sizeof(why));
    if (result != 0)
        _exit(write(STATUS_FD, why, strlen(why)) < 0 ? EXIT_BROKEN + 1 : EXIT_BROKEN);
}

/* Kills what is left of the container where no namespace does it: whatever loses its parent becomes this process's
 * child. */
static void sweep(void)
{
    char text[4096];
    for (bool ended = true; ended;) {
        int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
            close(fd);
        if (length <= 0)
            return;
        text[length] = '\0';
        ended = false;
        char *end = text;
        for (pid_t child = (pid_t)strtol(text, &end, 10); child > 0; child = (pid_t)strtol(end, &end, 10)) {
            if (*end == ' ' && kill(child, SIGKILL) == 0)
                ended |= waitpid(child, NULL, 0) == child;
        }
    }
}

static pid_t clone_process(unsigned long long flags)
{
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* What becomes the command; in a PID namespace of its own it is there that /proc is mounted and everything made. */
static _Noreturn void run_command(const struct plan *plan, bool alone)
{
    if (alone) {
        mount_proc();
        make_files(plan);
        setsid();
    }
    command_exec(plan, STATUS_FD);
}

static _Noreturn void inner(const struct plan *plan, int go_fd, bool has_namespace)
{
    char byte;
    bool alone = has_namespace && plan_has_root(plan) && !plan->init;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The outer process says when user ids are mapped; no word means it is gone already. */
    if (read(go_fd, &byte, 1) != 1)
        _exit(EXIT_BROKEN);
    close(go_fd);
    if (has_namespace && !alone) {
        mount_proc();
        make_files(plan);
    } else if (!has_namespace)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    pid_t command = alone ? clone_process(CLONE_NEWPID) : fork();
    if (command == 0)
        run_command(plan, alone);
    if (command < 0)
        _exit(fail("fork/exec"));
    close(STATUS_FD);
    close(PLAN_FD);
    int code = attend_child(command);
    if (!has_namespace)
        sweep();
    _exit(code);
}

static int write_file(pid_t pid, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    close(fd);
    return written < 0 ? -1 : 0;
}

/* All users, as root may; else the one that this process is. */
static int map_ids(pid_t child)
{
    char map[64];
    const char *all = "0 0 4294967295\n";
    if (getuid() == 0 && write_file(child, "uid_map", all) == 0)
        return write_file(child, "gid_map", all);
    snprintf(map, sizeof(map), "%u %u 1\n", getuid(), getuid());
    if (write_file(child, "uid_map", map) != 0 || write_file(child, "setgroups", "deny") != 0)
        return -1;
    snprintf(map, sizeof(map), "%u %u 1\n", getgid(), getgid());
    return write_file(child, "gid_map", map);
}

/* The inner process in namespaces as far as they are permitted: as root, else in a user namespace, else in none
 * (which cannot have mounts). */
static pid_t start_inner(struct plan *plan)
{
    static const unsigned long long tries[] = {CLONE_NEWPID | CLONE_NEWNS, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS,
                                               0};
    int go[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return -1;
    bool needs_namespace = plan->n_mounts > 0 || plan_has_root(plan);
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        if (tries[i] == 0 && needs_namespace)
            break;
        plan->own_users = (tries[i] & CLONE_NEWUSER) != 0;
        pid_t child = clone_process(tries[i] | (plan_has_root(plan) ? CLONE_NEWUTS | CLONE_NEWIPC : 0));
        if (child == 0) {
            close(go[1]);
            inner(plan, go[0], tries[i] != 0);
        }
        if (child < 0)
            continue;
        if ((tries[i] & CLONE_NEWUSER) && map_ids(child) != 0) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            continue;
        }
        close(go[0]);
        if (write(go[1], "g", 1) != 1)
            kill(child, SIGKILL);
        close(go[1]);
        return child;
    }
    return -1;
}

/* The record outlives this process: written beside its place and renamed. */
static void write_record(const char *path, int code)
{
    char beside[4096], text[16];
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    int length = snprintf(text, sizeof(text), "%d\n", code);
    if (write(fd, text, (size_t)length) == length)
        rename(beside, path);
    close(fd);
}

/* A container is as likely a victim as any other program, whatever has been said of awssim. */
static void usual_oom_score(void)
{
    char text[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, "0\n") != 0 && write(fd, "0", 1) != 1)
        errno = 0; /* only a privileged process lowers it */
    close(fd);
}

int main(int argc, char *argv[])
{
    struct plan plan;
    sigset_t set = attend_signals();
    umask(022); /* for what the container's users are to see; the folder around it is closed */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        return EXIT_BROKEN;
    sigprocmask(SIG_BLOCK, &set, NULL);
    close_range(STATUS_FD + 1, ~0U, 0);
    fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
    fcntl(PLAN_FD, F_SETFD, FD_CLOEXEC);
    if (argc == 4 && strcmp(argv[1], "exec") == 0)
        return exec_main((pid_t)strtol(argv[2], NULL, 10), argv[3]);
    errno = EINVAL;
    if (plan_read(PLAN_FD, &plan) != 0)
        return fail("the container's plan");
    const char *group = NULL;
    if (attend_join(&plan, &group) != 0)
        return fail(group);
    usual_oom_score();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = start_inner(&plan);
    if (child < 0)
        return fail(plan_mirrors(&plan)                      ? PLAN_NO_SANDBOX
                    : plan.n_mounts > 0 || plan.n_layers > 0 ? "a mount namespace, which images and mounts need"
                                                             : "fork/exec");
    close(STATUS_FD);
    close(PLAN_FD);
    /* Only the container holds the pipes from here on: their end is the container's end. */
    close(0);
    close(1);
    close(2);
    int code = attend_child(child);
    write_record(plan.exit_record, code);
    return code;
}
