/* service: Lambda as the worker library sees it. */
#include "services/lambda/lambda.h"

#include "services/worker/worker.h"

extern const char *const lambda_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/lambda/sql.def"
#undef SQL
};

static int on_time(struct call *c, int64_t *next_due_ms)
{
    code_collect(c, next_due_ms);
    return 0;
}

static int on_raw(struct call *c, struct msg *reply, bool *taken)
{
    *taken = download_serve(c, reply);
    return 0;
}

const struct service lambda_process = {
    .api = &lambda_api,
    .migrations = lambda_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .timer = on_time,
    .raw = on_raw,
};
