/* route: which AWS service a request is for, and which operation, as far as the head and a look at the body tell. */
#pragma once

#include "common/slice.h"

struct http1_request;
struct sigv4_scope;

/* A service of AWS. Those with a worker are numbered from 0. */
struct route_service {
    slice name;         /* the worker's name; without one, the signing name */
    slice title;        /* "Amazon ECS" */
    slice xmlns;        /* of query protocols; may be absent */
    slice json_version; /* of the JSON protocol: "1.1" */
    uint8_t protocol;   /* enum api_protocol */
    bool has_worker;
    bool is_s3;
    int64_t deadline_ms; /* an answer must come within */
    uint16_t number;     /* with a worker: its index */
};

struct route {
    const struct route_service *service; /* NULL: none that is known */
    slice said;       /* the name by which the client called an unknown service; absent when it named none */
    slice operation;  /* absent when not known before the input is decoded */
    slice path;       /* as the worker shall see it: S3's own prefix is cut off */
    bool readonly;    /* may be repeated when the worker dies */
    bool is_function; /* a Lambda function's own URL: what browsers may do there is the function's business */
};

/* How many services have a worker, and the one with that index. */
size_t route_count(void);
const struct route_service *route_at(size_t number);

/* The one with a worker of that name, or NULL. */
const struct route_service *route_named(slice name);

/* Routes by, in this order: credential scope, X-Amz-Target, form Version and Action (query or body), path, and S3 for
 * everything else. body is the inline body, absent when unknown; for the same request the answer's service does not
 * depend on it unless the scope and target are absent. */
void route_find(const struct http1_request *request, const struct sigv4_scope *scope, slice body, struct route *route);
