/* simulate: the policy simulator. */
#include "services/iam/iam.h"

struct simulation {
    struct policy_set set;
    struct policy_caller caller;
    struct policy_key_list keys;
    slice owner;
    const struct iam_action_name_list_type *actions;
    struct slice_list resources;
    bool one_resource; /* "*" or none given: results stand at the action, not below it */
};

static int parse_all(struct call *c, const struct iam_simulation_policy_list_type *texts, const char *name,
                     struct policy_source_list *out)
{
    for (size_t i = 0; i < texts->len; i++) {
        struct policy *policy;
        slice why;
        if (policy_parse(c->arena, texts->items[i], POLICY_IDENTITY, &policy, &why) != 0)
            return fail(c, &iam_invalid_input, "Invalid Input %.*s", SLICE_ARG(why));
        struct policy_source *source = list_add(c->arena, out);
        source->policy = policy;
        source->id = arena_printf(c->arena, "%s.%zu", name, i + 1);
        source->type = S("none");
        out->set = true;
    }
    return 0;
}

static int parse_resource_policy(struct call *c, slice text, slice caller, struct simulation *s)
{
    struct policy *policy;
    slice why;
    if (!text.ptr)
        return 0;
    if (slice_empty(caller))
        return fail(c, &iam_invalid_input, "CallerArn is required when ResourcePolicy is given.");
    if (policy_parse(c->arena, text, POLICY_RESOURCE, &policy, &why) != 0)
        return fail(c, &iam_invalid_input, "Invalid Input %.*s", SLICE_ARG(why));
    struct policy_source *source = list_add(c->arena, &s->set.resource);
    source->policy = policy;
    source->id = S("ResourcePolicy");
    source->type = S("resource");
    return 0;
}

/* The account in an ARN. */
static slice account_of(slice arn)
{
    slice part = arn, rest = arn;
    for (size_t i = 0; i < 5; i++)
        slice_cut(rest, ':', &part, &rest);
    return part;
}

static int begin(struct call *c, const struct iam_simulate_custom_policy_in *in, struct simulation *s)
{
    s->actions = &in->action_names;
    list_foreach (action, &in->action_names) {
        if (slice_index(*action, ':') == action->len)
            return fail(c, &iam_invalid_input, "Invalid Entity Arn: %.*s does not clearly define entity type and name.",
                        SLICE_ARG(*action));
    }
    list_foreach (resource, &in->resource_arns)
        *list_add(c->arena, &s->resources) = *resource;
    if (s->resources.len == 0)
        *list_add(c->arena, &s->resources) = S("*");
    s->one_resource = s->resources.len == 1 && slice_eq(s->resources.items[0], S("*"));
    list_foreach (entry, &in->context_entries) {
        list_foreach (value, &entry->context_key_values)
            policy_key_add(c->arena, &s->keys, entry->context_key_name, *value);
    }
    TRY(parse_all(c, &in->policy_input_list, "PolicyInputList", &s->set.identity));
    TRY(parse_all(c, &in->permissions_boundary_policy_input_list, "PermissionsBoundaryPolicyInputList",
                  &s->set.boundary));
    if (in->caller_arn.ptr)
        s->caller = (struct policy_caller){.arn = in->caller_arn, .account = account_of(in->caller_arn)};
    if (in->resource_owner.ptr)
        s->owner = slice_starts(in->resource_owner, S("arn:")) ? account_of(in->resource_owner) : in->resource_owner;
    return parse_resource_policy(c, in->resource_policy, s->caller.arn, s);
}

static struct iam_position *position(struct call *c, struct policy_position at)
{
    struct iam_position *out = arena_alloc(c->arena, sizeof(*out));
    out->line = opt_int(at.line);
    out->column = opt_int(at.column);
    return out;
}

static slice word(enum policy_decision decision)
{
    static const slice words[] = {S("allowed"), S("explicitDeny"), S("implicitDeny")};
    return words[decision];
}

static void show(struct call *c, const struct simulation *s, const struct policy_outcome *outcome,
                 struct iam_resource_specific_result *out)
{
    out->eval_resource_decision = word(outcome->decision);
    out->matched_statements.set = out->missing_context_values.set = true;
    list_foreach (match, &outcome->matched) {
        struct iam_statement *statement = list_add(c->arena, &out->matched_statements);
        statement->source_policy_id = match->source->id;
        statement->source_policy_type = match->source->type;
        statement->start_position = position(c, match->statement->start);
        statement->end_position = position(c, match->statement->end);
    }
    list_foreach (name, &outcome->missing)
        *list_add(c->arena, &out->missing_context_values) = *name;
    if (s->set.boundary.set) {
        out->permissions_boundary_decision_detail =
            arena_alloc(c->arena, sizeof(*out->permissions_boundary_decision_detail));
        out->permissions_boundary_decision_detail->allowed_by_permissions_boundary = opt_bool(outcome->boundary_allows);
    }
}

/* At the action stands the worst of what was found for its resources. */
static void run_action(struct call *c, const struct simulation *s, slice action, struct iam_evaluation_result *out)
{
    out->eval_action_name = action;
    list_foreach (resource, &s->resources) {
        struct policy_outcome outcome;
        struct iam_resource_specific_result one = {.eval_resource_name = *resource};
        struct policy_request request = {action, *resource, s->owner, s->caller, &s->keys};
        policy_evaluate(c->arena, &s->set, &request, &outcome);
        show(c, s, &outcome, &one);
        bool worse = slice_eq(one.eval_resource_decision, S("explicitDeny")) ||
                     slice_eq(out->eval_decision, S("allowed")) || !out->eval_decision.ptr;
        if (worse && !slice_eq(out->eval_decision, S("explicitDeny"))) {
            out->eval_resource_name = *resource;
            out->eval_decision = one.eval_resource_decision;
            out->matched_statements = one.matched_statements;
            out->permissions_boundary_decision_detail = one.permissions_boundary_decision_detail;
        }
        if (s->one_resource)
            out->missing_context_values = one.missing_context_values;
        else
            *list_add(c->arena, &out->resource_specific_results) = one;
    }
    out->matched_statements.set = out->missing_context_values.set = true;
}

static int run(struct call *c, const struct iam_simulate_custom_policy_in *in, const struct simulation *s,
               struct iam_simulate_policy_response *out)
{
    struct listing listing;
    int64_t from = 0;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    slice_to_int64(listing.after, &from);
    for (size_t i = (size_t)from; i < s->actions->len; i++) {
        if (!listing_take(&listing, arena_printf(c->arena, "%zu", i + 1)))
            break;
        run_action(c, s, s->actions->items[i], list_add(c->arena, &out->evaluation_results));
    }
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_simulate_custom_policy(struct call *c, const struct iam_simulate_custom_policy_in *in,
                               struct iam_simulate_policy_response *out)
{
    struct simulation s = {.caller = {.account = c->account}};
    TRY(begin(c, in, &s));
    return run(c, in, &s, out);
}

int iam_simulate_principal_policy(struct call *c, const struct iam_simulate_principal_policy_in *in,
                                  struct iam_simulate_policy_response *out)
{
    struct simulation s = {.caller = {.account = c->account, .arn = in->policy_source_arn}};
    struct entity entity;
    struct iam_simulate_custom_policy_in custom = {
        .policy_input_list = in->policy_input_list,
        .permissions_boundary_policy_input_list = in->permissions_boundary_policy_input_list,
        .action_names = in->action_names,
        .resource_arns = in->resource_arns,
        .resource_policy = in->resource_policy,
        .resource_owner = in->resource_owner,
        .caller_arn = in->caller_arn,
        .context_entries = in->context_entries,
        .max_items = in->max_items,
        .marker = in->marker,
    };
    TRY(gather_find_principal(c, in->policy_source_arn, &entity));
    gather_entity(c, &entity, &s.set);
    TRY(begin(c, &custom, &s));
    return run(c, &custom, &s, out);
}

static void add_keys(struct call *c, const struct policy_source_list *sources,
                     struct iam_get_context_keys_for_policy_response *out)
{
    struct slice_list names = {0};
    list_foreach (source, sources)
        policy_list_keys(c->arena, source->policy, &names);
    list_foreach (name, &names)
        *list_add(c->arena, &out->context_key_names) = *name;
}

int iam_get_context_keys_for_custom_policy(struct call *c, const struct iam_get_context_keys_for_custom_policy_in *in,
                                           struct iam_get_context_keys_for_policy_response *out)
{
    struct policy_source_list sources = {0};
    TRY(parse_all(c, &in->policy_input_list, "PolicyInputList", &sources));
    add_keys(c, &sources, out);
    return 0;
}

int iam_get_context_keys_for_principal_policy(struct call *c,
                                              const struct iam_get_context_keys_for_principal_policy_in *in,
                                              struct iam_get_context_keys_for_policy_response *out)
{
    struct policy_set set = {0};
    struct entity entity;
    TRY(gather_find_principal(c, in->policy_source_arn, &entity));
    gather_entity(c, &entity, &set);
    TRY(parse_all(c, &in->policy_input_list, "PolicyInputList", &set.identity));
    add_keys(c, &set.identity, out);
    return 0;
}
