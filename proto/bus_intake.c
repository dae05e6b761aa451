/* bus_intake: what arrives on a bus's sockets: connections that begin and end, HELLOs, batches, answers. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/loop_watch.h"
#include "proto/bus_state.h"

enum { EXIT_GIVE_UP = 100 };

static void intake_broken(struct bus_port *port, const struct bus_packet *packet)
{
    port->bus->broken++;
    bus_wire_drop(port->wire, packet->pipe);
}

struct bus_conn *bus_intake_conn(struct bus *bus, uint32_t pipe)
{
    struct bus_conn *conn = bus->conns;
    while (conn && conn->link.pipe != pipe)
        conn = conn->next;
    return conn;
}

void bus_intake_conn_free(struct bus_conn *conn)
{
    bus_link_deinit(&conn->link);
    free(conn);
}

static struct bus_conn *conn_new(struct bus *bus, const struct bus_packet *packet)
{
    struct bus_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        abort();
    conn->link.wire = bus->listener.wire;
    conn->link.pipe = packet->pipe;
    conn->link.tag = packet->tag;
    conn->next = bus->conns;
    bus->conns = conn;
    return conn;
}

static void say_hello(struct bus *bus, struct bus_link *link)
{
    struct msg hello = {
        .kind = MSG_HELLO, .file_offset = bus->started_us, .request_id = msg_build_id(), .origin = slice_of(bus->self)};
    bus_link_send_flags(link, BUS_HELLO, &hello);
}

/* False when the other process speaks another envelope. Then the one that was started later ends, with the exit code
 * that keeps it from being started again: swapping one service for a build that does not fit leaves the rest alone.
 * Until it has read our HELLO and done so the connection stays, unused. */
static bool hello_fits(struct bus *bus, slice body)
{
    struct msg hello;
    bool readable = msg_read(&body, &hello) == 0 && body.len == 0 && hello.kind == MSG_HELLO;
    if (readable && slice_eq(hello.request_id, msg_build_id()))
        return true;
    if (readable && hello.file_offset > bus->started_us)
        return false;
    fprintf(stderr,
            "%s: %.*s was built from other sources than this program and cannot talk to it; restart all of awssim\n",
            bus->self, SLICE_ARG(readable ? hello.origin : S("a process")));
    _exit(EXIT_GIVE_UP);
}

static void hello_to_listener(struct bus_port *port, const struct bus_packet *packet, const struct bus_head *head,
                              slice body)
{
    struct bus *bus = port->bus;
    if (bus->closing)
        return;
    struct bus_conn *conn = bus_intake_conn(bus, packet->pipe);
    if (!conn)
        conn = conn_new(bus, packet);
    conn->link.session = head->session;
    conn->link.tag = packet->tag;
    say_hello(bus, &conn->link);
    conn->link.ready = hello_fits(bus, body);
}

static void hello_to_peer(struct bus_port *port, const struct bus_packet *packet, const struct bus_head *head,
                          slice body)
{
    struct bus_link *link = &port->peer->link;
    if (link->pipe != packet->pipe || link->session != head->session || link->ready)
        return;
    if (!hello_fits(port->bus, body))
        return;
    link->ready = true;
    if (port->bus->config.on_peer && !port->bus->closing)
        port->bus->config.on_peer(port->bus->config.context, port->peer, true);
}

static bool kind_expected(const struct bus_port *port, uint8_t kind)
{
    if (port->peer)
        return kind == MSG_REPLY;
    return kind == MSG_REQUEST || kind == MSG_EVENT || kind == MSG_CANCEL;
}

static bool read_items(struct bus_port *port, const struct bus_link *link, uint32_t count, slice body)
{
    struct bus *bus = port->bus;
    if (count > BUS_BATCH_ENVELOPES)
        return false;
    if (count > bus->items_cap) {
        bus->items_cap = count < 16 ? 16 : count;
        free(bus->items);
        bus->items = malloc(bus->items_cap * sizeof *bus->items);
        if (!bus->items)
            abort();
    }
    struct bus_from from = {.length = 2 * sizeof(uint32_t)};
    memcpy(from.header, &link->pipe, sizeof link->pipe);
    memcpy(from.header + sizeof link->pipe, &link->session, sizeof link->session);
    for (uint32_t i = 0; i < count; i++) {
        struct bus_item *item = &bus->items[i];
        if (msg_read(&body, &item->msg) != 0 || !kind_expected(port, item->msg.kind))
            return false;
        from.call_id = item->msg.call_id;
        item->from = from;
    }
    return body.len == 0;
}

static void give_replies(struct bus *bus, struct bus_peer *peer, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct msg *reply = &bus->items[i].msg;
        const struct bus_call *call = bus_calls_find(&bus->calls, reply->call_id);
        if (!call || call->peer != peer || call->state != BUS_CALL_SENT)
            continue;
        bus_reply_fn *on_reply = call->on_reply;
        void *context = call->context;
        bus_calls_remove(&bus->calls, reply->call_id);
        if (on_reply && !bus->closing)
            on_reply(context, BUS_REPLIED, reply);
        loop_watch_did_to(S("a reply of"), slice_of(peer->name));
    }
}

/* The peer closes and did not look at the last batch: it waits for the next connection, but for what nobody wants any
 * more. */
static void take_back(struct bus *bus, struct bus_queue *queue)
{
    uint64_t from = queue->kept;
    uint64_t to = queue->taken;
    bus_queue_give_back(queue);
    for (uint64_t position = from; position < to; position++) {
        struct bus_call *call = bus_calls_find(&bus->calls, bus_queue_call(queue, position));
        if (call)
            call->state = BUS_CALL_QUEUED;
        else
            bus_queue_withdraw(queue, position);
    }
}

static void batch_to_peer(struct bus_port *port, const struct bus_head *head)
{
    struct bus_peer *peer = port->peer;
    if (head->flags & BUS_REFUSED)
        take_back(port->bus, &peer->link.queue);
    else if (peer->link.sent == peer->link.acked)
        bus_queue_release(&peer->link.queue);
    give_replies(port->bus, peer, head->count);
}

static void batch_to_listener(struct bus_port *port, struct bus_link *link, const struct bus_head *head)
{
    struct bus *bus = port->bus;
    if (head->count == 0)
        return;
    if (bus->closing)
        bus_link_send_flags(link, BUS_REFUSED, NULL);
    else
        bus->config.on_batch(bus->config.context, bus->items, head->count);
}

static void intake_packet(struct bus_port *port, const struct bus_packet *packet)
{
    slice body = bus_packet_body(packet);
    struct bus_head head;
    if (!bus_link_read_head(&body, &head)) {
        intake_broken(port, packet);
        return;
    }
    if (head.flags & BUS_HELLO) {
        (port->peer ? hello_to_peer : hello_to_listener)(port, packet, &head, body);
        return;
    }
    struct bus_conn *conn = port->peer ? NULL : bus_intake_conn(port->bus, packet->pipe);
    struct bus_link *link = port->peer ? &port->peer->link : conn ? &conn->link : NULL;
    if (!link || !link->ready || link->pipe != packet->pipe || link->session != head.session)
        return; /* left over from a connection that is no more */
    if (!read_items(port, link, head.count, body) || !bus_link_accept(link, &head)) {
        link->ready = false;
        intake_broken(port, packet);
    } else if (port->peer) {
        batch_to_peer(port, &head);
    } else {
        batch_to_listener(port, link, &head);
    }
}

void bus_intake_receive(struct bus_port *port)
{
    struct bus_packet packet;
    while (bus_wire_receive(port->wire, &packet)) {
        intake_packet(port, &packet);
        bus_packet_free(&packet);
    }
}

static void calls_gone(struct bus *bus, struct bus_peer *peer)
{
    uint32_t cursor = 0;
    uint64_t id;
    while ((id = bus_calls_next(&bus->calls, peer, BUS_CALL_SENT, &cursor)) != 0) {
        const struct bus_call *call = bus_calls_find(&bus->calls, id);
        bus_reply_fn *on_reply = call->on_reply;
        void *context = call->context;
        bus_calls_remove(&bus->calls, id);
        if (on_reply && !bus->closing)
            on_reply(context, BUS_GONE, NULL);
    }
}

/* What was sent is lost, what was not waits for the next connection, except CANCELs of what was sent. */
static void peer_down(struct bus_peer *peer)
{
    struct bus *bus = peer->bus;
    struct bus_queue *queue = &peer->link.queue;
    bool was_ready = peer->link.ready;
    bus_link_reset(&peer->link);
    bus_queue_release(queue);
    for (uint64_t position = queue->taken; position < queue->end; position++) {
        if (bus_queue_call(queue, position) == 0)
            bus_queue_withdraw(queue, position);
    }
    if (was_ready && bus->config.on_peer && !bus->closing)
        bus->config.on_peer(bus->config.context, peer, false);
    calls_gone(bus, peer);
}

static void peer_event(struct bus_peer *peer, const struct bus_wire_event *event)
{
    struct bus_link *link = &peer->link;
    if (event->up ? link->pipe != 0 : link->pipe == event->pipe)
        peer_down(peer);
    if (!event->up)
        return;
    link->pipe = event->pipe;
    link->session = ++peer->sessions;
    link->tag = 0x80000000u | link->session; /* nng wants the top bit */
    say_hello(peer->bus, link);
}

static void conn_down(struct bus *bus, uint32_t pipe)
{
    for (struct bus_conn **at = &bus->conns; *at; at = &(*at)->next) {
        struct bus_conn *conn = *at;
        if (conn->link.pipe != pipe)
            continue;
        *at = conn->next;
        bus_intake_conn_free(conn);
        return;
    }
}

static void port_events(struct bus_port *port)
{
    size_t n = bus_wire_events(port->wire);
    if (n == 0)
        return;
    bus_intake_receive(port);
    struct bus_wire_event event;
    while (n-- > 0 && bus_wire_next_event(port->wire, &event)) {
        if (port->peer)
            peer_event(port->peer, &event);
        else if (!event.up)
            conn_down(port->bus, event.pipe);
    }
}

void bus_intake_events(struct bus *bus)
{
    uint64_t raised;
    (void)!read(bus->wake_fd, &raised, sizeof raised);
    if (bus->listener.wire)
        port_events(&bus->listener);
    for (struct bus_peer *peer = bus->peers; peer; peer = peer->next)
        port_events(&peer->port);
}
