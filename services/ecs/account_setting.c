/* account_setting: account settings, per principal and the account's default. They are kept and given back; ARNs are
 * always long here. */
#include "services/ecs/ecs.h"

#include "common/page.h"

enum { MAX_RESULTS = 10 };

/* What AWS answers where nothing was set, in the order of the names. */
static const struct {
    slice name;
    slice value;
} defaults[] = {
    {S("awsvpcTrunking"), S("disabled")},
    {S("containerInsights"), S("disabled")},
    {S("containerInstanceLongArnFormat"), S("enabled")},
    {S("defaultLogDriverMode"), S("non-blocking")},
    {S("fargateEventWindows"), S("disabled")},
    {S("fargateFIPSMode"), S("disabled")},
    {S("fargateTaskRetirementWaitPeriod"), S("7")},
    {S("guardDutyActivate"), S("off")},
    {S("serviceLongArnFormat"), S("enabled")},
    {S("tagResourceAuthorization"), S("off")},
    {S("taskLongArnFormat"), S("enabled")},
};

/* The row of the account's default has no principal. */
static slice principal_of(struct call *c, slice arn)
{
    return arn.ptr ? arn : arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(c->account));
}

static slice stored(struct call *c, slice principal, slice name)
{
    slice value = {NULL, 0};
    struct db_rows rows = db_query(c->db, ECS_SQL_SETTING_GET, "tttt", c->account, c->region, principal, name);
    if (db_next(&rows))
        value = db_text(&rows, 0);
    db_done(&rows);
    return value;
}

static struct ecs_setting *shown(struct call *c, slice name, slice value, slice principal)
{
    struct ecs_setting *setting = arena_alloc(c->arena, sizeof(*setting));
    *setting = (struct ecs_setting){.name = name, .value = value, .principal_arn = principal};
    setting->type = slice_eq(name, S("guardDutyActivate")) ? S("aws_managed") : S("user");
    return setting;
}

static int check_value(struct call *c, slice name, slice value)
{
    static const slice words[] = {S("enabled"),  S("disabled"), S("on"),          S("off"),
                                  S("enhanced"), S("blocking"), S("non-blocking")};
    int64_t days;
    bool known = slice_eq(name, S("fargateTaskRetirementWaitPeriod")) && slice_to_int64(value, &days) &&
                 (days == 0 || days == 7 || days == 14);
    for (size_t i = 0; !slice_eq(name, S("fargateTaskRetirementWaitPeriod")) && i < sizeof(words) / sizeof(*words); i++)
        known = known || slice_eq(words[i], value);
    if (!known)
        return fail(c, &ecs_invalid_parameter, "Invalid value '%.*s' for the setting %.*s.", SLICE_ARG(value),
                    SLICE_ARG(name));
    return 0;
}

int ecs_put_account_setting(struct call *c, const struct ecs_put_account_setting_in *in,
                            struct ecs_put_account_setting_out *out)
{
    slice principal = principal_of(c, in->principal_arn);
    TRY(check_value(c, in->name, in->value));
    db_run(c->db, ECS_SQL_SETTING_SET, "ttttt", c->account, c->region, principal, in->name, in->value);
    out->setting = shown(c, in->name, in->value, principal);
    return 0;
}

int ecs_put_account_setting_default(struct call *c, const struct ecs_put_account_setting_default_in *in,
                                    struct ecs_put_account_setting_default_out *out)
{
    TRY(check_value(c, in->name, in->value));
    db_run(c->db, ECS_SQL_SETTING_SET, "ttttt", c->account, c->region, S(""), in->name, in->value);
    out->setting = shown(c, in->name, in->value, principal_of(c, (slice){NULL, 0}));
    return 0;
}

int ecs_delete_account_setting(struct call *c, const struct ecs_delete_account_setting_in *in,
                               struct ecs_delete_account_setting_out *out)
{
    slice principal = principal_of(c, in->principal_arn);
    slice former = stored(c, principal, in->name);
    db_run(c->db, ECS_SQL_SETTING_DELETE, "tttt", c->account, c->region, principal, in->name);
    out->setting = shown(c, in->name, former.ptr ? former : S(""), principal);
    return 0;
}

int ecs_list_account_settings(struct call *c, const struct ecs_list_account_settings_in *in,
                              struct ecs_list_account_settings_out *out)
{
    slice after, last = {NULL, 0}, principal = principal_of(c, in->principal_arn);
    bool effective = opt_bool_or(in->effective_settings, false);
    int64_t limit = opt_int_or(in->max_results, effective ? MAX_RESULTS + 90 : MAX_RESULTS);
    if (limit < 1 || limit > 100)
        return fail(c, &ecs_invalid_parameter, "maxResults must be between 1 and 100.");
    if (page_key(c->arena, S("ListAccountSettings"), in->next_token, &after) != 0)
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
        slice name = defaults[i].name, value = stored(c, principal, name);
        if (slice_cmp(name, after) <= 0 || (in->name.ptr && !slice_eq(in->name, name)))
            continue;
        if (!value.ptr && effective) {
            value = stored(c, S(""), name);
            value = value.ptr ? value : defaults[i].value;
        }
        if (!value.ptr || (in->value.ptr && !slice_eq(in->value, value)))
            continue;
        if ((int64_t)out->settings.len == limit) {
            out->next_token = page_token(c->arena, S("ListAccountSettings"), last);
            break;
        }
        *list_add(c->arena, &out->settings) = *shown(c, name, value, principal);
        last = name;
    }
    return 0;
}
