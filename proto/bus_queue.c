/* bus_queue: see the header. What is released is moved out of the way only now and then, so that a long queue costs no
 * more per envelope than a short one. */
#include <assert.h>
#include <stdlib.h>

#include "proto/bus_queue.h"
#include "proto/bus_wire.h"
#include "proto/msg.h"

enum {
    KEEP_BYTES = 256 * 1024, /* an empty queue gives more than this back to the heap */
    KEEP_ENTRIES = 4096,
};

static struct bus_entry *entry_at(const struct bus_queue *queue, uint64_t position)
{
    return &queue->entries[position - queue->first];
}

uint64_t bus_queue_call(const struct bus_queue *queue, uint64_t position)
{
    return position >= queue->first && position < queue->end ? entry_at(queue, position)->call_id : 0;
}

uint64_t bus_queue_add(struct bus_queue *queue, const struct msg *msg, uint64_t call_id)
{
    size_t n = queue->end - queue->first;
    if (n == queue->cap) {
        queue->cap = queue->cap ? queue->cap * 2 : 64;
        queue->entries = realloc(queue->entries, queue->cap * sizeof *queue->entries);
        if (!queue->entries)
            abort();
    }
    size_t before = queue->bytes.len;
    msg_write(&queue->bytes, msg);
    size_t length = queue->bytes.len - before;
    queue->entries[n] = (struct bus_entry){call_id, length, queue->dropped + before};
    queue->waiting += length;
    queue->envelopes++;
    return queue->end++;
}

struct bus_batch bus_queue_next(const struct bus_queue *queue, size_t max_count, size_t max_bytes)
{
    struct bus_batch batch = {.from = queue->taken, .to = queue->taken};
    for (; batch.to < queue->end && batch.count < max_count; batch.to++) {
        const struct bus_entry *entry = entry_at(queue, batch.to);
        if (entry->length == 0)
            continue;
        if (batch.count > 0 && batch.bytes + entry->length > max_bytes)
            break;
        batch.count++;
        batch.bytes += entry->length;
    }
    return batch;
}

void bus_queue_take(struct bus_queue *queue, const struct bus_batch *batch, struct bus_packet *packet)
{
    /* Neighbours are one run of bytes. */
    size_t start = 0;
    size_t length = 0;
    for (uint64_t i = batch->from; i < batch->to; i++) {
        const struct bus_entry *entry = entry_at(queue, i);
        if (entry->length == 0)
            continue;
        size_t offset = entry->offset - queue->dropped;
        if (length > 0 && offset != start + length) {
            bus_packet_append(packet, queue->bytes.ptr + start, length);
            length = 0;
        }
        if (length == 0)
            start = offset;
        length += entry->length;
    }
    if (length > 0)
        bus_packet_append(packet, queue->bytes.ptr + start, length);
    queue->taken = batch->to;
    queue->waiting -= batch->bytes;
    queue->envelopes -= batch->count;
}

static void queue_empty(struct bus_queue *queue)
{
    queue->dropped += queue->bytes.len;
    queue->first = queue->end;
    buf_clear(&queue->bytes);
    if (queue->bytes.cap > KEEP_BYTES) {
        buf_deinit(&queue->bytes);
        buf_init(&queue->bytes, NULL);
    }
    if (queue->cap > KEEP_ENTRIES) {
        free(queue->entries);
        queue->entries = NULL;
        queue->cap = 0;
    }
}

void bus_queue_release(struct bus_queue *queue)
{
    queue->kept = queue->taken;
    if (queue->taken == queue->end) {
        queue_empty(queue);
        return;
    }
    size_t done = queue->taken - queue->first;
    size_t n = queue->end - queue->first;
    if (done < n / 2)
        return;
    size_t bytes = entry_at(queue, queue->taken)->offset - queue->dropped;
    memmove(queue->entries, queue->entries + done, (n - done) * sizeof *queue->entries);
    buf_consume(&queue->bytes, bytes);
    queue->dropped += bytes;
    queue->first = queue->taken;
}

void bus_queue_withdraw(struct bus_queue *queue, uint64_t position)
{
    if (position < queue->taken)
        return; /* the queue was emptied by the withdrawal of the last one */
    struct bus_entry *entry = entry_at(queue, position);
    if (entry->length == 0)
        return;
    queue->waiting -= entry->length;
    queue->envelopes--;
    entry->length = 0;
    entry->call_id = 0;
    if (queue->envelopes > 0)
        return;
    bool keeps = queue->kept < queue->taken;
    if (!keeps) {
        queue->taken = queue->end;
        bus_queue_release(queue);
    }
}

void bus_queue_give_back(struct bus_queue *queue)
{
    for (; queue->taken > queue->kept; queue->taken--) {
        const struct bus_entry *entry = entry_at(queue, queue->taken - 1);
        queue->waiting += entry->length;
        queue->envelopes += entry->length > 0;
    }
}

void bus_queue_deinit(struct bus_queue *queue)
{
    buf_deinit(&queue->bytes);
    free(queue->entries);
    *queue = (struct bus_queue){0};
}
