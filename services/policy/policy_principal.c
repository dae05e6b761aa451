/* policy_principal: whom the Principal element of a statement means. */
#include "services/policy/policy_parts.h"

#include "common/json.h"

static bool is_account_of(slice text, slice account)
{
    slice prefix = S("arn:aws:iam::"), rest = slice_sub(text, prefix.len, text.len);
    if (account.len != 12)
        return false;
    return slice_eq(text, account) || (slice_starts(text, prefix) && slice_starts(rest, account) &&
                                       slice_eq(slice_sub(rest, account.len, rest.len), S(":root")));
}

static enum policy_meant aws_means(slice text, const struct policy_caller *caller)
{
    if (slice_eq(text, S("*")))
        return POLICY_MEANT_BY_NAME;
    if (caller->service.ptr || caller->federated.ptr || slice_empty(caller->arn))
        return POLICY_NOT_MEANT;
    if (slice_eq(text, caller->arn) || (caller->role.ptr && slice_eq(text, caller->role)))
        return POLICY_MEANT_BY_NAME;
    return is_account_of(text, caller->account) ? POLICY_MEANT_BY_ACCOUNT : POLICY_NOT_MEANT;
}

static enum policy_meant one_means(slice kind, slice text, const struct policy_caller *caller)
{
    if (slice_eq(kind, S("AWS")))
        return aws_means(text, caller);
    if (slice_eq(kind, S("Service")))
        return caller->service.ptr && slice_eq(text, caller->service) ? POLICY_MEANT_BY_NAME : POLICY_NOT_MEANT;
    if (slice_eq(kind, S("Federated")))
        return caller->federated.ptr && slice_eq(text, caller->federated) ? POLICY_MEANT_BY_NAME : POLICY_NOT_MEANT;
    return POLICY_NOT_MEANT;
}

static enum policy_meant kind_means(const struct val_field *kind, const struct policy_caller *caller)
{
    enum policy_meant best = POLICY_NOT_MEANT;
    bool several = kind->value.type == VAL_ARRAY;
    size_t count = several ? kind->value.array.len : 1;
    const struct val *items = several ? kind->value.array.items : &kind->value;
    for (size_t i = 0; i < count; i++) {
        enum policy_meant meant = one_means(kind->key, items[i].string, caller);
        best = meant > best ? meant : best;
    }
    return best;
}

enum policy_meant policy_principal_means(const struct policy_statement *statement, const struct policy_caller *caller)
{
    const struct val *principal = statement->principal;
    enum policy_meant best = POLICY_NOT_MEANT;
    if (!principal)
        return POLICY_NOT_MEANT;
    if (principal->type == VAL_STRING)
        best = POLICY_MEANT_BY_NAME;
    for (size_t i = 0; principal->type == VAL_OBJECT && i < principal->object.len; i++) {
        enum policy_meant meant = kind_means(&principal->object.items[i], caller);
        best = meant > best ? meant : best;
    }
    if (statement->not_principal)
        return best == POLICY_NOT_MEANT ? POLICY_MEANT_BY_ACCOUNT : POLICY_NOT_MEANT;
    return best;
}
