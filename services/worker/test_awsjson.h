/* test_awsjson: calls of services that speak AWS JSON, for their tests. */
#pragma once

#include "services/worker/test_json.h"

/* Set by each test: whom is called, by whom. */
static const char *test_service;
static slice test_account, test_region;

/* Calls an operation and answers the parsed body; the reply is in `reply`. */
static inline const struct val *call(const char *operation, slice body)
{
    struct msg request = client_request(test_service);
    request.operation = slice_of(operation);
    request.account = test_account;
    request.region = test_region;
    request.body = body;
    worker_test_request(worker, &request, &reply);
    return parsed();
}

static inline const struct val *ok(const char *operation, const char *body)
{
    const struct val *value = call(operation, slice_of(body));
    if (reply.status != 200)
        fail_msg("%s: %d %.*s", operation, reply.status, SLICE_ARG(reply.body));
    return value;
}

static inline void fails(const char *operation, const char *body, int status, const char *code)
{
    slice type = text(call(operation, slice_of(body)), "__type");
    if (reply.status != status || !slice_eq(type, slice_of(code)))
        fail_msg("%s %s: %d %.*s", operation, body, reply.status, SLICE_ARG(reply.body));
}

static inline void refused(const char *operation, const char *body, const char *code)
{
    fails(operation, body, 400, code);
}
