/* block: see block.h. Each event is two LEB128 numbers, milliseconds since the block's first event and message length,
 * and the message. */
#include "services/logs/block.h"

#include "common/buf.h"

static void add_number(struct buf *buf, uint64_t n)
{
    while (n >= 0x80) {
        buf_add_char(buf, (char)(n | 0x80));
        n >>= 7;
    }
    buf_add_char(buf, (char)n);
}

static bool take_number(slice *bytes, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; bytes->len > 0 && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*bytes->ptr;
        *bytes = slice_sub(*bytes, 1, bytes->len);
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

slice block_encode(struct arena *arena, const struct event *events, size_t count)
{
    struct buf buf;
    buf_init(&buf, arena);
    for (size_t i = 0; i < count; i++) {
        add_number(&buf, (uint64_t)(events[i].ms - events[0].ms));
        add_number(&buf, events[i].message.len);
        buf_add(&buf, events[i].message);
    }
    return buf_slice(&buf);
}

bool block_next(slice *bytes, int64_t *delta_ms, slice *message)
{
    uint64_t delta, length;
    if (bytes->len == 0 || !take_number(bytes, &delta) || !take_number(bytes, &length) || length > bytes->len)
        return false;
    *delta_ms = (int64_t)delta;
    *message = slice_sub(*bytes, 0, length);
    *bytes = slice_sub(*bytes, length, bytes->len);
    return true;
}

int block_decode(struct arena *arena, slice bytes, const struct event *first, struct event_list *out)
{
    int64_t number = first->number;
    while (bytes.len > 0) {
        int64_t delta;
        slice message;
        if (!block_next(&bytes, &delta, &message))
            return BAD_INPUT;
        struct event *event = list_add(arena, out);
        event->ms = first->ms + delta;
        event->number = number++;
        event->ingested_ms = first->ingested_ms;
        event->message = message;
    }
    return 0;
}
