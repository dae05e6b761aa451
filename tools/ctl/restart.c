/* restart: a new process for one part of the running awssim. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/err.h"

#include <stdio.h>

enum { RESTART_LIMIT_MS = 90 * 1000, HEALTH_LIMIT_MS = 5 * 1000 };

enum ctl_exit restart_run(struct ctl *ctl)
{
    if (!ctl->argument.ptr)
        return say(CTL_USAGE, "name the process to restart; `%s status` lists them", ctl->program);
    struct instance instance;
    slice answer = S("");
    slice line = arena_printf(ctl->arena, "restart %.*s", SLICE_ARG(ctl->argument));
    int result = instance_ask(ctl, line.ptr, RESTART_LIMIT_MS, &answer);
    if (result == NOT_FOUND)
        return say_not_running(ctl);
    if (result != 0)
        return say(CTL_FAILED, "%.*s", SLICE_ARG(instance_why(result, answer)));
    instance_find(ctl, &instance);
    /* The process is ready now; the others hear of it a moment later. If they do not, that is another one's fault. */
    instance_await_health(ctl, instance.endpoint, HEALTH_LIMIT_MS, &answer);
    printf("%.*s is ready.\n", SLICE_ARG(ctl->argument));
    return CTL_OK;
}
