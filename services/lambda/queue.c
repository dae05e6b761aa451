/* queue: asynchronous invocations. Each is a row until it has succeeded or is given up; a background call works on it
 * (queue_run.c). */
#include "services/lambda/invoke.h"

#include "common/json.h"

enum { MAX_AT_ONCE = 256 };

void queue_add(struct call *c, const struct invoke_target *target, const struct invoke_event *event)
{
    const struct function_name *name = &target->name;
    db_run(c->db, LAMBDA_SQL_QUEUED_ADD, "tttttbii", event->id, name->account, name->region, name->name,
           name->qualifier.ptr ? name->qualifier : S(""), event->payload, c->now_ms, c->now_ms);
    call_timer_changed(c);
}

static slice id_body(struct call *c, slice id)
{
    struct val body = val_object();
    val_set(c->arena, &body, S("id"), val_string(id));
    return json_text(c->arena, &body);
}

static int64_t count_taken(struct call *c)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_QUEUED_COUNT_TAKEN, "");
    int64_t n = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return n;
}

void queue_run_due(struct call *c, int64_t *next_due_ms)
{
    struct slice_list due = {0};
    int64_t room = MAX_AT_ONCE - count_taken(c);
    if (room <= 0)
        return; /* the next that ends asks again */
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_QUEUED_DUE, "ii", c->now_ms, room);
    while (db_next(&rows))
        *list_add(c->arena, &due) = db_text(&rows, 0);
    list_foreach (id, &due) {
        db_run(c->db, LAMBDA_SQL_QUEUED_TAKEN, "t", *id);
        call_background(c, S("RunQueued"), id_body(c, *id));
    }
    rows = db_query(c->db, LAMBDA_SQL_QUEUED_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0) && (*next_due_ms == 0 || db_int(&rows, 0) < *next_due_ms))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
}

void queue_recover(struct call *c)
{
    db_run(c->db, LAMBDA_SQL_QUEUED_TAKEN_BACK, "i", c->now_ms);
}
