/* service: Cloud Map as the worker library sees it. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/page.h"
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
    .timer = operation_run,
    .open = dns_server_open,
    .close = dns_server_close,
    .leniencies = leniencies,
};

static slice arn_prefix(struct call *c)
{
    return arena_printf(c->arena, "arn:aws:servicediscovery:%.*s:%.*s:", SLICE_ARG(c->region), SLICE_ARG(c->account));
}

slice servicediscovery_id(struct call *c, slice id_or_arn)
{
    slice head, tail;
    if (!slice_starts(id_or_arn, S("arn:")))
        return id_or_arn;
    bool ours = slice_starts(id_or_arn, arn_prefix(c)) && slice_cut(id_or_arn, '/', &head, &tail);
    return ours ? tail : S("");
}

slice servicediscovery_arn(struct call *c, const char *kind, slice id)
{
    return arena_printf(c->arena, "%.*s%s/%.*s", SLICE_ARG(arn_prefix(c)), kind, SLICE_ARG(id));
}

slice servicediscovery_lower(struct call *c, slice text)
{
    char *bytes = arena_copy(c->arena, text.ptr, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] + 'a' - 'A');
    }
    return (slice){bytes, text.len};
}

int64_t servicediscovery_number(struct db_rows rows)
{
    int64_t number = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return number;
}

int servicediscovery_page(struct call *c, slice kind, slice token, int64_t *after)
{
    slice key;
    *after = 0;
    if (page_key(c->arena, kind, token, &key) != 0 || (key.len > 0 && !slice_to_int64(key, after)))
        return fail(c, &servicediscovery_invalid_input, "The pagination token is invalid.");
    return 0;
}

slice servicediscovery_page_token(struct call *c, slice kind, int64_t last)
{
    return page_token(c->arena, kind, arena_printf(c->arena, "%lld", (long long)last));
}
