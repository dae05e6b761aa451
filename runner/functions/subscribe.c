/* subscribe: the request of a subscription, as AWS's schema has it. */
#include "runner/functions/telemetry.h"

#include "common/arena.h"
#include "common/json.h"

static const struct {
    slice version;
    bool logs, objects, runtime_done;
} schemas[] = {
    {S("2022-07-01"), false, false, true}, {S("2022-12-13"), false, true, true}, {S("2025-01-29"), false, true, true},
    {S("2020-08-15"), true, false, false}, {S("2021-03-18"), true, false, true},
};

static bool refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

static bool read_schema(const struct val *body, bool logs, struct subscription_request *request, const char **why)
{
    const struct val *version = val_get(body, S("schemaVersion"));
    slice wanted = version && version->type == VAL_STRING ? version->string : S("");
    if (!version && logs)
        wanted = S("2020-08-15");
    for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++) {
        if (schemas[i].logs != logs || !slice_eq(schemas[i].version, wanted))
            continue;
        request->objects = schemas[i].objects;
        request->runtime_done = schemas[i].runtime_done;
        return true;
    }
    return refuse(why, version ? "schemaVersion is not supported" : "schemaVersion is required");
}

static bool read_types(const struct val *body, struct subscription_request *request, const char **why)
{
    static const struct {
        slice name;
        enum telemetry_kind kind;
    } kinds[] = {{S("platform"), TELEMETRY_PLATFORM},
                 {S("function"), TELEMETRY_FUNCTION},
                 {S("extension"), TELEMETRY_EXTENSION}};
    const struct val *types = val_get(body, S("types"));
    if (!types || types->type != VAL_ARRAY || types->array.len == 0)
        return refuse(why, "types must name at least one of platform, function, extension");
    for (size_t i = 0; i < types->array.len; i++) {
        const struct val *type = &types->array.items[i];
        unsigned found = 0;
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
            if (type->type == VAL_STRING && slice_eq(type->string, kinds[k].name))
                found = kinds[k].kind;
        }
        if (found == 0)
            return refuse(why, "types can be platform, function and extension");
        request->kinds |= found;
    }
    return true;
}

static bool is_clean(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

/* http://sandbox.localdomain:PORT/PATH: the environment itself; no other host is written to. */
static bool read_uri(slice uri, struct subscription_request *request, const char **why)
{
    static const slice scheme = S("http://");
    slice host, port;
    int64_t number = 80;
    if (!slice_starts(uri, scheme) || !is_clean(uri))
        return refuse(why, "destination.URI must be of the form http://sandbox.localdomain:PORT");
    slice rest = slice_sub(uri, scheme.len, uri.len), authority = slice_sub(rest, 0, slice_index(rest, '/'));
    request->path = slice_sub(rest, authority.len, rest.len);
    if (request->path.len == 0)
        request->path = S("/");
    slice_cut(authority, ':', &host, &port);
    if (!slice_eq(host, S("sandbox.localdomain")) && !slice_eq(host, S("sandbox")))
        return refuse(why, "destination.URI host must be sandbox.localdomain");
    if (port.ptr && (!slice_to_int64(port, &number) || number < 1 || number > UINT16_MAX))
        return refuse(why, "destination.URI has no valid port");
    request->port = (in_port_t)number;
    return true;
}

static bool read_destination(const struct val *body, struct subscription_request *request, const char **why)
{
    const struct val *destination = val_get(body, S("destination"));
    slice protocol = val_get_string(destination, S("protocol"));
    int64_t port = val_get_int(destination, S("port"), 0);
    if (slice_eq(protocol, S("HTTP"))) {
        slice uri = val_get_string(destination, S("URI"));
        return uri.len > 0 ? read_uri(uri, request, why) : refuse(why, "destination.URI is required");
    }
    if (!slice_eq(protocol, S("TCP")))
        return refuse(why, "destination.protocol must be HTTP or TCP");
    if (port < 1 || port > UINT16_MAX)
        return refuse(why, "destination.port must be between 1 and 65535");
    request->tcp = true;
    request->port = (in_port_t)port;
    return true;
}

static bool read_buffering(const struct val *body, struct subscription_request *request, const char **why)
{
    const struct {
        slice name;
        int64_t least, most, standard, *value;
        const char *why;
    } members[] = {
        {S("maxItems"), 1000, 10000, 10000, &request->max_items, "buffering.maxItems must be between 1000 and 10000"},
        {S("maxBytes"), 262144, 1048576, 262144, &request->max_bytes,
         "buffering.maxBytes must be between 262144 and 1048576"},
        {S("timeoutMs"), 25, 30000, 1000, &request->timeout_ms, "buffering.timeoutMs must be between 25 and 30000"},
    };
    const struct val *buffering = val_get(body, S("buffering"));
    if (buffering && buffering->type != VAL_OBJECT && buffering->type != VAL_NULL)
        return refuse(why, "buffering must be an object");
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const struct val *given = val_get(buffering, members[i].name);
        *members[i].value = members[i].standard;
        if (!given)
            continue;
        if (given->type != VAL_INT || given->integer < members[i].least || given->integer > members[i].most)
            return refuse(why, members[i].why);
        *members[i].value = given->integer;
    }
    return true;
}

bool subscription_read(struct arena *arena, slice text, bool logs, struct subscription_request *request,
                       const char **why)
{
    struct val body;
    slice ignored;
    *request = (struct subscription_request){0};
    if (json_parse(arena, slice_dup(arena, text), &body, &ignored) != 0 || body.type != VAL_OBJECT)
        return refuse(why, "the request must be a JSON object");
    return read_schema(&body, logs, request, why) && read_types(&body, request, why) &&
           read_destination(&body, request, why) && read_buffering(&body, request, why);
}
