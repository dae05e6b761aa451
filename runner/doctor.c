/* doctor: see doctor.h. Nothing is guessed: a sandbox is made, groups are made, interpreters are looked for as
 * functions look for them. */
#include "runner/doctor.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "runner/functions/functions.h"
#include "runner/stub/plan.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void add(struct buf *plan, slice key, slice value)
{
    buf_add(plan, key);
    buf_add_char(plan, '\0');
    buf_add(plan, value);
    buf_add_char(plan, '\0');
}

/* A sandbox as functions have it, for a command that ends at once. */
static int write_plan(const struct runner *runner, const char *folder)
{
    struct buf plan;
    slice scratch = arena_printf(runner->arena, "%s/doctor", folder);
    buf_init(&plan, runner->arena);
    add(&plan, S("arg"), S("/bin/sh"));
    add(&plan, S("arg"), S("-c"));
    add(&plan, S("arg"), S(":"));
    add(&plan, S("exit"), arena_concat(runner->arena, scratch, S(".exit")));
    add(&plan, S("scratch"), scratch);
    add(&plan, S("sandbox"), S("true"));
    add(&plan, S("mount"), S("/tmp"));
    add(&plan, S("options"), S("size=1048576"));
    int fd = memfd_create("plan", MFD_CLOEXEC);
    if (fd >= 0 && fdio_write_all(fd, buf_slice(&plan)) != 0)
        fdio_cleanup(&fd);
    return fd;
}

/* What the stub says against it, "" when it says nothing. */
static slice run_stub(const struct runner *runner, int plan)
{
    char text[512], *argv[] = {(char *)(uintptr_t)runner->stub, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status[2], ended = 0;
    if (plan < 0 || pipe2(status, O_CLOEXEC) != 0)
        return S("no descriptor can be had");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, plan, STDERR_FILENO + 1);
    posix_spawn_file_actions_adddup2(&actions, status[1], STDERR_FILENO + 2);
    int failed = posix_spawn(&pid, runner->stub, &actions, NULL, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    close(status[1]);
    ssize_t length = failed ? 0 : read(status[0], text, sizeof(text));
    close(status[0]);
    if (failed || waitpid(pid, &ended, 0) != pid || (length <= 0 && ended != 0))
        return S("awssim-stub does not run");
    return length > 0 ? slice_dup(runner->arena, (slice){text, (size_t)length}) : S("");
}

/* What docker and podman leave in a container. */
static bool is_in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
}

static bool try_sandbox(const struct runner *runner)
{
    char folder[] = "/tmp/awssim-doctor-XXXXXX";
    if (!mkdtemp(folder))
        return false;
    int plan = write_plan(runner, folder);
    slice why = run_stub(runner, plan);
    fdio_cleanup(&plan);
    fdio_remove_tree(folder);
    if (why.len == 0) {
        printf("sandboxes       yes\n");
        return true;
    }
    printf("sandboxes       no: %.*s\n"
           "                Functions run on the host's files; tasks and functions have neither images nor volumes.\n",
           SLICE_ARG(why));
    if (is_in_container())
        printf("                In docker-compose.yml, for this container:\n"
               "                    cap_add: [SYS_ADMIN, SYS_PTRACE]\n"
               "                    security_opt: [\"seccomp=unconfined\", \"apparmor=unconfined\", "
               "\"systempaths=unconfined\"]\n"
               "                With docker run: --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt "
               "seccomp=unconfined\n"
               "                    --security-opt apparmor=unconfined --security-opt systempaths=unconfined\n");
    return false;
}

static bool try_groups(struct runner *runner)
{
    cgroup_open(runner, "/sys/fs/cgroup", "/proc/self/cgroup");
    const struct groups *groups = &runner->groups;
    bool all = groups->memory.ptr && groups->cpu.ptr && groups->processes.ptr;
    if (all)
        printf("control groups  yes\n");
    else
        printf("control groups  no%s%s%s\n"
               "                What is missing is not limited.\n",
               groups->memory.ptr ? "" : ": memory", groups->cpu.ptr ? "" : ", processor",
               groups->processes.ptr ? "" : ", number of processes");
    if (!all && is_in_container())
        printf("                In docker-compose.yml, for this container: privileged: true\n");
    cgroup_close(runner);
    return all;
}

static void find_interpreter(const struct runner *runner, const char *label, slice name)
{
    slice path = launch_find_program(runner->arena, runner, name);
    if (path.ptr)
        printf("%-15s %.*s\n", label, SLICE_ARG(path));
    else
        printf("%-15s not installed: functions that need it give an error\n", label);
}

int doctor_run(struct runner *runner)
{
    bool sandbox = try_sandbox(runner), groups = try_groups(runner);
    find_interpreter(runner, "Python", S("python3"));
    find_interpreter(runner, "Node.js", S("node"));
    return sandbox && groups ? 0 : 1;
}
