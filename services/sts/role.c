/* role: assuming roles: who may, for how long, with which session. */
#include "services/sts/role.h"

#include "common/ids.h"
#include "common/json.h"
#include "common/time.h"
#include "services/sts/leniency.h"

enum { MAX_CHAINED_SECONDS = 3600, DEFAULT_SECONDS = 3600 };

int role_parse_arn(struct call *c, slice arn, struct role *role)
{
    slice parts[6], rest = arn;
    for (size_t i = 0; i < 6; i++)
        slice_cut(rest, i < 5 ? ':' : '\0', &parts[i], &rest);
    if (!slice_eq(parts[0], S("arn")) || !slice_eq(parts[2], S("iam")) || parts[4].len != 12 ||
        !slice_starts(parts[5], S("role/")))
        return fail(c, &sts_validation_error, "%.*s is invalid", SLICE_ARG(arn));
    *role = (struct role){.arn = arn, .account = parts[4], .name = parts[5]};
    while (slice_index(role->name, '/') < role->name.len)
        role->name = slice_sub(role->name, slice_index(role->name, '/') + 1, role->name.len);
    return role->name.len > 0 ? 0 : fail(c, &sts_validation_error, "%.*s is invalid", SLICE_ARG(arn));
}

int role_find(struct call *c, struct role *role)
{
    struct call_refusal refused;
    struct val answer;
    slice reply, why;
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("account"));
    json_string(w, role->account);
    json_key(w, S("arn"));
    json_string(w, role->arn);
    json_key(w, S("name"));
    json_string(w, role->name);
    json_object_end(w);
    int result = call_ask(c, S("iam"), S("Role"), json_writer_close(w), &reply, &refused);
    if (result == CALL_FAILED)
        return 0; /* who cannot be found cannot be assumed */
    TRY(result);
    if (json_parse(c->arena, reply, &answer, &why) != 0)
        return FAULT_MESSAGE;
    role->found = val_get_bool(&answer, S("found"), false);
    role->id = val_get_string(&answer, S("id"));
    role->trust = val_get_string(&answer, S("trust"));
    role->max_seconds = val_get_int(&answer, S("maxSeconds"), DEFAULT_SECONDS);
    return 0;
}

/* A role that only leniency lets exist has an id all the same, which stays the same. */
static slice unknown_role_id(struct call *c, slice arn)
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

bool role_is_trusted(struct call *c, const struct role *role, const struct policy_request *request)
{
    struct policy *trust;
    slice why;
    if (!role->found)
        return leniency_on(c, STS_LENIENCY_UNKNOWN_ROLES);
    return policy_parse(c->arena, role->trust, POLICY_TRUST, &trust, &why) == 0 &&
           policy_allows(c->arena, trust, request);
}

int role_check_duration(struct call *c, const struct role *role, int64_t seconds)
{
    if (role->found && seconds > role->max_seconds)
        return fail(c, &sts_validation_error,
                    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return 0;
}

void role_begin_session(struct call *c, const struct role *role, slice session_name, struct identity *session)
{
    *session = (struct identity){.account = role->account, .is_role = true, .principal = role->arn};
    session->arn = arena_printf(c->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", SLICE_ARG(role->account),
                                SLICE_ARG(role->name), SLICE_ARG(session_name));
    slice id = role->found ? role->id : unknown_role_id(c, role->arn);
    session->user_id = arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(id), SLICE_ARG(session_name));
}

int role_check_tags(struct call *c, const struct sts_tag_list_type *tags)
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

/* What the trust policy may look at. */
static void add_keys(struct call *c, const struct sts_assume_role_in *in, const struct identity *caller,
                     struct policy_key_list *keys)
{
    policy_key_add(c->arena, keys, S("sts:ExternalId"), in->external_id);
    policy_key_add(c->arena, keys, S("sts:RoleSessionName"), in->role_session_name);
    policy_key_add(c->arena, keys, S("sts:SourceIdentity"), in->source_identity);
    policy_key_add(c->arena, keys, S("aws:PrincipalArn"), caller->principal);
    policy_key_add(c->arena, keys, S("aws:PrincipalAccount"), caller->account);
    policy_key_add(c->arena, keys, S("aws:userid"), caller->user_id);
    policy_key_add(c->arena, keys, S("aws:RequestedRegion"), c->region);
    policy_key_add(c->arena, keys, S("aws:CurrentTime"), time_iso8601(c->arena, c->now_ms, false));
    list_foreach (tag, &in->tags) {
        policy_key_add(c->arena, keys, arena_concat(c->arena, S("aws:RequestTag/"), tag->key), tag->value);
        policy_key_add(c->arena, keys, S("aws:TagKeys"), tag->key);
    }
}

static int check_trust(struct call *c, const struct sts_assume_role_in *in, const struct role *role,
                       const struct identity *caller)
{
    struct policy_key_list keys = {0};
    struct policy_request request = {
        .action = S("sts:AssumeRole"),
        .resource = role->arn,
        .owner = role->account,
        .caller = {.account = caller->account, .arn = caller->arn},
        .keys = &keys,
    };
    if (!slice_eq(caller->arn, caller->principal))
        request.caller.role = caller->principal;
    add_keys(c, in, caller, &keys);
    bool trusted = role_is_trusted(c, role, &request);
    request.action = S("sts:TagSession");
    if (trusted && in->tags.len > 0)
        trusted = role_is_trusted(c, role, &request);
    if (trusted)
        return 0;
    return fail(c, &sts_access_denied, "User: %.*s is not authorized to perform: %s on resource: %.*s",
                SLICE_ARG(caller->arn), in->tags.len > 0 ? "sts:TagSession" : "sts:AssumeRole", SLICE_ARG(role->arn));
}

slice role_resource(struct call *c, const void *in)
{
    if (slice_eq(c->operation->name, S("AssumeRole")))
        return ((const struct sts_assume_role_in *)in)->role_arn;
    return (slice){NULL, 0};
}

int sts_assume_role(struct call *c, const struct sts_assume_role_in *in, struct sts_assume_role_out *out)
{
    struct identity caller, session;
    struct role role;
    TRY(session_caller(c, &caller));
    TRY(role_parse_arn(c, in->role_arn, &role));
    TRY(role_check_tags(c, &in->tags));
    TRY(session_check_policies(c, in->policy, &in->policy_arns, &out->packed_policy_size));
    int64_t seconds = opt_int_or(in->duration_seconds, DEFAULT_SECONDS);
    if (caller.is_role && seconds > MAX_CHAINED_SECONDS)
        return fail(
            c, &sts_validation_error,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining");
    TRY(role_find(c, &role));
    TRY(check_trust(c, in, &role, &caller));
    TRY(role_check_duration(c, &role, seconds));
    role_begin_session(c, &role, in->role_session_name, &session);
    session.policies = session_policies(c, in->policy, &in->policy_arns);
    out->credentials = session_create(c, &session, seconds);
    out->assumed_role_user = arena_alloc(c->arena, sizeof(*out->assumed_role_user));
    out->assumed_role_user->arn = session.arn;
    out->assumed_role_user->assumed_role_id = session.user_id;
    out->source_identity = in->source_identity;
    return 0;
}
