/* bus_calls: the calls this process waits for: who wants the answer, until when, and whether the question has left. */
#pragma once

#include "proto/bus.h"

enum bus_call_state { BUS_CALL_FREE, BUS_CALL_QUEUED, BUS_CALL_SENT, BUS_CALL_OVERSIZE };

struct bus_call {
    bus_reply_fn *on_reply;
    void *context;
    struct bus_peer *peer;
    int64_t deadline_ms; /* 0: none */
    uint64_t position;   /* in the peer's queue, while queued */
    uint32_t generation;
    uint32_t heap; /* place in the deadline heap */
    uint32_t next; /* free list; NONE at its end */
    uint8_t state;
};

/* Zeroed: empty. A call's id is its slot and the slot's generation, so an id is never used twice (in 2^32 calls of one
 * slot). */
struct bus_calls {
    struct bus_call *slots;
    uint32_t len, cap;
    uint32_t free;  /* slot + 1; 0: none */
    uint32_t *heap; /* slots with a deadline, earliest first */
    uint32_t heap_len, heap_cap;
    size_t live;
};

/* A new queued call; answers its id. */
uint64_t bus_calls_add(struct bus_calls *calls, const struct bus_call *call);

/* The call, or NULL when it is over. Valid until the next bus_calls_add. */
struct bus_call *bus_calls_find(const struct bus_calls *calls, uint64_t id);

void bus_calls_remove(struct bus_calls *calls, uint64_t id);

/* The id of the call with the earliest deadline and that deadline; 0 when none has one. */
uint64_t bus_calls_earliest(const struct bus_calls *calls, int64_t *deadline_ms);

/* The id of any call in that state to that peer, or 0. Starts at *cursor (0 at first) and moves it. */
uint64_t bus_calls_next(const struct bus_calls *calls, const struct bus_peer *peer, enum bus_call_state state,
                        uint32_t *cursor);

void bus_calls_deinit(struct bus_calls *calls);
