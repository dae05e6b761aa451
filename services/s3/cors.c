/* cors: a bucket's rules for pages of other origins: the preflight question and the headers of answers. */
#include "services/s3/s3.h"

#include <ctype.h>

#include "common/buf.h"
#include "common/glob.h"

static slice lower(struct call *c, slice text)
{
    char *out = arena_alloc(c->arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)tolower((unsigned char)text.ptr[i]);
    return (slice){out, text.len};
}

static bool allows_headers(struct call *c, const struct s3_cors_rule *rule, slice asked)
{
    slice one, rest = asked;
    while (rest.len > 0) {
        bool found = false;
        slice_cut(rest, ',', &one, &rest);
        list_foreach (allowed, &rule->allowed_headers)
            found = found || glob_match(lower(c, *allowed), lower(c, slice_trim(one)));
        if (!found)
            return false;
    }
    return true;
}

static bool allows(struct call *c, const struct s3_cors_rule *rule, slice origin, slice method, slice headers,
                   slice *allowed_origin)
{
    bool found = false;
    list_foreach (one, &rule->allowed_methods)
        found = found || slice_eq(*one, method);
    if (!found || !allows_headers(c, rule, headers))
        return false;
    list_foreach (one, &rule->allowed_origins) {
        if (glob_match(*one, origin)) {
            *allowed_origin = slice_eq(*one, S("*")) ? S("*") : origin;
            return true;
        }
    }
    return false;
}

static void add_list(struct buf *lines, const char *name, slice *items, size_t len)
{
    if (len == 0)
        return;
    buf_printf(lines, "%s: ", name);
    for (size_t i = 0; i < len; i++) {
        if (i > 0)
            buf_add(lines, S(", "));
        buf_add(lines, items[i]);
    }
    buf_add_char(lines, '\n');
}

/* The header lines of the first rule that fits; absent when none does. */
static slice rule_lines(struct call *c, const struct s3_cors_configuration *config, slice method, slice headers)
{
    struct buf lines;
    slice origin = msg_header(c->request, S("origin")), allowed;
    buf_init(&lines, c->arena);
    list_foreach (rule, &config->cors_rules) {
        if (!allows(c, rule, origin, method, headers, &allowed))
            continue;
        buf_printf(&lines, "Access-Control-Allow-Origin: %.*s\n", SLICE_ARG(allowed));
        add_list(&lines, "Access-Control-Allow-Methods", rule->allowed_methods.items, rule->allowed_methods.len);
        add_list(&lines, "Access-Control-Expose-Headers", rule->expose_headers.items, rule->expose_headers.len);
        if (headers.len > 0)
            buf_printf(&lines, "Access-Control-Allow-Headers: %.*s\n", SLICE_ARG(lower(c, headers)));
        if (rule->max_age_seconds.set)
            buf_printf(&lines, "Access-Control-Max-Age: %lld\n", (long long)rule->max_age_seconds.v);
        if (!slice_eq(allowed, S("*")))
            buf_add(&lines, S("Access-Control-Allow-Credentials: true\n"));
        buf_add(&lines, S("Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\n"));
        return buf_slice(&lines);
    }
    return (slice){NULL, 0};
}

int cors_preflight(struct call *c, slice bucket_name, struct msg *reply)
{
    struct bucket bucket;
    struct s3_cors_configuration config = {0};
    slice method = msg_header(c->request, S("access-control-request-method"));
    slice headers = msg_header(c->request, S("access-control-request-headers"));
    if (!msg_header(c->request, S("origin")).ptr)
        return fail(c, &s3_bad_request, "Insufficient information. Origin request header needed.");
    if (!method.ptr)
        return fail(c, &s3_bad_request, "Invalid Access-Control-Request-Method: null");
    TRY(bucket_get(c, bucket_name, (slice){NULL, 0}, &bucket));
    if (!config_find(c, &bucket, "cors", &s3_shape_cors_configuration, &config))
        return fail(c, &s3_access_forbidden, "CORSResponse: CORS is not enabled for this bucket.");
    slice lines = rule_lines(c, &config, method, headers);
    if (!lines.ptr)
        return fail(c, &s3_access_forbidden,
                    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, "
                    "request method / Access-Control-Request-Method or Access-Control-Request-Headers are not "
                    "whitelisted by the resource's CORS spec.");
    *reply = (struct msg){.status = 200, .headers = lines};
    return 0;
}

void cors_add_headers(struct call *c, slice bucket_name)
{
    struct bucket bucket;
    struct s3_cors_configuration config = {0};
    if (!bucket_find(c, bucket_name, &bucket) ||
        !config_find(c, &bucket, "cors", &s3_shape_cors_configuration, &config))
        return;
    slice lines = rule_lines(c, &config, c->request->method, S(""));
    if (lines.ptr)
        c->reply_headers = lines;
}
