/* service: CloudWatch Logs as the worker library sees it. */
#include "services/logs/logs.h"

#include "logs_api.h"
#include "services/worker/worker.h"

extern const char *const logs_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/logs/sql.def"
#undef SQL
};

static const struct service_event events[] = {
    {S("AppendLogEvents"), put_append_log_events, true},
    {{NULL, 0}, NULL},
};

const struct service logs_process = {
    .api = &logs_api,
    .migrations = logs_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = retention_run,
};
