/* linked: service-linked roles, which an AWS service makes for itself and only AWS changes. */
#include "services/iam/iam.h"

#include "common/ids.h"

enum { DELETION_MS = 1000 };

struct linked_service {
    const char *name;
    const char *role;
    const char *policy; /* AWS's own below aws-service-role/; NULL: none that we know */
    bool suffix;        /* may have several, told apart by a suffix */
};

static const struct linked_service services[] = {
#define LINKED(name, role, policy, suffix) {name, role, policy, suffix},
#include "services/iam/linked.def"
#undef LINKED
};

static const slice path_prefix = S("/aws-service-role/");

bool linked_is(const struct entity *role)
{
    return role->kind == ENTITY_ROLE && slice_starts(role->path, path_prefix);
}

int linked_check_modifiable(struct call *c, const struct entity *role)
{
    if (!linked_is(role))
        return 0;
    return fail(c, &iam_unmodifiable_entity,
                "Cannot perform the operation on the protected role '%.*s' - this role is only modifiable by AWS",
                SLICE_ARG(role->name));
}

static const struct linked_service *find_service(slice name)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
        if (slice_eq(name, slice_of(services[i].name)))
            return &services[i];
    }
    return NULL;
}

static int check(struct call *c, const struct iam_create_service_linked_role_in *in,
                 const struct linked_service **service)
{
    *service = find_service(in->aws_service_name);
    if (!*service)
        return fail(c, &iam_invalid_input, "Service %.*s does not support service-linked roles.",
                    SLICE_ARG(in->aws_service_name));
    if (in->custom_suffix.ptr && !(*service)->suffix)
        return fail(c, &iam_invalid_input, "Custom suffix is not allowed for %.*s", SLICE_ARG(in->aws_service_name));
    return 0;
}

static void attach(struct call *c, const struct linked_service *service, const struct entity *role)
{
    slice name = slice_of(service->policy);
    slice arn = arena_concat(c->arena, S("arn:aws:iam::aws:policy/aws-service-role/"), name);
    if (service->policy && aws_policy_find(arn))
        db_run(c->db, IAM_SQL_ATTACHMENT_ADD, "ittt", role->id, arn, name, c->account);
}

int iam_create_service_linked_role(struct call *c, const struct iam_create_service_linked_role_in *in,
                                   struct iam_create_service_linked_role_out *out)
{
    const struct linked_service *service;
    struct entity entity;
    TRY(check(c, in, &service));
    slice name = slice_of(service->role);
    if (in->custom_suffix.ptr)
        name = arena_printf(c->arena, "%.*s_%.*s", SLICE_ARG(name), SLICE_ARG(in->custom_suffix));
    if (entity_find(c, ENTITY_ROLE, name, &entity))
        return fail(c, &iam_invalid_input,
                    "Service role name %.*s has been taken in this account, please try a different suffix.",
                    SLICE_ARG(name));
    slice path = arena_printf(c->arena, "%.*s%s/", SLICE_ARG(path_prefix), service->name);
    TRY(entity_begin(c, ENTITY_ROLE, name, path, &entity));
    entity.role = (struct iam_role){
        .path = path,
        .role_name = name,
        .role_id = entity_new_id(c, ENTITY_ROLE),
        .arn = entity_arn(c, &entity),
        .create_date = opt_int(entity_now(c)),
        .assume_role_policy_document = arena_printf(
            c->arena,
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":[\"sts:AssumeRole\"],\"Effect\":\"Allow\","
            "\"Principal\":{\"Service\":[\"%s\"]}}]}",
            service->name),
        .description = in->description,
        .max_session_duration = opt_int(3600),
    };
    entity_add(c, &entity);
    attach(c, service, &entity);
    out->role = arena_alloc(c->arena, sizeof(*out->role));
    document_show_role(c, &entity, out->role);
    return 0;
}

int iam_delete_service_linked_role(struct call *c, const struct iam_delete_service_linked_role_in *in,
                                   struct iam_delete_service_linked_role_out *out)
{
    struct entity role;
    TRY(entity_get(c, ENTITY_ROLE, in->role_name, &role));
    if (!linked_is(&role))
        return fail(c, &iam_invalid_input, "Role %.*s is not a service-linked role.", SLICE_ARG(in->role_name));
    struct db_rows rows = db_query(c->db, IAM_SQL_DELETION_OF, "tt", c->account, role.name);
    if (db_next(&rows))
        out->deletion_task_id = db_text(&rows, 0);
    db_done(&rows);
    if (out->deletion_task_id.ptr)
        return 0;
    out->deletion_task_id = arena_printf(c->arena, "task%.*s%.*s/%.*s", SLICE_ARG(role.path), SLICE_ARG(role.name),
                                         SLICE_ARG(ids_uuid(c->arena)));
    db_run(c->db, IAM_SQL_DELETION_ADD, "ttti", out->deletion_task_id, c->account, role.name, c->now_ms + DELETION_MS);
    call_timer_changed(c);
    return 0;
}

int iam_get_service_linked_role_deletion_status(struct call *c,
                                                const struct iam_get_service_linked_role_deletion_status_in *in,
                                                struct iam_get_service_linked_role_deletion_status_out *out)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_DELETION_GET, "tt", c->account, in->deletion_task_id);
    bool found = db_next(&rows);
    if (found)
        out->status = db_text(&rows, 0);
    db_done(&rows);
    return found ? 0
                 : fail(c, &iam_no_such_entity, "Deletion task %.*s does not exist.", SLICE_ARG(in->deletion_task_id));
}

static void delete_role(struct call *c, slice name)
{
    struct entity role;
    if (!entity_find(c, ENTITY_ROLE, name, &role))
        return;
    db_run(c->db, IAM_SQL_ATTACHMENT_DELETE_ALL, "i", role.id);
    entity_delete(c, &role);
}

int linked_run_due(struct call *c, int64_t *next_due_ms)
{
    struct pair_list due = {0};
    slice ids;
    struct db_rows rows = db_query(c->db, IAM_SQL_DELETION_DUE, "i", c->now_ms);
    while (db_next(&rows)) {
        ids = db_text(&rows, 0);
        struct pair *pair = list_add(c->arena, &due);
        pair->key = ids;
        pair->value = arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(db_text(&rows, 1)), SLICE_ARG(db_text(&rows, 2)));
    }
    list_foreach (pair, &due) {
        slice name;
        slice_cut(pair->value, '/', &c->account, &name);
        delete_role(c, name);
        db_run(c->db, IAM_SQL_DELETION_DONE, "t", pair->key);
    }
    rows = db_query(c->db, IAM_SQL_DELETION_NEXT, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
    return 0;
}
