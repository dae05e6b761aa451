/* stop: ends the running awssim and waits until all of it is gone. */
#include "tools/ctl/commands.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>

/* More than router, workers and runner may take one after another. */
enum { STOP_LIMIT_MS = 90 * 1000 };

enum ctl_exit stop_run(struct ctl *ctl)
{
    struct instance instance;
    slice answer = S("");
    instance_find(ctl, &instance);
    int result = instance_ask(ctl, "stop", STOP_LIMIT_MS, &answer);
    if (result == NOT_FOUND) {
        printf("awssim is not running (state directory %.*s).\n", SLICE_ARG(ctl->conf.state_dir));
        return CTL_OK;
    }
    if (result == 0 || result == -ECONNRESET) {
        instance_await_end(ctl);
        puts("awssim has stopped.");
        return CTL_OK;
    }
    slice why = instance_why(result, answer);
    return say(CTL_FAILED,
               "awssim (pid %.*s) does not stop: %.*s; `kill -9 %.*s` ends it and all of its processes at once",
               SLICE_ARG(instance.pid), SLICE_ARG(why), SLICE_ARG(instance.pid));
}
