/* exchange: one request of a connection and its answer. It exists from the moment the request's head is read until the
 * last byte of the answer is queued on the connection. */
#pragma once

#include "common/buf.h"
#include "router/spool.h"

struct bus_peer;
struct conn;
struct route_service;

/* pending.c's part: the call that answers the request. */
struct exchange_call {
    const struct route_service *service;
    struct bus_peer *peer;
    uint64_t id;         /* of the bus */
    struct buf envelope; /* as sent, while it may have to be sent (again) */
    struct exchange *next_held;
    struct exchange *next_sent; /* of those that wait for a reply */
    struct exchange *previous_sent;
    int64_t deadline_ms;
    uint8_t tries;
    bool held; /* not sent yet: a reset is going on */
};

struct exchange {
    struct exchange *next; /* in the order of the requests */
    struct conn *conn;
    char request_id[37];
    bool head_only; /* HEAD: the answer has no body */
    bool http10;
    bool close;   /* the connection ends behind the answer */
    bool cors;    /* asked by a page in a browser */
    bool lan;     /* a browser asks whether a page may reach into the local network */
    bool s3;      /* S3 names the request id in headers of its own and answers for other origins itself */
    bool trusted; /* from awssim's own user, who needs no signature for awssim's own paths */
    bool answered;
    struct buf out; /* the answer, while earlier ones are missing */
    int file;       /* descriptor whose bytes follow the answer's head, or -1 */
    int64_t file_at;
    int64_t file_left;   /* of the file, or of the segment */
    struct buf segments; /* further parts of files behind this one (proto/segments.h); none: empty */
    size_t segments_at;  /* what of their text is done */
    int lease;           /* descriptor that holds the lock on them, or -1 */
    bool grows;          /* the file is still being written, and watched */
    int watch;
    char spooled[SPOOL_NAME_BYTES]; /* the request's body; "" when it is inline */
    /* The client has gone before the answer: whoever works on it forgets it. Unset when nobody does. */
    void (*on_gone)(struct exchange *exchange);
    void *owner; /* of on_gone */
    struct exchange_call call;
};
