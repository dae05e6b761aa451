/* http1: the head of an HTTP/1 request, parsed in one pass over a contiguous buffer. A pure function: no sockets, no
 * memory, nothing decoded. Bodies are body.h's. */
#pragma once

#include "common/limits.h"
#include "common/list.h"

/* Headers the router itself looks at. Each may appear once only, but for Connection and Expect, which are lists. */
enum http1_known {
    HTTP1_HOST,
    HTTP1_CONTENT_LENGTH,
    HTTP1_TRANSFER_ENCODING,
    HTTP1_CONTENT_TYPE,
    HTTP1_CONTENT_ENCODING,
    HTTP1_AUTHORIZATION,
    HTTP1_TARGET, /* X-Amz-Target */
    HTTP1_EXPECT,
    HTTP1_ORIGIN,
    HTTP1_CONNECTION,
    HTTP1_KNOWN_COUNT,
};

enum { HTTP1_MORE = 1 };

struct http1_request {
    slice method;
    slice path;  /* raw; begins with '/' (or is "*" of OPTIONS) */
    slice query; /* raw, without '?'; absent when there is no '?' */
    slice host;  /* the authority of an absolute-form target, else the Host header; may be absent in HTTP/1.0 */
    slice known[HTTP1_KNOWN_COUNT];          /* values; absent when not sent */
    struct pair headers[LIMIT_HTTP_HEADERS]; /* all, in order, names as sent, values trimmed */
    size_t n_headers;
    int64_t content_length; /* 0 when not given */
    bool chunked;
    bool keep_alive;      /* the connection may be used again, by version and Connection */
    bool expect_continue; /* a 100 is waited for; never in HTTP/1.0 */
    bool http10;
    size_t head_len; /* bytes of the head, the empty line and tolerated empty lines before it included */
    const char *why; /* after a refusal: one sentence */
};

/* Parses the head at the start of bytes. All slices borrow from bytes; nothing of *out is meaningful but after 0.
 * Answers 0; HTTP1_MORE when the head is not complete and fine so far; or the HTTP status to refuse it with (400, 413,
 * 414, 417, 431, 501, 505), *out's why saying the reason. */
int http1_parse(slice bytes, struct http1_request *out);
