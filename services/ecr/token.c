/* token: authorization tokens: which registry their holder may use and until when, sealed with a key of this
 * database. */
#include "services/ecr/ecr.h"

#include "common/base64.h"
#include "common/conf.h"
#include "common/hash.h"
#include "common/ids.h"
#include "ecr_api.h"

enum { KEY_DIGITS = 64, SEAL_DIGITS = 64 };

static const int64_t life_ms = INT64_C(12) * 60 * 60 * 1000;

static slice key_get(struct call *c)
{
    slice key = {NULL, 0};
    struct db_rows rows = db_query(c->db, ECR_SQL_TOKEN_KEY_GET, "");
    if (db_next(&rows))
        key = db_text(&rows, 0);
    db_done(&rows);
    return key;
}

int token_prepare(struct call *c)
{
    if (!key_get(c).ptr)
        db_run(c->db, ECR_SQL_TOKEN_KEY_SET, "t", ids_hex(c->arena, KEY_DIGITS));
    return 0;
}

slice token_host(struct call *c)
{
    if (c->request && c->request->host.len > 0)
        return c->request->host;
    return arena_printf(c->arena, "localhost:%lld", (long long)c->conf->port);
}

/* Hashed twice, so that nobody can append to what was sealed. */
static slice seal_of(struct call *c, slice claims)
{
    slice key = key_get(c);
    slice inner = hash_sha256_hex(c->arena, arena_concat(c->arena, key, claims));
    return hash_sha256_hex(c->arena, arena_concat(c->arena, key, inner));
}

slice token_make(struct call *c, slice account, int64_t until_ms)
{
    slice claims =
        arena_printf(c->arena, "%.*s/%.*s/%lld", SLICE_ARG(account), SLICE_ARG(c->region), (long long)until_ms);
    return base64_encode(c->arena,
                         arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(claims), SLICE_ARG(seal_of(c, claims))));
}

int token_read(struct call *c, slice password, slice *account, slice *region)
{
    slice text, rest, until;
    int64_t until_ms;
    if (base64_decode(c->arena, password, &text) != 0 || text.len <= SEAL_DIGITS + 1)
        return NOT_FOUND;
    slice claims = slice_sub(text, 0, text.len - SEAL_DIGITS - 1);
    if (!slice_eq(seal_of(c, claims), slice_sub(text, text.len - SEAL_DIGITS, text.len)))
        return NOT_FOUND;
    slice_cut(claims, '/', account, &rest);
    slice_cut(rest, '/', region, &until);
    if (!slice_to_int64(until, &until_ms))
        return NOT_FOUND;
    return until_ms > c->now_ms ? 0 : BAD_INPUT;
}

static void add_token(struct call *c, slice account, struct ecr_get_authorization_token_out *out)
{
    struct ecr_authorization_data *data = list_add(c->arena, &out->authorization_data);
    int64_t until_ms = c->now_ms + life_ms;
    slice password = token_make(c, account, until_ms);
    data->authorization_token = base64_encode(c->arena, arena_printf(c->arena, "AWS:%.*s", SLICE_ARG(password)));
    data->expires_at = opt_int(until_ms);
    data->proxy_endpoint = slice_eq(c->conf->ecr_uri, S("aws"))
                               ? arena_printf(c->arena, "https://%.*s.dkr.ecr.%.*s.amazonaws.com", SLICE_ARG(account),
                                              SLICE_ARG(c->region))
                               : arena_printf(c->arena, "http://%.*s", SLICE_ARG(token_host(c)));
}

int ecr_get_authorization_token(struct call *c, const struct ecr_get_authorization_token_in *in,
                                struct ecr_get_authorization_token_out *out)
{
    if (!in->registry_ids.set)
        add_token(c, c->account, out);
    list_foreach (account, &in->registry_ids)
        add_token(c, *account, out);
    return 0;
}
