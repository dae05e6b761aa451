/* bus_queue: envelopes waiting for one receiver, in order, as bytes. A taken batch is kept until it is known what
 * became of it, so that one the receiver did not want can be given back to the queue. */
#pragma once

#include "common/buf.h"

struct msg;
struct bus_packet;

struct bus_entry {
    uint64_t call_id; /* 0: nobody asks for it */
    size_t length;    /* 0: withdrawn */
    size_t offset;    /* from the queue's beginning, in bytes ever queued */
};

/* Zeroed: empty. Positions count envelopes ever queued. */
struct bus_queue {
    struct buf bytes;
    struct bus_entry *entries;
    size_t cap;
    size_t dropped;   /* bytes ever queued that are no longer in bytes */
    uint64_t first;   /* position of entries[0] */
    uint64_t kept;    /* position of the first one taken and not released */
    uint64_t taken;   /* position of the first one not taken yet */
    uint64_t end;     /* position behind the last one */
    size_t waiting;   /* bytes of those not taken */
    size_t envelopes; /* number of those not taken and not withdrawn */
};

/* Answers the position. */
uint64_t bus_queue_add(struct bus_queue *queue, const struct msg *msg, uint64_t call_id);

/* Takes one back that was not taken yet; one that was withdrawn before is ignored. */
void bus_queue_withdraw(struct bus_queue *queue, uint64_t position);

/* How many envelopes and bytes the next batch has: at most max_count, and more than max_bytes only when it is one. */
struct bus_batch {
    uint32_t count;
    size_t bytes;
    uint64_t from; /* positions */
    uint64_t to;
};
struct bus_batch bus_queue_next(const struct bus_queue *queue, size_t max_count, size_t max_bytes);

/* Appends the batch's envelopes to the packet; they are taken. */
void bus_queue_take(struct bus_queue *queue, const struct bus_batch *batch, struct bus_packet *packet);

/* The taken ones are done with: forgets them. */
void bus_queue_release(struct bus_queue *queue);

/* The taken ones are to be taken again. */
void bus_queue_give_back(struct bus_queue *queue);

/* The call of the envelope at that position; 0 when it has none, was withdrawn or is no longer in the queue. */
uint64_t bus_queue_call(const struct bus_queue *queue, uint64_t position);

void bus_queue_deinit(struct bus_queue *queue);
