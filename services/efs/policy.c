/* policy: whether a text is a file system policy: the form of its statements, not what they mean. */
#include "services/efs/efs.h"

#include "common/json.h"

static int invalid(struct call *c, const char *reason)
{
    return fail(c, &efs_invalid_policy, "Policy is invalid: %s", reason);
}

static bool is_version(const struct val *policy)
{
    slice version = val_get_string(policy, S("Version"));
    return !val_get(policy, S("Version")) || slice_eq(version, S("2012-10-17")) || slice_eq(version, S("2008-10-17"));
}

/* A text or a list of texts, none of which begins with something else than prefix. */
static bool all_begin(const struct val *value, slice prefix)
{
    if (value->type == VAL_STRING)
        return slice_eq(value->string, S("*")) || slice_starts(value->string, prefix);
    for (size_t i = 0; value->type == VAL_ARRAY && i < value->array.len; i++) {
        if (!all_begin(&value->array.items[i], prefix))
            return false;
    }
    return value->type == VAL_ARRAY;
}

static int check_statement(struct call *c, const struct file_system *fs, const struct val *statement)
{
    slice effect = val_get_string(statement, S("Effect"));
    const struct val *action = val_get(statement, S("Action"));
    const struct val *resource = val_get(statement, S("Resource"));
    if (statement->type != VAL_OBJECT)
        return invalid(c, "a statement is not an object");
    if (!slice_eq(effect, S("Allow")) && !slice_eq(effect, S("Deny")))
        return invalid(c, "Effect must be Allow or Deny");
    if (!val_get(statement, S("Principal")) && !val_get(statement, S("NotPrincipal")))
        return invalid(c, "Principal is missing");
    action = action ? action : val_get(statement, S("NotAction"));
    if (!action || !all_begin(action, S("elasticfilesystem:")))
        return invalid(c, "Action must name actions of elasticfilesystem");
    slice arn = arena_printf(c->arena, "arn:aws:elasticfilesystem:%.*s:%.*s:file-system/%.*s", SLICE_ARG(c->region),
                             SLICE_ARG(c->account), SLICE_ARG(fs->name));
    if (resource && !all_begin(resource, arn))
        return invalid(c, "Resource must be the file system");
    return 0;
}

int policy_check(struct call *c, const struct file_system *fs, slice text)
{
    struct val policy;
    slice why;
    if (json_parse(c->arena, text, &policy, &why) != 0 || policy.type != VAL_OBJECT)
        return invalid(c, "it is no JSON object");
    const struct val *statements = val_get(&policy, S("Statement"));
    if (!is_version(&policy))
        return invalid(c, "Version is unknown");
    if (!statements)
        return invalid(c, "Statement is missing");
    if (statements->type == VAL_OBJECT)
        return check_statement(c, fs, statements);
    if (statements->type != VAL_ARRAY || statements->array.len == 0)
        return invalid(c, "Statement must be a list");
    for (size_t i = 0; i < statements->array.len; i++)
        TRY(check_statement(c, fs, &statements->array.items[i]));
    return 0;
}
