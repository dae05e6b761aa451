/* service: S3 as the worker library sees it. */
#include "services/s3/s3.h"

#include "services/worker/worker.h"

extern const char *const s3_migrations[];

static const struct service_event events[] = {
    {S("ComputeDigests"), content_hash_run},
    {S("RemoveFiles"), content_remove_run},
    {S("SweepFiles"), content_sweep_run},
    {{NULL, 0}, NULL},
};

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/s3/sql.def"
#undef SQL
};

static const struct service_action actions[] = {
#define ACTION(operation, action) {S(operation), S(action)},
#include "services/s3/actions.def"
#undef ACTION
    {{NULL, 0}, {NULL, 0}},
};

const struct service s3_process = {
    .api = &s3_api,
    .migrations = s3_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = lifecycle_run,
    .start = content_start,
    .reset = content_start,
    .raw = raw_run,
    .guest = guest_check,
    .actions = actions,
};
