/* details: everything of an account in one listing. */
#include "services/iam/iam.h"

struct details {
    const struct iam_entity_list_type *filter;
    struct listing listing;
    struct iam_get_account_authorization_details_out *out;
};

static void add_inline(struct call *c, const struct entity *owner, struct iam_policy_detail_list_type *out)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_INLINE_LIST, "it", owner->id, S(""));
    out->set = true;
    while (db_next(&rows)) {
        struct iam_policy_detail *detail = list_add(c->arena, out);
        detail->policy_name = db_text(&rows, 0);
        detail->policy_document = document_encoded(c, db_text(&rows, 1));
    }
}

static void add_attached(struct call *c, const struct entity *owner, struct iam_attached_policies_list_type *out)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_ATTACHMENT_LIST, "it", owner->id, S(""));
    out->set = true;
    while (db_next(&rows)) {
        struct iam_attached_policy *policy = list_add(c->arena, out);
        policy->policy_arn = db_text(&rows, 0);
        policy->policy_name = db_text(&rows, 1);
    }
}

static void add_user(struct call *c, const struct entity *user, struct details *d)
{
    struct iam_user_detail *out = list_add(c->arena, &d->out->user_detail_list);
    struct entity group;
    *out = (struct iam_user_detail){
        .path = user->path,
        .user_name = user->name,
        .user_id = user->user.user_id,
        .arn = user->user.arn,
        .create_date = user->user.create_date,
        .permissions_boundary = boundary_shown(c, user),
        .tags = user->user.tags,
    };
    add_inline(c, user, &out->user_policy_list);
    add_attached(c, user, &out->attached_managed_policies);
    out->group_list.set = true;
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_CONTAINERS, "it", user->id, S(""));
    while (entity_next(c, &rows, ENTITY_GROUP, &group))
        *list_add(c->arena, &out->group_list) = group.name;
}

static void add_group(struct call *c, const struct entity *group, struct details *d)
{
    struct iam_group_detail *out = list_add(c->arena, &d->out->group_detail_list);
    *out = (struct iam_group_detail){
        .path = group->path,
        .group_name = group->name,
        .group_id = group->group.group_id,
        .arn = group->group.arn,
        .create_date = group->group.create_date,
    };
    add_inline(c, group, &out->group_policy_list);
    add_attached(c, group, &out->attached_managed_policies);
}

static void add_role(struct call *c, const struct entity *role, struct details *d)
{
    struct iam_role_detail *out = list_add(c->arena, &d->out->role_detail_list);
    struct entity profile;
    *out = (struct iam_role_detail){
        .path = role->path,
        .role_name = role->name,
        .role_id = role->role.role_id,
        .arn = role->role.arn,
        .create_date = role->role.create_date,
        .assume_role_policy_document = document_encoded(c, role->role.assume_role_policy_document),
        .permissions_boundary = boundary_shown(c, role),
        .tags = role->role.tags,
        .role_last_used = arena_alloc(c->arena, sizeof(*out->role_last_used)),
    };
    add_inline(c, role, &out->role_policy_list);
    add_attached(c, role, &out->attached_managed_policies);
    out->instance_profile_list.set = true;
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_CONTAINERS, "it", role->id, S(""));
    while (entity_next(c, &rows, ENTITY_PROFILE, &profile))
        profile_show(c, &profile, list_add(c->arena, &out->instance_profile_list));
}

static void fill_policy(struct call *c, struct iam_policy *policy, struct iam_managed_policy_detail *out)
{
    managed_add_counts(c, policy);
    *out = (struct iam_managed_policy_detail){
        .policy_name = policy->policy_name,
        .policy_id = policy->policy_id,
        .arn = policy->arn,
        .path = policy->path,
        .default_version_id = policy->default_version_id,
        .attachment_count = policy->attachment_count,
        .permissions_boundary_usage_count = policy->permissions_boundary_usage_count,
        .is_attachable = policy->is_attachable,
        .description = policy->description,
        .create_date = policy->create_date,
        .update_date = policy->update_date,
    };
}

static void add_policy(struct call *c, const struct entity *entity, struct details *d)
{
    struct iam_policy policy = entity->policy;
    struct iam_managed_policy_detail *out = list_add(c->arena, &d->out->policies);
    fill_policy(c, &policy, out);
    struct db_rows rows = db_query(c->db, IAM_SQL_VERSION_LIST, "ii", entity->id, INT64_MAX);
    while (db_next(&rows)) {
        struct iam_policy_version *version = list_add(c->arena, &out->policy_version_list);
        version->version_id = arena_printf(c->arena, "v%lld", (long long)db_int(&rows, 0));
        version->create_date = opt_int(db_int(&rows, 1));
        version->document = document_encoded(c, db_text(&rows, 2));
        version->is_default_version = opt_bool(slice_eq(version->version_id, policy.default_version_id));
    }
}

static const struct part {
    slice filter;
    enum entity_kind kind;
    void (*add)(struct call *c, const struct entity *entity, struct details *d);
} parts[] = {
    {S("User"), ENTITY_USER, add_user},
    {S("Group"), ENTITY_GROUP, add_group},
    {S("Role"), ENTITY_ROLE, add_role},
    {S("LocalManagedPolicy"), ENTITY_POLICY, add_policy},
};

enum { N_PARTS = sizeof(parts) / sizeof(*parts) };

static bool is_wanted(const struct details *d, slice what)
{
    list_foreach (word, d->filter) {
        if (slice_eq(*word, what))
            return true;
    }
    return d->filter->len == 0;
}

/* Markers are the number of the part and the name of the last in it. False when the page is full. */
static bool add_part(struct call *c, struct details *d, size_t number, slice after)
{
    struct entity entity;
    const struct part *part = &parts[number];
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)part->kind, after);
    while (entity_next(c, &rows, part->kind, &entity)) {
        if (!listing_take(&d->listing, arena_printf(c->arena, "%zu%.*s", number, SLICE_ARG(entity.name)))) {
            db_done(&rows);
            return false;
        }
        part->add(c, &entity, d);
    }
    return true;
}

/* AWS lists those of its own that are attached somewhere. */
static void add_aws_policies(struct call *c, struct details *d, slice after)
{
    const struct aws_policy *from;
    for (size_t i = 0; (from = aws_policy_at(i)) != NULL; i++) {
        struct iam_policy policy;
        slice name = slice_of(from->name);
        aws_policy_describe(c, from, &policy);
        managed_add_counts(c, &policy);
        if (slice_cmp(name, after) <= 0 || policy.attachment_count.v + policy.permissions_boundary_usage_count.v == 0)
            continue;
        if (!listing_take(&d->listing, arena_printf(c->arena, "%d%.*s", N_PARTS, SLICE_ARG(name))))
            return;
        struct iam_managed_policy_detail *out = list_add(c->arena, &d->out->policies);
        fill_policy(c, &policy, out);
        struct iam_policy_version *version = list_add(c->arena, &out->policy_version_list);
        version->version_id = policy.default_version_id;
        version->is_default_version = opt_bool(true);
        version->create_date = policy.update_date;
        version->document = document_encoded(c, slice_of(from->document));
    }
}

int iam_get_account_authorization_details(struct call *c, const struct iam_get_account_authorization_details_in *in,
                                          struct iam_get_account_authorization_details_out *out)
{
    struct details d = {.filter = &in->filter, .out = out};
    TRY(listing_begin(c, in->marker, in->max_items, &d.listing));
    slice after = d.listing.after;
    size_t first = after.len > 0 ? (size_t)(after.ptr[0] - '0') : 0;
    bool more = true;
    for (size_t i = first; more && i < N_PARTS; i++) {
        if (is_wanted(&d, parts[i].filter))
            more = add_part(c, &d, i, i == first && after.len > 0 ? slice_sub(after, 1, after.len) : S(""));
    }
    if (more && is_wanted(&d, S("AWSManagedPolicy")))
        add_aws_policies(c, &d, first == N_PARTS ? slice_sub(after, 1, after.len) : S(""));
    listing_end(c, &d.listing, &out->is_truncated, &out->marker);
    return 0;
}
