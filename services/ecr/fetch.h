/* fetch: HTTP requests to other registries, through libcurl, on a thread of its own: to load it, to read the
 * certificates it trusts and to write what comes takes too long for the worker's loop. It is loaded when it is first
 * needed: with all it brings along it would double the process. */
#pragma once

#include "services/worker/call.h"

struct ev_loop;

struct fetch_request {
    slice url;
    slice authorization; /* header's value; absent: none */
    slice accept;        /* header's value; absent: none */
    slice file;          /* where the body goes; absent: it is kept, up to LIMIT_MANIFEST_BYTES */
};

struct fetch_reply {
    int64_t status;
    slice content_type;
    slice challenge; /* of WWW-Authenticate */
    slice body;
    slice why; /* when nobody answered: a reason for people */
};

/* For struct service: ends the thread, if there is one. */
void *fetch_open(struct worker *worker, struct ev_loop *loop, const struct conf *conf);
void fetch_close(void *opened);

/* Asks, once per call and request. The file goes with the call, unless it is moved away. Answers 0 with *reply,
 * CALL_LATER, or NOT_FOUND with reply->why when there is no answer. */
int fetch_get(struct call *c, const struct fetch_request *request, struct fetch_reply *reply);
