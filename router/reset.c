/* reset: one reset at a time: hold new requests, let those in flight end, the runner first (so that nothing reports to
 * emptied services), then the workers, then let go. What a reset means is the runner's and the workers' business. */
#include "router/reset.h"

#include <ev.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/time.h"
#include "proto/bus.h"
#include "router/conn.h"
#include "router/exchange.h"
#include "router/pending.h"
#include "router/route.h"

enum {
    RESET_DRAIN_MS = 1000,   /* calls that last longer wait for something; they are answered in its place */
    RESET_ANSWER_MS = 10000, /* of the runner, and of a worker */
};

enum reset_stage { RESET_IDLE, RESET_DRAINING, RESET_RUNNER, RESET_WORKERS };

/* A reset that was asked for; its exchange is NULL when the client has gone. */
struct reset_order {
    struct reset_order *next;
    struct reset *reset;
    struct exchange *exchange;
    const struct route_service *service; /* NULL: all */
};

/* A question to one worker. */
struct reset_question {
    struct reset *reset;
    slice name;
};

struct reset {
    struct ev_loop *loop;
    struct bus_peer *runner;
    struct pending *pending;
    ev_timer drain_timer;
    enum reset_stage stage;
    struct reset_order *first;         /* the one being carried out */
    size_t waiting;                    /* answers still to come */
    struct buf failed;                 /* names of those that did not do it */
    struct reset_question questions[]; /* one a worker */
};

/* Only these give the runner something to run. */
static const slice runner_owners[] = {{"ecs", 3}, {"lambda", 6}};

static void start(struct reset *reset);

static void answer(struct reset *reset, struct reset_order *order)
{
    struct arena *arena = arena_open();
    bool failed = reset->failed.len > 0;
    struct val document = val_object();
    val_set(arena, &document, S("status"), val_string(failed ? S("failed") : S("ok")));
    if (failed)
        val_set(arena, &document, S("failed"), val_string(buf_slice(&reset->failed)));
    conn_answer(order->exchange, &(struct msg){.status = failed ? 500 : 200,
                                               .content_type = S("application/json"),
                                               .body = json_text(arena, &document)});
    arena_close(arena);
}

static void finish(struct reset *reset)
{
    struct reset_order *order = reset->first;
    reset->first = order->next;
    reset->stage = RESET_IDLE;
    if (order->exchange)
        answer(reset, order);
    free(order);
    if (reset->first)
        start(reset);
    else
        pending_hold(reset->pending, false);
}

static void note_failure(struct reset *reset, slice name)
{
    if (reset->failed.len > 0)
        buf_add(&reset->failed, S(", "));
    buf_add(&reset->failed, name);
}

static void send_reset(struct bus_peer *peer, slice name, bus_reply_fn *on_reply, void *context)
{
    char id[37];
    ids_uuid_to(id);
    struct msg event = {.kind = MSG_EVENT,
                        .deadline_ms = time_mono_ms() + RESET_ANSWER_MS,
                        .request_id = {id, 36},
                        .origin = S("router"),
                        .service = name,
                        .protocol = S("internal"),
                        .operation = S("Reset"),
                        .content_type = S("application/json"),
                        .body = S("{}"),
                        .event_id = {id, 36}};
    bus_send(peer, &event, on_reply, context);
}

static bool succeeded(enum bus_outcome outcome, const struct msg *reply)
{
    return outcome == BUS_REPLIED && reply->status >= 200 && reply->status < 300;
}

static void on_worker(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct reset_question *question = context;
    struct reset *reset = question->reset;
    if (!succeeded(outcome, reply))
        note_failure(reset, question->name);
    if (--reset->waiting == 0)
        finish(reset);
}

static void reset_workers(struct reset *reset)
{
    const struct route_service *only = reset->first->service;
    reset->stage = RESET_WORKERS;
    reset->waiting = 0;
    for (size_t i = 0; i < route_count(); i++) {
        const struct route_service *service = route_at(i);
        if (only && only != service)
            continue;
        reset->waiting++;
        reset->questions[i] = (struct reset_question){reset, service->name};
        send_reset(pending_peer(reset->pending, service), service->name, on_worker, &reset->questions[i]);
    }
    if (reset->waiting == 0)
        finish(reset);
}

static void on_runner(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct reset *reset = context;
    if (!succeeded(outcome, reply))
        note_failure(reset, S("runner"));
    reset_workers(reset);
}

static bool concerns_runner(const struct route_service *service)
{
    if (!service)
        return true;
    for (size_t i = 0; i < sizeof runner_owners / sizeof runner_owners[0]; i++)
        if (slice_eq(service->name, runner_owners[i]))
            return true;
    return false;
}

static void drained(struct reset *reset)
{
    ev_timer_stop(reset->loop, &reset->drain_timer);
    reset->stage = RESET_RUNNER;
    pending_refuse_sent(reset->pending, reset->first->service);
    if (concerns_runner(reset->first->service))
        send_reset(reset->runner, S("runner"), on_runner, reset);
    else
        reset_workers(reset);
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    drained(timer->data);
}

static void start(struct reset *reset)
{
    reset->stage = RESET_DRAINING;
    buf_clear(&reset->failed);
    pending_hold(reset->pending, true);
    if (pending_in_flight(reset->pending) == 0) {
        drained(reset);
        return;
    }
    ev_timer_set(&reset->drain_timer, RESET_DRAIN_MS / 1e3, 0);
    ev_timer_start(reset->loop, &reset->drain_timer);
}

void reset_on_drained(struct reset *reset)
{
    if (reset->stage == RESET_DRAINING)
        drained(reset);
}

static void on_gone(struct exchange *exchange)
{
    struct reset_order *order = exchange->owner;
    order->exchange = NULL;
}

void reset_begin(struct reset *reset, struct exchange *exchange, const struct route_service *service)
{
    struct reset_order *order = calloc(1, sizeof *order);
    if (!order)
        abort();
    order->reset = reset;
    order->exchange = exchange;
    order->service = service;
    exchange->owner = order;
    exchange->on_gone = on_gone;
    struct reset_order **end = &reset->first;
    while (*end)
        end = &(*end)->next;
    *end = order;
    if (reset->stage == RESET_IDLE)
        start(reset);
}

struct reset *reset_open(struct ev_loop *loop, struct bus_peer *runner, struct pending *pending)
{
    struct reset *reset = calloc(1, sizeof *reset + route_count() * sizeof reset->questions[0]);
    if (!reset)
        abort();
    reset->loop = loop;
    reset->runner = runner;
    reset->pending = pending;
    ev_timer_init(&reset->drain_timer, on_drain_timer, 0, 0);
    reset->drain_timer.data = reset;
    return reset;
}

void reset_close(struct reset *reset)
{
    ev_timer_stop(reset->loop, &reset->drain_timer);
    while (reset->first) {
        struct reset_order *order = reset->first;
        reset->first = order->next;
        free(order);
    }
    buf_deinit(&reset->failed);
    free(reset);
}
