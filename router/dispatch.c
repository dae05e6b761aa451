/* dispatch: from an HTTP request to the envelope for a worker, or to the router's own answers: admin paths, preflight
 * requests of browsers, services that are not there. */
#include "router/dispatch.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/hash.h"
#include "common/log.h"
#include "proto/api.h"
#include "proto/msg.h"
#include "router/accounts.h"
#include "router/admin.h"
#include "router/body.h"
#include "router/conn.h"
#include "router/guard.h"
#include "router/origin.h"
#include "router/pending.h"
#include "router/presigned.h"
#include "router/refuse.h"
#include "router/route.h"
#include "router/sigv4.h"
#include "router/upload.h"
#include "router/vhost.h"

enum { REPORTED = 32 /* as many different ones are worth a line in the log */ };

/* awssim's own paths, as if they were a service's. */
static const struct route_service own_service = {.name = S("awssim"), .title = S("awssim"), .protocol = API_RESTJSON};

struct dispatch {
    struct admin *admin;
    struct pending *pending;
    struct guard *guard; /* NULL: signatures are not verified */
    const struct origin_rules *origins;
    struct accounts *accounts;
    struct arena *arena;         /* of the request being dispatched */
    struct buf headers;          /* its header lines */
    uint64_t reported[REPORTED]; /* hashes of the refusals of foreign pages that were logged */
    size_t n_reported;
};

/* What concerns only this connection, has a field of its own in the envelope, or only the SDK's bookkeeping. */
static const slice dropped_headers[] = {
    {"host", 4},
    {"accept", 6},
    {"expect", 6},
    {"connection", 10},
    {"keep-alive", 10},
    {"content-type", 12},
    {"authorization", 13},
    {"content-length", 14},
    {"accept-encoding", 15},
    {"amz-sdk-request", 15},
    {"proxy-connection", 16},
    {"transfer-encoding", 17},
    {"amz-sdk-invocation-id", 21},
};

/* AWS's own signatures are spent here; credentials of another scheme are the service's business. */
static bool is_dropped(slice name, bool body_decoded, bool is_signed)
{
    if (!is_signed && slice_eq_nocase(name, S("authorization")))
        return false;
    for (size_t i = 0; i < sizeof dropped_headers / sizeof dropped_headers[0]; i++)
        if (dropped_headers[i].len == name.len && slice_eq_nocase(dropped_headers[i], name))
            return true;
    return body_decoded && slice_eq_nocase(name, S("content-encoding"));
}

/* "name: value\n" lines with names in lower case, into dispatch->headers. */
static void header_lines(struct dispatch *dispatch, const struct conn_request *request, bool is_signed)
{
    struct buf *lines = &dispatch->headers;
    buf_clear(lines);
    for (size_t i = 0; i < request->head->n_headers; i++) {
        const struct pair *header = &request->head->headers[i];
        if (is_dropped(header->key, request->body_decoded, is_signed))
            continue;
        slice value = header->value;
        if (request->unchunked && slice_eq_nocase(header->key, S("content-encoding")))
            value = upload_without_chunks(dispatch->arena, value);
        char *at = buf_reserve(lines, header->key.len + value.len + 3);
        for (size_t j = 0; j < header->key.len; j++) {
            char c = header->key.ptr[j];
            *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        *at++ = ':';
        *at++ = ' ';
        memcpy(at, value.ptr, value.len);
        at[value.len] = '\n';
        lines->len += header->key.len + value.len + 3;
    }
}

static void refuse(struct dispatch *dispatch, struct exchange *exchange, const struct route_service *service,
                   const struct refuse_why *why)
{
    struct msg reply;
    exchange->s3 = service && service->is_s3;
    refuse_fill(dispatch->arena, service, (slice){exchange->request_id, 36}, why, &reply);
    conn_answer(exchange, &reply);
}

/* The service is one of AWS's, but awssim has no worker for it. */
static void refuse_missing(struct dispatch *dispatch, struct exchange *exchange, const struct route *route)
{
    const struct route_service *service = route->service;
    slice message =
        route->operation.ptr
            ? arena_printf(dispatch->arena, "awssim does not implement the service %.*s (%.*s), asked for %.*s.",
                           SLICE_ARG(service->name), SLICE_ARG(service->title), SLICE_ARG(route->operation))
            : arena_printf(dispatch->arena, "awssim does not implement the service %.*s (%.*s).",
                           SLICE_ARG(service->name), SLICE_ARG(service->title));
    refuse(dispatch, exchange, service, &(struct refuse_why){.status = 501, .message = message});
}

static void refuse_unknown(struct dispatch *dispatch, struct exchange *exchange, const struct route *route)
{
    slice message = route->said.ptr
                        ? arena_printf(dispatch->arena, "'%.*s' is not the name of an AWS service that awssim knows.",
                                       SLICE_ARG(route->said))
                        : S("The request does not tell which AWS service it is for.");
    refuse(dispatch, exchange, NULL,
           &(struct refuse_why){.status = 400, .code = S("UnknownServiceException"), .message = message});
}

/* Members of the input are headers then. A function sees its own URL as it is. */
static bool speaks_rest(const struct route *route)
{
    uint8_t protocol = route->service->protocol;
    return !route->is_function && (protocol == API_RESTXML || protocol == API_RESTJSON);
}

static void send_to_worker(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                           const struct sigv4_scope *scope, const struct route *route)
{
    const struct http1_request *head = request->head;
    slice content_type = head->known[HTTP1_CONTENT_TYPE];
    header_lines(dispatch, request, scope->present);
    if (speaks_rest(route))
        presigned_add_headers(dispatch->arena, scope, head->query, &dispatch->headers, &content_type);
    struct msg msg = {
        .flags = route->readonly ? MSG_FLAG_READONLY : 0,
        .request_id = {exchange->request_id, 36},
        .origin = S("router"),
        .service = route->service->name,
        .operation = route->operation,
        .account = accounts_of(dispatch->accounts, dispatch->arena, scope->access_key),
        .region = scope->region.ptr ? scope->region : S("us-east-1"),
        .access_key = scope->access_key,
        .method = head->method,
        .path = route->path,
        .query = head->query,
        .headers = buf_slice(&dispatch->headers),
        .host = head->host,
        .content_type = content_type,
        .body = request->body,
        .body_file = request->body_file,
        .digests = request->digests,
        .trailers = request->trailers,
    };
    exchange->s3 = route->service->is_s3;
    pending_send(dispatch->pending, exchange, route->service, &msg);
}

static slice header_value(const struct http1_request *head, slice name)
{
    for (size_t i = 0; i < head->n_headers; i++)
        if (slice_eq_nocase(head->headers[i].key, name))
            return head->headers[i].value;
    return (slice){0};
}

static bool is_preflight(const struct http1_request *head)
{
    return slice_eq(head->method, S("OPTIONS")) && head->known[HTTP1_ORIGIN].ptr &&
           header_value(head, S("access-control-request-method")).ptr;
}

/* A browser asks whether a page may send a request; nothing here is secret. */
static void answer_preflight(struct dispatch *dispatch, struct exchange *exchange, const struct http1_request *head)
{
    slice asked = header_value(head, S("access-control-request-headers"));
    slice lines = arena_printf(dispatch->arena,
                               "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\n"
                               "Access-Control-Allow-Headers: %.*s\nAccess-Control-Max-Age: 3600\n",
                               SLICE_ARG(asked.ptr ? asked : S("*")));
    conn_answer(exchange, &(struct msg){.status = 204, .headers = lines});
}

/* To the worker, if its signature lets it pass. */
static void admit(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                  const struct sigv4_scope *scope, const struct route *route)
{
    struct verify_claim claim = {.scope = scope, .route = route};
    struct refuse_why why;
    int result = dispatch->guard ? guard_check(dispatch->guard, dispatch->arena, exchange, request, &claim, &why) : 0;
    if (result == 0)
        send_to_worker(dispatch, exchange, request, scope, route);
    else if (result != GUARD_WAITS)
        refuse(dispatch, exchange, route->service, &why);
}

/* What a bucket's host name or S3's own prefix say stands in the path that the worker sees. */
static void find_route(struct dispatch *dispatch, const struct http1_request *head, const struct sigv4_scope *scope,
                       slice body, struct route *route)
{
    slice bucket = vhost_bucket(head->host);
    route_find(head, scope, body, route);
    if (bucket.ptr && route->service && route->service->is_s3)
        route->path = arena_printf(dispatch->arena, "/%.*s%.*s", SLICE_ARG(bucket), SLICE_ARG(route->path));
}

static void route_request(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                          const struct sigv4_scope *scope)
{
    struct route route;
    find_route(dispatch, request->head, scope, request->body, &route);
    bool of_bucket = route.service && route.service->is_s3 && route.service->has_worker && route.path.len > 1;
    exchange->cors = exchange->cors && !route.is_function;
    if (is_preflight(request->head) && !of_bucket && !route.is_function)
        answer_preflight(dispatch, exchange, request->head);
    else if (!route.service)
        refuse_unknown(dispatch, exchange, &route);
    else if (!route.service->has_worker)
        refuse_missing(dispatch, exchange, &route);
    else
        admit(dispatch, exchange, request, scope, &route);
}

/* Of awssim's own paths; in a bucket's own host name they are keys. */
static bool is_admin(const struct http1_request *head, const struct sigv4_scope *scope)
{
    return admin_wants(head->path, scope->present) && !vhost_bucket(head->host).ptr;
}

/* As far as these tell; without a body, as far as the head does. */
static void route_of(struct dispatch *dispatch, const struct http1_request *head, slice body, struct route *route)
{
    struct sigv4_scope scope;
    const char *why;
    *route = (struct route){0};
    if (sigv4_read(dispatch->arena, head, &scope, &why) != 0)
        return;
    if (is_admin(head, &scope))
        *route = (struct route){.service = &own_service, .path = head->path, .readonly = true};
    else
        route_find(head, &scope, body, route);
}

static const struct route_service *service_of(struct dispatch *dispatch, const struct http1_request *head, slice body)
{
    struct route route;
    route_of(dispatch, head, body, &route);
    return route.service;
}

/* GET and HEAD: with whatever parameters, nothing is changed. What a function does is its owner's business. */
static bool only_reads(struct dispatch *dispatch, const struct http1_request *head)
{
    struct route route;
    route_of(dispatch, head, (slice){0}, &route);
    return route.is_function || route.readonly;
}

/* Whoever develops such a page sees only that its request has failed: browsers do not show it the answer. */
static void report_foreign(struct dispatch *dispatch, slice message)
{
    uint64_t hash = hash_bytes(message);
    for (size_t i = 0; i < dispatch->n_reported; i++)
        if (dispatch->reported[i] == hash)
            return;
    if (dispatch->n_reported == REPORTED)
        return;
    dispatch->reported[dispatch->n_reported++] = hash;
    log_warn("refused: %.*s", SLICE_ARG(message));
}

/* Whether the request comes from a place that none may come from; then *why says it. */
static bool is_foreign(struct dispatch *dispatch, const struct http1_request *head, struct refuse_why *why)
{
    enum origin_verdict verdict = origin_judge(dispatch->arena, dispatch->origins, head);
    if (verdict == ORIGIN_FINE || (verdict == ORIGIN_IF_READ && only_reads(dispatch, head)))
        return false;
    *why = (struct refuse_why){.status = 403, .message = origin_refusal(dispatch->arena, verdict, head)};
    report_foreign(dispatch, why->message);
    return true;
}

/* No page of another site may read the answer either. */
static void refuse_foreign(struct dispatch *dispatch, struct exchange *exchange, const struct route_service *service,
                           const struct refuse_why *why)
{
    exchange->cors = exchange->lan = false;
    refuse(dispatch, exchange, service, why);
}

/* With verified signatures awssim's own paths are for roots. Whoever runs it has a socket that nobody else can use. */
static void serve_admin(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                        const struct sigv4_scope *scope)
{
    struct route route = {.service = &own_service, .path = request->head->path};
    struct verify_claim claim = {.scope = scope, .route = &route};
    struct refuse_why why;
    bool open = !dispatch->guard || exchange->trusted || admin_is_public(request->head->path);
    if (open || guard_check_root(dispatch->guard, dispatch->arena, request, &claim, &why) == 0)
        admin_handle(dispatch->admin, exchange, request);
    else
        refuse(dispatch, exchange, &own_service, &why);
}

void dispatch_request(void *context, struct exchange *exchange, const struct conn_request *request)
{
    struct dispatch *dispatch = context;
    const struct http1_request *head = request->head;
    struct sigv4_scope scope;
    struct refuse_why foreign;
    const char *why;
    exchange->lan = is_preflight(head) && header_value(head, S("access-control-request-private-network")).ptr;
    if (is_foreign(dispatch, head, &foreign))
        refuse_foreign(dispatch, exchange, service_of(dispatch, head, request->body), &foreign);
    else if (sigv4_read(dispatch->arena, head, &scope, &why) != 0)
        refuse(dispatch, exchange, NULL, &(struct refuse_why){400, S("IncompleteSignatureException"), slice_of(why)});
    else if (is_admin(head, &scope))
        serve_admin(dispatch, exchange, request, &scope);
    else
        route_request(dispatch, exchange, request, &scope);
    arena_reset(dispatch->arena);
}

/* What is signed of a body: its hash, or those of S3's chunks. */
static void plan_verification(const struct route_service *service, const struct http1_request *head,
                              struct body_plan *plan)
{
    bool s3 = service && service->is_s3;
    plan->hash_wire = !s3 && plan->gunzip;
    if (!s3 && !plan->gunzip)
        plan->algorithms |= DIGEST_SHA256;
    plan->mark_chunks = s3 && slice_starts(header_value(head, S("x-amz-content-sha256")), S("STREAMING-AWS4-HMAC-"));
}

void dispatch_plan_body(void *context, const struct http1_request *head, struct body_plan *plan)
{
    struct dispatch *dispatch = context;
    const struct route_service *service = service_of(dispatch, head, (slice){0});
    struct refuse_why why;
    upload_plan(service, head, plan);
    plan->forbidden = is_foreign(dispatch, head, &why);
    if (dispatch->guard)
        plan_verification(service, head, plan);
    arena_reset(dispatch->arena);
}

bool dispatch_is_urgent(void *context, const struct http1_request *head)
{
    (void)context;
    return admin_wants(head->path, false) && !vhost_bucket(head->host).ptr;
}

void dispatch_refused(void *context, struct exchange *exchange, const struct http1_request *head,
                      const struct refuse_why *why)
{
    struct dispatch *dispatch = context;
    const struct route_service *service = head ? service_of(dispatch, head, (slice){0}) : NULL;
    struct refuse_why foreign;
    if (head && is_foreign(dispatch, head, &foreign))
        refuse_foreign(dispatch, exchange, service, &foreign);
    else
        refuse(dispatch, exchange, service, why);
    arena_reset(dispatch->arena);
}

struct dispatch *dispatch_open(struct admin *admin, struct pending *pending, struct secrets *secrets,
                               const struct origin_rules *origins)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch)
        abort();
    *dispatch = (struct dispatch){
        .admin = admin, .pending = pending, .origins = origins, .accounts = accounts_open(), .arena = arena_open()};
    if (secrets)
        dispatch->guard = guard_open(&(struct guard_config){
            .secrets = secrets, .again = dispatch_request, .refused = dispatch_refused, .context = dispatch});
    return dispatch;
}

void dispatch_close(struct dispatch *dispatch)
{
    if (dispatch->guard)
        guard_close(dispatch->guard);
    accounts_close(dispatch->accounts);
    arena_close(dispatch->arena);
    buf_deinit(&dispatch->headers);
    free(dispatch);
}
