/* runtime_api: what runtimes and extensions ask of an environment: events, and where answers go. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/limits.h"
#include "common/log.h"
#include "runner/peer.h"

enum { ACCEPTED = 202, BAD = 400, FORBIDDEN = 403, NOT_KNOWN = 404, TOO_LARGE = 413 };

static const slice json_type = S("application/json");

void runtime_api_accept(struct http_conn *conn)
{
    http_answer(conn, ACCEPTED, (slice){NULL, 0}, json_type, S("{\"status\":\"OK\"}"));
}

void runtime_api_refuse(struct http_conn *conn, int status, const char *type, const char *message)
{
    struct arena *arena = arena_open();
    http_answer(conn, status, (slice){NULL, 0}, json_type,
                arena_printf(arena, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}", message, type));
    arena_close(arena);
}

/* The runtime's side */

static void runtime_next(struct environment *environment, struct http_conn *conn)
{
    environment->waits = conn;
    if (environment->truncated)
        environment_truncated(environment);
    else if (!environment->invocation || !environment->invocation->delivered)
        environment_advance(environment);
    /* If it asks for the next event and owes an answer, the deadline decides. */
}

/* The id must be the running invocation's, and it must not have been answered. */
static bool check_id(struct environment *environment, struct http_conn *conn, slice id)
{
    if (environment->invocation && environment->invocation->delivered && slice_eq(environment->invocation->id, id))
        return true;
    if (environment->last_id.ptr && slice_eq(environment->last_id, id))
        runtime_api_refuse(conn, FORBIDDEN, "InvalidStateTransition", "State transition is not allowed");
    else
        runtime_api_refuse(conn, BAD, "InvalidRequestID", "Invalid request ID");
    return false;
}

/* The end of a response in pieces, with the function's error in trailers if there is one. */
static void streamed_response(struct environment *environment, struct http_conn *conn,
                              const struct http_request *request)
{
    struct arena *arena = arena_open();
    slice type = http_trailer(request, S("lambda-runtime-function-error-type")), document = S("");
    slice body = http_trailer(request, S("lambda-runtime-function-error-body"));
    if (body.ptr && base64_decode(arena, body, &document) != 0)
        document = body;
    environment_answer(environment, type.len > 0 ? type : (slice){NULL, 0}, json_type, document, 0);
    runtime_api_accept(conn);
    arena_close(arena);
}

static void runtime_response(struct environment *environment, struct http_conn *conn,
                             const struct http_request *request, slice id)
{
    if (environment->streams == conn) {
        streamed_response(environment, conn, request);
        return;
    }
    if (!check_id(environment, conn, id))
        return;
    if (http_trailer(request, S("lambda-runtime-function-error-type")).len > 0) {
        streamed_response(environment, conn, request);
        return;
    }
    environment_answer(environment, (slice){NULL, 0}, http_header(request, S("content-type")), request->body,
                       request->body_bytes);
    if (request->body_bytes > LIMIT_LAMBDA_PAYLOAD_BYTES)
        runtime_api_refuse(conn, TOO_LARGE, "RequestEntityTooLarge",
                           "Exceeded maximum allowed payload size (6291556 bytes).");
    else
        runtime_api_accept(conn);
}

static void runtime_error(struct environment *environment, struct http_conn *conn, const struct http_request *request,
                          slice id)
{
    if (!check_id(environment, conn, id))
        return;
    slice type = http_header(request, S("lambda-runtime-function-error-type"));
    environment_answer(environment, type.len > 0 ? type : S("Runtime.Unknown"), json_type, request->body,
                       request->body_bytes);
    runtime_api_accept(conn);
}

/* One line, whatever is in the value; none without one. */
static void add_header(struct buf *headers, const char *name, slice value)
{
    if (value.len == 0)
        return;
    buf_printf(headers, "%s: ", name);
    for (size_t i = 0; i < value.len; i++)
        buf_add_char(headers, (unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f ? ' ' : value.ptr[i]);
    buf_add(headers, S("\r\n"));
}

void runtime_api_deliver(struct environment *environment)
{
    const struct invocation *invocation = environment->invocation;
    struct http_conn *conn = environment->waits;
    struct buf headers;
    buf_init(&headers, invocation->arena);
    buf_printf(&headers, "Lambda-Runtime-Deadline-Ms: %lld\r\n", (long long)invocation->deadline_ms);
    add_header(&headers, "Lambda-Runtime-Aws-Request-Id", invocation->id);
    add_header(&headers, "Lambda-Runtime-Invoked-Function-Arn", invocation->arn);
    add_header(&headers, "Lambda-Runtime-Trace-Id", invocation->trace);
    add_header(&headers, "Lambda-Runtime-Client-Context", invocation->client_context);
    environment->waits = NULL;
    extensions_deliver(environment);
    http_answer(conn, 200, buf_slice(&headers), json_type, invocation->payload);
}

/* Paths */

static void runtime_request(struct environment *environment, struct http_conn *conn, const struct http_request *request,
                            slice what)
{
    slice id;
    if (slice_eq(what, S("invocation/next")) && slice_eq(request->method, S("GET"))) {
        runtime_next(environment, conn);
        return;
    }
    if (slice_eq(what, S("init/error"))) {
        environment_init_error(environment, http_header(request, S("lambda-runtime-function-error-type")),
                               request->body);
        runtime_api_accept(conn);
        return;
    }
    if (slice_starts(what, S("invocation/"))) {
        slice_cut(slice_sub(what, sizeof("invocation/") - 1, what.len), '/', &id, &what);
        if (slice_eq(what, S("response")))
            runtime_response(environment, conn, request, id);
        else if (slice_eq(what, S("error")))
            runtime_error(environment, conn, request, id);
        else
            runtime_api_refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
        return;
    }
    runtime_api_refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

static const slice invocation_path = S("/2018-06-01/runtime/invocation/");

/* Of a connection that is closed already at the other end, only what names the running invocation is taken: nobody
 * outside knows its id. */
static bool is_proven(const struct environment *environment, const struct http_request *request)
{
    const struct invocation *invocation = environment->invocation;
    slice rest = slice_sub(request->path, invocation_path.len, request->path.len);
    return !request->unproven || (slice_starts(request->path, invocation_path) && invocation && invocation->delivered &&
                                  slice_starts(rest, invocation->id));
}

static void on_request(void *context, struct http_conn *conn, const struct http_request *request)
{
    static const slice runtime = S("/2018-06-01/runtime/"), extension = S("/2020-01-01/extension/");
    struct environment *environment = context;
    if (!is_proven(environment, request))
        runtime_api_refuse(conn, FORBIDDEN, "AccessDenied", "Access denied");
    else if (slice_starts(request->path, runtime))
        runtime_request(environment, conn, request, slice_sub(request->path, runtime.len, request->path.len));
    else if (slice_starts(request->path, extension))
        extensions_request(environment, conn, request, slice_sub(request->path, extension.len, request->path.len));
    else if (extensions_is_subscription(request))
        extensions_subscribe(environment, conn, request);
    else
        runtime_api_refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

/* Said by the runtime, or shown by a length that it does not know yet, as AWS's client for Go does. */
static bool is_streamed(const struct http_request *request)
{
    return slice_eq_nocase(http_header(request, S("lambda-runtime-function-response-mode")), S("streaming")) ||
           slice_eq_nocase(http_header(request, S("transfer-encoding")), S("chunked"));
}

static bool on_head(void *context, struct http_conn *conn, const struct http_request *request)
{
    struct environment *environment = context;
    const struct invocation *invocation = environment->invocation;
    slice id, what;
    if (!slice_starts(request->path, invocation_path) || !invocation || !invocation->delivered ||
        environment->streams || !is_streamed(request))
        return false;
    slice_cut(slice_sub(request->path, invocation_path.len, request->path.len), '/', &id, &what);
    if (!slice_eq(id, invocation->id) || !slice_eq(what, S("response")) ||
        !environment_stream_begin(environment, http_header(request, S("content-type"))))
        return false;
    environment->streams = conn;
    return true;
}

static void on_piece(void *context, struct http_conn *conn, slice bytes)
{
    struct environment *environment = context;
    if (environment->streams == conn) /* else the invocation is over */
        environment_stream_add(environment, bytes);
}

static void on_gone(void *context, struct http_conn *conn)
{
    struct environment *environment = context;
    if (environment->streams == conn) {
        environment->streams = NULL;
        environment->truncated = true;
        if (environment->waits)
            environment_truncated(environment);
    }
    if (environment->waits == conn)
        environment->waits = NULL;
    extensions_gone(environment, conn);
}

/* The address is open to every process of this machine, and to the other functions. */
static enum http_admission admits(void *context, int fd)
{
    struct environment *environment = context;
    enum peer peer = environment->container ? peer_of(fd, environment->container->pid) : PEER_FOREIGN;
    if (peer != PEER_FOREIGN)
        return peer == PEER_BELOW ? HTTP_ADMITTED : HTTP_UNPROVEN;
    if (!environment->warned)
        log_warn("something outside of an environment of %.*s has tried to use its Runtime API",
                 SLICE_ARG(val_get_string(&environment->blueprint->doc, S("name"))));
    environment->warned = true;
    return HTTP_REFUSED;
}

bool runtime_api_open(struct environment *environment)
{
    const struct http_config config = {
        .loop = environment->blueprint->functions->runner->loop,
        .body_limit = LIMIT_LAMBDA_PAYLOAD_BYTES + 1,
        .admits = admits,
        .on_request = on_request,
        .on_head = on_head,
        .on_piece = on_piece,
        .on_gone = on_gone,
        .context = environment,
    };
    environment->server = http_open(&config, &environment->port);
    return environment->server != NULL;
}
