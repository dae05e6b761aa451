/* profile: instance profiles, which hold at most one role. */
#include "services/iam/iam.h"

void profile_show(struct call *c, const struct entity *entity, struct iam_instance_profile *out)
{
    struct entity role;
    *out = entity->profile;
    out->roles = (struct iam_role_list_type){.set = true};
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_ITEMS, "it", entity->id, S(""));
    while (entity_next(c, &rows, ENTITY_ROLE, &role))
        document_show_role(c, &role, list_add(c->arena, &out->roles));
    db_done(&rows);
}

int iam_create_instance_profile(struct call *c, const struct iam_create_instance_profile_in *in,
                                struct iam_create_instance_profile_out *out)
{
    struct entity entity;
    TRY(tag_check(c, &in->tags));
    TRY(entity_begin(c, ENTITY_PROFILE, in->instance_profile_name, in->path, &entity));
    entity.profile = (struct iam_instance_profile){
        .path = entity.path,
        .instance_profile_name = entity.name,
        .instance_profile_id = entity_new_id(c, ENTITY_PROFILE),
        .arn = entity_arn(c, &entity),
        .create_date = opt_int(entity_now(c)),
        .tags = in->tags,
    };
    entity_add(c, &entity);
    out->instance_profile = arena_alloc(c->arena, sizeof(*out->instance_profile));
    profile_show(c, &entity, out->instance_profile);
    return 0;
}

int iam_get_instance_profile(struct call *c, const struct iam_get_instance_profile_in *in,
                             struct iam_get_instance_profile_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_PROFILE, in->instance_profile_name, &entity));
    out->instance_profile = arena_alloc(c->arena, sizeof(*out->instance_profile));
    profile_show(c, &entity, out->instance_profile);
    return 0;
}

int iam_delete_instance_profile(struct call *c, const struct iam_delete_instance_profile_in *in,
                                struct iam_delete_instance_profile_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_PROFILE, in->instance_profile_name, &entity));
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_ITEMS, "i", entity.id)) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must remove roles from instance profile first.");
    entity_delete(c, &entity);
    return 0;
}

int iam_add_role_to_instance_profile(struct call *c, const struct iam_add_role_to_instance_profile_in *in,
                                     struct iam_add_role_to_instance_profile_out *out)
{
    struct entity profile, role;
    TRY(entity_get(c, ENTITY_PROFILE, in->instance_profile_name, &profile));
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &role));
    TRY(linked_check_modifiable(c, &role));
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_ITEMS, "i", profile.id)) > 0)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    db_run(c->db, IAM_SQL_MEMBER_ADD, "ii", profile.id, role.id);
    return 0;
}

int iam_remove_role_from_instance_profile(struct call *c, const struct iam_remove_role_from_instance_profile_in *in,
                                          struct iam_remove_role_from_instance_profile_out *out)
{
    struct entity profile, role;
    TRY(entity_get(c, ENTITY_PROFILE, in->instance_profile_name, &profile));
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &role));
    if (db_run(c->db, IAM_SQL_MEMBER_DELETE, "ii", profile.id, role.id) == 0)
        return fail(c, &iam_no_such_entity, "Role %.*s in Instance Profile %.*s cannot be found.",
                    SLICE_ARG(in->role_name), SLICE_ARG(in->instance_profile_name));
    return 0;
}

static void add_page(struct call *c, struct db_rows *rows, slice path_prefix, struct listing *listing,
                     struct iam_instance_profile_list_type *out)
{
    struct entity entity;
    while (entity_next(c, rows, ENTITY_PROFILE, &entity)) {
        if (!slice_starts(entity.path, path_prefix))
            continue;
        if (!listing_take(listing, entity.name))
            break;
        struct iam_instance_profile *shown = list_add(c->arena, out);
        profile_show(c, &entity, shown);
        shown->tags = (struct iam_tag_list_type){0};
    }
    db_done(rows);
}

int iam_list_instance_profiles(struct call *c, const struct iam_list_instance_profiles_in *in,
                               struct iam_list_instance_profiles_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    struct db_rows rows =
        db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_PROFILE, listing.after);
    add_page(c, &rows, in->path_prefix, &listing, &out->instance_profiles);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_instance_profiles_for_role(struct call *c, const struct iam_list_instance_profiles_for_role_in *in,
                                        struct iam_list_instance_profiles_for_role_out *out)
{
    struct listing listing;
    struct entity role;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &role));
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_CONTAINERS, "it", role.id, listing.after);
    add_page(c, &rows, S(""), &listing, &out->instance_profiles);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}
