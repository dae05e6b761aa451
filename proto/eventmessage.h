/* eventmessage: one message of application/vnd.amazon.eventstream: lengths, headers, payload and checksums. What the
 * events of a service's stream are is eventstream's part. */
#pragma once

#include "common/buf.h"

enum eventmessage_type {
    EVENTMESSAGE_TRUE = 0,
    EVENTMESSAGE_FALSE = 1,
    EVENTMESSAGE_INT = 4,
    EVENTMESSAGE_LONG = 5,
    EVENTMESSAGE_BYTES = 6,
    EVENTMESSAGE_STRING = 7,
    EVENTMESSAGE_TIME = 8,
};

/* Appends a header without its value, which follows as the type has it. */
void eventmessage_header_name(struct buf *headers, slice name, enum eventmessage_type type);
void eventmessage_header_text(struct buf *headers, slice name, enum eventmessage_type type, slice value);

/* Appends a number's last bytes, the highest first. */
void eventmessage_number(struct buf *out, uint64_t value, size_t bytes);

/* Appends what is in front of an event's own headers; an absent content type is left out. */
void eventmessage_event_headers(struct buf *headers, slice event_type, slice content_type);

/* Appends the message of these headers and this payload. */
void eventmessage_add(struct buf *out, slice headers, slice payload);
