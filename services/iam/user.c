/* user: users: create, read, change, delete. */
#include "services/iam/iam.h"

void user_show(struct call *c, const struct entity *entity, struct iam_user *out)
{
    *out = entity->user;
    out->permissions_boundary = boundary_shown(c, entity);
}

static void show_listed(const struct entity *entity, struct iam_user *out)
{
    *out = entity->user;
    out->tags = (struct iam_tag_list_type){0};
}

bool user_of_key(struct call *c, struct entity *user)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_KEY_GET, "t", c->access_key);
    int64_t owner = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return owner > 0 && entity_find_id(c, owner, user);
}

int user_get_or_caller(struct call *c, slice name, struct entity *user)
{
    if (name.ptr)
        return entity_get(c, ENTITY_USER, name, user);
    if (user_of_key(c, user))
        return 0;
    return fail(c, &iam_validation_error, "Must specify userName when calling with non-User credentials");
}

int iam_create_user(struct call *c, const struct iam_create_user_in *in, struct iam_create_user_out *out)
{
    struct entity entity;
    TRY(tag_check(c, &in->tags));
    TRY(boundary_check(c, in->permissions_boundary));
    TRY(entity_begin(c, ENTITY_USER, in->user_name, in->path, &entity));
    entity.boundary = in->permissions_boundary;
    entity.user = (struct iam_user){
        .path = entity.path,
        .user_name = entity.name,
        .user_id = entity_new_id(c, ENTITY_USER),
        .arn = entity_arn(c, &entity),
        .create_date = opt_int(entity_now(c)),
        .tags = in->tags,
    };
    entity_add(c, &entity);
    out->user = arena_alloc(c->arena, sizeof(*out->user));
    user_show(c, &entity, out->user);
    return 0;
}

int iam_get_user(struct call *c, const struct iam_get_user_in *in, struct iam_get_user_out *out)
{
    struct entity entity;
    out->user = arena_alloc(c->arena, sizeof(*out->user));
    bool session = slice_starts(c->access_key, S("ASIA"));
    if (!in->user_name.ptr && !session && !user_of_key(c, &entity)) { /* AWS describes the root user too */
        out->user->user_id = c->account;
        out->user->path = S("/");
        out->user->user_name = S("root");
        out->user->arn = arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(c->account));
        out->user->create_date = opt_int(0);
        return 0;
    }
    TRY(user_get_or_caller(c, in->user_name, &entity));
    user_show(c, &entity, out->user);
    return 0;
}

int iam_list_users(struct call *c, const struct iam_list_users_in *in, struct iam_list_users_out *out)
{
    struct listing listing;
    struct entity entity;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_USER, listing.after);
    while (entity_next(c, &rows, ENTITY_USER, &entity)) {
        if (!slice_starts(entity.path, in->path_prefix))
            continue;
        if (!listing_take(&listing, entity.name))
            break;
        show_listed(&entity, list_add(c->arena, &out->users));
    }
    db_done(&rows);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_update_user(struct call *c, const struct iam_update_user_in *in, struct iam_update_user_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_USER, in->user_name, &entity));
    TRY(entity_rename(c, &entity, in->new_user_name, in->new_path));
    entity.user.path = entity.path;
    entity.user.user_name = entity.name;
    entity.user.arn = entity_arn(c, &entity);
    entity_save(c, &entity);
    return 0;
}

/* What must be gone before a user can be deleted, and AWS's words for it. */
static int check_unused(struct call *c, const struct entity *user)
{
    if (entity_count(db_query(c->db, IAM_SQL_MEMBER_COUNT_CONTAINERS, "i", user->id)) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must remove users from group first.");
    if (attached_count(c, user) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must detach all policies first.");
    if (inline_count(c, user) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must delete policies first.");
    if (entity_count(db_query(c->db, IAM_SQL_KEY_COUNT, "i", user->id)) > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete entity, must delete access keys first.");
    struct db_rows rows = db_query(c->db, IAM_SQL_LOGIN_GET, "i", user->id);
    bool login = db_next(&rows);
    db_done(&rows);
    return login ? fail(c, &iam_delete_conflict, "Cannot delete entity, must delete login profile first.") : 0;
}

int iam_delete_user(struct call *c, const struct iam_delete_user_in *in, struct iam_delete_user_out *out)
{
    struct entity entity;
    TRY(entity_get(c, ENTITY_USER, in->user_name, &entity));
    TRY(check_unused(c, &entity));
    entity_delete(c, &entity);
    return 0;
}
