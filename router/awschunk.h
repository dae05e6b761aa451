/* awschunk: S3's own chunked framing, inside whatever framing HTTP has: "SIZE[;extension]CRLF data CRLF … 0 CRLF
 * trailers CRLF". Incremental; signatures in extensions are passed over. */
#pragma once

#include "common/buf.h"

struct awschunk {
    uint8_t stage;
    uint8_t size_digits;
    uint64_t left;       /* of the chunk */
    uint64_t overhead;   /* bytes of trailers and extensions */
    struct buf trailers; /* "name: value\n", names in lower case */
    struct buf line;     /* the trailer being read */
};

/* A zeroed one is ready. Takes bytes from the front: *used of them; content is what of them is content (may be empty).
 * Answers 0, or BAD_INPUT: broken framing. */
int awschunk_feed(struct awschunk *chunks, slice bytes, size_t *used, slice *content);

/* Whether the last chunk has been seen whole. */
bool awschunk_complete(const struct awschunk *chunks);

void awschunk_deinit(struct awschunk *chunks);
