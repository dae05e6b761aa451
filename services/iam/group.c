/* group: groups and who is in them. */
#include "services/iam/iam.h"

enum { MAX_GROUPS_PER_USER = 10 };

int iam_create_group(struct call *c, const struct iam_create_group_in *in, struct iam_create_group_out *out)
{
    struct entity entity;
    TRY(entity_begin(c, ENTITY_GROUP, in->group_name, in->path, &entity));
    entity.group = (struct iam_group){
        .path = entity.path,
        .group_name = entity.name,
        .group_id = entity_new_id(c, ENTITY_GROUP),
        .arn = entity_arn(c, &entity),
        .create_date = opt_int(entity_now(c)),
    };
    entity_add(c, &entity);
    out->group = arena_copy(c->arena, &entity.group, sizeof(entity.group));
    return 0;
}

int iam_get_group(struct call *c, const struct iam_get_group_in *in, struct iam_get_group_out *out)
{
    struct listing listing;
    struct entity group, user;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(entity_get(c, ENTITY_GROUP, in->group_name, &group));
    out->group = arena_copy(c->arena, &group.group, sizeof(group.group));
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_ITEMS, "it", group.id, listing.after);
    while (entity_next(c, &rows, ENTITY_USER, &user)) {
        if (!listing_take(&listing, user.name))
            break;
        struct iam_user *shown = list_add(c->arena, &out->users);
        *shown = user.user;
        shown->tags = (struct iam_tag_list_type){0};
    }
    db_done(&rows);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_update_group(struct call *c, const struct iam_update_group_in *in, struct iam_update_group_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_GROUP, in->group_name, &entity));
    TRY(entity_rename(c, &entity, in->new_group_name, in->new_path));
    entity.group.path = entity.path;
    entity.group.group_name = entity.name;
    entity.group.arn = entity_arn(c, &entity);
    entity_save(c, &entity);
    return 0;
}

int iam_delete_group(struct call *c, const struct iam_delete_group_in *in, struct iam_delete_group_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_GROUP, in->group_name, &entity));
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_ITEMS, "i", entity.id)) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must remove users from group first.");
    if (attached_count(c, &entity) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must detach all policies first.");
    if (inline_count(c, &entity) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must delete policies first.");
    entity_delete(c, &entity);
    return 0;
}

int iam_add_user_to_group(struct call *c, const struct iam_add_user_to_group_in *in,
                          struct iam_add_user_to_group_out *out)
{
    struct entity group, user;
    TRY(entity_get(c, ENTITY_GROUP, in->group_name, &group));
    TRY(entity_get(c, ENTITY_USER, in->user_name, &user));
    db_run(c->db, IAM_SQL_MEMBER_ADD, "ii", group.id, user.id);
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_CONTAINERS, "i", user.id)) > MAX_GROUPS_PER_USER)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for GroupsPerUser: %d", MAX_GROUPS_PER_USER);
    return 0;
}

int iam_remove_user_from_group(struct call *c, const struct iam_remove_user_from_group_in *in,
                               struct iam_remove_user_from_group_out *out)
{
    struct entity group, user;
    TRY(entity_get(c, ENTITY_GROUP, in->group_name, &group));
    TRY(entity_get(c, ENTITY_USER, in->user_name, &user));
    db_run(c->db, IAM_SQL_MEMBER_DELETE, "ii", group.id, user.id);
    return 0;
}

static void add_page(struct call *c, struct db_rows *rows, slice path_prefix, struct listing *listing,
                     struct iam_group_list_type *out)
{
    struct entity entity;
    while (entity_next(c, rows, ENTITY_GROUP, &entity)) {
        if (!slice_starts(entity.path, path_prefix))
            continue;
        if (!listing_take(listing, entity.name))
            break;
        *list_add(c->arena, out) = entity.group;
    }
    db_done(rows);
}

int iam_list_groups(struct call *c, const struct iam_list_groups_in *in, struct iam_list_groups_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_GROUP, listing.after);
    add_page(c, &rows, in->path_prefix, &listing, &out->groups);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_groups_for_user(struct call *c, const struct iam_list_groups_for_user_in *in,
                             struct iam_list_groups_for_user_out *out)
{
    struct listing listing;
    struct entity user;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(entity_get(c, ENTITY_USER, in->user_name, &user));
    struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_CONTAINERS, "it", user.id, listing.after);
    add_page(c, &rows, S(""), &listing, &out->groups);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}
