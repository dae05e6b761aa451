/* credentials: temporary credentials without a role. */
#include "services/sts/sts.h"

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
    TRY(role_check_tags(c, &in->tags));
    TRY(session_check_policies(c, in->policy, &in->policy_arns, &out->packed_policy_size));
    session = (struct identity){
        .account = caller.account,
        .principal = caller.principal,
        .policies = session_policies(c, in->policy, &in->policy_arns),
    };
    session.arn =
        arena_printf(c->arena, "arn:aws:sts::%.*s:federated-user/%.*s", SLICE_ARG(caller.account), SLICE_ARG(in->name));
    session.user_id = arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(caller.account), SLICE_ARG(in->name));
    out->credentials = session_create(c, &session, opt_int_or(in->duration_seconds, 43200));
    out->federated_user = arena_alloc(c->arena, sizeof(*out->federated_user));
    out->federated_user->arn = session.arn;
    out->federated_user->federated_user_id = session.user_id;
    return 0;
}
