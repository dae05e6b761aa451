/* url: requests to functions' own URLs: an event of payload format 2.0, and an HTTP answer from what the function
 * returned. */
#include "services/lambda/invoke.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/fdio.h"
#include "common/glob.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/uri.h"

#include <time.h>

#define URL_PREFIX "/lambda-url/"

struct url_request {
    slice id;
    slice path;
    slice account, region, function, qualifier; /* whose it is */
    struct lambda_get_function_url_config_out doc;
};

static bool read_place(const struct msg *request, struct url_request *url)
{
    slice label, rest;
    slice_cut(request->host, '.', &label, &rest);
    if (slice_starts(rest, S("lambda-url."))) {
        url->id = label;
        url->path = request->path;
        return true;
    }
    if (!slice_starts(request->path, S(URL_PREFIX)))
        return false;
    rest = slice_sub(request->path, sizeof(URL_PREFIX) - 1, request->path.len);
    url->id = slice_sub(rest, 0, slice_index(rest, '/'));
    url->path = slice_sub(rest, url->id.len, rest.len);
    if (url->path.len == 0)
        url->path = S("/");
    return true;
}

static bool find(struct call *c, struct url_request *url)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_URL_FIND, "t", url->id);
    bool found = db_next(&rows);
    if (found) {
        url->account = db_text(&rows, 0);
        url->region = db_text(&rows, 1);
        url->function = db_text(&rows, 2);
        url->qualifier = db_text(&rows, 3);
        api_from_json(c->arena, &lambda_shape_get_function_url_config_response, db_text(&rows, 4), &url->doc);
    }
    db_done(&rows);
    return found;
}

static void forbid(struct msg *reply)
{
    *reply =
        (struct msg){.status = 403, .content_type = S("application/json"), .body = S("{\"Message\":\"Forbidden\"}")};
}

static bool may_call(struct call *c, const struct url_request *url)
{
    if (slice_eq(url->doc.auth_type, S("AWS_IAM")))
        return c->access_key.len > 0;
    return permission_allows(
        c, url->doc.function_arn,
        &(struct permission_request){.action = S("lambda:InvokeFunctionUrl"), .principal = S("*")});
}

/* CORS */

static bool listed(const struct slice_list *list, slice wanted)
{
    list_foreach (one, list) {
        if (slice_eq(*one, S("*")) || glob_match(*one, wanted))
            return true;
    }
    return false;
}

static slice joined(struct call *c, const struct slice_list *list)
{
    struct buf text;
    buf_init(&text, c->arena);
    list_foreach (one, list)
        buf_printf(&text, "%s%.*s", text.len > 0 ? "," : "", SLICE_ARG(*one));
    return buf_slice(&text);
}

static const struct slice_list *texts(const void *list)
{
    return list; /* every list of texts has this layout */
}

static void add_cors(struct call *c, const struct url_request *url, bool preflight, struct buf *headers)
{
    const struct lambda_cors *cors = url->doc.cors;
    slice origin = msg_header(c->request, S("origin"));
    if (!cors || !origin.ptr || !listed(texts(&cors->allow_origins), origin))
        return;
    bool any = cors->allow_origins.len == 1 && slice_eq(cors->allow_origins.items[0], S("*"));
    buf_printf(headers, "access-control-allow-origin: %.*s\n", SLICE_ARG(any ? S("*") : origin));
    if (!any)
        buf_add(headers, S("vary: Origin\n"));
    if (opt_bool_or(cors->allow_credentials, false))
        buf_add(headers, S("access-control-allow-credentials: true\n"));
    if (cors->expose_headers.len > 0)
        buf_printf(headers, "access-control-expose-headers: %.*s\n",
                   SLICE_ARG(joined(c, texts(&cors->expose_headers))));
    if (!preflight)
        return;
    if (cors->allow_methods.len > 0)
        buf_printf(headers, "access-control-allow-methods: %.*s\n", SLICE_ARG(joined(c, texts(&cors->allow_methods))));
    if (cors->allow_headers.len > 0)
        buf_printf(headers, "access-control-allow-headers: %.*s\n", SLICE_ARG(joined(c, texts(&cors->allow_headers))));
    if (cors->max_age.set)
        buf_printf(headers, "access-control-max-age: %lld\n", (long long)cors->max_age.v);
}

static bool is_preflight(struct call *c)
{
    return slice_eq(c->request->method, S("OPTIONS")) &&
           msg_header(c->request, S("access-control-request-method")).ptr != NULL;
}

/* The event */

static void set(struct call *c, struct val *object, const char *key, slice text)
{
    if (text.ptr)
        val_set(c->arena, object, slice_of(key), val_string(text));
}

/* Headers of one name are joined; cookies are a list of their own. */
static void add_header(struct call *c, struct val *headers, slice name, slice value)
{
    for (size_t i = 0; i < headers->object.len; i++) {
        struct val_field *field = &headers->object.items[i];
        if (slice_eq(field->key, name)) {
            field->value.string = arena_printf(c->arena, "%.*s,%.*s", SLICE_ARG(field->value.string), SLICE_ARG(value));
            return;
        }
    }
    val_set(c->arena, headers, name, val_string(value));
}

static struct val headers_of(struct call *c, struct val *cookies)
{
    struct val headers = val_object();
    slice lines = c->request->headers, line, name, value, one;
    while (lines.len > 0) {
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ':', &name, &value);
        value = slice_trim(value);
        if (!slice_eq(name, S("cookie"))) {
            add_header(c, &headers, name, value);
            continue;
        }
        while (value.ptr) {
            slice_cut(value, ';', &one, &value);
            val_push(c->arena, cookies, val_string(slice_trim(one)));
        }
    }
    set(c, &headers, "host", c->request->host);
    if (c->request->content_type.len > 0)
        set(c, &headers, "content-type", c->request->content_type);
    set(c, &headers, "x-forwarded-proto", S("http"));
    set(c, &headers, "x-forwarded-for", S("127.0.0.1"));
    return headers;
}

static slice time_text(struct call *c)
{
    char text[64];
    time_t seconds = (time_t)(c->now_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    return slice_dup(c->arena, (slice){text, n});
}

static struct val context_of(struct call *c, const struct url_request *url)
{
    struct val context = val_object(), http = val_object();
    bool signed_by_caller = slice_eq(url->doc.auth_type, S("AWS_IAM"));
    set(c, &http, "method", c->request->method);
    set(c, &http, "path", url->path);
    set(c, &http, "protocol", S("HTTP/1.1"));
    set(c, &http, "sourceIp", S("127.0.0.1"));
    set(c, &http, "userAgent", msg_header(c->request, S("user-agent")));
    set(c, &context, "accountId", signed_by_caller ? c->account : S("anonymous"));
    set(c, &context, "apiId", url->id);
    set(c, &context, "domainName", slice_sub(c->request->host, 0, slice_index(c->request->host, ':')));
    set(c, &context, "domainPrefix", url->id);
    val_set(c->arena, &context, S("http"), http);
    set(c, &context, "requestId", c->request_id);
    set(c, &context, "routeKey", S("$default"));
    set(c, &context, "stage", S("$default"));
    set(c, &context, "time", time_text(c));
    val_set(c->arena, &context, S("timeEpoch"), val_int(c->now_ms));
    return context;
}

static bool is_text(slice content_type)
{
    static const slice kinds[] = {S("text/"), S("application/json"), S("application/xml"), S("application/javascript"),
                                  S("application/x-www-form-urlencoded")};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_starts(content_type, kinds[i]) && !slice_starts(content_type, S("application/x-www-form")))
            return true;
    }
    return slice_empty(content_type);
}

static int add_body(struct call *c, struct val *event)
{
    slice body = c->request->body;
    if (c->request->body_file.len > 0)
        TRY(fdio_read_file(c->arena, slice_cstr(c->arena, call_body_path(c)), LIMIT_LAMBDA_PAYLOAD_BYTES, &body));
    bool plain = is_text(c->request->content_type) && slice_is_utf8(body);
    if (body.len > 0)
        set(c, event, "body", plain ? body : base64_encode(c->arena, body));
    val_set(c->arena, event, S("isBase64Encoded"), val_bool(body.len > 0 && !plain));
    return 0;
}

static int event_of(struct call *c, const struct url_request *url, slice *text)
{
    struct val event = val_object(), cookies = val_array(), query = val_object();
    struct pair_list parameters = {0};
    uri_parse_form(c->arena, c->request->query, &parameters);
    list_foreach (pair, &parameters)
        add_header(c, &query, pair->key, pair->value.ptr ? pair->value : S(""));
    struct val headers = headers_of(c, &cookies);
    set(c, &event, "version", S("2.0"));
    set(c, &event, "routeKey", S("$default"));
    set(c, &event, "rawPath", url->path);
    set(c, &event, "rawQueryString", c->request->query.ptr ? c->request->query : S(""));
    if (cookies.array.len > 0)
        val_set(c->arena, &event, S("cookies"), cookies);
    val_set(c->arena, &event, S("headers"), headers);
    if (query.object.len > 0)
        val_set(c->arena, &event, S("queryStringParameters"), query);
    val_set(c->arena, &event, S("requestContext"), context_of(c, url));
    TRY(add_body(c, &event));
    *text = json_text(c->arena, &event);
    return 0;
}

/* The answer */

/* A header's name is a token (RFC 9110); of what else a function names so, no line is made. */
static bool is_token(slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", byte))
            return false;
    }
    return name.len > 0;
}

static void add_line(struct buf *headers, slice name, slice value)
{
    if (!is_token(name))
        return;
    buf_add(headers, name);
    buf_add(headers, S(": "));
    for (size_t i = 0; i < value.len; i++)
        buf_add_char(headers, value.ptr[i] == '\n' || value.ptr[i] == '\r' ? ' ' : value.ptr[i]);
    buf_add_char(headers, '\n');
}

static slice value_text(struct call *c, const struct val *value)
{
    return value->type == VAL_STRING ? value->string : json_text(c->arena, value);
}

/* Status, headers and cookies as the function's document has them. */
static void read_document(struct call *c, const struct val *document, struct buf *headers, struct msg *reply)
{
    const struct val *own = val_get(document, S("headers")), *cookies = val_get(document, S("cookies"));
    int64_t status = val_get_int(document, S("statusCode"), 200);
    reply->status = status >= 200 && status <= 599 ? (uint16_t)status : 502;
    for (size_t i = 0; own && own->type == VAL_OBJECT && i < own->object.len; i++) {
        const struct val_field *field = &own->object.items[i];
        if (slice_eq_nocase(field->key, S("content-type")))
            reply->content_type = value_text(c, &field->value);
        else if (!slice_eq_nocase(field->key, S("content-length")) &&
                 !slice_eq_nocase(field->key, S("transfer-encoding")))
            add_line(headers, field->key, value_text(c, &field->value));
    }
    for (size_t i = 0; cookies && cookies->type == VAL_ARRAY && i < cookies->array.len; i++)
        add_line(headers, S("set-cookie"), value_text(c, &cookies->array.items[i]));
}

static void answer_buffered(struct call *c, slice payload, struct buf *headers, struct msg *reply)
{
    struct val document;
    slice why;
    reply->status = 200;
    reply->content_type = S("application/json");
    reply->body = payload;
    if (json_parse(c->arena, payload, &document, &why) != 0)
        return;
    if (document.type == VAL_STRING)
        reply->body = document.string;
    if (document.type != VAL_OBJECT || !val_get(&document, S("statusCode")))
        return;
    read_document(c, &document, headers, reply);
    const struct val *body = val_get(&document, S("body"));
    reply->body = body ? value_text(c, body) : S("");
    if (val_get_bool(&document, S("isBase64Encoded"), false) && base64_decode(c->arena, reply->body, &reply->body) != 0)
        *reply = (struct msg){.status = 502, .body = S("Internal Server Error")};
}

/* A document, eight zero bytes and the body; or the body alone. One that still grows comes without the document, which
 * is the payload then. */
static void answer_streamed(struct call *c, const struct invoke_result *result, struct buf *headers, struct msg *reply)
{
    static const slice end = {"\0\0\0\0\0\0\0\0", 8};
    struct val document;
    slice why, payload = result->payload, body = payload;
    bool is_http = slice_starts(result->content_type, S("application/vnd.awslambda.http-integration-response"));
    ssize_t length = result->stream.ptr ? (ssize_t)payload.len : slice_find(payload, end);
    reply->status = 200;
    reply->content_type =
        !is_http && result->content_type.len > 0 ? result->content_type : S("application/octet-stream");
    if (is_http && length > 0 && json_parse(c->arena, slice_sub(payload, 0, (size_t)length), &document, &why) == 0 &&
        document.type == VAL_OBJECT) {
        read_document(c, &document, headers, reply);
        body = slice_sub(payload, (size_t)length + end.len, payload.len);
    }
    reply->body = body;
    if (!result->stream.ptr)
        return;
    reply->body = S("");
    reply->body_file = result->stream;
    reply->flags = MSG_FLAG_GROWING;
}

static int answer(struct call *c, const struct url_request *url, struct msg *reply)
{
    struct invoke_target target;
    struct invoke_result result;
    bool streams = slice_eq(url->doc.invoke_mode, S("RESPONSE_STREAM"));
    struct invoke_event event = {.id = c->request_id, .streams = streams ? S("http") : (slice){NULL, 0}};
    struct buf headers;
    buf_init(&headers, c->arena);
    add_cors(c, url, is_preflight(c), &headers);
    if (is_preflight(c) && url->doc.cors) {
        *reply = (struct msg){.status = 200, .headers = buf_slice(&headers)};
        return 0;
    }
    TRY(event_of(c, url, &event.payload));
    c->account = url->account;
    c->region = url->region;
    TRY(invoke_find(c, url->doc.function_arn, (slice){NULL, 0}, event.id, &target));
    TRY(invoke_run(c, &target, &event, &result));
    if (result.error.len > 0)
        *reply = (struct msg){.status = 502, .content_type = S("application/json"), .body = S("Internal Server Error")};
    else if (streams)
        answer_streamed(c, &result, &headers, reply);
    else
        answer_buffered(c, result.payload, &headers, reply);
    reply->headers = buf_slice(&headers);
    return 0;
}

int url_serve(struct call *c, struct msg *reply, bool *taken)
{
    struct url_request url = {0};
    *taken = read_place(c->request, &url);
    if (!*taken)
        return 0;
    if (find(c, &url) && (is_preflight(c) || may_call(c, &url)))
        return answer(c, &url, reply);
    forbid(reply);
    return 0;
}
