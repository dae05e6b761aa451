/* operation: what Cloud Map does after it has answered: begun, found and shown. operation_run.c carries them out. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/ids.h"
#include "common/json.h"
#include "common/time.h"
#include "services/servicediscovery/leniency.h"

enum { MAX_RESULTS = 100 };

bool operation_next(struct db_rows *rows, struct operation *operation)
{
    if (!db_next(rows))
        return false;
    *operation = (struct operation){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .type = db_text(rows, 2),
        .status = db_text(rows, 3),
        .created_ms = db_int(rows, 4),
        .updated_ms = db_int(rows, 5),
        .namespace = db_text(rows, 6),
        .service = db_text(rows, 7),
        .instance = db_text(rows, 8),
        .creator = db_text(rows, 9),
        .doc = db_text(rows, 10),
        .error_code = db_text(rows, 11),
        .error_message = db_text(rows, 12),
        .account = db_text(rows, 13),
        .region = db_text(rows, 14),
    };
    return true;
}

static bool first(struct db_rows rows, struct operation *operation)
{
    bool found = operation_next(&rows, operation);
    db_done(&rows);
    return found;
}

int operation_begin(struct call *c, struct operation *operation, operation_apply_fn *apply, slice *operation_id)
{
    bool at_once = leniency_on(c, SERVICEDISCOVERY_LENIENCY_OPERATIONS_AT_ONCE);
    operation->name =
        arena_printf(c->arena, "%.*s-%.*s", SLICE_ARG(ids_alnum(c->arena, 32)), SLICE_ARG(ids_alnum(c->arena, 8)));
    operation->status = at_once ? S("SUCCESS") : S("SUBMITTED");
    struct opt_int due = at_once ? (struct opt_int){0} : opt_int(c->now_ms + OPERATION_STEP_MS);
    if (at_once)
        TRY(apply(c, operation));
    db_run(c->db, SERVICEDISCOVERY_SQL_OPERATION_INSERT, "tttttiiIttttt", c->account, c->region, operation->name,
           operation->type, operation->status, c->now_ms, c->now_ms, due, operation->namespace, operation->service,
           operation->instance, operation->creator, operation->doc);
    call_timer_changed(c);
    *operation_id = operation->name;
    return 0;
}

int operation_duplicate(struct call *c, const struct operation *operation)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("DuplicateOperationId"), val_string(operation->name));
    return fail_with(c, &servicediscovery_duplicate_request, extra,
                     "Another operation of type %.*s and id %.*s is in progress", SLICE_ARG(operation->type),
                     SLICE_ARG(operation->name));
}

bool operation_find_creator(struct call *c, slice creator, slice type, struct operation *operation)
{
    return creator.ptr &&
           first(db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_CREATOR, "tttt", c->account, c->region, creator, type),
                 operation);
}

bool operation_find_open(struct call *c, slice service, slice instance, struct operation *operation)
{
    return first(
        db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_OF_INSTANCE, "tttt", c->account, c->region, service, instance),
        operation);
}

bool operation_find_open_namespace(struct call *c, slice namespace, struct operation *operation)
{
    return first(db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_OF_NAMESPACE, "ttt", c->account, c->region, namespace),
                 operation);
}

static void add_target(struct call *c, struct servicediscovery_operation *out, const char *kind, slice id)
{
    if (!id.ptr)
        return;
    struct servicediscovery_operation_targets_map_entry *entry = list_add(c->arena, &out->targets);
    entry->key = slice_of(kind);
    entry->value = id;
}

int servicediscovery_get_operation(struct call *c, const struct servicediscovery_get_operation_in *in,
                                   struct servicediscovery_get_operation_out *out)
{
    struct operation operation;
    if (!first(db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_GET, "ttt", c->account, c->region, in->operation_id),
               &operation))
        return fail(c, &servicediscovery_operation_not_found, "Operation with id %.*s not found",
                    SLICE_ARG(in->operation_id));
    struct servicediscovery_operation *answer = arena_alloc(c->arena, sizeof(*answer));
    *answer = (struct servicediscovery_operation){
        .id = operation.name,
        .owner_account = c->account,
        .type = operation.type,
        .status = operation.status,
        .error_code = operation.error_code,
        .error_message = operation.error_message,
        .create_date = opt_int(operation.created_ms),
        .update_date = opt_int(operation.updated_ms),
    };
    bool of_namespace = slice_ends(operation.type, S("_NAMESPACE"));
    add_target(c, answer, "NAMESPACE", of_namespace ? operation.namespace : (slice){NULL, 0});
    add_target(c, answer, "SERVICE", operation.service);
    add_target(c, answer, "INSTANCE", operation.instance);
    out->operation = answer;
    return 0;
}

enum filter_kind { BY_ONE, BY_SOME, BY_DATE };

static const struct {
    slice name;
    enum filter_kind kind;
} filters[] = {
    {S("NAMESPACE_ID"), BY_ONE}, {S("SERVICE_ID"), BY_ONE},   {S("STATUS"), BY_SOME},
    {S("TYPE"), BY_SOME},        {S("UPDATE_DATE"), BY_DATE},
};

static int check_filter(struct call *c, const struct servicediscovery_operation_filter *filter)
{
    slice condition = filter->condition.ptr ? filter->condition : S("EQ");
    enum filter_kind kind = BY_ONE;
    int64_t ms;
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
        kind = slice_eq(filters[i].name, filter->name) ? filters[i].kind : kind;
    bool fits = kind == BY_DATE   ? slice_eq(condition, S("BETWEEN")) && filter->values.len == 2
                : kind == BY_SOME ? (slice_eq(condition, S("EQ")) && filter->values.len == 1) ||
                                        (slice_eq(condition, S("IN")) && filter->values.len > 0)
                                  : slice_eq(condition, S("EQ")) && filter->values.len == 1;
    list_foreach (value, &filter->values)
        fits = fits && (kind != BY_DATE || time_parse(*value, &ms));
    if (!fits)
        return fail(c, &servicediscovery_invalid_input,
                    "The filter %.*s does not allow this condition and these values.", SLICE_ARG(filter->name));
    return 0;
}

static bool matches(struct call *c, const struct operation *operation,
                    const struct servicediscovery_operation_filter *filter)
{
    int64_t from, to;
    if (slice_eq(filter->name, S("UPDATE_DATE")))
        return time_parse(filter->values.items[0], &from) && time_parse(filter->values.items[1], &to) &&
               operation->updated_ms >= from && operation->updated_ms <= to;
    slice actual = slice_eq(filter->name, S("NAMESPACE_ID")) ? operation->namespace
                   : slice_eq(filter->name, S("SERVICE_ID")) ? operation->service
                   : slice_eq(filter->name, S("STATUS"))     ? operation->status
                                                             : operation->type;
    list_foreach (value, &filter->values) {
        if (actual.ptr && slice_eq(servicediscovery_id(c, *value), actual))
            return true;
    }
    return false;
}

int servicediscovery_list_operations(struct call *c, const struct servicediscovery_list_operations_in *in,
                                     struct servicediscovery_list_operations_out *out)
{
    int64_t after, limit = opt_int_or(in->max_results, MAX_RESULTS);
    struct operation operation;
    TRY(servicediscovery_page(c, S("ListOperations"), in->next_token, &after));
    list_foreach (filter, &in->filters)
        TRY(check_filter(c, filter));
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_LIST, "tti", c->account, c->region, after);
    while (operation_next(&rows, &operation)) {
        bool wanted = true;
        list_foreach (filter, &in->filters)
            wanted = wanted && matches(c, &operation, filter);
        if (!wanted)
            continue;
        if ((int64_t)out->operations.len == limit) {
            out->next_token = servicediscovery_page_token(c, S("ListOperations"), after);
            break;
        }
        struct servicediscovery_operation_summary *summary = list_add(c->arena, &out->operations);
        summary->id = operation.name;
        summary->status = operation.status;
        after = operation.id;
    }
    db_done(&rows);
    return 0;
}
