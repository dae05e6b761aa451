/* identity: the operations about who somebody is. */
#include "services/sts/sts.h"

#include "proto/access_key.h"
#include "sts_api.h"

int sts_get_caller_identity(struct call *c, const struct sts_get_caller_identity_in *in,
                            struct sts_get_caller_identity_out *out)
{
    struct identity caller;
    TRY(session_caller(c, &caller));
    out->account = caller.account;
    out->arn = caller.arn;
    out->user_id = caller.user_id;
    return 0;
}

int sts_get_access_key_info(struct call *c, const struct sts_get_access_key_info_in *in,
                            struct sts_get_access_key_info_out *out)
{
    char account[13];
    /* Keys that carry no account are everybody's: they work, in the default account. */
    out->account =
        access_key_account(in->access_key_id, account) ? arena_printf(c->arena, "%s", account) : S("123456789012");
    return 0;
}

int sts_decode_authorization_message(struct call *c, const struct sts_decode_authorization_message_in *in,
                                     struct sts_decode_authorization_message_out *out)
{
    /* No call is ever refused with an encoded message, so none can be genuine. */
    return fail(c, &sts_invalid_authorization_message, "Message is not valid");
}
