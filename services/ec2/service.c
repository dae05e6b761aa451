/* service: EC2 as the worker library sees it. */
#include "services/ec2/ec2.h"

#include "services/worker/worker.h"

extern const char *const ec2_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/ec2/sql.def"
#undef SQL
};

static const struct service_event events[] = {
    {S("CreateRequesterInterface"), requester_create},
    {S("DeleteRequesterInterface"), requester_delete},
    {{NULL, 0}, NULL},
};

/* Forgets what ended an hour ago. */
static int forget(struct call *c, int64_t *next_due_ms)
{
    db_run(c->db, EC2_SQL_RESOURCE_FORGET, "i", c->now_ms);
    struct db_rows rows = db_query(c->db, EC2_SQL_RESOURCE_NEXT_END, "");
    *next_due_ms = db_next(&rows) && !db_is_null(&rows, 0) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return 0;
}

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/ec2/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service ec2_process = {
    .api = &ec2_api,
    .migrations = ec2_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = forget,
    .prepare = default_network_ensure,
    .leniencies = leniencies,
};
