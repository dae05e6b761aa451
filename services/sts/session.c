/* session: temporary credentials: made, kept, recognised, expired. */
#include "services/sts/sts.h"

#include "common/ids.h"
#include "proto/access_key.h"
#include "sts_api.h"

enum { TOKEN_LENGTH = 356, SECRET_LENGTH = 40 };

static const int64_t kept_ms = 24 * 3600 * 1000LL;

static bool find(struct call *c, struct identity *identity, int64_t *expires_ms)
{
    struct db_rows rows = db_query(c->db, STS_SQL_SESSION_GET, "t", c->access_key);
    bool found = db_next(&rows);
    if (found) {
        *identity = (struct identity){
            .account = db_text(&rows, 0),
            .arn = db_text(&rows, 1),
            .user_id = db_text(&rows, 2),
            .is_role = db_int(&rows, 3) != 0,
            .is_session = true,
        };
        *expires_ms = db_int(&rows, 4);
    }
    db_done(&rows);
    return found;
}

int session_caller(struct call *c, struct identity *identity)
{
    int64_t expires_ms;
    if (slice_starts(c->access_key, S("ASIA")) && find(c, identity, &expires_ms)) {
        if (expires_ms <= c->now_ms)
            return fail(c, &sts_expired_token, "The security token included in the request is expired");
        return 0;
    }
    /* Any other key is the account's root: nobody needs real credentials here. */
    *identity = (struct identity){
        .account = c->account,
        .arn = arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(c->account)),
        .user_id = c->account,
    };
    return 0;
}

struct sts_credentials *session_create(struct call *c, const struct identity *identity, int64_t seconds)
{
    struct sts_credentials *credentials = arena_alloc(c->arena, sizeof(*credentials));
    int64_t expires_ms = (c->now_ms / 1000 + seconds) * 1000;
    credentials->access_key_id = access_key_new(c->arena, S("ASIA"), identity->account);
    credentials->secret_access_key = ids_alnum(c->arena, SECRET_LENGTH);
    credentials->session_token = ids_alnum(c->arena, TOKEN_LENGTH);
    credentials->expiration = opt_int(expires_ms);
    db_run(c->db, STS_SQL_SESSION_ADD, "ttttttii", credentials->access_key_id, identity->account,
           credentials->secret_access_key, credentials->session_token, identity->arn, identity->user_id,
           (int64_t)identity->is_role, expires_ms);
    call_timer_changed(c);
    return credentials;
}

int session_expire(struct call *c, int64_t *next_due_ms)
{
    db_run(c->db, STS_SQL_SESSION_EXPIRE, "i", c->now_ms - kept_ms);
    struct db_rows rows = db_query(c->db, STS_SQL_SESSION_NEXT_EXPIRY, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0) + kept_ms + 1;
    db_done(&rows);
    return 0;
}
