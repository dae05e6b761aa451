/* http: one HTTP request over its own connection, for what only the router knows. */
#pragma once

#include "common/slice.h"

struct arena;

struct http_request {
    slice endpoint; /* "http://host:port", or the path of a socket */
    const char *method;
    slice path;
    int timeout_ms; /* for each step */
};

struct http_answer {
    int status;
    slice body;
};

/* Answers 0, -errno, or FAULT_MESSAGE when what came is not HTTP. */
int http_call(struct arena *arena, const struct http_request *request, struct http_answer *answer);
