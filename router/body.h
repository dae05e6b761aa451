/* body: a request's body as it arrives: Content-Length or chunked framing, gzip undone, kept in memory up to
 * LIMIT_BODY_INLINE_BYTES and in a spool file beyond. */
#pragma once

#include "common/buf.h"
#include "router/spool.h"

struct http1_request;
struct body_inflate;

enum { BODY_MORE = 1 };

enum body_stage {
    BODY_FIXED,
    BODY_CHUNK_SIZE,
    BODY_CHUNK_EXTENSION,
    BODY_CHUNK_SIZE_LF,
    BODY_CHUNK_DATA,
    BODY_CHUNK_DATA_CR,
    BODY_CHUNK_DATA_LF,
    BODY_TRAILER_START, /* of a trailer line, or of the last, empty one */
    BODY_TRAILER,
    BODY_TRAILER_LF,
    BODY_END_LF,
    BODY_DONE,
};

struct body {
    struct spool *spool;
    struct buf bytes;            /* the content, while it is small */
    char name[SPOOL_NAME_BYTES]; /* else its spool file; "" when there is none */
    int fd;                      /* of the spool file, or -1 */
    uint8_t stage;               /* enum body_stage */
    uint8_t size_digits;
    uint64_t left;                /* bytes of the body or of the chunk still to come */
    uint64_t received;            /* content bytes before decompression */
    uint64_t length;              /* content bytes as kept */
    size_t overhead;              /* bytes of chunk extensions and trailers */
    struct body_inflate *inflate; /* NULL: not compressed */
    const char *why;
};

/* Prepares for the body that the head announces. gunzip: undo Content-Encoding: gzip. Answers 0 when the body is empty,
 * BODY_MORE when bytes must be fed, or the status to refuse it with: 413 too large, 415 an encoding that cannot be
 * undone, 503 no spool file; body->why then says why. */
int body_begin(struct body *body, struct spool *spool, const struct http1_request *head, bool gunzip);

/* Takes the bytes that arrived; *used of them belong to this body. Answers 0 when it is complete, BODY_MORE, or a
 * status (400 broken framing or gzip, 413, 431 trailers too long, 503 disk full). */
int body_feed(struct body *body, slice bytes, size_t *used);

/* Forgets the body; a spool file is removed unless its name was taken (name[0] = 0). */
void body_end(struct body *body);
