/* service: Lambda as the worker library sees it. */
#include "services/lambda/invoke.h"

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
    queue_run_due(c, next_due_ms);
    return 0;
}

static int on_raw(struct call *c, struct msg *reply, bool *taken)
{
    *taken = download_serve(c, reply);
    int result = *taken ? 0 : url_serve(c, reply, taken);
    if (*taken)
        return result;
    result = code_read_body(c);
    *taken = result != 0;
    return result;
}

static int on_start(struct call *c)
{
    queue_recover(c);
    code_recover(c);
    return 0;
}

/* The packages go with the functions. */
static int on_reset(struct call *c)
{
    code_remove_all(c);
    return 0;
}

static const struct service_event events[] = {
    {S("RunQueued"), queue_run},
    {S("RemoveFiles"), code_sweep},
    {S("S3Notification"), incoming_s3_notification},
    {S("InvokeFunctionAsync"), incoming_invoke},
    {{NULL, 0}, NULL},
};

static const struct service_question questions[] = {
    {S("S3Destination"), incoming_s3_destination},
    {{NULL, 0}, NULL},
};

static const struct service_action actions[] = {
#define ACTION(operation, action) {S(operation), S(action)},
#include "services/lambda/actions.def"
#undef ACTION
    {{NULL, 0}, {NULL, 0}},
};

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/lambda/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service lambda_process = {
    .api = &lambda_api,
    .migrations = lambda_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = on_time,
    .start = on_start,
    .reset = on_reset,
    .raw = on_raw,
    .questions = questions,
    .actions = actions,
    .leniencies = leniencies,
};
