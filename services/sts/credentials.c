/* credentials: the operations that hand out temporary credentials. */
#include "services/sts/sts.h"

#include "common/ids.h"
#include "common/json.h"
#include "sts_api.h"

enum { MAX_CHAINED_SECONDS = 3600, MAX_PACKED_BYTES = 2048 };

/* Account and name in arn:aws:iam::ACCOUNT:role/PATH/NAME. */
static int parse_role_arn(struct call *c, slice arn, slice *account, slice *name)
{
    slice parts[6], rest = arn;
    for (size_t i = 0; i < 6; i++)
        slice_cut(rest, i < 5 ? ':' : '\0', &parts[i], &rest);
    if (!slice_eq(parts[0], S("arn")) || !slice_eq(parts[2], S("iam")) || parts[4].len != 12 ||
        !slice_starts(parts[5], S("role/")))
        return fail(c, &sts_validation_error, "%.*s is invalid", SLICE_ARG(arn));
    *account = parts[4];
    *name = parts[5];
    while (slice_index(*name, '/') < name->len)
        *name = slice_sub(*name, slice_index(*name, '/') + 1, name->len);
    return name->len > 0 ? 0 : fail(c, &sts_validation_error, "%.*s is invalid", SLICE_ARG(arn));
}

static slice role_id(struct call *c, slice arn)
{
    slice id = {NULL, 0};
    struct db_rows rows = db_query(c->db, STS_SQL_ROLE_ID_GET, "t", arn);
    if (db_next(&rows))
        id = db_text(&rows, 0);
    db_done(&rows);
    if (!id.ptr) {
        id = arena_concat(c->arena, S("AROA"), ids_base32(c->arena, 17));
        db_run(c->db, STS_SQL_ROLE_ID_ADD, "tt", arn, id);
    }
    return id;
}

/* Session policies are kept by AWS in packed form; here their size is what counts. */
static int check_policy(struct call *c, slice policy, size_t n_arns, struct opt_int *packed_size)
{
    struct val document;
    slice why;
    if (!policy.ptr && n_arns == 0)
        return 0;
    if (policy.ptr && (json_parse(c->arena, policy, &document, &why) != 0 || document.type != VAL_OBJECT))
        return fail(c, &sts_malformed_policy_document, "This policy contains invalid Json");
    if (policy.len > MAX_PACKED_BYTES)
        return fail(c, &sts_packed_policy_too_large,
                    "Packed size of session policy and tags consumes %zu%% of allotted space.",
                    policy.len * 100 / MAX_PACKED_BYTES);
    *packed_size = opt_int((int64_t)(policy.len * 100 / MAX_PACKED_BYTES) + (int64_t)n_arns + 1);
    return 0;
}

static int check_tags(struct call *c, const struct sts_tag_list_type *tags)
{
    for (size_t i = 0; i < tags->len; i++) {
        if (slice_starts(tags->items[i].key, S("aws:")))
            return fail(c, &sts_invalid_parameter_value, "The tag key %.*s is reserved.",
                        SLICE_ARG(tags->items[i].key));
        for (size_t j = 0; j < i; j++) {
            if (slice_eq_nocase(tags->items[i].key, tags->items[j].key))
                return fail(c, &sts_invalid_parameter_value,
                            "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        }
    }
    return 0;
}

int sts_assume_role(struct call *c, const struct sts_assume_role_in *in, struct sts_assume_role_out *out)
{
    slice account, name;
    struct identity caller, session;
    TRY(session_caller(c, &caller));
    TRY(parse_role_arn(c, in->role_arn, &account, &name));
    TRY(check_tags(c, &in->tags));
    TRY(check_policy(c, in->policy, in->policy_arns.len, &out->packed_policy_size));
    int64_t seconds = opt_int_or(in->duration_seconds, 3600);
    if (caller.is_role && seconds > MAX_CHAINED_SECONDS)
        return fail(
            c, &sts_validation_error,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining");
    session = (struct identity){.account = account, .is_role = true};
    session.arn = arena_printf(c->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", SLICE_ARG(account),
                               SLICE_ARG(name), SLICE_ARG(in->role_session_name));
    session.user_id =
        arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(role_id(c, in->role_arn)), SLICE_ARG(in->role_session_name));
    out->credentials = session_create(c, &session, seconds);
    out->assumed_role_user = arena_alloc(c->arena, sizeof(*out->assumed_role_user));
    out->assumed_role_user->arn = session.arn;
    out->assumed_role_user->assumed_role_id = session.user_id;
    out->source_identity = in->source_identity;
    return 0;
}

int sts_get_session_token(struct call *c, const struct sts_get_session_token_in *in,
                          struct sts_get_session_token_out *out)
{
    struct identity caller;
    TRY(session_caller(c, &caller));
    if (caller.is_session)
        return fail(c, &sts_access_denied, "Cannot call GetSessionToken with session credentials");
    out->credentials = session_create(c, &caller, opt_int_or(in->duration_seconds, 43200));
    return 0;
}

int sts_get_federation_token(struct call *c, const struct sts_get_federation_token_in *in,
                             struct sts_get_federation_token_out *out)
{
    struct identity caller, session;
    TRY(session_caller(c, &caller));
    if (caller.is_session)
        return fail(c, &sts_access_denied, "Cannot call GetFederationToken with session credentials");
    TRY(check_tags(c, &in->tags));
    TRY(check_policy(c, in->policy, in->policy_arns.len, &out->packed_policy_size));
    session = (struct identity){.account = caller.account};
    session.arn =
        arena_printf(c->arena, "arn:aws:sts::%.*s:federated-user/%.*s", SLICE_ARG(caller.account), SLICE_ARG(in->name));
    session.user_id = arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(caller.account), SLICE_ARG(in->name));
    out->credentials = session_create(c, &session, opt_int_or(in->duration_seconds, 43200));
    out->federated_user = arena_alloc(c->arena, sizeof(*out->federated_user));
    out->federated_user->arn = session.arn;
    out->federated_user->federated_user_id = session.user_id;
    return 0;
}
