/* verify: whether a request was signed by the secret of the access key that it names, as AWS would decide: signatures
 * of versions 4 and 2 in headers and in presigned URLs, of chunks and trailers, and the body's hash. Knows neither
 * where secrets come from nor what a request wants. */
#pragma once

#include "router/refuse.h"
#include "router/sigv4.h"

struct conn_request;
struct route;

/* What the client claims; everything borrows from the request or the arena. */
struct verify_claim {
    const struct sigv4_scope *scope;
    const struct route *route;
    slice stamp; /* when it was signed: "20261124T100000Z"; absent in version 2 */
    slice signed_headers;
    slice signature;
    slice expires; /* of a presigned URL of version 2 */
    slice token;   /* of temporary credentials */
};

/* What the access key stands for. */
struct verify_secret {
    slice secret;
    slice token; /* temporary credentials come with it; else absent */
};

/* What can be wrong; each protocol has words of its own for it. */
enum verify_problem {
    VERIFY_MISSING,    /* nobody has signed */
    VERIFY_INCOMPLETE, /* what is needed for verification is not all there */
    VERIFY_UNKNOWN,    /* no such access key, or an inactive one */
    VERIFY_TOKEN,      /* the session token is not the one of these credentials */
    VERIFY_EXPIRED,    /* the temporary credentials have ended */
    VERIFY_TIME,       /* signed too long ago, or in the future */
    VERIFY_MISMATCH,
    VERIFY_PROBLEMS,
};

/* Fills *why in the words of the service's protocol; message replaces the usual one unless it is absent. */
void verify_refuse(const struct route_service *service, enum verify_problem problem, slice message,
                   struct refuse_why *why);

/* Whether this request may come unsigned. */
bool verify_may_be_unsigned(const struct conn_request *request, const struct route *route);

/* Reads the claim and checks all that can be checked without the secret. Answers 0, or BAD_INPUT with *why filled. */
int verify_read(struct arena *arena, const struct conn_request *request, int64_t now_ms, struct verify_claim *claim,
                struct refuse_why *why);

/* Checks the signature, those of chunks and trailers, and the body's hash. The same results. */
int verify_check(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim,
                 const struct verify_secret *secret, struct refuse_why *why);
