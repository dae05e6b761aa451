/* policy: the grammar of policy documents, and AWS's words for what breaks it. */
#include "services/policy/policy.h"

#include "common/err.h"
#include "common/json.h"
#include "services/policy/policy_parts.h"

struct parser {
    struct arena *arena;
    enum policy_use use;
    slice *why;
};

static const slice syntax_error = S("Syntax errors in policy.");

static int refuse(struct parser *p, slice why)
{
    *p->why = why;
    return BAD_INPUT;
}

/* Identity policies are refused with one sentence where trust policies name the field. */
static int refuse_field(struct parser *p, const char *what, const char *field)
{
    return refuse(p, p->use == POLICY_TRUST ? arena_printf(p->arena, "%s field %s", what, field) : syntax_error);
}

static bool is_among(slice word, const char *const *words)
{
    for (; *words; words++) {
        if (slice_eq(word, slice_of(*words)))
            return true;
    }
    return false;
}

static int check_keys(struct parser *p, const struct val *object, const char *const *known)
{
    for (size_t i = 0; i < object->object.len; i++) {
        if (!is_among(object->object.items[i].key, known))
            return refuse_field(p, "Unknown", slice_cstr(p->arena, object->object.items[i].key));
        for (size_t j = 0; j < i; j++) {
            if (slice_eq(object->object.items[i].key, object->object.items[j].key))
                return refuse(p, syntax_error);
        }
    }
    return 0;
}

/* One text or an array of texts. */
static int read_texts(struct parser *p, const struct val *value, struct slice_list *out)
{
    out->set = true;
    if (value->type == VAL_STRING)
        *list_add(p->arena, out) = value->string;
    else if (value->type != VAL_ARRAY)
        return refuse(p, syntax_error);
    else {
        for (size_t i = 0; i < value->array.len; i++) {
            if (value->array.items[i].type != VAL_STRING)
                return refuse(p, syntax_error);
            *list_add(p->arena, out) = value->array.items[i].string;
        }
    }
    return 0;
}

/* Element or NotElement, not both. */
static int read_either(struct parser *p, const struct val *statement, const char *name, struct slice_list *out,
                       bool *negated)
{
    slice not_name = arena_printf(p->arena, "Not%s", name);
    const struct val *plain = val_get(statement, slice_of(name)), *inverse = val_get(statement, not_name);
    if (plain && inverse)
        return refuse(p, syntax_error);
    *negated = inverse != NULL;
    return plain || inverse ? read_texts(p, plain ? plain : inverse, out) : 0;
}

static bool is_word(slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!letter && !(ch && strchr(others, ch)))
            return false;
    }
    return true;
}

static int check_actions(struct parser *p, const struct policy_statement *statement)
{
    list_foreach (action, &statement->actions) {
        slice vendor, name;
        if (slice_eq(*action, S("*")))
            continue;
        if (!slice_cut(*action, ':', &vendor, &name) || slice_empty(name))
            return refuse(p, S("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
        if (slice_index(name, ':') < name.len)
            return refuse(p, S("Actions/Condition can contain only one colon."));
        if (slice_empty(vendor) || !is_word(vendor, "-*?"))
            return refuse(p, arena_printf(p->arena, "Vendor %.*s is not valid", SLICE_ARG(vendor)));
        if (p->use == POLICY_TRUST && !slice_eq_nocase(vendor, S("sts")))
            return refuse(p, S("AssumeRole policy may only specify STS AssumeRole actions."));
    }
    return 0;
}

static int check_resources(struct parser *p, const struct policy_statement *statement)
{
    list_foreach (resource, &statement->resources) {
        slice rest, partition;
        if (slice_eq(*resource, S("*")) || p->use == POLICY_RESOURCE)
            continue;
        if (!slice_starts(*resource, S("arn:")))
            return refuse(
                p, arena_printf(p->arena, "Resource %.*s must be in ARN format or \"*\".", SLICE_ARG(*resource)));
        slice_cut(slice_sub(*resource, 4, resource->len), ':', &partition, &rest);
        if (!rest.ptr)
            return refuse(p, S("The policy failed legacy parsing"));
        if (!slice_eq(partition, S("*")) && !slice_starts(partition, S("aws")))
            return refuse(p, arena_printf(p->arena, "Partition \"%.*s\" is not valid for resource \"%.*s\".",
                                          SLICE_ARG(partition), SLICE_ARG(*resource)));
    }
    return 0;
}

/* "*", an account, or an ARN of IAM or STS. */
static bool is_aws_principal(slice text)
{
    slice parts[6], rest = text;
    int64_t number;
    if (slice_eq(text, S("*")))
        return true;
    if (text.len == 12 && slice_to_int64(text, &number))
        return true;
    for (size_t i = 0; i < 6; i++)
        slice_cut(rest, i < 5 ? ':' : '\0', &parts[i], &rest);
    if (slice_starts(text, S("arn:")))
        return (slice_eq(parts[2], S("iam")) || slice_eq(parts[2], S("sts"))) && parts[4].len == 12 && parts[5].len > 0;
    /* the unique id of one that is gone, or a canonical user */
    return text.len >= 16 && is_word(text, "");
}

static int check_principal_kind(struct parser *p, const struct val_field *kind)
{
    static const char *const kinds[] = {"AWS", "Service", "Federated", "CanonicalUser", NULL};
    struct slice_list texts = {0};
    if (!is_among(kind->key, kinds))
        return refuse(p, arena_printf(p->arena, "Invalid principal in policy: \"%.*s\"", SLICE_ARG(kind->key)));
    TRY(read_texts(p, &kind->value, &texts));
    list_foreach (text, &texts) {
        bool valid = text->len > 0;
        if (slice_eq(kind->key, S("AWS")))
            valid = is_aws_principal(*text);
        else if (slice_eq(kind->key, S("Service")))
            valid = slice_ends(*text, S(".amazonaws.com")) || slice_ends(*text, S(".amazonaws.com.cn")) ||
                    slice_ends(*text, S(".aws.internal"));
        if (!valid)
            return refuse(p, arena_printf(p->arena, "Invalid principal in policy: \"%.*s\":\"%.*s\"",
                                          slice_eq(kind->key, S("Service")) ? 7 : (int)kind->key.len,
                                          slice_eq(kind->key, S("Service")) ? "SERVICE" : kind->key.ptr,
                                          SLICE_ARG(*text)));
    }
    return 0;
}

static int read_principal(struct parser *p, const struct val *statement, struct policy_statement *out)
{
    const struct val *plain = val_get(statement, S("Principal")), *inverse = val_get(statement, S("NotPrincipal"));
    out->principal = plain ? plain : inverse;
    out->not_principal = inverse != NULL;
    if (p->use == POLICY_IDENTITY)
        return out->principal ? refuse(p, S("Policy document should not specify a principal.")) : 0;
    if (!out->principal)
        return refuse(p, S("Missing required field Principal"));
    if (plain && inverse)
        return refuse(p, syntax_error);
    if (p->use == POLICY_TRUST && inverse)
        return refuse(p, S("Has prohibited field NotPrincipal"));
    if (out->principal->type == VAL_STRING)
        return slice_eq(out->principal->string, S("*"))
                   ? 0
                   : refuse(p, arena_printf(p->arena, "Invalid principal in policy: \"STRING\":\"%.*s\"",
                                            SLICE_ARG(out->principal->string)));
    if (out->principal->type != VAL_OBJECT || out->principal->object.len == 0)
        return refuse(p, S("Invalid principal in policy"));
    for (size_t i = 0; i < out->principal->object.len; i++)
        TRY(check_principal_kind(p, &out->principal->object.items[i]));
    return 0;
}

static int check_condition_values(struct parser *p, const struct val *values)
{
    size_t count = values->type == VAL_ARRAY ? values->array.len : 1;
    const struct val *items = values->type == VAL_ARRAY ? values->array.items : values;
    for (size_t i = 0; i < count; i++) {
        if (items[i].type == VAL_OBJECT || items[i].type == VAL_ARRAY || items[i].type == VAL_NULL)
            return refuse(p, syntax_error);
    }
    return 0;
}

static int read_conditions(struct parser *p, const struct val *statement, struct policy_statement *out)
{
    out->conditions = val_get(statement, S("Condition"));
    if (!out->conditions)
        return 0;
    if (out->conditions->type != VAL_OBJECT)
        return refuse(p, syntax_error);
    for (size_t i = 0; i < out->conditions->object.len; i++) {
        const struct val_field *op = &out->conditions->object.items[i];
        enum policy_quantifier quantifier;
        bool if_exists;
        if (!policy_operator_find(op->key, &quantifier, &if_exists))
            return refuse(p, arena_printf(p->arena, "Invalid Condition type : %.*s.", SLICE_ARG(op->key)));
        if (op->value.type != VAL_OBJECT)
            return refuse(p, syntax_error);
        for (size_t j = 0; j < op->value.object.len; j++) {
            if (slice_index(op->value.object.items[j].key, ':') == op->value.object.items[j].key.len)
                return refuse(p, S("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
            TRY(check_condition_values(p, &op->value.object.items[j].value));
        }
    }
    return 0;
}

static int read_effect(struct parser *p, const struct val *statement, struct policy_statement *out)
{
    slice effect = val_get_string(statement, S("Effect"));
    if (!val_get(statement, S("Effect")))
        return refuse_field(p, "Missing required", "Effect");
    if (!slice_eq(effect, S("Allow")) && !slice_eq(effect, S("Deny")))
        return p->use == POLICY_TRUST ? refuse(p, arena_printf(p->arena, "Invalid effect: %.*s", SLICE_ARG(effect)))
                                      : refuse(p, syntax_error);
    out->effect = slice_eq(effect, S("Deny")) ? POLICY_DENY : POLICY_ALLOW;
    return 0;
}

static int read_sid(struct parser *p, const struct val *statement, struct policy_statement *out)
{
    const struct val *sid = val_get(statement, S("Sid"));
    if (!sid)
        return 0;
    if (sid->type != VAL_STRING)
        return refuse(p, syntax_error);
    out->sid = sid->string;
    if (p->use != POLICY_RESOURCE && !is_word(out->sid, ""))
        return refuse(p, S("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
                           "expression [0-9A-Za-z]*"));
    return 0;
}

static int read_statement(struct parser *p, const struct val *statement, struct policy_statement *out)
{
    static const char *const known[] = {"Sid",       "Effect",   "Principal",   "NotPrincipal", "Action",
                                        "NotAction", "Resource", "NotResource", "Condition",    NULL};
    if (statement->type != VAL_OBJECT)
        return refuse(p, syntax_error);
    TRY(check_keys(p, statement, known));
    TRY(read_sid(p, statement, out));
    TRY(read_effect(p, statement, out));
    TRY(read_principal(p, statement, out));
    TRY(read_either(p, statement, "Action", &out->actions, &out->not_action));
    TRY(read_either(p, statement, "Resource", &out->resources, &out->not_resource));
    if (out->actions.len == 0)
        return p->use == POLICY_TRUST ? refuse_field(p, "Missing required", "Action")
                                      : refuse(p, S("Policy statement must contain actions."));
    if (p->use == POLICY_TRUST && out->resources.set)
        return refuse(p, S("Has prohibited field Resource"));
    if (p->use == POLICY_IDENTITY && out->resources.len == 0)
        return refuse(p, S("Policy statement must contain resources."));
    TRY(check_actions(p, out));
    TRY(check_resources(p, out));
    return read_conditions(p, statement, out);
}

static int read_statements(struct parser *p, slice text, const struct val *document, struct policy *policy)
{
    const struct val *statements = val_get(document, S("Statement"));
    if (!statements)
        return refuse_field(p, "Missing required", "Statement");
    size_t count = statements->type == VAL_ARRAY ? statements->array.len : 1;
    const struct val *items = statements->type == VAL_ARRAY ? statements->array.items : statements;
    if (count == 0)
        return p->use == POLICY_TRUST ? refuse(p, S("Could not parse the policy: Statement is empty!"))
                                      : refuse(p, syntax_error);
    for (size_t i = 0; i < count; i++)
        TRY(read_statement(p, &items[i], list_add(p->arena, &policy->statements)));
    list_foreach (one, &policy->statements) {
        for (const struct policy_statement *other = policy->statements.items; other < one; other++) {
            if (one->sid.len > 0 && slice_eq(one->sid, other->sid))
                return refuse(p, S("Statement IDs (SID) in a single policy must be unique."));
        }
    }
    policy_locate(text, &policy->statements);
    return 0;
}

int policy_parse(struct arena *arena, slice text, enum policy_use use, struct policy **policy, slice *why)
{
    static const char *const known[] = {"Version", "Id", "Statement", NULL};
    struct parser parser = {arena, use, why};
    struct val *document = arena_alloc(arena, sizeof(*document));
    slice reason;
    if (json_parse(arena, text, document, &reason) != 0 || document->type != VAL_OBJECT)
        return refuse(&parser, use == POLICY_TRUST ? S("This policy contains invalid Json") : syntax_error);
    TRY(check_keys(&parser, document, known));
    *policy = arena_alloc(arena, sizeof(**policy));
    const struct val *version = val_get(document, S("Version"));
    slice number = version && version->type == VAL_STRING ? version->string : S("");
    if (version && !slice_eq(number, S("2012-10-17")) && !slice_eq(number, S("2008-10-17")))
        return refuse(&parser, syntax_error);
    (*policy)->variables = slice_eq(number, S("2012-10-17"));
    return read_statements(&parser, text, document, *policy);
}
