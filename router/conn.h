/* conn: the router's HTTP/1.1 connections: keep-alive, pipelining, time limits, back-pressure, lingering close.
 * Requests come out whole, answers go back in the order of the requests; what they mean is somebody else's business. */
#pragma once

#include "proto/msg.h"
#include "router/exchange.h"
#include "router/http1.h"

struct awschunk_mark;
struct body_plan;
struct conn_set;
struct refuse_why;
struct ev_loop;
struct tls;

/* A whole request. Everything borrows and is valid until the callback returns. */
struct conn_request {
    const struct http1_request *head;
    slice head_bytes;                   /* what it was parsed from */
    slice body;                         /* inline; absent when there is none or it is in a file */
    slice body_file;                    /* the spool file's name; removed when the request is answered */
    slice digests;                      /* of the body, as in the envelope */
    slice trailers;                     /* behind the body, as in the envelope */
    bool body_decoded;                  /* Content-Encoding was undone */
    bool unchunked;                     /* of it, aws-chunked was undone */
    const struct awschunk_mark *chunks; /* the chunks' hashes and signatures, when the plan wanted them */
    size_t n_chunks;
};

/* The callbacks answer with conn_answer, at once or later. */
struct conn_config {
    struct ev_loop *loop;
    struct tls *tls; /* NULL: plain HTTP only */
    struct spool *spool;
    size_t max_conns; /* and a few more for what is urgent */
    /* What is to become of this request's body; the plan is filled with BODY_PLAN_PLAIN. */
    void (*plan_body)(void *context, const struct http1_request *head, struct body_plan *plan);
    void (*on_request)(void *context, struct exchange *exchange, const struct conn_request *request);
    /* A request that cannot be served for a reason of HTTP. head is NULL when it was not readable. */
    void (*on_refused)(void *context, struct exchange *exchange, const struct http1_request *head,
                       const struct refuse_why *why);
    /* Whether the request is answered even when there are too many connections. */
    bool (*is_urgent)(void *context, const struct http1_request *head);
    void *context;                  /* of these */
    void (*on_closed)(void *owner); /* a connection has gone */
    void *owner;
};

struct conn_set *conn_open_set(const struct conn_config *config);

/* Ends all connections at once. */
void conn_close_set(struct conn_set *set);

/* Takes over a connected, non-blocking socket. When there are as many connections as there may be, one that is idle is
 * closed for it, then one that is slow; where all are at work, or when only_urgent, nothing but what is urgent is
 * answered on it. trusted: its requests are (exchange.h). */
void conn_accept(struct conn_set *set, int fd, bool only_urgent, bool trusted);
size_t conn_count(const struct conn_set *set);

/* No further connection is within the limit. */
bool conn_is_full(const struct conn_set *set);

/* Frees what is only kept for the next use. */
void conn_release_memory(struct conn_set *set);

/* Closes the connection that is of least use, to win its descriptor. False: all are at work. */
bool conn_evict(struct conn_set *set);

/* The same among those beyond the limit: one that has asked nothing yet. False: there is none. */
bool conn_evict_reserved(struct conn_set *set);

/* No more requests: those being received or answered are finished, connections close behind them. */
void conn_drain(struct conn_set *set);

/* The answer: status, content_type, headers and body, or body_file with file_offset and file_length (-1: to its end;
 * a name without '/' is a spool file's, which is removed; "../FOLDER/NAME" is a file below the state directory). To
 * HEAD, a file_length without body_file announces content that would be so long. With MSG_FLAG_GROWING the file is
 * followed, in chunks; when it ends early, so does the connection. segments stand in place of body_file: parts of
 * files, sent one behind the other under the reply's lease. Afterwards the exchange belongs to
 * conn again. */
void conn_answer(struct exchange *exchange, const struct msg *reply);
