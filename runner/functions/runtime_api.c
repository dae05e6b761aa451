/* runtime_api: what runtimes and extensions ask of an environment: events, and where answers go. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/time.h"
#include "runner/peer.h"

enum { ACCEPTED = 202, BAD = 400, FORBIDDEN = 403, NOT_KNOWN = 404, TOO_LARGE = 413 };

static const slice json_type = S("application/json");

static void accept_it(struct http_conn *conn)
{
    http_answer(conn, ACCEPTED, (slice){NULL, 0}, json_type, S("{\"status\":\"OK\"}"));
}

static void refuse(struct http_conn *conn, int status, const char *type, const char *message)
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
        refuse(conn, FORBIDDEN, "InvalidStateTransition", "State transition is not allowed");
    else
        refuse(conn, BAD, "InvalidRequestID", "Invalid request ID");
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
    accept_it(conn);
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
        refuse(conn, TOO_LARGE, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).");
    else
        accept_it(conn);
}

static void runtime_error(struct environment *environment, struct http_conn *conn, const struct http_request *request,
                          slice id)
{
    if (!check_id(environment, conn, id))
        return;
    slice type = http_header(request, S("lambda-runtime-function-error-type"));
    environment_answer(environment, type.len > 0 ? type : S("Runtime.Unknown"), json_type, request->body,
                       request->body_bytes);
    accept_it(conn);
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
    for (size_t i = 0; i < environment->n_extensions; i++) {
        struct extension *extension = &environment->extensions[i];
        if (!extension->wants_invoke || !extension->waits)
            continue;
        struct http_conn *waits = extension->waits;
        extension->waits = NULL;
        slice body = arena_printf(invocation->arena,
                                  "{\"eventType\":\"INVOKE\",\"deadlineMs\":%lld,\"requestId\":\"%.*s\","
                                  "\"invokedFunctionArn\":\"%.*s\",\"tracing\":{\"type\":\"X-Amzn-Trace-Id\",\"value\":"
                                  "\"%.*s\"}}",
                                  (long long)invocation->deadline_ms, SLICE_ARG(invocation->id),
                                  SLICE_ARG(invocation->arn), SLICE_ARG(invocation->trace));
        slice id = arena_printf(invocation->arena, "Lambda-Extension-Event-Identifier: %.*s\r\n",
                                SLICE_ARG(ids_uuid(invocation->arena)));
        http_answer(waits, 200, id, json_type, body);
    }
    http_answer(conn, 200, buf_slice(&headers), json_type, invocation->payload);
}

/* The extensions' side */

static struct extension *find_extension(struct environment *environment, const struct http_request *request)
{
    slice id = http_header(request, S("lambda-extension-identifier"));
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (slice_eq(slice_of(environment->extensions[i].id), id))
            return &environment->extensions[i];
    }
    return NULL;
}

bool runtime_api_extensions_ready(const struct environment *environment)
{
    if (environment->n_extensions < environment->n_expected)
        return false;
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (!environment->extensions[i].waits)
            return false;
    }
    return true;
}

static void read_events(const struct http_request *request, struct extension *extension)
{
    struct arena *arena = arena_open();
    struct val body;
    slice why;
    const struct val *events = json_parse(arena, request->body, &body, &why) == 0 ? val_get(&body, S("events")) : NULL;
    for (size_t i = 0; events && events->type == VAL_ARRAY && i < events->array.len; i++) {
        if (events->array.items[i].type != VAL_STRING)
            continue;
        extension->wants_invoke |= slice_eq(events->array.items[i].string, S("INVOKE"));
        extension->wants_shutdown |= slice_eq(events->array.items[i].string, S("SHUTDOWN"));
    }
    arena_close(arena);
}

static void register_extension(struct environment *environment, struct http_conn *conn,
                               const struct http_request *request)
{
    slice name = http_header(request, S("lambda-extension-name"));
    const struct val *doc = &environment->blueprint->doc;
    if (name.len == 0 || environment->state != ENVIRONMENT_INIT) {
        refuse(conn, FORBIDDEN, "Extension.RegistrationError", "Extensions can only be registered at the start");
        return;
    }
    if (environment->n_extensions == FUNCTIONS_MAX_EXTENSIONS) {
        refuse(conn, FORBIDDEN, "Extension.TooManyExtensions", "Extension limit (10) reached");
        return;
    }
    struct extension *extension = &environment->extensions[environment->n_extensions++];
    struct arena *arena = arena_open();
    ids_uuid_to(extension->id);
    extension->name = slice_dup(environment->arena, name);
    read_events(request, extension);
    http_answer(conn, 200, arena_printf(arena, "Lambda-Extension-Identifier: %s\r\n", extension->id), json_type,
                arena_printf(arena, "{\"functionName\":\"%.*s\",\"functionVersion\":\"%.*s\",\"handler\":\"%.*s\"}",
                             SLICE_ARG(val_get_string(doc, S("name"))), SLICE_ARG(val_get_string(doc, S("version"))),
                             SLICE_ARG(val_get_string(doc, S("handler")))));
    arena_close(arena);
}

static void extension_next(struct environment *environment, struct http_conn *conn, struct extension *extension)
{
    if (extension->event.ptr) {
        slice event = extension->event;
        extension->event = (slice){NULL, 0};
        http_answer(conn, 200, (slice){NULL, 0}, json_type, event);
        return;
    }
    extension->waits = conn;
    environment_advance(environment);
}

void runtime_api_shutdown(struct environment *environment, const char *reason)
{
    slice body =
        arena_printf(environment->arena, "{\"eventType\":\"SHUTDOWN\",\"shutdownReason\":\"%s\",\"deadlineMs\":%lld}",
                     reason, (long long)time_now_ms() + 2000);
    for (size_t i = 0; i < environment->n_extensions; i++) {
        struct extension *extension = &environment->extensions[i];
        struct http_conn *waits = extension->waits;
        extension->waits = NULL;
        if (!extension->wants_shutdown)
            continue;
        if (waits)
            http_answer(waits, 200, (slice){NULL, 0}, json_type, body);
        else
            extension->event = body; /* it is busy with an invocation */
    }
}

static void extension_request(struct environment *environment, struct http_conn *conn,
                              const struct http_request *request, slice what)
{
    if (slice_eq(what, S("register"))) {
        register_extension(environment, conn, request);
        return;
    }
    struct extension *extension = find_extension(environment, request);
    if (!extension)
        refuse(conn, FORBIDDEN, "Extension.UnknownExtensionIdentifier", "Unknown extension identifier");
    else if (slice_eq(what, S("event/next")))
        extension_next(environment, conn, extension);
    else if (slice_eq(what, S("init/error")) || slice_eq(what, S("exit/error"))) {
        slice type = http_header(request, S("lambda-extension-function-error-type"));
        environment_init_error(environment, type.len > 0 ? type : S("Extension.Crash"), request->body);
        accept_it(conn);
    } else
        refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

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
        accept_it(conn);
        return;
    }
    if (slice_starts(what, S("invocation/"))) {
        slice_cut(slice_sub(what, sizeof("invocation/") - 1, what.len), '/', &id, &what);
        if (slice_eq(what, S("response")))
            runtime_response(environment, conn, request, id);
        else if (slice_eq(what, S("error")))
            runtime_error(environment, conn, request, id);
        else
            refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
        return;
    }
    refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

static void on_request(void *context, struct http_conn *conn, const struct http_request *request)
{
    static const slice runtime = S("/2018-06-01/runtime/"), extension = S("/2020-01-01/extension/");
    struct environment *environment = context;
    if (slice_starts(request->path, runtime))
        runtime_request(environment, conn, request, slice_sub(request->path, runtime.len, request->path.len));
    else if (slice_starts(request->path, extension))
        extension_request(environment, conn, request, slice_sub(request->path, extension.len, request->path.len));
    else if (slice_eq(request->path, S("/2022-07-01/telemetry")) || slice_eq(request->path, S("/2020-08-15/logs")))
        /* What AWS's own emulator says; extensions go on without. */
        http_answer(
            conn, ACCEPTED, (slice){NULL, 0}, json_type,
            S("{\"errorMessage\":\"Telemetry API is not supported\",\"errorType\":\"Telemetry.NotSupported\"}"));
    else
        refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

/* Said by the runtime, or shown by a length that it does not know yet, as AWS's client for Go does. */
static bool is_streamed(const struct http_request *request)
{
    return slice_eq_nocase(http_header(request, S("lambda-runtime-function-response-mode")), S("streaming")) ||
           slice_eq_nocase(http_header(request, S("transfer-encoding")), S("chunked"));
}

static bool on_head(void *context, struct http_conn *conn, const struct http_request *request)
{
    static const slice before = S("/2018-06-01/runtime/invocation/");
    struct environment *environment = context;
    const struct invocation *invocation = environment->invocation;
    slice id, what;
    if (!slice_starts(request->path, before) || !invocation || !invocation->delivered || environment->streams ||
        !is_streamed(request))
        return false;
    slice_cut(slice_sub(request->path, before.len, request->path.len), '/', &id, &what);
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
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (environment->extensions[i].waits == conn)
            environment->extensions[i].waits = NULL;
    }
}

/* The address is open to every process of this machine, and to the other functions. */
static bool admits(void *context, int fd)
{
    struct environment *environment = context;
    if (environment->container && peer_descends_from(fd, environment->container->pid))
        return true;
    if (!environment->warned)
        log_warn("something outside of an environment of %.*s has tried to use its Runtime API",
                 SLICE_ARG(val_get_string(&environment->blueprint->doc, S("name"))));
    environment->warned = true;
    return false;
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
