/* choose: see choose.h. */
#include "tools/ctl/choose.h"

#include "tools/ctl/say.h"

#include "common/instances.h"

#include <stdio.h>

static void add_if_running(const struct ctl *ctl, slice state_dir, struct chosen_list *running)
{
    struct ctl other = *ctl;
    struct chosen chosen = {.state_dir = state_dir};
    other.conf.state_dir = state_dir;
    list_foreach (known, running) {
        if (slice_eq(known->state_dir, state_dir))
            return;
    }
    if (instance_find(&other, &chosen.instance))
        *list_add(ctl->arena, running) = chosen;
}

void choose_list(const struct ctl *ctl, struct chosen_list *running)
{
    struct slice_list entered = {0};
    add_if_running(ctl, ctl->conf.state_dir, running);
    instances_list(ctl->arena, &entered);
    list_foreach (state_dir, &entered)
        add_if_running(ctl, *state_dir, running);
}

size_t choose_instance(struct ctl *ctl)
{
    struct chosen_list running = {0};
    if (ctl->conf.state_dir_given)
        return 1;
    choose_list(ctl, &running);
    if (running.len != 1 || slice_eq(running.items->state_dir, ctl->conf.state_dir))
        return running.len;
    ctl->conf.state_dir = running.items->state_dir;
    ctl->state_option = arena_concat(ctl->arena, S(" --state-dir "), say_quoted(ctl->arena, ctl->conf.state_dir));
    return 1;
}

enum ctl_exit choose_refuse(const struct ctl *ctl)
{
    struct chosen_list running = {0};
    choose_list(ctl, &running);
    enum ctl_exit code = say(CTL_FAILED, "%zu awssims are running; say which one is meant:", running.len);
    list_foreach (chosen, &running)
        fprintf(stderr, "  --state-dir %.*s   (%.*s, pid %.*s)\n", SLICE_ARG(say_quoted(ctl->arena, chosen->state_dir)),
                SLICE_ARG(chosen->instance.endpoint), SLICE_ARG(chosen->instance.pid));
    return code;
}
