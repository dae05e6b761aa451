/* eventmessage: see eventmessage.h. */
#include "proto/eventmessage.h"

#include "common/crc.h"

enum { PRELUDE_BYTES = 12, CHECKSUM_BYTES = 4 };

void eventmessage_number(struct buf *out, uint64_t value, size_t bytes)
{
    while (bytes-- > 0)
        buf_add_char(out, (char)(value >> (8 * bytes)));
}

void eventmessage_header_name(struct buf *headers, slice name, enum eventmessage_type type)
{
    eventmessage_number(headers, name.len, 1);
    buf_add(headers, name);
    eventmessage_number(headers, (uint64_t)type, 1);
}

void eventmessage_header_text(struct buf *headers, slice name, enum eventmessage_type type, slice value)
{
    eventmessage_header_name(headers, name, type);
    eventmessage_number(headers, value.len, 2);
    buf_add(headers, value);
}

void eventmessage_event_headers(struct buf *headers, slice event_type, slice content_type)
{
    eventmessage_header_text(headers, S(":message-type"), EVENTMESSAGE_STRING, S("event"));
    eventmessage_header_text(headers, S(":event-type"), EVENTMESSAGE_STRING, event_type);
    if (content_type.ptr)
        eventmessage_header_text(headers, S(":content-type"), EVENTMESSAGE_STRING, content_type);
}

static void add_checksum(struct buf *out, size_t from)
{
    eventmessage_number(out, crc_32(0, out->ptr + from, out->len - from), CHECKSUM_BYTES);
}

void eventmessage_add(struct buf *out, slice headers, slice payload)
{
    size_t from = out->len;
    eventmessage_number(out, PRELUDE_BYTES + headers.len + payload.len + CHECKSUM_BYTES, 4);
    eventmessage_number(out, headers.len, 4);
    add_checksum(out, from);
    buf_add(out, headers);
    buf_add(out, payload);
    add_checksum(out, from);
}
