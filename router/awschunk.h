/* awschunk: S3's own chunked framing, inside whatever framing HTTP has: "SIZE[;extension]CRLF data CRLF … 0 CRLF
 * trailers CRLF". Incremental. Signatures in extensions are passed over, or kept for somebody to verify. */
#pragma once

#include "common/buf.h"
#include "common/digest.h"

enum { AWSCHUNK_DIGITS = 64, AWSCHUNK_LEAST_BYTES = 8192 };

/* What is to be verified of one chunk, the empty last one included. */
struct awschunk_mark {
    uint64_t size;
    char hash[AWSCHUNK_DIGITS];      /* SHA-256 of its data, in hex */
    char signature[AWSCHUNK_DIGITS]; /* as the client says; zeros: it does not */
};

struct awschunk {
    uint8_t stage;
    uint8_t size_digits;
    uint64_t left;       /* of the chunk */
    uint64_t overhead;   /* bytes of trailers and extensions */
    struct buf trailers; /* "name: value\n", names in lower case */
    struct buf line;     /* the trailer or, with marks, the extension being read */
    bool keep_marks;
    struct buf marks;     /* struct awschunk_mark, one behind the other */
    struct digest digest; /* of the chunk being read */
};

/* A zeroed one is ready. Takes bytes from the front: *used of them; content is what of them is content (may be empty).
 * Answers 0, or BAD_INPUT: broken framing. */
int awschunk_feed(struct awschunk *chunks, slice bytes, size_t *used, slice *content);

/* Whether the last chunk has been seen whole. */
bool awschunk_complete(const struct awschunk *chunks);

void awschunk_deinit(struct awschunk *chunks);
