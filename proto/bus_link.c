/* bus_link: see the header. */
#include <errno.h>

#include "common/limits.h"
#include "proto/bus_link.h"
#include "proto/msg.h"

enum {
    HEAD_MAGIC = 0x4d495341, /* "ASIM" */
    HEAD_VERSION = 1,
    COUNTED_FLAGS = BUS_BYE | BUS_REFUSED,
};

bool bus_link_read_head(slice *body, struct bus_head *head)
{
    if (body->len < sizeof *head)
        return false;
    memcpy(head, body->ptr, sizeof *head);
    *body = (slice){body->ptr + sizeof *head, body->len - sizeof *head};
    return head->magic == HEAD_MAGIC && head->version == HEAD_VERSION &&
           (head->flags & ~(BUS_HELLO | BUS_BYE | BUS_REFUSED)) == 0;
}

bool bus_link_accept(struct bus_link *link, const struct bus_head *head)
{
    if (head->ack - link->acked > link->sent - link->acked)
        return false;
    link->acked = head->ack;
    if (head->count > 0 || (head->flags & COUNTED_FLAGS))
        link->received++;
    if (head->flags & COUNTED_FLAGS)
        link->owes = true;
    if (head->flags & BUS_BYE)
        link->closing = true;
    uint32_t untold = link->received - link->told;
    if (untold >= (link->dialled ? BUS_ANSWER_WINDOW / 2 : 1))
        link->owes = true;
    return true;
}

bool bus_link_send_held(struct bus_link *link)
{
    if (!link->held.message)
        return true;
    int e = bus_wire_send(link->wire, &link->held);
    if (e == -EAGAIN)
        return false;
    if (e != 0) {
        bus_packet_free(&link->held);
        bus_wire_drop(link->wire, link->pipe);
    }
    link->held.message = NULL;
    return true;
}

/* A packet with its head, and room for size bytes more. */
static void link_begin(struct bus_link *link, struct bus_packet *packet, uint16_t flags, uint32_t count, size_t size)
{
    struct bus_head head = {HEAD_MAGIC, HEAD_VERSION, flags, link->session, link->received, count};
    *packet = (struct bus_packet){.pipe = link->pipe, .tag = link->tag};
    bus_packet_new(packet, sizeof head + size);
    bus_packet_append(packet, &head, sizeof head);
}

static void link_send(struct bus_link *link, struct bus_packet *packet)
{
    link->told = link->received;
    link->owes = false;
    link->held = *packet;
    bus_link_send_held(link);
}

bool bus_link_send_batch(struct bus_link *link, struct bus_batch *batch)
{
    uint32_t window = link->dialled ? 1 : BUS_ANSWER_WINDOW;
    if (!link->ready || (link->dialled && link->closing) || link->held.message || link->sent - link->acked >= window)
        return false;
    *batch = bus_queue_next(&link->queue, BUS_BATCH_ENVELOPES, LIMIT_BATCH_BYTES);
    if (batch->count == 0)
        return false;
    struct bus_packet packet;
    link_begin(link, &packet, 0, batch->count, batch->bytes);
    bus_queue_take(&link->queue, batch, &packet);
    link->sent++;
    link_send(link, &packet);
    return true;
}

void bus_link_send_ack(struct bus_link *link)
{
    if (!link->owes || !link->ready || link->held.message)
        return;
    struct bus_packet packet;
    link_begin(link, &packet, 0, 0, 0);
    link_send(link, &packet);
}

void bus_link_send_flags(struct bus_link *link, uint16_t flags, const struct msg *hello)
{
    if (!bus_link_send_held(link))
        return; /* the socket has been full since the connection began; the other end will see it end */
    struct buf bytes = {0};
    if (hello)
        msg_write(&bytes, hello);
    struct bus_packet packet;
    link_begin(link, &packet, flags, hello ? 1 : 0, bytes.len);
    bus_packet_append(&packet, buf_slice(&bytes).ptr, bytes.len);
    buf_deinit(&bytes);
    if (flags & COUNTED_FLAGS)
        link->sent++;
    link_send(link, &packet);
}

bool bus_link_settled(const struct bus_link *link)
{
    if (!link->ready)
        return true;
    bool empty = link->queue.envelopes == 0 || (link->dialled && link->closing);
    return empty && !link->held.message && link->sent == link->acked && !link->owes;
}

void bus_link_reset(struct bus_link *link)
{
    bus_packet_free(&link->held);
    *link = (struct bus_link){.wire = link->wire, .dialled = link->dialled, .queue = link->queue};
}

void bus_link_deinit(struct bus_link *link)
{
    bus_link_reset(link);
    bus_queue_deinit(&link->queue);
}
