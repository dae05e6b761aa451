/* bus: the public functions, and what leaves. nng itself is behind bus_wire, windows and acknowledgements are in
 * bus_link, what arrives is in bus_intake. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/loop_watch.h"
#include "common/time.h"
#include "proto/bus_state.h"

enum {
    CLOSE_WAIT_MS = 200,
    ENVELOPE_BYTES = LIMIT_MESSAGE_BYTES - 64, /* what fits beside the packet's head and nng's */
};

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop, (void)events;
    bus_intake_receive(w->data);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    (void)events;
    ev_io_stop(loop, w); /* the flush of this turn starts it again if need be */
}

static void on_wake(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop, (void)events;
    bus_intake_events(w->data);
}

/* Dials when there is a socket; asks to be told when there is not. */
static void dial_when_there(struct bus_port *port)
{
    if (access(port->path, F_OK) != 0)
        return;
    ev_stat_stop(port->bus->config.loop, &port->appears);
    int e = bus_wire_dial(port->wire);
    assert(e == 0);
}

static void on_socket_appears(struct ev_loop *loop, ev_stat *w, int events)
{
    (void)loop, (void)events;
    dial_when_there(w->data);
}

static int port_open(struct bus *bus, struct bus_port *port, struct bus_peer *peer, const char *name)
{
    int length = snprintf(port->path, sizeof port->path, "%s/%s.bus", bus->run_dir, name);
    if (length < 0 || (size_t)length >= sizeof port->path)
        return -ENAMETOOLONG;
    int e = bus_wire_open(port->path, peer == NULL, bus->wake_fd, &port->wire);
    if (e != 0)
        return e;
    port->bus = bus;
    port->peer = peer;
    ev_io_init(&port->readable, on_readable, bus_wire_receive_fd(port->wire), EV_READ);
    port->readable.data = port;
    ev_init(&port->writable, on_writable);
    ev_io_start(bus->config.loop, &port->readable);
    ev_stat_init(&port->appears, on_socket_appears, port->path, 0);
    port->appears.data = port;
    if (peer) {
        ev_stat_start(bus->config.loop, &port->appears);
        dial_when_there(port); /* it may have come before the watch */
    }
    return 0;
}

static void port_close(struct bus_port *port)
{
    ev_io_stop(port->bus->config.loop, &port->readable);
    ev_io_stop(port->bus->config.loop, &port->writable);
    ev_stat_stop(port->bus->config.loop, &port->appears);
    bus_wire_close(port->wire);
}

/* The loop says when the socket has room again. */
static void port_await_room(struct bus_port *port)
{
    if (ev_is_active(&port->writable))
        return;
    int fd = bus_wire_send_fd(port->wire);
    if (fd < 0)
        return; /* out of descriptors: the next turn of the loop tries again */
    ev_io_set(&port->writable, fd, EV_READ);
    ev_io_start(port->bus->config.loop, &port->writable);
}

static void mark_sent(struct bus *bus, const struct bus_queue *queue, const struct bus_batch *batch)
{
    for (uint64_t position = batch->from; position < batch->to; position++) {
        struct bus_call *call = bus_calls_find(&bus->calls, bus_queue_call(queue, position));
        if (call)
            call->state = BUS_CALL_SENT;
    }
}

static void flush_link(struct bus_port *port, struct bus_link *link)
{
    struct bus_batch batch;
    if (bus_link_send_held(link)) {
        while (bus_link_send_batch(link, &batch)) {
            if (link->dialled)
                mark_sent(port->bus, &link->queue, &batch);
            else
                bus_queue_release(&link->queue);
        }
        bus_link_send_ack(link);
    }
    if (link->held.message)
        port_await_room(port);
}

static void tell_oversize(struct bus *bus, struct bus_peer *peer)
{
    uint32_t cursor = 0;
    uint64_t id;
    peer->oversize = 0;
    while ((id = bus_calls_next(&bus->calls, peer, BUS_CALL_OVERSIZE, &cursor)) != 0) {
        struct bus_call call = *bus_calls_find(&bus->calls, id);
        bus_calls_remove(&bus->calls, id);
        if (call.on_reply && !bus->closing)
            call.on_reply(call.context, BUS_OVERSIZE, NULL);
    }
}

static void arm_timer(struct bus *bus)
{
    int64_t deadline_ms;
    if (bus_calls_earliest(&bus->calls, &deadline_ms) == 0) {
        if (bus->timer_ms != 0)
            ev_timer_stop(bus->config.loop, &bus->timer);
        bus->timer_ms = 0;
        return;
    }
    /* One that is armed too early finds nothing and is armed again; that is cheaper than to follow every answer. */
    if (bus->timer_ms != 0 && bus->timer_ms <= deadline_ms)
        return;
    int64_t wait_ms = deadline_ms - time_mono_ms();
    ev_timer_stop(bus->config.loop, &bus->timer);
    ev_timer_set(&bus->timer, wait_ms > 0 ? (double)wait_ms / 1000 : 0, 0);
    ev_timer_start(bus->config.loop, &bus->timer);
    bus->timer_ms = deadline_ms;
}

static void flush_all(struct bus *bus)
{
    for (struct bus_peer *peer = bus->peers; peer; peer = peer->next) {
        if (peer->oversize > 0)
            tell_oversize(bus, peer);
    }
    for (struct bus_peer *peer = bus->peers; peer; peer = peer->next)
        flush_link(&peer->port, &peer->link);
    for (struct bus_conn *conn = bus->conns; conn; conn = conn->next)
        flush_link(&bus->listener, &conn->link);
}

static void on_flush(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)events;
    flush_all(w->data);
    arm_timer(w->data);
    loop_watch_did(S("sending batches"));
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    struct bus *bus = w->data;
    int64_t now_ms = time_mono_ms();
    int64_t deadline_ms;
    uint64_t id;
    bus->timer_ms = 0;
    while ((id = bus_calls_earliest(&bus->calls, &deadline_ms)) != 0 && deadline_ms <= now_ms) {
        struct bus_call call = *bus_calls_find(&bus->calls, id);
        if (call.state == BUS_CALL_QUEUED)
            bus_queue_withdraw(&call.peer->link.queue, call.position);
        bus_calls_remove(&bus->calls, id);
        if (call.on_reply)
            call.on_reply(call.context, BUS_TIMEOUT, NULL);
    }
}

static void watch(struct bus *bus)
{
    struct ev_loop *loop = bus->config.loop;
    ev_io_init(&bus->wake, on_wake, bus->wake_fd, EV_READ);
    bus->wake.data = bus;
    ev_io_start(loop, &bus->wake);
    ev_prepare_init(&bus->flush, on_flush);
    ev_set_priority(&bus->flush, EV_MINPRI); /* after what others still send before the loop sleeps */
    bus->flush.data = bus;
    ev_prepare_start(loop, &bus->flush);
    ev_init(&bus->timer, on_timer);
    bus->timer.data = bus;
}

static void *checked(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

int bus_open(const struct bus_config *config, struct bus **out)
{
    struct bus *bus = checked(calloc(1, sizeof *bus));
    bus->config = *config;
    bus->run_dir = checked(strdup(config->run_dir));
    bus->self = checked(strdup(config->self));
    bus->started_us = time_mono_us();
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int e = bus->wake_fd < 0 ? -errno : 0;
    if (e == 0 && config->on_batch)
        e = port_open(bus, &bus->listener, NULL, bus->self);
    if (e != 0) {
        if (bus->wake_fd >= 0)
            close(bus->wake_fd);
        free(bus->run_dir);
        free(bus->self);
        free(bus);
        return e;
    }
    watch(bus);
    *out = bus;
    return 0;
}

static bool all_settled(const struct bus *bus)
{
    for (const struct bus_peer *peer = bus->peers; peer; peer = peer->next) {
        if (!bus_link_settled(&peer->link))
            return false;
    }
    for (const struct bus_conn *conn = bus->conns; conn; conn = conn->next) {
        if (!bus_link_settled(&conn->link))
            return false;
    }
    return true;
}

/* Sleeps until something arrives, at most wait_ms. */
static void await_arrival(const struct bus *bus, int wait_ms)
{
    nfds_t n = 2;
    for (const struct bus_peer *peer = bus->peers; peer; peer = peer->next)
        n++;
    struct pollfd *fds = checked(calloc(n, sizeof *fds));
    fds[0] = (struct pollfd){bus->wake_fd, POLLIN, 0};
    fds[1] = (struct pollfd){bus->listener.wire ? bus_wire_receive_fd(bus->listener.wire) : -1, POLLIN, 0};
    n = 2;
    for (const struct bus_peer *peer = bus->peers; peer; peer = peer->next)
        fds[n++] = (struct pollfd){bus_wire_receive_fd(peer->port.wire), POLLIN, 0};
    (void)poll(fds, n, wait_ms);
    free(fds);
}

/* nng forgets what it has not written when a socket is closed, and the kernel what was not read: only an
 * acknowledgement says that an answer has arrived. */
static void settle(struct bus *bus)
{
    int64_t until_ms = time_mono_ms() + CLOSE_WAIT_MS;
    flush_all(bus);
    bus->closing = true;
    for (struct bus_conn *conn = bus->conns; conn; conn = conn->next) {
        if (conn->link.ready)
            bus_link_send_flags(&conn->link, BUS_BYE, NULL);
    }
    while (!all_settled(bus)) {
        int64_t wait_ms = until_ms - time_mono_ms();
        if (wait_ms <= 0)
            return;
        await_arrival(bus, (int)wait_ms);
        if (bus->listener.wire)
            bus_intake_receive(&bus->listener);
        for (struct bus_peer *peer = bus->peers; peer; peer = peer->next)
            bus_intake_receive(&peer->port);
        bus_intake_events(bus);
        flush_all(bus);
    }
}

void bus_close(struct bus *bus)
{
    settle(bus);
    ev_io_stop(bus->config.loop, &bus->wake);
    ev_prepare_stop(bus->config.loop, &bus->flush);
    ev_timer_stop(bus->config.loop, &bus->timer);
    if (bus->listener.wire)
        port_close(&bus->listener);
    while (bus->peers) {
        struct bus_peer *peer = bus->peers;
        bus->peers = peer->next;
        port_close(&peer->port);
        bus_link_deinit(&peer->link);
        free(peer->name);
        free(peer);
    }
    while (bus->conns) {
        struct bus_conn *conn = bus->conns;
        bus->conns = conn->next;
        bus_intake_conn_free(conn);
    }
    bus_calls_deinit(&bus->calls);
    close(bus->wake_fd);
    free(bus->items);
    free(bus->run_dir);
    free(bus->self);
    free(bus);
}

struct bus_peer *bus_peer(struct bus *bus, slice name)
{
    for (struct bus_peer *peer = bus->peers; peer; peer = peer->next) {
        if (slice_eq(slice_of(peer->name), name))
            return peer;
    }
    struct bus_peer *peer = checked(calloc(1, sizeof *peer));
    peer->bus = bus;
    peer->name = checked(strndup(name.ptr, name.len));
    int e = port_open(bus, &peer->port, peer, peer->name);
    assert(e == 0); /* the run directory was short enough for our own socket, and descriptors are few */
    peer->link.wire = peer->port.wire;
    peer->link.dialled = true;
    peer->next = bus->peers;
    bus->peers = peer;
    return peer;
}

const char *bus_peer_name(const struct bus_peer *peer)
{
    return peer->name;
}

bool bus_peer_up(const struct bus_peer *peer)
{
    return peer->link.ready;
}

uint64_t bus_send(struct bus_peer *peer, const struct msg *msg, bus_reply_fn *on_reply, void *context)
{
    struct bus *bus = peer->bus;
    bool oversize = msg_size(msg) > ENVELOPE_BYTES;
    struct bus_call call = {.on_reply = on_reply,
                            .context = context,
                            .peer = peer,
                            .deadline_ms = msg->deadline_ms,
                            .state = oversize ? BUS_CALL_OVERSIZE : BUS_CALL_QUEUED};
    uint64_t id = bus_calls_add(&bus->calls, &call);
    if (oversize) {
        peer->oversize++;
        return id;
    }
    struct msg question = *msg;
    question.call_id = id;
    bus_calls_find(&bus->calls, id)->position = bus_queue_add(&peer->link.queue, &question, id);
    return id;
}

void bus_forget(struct bus_peer *peer, uint64_t call_id)
{
    struct bus *bus = peer->bus;
    const struct bus_call *call = bus_calls_find(&bus->calls, call_id);
    if (!call)
        return;
    if (call->state == BUS_CALL_QUEUED)
        bus_queue_withdraw(&peer->link.queue, call->position);
    if (call->state == BUS_CALL_SENT)
        bus_queue_add(&peer->link.queue, &(struct msg){.kind = MSG_CANCEL, .call_id = call_id}, 0);
    bus_calls_remove(&bus->calls, call_id);
}

void bus_answer(struct bus *bus, const struct bus_from *from, const struct msg *reply)
{
    uint32_t pipe, session;
    assert(from->length == sizeof pipe + sizeof session);
    memcpy(&pipe, from->header, sizeof pipe);
    memcpy(&session, from->header + sizeof pipe, sizeof session);
    struct bus_conn *conn = bus_intake_conn(bus, pipe);
    if (!conn || !conn->link.ready || conn->link.session != session)
        return; /* who asked is gone */
    struct msg answer = *reply;
    if (msg_size(reply) > ENVELOPE_BYTES)
        answer = (struct msg){.status = 500, .request_id = reply->request_id, .error = S("InternalFailure")};
    answer.kind = MSG_REPLY;
    answer.call_id = from->call_id;
    bus_queue_add(&conn->link.queue, &answer, 0);
}

size_t bus_queued(const struct bus_peer *peer)
{
    return peer->link.queue.waiting;
}

size_t bus_broken(const struct bus *bus)
{
    return bus->broken;
}
