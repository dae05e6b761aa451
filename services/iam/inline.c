/* inline: policies that belong to one user, role or group. */
#include "services/iam/iam.h"

struct owner_kind {
    const char *word;  /* "The role policy with name …" */
    const char *quota; /* "Maximum policy size of 10240 bytes exceeded for role …" */
    size_t max_bytes;  /* of all its inline policies together */
};

static const struct owner_kind owners[] = {
    [ENTITY_USER] = {"user", "user", 2048},
    [ENTITY_ROLE] = {"role", "role", 10240},
    [ENTITY_GROUP] = {"group", "group", 5120},
};

int64_t inline_count(struct call *c, const struct entity *entity)
{
    return entity_count(db_query(c->db, IAM_SQL_INLINE_COUNT, "i", entity->id));
}

/* The bytes that count of all its inline policies but the one of that name. */
static size_t others_size(struct call *c, const struct entity *entity, slice name)
{
    size_t size = 0;
    struct db_rows rows = db_query(c->db, IAM_SQL_INLINE_LIST, "it", entity->id, S(""));
    while (db_next(&rows)) {
        if (!slice_eq(db_text(&rows, 0), name))
            size += document_size(db_text(&rows, 1));
    }
    db_done(&rows);
    return size;
}

static int put(struct call *c, enum entity_kind kind, slice owner, slice name, slice document)
{
    struct entity entity;
    TRY(entity_get(c, kind, owner, &entity));
    TRY(linked_check_modifiable(c, &entity));
    TRY(document_check_identity(c, document));
    if (others_size(c, &entity, name) + document_size(document) > owners[kind].max_bytes)
        return fail(c, &iam_limit_exceeded, "Maximum policy size of %zu bytes exceeded for %s %.*s",
                    owners[kind].max_bytes, owners[kind].quota, SLICE_ARG(owner));
    db_run(c->db, IAM_SQL_INLINE_SET, "itt", entity.id, name, document);
    return 0;
}

static int not_found(struct call *c, enum entity_kind kind, slice name)
{
    return fail(c, &iam_no_such_entity, "The %s policy with name %.*s cannot be found.", owners[kind].word,
                SLICE_ARG(name));
}

/* Finds the document, as answers show it, and how the owner spells its name. */
static int get(struct call *c, enum entity_kind kind, slice name, slice *owner, slice *document)
{
    struct entity entity;
    TRY(entity_get(c, kind, *owner, &entity));
    struct db_rows rows = db_query(c->db, IAM_SQL_INLINE_GET, "it", entity.id, name);
    bool found = db_next(&rows);
    if (found)
        *document = document_encoded(c, db_text(&rows, 0));
    db_done(&rows);
    *owner = entity.name;
    return found ? 0 : not_found(c, kind, name);
}

static int delete (struct call *c, enum entity_kind kind, slice owner, slice name)
{
    struct entity entity;
    TRY(entity_get(c, kind, owner, &entity));
    TRY(linked_check_modifiable(c, &entity));
    return db_run(c->db, IAM_SQL_INLINE_DELETE, "it", entity.id, name) > 0 ? 0 : not_found(c, kind, name);
}

static int list(struct call *c, enum entity_kind kind, slice owner, struct listing *listing,
                struct iam_policy_name_list_type *out)
{
    struct entity entity;
    TRY(entity_get(c, kind, owner, &entity));
    struct db_rows rows = db_query(c->db, IAM_SQL_INLINE_LIST, "it", entity.id, listing->after);
    while (db_next(&rows)) {
        slice name = db_text(&rows, 0);
        if (!listing_take(listing, name))
            break;
        *list_add(c->arena, out) = name;
    }
    db_done(&rows);
    return 0;
}

int iam_put_role_policy(struct call *c, const struct iam_put_role_policy_in *in, struct iam_put_role_policy_out *out)
{
    return put(c, ENTITY_ROLE, in->role_name, in->policy_name, in->policy_document);
}

int iam_put_user_policy(struct call *c, const struct iam_put_user_policy_in *in, struct iam_put_user_policy_out *out)
{
    return put(c, ENTITY_USER, in->user_name, in->policy_name, in->policy_document);
}

int iam_put_group_policy(struct call *c, const struct iam_put_group_policy_in *in, struct iam_put_group_policy_out *out)
{
    return put(c, ENTITY_GROUP, in->group_name, in->policy_name, in->policy_document);
}

int iam_get_role_policy(struct call *c, const struct iam_get_role_policy_in *in, struct iam_get_role_policy_out *out)
{
    out->role_name = in->role_name;
    out->policy_name = in->policy_name;
    return get(c, ENTITY_ROLE, in->policy_name, &out->role_name, &out->policy_document);
}

int iam_get_user_policy(struct call *c, const struct iam_get_user_policy_in *in, struct iam_get_user_policy_out *out)
{
    out->user_name = in->user_name;
    out->policy_name = in->policy_name;
    return get(c, ENTITY_USER, in->policy_name, &out->user_name, &out->policy_document);
}

int iam_get_group_policy(struct call *c, const struct iam_get_group_policy_in *in, struct iam_get_group_policy_out *out)
{
    out->group_name = in->group_name;
    out->policy_name = in->policy_name;
    return get(c, ENTITY_GROUP, in->policy_name, &out->group_name, &out->policy_document);
}

int iam_delete_role_policy(struct call *c, const struct iam_delete_role_policy_in *in,
                           struct iam_delete_role_policy_out *out)
{
    return delete (c, ENTITY_ROLE, in->role_name, in->policy_name);
}

int iam_delete_user_policy(struct call *c, const struct iam_delete_user_policy_in *in,
                           struct iam_delete_user_policy_out *out)
{
    return delete (c, ENTITY_USER, in->user_name, in->policy_name);
}

int iam_delete_group_policy(struct call *c, const struct iam_delete_group_policy_in *in,
                            struct iam_delete_group_policy_out *out)
{
    return delete (c, ENTITY_GROUP, in->group_name, in->policy_name);
}

int iam_list_role_policies(struct call *c, const struct iam_list_role_policies_in *in,
                           struct iam_list_role_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_ROLE, in->role_name, &listing, &out->policy_names));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_user_policies(struct call *c, const struct iam_list_user_policies_in *in,
                           struct iam_list_user_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_USER, in->user_name, &listing, &out->policy_names));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_list_group_policies(struct call *c, const struct iam_list_group_policies_in *in,
                            struct iam_list_group_policies_out *out)
{
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(list(c, ENTITY_GROUP, in->group_name, &listing, &out->policy_names));
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}
