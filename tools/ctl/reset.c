/* reset: empties the state of one service or of all, through the router's own operation. */
#include "tools/ctl/commands.h"
#include "tools/ctl/http.h"
#include "tools/ctl/instance.h"
#include "tools/ctl/say.h"

#include "common/uri.h"

#include <stdio.h>

enum { RESET_LIMIT_MS = 60 * 1000, FIRST_ERROR = 300 };

enum ctl_exit reset_run(struct ctl *ctl)
{
    struct instance instance;
    struct http_answer answer = {0};
    if (!instance_find(ctl, &instance))
        return say_not_running(ctl);
    slice query = ctl->argument.ptr
                      ? arena_concat(ctl->arena, S("?service="), uri_encode(ctl->arena, ctl->argument, false))
                      : S("");
    struct http_request request = {instance_private_endpoint(ctl, &instance), "POST",
                                   arena_concat(ctl->arena, S("/_awssim/reset"), query), RESET_LIMIT_MS};
    int result = http_call(ctl->arena, &request, &answer);
    if (result < 0)
        return say(CTL_FAILED, "no answer from %.*s: %s; `%s status` shows what runs", SLICE_ARG(instance.endpoint),
                   strerror(-result), ctl->program);
    if (answer.status >= FIRST_ERROR)
        return say(CTL_FAILED, "the reset was refused (HTTP %d): %.*s", answer.status,
                   SLICE_ARG(slice_trim(answer.body)));
    printf("%.*s is empty.\n", SLICE_ARG(ctl->argument.ptr ? ctl->argument : S("awssim")));
    return CTL_OK;
}
