/* raw: what comes before the operation: the expiry of presigned URLs, and requests that are no operation of the model.
 */
#include "services/s3/s3.h"

#include "common/time.h"
#include "common/uri.h"

static int fail_expired(struct call *c, int64_t expires_ms)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("Expires"), val_string(time_iso8601(c->arena, expires_ms, false)));
    val_set(c->arena, extra, S("ServerTime"), val_string(time_iso8601(c->arena, c->now_ms, false)));
    return fail_with(c, &s3_access_denied, extra, "Request has expired");
}

/* "20261124T100000Z" */
static bool parse_amz_date(struct call *c, slice text, int64_t *ms)
{
    enum { LENGTH = 16 };
    if (text.len != LENGTH)
        return false;
    const char *t = text.ptr;
    return time_parse(arena_printf(c->arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t, t + 4, t + 6, t + 9, t + 11, t + 13),
                      ms);
}

static int check_v4(struct call *c, const struct pair_list *query)
{
    enum { MAX_SECONDS = 604800 };
    int64_t seconds, signed_ms;
    slice expires = pair_get(query, S("X-Amz-Expires"));
    if (!expires.ptr || !pair_get(query, S("X-Amz-Signature")).ptr || !pair_get(query, S("X-Amz-SignedHeaders")).ptr ||
        !pair_get(query, S("X-Amz-Credential")).ptr || !pair_get(query, S("X-Amz-Date")).ptr)
        return fail(c, &s3_authorization_query_parameters_error,
                    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    if (!slice_to_int64(expires, &seconds))
        return fail(c, &s3_authorization_query_parameters_error, "X-Amz-Expires should be a number");
    if (seconds < 0 || seconds > MAX_SECONDS)
        return fail(c, &s3_authorization_query_parameters_error,
                    seconds < 0 ? "X-Amz-Expires must be non-negative"
                                : "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                                  "X-Amz-Expires must be less than 604800 seconds");
    if (!parse_amz_date(c, pair_get(query, S("X-Amz-Date")), &signed_ms))
        return fail(c, &s3_authorization_query_parameters_error,
                    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    return signed_ms + seconds * 1000 < c->now_ms ? fail_expired(c, signed_ms + seconds * 1000) : 0;
}

static int check_v2(struct call *c, const struct pair_list *query)
{
    int64_t seconds;
    slice expires = pair_get(query, S("Expires"));
    if (!expires.ptr || !pair_get(query, S("Signature")).ptr)
        return fail(c, &s3_access_denied,
                    "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
    if (!slice_to_int64(expires, &seconds))
        return fail(c, &s3_access_denied, "Invalid date (should be seconds since epoch): %.*s", SLICE_ARG(expires));
    return seconds * 1000 < c->now_ms ? fail_expired(c, seconds * 1000) : 0;
}

/* Whether a presigned URL is still good. */
static int check_expiry(struct call *c)
{
    struct pair_list query = {0};
    bool v4 = slice_find(c->request->query, S("X-Amz-Algorithm=")) >= 0;
    bool v2 = slice_find(c->request->query, S("AWSAccessKeyId=")) >= 0;
    if ((!v4 && !v2) || uri_parse_form(c->arena, c->request->query, &query) != 0)
        return 0;
    return v4 ? check_v4(c, &query) : check_v2(c, &query);
}

/* The first part of the path, and whether there is more. */
static slice bucket_of(const struct msg *request, bool *more)
{
    slice name, rest;
    slice_cut(slice_sub(request->path, 1, request->path.len), '/', &name, &rest);
    *more = rest.len > 0;
    return name;
}

static bool is_control(const struct msg *request)
{
    return slice_starts(request->path, S("/v20180820/")) &&
           (msg_header(request, S("x-amz-account-id")).ptr || slice_starts(request->path, S("/v20180820/tags/arn")));
}

static slice form_boundary(const struct msg *request)
{
    static const slice mark = {"boundary=", 9};
    ssize_t at = slice_find(request->content_type, mark);
    if (!slice_starts(request->content_type, S("multipart/form-data")) || at < 0)
        return (slice){NULL, 0};
    slice boundary = slice_sub(request->content_type, (size_t)at + mark.len, request->content_type.len);
    boundary = slice_sub(boundary, 0, slice_index(boundary, ';'));
    if (boundary.len >= 2 && boundary.ptr[0] == '"')
        boundary = slice_sub(boundary, 1, boundary.len - 1);
    return boundary;
}

int raw_run(struct call *c, struct msg *reply, bool *taken)
{
    const struct msg *request = c->request;
    bool more;
    slice bucket = bucket_of(request, &more), boundary;
    if (request->query.len > 0) {
        int result = check_expiry(c);
        *taken = result != 0;
        if (result != 0)
            return result;
    }
    *taken = true;
    if (is_control(request))
        return call_is_guest(c) ? fail(c, &s3_access_denied, "Access Denied") : tags_control(c, reply);
    if (slice_eq(request->method, S("OPTIONS")))
        return cors_preflight(c, bucket, reply);
    if (slice_find(request->host, S(".s3-website")) >= 0)
        return website_run(c, reply);
    if (slice_eq(request->method, S("POST")) && !more && (boundary = form_boundary(request)).ptr)
        return post_run(c, bucket, boundary, reply);
    *taken = false;
    if (msg_header(request, S("origin")).ptr)
        cors_add_headers(c, bucket);
    return 0;
}
