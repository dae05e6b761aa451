/* web_identity: roles for the users of an OpenID Connect provider. The token is read and its time checked; its
 * signature is not, for the provider's keys are on a network. */
#include "services/sts/role.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/json.h"

/* The claims: the middle part of the token, base64 of the URL-safe kind. */
static int parse_token(struct call *c, slice token, struct val *claims)
{
    slice head, rest, middle, bytes, why;
    struct buf plain;
    buf_init(&plain, c->arena);
    if (!slice_cut(token, '.', &head, &rest) || !slice_cut(rest, '.', &middle, &rest))
        return fail(c, &sts_invalid_identity_token,
                    "The ID Token provided is not a valid JWT. (You may see this error if "
                    "you sent an Access Token)");
    for (size_t i = 0; i < middle.len; i++)
        buf_add_char(&plain, middle.ptr[i] == '-' ? '+' : middle.ptr[i] == '_' ? '/' : middle.ptr[i]);
    if (base64_decode(c->arena, buf_slice(&plain), &bytes) != 0 || json_parse(c->arena, bytes, claims, &why) != 0 ||
        claims->type != VAL_OBJECT)
        return fail(c, &sts_invalid_identity_token,
                    "The ID Token provided is not a valid JWT. (You may see this error if "
                    "you sent an Access Token)");
    if (val_get_int(claims, S("exp"), INT64_MAX / 1000) <= c->now_ms / 1000)
        return fail(c, &sts_expired_token_exception,
                    "Token expired: current date/time must be before the expiration "
                    "date/time");
    if (!val_get_string(claims, S("iss")).ptr || !val_get_string(claims, S("sub")).ptr)
        return fail(c, &sts_invalid_identity_token, "Missing a required claim: %s",
                    val_get_string(claims, S("iss")).ptr ? "sub" : "iss");
    return 0;
}

static slice audience_of(const struct val *claims)
{
    const struct val *audience = val_get(claims, S("aud"));
    if (audience && audience->type == VAL_ARRAY && audience->array.len > 0 &&
        audience->array.items[0].type == VAL_STRING)
        return audience->array.items[0].string;
    return val_get_string(claims, S("aud"));
}

static int check_trust(struct call *c, const struct role *role, const struct val *claims, slice issuer)
{
    struct policy_key_list keys = {0};
    struct policy_request request = {
        .action = S("sts:AssumeRoleWithWebIdentity"),
        .resource = role->arn,
        .caller = {.federated = arena_printf(c->arena, "arn:aws:iam::%.*s:oidc-provider/%.*s", SLICE_ARG(role->account),
                                             SLICE_ARG(issuer))},
        .keys = &keys,
    };
    policy_key_add(c->arena, &keys, arena_concat(c->arena, issuer, S(":sub")), val_get_string(claims, S("sub")));
    policy_key_add(c->arena, &keys, arena_concat(c->arena, issuer, S(":aud")), audience_of(claims));
    policy_key_add(c->arena, &keys, arena_concat(c->arena, issuer, S(":amr")), val_get_string(claims, S("amr")));
    if (role_is_trusted(c, role, &request))
        return 0;
    return fail(c, &sts_access_denied, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
}

int sts_assume_role_with_web_identity(struct call *c, const struct sts_assume_role_with_web_identity_in *in,
                                      struct sts_assume_role_with_web_identity_out *out)
{
    struct identity session;
    struct role role;
    struct val claims;
    TRY(role_parse_arn(c, in->role_arn, &role));
    TRY(parse_token(c, in->web_identity_token, &claims));
    TRY(session_check_policies(c, in->policy, &in->policy_arns, &out->packed_policy_size));
    int64_t seconds = opt_int_or(in->duration_seconds, 3600);
    slice issuer = val_get_string(&claims, S("iss"));
    if (slice_starts(issuer, S("https://")))
        issuer = slice_sub(issuer, S("https://").len, issuer.len);
    TRY(role_find(c, &role));
    TRY(check_trust(c, &role, &claims, issuer));
    TRY(role_check_duration(c, &role, seconds));
    role_begin_session(c, &role, in->role_session_name, &session);
    session.policies = session_policies(c, in->policy, &in->policy_arns);
    out->credentials = session_create(c, &session, seconds);
    out->assumed_role_user = arena_alloc(c->arena, sizeof(*out->assumed_role_user));
    out->assumed_role_user->arn = session.arn;
    out->assumed_role_user->assumed_role_id = session.user_id;
    out->subject_from_web_identity_token = val_get_string(&claims, S("sub"));
    out->audience = audience_of(&claims);
    out->provider =
        arena_printf(c->arena, "arn:aws:iam::%.*s:oidc-provider/%.*s", SLICE_ARG(role.account), SLICE_ARG(issuer));
    return 0;
}
