/* service: Cloud Map as the worker library sees it. */
#include "services/servicediscovery/servicediscovery.h"

#include "services/servicediscovery/dns_server.h"
#include "services/worker/worker.h"

extern const char *const servicediscovery_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/servicediscovery/sql.def"
#undef SQL
};

static const struct service_event events[] = {
    {S("RegisterTaskInstance"), instance_register_task},
    {S("DeregisterTaskInstance"), instance_deregister_task},
    {{NULL, 0}, NULL},
};

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/servicediscovery/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service servicediscovery_process = {
    .api = &servicediscovery_api,
    .migrations = servicediscovery_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = operation_run_due,
    .open = dns_server_open,
    .close = dns_server_close,
    .leniencies = leniencies,
};
