/* events: what other processes report: each runs once, in a savepoint of its own, and is acknowledged after commit. */
#include "services/worker/impl.h"

#include "common/json.h"
#include "common/log.h"

/* Numbers this far behind the newest are forgotten: no sender keeps so many unacknowledged. */
enum { SEEN_WINDOW = 1000000, PRUNE_EVERY = 10000 };

int events_dispatch(struct worker *worker, struct running *running, slice name, slice body, bool *known)
{
    *known = false;
    for (const struct service_event *event = worker->service->events; event && event->name.ptr; event++) {
        if (!slice_eq(event->name, name))
            continue;
        *known = true;
        if (event->needs_room && db_is_full(worker->db))
            return FAULT_FULL;
        return event->run(&running->call, body);
    }
    return 0;
}

/* "STREAM:NUMBER" → false when it has been here before. An event without id is always new. */
static bool is_new(struct worker *worker, slice id)
{
    int64_t number;
    size_t colon = id.len;
    while (colon > 0 && id.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || !slice_to_int64(slice_sub(id, colon, id.len), &number))
        return true;
    slice stream = slice_sub(id, 0, colon - 1);
    if (db_run(worker->db, worker_sql(worker, WORKER_SQL_SEEN_ADD), "ti", stream, number) == 0)
        return false;
    if (number % PRUNE_EVERY == 0)
        db_run(worker->db, worker_sql(worker, WORKER_SQL_SEEN_PRUNE), "ti", stream, number - SEEN_WINDOW);
    return true;
}

static slice refusal(const struct call *call)
{
    struct val body = val_object();
    val_set(call->arena, &body, S("__type"), val_string(call->error->code));
    val_set(call->arena, &body, S("message"), val_string(call->error_message));
    return json_text(call->arena, &body);
}

static void acknowledge(struct worker *worker, const struct running *running, int result, struct msg *reply)
{
    const struct call *call = &running->call;
    reply->status = 200;
    reply->body = call->event_reply;
    if (result == CALL_FAILED) {
        reply->status = call->error->status;
        reply->error = call->error->code;
        reply->body = refusal(call);
    } else if (result == FAULT_MESSAGE || result == BAD_INPUT) {
        log_error("event %.*s of %.*s is broken", SLICE_ARG(call->request->operation),
                  SLICE_ARG(call->request->origin));
        reply->status = 400;
    } else if (result != 0) {
        log_error("event %.*s failed (%d): %s", SLICE_ARG(call->request->operation), result, db_error(worker->db));
        reply->status = 500;
    }
}

void events_run(struct worker *worker, struct running *running, struct msg *reply)
{
    const struct msg *request = running->call.request;
    bool known = true;
    int result = 0;
    worker->credentials_changed |= worker->service->keeps_credentials;
    batch_begin_call(worker, worker->batch);
    if (is_new(worker, request->event_id))
        result = events_dispatch(worker, running, request->operation, request->body, &known);
    result = batch_end_call(worker, result);
    acknowledge(worker, running, result, reply);
    if (!known) {
        log_warn("%.*s sent the unknown event %.*s", SLICE_ARG(request->origin), SLICE_ARG(request->operation));
        reply->status = 404;
    }
}

int events_run_background(struct worker *worker, struct running *running)
{
    const struct msg *request = running->call.request;
    bool known;
    worker->credentials_changed |= worker->service->keeps_credentials;
    batch_begin_call(worker, worker->batch);
    int result = events_dispatch(worker, running, request->operation, request->body, &known);
    result = batch_end_call(worker, result);
    if (result < 0)
        log_error("%.*s failed (%d): %s", SLICE_ARG(request->operation), result, db_error(worker->db));
    return result;
}

void events_reset(struct worker *worker, struct msg *reply)
{
    later_refuse_all(worker, S("awssim was reset while this request waited."));
    struct running running = batch_internal_call(worker);
    worker->credentials_changed |= worker->service->keeps_credentials;
    batch_begin_call(worker, worker->batch);
    int result = db_reset(worker->db);
    db_run(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_CLEAR), "");
    if (result == 0 && worker->service->reset)
        result = worker->service->reset(&running.call);
    result = batch_end_call(worker, result);
    if (result != 0)
        log_error("the reset failed (%d): %s", result, db_error(worker->db));
    worker->timer_changed = true;
    reply->status = result == 0 ? 200 : 500;
}
