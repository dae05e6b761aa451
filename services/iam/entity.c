/* entity: users, roles, groups, customer managed policies, instance profiles and OIDC providers: what they have in
 * common. Each is one row with AWS's own structure as a document. */
#include "services/iam/iam.h"

#include "common/ids.h"

enum { UNIQUE_ID_DIGITS = 17 };

struct kind {
    const char *word;   /* in ARNs */
    const char *prefix; /* of unique ids */
    const struct api_shape *shape;
    int64_t quota;
    slice quota_name;
    size_t tags; /* offset in struct entity */
    const char *not_found;
    const char *exists;
};

#define TAGS(member) offsetof(struct entity, member.tags)

static const struct kind kinds[] = {
    [ENTITY_USER] = {"user", "AIDA", &iam_shape_user, 5000, S("UsersPerAccount"), TAGS(user),
                     "The user with name %.*s cannot be found.", "User with name %.*s already exists."},
    [ENTITY_ROLE] = {"role", "AROA", &iam_shape_role, 1000, S("RolesPerAccount"), TAGS(role),
                     "The role with name %.*s cannot be found.", "Role with name %.*s already exists."},
    [ENTITY_GROUP] = {"group", "AGPA", &iam_shape_group, 300, S("GroupsPerAccount"), 0,
                      "The group with name %.*s cannot be found.", "Group with name %.*s already exists."},
    [ENTITY_POLICY] = {"policy", "ANPA", &iam_shape_policy, 1500, S("PoliciesPerAccount"), TAGS(policy),
                       "Policy %.*s was not found.",
                       "A policy called %.*s already exists. Duplicate names are not allowed."},
    [ENTITY_PROFILE] = {"instance-profile", "AIPA", &iam_shape_instance_profile, 1000, S("InstanceProfilesPerAccount"),
                        TAGS(profile), "Instance Profile %.*s cannot be found.",
                        "Instance Profile %.*s already exists."},
    [ENTITY_PROVIDER] = {"oidc-provider", "", &iam_shape_get_open_id_connect_provider_response, 100,
                         S("OpenIdConnectProvidersPerAccount"), TAGS(provider),
                         "OpenIDConnect Provider not found for arn %.*s", "Provider with url %.*s already exists."},
};

/* The texts of the table, whose one argument is a slice. */
static slice text_of(struct call *c, const char *format, slice name)
{
    slice rest = slice_of(format);
    size_t at = (size_t)slice_find(rest, S("%.*s"));
    return arena_printf(c->arena, "%.*s%.*s%s", (int)at, format, SLICE_ARG(name), format + at + 4);
}

int64_t entity_now(const struct call *c)
{
    return c->now_ms / 1000 * 1000;
}

int64_t entity_count(struct db_rows rows)
{
    int64_t count = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return count;
}

bool entity_next(struct call *c, struct db_rows *rows, enum entity_kind kind, struct entity *entity)
{
    if (!db_next(rows))
        return false;
    *entity = (struct entity){
        .id = db_int(rows, 0),
        .kind = kind,
        .name = db_text(rows, 1),
        .path = db_text(rows, 2),
        .boundary = db_text(rows, 3),
        .account = db_text(rows, 5),
    };
    api_from_json(c->arena, kinds[kind].shape, db_text(rows, 4), &entity->user);
    return true;
}

bool entity_find(struct call *c, enum entity_kind kind, slice name, struct entity *entity)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_GET, "tit", c->account, (int64_t)kind, name);
    bool found = entity_next(c, &rows, kind, entity);
    db_done(&rows);
    return found;
}

bool entity_find_id(struct call *c, int64_t id, struct entity *entity)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_GET_ID, "i", id);
    bool found = db_next(&rows);
    enum entity_kind kind = found ? (enum entity_kind)db_int(&rows, 6) : ENTITY_USER;
    db_done(&rows);
    if (!found)
        return false;
    rows = db_query(c->db, IAM_SQL_ENTITY_GET_ID, "i", id);
    found = entity_next(c, &rows, kind, entity);
    db_done(&rows);
    return found;
}

int entity_get(struct call *c, enum entity_kind kind, slice name, struct entity *entity)
{
    if (entity_find(c, kind, name, entity))
        return 0;
    return fail(c, &iam_no_such_entity, "%.*s", SLICE_ARG(text_of(c, kinds[kind].not_found, name)));
}

int entity_begin(struct call *c, enum entity_kind kind, slice name, slice path, struct entity *entity)
{
    const struct kind *k = &kinds[kind];
    if (entity_find(c, kind, name, entity))
        return fail(c, &iam_entity_already_exists, "%.*s", SLICE_ARG(text_of(c, k->exists, name)));
    if (entity_count(db_query(c->db, IAM_SQL_ENTITY_COUNT, "ti", c->account, (int64_t)kind)) >= k->quota)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for %.*s: %lld", SLICE_ARG(k->quota_name),
                    (long long)k->quota);
    *entity = (struct entity){.kind = kind, .account = c->account, .name = name, .path = path.ptr ? path : S("/")};
    return 0;
}

int entity_rename(struct call *c, struct entity *entity, slice name, slice path)
{
    struct entity other;
    if (name.ptr && entity_find(c, entity->kind, name, &other) && other.id != entity->id)
        return fail(c, &iam_entity_already_exists, "%.*s", SLICE_ARG(text_of(c, kinds[entity->kind].exists, name)));
    if (name.ptr)
        entity->name = name;
    if (path.ptr)
        entity->path = path;
    return 0;
}

slice entity_new_id(struct call *c, enum entity_kind kind)
{
    return arena_concat(c->arena, slice_of(kinds[kind].prefix), ids_base32(c->arena, UNIQUE_ID_DIGITS));
}

void entity_add(struct call *c, struct entity *entity)
{
    db_run(c->db, IAM_SQL_ENTITY_ADD, "titttt", entity->account, (int64_t)entity->kind, entity->name, entity->path,
           entity->boundary, api_to_json(c->arena, kinds[entity->kind].shape, &entity->user));
    entity->id = db_last_id(c->db);
}

void entity_save(struct call *c, const struct entity *entity)
{
    db_run(c->db, IAM_SQL_ENTITY_SET, "tttti", entity->name, entity->path, entity->boundary,
           api_to_json(c->arena, kinds[entity->kind].shape, &entity->user), entity->id);
}

void entity_delete(struct call *c, const struct entity *entity)
{
    db_run(c->db, IAM_SQL_ENTITY_DELETE, "i", entity->id);
}

slice entity_arn(struct call *c, const struct entity *entity)
{
    return arena_printf(c->arena, "arn:aws:iam::%.*s:%s%.*s%.*s", SLICE_ARG(entity->account), kinds[entity->kind].word,
                        SLICE_ARG(entity->path), SLICE_ARG(entity->name));
}

struct iam_tag_list_type *entity_tags(struct entity *entity)
{
    size_t offset = kinds[entity->kind].tags;
    return offset ? (struct iam_tag_list_type *)(void *)((char *)entity + offset) : NULL;
}
