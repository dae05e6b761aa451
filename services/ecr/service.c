/* service: the registry as the worker library sees it, and its timer. */
#include "services/ecr/ecr.h"

#include "ecr_api.h"
#include "services/ecr/blob.h"
#include "services/ecr/fetch.h"
#include "services/ecr/registry.h"
#include "services/worker/worker.h"

extern const char *const ecr_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/ecr/sql.def"
#undef SQL
};

static void earlier(int64_t *due_ms, int64_t other_ms)
{
    if (other_ms > 0 && (*due_ms == 0 || other_ms < *due_ms))
        *due_ms = other_ms;
}

static int run_due(struct call *c, int64_t *next_due_ms)
{
    int64_t sweep_ms = 0;
    TRY(lifecycle_run(c, next_due_ms));
    TRY(blob_sweep(c, &sweep_ms));
    earlier(next_due_ms, sweep_ms);
    return 0;
}

static int prepare(struct call *c)
{
    TRY(blob_prepare(c));
    return token_prepare(c);
}

static int empty(struct call *c)
{
    blob_remove_all(c);
    return prepare(c);
}

/* A long part is taken out of the request beside the loop; then the handler finds its file. */
static int on_raw(struct call *c, struct msg *reply, bool *taken)
{
    int result = registry_route_answer(c, reply, taken);
    if (*taken)
        return result;
    result = layer_take_part(c);
    *taken = result != 0;
    return result;
}

/* The repository that the input names. */
static slice resource_of(struct call *c, const void *in)
{
    const struct api_shape *shape = c->operation->in;
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        const slice *value = (const void *)((const char *)in + shape->members[i].offset);
        if (slice_eq(shape->members[i].name, S("repositoryName")) && value->ptr)
            return arena_printf(c->arena, "arn:aws:ecr:%.*s:%.*s:repository/%.*s", SLICE_ARG(c->region),
                                SLICE_ARG(c->account), SLICE_ARG(*value));
        if (slice_eq(shape->members[i].name, S("resourceArn")))
            return *value;
    }
    return (slice){NULL, 0};
}

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/ecr/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

static const struct service_event events[] = {
    {S("RemoveFiles"), blob_remove_run},
    {{NULL, 0}, NULL},
};

const struct service ecr_process = {
    .api = &ecr_api,
    .migrations = ecr_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = run_due,
    .start = prepare,
    .reset = empty,
    .raw = on_raw,
    .resource = resource_of,
    .open = fetch_open,
    .close = fetch_close,
    .leniencies = leniencies,
};
