/* bus_calls: see the header. A table of slots with a free list, and a binary heap over the deadlines. */
#include <assert.h>
#include <stdlib.h>

#include "proto/bus_calls.h"

enum { NO_DEADLINE = UINT32_MAX };

static void *grown(void *array, uint32_t *cap, size_t size)
{
    *cap = *cap ? *cap * 2 : 64;
    void *larger = realloc(array, *cap * size);
    if (!larger)
        abort();
    return larger;
}

static uint64_t id_of(const struct bus_calls *calls, uint32_t slot)
{
    return (uint64_t)calls->slots[slot].generation << 32 | slot;
}

static int64_t heap_key(const struct bus_calls *calls, uint32_t place)
{
    return calls->slots[calls->heap[place]].deadline_ms;
}

static void heap_put(struct bus_calls *calls, uint32_t place, uint32_t slot)
{
    calls->heap[place] = slot;
    calls->slots[slot].heap = place;
}

static void heap_up(struct bus_calls *calls, uint32_t place)
{
    uint32_t slot = calls->heap[place];
    int64_t key = calls->slots[slot].deadline_ms;
    while (place > 0 && heap_key(calls, (place - 1) / 2) > key) {
        heap_put(calls, place, calls->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_put(calls, place, slot);
}

static void heap_down(struct bus_calls *calls, uint32_t place)
{
    uint32_t slot = calls->heap[place];
    int64_t key = calls->slots[slot].deadline_ms;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= calls->heap_len)
            break;
        if (child + 1 < calls->heap_len && heap_key(calls, child + 1) < heap_key(calls, child))
            child++;
        if (heap_key(calls, child) >= key)
            break;
        heap_put(calls, place, calls->heap[child]);
        place = child;
    }
    heap_put(calls, place, slot);
}

static void heap_add(struct bus_calls *calls, uint32_t slot)
{
    if (calls->heap_len == calls->heap_cap)
        calls->heap = grown(calls->heap, &calls->heap_cap, sizeof *calls->heap);
    calls->heap[calls->heap_len] = slot;
    heap_up(calls, calls->heap_len++);
}

static void heap_remove(struct bus_calls *calls, uint32_t place)
{
    uint32_t last = calls->heap[--calls->heap_len];
    if (place == calls->heap_len)
        return;
    heap_put(calls, place, last);
    heap_up(calls, place);
    heap_down(calls, calls->slots[last].heap);
}

uint64_t bus_calls_add(struct bus_calls *calls, const struct bus_call *call)
{
    uint32_t slot;
    uint32_t generation = 1;
    if (calls->free > 0) {
        slot = calls->free - 1;
        calls->free = calls->slots[slot].next;
        generation = calls->slots[slot].generation;
    } else {
        if (calls->len == calls->cap)
            calls->slots = grown(calls->slots, &calls->cap, sizeof *calls->slots);
        slot = calls->len++;
    }
    calls->slots[slot] = *call;
    calls->slots[slot].generation = generation;
    calls->slots[slot].heap = NO_DEADLINE;
    calls->live++;
    if (call->deadline_ms != 0)
        heap_add(calls, slot);
    return id_of(calls, slot);
}

struct bus_call *bus_calls_find(const struct bus_calls *calls, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (slot >= calls->len)
        return NULL;
    struct bus_call *call = &calls->slots[slot];
    return call->generation == id >> 32 && call->state != BUS_CALL_FREE ? call : NULL;
}

void bus_calls_remove(struct bus_calls *calls, uint64_t id)
{
    struct bus_call *call = bus_calls_find(calls, id);
    assert(call);
    if (call->heap != NO_DEADLINE)
        heap_remove(calls, call->heap);
    call->state = BUS_CALL_FREE;
    call->generation++;
    if (call->generation == 0)
        call->generation = 1;
    call->next = calls->free;
    calls->free = (uint32_t)id + 1;
    calls->live--;
}

uint64_t bus_calls_earliest(const struct bus_calls *calls, int64_t *deadline_ms)
{
    if (calls->heap_len == 0)
        return 0;
    *deadline_ms = heap_key(calls, 0);
    return id_of(calls, calls->heap[0]);
}

uint64_t bus_calls_next(const struct bus_calls *calls, const struct bus_peer *peer, enum bus_call_state state,
                        uint32_t *cursor)
{
    while (*cursor < calls->len) {
        uint32_t slot = (*cursor)++;
        const struct bus_call *call = &calls->slots[slot];
        if (call->state == state && call->peer == peer)
            return id_of(calls, slot);
    }
    return 0;
}

void bus_calls_deinit(struct bus_calls *calls)
{
    free(calls->slots);
    free(calls->heap);
    *calls = (struct bus_calls){0};
}
