/* role: roles: create, read, change, delete. */
#include "services/iam/iam.h"

enum { MAX_TRUST_BYTES = 2048, DEFAULT_SESSION_SECONDS = 3600 };

void role_show(struct call *c, const struct entity *entity, struct iam_role *out)
{
    document_show_role(c, entity, out);
    out->tags = entity->role.tags;
    out->permissions_boundary = boundary_shown(c, entity);
    out->role_last_used = arena_alloc(c->arena, sizeof(*out->role_last_used));
}

static int check_trust_size(struct call *c, slice document)
{
    if (document_size(document) > MAX_TRUST_BYTES)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for ACLSizePerRole: %d", MAX_TRUST_BYTES);
    return 0;
}

int iam_create_role(struct call *c, const struct iam_create_role_in *in, struct iam_create_role_out *out)
{
    struct entity entity;
    TRY(tag_check(c, &in->tags));
    TRY(document_check_trust(c, in->assume_role_policy_document));
    TRY(check_trust_size(c, in->assume_role_policy_document));
    TRY(boundary_check(c, in->permissions_boundary));
    TRY(entity_begin(c, ENTITY_ROLE, in->role_name, in->path, &entity));
    entity.boundary = in->permissions_boundary;
    entity.role = (struct iam_role){
        .path = entity.path,
        .role_name = entity.name,
        .role_id = entity_new_id(c, ENTITY_ROLE),
        .arn = entity_arn(c, &entity),
        .create_date = opt_int(entity_now(c)),
        .assume_role_policy_document = in->assume_role_policy_document,
        .description = in->description,
        .max_session_duration = opt_int(opt_int_or(in->max_session_duration, DEFAULT_SESSION_SECONDS)),
        .tags = in->tags,
    };
    entity_add(c, &entity);
    out->role = arena_alloc(c->arena, sizeof(*out->role));
    role_show(c, &entity, out->role);
    out->role->role_last_used = NULL;
    return 0;
}

int iam_get_role(struct call *c, const struct iam_get_role_in *in, struct iam_get_role_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &entity));
    out->role = arena_alloc(c->arena, sizeof(*out->role));
    role_show(c, &entity, out->role);
    return 0;
}

int iam_list_roles(struct call *c, const struct iam_list_roles_in *in, struct iam_list_roles_out *out)
{
    struct listing listing;
    struct entity entity;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_ROLE, listing.after);
    while (entity_next(c, &rows, ENTITY_ROLE, &entity)) {
        if (!slice_starts(entity.path, in->path_prefix))
            continue;
        if (!listing_take(&listing, entity.name))
            break;
        document_show_role(c, &entity, list_add(c->arena, &out->roles));
    }
    db_done(&rows);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_update_role(struct call *c, const struct iam_update_role_in *in, struct iam_update_role_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &entity));
    if (in->description.ptr)
        entity.role.description = in->description;
    entity.role.max_session_duration = opt_int(opt_int_or(in->max_session_duration, DEFAULT_SESSION_SECONDS));
    entity_save(c, &entity);
    return 0;
}

int iam_update_role_description(struct call *c, const struct iam_update_role_description_in *in,
                                struct iam_update_role_description_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &entity));
    entity.role.description = in->description;
    entity_save(c, &entity);
    out->role = arena_alloc(c->arena, sizeof(*out->role));
    document_show_role(c, &entity, out->role);
    return 0;
}

int iam_update_assume_role_policy(struct call *c, const struct iam_update_assume_role_policy_in *in,
                                  struct iam_update_assume_role_policy_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    TRY(document_check_trust(c, in->policy_document));
    TRY(check_trust_size(c, in->policy_document));
    entity.role.assume_role_policy_document = in->policy_document;
    entity_save(c, &entity);
    return 0;
}

int iam_delete_role(struct call *c, const struct iam_delete_role_in *in, struct iam_delete_role_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_CONTAINERS, "i", entity.id)) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must remove roles from instance profile first.");
    if (attached_count(c, &entity) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must detach all policies first.");
    if (inline_count(c, &entity) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must delete policies first.");
    entity_delete(c, &entity);
    return 0;
}
