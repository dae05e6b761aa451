/* http: a small HTTP/1.1 server on the loopback, for what runs in sandboxes: requests one after the other per
 * connection, bodies by length or chunked, answers now or later. */
#pragma once

#include "common/slice.h"

#include <stdint.h>

struct ev_loop;
struct http_server;
struct http_conn;

/* Whether who is at the other end of a connection may ask: no; yes; or nobody is there any more, and whose the requests
 * are that were sent before cannot be told (http_request.unproven). */
enum http_admission { HTTP_REFUSED, HTTP_ADMITTED, HTTP_UNPROVEN };

/* One whole request. Its slices are valid until it is answered. */
struct http_request {
    slice method;
    slice path;         /* without query */
    slice headers;      /* the raw lines behind the first */
    slice body;         /* at most body_limit bytes of it; empty when it was taken in pieces */
    int64_t body_bytes; /* what was sent */
    slice trailers;     /* the raw lines behind a chunked body */
    bool unproven;
};

struct http_config {
    struct ev_loop *loop;
    size_t body_limit;
    /* Asked for each new connection; who is refused is answered 403. NULL: everybody may ask. */
    enum http_admission (*admits)(void *context, int fd);
    /* Answer with http_answer, from here or later. */
    void (*on_request)(void *context, struct http_conn *conn, const struct http_request *request);
    /* The head of a request is there; true when its body is wanted in pieces, as it arrives. NULL: never. */
    bool (*on_head)(void *context, struct http_conn *conn, const struct http_request *request);
    void (*on_piece)(void *context, struct http_conn *conn, slice bytes);
    /* The connection of an unanswered request is gone, or that of one whose body is taken in pieces. */
    void (*on_gone)(void *context, struct http_conn *conn);
    void *context;
};

/* Listens on a free port of 127.0.0.1. Answers the server and its port, or NULL. */
struct http_server *http_open(const struct http_config *config, uint16_t *port);

/* Closes everything; on_gone is not called. Not from within a callback. */
void http_close(struct http_server *server);

/* The value of a header or of a trailer, or an absent slice. */
slice http_header(const struct http_request *request, slice name);
slice http_trailer(const struct http_request *request, slice name);

/* headers: "Name: value\r\n" lines, may be absent. */
void http_answer(struct http_conn *conn, int status, slice headers, slice content_type, slice body);
