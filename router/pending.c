/* pending: which exchange waits for which worker's reply, and what happens when a worker or a client goes away. */
#include "router/pending.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/time.h"
#include "proto/bus.h"
#include "router/conn.h"
#include "router/exchange.h"
#include "router/refuse.h"
#include "router/route.h"

enum {
    PENDING_TRIES = 3,                      /* of a read-only request whose worker dies */
    PENDING_QUEUE_BYTES = 64 * 1024 * 1024, /* waiting for one worker; more is refused */
    PENDING_HELD_BYTES = 64 * 1024 * 1024,  /* kept back during a reset */
};

struct worker_state {
    const struct route_service *service;
    struct bus_peer *peer;
    struct pending_stats stats;
};

struct pending {
    struct bus *bus;
    struct arena *arena; /* of the refusal being written */
    struct pending_config config;
    size_t in_flight;
    bool hold;
    size_t held_bytes;
    struct exchange *held_first;
    struct exchange *held_last;
    struct exchange *sent;
    struct worker_state workers[];
};

static struct worker_state *state_of(struct pending *pending, const struct exchange *exchange)
{
    return &pending->workers[exchange->call.service->number];
}

static void count_answer(struct worker_state *worker, unsigned status)
{
    worker->stats.errors += status >= 400;
    worker->stats.faults += status >= 500;
}

static void refuse(struct pending *pending, struct exchange *exchange, uint16_t status, const char *format)
{
    const struct route_service *service = exchange->call.service;
    struct msg reply;
    struct refuse_why why = {.status = status,
                             .message = arena_printf(pending->arena, format, SLICE_ARG(service->name))};
    count_answer(state_of(pending, exchange), status);
    refuse_fill(pending->arena, service, (slice){exchange->request_id, 36}, &why, &reply);
    conn_answer(exchange, &reply);
    arena_reset(pending->arena);
}

static void on_reply(void *context, enum bus_outcome outcome, const struct msg *reply);

static void send_now(struct pending *pending, struct exchange *exchange, const struct msg *request)
{
    pending->in_flight++;
    exchange->call.previous_sent = NULL;
    exchange->call.next_sent = pending->sent;
    if (pending->sent)
        pending->sent->call.previous_sent = exchange;
    pending->sent = exchange;
    state_of(pending, exchange)->stats.in_flight++;
    exchange->call.held = false;
    exchange->call.id = bus_send(exchange->call.peer, request, on_reply, exchange);
}

/* Sends what was kept; only what may be repeated stays kept. */
static void send_envelope(struct pending *pending, struct exchange *exchange)
{
    struct msg request;
    slice bytes = buf_slice(&exchange->call.envelope);
    if (msg_read(&bytes, &request) != 0)
        abort(); /* written by ourselves */
    send_now(pending, exchange, &request);
    if (!(request.flags & MSG_FLAG_READONLY))
        buf_clear(&exchange->call.envelope);
}

static void end_call(struct pending *pending, struct exchange *exchange)
{
    struct exchange *next = exchange->call.next_sent;
    if (next)
        next->call.previous_sent = exchange->call.previous_sent;
    if (exchange->call.previous_sent)
        exchange->call.previous_sent->call.next_sent = next;
    else
        pending->sent = next;
    pending->in_flight--;
    state_of(pending, exchange)->stats.in_flight--;
}

static void worker_gone(struct pending *pending, struct exchange *exchange)
{
    /* Only what may be repeated has been kept. */
    if (exchange->call.envelope.len > 0 && ++exchange->call.tries < PENDING_TRIES)
        send_envelope(pending, exchange);
    else
        refuse(
            pending, exchange, 500,
            "The %.*s worker ended while it worked on this request; whether the request was carried out is unknown.");
}

static void on_reply(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct exchange *exchange = context;
    struct pending *pending = exchange->owner;
    end_call(pending, exchange);
    if (outcome == BUS_GONE) {
        worker_gone(pending, exchange);
    } else if (outcome == BUS_TIMEOUT) {
        refuse(pending, exchange, 503, "The %.*s worker did not answer in time.");
    } else if (reply->status < 200 || reply->status > 599) {
        refuse(pending, exchange, 500, "The %.*s worker's answer has no valid status.");
    } else {
        count_answer(state_of(pending, exchange), reply->status);
        conn_answer(exchange, reply);
    }
    if (pending->in_flight == 0)
        pending->config.on_drained(pending->config.context);
}

static void hold_back(struct pending *pending, struct exchange *exchange)
{
    exchange->call.held = true;
    exchange->call.next_held = NULL;
    if (pending->held_last)
        pending->held_last->call.next_held = exchange;
    else
        pending->held_first = exchange;
    pending->held_last = exchange;
    pending->held_bytes += exchange->call.envelope.len;
}

static void drop_held(struct pending *pending, struct exchange *exchange)
{
    struct exchange *before = NULL;
    for (struct exchange *at = pending->held_first; at != exchange; at = at->call.next_held)
        before = at;
    if (before)
        before->call.next_held = exchange->call.next_held;
    else
        pending->held_first = exchange->call.next_held;
    if (pending->held_last == exchange)
        pending->held_last = before;
    pending->held_bytes -= exchange->call.envelope.len;
}

static void on_gone(struct exchange *exchange)
{
    struct pending *pending = exchange->owner;
    if (exchange->call.held) {
        drop_held(pending, exchange);
        return;
    }
    bus_forget(exchange->call.peer, exchange->call.id);
    end_call(pending, exchange);
    if (pending->in_flight == 0)
        pending->config.on_drained(pending->config.context);
}

void pending_send(struct pending *pending, struct exchange *exchange, const struct route_service *service,
                  struct msg *request)
{
    struct worker_state *worker = &pending->workers[service->number];
    worker->stats.requests++;
    exchange->owner = pending;
    exchange->on_gone = on_gone;
    exchange->call.service = service;
    exchange->call.peer = worker->peer;
    request->kind = MSG_REQUEST;
    request->deadline_ms = time_mono_ms() + service->deadline_ms;
    if (pending->hold || request->flags & MSG_FLAG_READONLY)
        msg_write(&exchange->call.envelope, request);
    if (bus_queued(worker->peer) > PENDING_QUEUE_BYTES || pending->held_bytes > PENDING_HELD_BYTES)
        refuse(pending, exchange, 503, "Too many requests wait for the %.*s worker.");
    else if (pending->hold)
        hold_back(pending, exchange);
    else
        send_now(pending, exchange, request);
}

void pending_refuse_sent(struct pending *pending, const struct route_service *service)
{
    struct exchange *next;
    for (struct exchange *exchange = pending->sent; exchange; exchange = next) {
        next = exchange->call.next_sent;
        if (service && service != exchange->call.service)
            continue;
        bus_forget(exchange->call.peer, exchange->call.id);
        end_call(pending, exchange);
        refuse(pending, exchange, 503, "awssim was reset while this request waited for %.*s; try again.");
    }
}

void pending_hold(struct pending *pending, bool hold)
{
    pending->hold = hold;
    if (hold)
        return;
    struct exchange *exchange = pending->held_first;
    pending->held_first = pending->held_last = NULL;
    pending->held_bytes = 0;
    while (exchange) {
        struct exchange *next = exchange->call.next_held;
        send_envelope(pending, exchange);
        exchange = next;
    }
}

size_t pending_in_flight(const struct pending *pending)
{
    return pending->in_flight;
}

struct pending_stats pending_stats(const struct pending *pending, const struct route_service *service)
{
    return pending->workers[service->number].stats;
}

struct bus_peer *pending_peer(const struct pending *pending, const struct route_service *service)
{
    return pending->workers[service->number].peer;
}

struct pending *pending_open(struct bus *bus, const struct pending_config *config)
{
    size_t n = route_count();
    struct pending *pending = calloc(1, sizeof *pending + n * sizeof pending->workers[0]);
    if (!pending)
        abort();
    pending->bus = bus;
    pending->arena = arena_open();
    pending->config = *config;
    for (size_t i = 0; i < n; i++) {
        pending->workers[i].service = route_at(i);
        pending->workers[i].peer = bus_peer(bus, route_at(i)->name);
    }
    return pending;
}

void pending_close(struct pending *pending)
{
    arena_close(pending->arena);
    free(pending);
}
