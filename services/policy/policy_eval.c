/* policy_eval: from policies and a request to a decision. */
#include "services/policy/policy_parts.h"

#include "common/json.h"

/* What the policies of one sort say. */
struct verdict {
    struct policy_match_list allows;
    struct policy_match_list denies;
    bool by_name; /* resource policies: an allowing statement names the caller itself */
};

static bool actions_match(const struct policy_statement *statement, const struct policy_request *request,
                          struct policy_look *look)
{
    bool any = false;
    struct policy_look plain = *look;
    plain.variables = false; /* actions have none */
    list_foreach (action, &statement->actions) {
        struct policy_pattern pattern;
        any |= policy_expand(&plain, *action, &pattern) && policy_pattern_match(&pattern, request->action, true);
    }
    return any != statement->not_action;
}

static bool resources_match(const struct policy_statement *statement, const struct policy_request *request,
                            const struct policy_look *look)
{
    bool any = false;
    if (!statement->resources.set)
        return true;
    list_foreach (resource, &statement->resources) {
        struct policy_pattern pattern;
        any |= policy_expand(look, *resource, &pattern) && policy_pattern_match(&pattern, request->resource, false);
    }
    return any != statement->not_resource;
}

static void judge_statement(struct policy_look *look, const struct policy_source *source,
                            const struct policy_statement *statement, const struct policy_request *request,
                            struct verdict *verdict)
{
    enum policy_meant meant = POLICY_MEANT_BY_ACCOUNT;
    if (statement->principal)
        meant = policy_principal_means(statement, &request->caller);
    if (meant == POLICY_NOT_MEANT || !actions_match(statement, request, look) ||
        !resources_match(statement, request, look) || !policy_conditions_hold(look, statement->conditions))
        return;
    struct policy_match_list *list = statement->effect == POLICY_DENY ? &verdict->denies : &verdict->allows;
    struct policy_match *match = list_add(look->arena, list);
    match->source = source;
    match->statement = statement;
    if (statement->effect == POLICY_ALLOW && meant == POLICY_MEANT_BY_NAME)
        verdict->by_name = true;
}

static struct verdict judge(struct arena *arena, const struct policy_source_list *sources,
                            const struct policy_request *request, struct slice_list *missing)
{
    struct verdict verdict = {0};
    list_foreach (source, sources) {
        struct policy_look look = {arena, request->keys, missing, source->policy->variables};
        list_foreach (statement, &source->policy->statements)
            judge_statement(&look, source, statement, request, &verdict);
    }
    return verdict;
}

static void append(struct arena *arena, struct policy_match_list *to, const struct policy_match_list *from)
{
    list_foreach (match, from)
        *list_add(arena, to) = *match;
}

static void deny(struct arena *arena, struct policy_outcome *outcome, enum policy_decision decision, const char *what,
                 const struct policy_request *request)
{
    outcome->decision = decision;
    outcome->because = decision == POLICY_EXPLICIT_DENY ? arena_printf(arena, "with an explicit deny in %s", what)
                                                        : arena_printf(arena, "because no %s allows the %.*s action",
                                                                       what, SLICE_ARG(request->action));
}

/* Within an account the resource's policy is enough when it names the caller or everybody; naming the account leaves it
 * to the caller's own policies. Across accounts both sides must agree. Services and the anonymous have no policies. */
static void decide_allow(struct arena *arena, const struct policy_request *request, bool by_name,
                         struct policy_outcome *outcome)
{
    bool nobody = slice_empty(request->caller.arn);
    bool across = !nobody && request->owner.ptr && !slice_eq(request->owner, request->caller.account);
    bool own = outcome->identity_allows && outcome->boundary_allows;
    bool allowed = across ? own && outcome->resource_allows : own || (outcome->resource_allows && (by_name || nobody));
    if (allowed)
        outcome->decision = POLICY_ALLOWED;
    else if (!outcome->identity_allows)
        deny(arena, outcome, POLICY_IMPLICIT_DENY, "identity-based policy", request);
    else if (!outcome->boundary_allows)
        deny(arena, outcome, POLICY_IMPLICIT_DENY, "permissions boundary", request);
    else
        deny(arena, outcome, POLICY_IMPLICIT_DENY, "resource-based policy", request);
}

void policy_evaluate(struct arena *arena, const struct policy_set *set, const struct policy_request *request,
                     struct policy_outcome *outcome)
{
    *outcome = (struct policy_outcome){0};
    const struct {
        const struct policy_source_list *sources;
        const char *what;
    } sorts[] = {
        {&set->identity, "an identity-based policy"},
        {&set->resource, "a resource-based policy"},
        {&set->boundary, "a permissions boundary"},
        {&set->session, "a session policy"},
    };
    struct verdict verdicts[4];
    for (size_t i = 0; i < 4; i++) {
        verdicts[i] = judge(arena, sorts[i].sources, request, &outcome->missing);
        append(arena, &outcome->matched, &verdicts[i].denies);
        if (verdicts[i].denies.len > 0 && outcome->decision != POLICY_EXPLICIT_DENY)
            deny(arena, outcome, POLICY_EXPLICIT_DENY, sorts[i].what, request);
    }
    outcome->identity_allows = verdicts[0].allows.len > 0;
    outcome->resource_allows = verdicts[1].allows.len > 0;
    outcome->boundary_allows = !set->boundary.set || verdicts[2].allows.len > 0;
    if (outcome->decision == POLICY_EXPLICIT_DENY)
        return;
    if (set->session.set && verdicts[3].allows.len == 0 && !verdicts[1].by_name) {
        deny(arena, outcome, POLICY_IMPLICIT_DENY, "session policy", request);
        return;
    }
    decide_allow(arena, request, verdicts[1].by_name, outcome);
    append(arena, &outcome->matched, &verdicts[0].allows);
    append(arena, &outcome->matched, &verdicts[1].allows);
}

bool policy_allows(struct arena *arena, const struct policy *policy, const struct policy_request *request)
{
    struct slice_list missing = {0};
    struct policy_source source = {.policy = policy};
    struct policy_source_list sources = {&source, 1, true};
    struct verdict verdict = judge(arena, &sources, request, &missing);
    return verdict.allows.len > 0 && verdict.denies.len == 0;
}

/* Variables are looked up in an empty request: what is missing is what they ask for. */
static void note_variables(struct policy_look *look, const struct val *values)
{
    struct policy_pattern ignored;
    bool several = values->type == VAL_ARRAY;
    size_t count = several ? values->array.len : 1;
    const struct val *items = several ? values->array.items : values;
    for (size_t i = 0; i < count; i++) {
        if (items[i].type == VAL_STRING)
            policy_expand(look, items[i].string, &ignored);
    }
}

void policy_list_keys(struct arena *arena, const struct policy *policy, struct slice_list *names)
{
    struct policy_look look = {arena, NULL, names, policy->variables};
    struct policy_pattern ignored;
    list_foreach (statement, &policy->statements) {
        const struct val *conditions = statement->conditions;
        list_foreach (resource, &statement->resources)
            policy_expand(&look, *resource, &ignored);
        for (size_t i = 0; conditions && i < conditions->object.len; i++) {
            const struct val *keys = &conditions->object.items[i].value;
            for (size_t j = 0; j < keys->object.len; j++) {
                policy_note_key(arena, names, keys->object.items[j].key);
                note_variables(&look, &keys->object.items[j].value);
            }
        }
    }
}
