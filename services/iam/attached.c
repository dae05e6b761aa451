/* attached: managed policies attached to users, roles and groups. */
#include "services/iam/iam.h"

enum { MAX_ATTACHED = 10 };

int64_t attached_count(struct call *c, const struct entity *entity)
{
    return entity_count(db_query(c->db, IAM_SQL_ATTACHMENT_COUNT, "i", entity->id));
}

static bool is_attached(struct call *c, const struct entity *entity, slice arn)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_ATTACHMENT_GET, "it", entity->id, arn);
    bool found = db_next(&rows);
    db_done(&rows);
    return found;
}

static int attach(struct call *c, enum entity_kind kind, slice name, slice arn)
{
    static const char *const quotas[] = {
        [ENTITY_USER] = "PoliciesPerUser", [ENTITY_ROLE] = "PoliciesPerRole", [ENTITY_GROUP] = "PoliciesPerGroup"};
    struct entity entity;
    struct managed managed;
    TRY(entity_get(c, kind, name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    TRY(managed_get_attachable(c, arn, &managed));
    if (is_attached(c, &entity, managed.arn))
        return 0;
    if (attached_count(c, &entity) >= MAX_ATTACHED)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for %s: %d", quotas[kind], MAX_ATTACHED);
    db_run(c->db, IAM_SQL_ATTACHMENT_ADD, "ittt", entity.id, managed.arn, managed.name, c->account);
    return 0;
}

static int detach(struct call *c, enum entity_kind kind, slice name, slice arn)
{
    struct entity entity;
    struct managed managed;
    TRY(entity_get(c, kind, name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    TRY(managed_get(c, arn, &managed));
    if (db_run(c->db, IAM_SQL_ATTACHMENT_DELETE, "it", entity.id, managed.arn) == 0)
        return fail(c, &iam_no_such_entity, "Policy %.*s was not found.", SLICE_ARG(arn));
    return 0;
}

/* The path of a policy is in its ARN, behind "policy". */
static bool has_path(slice arn, slice prefix)
{
    ssize_t at = slice_find(arn, S(":policy/"));
    return at >= 0 && slice_starts(slice_sub(arn, (size_t)at + S(":policy").len, arn.len), prefix);
}

static int list(struct call *c, enum entity_kind kind, slice name, slice prefix, struct listing *listing,
                struct iam_attached_policies_list_type *out)
{
    struct entity entity;
    TRY(entity_get(c, kind, name, &entity));
    struct db_rows rows = db_query(c->db, IAM_SQL_ATTACHMENT_LIST, "it", entity.id, listing->after);
    while (db_next(&rows)) {
        slice arn = db_text(&rows, 0);
        if (!has_path(arn, prefix))
            continue;
        if (!listing_take(listing, arn))
            break;
        struct iam_attached_policy *policy = list_add(c->arena, out);
        policy->policy_arn = arn;
        policy->policy_name = db_text(&rows, 1);
    }
    db_done(&rows);
    return 0;
}

int iam_attach_role_policy(struct call *c, const struct iam_attach_role_policy_in *in,
                           struct iam_attach_role_policy_out *out)
{
    return attach(c, ENTITY_ROLE, in->role_name, in->policy_arn);
}

int iam_attach_user_policy(struct call *c, const struct iam_attach_user_policy_in *in,
                           struct iam_attach_user_policy_out *out)
{
    return attach(c, ENTITY_USER, in->user_name, in->policy_arn);
}

int iam_attach_group_policy(struct call *c, const struct iam_attach_group_policy_in *in,
                            struct iam_attach_group_policy_out *out)
{
    return attach(c, ENTITY_GROUP, in->group_name, in->policy_arn);
}

int iam_detach_role_policy(struct call *c, const struct iam_detach_role_policy_in *in,
                           struct iam_detach_role_policy_out *out)
{
    return detach(c, ENTITY_ROLE, in->role_name, in->policy_arn);
}

int iam_detach_user_policy(struct call *c, const struct iam_detach_user_policy_in *in,
                           struct iam_detach_user_policy_out *out)
{
    return detach(c, ENTITY_USER, in->user_name, in->policy_arn);
}

int iam_detach_group_policy(struct call *c, const struct iam_detach_group_policy_in *in,
                            struct iam_detach_group_policy_out *out)
{
    return detach(c, ENTITY_GROUP, in->group_name, in->policy_arn);
}

int iam_list_attached_role_policies(struct call *c, const struct iam_list_attached_role_policies_in *in,
                                    struct iam_list_attached_role_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_ROLE, in->role_name, in->path_prefix, &listing, &out->attached_policies));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_attached_user_policies(struct call *c, const struct iam_list_attached_user_policies_in *in,
                                    struct iam_list_attached_user_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_USER, in->user_name, in->path_prefix, &listing, &out->attached_policies));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_attached_group_policies(struct call *c, const struct iam_list_attached_group_policies_in *in,
                                     struct iam_list_attached_group_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_GROUP, in->group_name, in->path_prefix, &listing, &out->attached_policies));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}
