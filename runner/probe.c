/* probe: see probe.h. */
#include "runner/probe.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <spawn.h>
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

static int write_plan(const struct runner *runner, const char *template, const char *folder)
{
    struct buf plan;
    slice scratch = arena_printf(runner->arena, "%s/probe", folder);
    buf_init(&plan, runner->arena);
    add(&plan, S("arg"), S("/bin/sh"));
    add(&plan, S("arg"), S("-c"));
    add(&plan, S("arg"), S(":"));
    add(&plan, S("exit"), arena_concat(runner->arena, scratch, S(".exit")));
    add(&plan, S("scratch"), scratch);
    add(&plan, S("mirror"), S("true"));
    if (template)
        add(&plan, S("template"), slice_of(template));
    else
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

slice probe_sandbox(const struct runner *runner, const char *template, const char *folder)
{
    int plan = write_plan(runner, template, folder);
    slice why = run_stub(runner, plan);
    fdio_cleanup(&plan);
    return why;
}
