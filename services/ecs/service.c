/* service: ECS as the worker library sees it. */
#include "services/ecs/ecs.h"

#include "common/json.h"
#include "services/worker/worker.h"

extern const char *const ecs_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/ecs/sql.def"
#undef SQL
};

static const struct service_event events[] = {
    {S("RunnerStarted"), runner_events_started},
    {S("ContainerStarted"), runner_events_container_started},
    {S("ContainerStopped"), runner_events_container_stopped},
    {S("ContainerDrained"), runner_events_container_drained},
    {S("StartContainerDone"), runner_events_start_done},
    {S("CreateRequesterInterfaceDone"), provision_interface_done},
    {S("ResolveMountDone"), provision_volume_done},
    {{NULL, 0}, NULL},
};

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/ecs/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service ecs_process = {
    .api = &ecs_api,
    .migrations = ecs_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = due_run,
    .leniencies = leniencies,
};

bool ecs_includes(const struct slice_list *words, slice word)
{
    list_foreach (one, words) {
        if (slice_eq(*one, word))
            return true;
    }
    return false;
}

int ecs_read_event(struct call *c, slice body, struct val *event)
{
    slice why;
    return json_parse(c->arena, body, event, &why) == 0 && event->type == VAL_OBJECT ? 0 : FAULT_MESSAGE;
}
