/* doctor: see doctor.h. Nothing is guessed: a sandbox is made, groups are made, interpreters are looked for as
 * functions look for them. */
#include "runner/doctor.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "runner/fallback.h"
#include "runner/functions/functions.h"
#include "runner/probe.h"
#include "runner/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool try_sandbox(const struct runner *runner)
{
    char folder[] = "/tmp/awssim-doctor-XXXXXX";
    if (!mkdtemp(folder))
        return false;
    const char *template = arena_printf(runner->arena, "%s/template", folder).ptr;
    slice why = probe_sandbox(runner, NULL, folder);
    int result = why.len == 0 ? template_make(template) : 0;
    if (result != 0)
        why = arena_printf(runner->arena, "what it is laid over: %s", strerror(-result));
    else if (why.len == 0)
        why = probe_sandbox(runner, template, folder);
    fdio_remove_tree(folder);
    if (why.len == 0) {
        printf("sandboxes       yes\n");
        return true;
    }
    printf(
        "sandboxes       no: %.*s\n"
        "                Tasks and functions have neither images nor volumes. Their commands run on the host's files\n"
        "                %s.\n",
        SLICE_ARG(why),
        fallback_in_container() ? "of this container" : "with --images host, else they are not started");
    if (fallback_in_container())
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
    if (!all && fallback_in_container())
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
