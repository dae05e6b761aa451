/* body: a request's body as it arrives: Content-Length or chunked framing, aws-chunked and gzip undone, kept in memory
 * up to LIMIT_BODY_INLINE_BYTES and in a spool file beyond, its digests computed beside it. */
#pragma once

#include "common/buf.h"
#include "common/digest.h"
#include "common/limits.h"
#include "router/awschunk.h"
#include "router/spool.h"

struct hashjob;
struct hashpool;
struct http1_request;
struct body_inflate;

enum { BODY_MORE = 1, BODY_HASHING = 2 };

/* What is to become of a body, as far as its service decides that. */
struct body_plan {
    uint64_t limit;      /* content bytes */
    bool forbidden;      /* the request is refused with 403, whatever its body is */
    slice too_large;     /* the code of the refusal; absent: as the protocol calls a 413, else with status 400 */
    bool gunzip;         /* undo Content-Encoding: gzip */
    bool aws_chunked;    /* undo S3's framing */
    bool mark_chunks;    /* keep hashes and signatures of its chunks */
    bool hash_wire;      /* the only digest wanted is SHA-256 of the body as it comes, before anything is undone */
    int64_t announced;   /* content bytes inside that framing; -1: not said */
    unsigned algorithms; /* digests wanted: a set of enum digest_algorithm */
};

#define BODY_PLAN_PLAIN ((struct body_plan){.limit = LIMIT_BODY_BYTES, .announced = -1})

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
    struct hashpool *pool;
    void *owner; /* of jobs of the pool */
    struct body_plan plan;
    struct buf bytes;            /* the content, while it is small */
    char name[SPOOL_NAME_BYTES]; /* else its spool file; "" when there is none */
    int fd;                      /* of the spool file, or -1 */
    uint8_t stage;               /* enum body_stage */
    uint8_t size_digits;
    uint64_t left;     /* bytes of the body or of the chunk still to come */
    uint64_t received; /* content bytes before decompression */
    uint64_t length;   /* content bytes as kept */
    size_t overhead;   /* bytes of chunk extensions and trailers */
    struct awschunk chunks;
    struct body_inflate *inflate; /* NULL: not compressed */
    struct digest wire;           /* of what has come, when the plan wants that */
    struct hashjob *job;          /* NULL: none is needed (yet) */
    uint64_t hashed;              /* so much of the file the job knows of */
    bool hashing;                 /* all is here but the digests */
    size_t digests_len;
    char digests[DIGEST_TEXT_BYTES];
    slice code; /* of a refusal; absent: what the protocol calls the status */
    const char *why;
};

/* Prepares for the body that the head announces. Jobs of the pool (NULL: none may be needed) are begun for owner.
 * Answers 0 when the body is empty, BODY_MORE when bytes must be fed, or the status to refuse it with: 413 or the
 * plan's error when it is too large, 415 an encoding that cannot be undone, 503 no spool file, 403 a forbidden one;
 * body->why then says why.
 */
int body_begin(struct body *body, struct spool *spool, const struct http1_request *head, const struct body_plan *plan);
void body_set_pool(struct body *body, struct hashpool *pool, void *owner);

/* Takes the bytes that arrived; *used of them belong to this body. Answers 0 when it is complete, BODY_HASHING when
 * only the digests are missing (the pool's job tells when they are there: then body_hashed), BODY_MORE, or a status
 * (400 broken framing or gzip, 413, 431 trailers too long, 503 disk full). */
int body_feed(struct body *body, slice bytes, size_t *used);

/* The pool has finished the job. Answers 0 or a status. */
int body_hashed(struct body *body);

/* Forgets the body; a spool file is removed unless its name was taken (name[0] = 0). */
void body_end(struct body *body);
