/* dispatch: from an HTTP request to the envelope for a worker, or to the router's own answers: admin paths, preflight
 * requests of browsers, services that are not there. */
#include "router/dispatch.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "proto/access_key.h"
#include "proto/msg.h"
#include "router/admin.h"
#include "router/conn.h"
#include "router/pending.h"
#include "router/refuse.h"
#include "router/route.h"
#include "router/sigv4.h"

struct dispatch {
    struct admin *admin;
    struct pending *pending;
    struct arena *arena; /* of the request being dispatched */
    struct buf headers;  /* its header lines */
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

static bool is_dropped(slice name, bool body_decoded)
{
    for (size_t i = 0; i < sizeof dropped_headers / sizeof dropped_headers[0]; i++)
        if (dropped_headers[i].len == name.len && slice_eq_nocase(dropped_headers[i], name))
            return true;
    return body_decoded && slice_eq_nocase(name, S("content-encoding"));
}

/* "name: value\n" lines with names in lower case. */
static slice header_lines(struct dispatch *dispatch, const struct conn_request *request)
{
    struct buf *lines = &dispatch->headers;
    buf_clear(lines);
    for (size_t i = 0; i < request->head->n_headers; i++) {
        const struct pair *header = &request->head->headers[i];
        if (is_dropped(header->key, request->body_decoded))
            continue;
        char *at = buf_reserve(lines, header->key.len + header->value.len + 3);
        for (size_t j = 0; j < header->key.len; j++) {
            char c = header->key.ptr[j];
            *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        *at++ = ':';
        *at++ = ' ';
        memcpy(at, header->value.ptr, header->value.len);
        at[header->value.len] = '\n';
        lines->len += header->key.len + header->value.len + 3;
    }
    return buf_slice(lines);
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

/* The account that signed; requests that say nothing usable belong to the default one. */
static slice account_of(struct dispatch *dispatch, slice access_key)
{
    char account[13];
    if (!access_key_account(access_key, account))
        return S("123456789012");
    return arena_printf(dispatch->arena, "%s", account);
}

static void send_to_worker(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                           const struct sigv4_scope *scope, const struct route *route)
{
    const struct http1_request *head = request->head;
    struct msg msg = {
        .flags = route->readonly ? MSG_FLAG_READONLY : 0,
        .request_id = {exchange->request_id, 36},
        .origin = S("router"),
        .service = route->service->name,
        .operation = route->operation,
        .account = account_of(dispatch, scope->access_key),
        .region = scope->region.ptr ? scope->region : S("us-east-1"),
        .access_key = scope->access_key,
        .method = head->method,
        .path = route->path,
        .query = head->query,
        .headers = header_lines(dispatch, request),
        .host = head->host,
        .content_type = head->known[HTTP1_CONTENT_TYPE],
        .body = request->body,
        .body_file = request->body_file,
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

/* A browser asks whether a page may send a request; nothing here is secret. */
static bool answer_preflight(struct dispatch *dispatch, struct exchange *exchange, const struct http1_request *head)
{
    struct route route;
    if (!slice_eq(head->method, S("OPTIONS")) || !head->known[HTTP1_ORIGIN].ptr)
        return false;
    if (!header_value(head, S("access-control-request-method")).ptr)
        return false;
    route_find(head, &(struct sigv4_scope){0}, (slice){0}, &route);
    if (route.is_function)
        return false;
    slice asked = header_value(head, S("access-control-request-headers"));
    slice lines = arena_printf(dispatch->arena,
                               "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\n"
                               "Access-Control-Allow-Headers: %.*s\nAccess-Control-Max-Age: 3600\n",
                               SLICE_ARG(asked.ptr ? asked : S("*")));
    conn_answer(exchange, &(struct msg){.status = 204, .headers = lines});
    return true;
}

static void route_request(struct dispatch *dispatch, struct exchange *exchange, const struct conn_request *request,
                          const struct sigv4_scope *scope)
{
    struct route route;
    route_find(request->head, scope, request->body, &route);
    exchange->cors = exchange->cors && !route.is_function;
    if (!route.service)
        refuse_unknown(dispatch, exchange, &route);
    else if (!route.service->has_worker)
        refuse_missing(dispatch, exchange, &route);
    else
        send_to_worker(dispatch, exchange, request, scope, &route);
}

void dispatch_request(void *context, struct exchange *exchange, const struct conn_request *request)
{
    struct dispatch *dispatch = context;
    struct sigv4_scope scope;
    const char *why;
    if (sigv4_read(dispatch->arena, request->head, &scope, &why) != 0)
        refuse(dispatch, exchange, NULL, &(struct refuse_why){400, S("IncompleteSignatureException"), slice_of(why)});
    else if (!scope.present && admin_wants(request->head->path))
        admin_handle(dispatch->admin, exchange, request);
    else if (!answer_preflight(dispatch, exchange, request->head))
        route_request(dispatch, exchange, request, &scope);
    arena_reset(dispatch->arena);
}

/* The route as far as the head tells. */
static const struct route_service *service_of_head(struct dispatch *dispatch, const struct http1_request *head)
{
    struct sigv4_scope scope;
    struct route route;
    const char *why;
    if (sigv4_read(dispatch->arena, head, &scope, &why) != 0)
        return NULL;
    route_find(head, &scope, (slice){0}, &route);
    return route.service;
}

/* The encoding of an S3 object is part of the object. */
bool dispatch_decodes_body(void *context, const struct http1_request *head)
{
    struct dispatch *dispatch = context;
    const struct route_service *service = service_of_head(dispatch, head);
    bool form = slice_starts(head->known[HTTP1_CONTENT_TYPE], S("application/x-www-form-urlencoded"));
    arena_reset(dispatch->arena);
    return !service || !service->is_s3 || form;
}

void dispatch_refused(void *context, struct exchange *exchange, const struct http1_request *head, int status,
                      const char *why)
{
    struct dispatch *dispatch = context;
    const struct route_service *service = head ? service_of_head(dispatch, head) : NULL;
    refuse(dispatch, exchange, service, &(struct refuse_why){.status = (uint16_t)status, .message = slice_of(why)});
    arena_reset(dispatch->arena);
}

struct dispatch *dispatch_open(struct admin *admin, struct pending *pending)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch)
        abort();
    *dispatch = (struct dispatch){.admin = admin, .pending = pending, .arena = arena_open()};
    return dispatch;
}

void dispatch_close(struct dispatch *dispatch)
{
    arena_close(dispatch->arena);
    buf_deinit(&dispatch->headers);
    free(dispatch);
}
