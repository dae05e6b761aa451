/* bus_link: one end of one connection: batches out as the window allows, batches in, and the acknowledgements between.
 * What the envelopes mean, and what happens when the connection ends, is bus.c's business.
 *
 * A packet is a struct bus_head and `count` envelopes. Packets with envelopes, and those that say BYE or REFUSED, are
 * counted; `ack` says how many of the other end's this end has received. The dialling end has one unacknowledged packet
 * outstanding and the listening end acknowledges at once; answers may have BUS_ANSWER_WINDOW outstanding (nng throws
 * away what a slow reader lets pile up to 64), and are acknowledged with the next batch, or alone when half the window
 * is used, so that a lone call costs one packet each way. */
#pragma once

#include "proto/bus_queue.h"
#include "proto/bus_wire.h"

enum {
    BUS_ANSWER_WINDOW = 8,
    BUS_BATCH_ENVELOPES = 512,
};

enum {
    BUS_HELLO = 1,   /* the first packet each way; holds one MSG_HELLO */
    BUS_BYE = 2,     /* this end is closing: it takes no further requests, and wants to be acknowledged at once */
    BUS_REFUSED = 4, /* the acknowledged batch was not looked at */
};

struct bus_head {
    uint32_t magic;
    uint16_t version;
    uint16_t flags;
    uint32_t session; /* the dialling end's number of this connection: what is left of an older one is ignored */
    uint32_t ack;
    uint32_t count;
};

/* Zeroed but for wire and dialled: not connected. */
struct bus_link {
    struct bus_wire *wire;
    bool dialled; /* sends requests; else answers */
    bool ready;   /* HELLOs are exchanged */
    bool closing; /* the other end said BYE */
    bool owes;    /* an acknowledgement must leave now */
    uint32_t pipe;
    uint32_t tag;
    uint32_t session;
    uint32_t sent, acked;    /* packets to the other end */
    uint32_t received, told; /* packets from it, and how many it knows to be received */
    struct bus_queue queue;
    struct bus_packet held; /* refused by a full socket; goes before anything else */
};

/* Takes a packet's head off its body. False when it is none of ours. */
bool bus_link_read_head(slice *body, struct bus_head *head);

/* What the head says about this link's own packets. False when it cannot be true. */
bool bus_link_accept(struct bus_link *link, const struct bus_head *head);

/* Sends the next batch, if the window, the queue and the socket allow; then *batch says what left. */
bool bus_link_send_batch(struct bus_link *link, struct bus_batch *batch);

/* Acknowledges what must be acknowledged now and did not travel with a batch. */
void bus_link_send_ack(struct bus_link *link);

/* Sends a packet with these flags and, when hello is given, that one envelope. */
void bus_link_send_flags(struct bus_link *link, uint16_t flags, const struct msg *hello);

/* Tries again to send what a full socket refused. True when nothing is held any more. */
bool bus_link_send_held(struct bus_link *link);

/* Nothing waits to be sent or acknowledged. */
bool bus_link_settled(const struct bus_link *link);

/* The connection is gone; the queue stays. */
void bus_link_reset(struct bus_link *link);

void bus_link_deinit(struct bus_link *link);
