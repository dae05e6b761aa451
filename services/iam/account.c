/* account: what an account has one of: alias, password policy, summary. */
#include "services/iam/iam.h"

static bool setting_find(struct call *c, slice name, slice *value)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_SETTING_GET, "tt", c->account, name);
    bool found = db_next(&rows);
    if (found)
        *value = db_text(&rows, 0);
    db_done(&rows);
    return found;
}

int iam_create_account_alias(struct call *c, const struct iam_create_account_alias_in *in,
                             struct iam_create_account_alias_out *out)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_SETTING_OWNER, "tt", S("alias"), in->account_alias);
    bool taken = db_next(&rows) && !slice_eq(db_text(&rows, 0), c->account);
    db_done(&rows);
    if (taken)
        return fail(c, &iam_entity_already_exists, "The account alias %.*s already exists.",
                    SLICE_ARG(in->account_alias));
    db_run(c->db, IAM_SQL_SETTING_SET, "ttt", c->account, S("alias"), in->account_alias);
    return 0;
}

int iam_delete_account_alias(struct call *c, const struct iam_delete_account_alias_in *in,
                             struct iam_delete_account_alias_out *out)
{
    slice alias;
    if (!setting_find(c, S("alias"), &alias) || !slice_eq(alias, in->account_alias))
        return fail(c, &iam_no_such_entity, "The account alias %.*s cannot be found.", SLICE_ARG(in->account_alias));
    db_run(c->db, IAM_SQL_SETTING_DELETE, "tt", c->account, S("alias"));
    return 0;
}

int iam_list_account_aliases(struct call *c, const struct iam_list_account_aliases_in *in,
                             struct iam_list_account_aliases_out *out)
{
    struct listing listing;
    slice alias;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    if (setting_find(c, S("alias"), &alias) && slice_cmp(alias, listing.after) > 0)
        *list_add(c->arena, &out->account_aliases) = alias;
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

static bool find_policy(struct call *c, struct iam_password_policy *policy)
{
    slice text;
    return setting_find(c, S("password-policy"), &text) &&
           api_from_json(c->arena, &iam_shape_password_policy, text, policy) == 0;
}

static int policy_not_found(struct call *c)
{
    return fail(c, &iam_no_such_entity, "The Password Policy with domain name %.*s cannot be found.",
                SLICE_ARG(c->account));
}

int iam_get_account_password_policy(struct call *c, const struct iam_get_account_password_policy_in *in,
                                    struct iam_get_account_password_policy_out *out)
{
    out->password_policy = arena_alloc(c->arena, sizeof(*out->password_policy));
    return find_policy(c, out->password_policy) ? 0 : policy_not_found(c);
}

int iam_update_account_password_policy(struct call *c, const struct iam_update_account_password_policy_in *in,
                                       struct iam_update_account_password_policy_out *out)
{
    struct iam_password_policy policy = {
        .minimum_password_length = opt_int(opt_int_or(in->minimum_password_length, 6)),
        .require_symbols = opt_bool(opt_bool_or(in->require_symbols, false)),
        .require_numbers = opt_bool(opt_bool_or(in->require_numbers, false)),
        .require_uppercase_characters = opt_bool(opt_bool_or(in->require_uppercase_characters, false)),
        .require_lowercase_characters = opt_bool(opt_bool_or(in->require_lowercase_characters, false)),
        .allow_users_to_change_password = opt_bool(opt_bool_or(in->allow_users_to_change_password, false)),
        .expire_passwords = opt_bool(in->max_password_age.set),
        .max_password_age = in->max_password_age,
        .password_reuse_prevention = in->password_reuse_prevention,
        .hard_expiry = in->hard_expiry,
    };
    db_run(c->db, IAM_SQL_SETTING_SET, "ttt", c->account, S("password-policy"),
           api_to_json(c->arena, &iam_shape_password_policy, &policy));
    return 0;
}

int iam_delete_account_password_policy(struct call *c, const struct iam_delete_account_password_policy_in *in,
                                       struct iam_delete_account_password_policy_out *out)
{
    return db_run(c->db, IAM_SQL_SETTING_DELETE, "tt", c->account, S("password-policy")) > 0 ? 0 : policy_not_found(c);
}

static bool has_between(slice text, char from, char to)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= from && text.ptr[i] <= to)
            return true;
    }
    return false;
}

static bool has_symbol(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] && strchr("!@#$%^&*()_+-=[]{}|'", text.ptr[i]))
            return true;
    }
    return false;
}

int account_check_password(struct call *c, slice password)
{
    struct iam_password_policy policy = {.minimum_password_length = opt_int(8)};
    find_policy(c, &policy);
    const struct {
        bool broken;
        const char *word;
    } rules[] = {
        {policy.require_uppercase_characters.v && !has_between(password, 'A', 'Z'), "uppercase letter"},
        {policy.require_lowercase_characters.v && !has_between(password, 'a', 'z'), "lowercase letter"},
        {policy.require_numbers.v && !has_between(password, '0', '9'), "number"},
        {policy.require_symbols.v && !has_symbol(password), "symbol"},
    };
    if ((int64_t)password.len < policy.minimum_password_length.v)
        return fail(c, &iam_password_policy_violation, "Password should have a minimum length of %lld",
                    (long long)policy.minimum_password_length.v);
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        if (rules[i].broken)
            return fail(c, &iam_password_policy_violation, "Password should have at least one %s", rules[i].word);
    }
    return 0;
}

int iam_get_account_summary(struct call *c, const struct iam_get_account_summary_in *in,
                            struct iam_get_account_summary_out *out)
{
    static const struct {
        const char *key;
        int64_t value;
        int kind; /* counted entities, or -1 */
    } entries[] = {
        {"Users", 0, ENTITY_USER},
        {"UsersQuota", 5000, -1},
        {"Groups", 0, ENTITY_GROUP},
        {"GroupsQuota", 300, -1},
        {"ServerCertificates", 0, -1},
        {"ServerCertificatesQuota", 20, -1},
        {"UserPolicySizeQuota", 2048, -1},
        {"GroupPolicySizeQuota", 5120, -1},
        {"GroupsPerUserQuota", 10, -1},
        {"SigningCertificatesPerUserQuota", 2, -1},
        {"AccessKeysPerUserQuota", 2, -1},
        {"MFADevices", 0, -1},
        {"MFADevicesInUse", 0, -1},
        {"AccountMFAEnabled", 0, -1},
        {"AccountAccessKeysPresent", 0, -1},
        {"AccountPasswordPresent", 1, -1},
        {"AccountSigningCertificatesPresent", 0, -1},
        {"AttachedPoliciesPerGroupQuota", 10, -1},
        {"AttachedPoliciesPerRoleQuota", 10, -1},
        {"AttachedPoliciesPerUserQuota", 10, -1},
        {"Policies", 0, ENTITY_POLICY},
        {"PoliciesQuota", 1500, -1},
        {"PolicySizeQuota", 6144, -1},
        {"PolicyVersionsInUseQuota", 10000, -1},
        {"VersionsPerPolicyQuota", 5, -1},
        {"GlobalEndpointTokenVersion", 1, -1},
        {"AssumeRolePolicySizeQuota", 2048, -1},
        {"InstanceProfiles", 0, ENTITY_PROFILE},
        {"InstanceProfilesQuota", 1000, -1},
        {"Providers", 0, ENTITY_PROVIDER},
        {"RolePolicySizeQuota", 10240, -1},
        {"Roles", 0, ENTITY_ROLE},
        {"RolesQuota", 1000, -1},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        struct iam_summary_map_type_entry *entry = list_add(c->arena, &out->summary_map);
        entry->key = slice_of(entries[i].key);
        entry->value = opt_int(entries[i].value);
        if (entries[i].kind >= 0)
            entry->value = opt_int(
                entity_count(db_query(c->db, IAM_SQL_ENTITY_COUNT, "ti", c->account, (int64_t)entries[i].kind)));
    }
    struct iam_summary_map_type_entry *versions = list_add(c->arena, &out->summary_map);
    versions->key = S("PolicyVersionsInUse");
    versions->value = opt_int(entity_count(db_query(c->db, IAM_SQL_VERSION_COUNT_ALL, "t", c->account)));
    return 0;
}
