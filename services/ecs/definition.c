/* definition: task definitions: register, describe, deregister, delete, and finding one. */
#include "services/ecs/ecs.h"

enum { MAX_DELETED = 10, MAX_BYTES = 65536 };

static bool read_row(struct call *c, struct db_rows *rows, struct definition *definition)
{
    bool found = db_next(rows);
    if (found) {
        *definition = (struct definition){.id = db_int(rows, 0), .status = db_text(rows, 1)};
        api_from_json(c->arena, &ecs_shape_task_definition, db_text(rows, 2), &definition->doc);
        definition->doc.status = definition->status;
    }
    db_done(rows);
    return found;
}

bool definition_find_id(struct call *c, int64_t id, struct definition *definition)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_DEFINITION_GET_ID, "i", id);
    return read_row(c, &rows, definition);
}

bool definition_find(struct call *c, slice name, struct definition *definition)
{
    slice family, revision;
    int64_t number;
    struct db_rows rows;
    if (slice_starts(name, S("arn:"))) {
        slice resource = arn_resource(c, name);
        if (!slice_starts(resource, S("task-definition/")))
            return false;
        name = arn_last(resource);
    }
    if (!slice_cut(name, ':', &family, &revision))
        rows = db_query(c->db, ECS_SQL_DEFINITION_NEWEST, "ttt", c->account, c->region, name);
    else if (slice_to_int64(revision, &number))
        rows = db_query(c->db, ECS_SQL_DEFINITION_GET, "ttti", c->account, c->region, family, number);
    else
        return false;
    return read_row(c, &rows, definition);
}

static int get_exact(struct call *c, slice name, struct definition *definition)
{
    if (slice_index(arn_last(name), ':') == arn_last(name).len)
        return fail(c, &ecs_client, "revision is missing");
    if (!definition_find(c, name, definition))
        return fail(c, &ecs_client, "The specified task definition does not exist.");
    return 0;
}

static void save(struct call *c, struct definition *definition, slice status)
{
    definition->status = definition->doc.status = status;
    db_run(c->db, ECS_SQL_DEFINITION_SET, "tti", status,
           api_to_json(c->arena, &ecs_shape_task_definition, &definition->doc), definition->id);
}

static int64_t next_revision(struct call *c, slice family)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_FAMILY_NEXT, "ttt", c->account, c->region, family);
    int64_t revision = db_next(&rows) ? db_int(&rows, 0) : 0;
    while (db_next(&rows))
        ;
    return revision;
}

int ecs_register_task_definition(struct call *c, const struct ecs_register_task_definition_in *in,
                                 struct ecs_register_task_definition_out *out)
{
    struct ecs_task_definition *doc = arena_alloc(c->arena, sizeof(*doc));
    /* The definition has the members of the request, by the same names. */
    slice text = api_to_json(c->arena, &ecs_shape_register_task_definition_request, in);
    if (text.len > MAX_BYTES)
        return fail(c, &ecs_client, "Actual length: '%zu'. Max allowed length is '%d' bytes.", text.len, MAX_BYTES);
    if (api_from_json(c->arena, &ecs_shape_task_definition, text, doc) != 0)
        return FAULT_INTERNAL;
    TRY(definition_check(c, doc));
    TRY(tags_check(c, &in->tags));
    doc->revision = opt_int(next_revision(c, doc->family));
    slice name = arena_printf(c->arena, "%.*s:%lld", SLICE_ARG(doc->family), (long long)doc->revision.v);
    doc->task_definition_arn = arn_make(c, "task-definition", name);
    doc->status = S("ACTIVE");
    doc->registered_at = opt_int(c->now_ms);
    doc->registered_by = arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(c->account));
    db_run(c->db, ECS_SQL_DEFINITION_ADD, "tttit", c->account, c->region, doc->family, doc->revision.v,
           api_to_json(c->arena, &ecs_shape_task_definition, doc));
    tags_set(c, doc->task_definition_arn, &in->tags);
    out->task_definition = doc;
    if (in->tags.len > 0)
        out->tags = in->tags;
    return 0;
}

int ecs_describe_task_definition(struct call *c, const struct ecs_describe_task_definition_in *in,
                                 struct ecs_describe_task_definition_out *out)
{
    struct definition *definition = arena_alloc(c->arena, sizeof(*definition));
    struct slice_list include = {in->include.items, in->include.len, true};
    if (!definition_find(c, in->task_definition, definition))
        return fail(c, &ecs_client, "Unable to describe task definition.");
    out->task_definition = &definition->doc;
    if (ecs_includes(&include, S("TAGS")))
        tags_list(c, definition->doc.task_definition_arn, &out->tags);
    return 0;
}

int ecs_deregister_task_definition(struct call *c, const struct ecs_deregister_task_definition_in *in,
                                   struct ecs_deregister_task_definition_out *out)
{
    struct definition *definition = arena_alloc(c->arena, sizeof(*definition));
    TRY(get_exact(c, in->task_definition, definition));
    if (slice_eq(definition->status, S("ACTIVE"))) {
        definition->doc.deregistered_at = opt_int(c->now_ms);
        save(c, definition, S("INACTIVE"));
    }
    out->task_definition = &definition->doc;
    return 0;
}

int ecs_delete_task_definitions(struct call *c, const struct ecs_delete_task_definitions_in *in,
                                struct ecs_delete_task_definitions_out *out)
{
    if (in->task_definitions.len == 0 || in->task_definitions.len > MAX_DELETED)
        return fail(c, &ecs_invalid_parameter, "Specify 1 to %d task definitions.", MAX_DELETED);
    list_foreach (name, &in->task_definitions) {
        struct definition definition;
        bool found = slice_index(arn_last(*name), ':') < arn_last(*name).len && definition_find(c, *name, &definition);
        if (found && !slice_eq(definition.status, S("ACTIVE"))) {
            definition.doc.delete_requested_at = opt_int(c->now_ms);
            save(c, &definition, S("DELETE_IN_PROGRESS"));
            *list_add(c->arena, &out->task_definitions) = definition.doc;
            continue;
        }
        struct ecs_failure *failure = list_add(c->arena, &out->failures);
        failure->arn = *name;
        failure->reason = found ? S("The specified task definition is still in ACTIVE status. Please deregister the "
                                    "target and try again.")
                                : S("The specified task definition does not exist.");
    }
    return 0;
}
