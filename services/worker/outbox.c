/* outbox: effects on other processes. They are rows until they are acknowledged; here they are sent, in order per
 * target, and again from the oldest when a target dies or could not store one. An acknowledgement whose consequences
 * cannot be committed is kept, and tried again: it would not come a second time with the same answer. */
#include "services/worker/impl.h"

#include "common/log.h"
#include "common/loop_watch.h"

#include <stdlib.h>

enum { MAX_TARGETS = 16, MAX_NAME = 32, MAX_FLIGHTS = 1024 };

static const double first_retry_seconds = 0.2, longest_retry_seconds = 5;

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
    size_t n_flights;
    int64_t sent; /* the newest id sent */
    bool rewound; /* waits for the retry timer or the peer */
    bool full;    /* so many are in flight that further rows wait for these */
};

/* An acknowledgement whose consequences are not committed yet. */
struct ack {
    struct ack *next;
    struct arena *arena;
    int64_t id;
    int status;
    slice reply_body;
    double again_seconds;
    ev_tstamp due; /* its own time to try again */
};

struct outbox {
    struct worker *worker;
    struct target targets[MAX_TARGETS];
    size_t n_targets;
    int64_t scanned;      /* all rows up to here have been looked at since the last rewind */
    bool rescan;          /* there may be rows that have not */
    struct ack *acks;     /* oldest first */
    double retry_seconds; /* of sending */
    double ack_seconds;   /* of committing what acknowledgements bring */
    ev_timer retry;
    ev_timer retry_acks;
};

/* Rows that were passed over while the target had so many in flight are looked at again. */
static void land(struct flight *flight)
{
    struct target *target = flight->target;
    struct outbox *outbox = target->worker->outbox;
    struct flight **link = &target->flights;
    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    free(flight);
    target->n_flights--;
    if (!target->full || target->n_flights > MAX_FLIGHTS / 2)
        return;
    target->full = false;
    outbox->scanned = target->sent < outbox->scanned ? target->sent : outbox->scanned;
    outbox->rescan = true;
}

/* Everything unacknowledged will be sent again, in order. */
static void rewind_target(struct target *target)
{
    while (target->flights) {
        bus_forget(target->peer, target->flights->call_id);
        land(target->flights);
    }
    target->sent = 0;
    target->full = false;
    target->rewound = true;
    target->worker->outbox->scanned = 0;
    target->worker->outbox->rescan = true;
}

static struct ack *find_ack(struct outbox *outbox, int64_t id)
{
    struct ack *ack = outbox->acks;
    while (ack && ack->id != id)
        ack = ack->next;
    return ack;
}

static void keep_ack(struct outbox *outbox, int64_t id, const struct msg *reply)
{
    struct arena *arena = arena_open();
    struct ack *ack = arena_alloc(arena, sizeof(*ack)), **link = &outbox->acks;
    *ack = (struct ack){.arena = arena, .id = id, .status = reply->status, .reply_body = slice_dup(arena, reply->body)};
    while (*link)
        link = &(*link)->next;
    *link = ack;
}

static void arm_acks(struct outbox *outbox, double seconds)
{
    struct ev_loop *loop = outbox->worker->loop;
    ev_timer_stop(loop, &outbox->retry_acks);
    ev_timer_set(&outbox->retry_acks, seconds, 0);
    ev_timer_start(loop, &outbox->retry_acks);
}

/* Brings about, oldest first, what acknowledgements bring. When nothing can be committed all wait; one whose own event
 * fails waits alone. */
static void settle_acks(struct outbox *outbox)
{
    struct ev_loop *loop = outbox->worker->loop;
    double next = 0;
    for (struct ack **link = &outbox->acks; *link;) {
        struct ack *ack = *link;
        int result = CALL_LATER;
        if (ack->due <= ev_now(loop))
            result = outbox_acknowledge(outbox->worker, ack->id, ack->status, ack->reply_body);
        if (result == 0) {
            *link = ack->next;
            arena_close(ack->arena);
            outbox->ack_seconds = 0;
            continue;
        }
        if (result == OUTBOX_UNKEPT) {
            arm_acks(outbox, impl_back_off(&outbox->ack_seconds, first_retry_seconds, longest_retry_seconds));
            return;
        }
        if (result != CALL_LATER)
            ack->due = ev_now(loop) + impl_back_off(&ack->again_seconds, first_retry_seconds, longest_retry_seconds);
        next = next == 0 || ack->due - ev_now(loop) < next ? ack->due - ev_now(loop) : next;
        link = &ack->next;
    }
    if (outbox->acks)
        arm_acks(outbox, next);
}

static void on_retry_acks(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct outbox *outbox = timer->data;
    (void)loop;
    (void)events;
    settle_acks(outbox);
    batch_after_commit(outbox->worker);
}

static void resend_later(struct outbox *outbox)
{
    struct ev_loop *loop = outbox->worker->loop;
    if (ev_is_active(&outbox->retry))
        return;
    ev_timer_set(&outbox->retry, impl_back_off(&outbox->retry_seconds, first_retry_seconds, longest_retry_seconds), 0);
    ev_timer_start(loop, &outbox->retry);
}

static void on_acknowledged(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct flight *flight = context;
    struct target *target = flight->target;
    struct outbox *outbox = target->worker->outbox;
    int64_t id = flight->id;
    land(flight);
    if (outcome == BUS_REPLIED && reply->status < 500) {
        outbox->retry_seconds = 0;
        keep_ack(outbox, id, reply);
        settle_acks(outbox);
        batch_after_commit(target->worker);
        return;
    }
    rewind_target(target);
    if (outcome == BUS_REPLIED)
        log_warn("%s could not store effect %lld", target->name, (long long)id);
    resend_later(outbox);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct outbox *outbox = timer->data;
    (void)loop;
    (void)events;
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
    if (outbox->n_targets == MAX_TARGETS || name.len >= MAX_NAME) {
        log_error("effects for %.*s cannot be sent", SLICE_ARG(name));
        return NULL;
    }
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
    target->n_flights++;
    target->full = target->n_flights == MAX_FLIGHTS;
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

/* Sends a page of rows. Answers whether there may be more. */
static bool send_page(struct outbox *outbox)
{
    struct worker *worker = outbox->worker;
    bool more = false;
    db_call_begin(worker->db, worker->batch);
    struct db_rows rows = db_query(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_NEXT), "i", outbox->scanned);
    while (db_next(&rows)) {
        int64_t id = db_int(&rows, 0);
        struct target *target = target_named(outbox, db_text(&rows, 1));
        outbox->scanned = id;
        more = true;
        if (target && !target->rewound && !target->full && id > target->sent && !find_ack(outbox, id))
            send_row(worker, target, id, db_text(&rows, 2), db_text(&rows, 3));
    }
    if (db_call_end(worker->db, true) != 0) {
        log_error("effects cannot be read: %s", db_error(worker->db));
        outbox->rescan = true;
        resend_later(outbox);
    }
    arena_reset(worker->batch);
    return more;
}

void outbox_pump(struct outbox *outbox)
{
    if (!outbox || (!outbox->worker->effects_added && !outbox->rescan))
        return;
    outbox->worker->effects_added = outbox->rescan = false;
    while (send_page(outbox))
        ;
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

/* The service's reaction, in a savepoint of its own: what it refuses is undone, and the effect is over all the same. */
static int settle(struct worker *worker, int64_t id, int status, slice reply_body)
{
    slice target = S(""), name = S(""), body = S("{}");
    batch_begin_call(worker, worker->batch);
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
    result = batch_end_call(worker, result);
    loop_watch_did_to(S("the answer to"), name);
    if (result != 0)
        log_error("the answer to %.*s failed (%d): %s", SLICE_ARG(name), result,
                  result == CALL_FAILED || result == FAULT_MESSAGE ? "refused" : db_error(worker->db));
    return result < 0 && result != FAULT_MESSAGE ? result : 0;
}

int outbox_acknowledge(struct worker *worker, int64_t id, int status, slice reply_body)
{
    int result = settle(worker, id, status, reply_body);
    if (result == 0) {
        batch_begin_call(worker, worker->batch);
        db_run(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_DELETE), "i", id);
        result = batch_end_call(worker, 0);
    }
    return batch_commit(worker) != 0 ? OUTBOX_UNKEPT : result;
}

struct outbox *outbox_open(struct worker *worker)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        abort();
    outbox->worker = worker;
    outbox->rescan = true;
    ev_init(&outbox->retry, on_retry);
    ev_init(&outbox->retry_acks, on_retry_acks);
    outbox->retry.data = outbox->retry_acks.data = outbox;
    return outbox;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    for (size_t i = 0; i < outbox->n_targets; i++)
        rewind_target(&outbox->targets[i]);
    ev_timer_stop(outbox->worker->loop, &outbox->retry);
    ev_timer_stop(outbox->worker->loop, &outbox->retry_acks);
    while (outbox->acks) {
        struct ack *ack = outbox->acks;
        outbox->acks = ack->next;
        arena_close(ack->arena);
    }
    free(outbox);
}
