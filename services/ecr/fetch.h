/* fetch: HTTP requests to other registries, through libcurl, in the worker's loop. libcurl is loaded when it is first
 * needed: with all it brings along it would double the process. */
#pragma once

#include "services/worker/call.h"

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

/* Asks, once per call and request. Answers 0 with *reply, CALL_LATER, or NOT_FOUND with reply->why when there is no
 * answer. */
int fetch_get(struct call *c, const struct fetch_request *request, struct fetch_reply *reply);
