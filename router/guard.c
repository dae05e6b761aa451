/* guard: see guard.h. */
#include "router/guard.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/time.h"
#include "router/awschunk.h"
#include "router/conn.h"
#include "router/route.h"
#include "router/secrets.h"

enum { HELD_BYTES = 64 * 1024 * 1024 /* of waiting requests; more are refused */ };

struct guard {
    struct guard_config config;
    struct waiting *first;
    size_t held_bytes;
};

/* A request whose key is asked for, with all that it borrowed. */
struct waiting {
    struct waiting *next;
    struct guard *guard;
    struct exchange *exchange;
    struct secrets_question *question;
    struct arena *arena;
    size_t bytes; /* it holds about so many */
    const struct route_service *service;
    struct http1_request head;
    struct conn_request request;
};

struct guard *guard_open(const struct guard_config *config)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        abort();
    guard->config = *config;
    return guard;
}

static void leave(struct waiting *waiting)
{
    struct waiting **at = &waiting->guard->first;
    while (*at != waiting)
        at = &(*at)->next;
    *at = waiting->next;
    waiting->guard->held_bytes -= waiting->bytes;
    waiting->exchange->owner = NULL;
    waiting->exchange->on_gone = NULL;
}

void guard_close(struct guard *guard)
{
    while (guard->first) {
        struct waiting *waiting = guard->first;
        guard->first = waiting->next;
        secrets_forget(waiting->question);
        arena_close(waiting->arena);
    }
    free(guard);
}

static void on_gone(struct exchange *exchange)
{
    struct waiting *waiting = exchange->owner;
    leave(waiting);
    secrets_forget(waiting->question);
    arena_close(waiting->arena);
}

static void refuse_unknown(struct arena *arena, const struct route_service *service, slice access_key,
                           enum secrets_outcome outcome, struct refuse_why *why)
{
    if (outcome == SECRETS_NOBODY) {
        *why = (struct refuse_why){.status = 503,
                                   .message = S("The worker that knows the access key did not answer in time.")};
        return;
    }
    verify_refuse(service, outcome == SECRETS_EXPIRED ? VERIFY_EXPIRED : VERIFY_UNKNOWN, (slice){0}, why);
    if (!service->is_s3 || outcome == SECRETS_EXPIRED)
        return;
    struct pair_list *details = arena_alloc(arena, sizeof *details);
    *(struct pair *)list_add(arena, details) = (struct pair){S("AWSAccessKeyId"), access_key};
    why->details = details;
}

static void on_answer(void *context, enum secrets_outcome outcome)
{
    struct waiting *waiting = context;
    const struct guard_config *config = &waiting->guard->config;
    struct refuse_why why;
    leave(waiting);
    if (outcome == SECRETS_FOUND) {
        config->again(config->context, waiting->exchange, &waiting->request);
    } else {
        struct sigv4_scope scope;
        const char *ignored;
        sigv4_read(waiting->arena, &waiting->head, &scope, &ignored);
        refuse_unknown(waiting->arena, waiting->service, scope.access_key, outcome, &why);
        config->refused(config->context, waiting->exchange, &waiting->head, &why);
    }
    arena_close(waiting->arena);
}

/* The request's own copies: what it borrows is gone when the connection goes on. */
static void keep(struct waiting *waiting, const struct conn_request *request)
{
    struct arena *arena = waiting->arena;
    slice head = slice_dup(arena, request->head_bytes);
    http1_parse(head, &waiting->head);
    waiting->request = *request;
    waiting->request.head = &waiting->head;
    waiting->request.head_bytes = head;
    waiting->request.body = slice_dup(arena, request->body);
    waiting->request.body_file = slice_dup(arena, request->body_file);
    waiting->request.digests = slice_dup(arena, request->digests);
    waiting->request.trailers = slice_dup(arena, request->trailers);
    if (request->n_chunks > 0)
        waiting->request.chunks = arena_copy(arena, request->chunks, request->n_chunks * sizeof *request->chunks);
}

static int wait_for(struct guard *guard, struct exchange *exchange, const struct conn_request *request,
                    const struct verify_claim *claim, struct refuse_why *why)
{
    size_t bytes = request->head_bytes.len + request->body.len + request->n_chunks * sizeof *request->chunks;
    if (guard->held_bytes + bytes > HELD_BYTES) {
        *why = (struct refuse_why){.status = 503, .message = S("Too many requests wait for their access keys.")};
        return BAD_INPUT;
    }
    struct arena *arena = arena_open();
    struct waiting *waiting = arena_alloc(arena, sizeof *waiting);
    waiting->next = guard->first;
    guard->first = waiting;
    guard->held_bytes += bytes;
    waiting->bytes = bytes;
    waiting->guard = guard;
    waiting->exchange = exchange;
    waiting->arena = arena;
    waiting->service = claim->route->service;
    keep(waiting, request);
    exchange->owner = waiting;
    exchange->on_gone = on_gone;
    waiting->question = secrets_ask(guard->config.secrets, claim->scope->access_key, on_answer, waiting);
    return GUARD_WAITS;
}

int guard_check(struct guard *guard, struct arena *arena, struct exchange *exchange, const struct conn_request *request,
                const struct verify_claim *claim, struct refuse_why *why)
{
    int64_t now_ms = time_now_ms();
    struct verify_claim read = *claim;
    struct verify_secret secret;
    if (!claim->scope->present) {
        if (verify_may_be_unsigned(request, claim->route))
            return 0;
        verify_refuse(claim->route->service, VERIFY_MISSING, (slice){0}, why);
        return BAD_INPUT;
    }
    TRY(verify_read(arena, request, now_ms, &read, why));
    enum secrets_outcome outcome = secrets_find(guard->config.secrets, claim->scope->access_key, now_ms, &secret);
    if (outcome == SECRETS_NOT_HERE)
        return wait_for(guard, exchange, request, claim, why);
    if (outcome == SECRETS_FOUND)
        return verify_check(arena, request, &read, &secret, why);
    refuse_unknown(arena, claim->route->service, claim->scope->access_key, outcome, why);
    return BAD_INPUT;
}

int guard_check_root(struct guard *guard, struct arena *arena, const struct conn_request *request,
                     const struct verify_claim *claim, struct refuse_why *why)
{
    int64_t now_ms = time_now_ms();
    struct verify_claim read = *claim;
    struct verify_secret secret;
    if (!claim->scope->present || !secrets_find_root(guard->config.secrets, claim->scope->access_key, &secret)) {
        *why = (struct refuse_why){
            .status = 403,
            .message =
                S("This path needs a signature with a root key (--root-keys) while signatures are verified: curl "
                  "--aws-sigv4 aws:amz:us-east-1:awssim --user KEY:SECRET. awssimctl needs none.")};
        return BAD_INPUT;
    }
    TRY(verify_read(arena, request, now_ms, &read, why));
    return verify_check(arena, request, &read, &secret, why);
}
