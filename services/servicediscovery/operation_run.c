/* operation_run: operations that are due: SUBMITTED, PENDING, then carried out. */
#include "services/servicediscovery/servicediscovery.h"

static const int64_t kept_ms = 30 * 24 * 3600 * 1000LL;

static const struct {
    slice type;
    operation_apply_fn *apply;
} types[] = {
    {S("CREATE_NAMESPACE"), namespace_created},    {S("UPDATE_NAMESPACE"), namespace_updated},
    {S("DELETE_NAMESPACE"), namespace_deleted},    {S("UPDATE_SERVICE"), srv_updated},
    {S("REGISTER_INSTANCE"), instance_registered}, {S("DEREGISTER_INSTANCE"), instance_deregistered},
};

static int apply(struct call *c, const struct operation *operation)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (slice_eq(types[i].type, operation->type))
            return types[i].apply(c, operation);
    }
    return FAULT_INTERNAL;
}

static void set_status(struct call *c, const struct operation *operation, slice status, struct opt_int due,
                       slice error_message)
{
    slice code = error_message.ptr ? S("INTERNAL_FAILURE") : (slice){NULL, 0};
    db_run(c->db, SERVICEDISCOVERY_SQL_OPERATION_STATUS, "tiItti", status, c->now_ms, due, code, error_message,
           operation->id);
}

static int advance(struct call *c, const struct operation *operation)
{
    const struct opt_int never = {0};
    if (slice_eq(operation->status, S("SUBMITTED"))) {
        set_status(c, operation, S("PENDING"), opt_int(c->now_ms + OPERATION_STEP_MS), (slice){NULL, 0});
        return 0;
    }
    c->account = operation->account;
    c->region = operation->region;
    int result = apply(c, operation);
    if (result < 0)
        return result;
    set_status(c, operation, result == 0 ? S("SUCCESS") : S("FAIL"), never,
               result == 0 ? (slice){NULL, 0} : c->error_message);
    return 0;
}

int operation_run_due(struct call *c, int64_t *next_due_ms)
{
    struct {
        struct operation *items;
        size_t len;
        bool set;
    } due = {0};
    struct operation operation;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_DUE, "i", c->now_ms);
    while (operation_next(&rows, &operation))
        *list_add(c->arena, &due) = operation;
    list_foreach (one, &due)
        TRY(advance(c, one));
    if (due.len > 0)
        db_run(c->db, SERVICEDISCOVERY_SQL_OPERATION_FORGET, "i", c->now_ms - kept_ms);
    rows = db_query(c->db, SERVICEDISCOVERY_SQL_OPERATION_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
    return 0;
}
