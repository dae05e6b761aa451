/* service_role: roles that AWS's own services assume for what they run: the question ServiceRole of workers. */
#include "services/sts/role.h"

#include "common/json.h"

static int check_trust(struct call *c, const struct role *role, slice service)
{
    struct policy_key_list keys = {0};
    const struct policy_request request = {
        .action = S("sts:AssumeRole"),
        .resource = role->arn,
        .owner = role->account,
        .caller = {.account = role->account, .service = service},
        .keys = &keys,
    };
    policy_key_add(c->arena, &keys, S("aws:SourceAccount"), role->account);
    policy_key_add(c->arena, &keys, S("aws:PrincipalIsAWSService"), S("true"));
    if (role_is_trusted(c, role, &request))
        return 0;
    return fail(c, &sts_access_denied, "%.*s is not authorized to perform: sts:AssumeRole on resource: %.*s",
                SLICE_ARG(service), SLICE_ARG(role->arn));
}

static slice answer_of(struct call *c, const struct sts_credentials *credentials)
{
    struct val answer = val_object();
    val_set(c->arena, &answer, S("accessKeyId"), val_string(credentials->access_key_id));
    val_set(c->arena, &answer, S("secretAccessKey"), val_string(credentials->secret_access_key));
    val_set(c->arena, &answer, S("sessionToken"), val_string(credentials->session_token));
    val_set(c->arena, &answer, S("expiresAt"), val_int(credentials->expiration.v));
    return json_text(c->arena, &answer);
}

int service_role_answer(struct call *c, slice body, slice *reply)
{
    struct val question;
    struct role role;
    struct identity session;
    slice why;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    int64_t seconds = val_get_int(&question, S("seconds"), 0);
    TRY(role_parse_arn(c, val_get_string(&question, S("role")), &role));
    TRY(role_find(c, &role));
    TRY(check_trust(c, &role, val_get_string(&question, S("service"))));
    *reply = S("{}");
    if (seconds == 0)
        return 0;
    role_begin_session(c, &role, val_get_string(&question, S("session")), &session);
    *reply = answer_of(c, session_create(c, &session, seconds));
    return 0;
}
