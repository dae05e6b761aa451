/* outbox: effects on other processes. They are rows until they are acknowledged; here they are sent, in order per
 * target, and again from the oldest when a target dies or could not store one. */
#include "services/worker/impl.h"

#include "common/log.h"
#include "common/loop_watch.h"

#include <stdlib.h>

enum { MAX_TARGETS = 16, MAX_NAME = 32 };

static const double retry_seconds = 0.2;

struct flight {
    struct flight *next;
    struct target *target;
    int64_t id;
    uint64_t call_id;
};

struct target {
    struct worker *worker;
    char name[MAX_NAME];
    struct bus_peer *peer;
    struct flight *flights;
    int64_t sent; /* the newest id sent */
    bool rewound; /* waits for the retry timer or the peer */
};

struct outbox {
    struct worker *worker;
    struct target targets[MAX_TARGETS];
    size_t n_targets;
    int64_t scanned; /* all rows up to here have been looked at since the last rewind */
    bool rescan;     /* there may be rows that have not */
    ev_timer retry;
};

static void land(struct flight *flight)
{
    struct flight **link = &flight->target->flights;
    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    free(flight);
}

/* Everything unacknowledged will be sent again, in order. */
static void rewind_target(struct target *target)
{
    while (target->flights) {
        bus_forget(target->peer, target->flights->call_id);
        land(target->flights);
    }
    target->sent = 0;
    target->rewound = true;
    target->worker->outbox->scanned = 0;
    target->worker->outbox->rescan = true;
}

static void on_acknowledged(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct flight *flight = context;
    struct target *target = flight->target;
    struct worker *worker = target->worker;
    int64_t id = flight->id;
    land(flight);
    if (outcome == BUS_REPLIED && reply->status < 500) {
        outbox_acknowledge(worker, id, reply->status, reply->body);
        return;
    }
    rewind_target(target);
    if (outcome == BUS_REPLIED)
        log_warn("%s could not store effect %lld", target->name, (long long)id);
    ev_timer_again(worker->loop, &worker->outbox->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct outbox *outbox = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    for (size_t i = 0; i < outbox->n_targets; i++)
        outbox->targets[i].rewound = false;
    outbox->scanned = 0;
    outbox->rescan = true;
    outbox_pump(outbox);
}

static struct target *target_named(struct outbox *outbox, slice name)
{
    for (size_t i = 0; i < outbox->n_targets; i++) {
        if (slice_eq(slice_of(outbox->targets[i].name), name))
            return &outbox->targets[i];
    }
    if (outbox->n_targets == MAX_TARGETS || name.len >= MAX_NAME)
        return NULL;
    struct target *target = &outbox->targets[outbox->n_targets++];
    *target = (struct target){.worker = outbox->worker};
    memcpy(target->name, name.ptr, name.len);
    target->peer = bus_peer(outbox->worker->bus, name);
    return target;
}

static void send_row(struct worker *worker, struct target *target, int64_t id, slice name, slice body)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    if (!flight)
        abort();
    flight->target = target;
    flight->id = id;
    flight->next = target->flights;
    target->flights = flight;
    target->sent = id;
    struct msg event = {
        .kind = MSG_EVENT,
        .origin = worker->service->api->name,
        .service = slice_of(target->name),
        .operation = name,
        .event_id = arena_printf(worker->batch, "%.*s:%lld", SLICE_ARG(worker->stream), (long long)id),
        .body = body,
    };
    flight->call_id = bus_send(target->peer, &event, on_acknowledged, flight);
}

void outbox_pump(struct outbox *outbox)
{
    if (!outbox || (!outbox->worker->effects_added && !outbox->rescan))
        return;
    struct worker *worker = outbox->worker;
    bool more = true;
    worker->effects_added = outbox->rescan = false;
    while (more) {
        more = false;
        db_call_begin(worker->db, worker->batch);
        struct db_rows rows = db_query(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_NEXT), "i", outbox->scanned);
        while (db_next(&rows)) {
            int64_t id = db_int(&rows, 0);
            struct target *target = target_named(outbox, db_text(&rows, 1));
            outbox->scanned = id;
            more = true;
            if (target && !target->rewound && id > target->sent)
                send_row(worker, target, id, db_text(&rows, 2), db_text(&rows, 3));
        }
        db_call_end(worker->db, true);
        arena_reset(worker->batch);
    }
    loop_watch_did(S("sending effects"));
}

void outbox_on_peer(struct outbox *outbox, struct bus_peer *peer, bool up)
{
    if (!up)
        return;
    for (size_t i = 0; i < outbox->n_targets; i++) {
        if (outbox->targets[i].peer == peer && outbox->targets[i].rewound) {
            outbox->targets[i].rewound = false;
            outbox->scanned = 0;
            outbox->rescan = true;
        }
    }
    outbox_pump(outbox);
}

/* The service's reaction, in the transaction that deletes the row. */
static int run_done(struct worker *worker, slice name, slice body, int status, slice reply_body)
{
    struct running running = batch_internal_call(worker);
    bool known;
    struct msg request = {.kind = MSG_EVENT, .origin = worker->service->api->name, .operation = name};
    running.call.request = &request;
    slice done = arena_printf(worker->batch, "{\"request\":%.*s,\"status\":%d,\"reply\":%.*s}", SLICE_ARG(body), status,
                              SLICE_ARG(reply_body.len > 0 ? reply_body : S("null")));
    return events_dispatch(worker, &running, arena_concat(worker->batch, name, S("Done")), done, &known);
}

void outbox_acknowledge(struct worker *worker, int64_t id, int status, slice reply_body)
{
    slice target = S(""), name = S(""), body = S("{}");
    db_call_begin(worker->db, worker->batch);
    struct db_rows rows = db_query(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_GET), "i", id);
    bool found = db_next(&rows);
    if (found) {
        target = db_text(&rows, 0);
        name = db_text(&rows, 1);
        body = db_text(&rows, 2);
    }
    db_done(&rows);
    if (status != 200)
        log_warn("%.*s refused %.*s (%d)", SLICE_ARG(target), SLICE_ARG(name), status);
    int result = found ? run_done(worker, name, body, status, reply_body) : 0;
    db_run(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_DELETE), "i", id);
    if (result != 0 && result != CALL_FAILED)
        log_error("the answer to %.*s failed (%d): %s", SLICE_ARG(name), result, db_error(worker->db));
    db_call_end(worker->db, true);
    batch_commit(worker);
    loop_watch_did_to(S("the answer to"), name);
    if (worker->loop) {
        arena_reset(worker->batch);
        outbox_pump(worker->outbox);
        if (worker->timer_changed)
            timers_run(worker);
        timers_note_work(worker);
    }
}

struct outbox *outbox_open(struct worker *worker)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        abort();
    outbox->worker = worker;
    outbox->rescan = true;
    ev_init(&outbox->retry, on_retry);
    outbox->retry.repeat = retry_seconds;
    outbox->retry.data = outbox;
    return outbox;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    for (size_t i = 0; i < outbox->n_targets; i++)
        rewind_target(&outbox->targets[i]);
    ev_timer_stop(outbox->worker->loop, &outbox->retry);
    free(outbox);
}
