/* service: ECS as the worker library sees it. */
#include "services/ecs/ecs.h"

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
    {S("CreateRequesterInterfaceDone"), provision_done_interface},
    {S("ResolveMountDone"), provision_done_volume},
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
