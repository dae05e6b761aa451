/* session: temporary credentials: made, kept, recognised, expired. */
#include "services/sts/sts.h"

#include "common/ids.h"
#include "common/json.h"
#include "proto/access_key.h"
#include "services/worker/credentials.h"
#include "services/policy/policy.h"
#include "sts_api.h"

enum { TOKEN_LENGTH = 356, SECRET_LENGTH = 40, MAX_PACKED_BYTES = 2048 };

static const int64_t kept_ms = 24 * 3600 * 1000LL;

static bool find(struct call *c, slice key, struct identity *identity, int64_t *expires_ms)
{
    struct db_rows rows = db_query(c->db, STS_SQL_SESSION_GET, "t", key);
    bool found = db_next(&rows);
    if (found) {
        *identity = (struct identity){
            .account = db_text(&rows, 0),
            .arn = db_text(&rows, 1),
            .user_id = db_text(&rows, 2),
            .is_role = db_int(&rows, 3) != 0,
            .is_session = true,
            .principal = db_text(&rows, 5),
            .policies = db_text(&rows, 6),
        };
        *expires_ms = db_int(&rows, 4);
    }
    db_done(&rows);
    return found;
}

/* Long-term keys are iam's to know. One that it does not know, or when it does not answer, is the account's root:
 * nobody needs real credentials here. */
static int find_user(struct call *c, struct identity *identity, bool *found)
{
    struct call_refusal refused;
    struct val answer;
    slice why, body = arena_printf(c->arena, "{\"accessKey\":\"%.*s\"}", SLICE_ARG(c->access_key));
    struct credentials_answer *kept;
    int result = call_ask_credentials(c, S("iam"), S("Key"), body, &kept, &refused);
    *found = false;
    if (result == CALL_FAILED || result == FAULT_UNANSWERED)
        return 0;
    TRY(result);
    if (json_parse(c->arena, kept->text, &answer, &why) != 0)
        return FAULT_MESSAGE;
    *found = val_get_bool(&answer, S("found"), false);
    if (*found && !val_get_bool(&answer, S("active"), false))
        return fail(c, &sts_invalid_client_token_id, "The security token included in the request is invalid.");
    identity->account = c->account;
    identity->arn = identity->principal = val_get_string(&answer, S("arn"));
    identity->user_id = val_get_string(&answer, S("userId"));
    return 0;
}

int session_caller(struct call *c, struct identity *identity)
{
    int64_t expires_ms;
    bool found = false;
    *identity = (struct identity){0};
    if (slice_starts(c->access_key, S("ASIA")) && find(c, c->access_key, identity, &expires_ms)) {
        if (expires_ms <= c->now_ms)
            return fail(c, &sts_expired_token, "The security token included in the request is expired");
        return 0;
    }
    if (slice_starts(c->access_key, S("AKIA")) && c->access_key.len == 20)
        TRY(find_user(c, identity, &found));
    if (found)
        return 0;
    *identity = (struct identity){
        .account = c->account,
        .arn = arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(c->account)),
        .user_id = c->account,
    };
    identity->principal = identity->arn;
    return 0;
}

int session_answer(struct call *c, slice body, slice *reply)
{
    struct identity identity;
    struct val question;
    slice why;
    int64_t expires_ms;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    if (!find(c, val_get_string(&question, S("accessKey")), &identity, &expires_ms)) {
        *reply = S("{\"found\":false}");
        return 0;
    }
    if (expires_ms <= c->now_ms)
        return fail(c, &sts_expired_token, "The security token included in the request is expired");
    struct json_writer *w = json_writer_open(c->arena);
    struct val policies;
    json_object_begin(w);
    json_key(w, S("found"));
    json_bool(w, true);
    json_key(w, S("arn"));
    json_string(w, identity.arn);
    json_key(w, S("account"));
    json_string(w, identity.account);
    json_key(w, S("principal"));
    json_string(w, identity.principal);
    json_key(w, S("expiresAt"));
    json_int(w, expires_ms);
    json_key(w, S("policies"));
    if (json_parse(c->arena, identity.policies, &policies, &why) != 0)
        return FAULT_INTERNAL;
    json_val(w, &policies);
    json_object_end(w);
    *reply = json_writer_close(w);
    return 0;
}

int session_secret(struct call *c, slice body, slice *reply)
{
    struct val question;
    slice why;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    struct db_rows rows = db_query(c->db, STS_SQL_SESSION_SECRET, "t", val_get_string(&question, S("accessKey")));
    bool found = db_next(&rows), active = found && db_int(&rows, 2) > c->now_ms;
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("active"));
    json_bool(w, active);
    json_key(w, S("expired"));
    json_bool(w, found && !active);
    if (active) {
        json_key(w, S("secret"));
        json_string(w, db_text(&rows, 0));
        json_key(w, S("token"));
        json_string(w, db_text(&rows, 1));
        json_key(w, S("expiresAt"));
        json_int(w, db_int(&rows, 2));
    }
    json_object_end(w);
    db_done(&rows);
    *reply = json_writer_close(w);
    return 0;
}

/* AWS keeps session policies in packed form; here their size is what counts. */
int session_check_policies(struct call *c, slice policy, const struct sts_policy_descriptor_list_type *arns,
                           struct opt_int *packed_size)
{
    struct policy *parsed;
    struct val document;
    slice why;
    if (!policy.ptr && arns->len == 0)
        return 0;
    if (policy.ptr && json_parse(c->arena, policy, &document, &why) != 0)
        return fail(c, &sts_malformed_policy_document, "This policy contains invalid Json");
    if (policy.ptr && policy_parse(c->arena, policy, POLICY_IDENTITY, &parsed, &why) != 0)
        return fail(c, &sts_malformed_policy_document, "%.*s", SLICE_ARG(why));
    if (policy.len > MAX_PACKED_BYTES)
        return fail(c, &sts_packed_policy_too_large,
                    "Packed size of session policy and tags consumes %zu%% of allotted space.",
                    policy.len * 100 / MAX_PACKED_BYTES);
    *packed_size = opt_int((int64_t)(policy.len * 100 / MAX_PACKED_BYTES) + (int64_t)arns->len + 1);
    return 0;
}

slice session_policies(struct call *c, slice policy, const struct sts_policy_descriptor_list_type *arns)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_array_begin(w);
    if (policy.ptr)
        json_string(w, policy);
    list_foreach (arn, arns)
        json_string(w, arn->arn);
    json_array_end(w);
    return json_writer_close(w);
}

struct sts_credentials *session_create(struct call *c, const struct identity *identity, int64_t seconds)
{
    struct sts_credentials *credentials = arena_alloc(c->arena, sizeof(*credentials));
    int64_t expires_ms = (c->now_ms / 1000 + seconds) * 1000;
    credentials->access_key_id = access_key_new(c->arena, S("ASIA"), identity->account);
    credentials->secret_access_key = ids_alnum(c->arena, SECRET_LENGTH);
    credentials->session_token = ids_alnum(c->arena, TOKEN_LENGTH);
    credentials->expiration = opt_int(expires_ms);
    db_run(c->db, STS_SQL_SESSION_ADD, "ttttttiitt", credentials->access_key_id, identity->account,
           credentials->secret_access_key, credentials->session_token, identity->arn, identity->user_id,
           (int64_t)identity->is_role, expires_ms, identity->principal,
           identity->policies.ptr ? identity->policies : S("[]"));
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

int session_reset(struct call *c)
{
    call_credentials_changed(c);
    return 0;
}
