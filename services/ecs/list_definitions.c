/* list_definitions: ListTaskDefinitions and ListTaskDefinitionFamilies. */
#include "services/ecs/ecs.h"

#include "common/page.h"

enum { MAX_RESULTS = 100 };

static int check_limit(struct call *c, struct opt_int max_results, int64_t *limit)
{
    *limit = opt_int_or(max_results, MAX_RESULTS);
    if (*limit < 1 || *limit > MAX_RESULTS)
        return fail(c, &ecs_invalid_parameter, "maxResults must be between 1 and %d.", MAX_RESULTS);
    return 0;
}

/* Tokens hold "FAMILY:REVISION". */
static int place_of(struct call *c, slice token, slice *family, int64_t *revision)
{
    slice key, number;
    *family = S("");
    *revision = 0;
    if (page_key(c->arena, S("ListTaskDefinitions"), token, &key) != 0)
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    if (key.len > 0 && (!slice_cut(key, ':', family, &number) || !slice_to_int64(number, revision)))
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    return 0;
}

int ecs_list_task_definitions(struct call *c, const struct ecs_list_task_definitions_in *in,
                              struct ecs_list_task_definitions_out *out)
{
    slice family, last = {NULL, 0};
    int64_t revision, limit;
    TRY(check_limit(c, in->max_results, &limit));
    TRY(place_of(c, in->next_token, &family, &revision));
    bool down = slice_eq(in->sort, S("DESC"));
    struct db_rows rows =
        db_query(c->db, down ? ECS_SQL_DEFINITION_LIST_DOWN : ECS_SQL_DEFINITION_LIST, "ttttti", c->account, c->region,
                 in->status.ptr ? in->status : S("ACTIVE"), in->family_prefix, family, revision);
    while (db_next(&rows)) {
        if ((int64_t)out->task_definition_arns.len == limit) {
            out->next_token = page_token(c->arena, S("ListTaskDefinitions"), last);
            break;
        }
        last = arena_printf(c->arena, "%.*s:%lld", SLICE_ARG(db_text(&rows, 0)), (long long)db_int(&rows, 1));
        *list_add(c->arena, &out->task_definition_arns) = arn_make(c, "task-definition", last);
    }
    db_done(&rows);
    return 0;
}

int ecs_list_task_definition_families(struct call *c, const struct ecs_list_task_definition_families_in *in,
                                      struct ecs_list_task_definition_families_out *out)
{
    slice after, last = {NULL, 0};
    int64_t limit;
    TRY(check_limit(c, in->max_results, &limit));
    if (page_key(c->arena, S("ListTaskDefinitionFamilies"), in->next_token, &after) != 0)
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    slice status = in->status.ptr ? in->status : S("ACTIVE");
    struct db_rows rows = db_query(c->db, ECS_SQL_FAMILY_LIST, "ttt", c->account, c->region, after);
    while (db_next(&rows)) {
        slice family = db_text(&rows, 0);
        bool active = db_int(&rows, 1) > 0;
        if (in->family_prefix.ptr && !slice_starts(family, in->family_prefix))
            continue;
        if (!slice_eq(status, S("ALL")) && slice_eq(status, S("ACTIVE")) != active)
            continue;
        if ((int64_t)out->families.len == limit) {
            out->next_token = page_token(c->arena, S("ListTaskDefinitionFamilies"), last);
            break;
        }
        last = *list_add(c->arena, &out->families) = family;
    }
    db_done(&rows);
    return 0;
}
