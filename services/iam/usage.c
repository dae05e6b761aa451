/* usage: which managed policies there are, and who uses one. */
#include "services/iam/iam.h"

struct filter {
    bool only_attached;
    bool permissions; /* count attachments */
    bool boundaries;  /* count boundaries */
    slice path_prefix;
};

static bool is_shown(const struct filter *filter, const struct iam_policy *policy)
{
    bool attached = filter->permissions && policy->attachment_count.v > 0;
    bool bounding = filter->boundaries && policy->permissions_boundary_usage_count.v > 0;
    return slice_starts(policy->path, filter->path_prefix) && (!filter->only_attached || attached || bounding);
}

/* Keys of pages: "1" and the name for the account's own, which come first; "2" and the name for AWS's. */
static bool add(struct call *c, const struct filter *filter, struct iam_policy *policy, const char *rank,
                struct listing *listing, struct iam_policy_list_type *out)
{
    managed_add_counts(c, policy);
    if (!is_shown(filter, policy))
        return true;
    if (!listing_take(listing, arena_printf(c->arena, "%s%.*s", rank, SLICE_ARG(policy->policy_name))))
        return false;
    policy->tags = (struct iam_tag_list_type){0};
    policy->description = (slice){NULL, 0};
    *list_add(c->arena, out) = *policy;
    return true;
}

static bool add_own(struct call *c, const struct filter *filter, struct listing *listing,
                    struct iam_policy_list_type *out)
{
    struct entity entity;
    slice after = slice_starts(listing->after, S("1")) ? slice_sub(listing->after, 1, listing->after.len) : S("");
    bool more = true;
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_POLICY, after);
    while (more && entity_next(c, &rows, ENTITY_POLICY, &entity))
        more = add(c, filter, &entity.policy, "1", listing, out);
    db_done(&rows);
    return more;
}

static void add_aws(struct call *c, const struct filter *filter, struct listing *listing,
                    struct iam_policy_list_type *out)
{
    slice after = slice_starts(listing->after, S("2")) ? slice_sub(listing->after, 1, listing->after.len) : S("");
    const struct aws_policy *from;
    for (size_t i = 0; (from = aws_policy_at(i)) != NULL; i++) {
        struct iam_policy policy;
        if (slice_cmp(slice_of(from->name), after) <= 0)
            continue;
        aws_policy_describe(c, from, &policy);
        if (!add(c, filter, &policy, "2", listing, out))
            return;
    }
}

int iam_list_policies(struct call *c, const struct iam_list_policies_in *in, struct iam_list_policies_out *out)
{
    struct listing listing;
    struct filter filter = {
        .only_attached = opt_bool_or(in->only_attached, false) || in->policy_usage_filter.ptr,
        .permissions = !slice_eq(in->policy_usage_filter, S("PermissionsBoundary")),
        .boundaries = !slice_eq(in->policy_usage_filter, S("PermissionsPolicy")),
        .path_prefix = in->path_prefix,
    };
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    bool more = true;
    if (!slice_eq(in->scope, S("AWS")) && !slice_starts(listing.after, S("2")))
        more = add_own(c, &filter, &listing, &out->policies);
    if (more && !slice_eq(in->scope, S("Local")))
        add_aws(c, &filter, &listing, &out->policies);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

static bool is_wanted(const struct iam_list_entities_for_policy_in *in, enum entity_kind kind, bool boundary)
{
    static const char *const words[] = {[ENTITY_USER] = "User", [ENTITY_ROLE] = "Role", [ENTITY_GROUP] = "Group"};
    if (in->entity_filter.ptr && !slice_eq(in->entity_filter, slice_of(words[kind])))
        return false;
    if (!in->policy_usage_filter.ptr)
        return true;
    return slice_eq(in->policy_usage_filter, S("PermissionsBoundary")) == boundary;
}

static void add_entity(struct call *c, const struct entity *entity, struct iam_list_entities_for_policy_out *out)
{
    switch (entity->kind) {
    case ENTITY_USER:
        *list_add(c->arena, &out->policy_users) =
            (struct iam_policy_user){.user_name = entity->name, .user_id = entity->user.user_id};
        break;
    case ENTITY_ROLE:
        *list_add(c->arena, &out->policy_roles) =
            (struct iam_policy_role){.role_name = entity->name, .role_id = entity->role.role_id};
        break;
    default:
        *list_add(c->arena, &out->policy_groups) =
            (struct iam_policy_group){.group_name = entity->name, .group_id = entity->group.group_id};
        break;
    }
}

/* The marker is the row of the last entity. One that has the policy both ways comes once. */
int iam_list_entities_for_policy(struct call *c, const struct iam_list_entities_for_policy_in *in,
                                 struct iam_list_entities_for_policy_out *out)
{
    struct managed managed;
    struct listing listing;
    struct entity entity;
    int64_t after = 0, last = 0;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(managed_get(c, in->policy_arn, &managed));
    slice_to_int64(listing.after, &after);
    struct db_rows rows = db_query(c->db, IAM_SQL_POLICY_ENTITIES, "tti", c->account, managed.arn, after);
    while (db_next(&rows)) {
        int64_t id = db_int(&rows, 0);
        if (id == last || !is_wanted(in, (enum entity_kind)db_int(&rows, 1), db_int(&rows, 5) != 0) ||
            !slice_starts(db_text(&rows, 3), in->path_prefix))
            continue;
        if (!listing_take(&listing, arena_printf(c->arena, "%lld", (long long)id)))
            break;
        last = id;
        if (entity_find_id(c, id, &entity))
            add_entity(c, &entity, out);
    }
    db_done(&rows);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}
