/* boundary: permissions boundaries of roles and users. */
#include "services/iam/iam.h"

int boundary_check(struct call *c, slice arn)
{
    struct managed managed;
    if (!arn.ptr || managed_find(c, arn, &managed))
        return 0;
    if (!slice_starts(arn, S("arn:")))
        return fail(c, &iam_validation_error, "Value (%.*s) failed validation for parameter permissionsBoundary.",
                    SLICE_ARG(arn));
    return fail(c, &iam_no_such_entity, "Scope ARN: %.*s does not exist or is not attachable.", SLICE_ARG(arn));
}

struct iam_attached_permissions_boundary *boundary_shown(struct call *c, const struct entity *entity)
{
    if (!entity->boundary.ptr)
        return NULL;
    struct iam_attached_permissions_boundary *shown = arena_alloc(c->arena, sizeof(*shown));
    shown->permissions_boundary_type = S("Policy");
    shown->permissions_boundary_arn = entity->boundary;
    return shown;
}

static int put(struct call *c, enum entity_kind kind, slice name, slice arn)
{
    struct entity entity;
    TRY(entity_get(c, kind, name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    TRY(boundary_check(c, arn));
    entity.boundary = arn;
    entity_save(c, &entity);
    return 0;
}

static int delete (struct call *c, enum entity_kind kind, slice name)
{
    struct entity entity;
    TRY(entity_get(c, kind, name, &entity));
    TRY(linked_check_modifiable(c, &entity));
    if (!entity.boundary.ptr)
        return fail(c, &iam_no_such_entity, "%s %.*s does not have a permissions boundary.",
                    kind == ENTITY_ROLE ? "Role" : "User", SLICE_ARG(name));
    entity.boundary = (slice){NULL, 0};
    entity_save(c, &entity);
    return 0;
}

int iam_put_role_permissions_boundary(struct call *c, const struct iam_put_role_permissions_boundary_in *in,
                                      struct iam_put_role_permissions_boundary_out *out)
{
    return put(c, ENTITY_ROLE, in->role_name, in->permissions_boundary);
}

int iam_delete_role_permissions_boundary(struct call *c, const struct iam_delete_role_permissions_boundary_in *in,
                                         struct iam_delete_role_permissions_boundary_out *out)
{
    return delete (c, ENTITY_ROLE, in->role_name);
}

int iam_put_user_permissions_boundary(struct call *c, const struct iam_put_user_permissions_boundary_in *in,
                                      struct iam_put_user_permissions_boundary_out *out)
{
    return put(c, ENTITY_USER, in->user_name, in->permissions_boundary);
}

int iam_delete_user_permissions_boundary(struct call *c, const struct iam_delete_user_permissions_boundary_in *in,
                                         struct iam_delete_user_permissions_boundary_out *out)
{
    return delete (c, ENTITY_USER, in->user_name);
}
