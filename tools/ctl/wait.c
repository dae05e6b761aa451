/* wait: until awssim answers, for scripts that have just started it in the foreground or elsewhere. */
#include "tools/ctl/choose.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/err.h"
#include "common/time.h"

#include <stdio.h>
#include <unistd.h>

enum { NAP_US = 5000 };

/* No event tells that somebody is about to start awssim in a folder that may not exist yet. */
static bool await_instance(struct ctl *ctl, struct instance *instance, int64_t deadline_ms)
{
    while (choose_instance(ctl) > 1 || !instance_find(ctl, instance)) {
        if (time_mono_ms() >= deadline_ms)
            return false;
        usleep(NAP_US);
    }
    return true;
}

enum ctl_exit wait_run(struct ctl *ctl)
{
    struct instance instance;
    slice answer = S("");
    int64_t deadline_ms = time_mono_ms() + ctl->timeout_ms;
    if (!await_instance(ctl, &instance, deadline_ms))
        return say_not_running(ctl);
    int result = instance_ask(ctl, "wait", deadline_ms - time_mono_ms(), &answer);
    if (result == NOT_FOUND)
        return say_not_running(ctl);
    slice why = instance_why(result, answer);
    if (result != 0)
        return say(CTL_FAILED, "awssim is not ready (%.*s); `%s status` shows what is missing", SLICE_ARG(why),
                   ctl->program);
    instance_find(ctl, &instance);
    if (!instance_await_health(ctl, instance.endpoint, deadline_ms - time_mono_ms(), &answer))
        return say(CTL_FAILED, "awssim is not ready: %.*s/health says: %.*s", SLICE_ARG(instance.endpoint),
                   SLICE_ARG(slice_trim(answer)));
    printf("awssim is ready at %.*s.\n", SLICE_ARG(instance.endpoint));
    return CTL_OK;
}
