/* extensions: what extensions ask of an environment: to be registered, the next event, and telemetry. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/ids.h"
#include "common/time.h"
#include "runner/functions/telemetry.h"

enum { FORBIDDEN = 403, NOT_KNOWN = 404, EVENT_BYTES = 1024 };

static const slice json_type = S("application/json");
static const slice telemetry_path = S("/2022-07-01/telemetry"), logs_path = S("/2020-08-15/logs");

/* Who asks; NULL when it has been refused. */
static struct extension *find_asking(struct environment *environment, struct http_conn *conn,
                                     const struct http_request *request)
{
    slice id = http_header(request, S("lambda-extension-identifier"));
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (slice_eq(slice_of(environment->extensions[i].id), id))
            return &environment->extensions[i];
    }
    if (id.len == 0)
        runtime_api_refuse(conn, FORBIDDEN, "Extension.MissingExtensionIdentifier",
                           "Missing Lambda-Extension-Identifier header");
    else if (id.len != sizeof(environment->extensions[0].id) - 1)
        runtime_api_refuse(conn, FORBIDDEN, "Extension.InvalidExtensionIdentifier",
                           "Invalid Lambda-Extension-Identifier");
    else
        runtime_api_refuse(conn, FORBIDDEN, "Extension.UnknownExtensionIdentifier", "Unknown extension identifier");
    return NULL;
}

bool extensions_ready(const struct environment *environment)
{
    if (environment->n_extensions < environment->n_expected)
        return false;
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (!environment->extensions[i].waits)
            return false;
    }
    return true;
}

/* {"events": [...]}; false when it is something else or names an unknown event. */
static bool read_events(const struct http_request *request, struct extension *extension, const char **type)
{
    struct arena *arena = arena_open();
    struct val body;
    slice why;
    bool ok = json_parse(arena, request->body, &body, &why) == 0 && body.type == VAL_OBJECT;
    const struct val *events = ok ? val_get(&body, S("events")) : NULL;
    ok = ok && (!events || events->type == VAL_NULL || events->type == VAL_ARRAY);
    *type = "InvalidRequestFormat";
    for (size_t i = 0; ok && events && events->type == VAL_ARRAY && i < events->array.len; i++) {
        const struct val *event = &events->array.items[i];
        slice name = event->type == VAL_STRING ? event->string : S("");
        bool invoke = slice_eq(name, S("INVOKE")), shutdown = slice_eq(name, S("SHUTDOWN"));
        extension->wants_invoke |= invoke;
        extension->wants_shutdown |= shutdown;
        *type = "Extension.InvalidEventType";
        ok = invoke || shutdown;
    }
    arena_close(arena);
    return ok;
}

/* Why it cannot be registered, or NULL. */
static const char *registration_error(const struct environment *environment, slice name, const char **type)
{
    *type = "Extension.InvalidExtensionName";
    if (name.len == 0)
        return "Empty extension name";
    *type = "Extension.RegistrationClosed";
    if (environment->state != ENVIRONMENT_INIT)
        return "Extension registration closed already";
    *type = "Extension.InvalidExtensionState";
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (slice_eq(environment->extensions[i].name, name))
            return "Extension with this name already registered";
    }
    *type = "Extension.TooManyExtensions";
    return environment->n_extensions == FUNCTIONS_MAX_EXTENSIONS ? "Extension limit (10) reached" : NULL;
}

static slice registered(struct arena *arena, const struct environment *environment, const struct http_request *request)
{
    static const struct {
        slice member, of_plan;
    } members[] = {{S("functionName"), S("name")}, {S("functionVersion"), S("version")}, {S("handler"), S("handler")}};
    const struct val *doc = &environment->blueprint->doc;
    struct val body = val_object();
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        slice text = val_get_string(doc, members[i].of_plan);
        val_set(arena, &body, members[i].member, val_string(text.ptr ? text : S("")));
    }
    if (slice_find(http_header(request, S("lambda-extension-accept-feature")), S("accountId")) >= 0)
        val_set(arena, &body, S("accountId"), val_string(val_get_string(val_get(doc, S("log")), S("account"))));
    return json_text(arena, &body);
}

static void register_extension(struct environment *environment, struct http_conn *conn,
                               const struct http_request *request)
{
    slice name = http_header(request, S("lambda-extension-name"));
    const char *type, *why = registration_error(environment, name, &type);
    struct extension extension = {0};
    if (!why && !read_events(request, &extension, &type))
        why = "Events are INVOKE and SHUTDOWN";
    if (why) {
        runtime_api_refuse(conn, FORBIDDEN, type, why);
        return;
    }
    struct arena *arena = arena_open();
    ids_uuid_to(extension.id);
    extension.name = slice_dup(environment->arena, name);
    environment->extensions[environment->n_extensions++] = extension;
    http_answer(conn, 200, arena_printf(arena, "Lambda-Extension-Identifier: %s\r\n", extension.id), json_type,
                registered(arena, environment, request));
    arena_close(arena);
}

static void next_event(struct environment *environment, struct http_conn *conn, struct extension *extension)
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

void extensions_deliver(struct environment *environment)
{
    const struct invocation *invocation = environment->invocation;
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
}

void extensions_shutdown(struct environment *environment, const char *reason)
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

void extensions_gone(struct environment *environment, const struct http_conn *conn)
{
    for (size_t i = 0; i < environment->n_extensions; i++) {
        if (environment->extensions[i].waits == conn)
            environment->extensions[i].waits = NULL;
    }
}

void extensions_request(struct environment *environment, struct http_conn *conn, const struct http_request *request,
                        slice what)
{
    if (slice_eq(what, S("register"))) {
        register_extension(environment, conn, request);
        return;
    }
    struct extension *extension = find_asking(environment, conn, request);
    if (!extension)
        return;
    if (slice_eq(what, S("event/next")))
        next_event(environment, conn, extension);
    else if (slice_eq(what, S("init/error")) || slice_eq(what, S("exit/error"))) {
        slice type = http_header(request, S("lambda-extension-function-error-type"));
        environment_init_error(environment, type.len > 0 ? type : S("Extension.Crash"), request->body);
        runtime_api_accept(conn);
    } else
        runtime_api_refuse(conn, NOT_KNOWN, "NotFound", "Unknown path");
}

static slice without_slash(slice path)
{
    return slice_ends(path, S("/")) ? slice_sub(path, 0, path.len - 1) : path;
}

bool extensions_is_subscription(const struct http_request *request)
{
    slice path = without_slash(request->path);
    return slice_eq(request->method, S("PUT")) && (slice_eq(path, telemetry_path) || slice_eq(path, logs_path));
}

void extensions_subscribe(struct environment *environment, struct http_conn *conn, const struct http_request *request)
{
    bool logs = slice_eq(without_slash(request->path), logs_path);
    struct extension *extension = find_asking(environment, conn, request);
    const char *why = NULL;
    if (!extension)
        return;
    if (environment->state != ENVIRONMENT_INIT)
        runtime_api_refuse(conn, FORBIDDEN, logs ? "Logs.SubscriptionClosed" : "Telemetry.SubscriptionClosed",
                           logs ? "Logs API subscription is closed already"
                                : "Telemetry API subscription is closed already");
    else if (!telemetry_subscribe(environment, extension->name, request->body, logs, &why))
        runtime_api_refuse(conn, 400, "ValidationError", why);
    else
        http_answer(conn, 200, (slice){NULL, 0}, json_type, S("\"OK\""));
}
