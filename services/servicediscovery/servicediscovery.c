/* servicediscovery: ARNs, names and pages as all files of the service read and write them. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/page.h"

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
