/* bus: envelopes between processes, over nng raw REQ/REP on ipc:// below the run directory, read in the libev loop.
 *
 * Everything queued for a peer in one loop turn travels as one nng message, with at most one batch outstanding per
 * peer; what does not fit waits here, bounded by the senders' own limits. Nothing is ever executed twice because of the
 * bus: a batch is sent again only when the receiver, closing, has said that it did not look at it. No other file than
 * bus_wire.c calls nng. A process must not fork after bus_open.
 *
 * Two processes whose build ids differ cannot talk: the one that was started later prints a sentence on stderr and ends
 * with exit code 100 (give up). */
#pragma once

#include "proto/msg.h"

struct ev_loop;
struct bus;
struct bus_peer;

/* Where a received envelope came from: enough to answer it, now or later. Copy freely. */
struct bus_from {
    uint32_t length;
    uint8_t header[28];
    uint64_t call_id;
};

/* One received envelope. Its slices are valid until on_batch returns. */
struct bus_item {
    struct bus_from from;
    struct msg msg;
};

/* All envelopes of one nng message, in order (REQUEST, EVENT and CANCEL only). */
typedef void bus_batch_fn(void *context, const struct bus_item *items, size_t count);

/* A peer's connection came up or went down. */
typedef void bus_peer_fn(void *context, struct bus_peer *peer, bool up);

struct bus_config {
    struct ev_loop *loop;
    const char *run_dir;    /* sockets are <run_dir>/<name>.bus */
    const char *self;       /* own name; listens under it when on_batch is given */
    bus_batch_fn *on_batch; /* NULL: does not listen */
    bus_peer_fn *on_peer;   /* may be NULL */
    void *context;
};

/* Answers 0 or a fault (cannot listen). */
int bus_open(const struct bus_config *config, struct bus **bus);

/* Sends what is queued as far as that is possible at once, waits (a moment, at most 200 ms) until what was sent has
 * arrived, then closes everything. Requests that arrive meanwhile stay with their senders for the next process of this
 * name. on_reply of calls that are not over is not called. Not from within a callback of the bus. */
void bus_close(struct bus *bus);

/* The peer of that name; dialled on first use, re-dialled for ever, whether its process exists or not. */
struct bus_peer *bus_peer(struct bus *bus, slice name);
const char *bus_peer_name(const struct bus_peer *peer);
bool bus_peer_up(const struct bus_peer *peer);

enum bus_outcome {
    BUS_REPLIED,
    BUS_GONE,     /* the peer died after this was sent: unknown whether it was carried out */
    BUS_TIMEOUT,  /* the deadline passed, sent or not */
    BUS_OVERSIZE, /* larger than LIMIT_MESSAGE_BYTES: was not sent */
};

/* reply is NULL unless BUS_REPLIED; its slices are valid during the call only. */
typedef void bus_reply_fn(void *context, enum bus_outcome outcome, const struct msg *reply);

/* Queues an envelope (REQUEST or EVENT) for the peer; while the peer is down it waits, until msg->deadline_ms if that
 * is not 0. on_reply (may be NULL) is called exactly once, never from here, unless bus_forget is called before. Answers
 * the call id. */
uint64_t bus_send(struct bus_peer *peer, const struct msg *msg, bus_reply_fn *on_reply, void *context);

/* The reply is no longer wanted: on_reply will not be called; the peer gets a CANCEL. */
void bus_forget(struct bus_peer *peer, uint64_t call_id);

/* Queues the answer to a received envelope; kind and call_id are set here. Who asked may be gone: then it is dropped.
 * One that is too large for a message becomes status 500, InternalFailure. */
void bus_answer(struct bus *bus, const struct bus_from *from, const struct msg *reply);

/* Bytes waiting to be sent to the peer (for back-pressure). */
size_t bus_queued(const struct bus_peer *peer);

/* Packets that did not parse, since the bus was opened; the connections they came on were closed. */
size_t bus_broken(const struct bus *bus);

/* First thing in main of every process on the bus: SCHED_BATCH (wake-ups across CPUs are nng's main cost). */
void bus_process_init(void);
