/* guard: with --verify-signatures, what lets requests through to workers: those with a right signature, and those that
 * AWS takes unsigned. A request waits here while its key's secret is asked for. */
#pragma once

#include "router/verify.h"

struct conn_request;
struct exchange;
struct guard;
struct route;
struct secrets;

/* A request that has waited and may be looked at again: its signature can be verified now. */
typedef void guard_again_fn(void *context, struct exchange *exchange, const struct conn_request *request);

/* A request that has waited and is refused. */
typedef void guard_refused_fn(void *context, struct exchange *exchange, const struct http1_request *head,
                              const struct refuse_why *why);

struct guard_config {
    struct secrets *secrets;
    guard_again_fn *again;
    guard_refused_fn *refused;
    void *context; /* of both */
};

struct guard *guard_open(const struct guard_config *config);
void guard_close(struct guard *guard);

enum { GUARD_WAITS = 101 };

/* Answers 0 (it may pass), BAD_INPUT (with *why), or GUARD_WAITS: the guard has taken the exchange. */
int guard_check(struct guard *guard, struct arena *arena, struct exchange *exchange, const struct conn_request *request,
                const struct verify_claim *claim, struct refuse_why *why);

/* The same for a request that only a root may send: signed with one of the root keys. Never waits. */
int guard_check_root(struct guard *guard, struct arena *arena, const struct conn_request *request,
                     const struct verify_claim *claim, struct refuse_why *why);
