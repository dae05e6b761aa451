/* sigv4: reads credential scopes. It knows neither keys nor services. */
#include "router/sigv4.h"

#include "common/err.h"
#include "common/uri.h"
#include "router/http1.h"

/* key/date/region/service/aws4_request, or without region (SigV4A). The key may hold slashes: cut from the right. */
static bool read_credential(slice credential, bool has_region, struct sigv4_scope *scope)
{
    slice parts[4];
    size_t wanted = has_region ? 4 : 3;
    for (size_t i = 0; i < wanted; i++) {
        size_t at = credential.len;
        while (at > 0 && credential.ptr[at - 1] != '/')
            at--;
        if (at == 0)
            return false;
        parts[i] = slice_sub(credential, at, credential.len);
        credential = slice_sub(credential, 0, at - 1);
    }
    if (!slice_eq(parts[0], S("aws4_request")) || parts[1].len == 0 || credential.len == 0)
        return false;
    scope->service = parts[1];
    scope->date = parts[wanted - 1];
    if (!has_region)
        scope->kind = SIGV4_ASYMMETRIC;
    if (has_region && parts[2].len > 0)
        scope->region = parts[2];
    scope->access_key = credential;
    return true;
}

/* The value of name= in "AWS4-HMAC-SHA256 a=b, c=d". */
slice sigv4_part(slice authorization, slice name)
{
    slice part, rest;
    slice_cut(authorization, ' ', &part, &rest);
    while (rest.ptr) {
        slice_cut(rest, ',', &part, &rest);
        part = slice_trim(part);
        if (slice_starts(part, name))
            return slice_sub(part, name.len, part.len);
    }
    return (slice){0};
}

static int read_header(slice authorization, struct sigv4_scope *scope, const char **why)
{
    slice scheme, rest;
    slice_cut(authorization, ' ', &scheme, &rest);
    bool v4 = slice_eq(scheme, S("AWS4-HMAC-SHA256"));
    if (v4 || slice_eq(scheme, S("AWS4-ECDSA-P256-SHA256"))) {
        scope->present = true;
        scope->kind = SIGV4_HEADER;
        if (read_credential(sigv4_part(authorization, S("Credential=")), v4, scope))
            return 0;
        *why = "Authorization header requires 'Credential' parameter of the form "
               "AKID/yyyymmdd/region/service/aws4_request.";
        return BAD_INPUT;
    }
    if (slice_eq(scheme, S("AWS"))) {
        slice signature;
        scope->present = true;
        scope->kind = SIGV2_HEADER;
        slice_cut(rest, ':', &scope->access_key, &signature);
        scope->service = S("s3");
    }
    return 0;
}

static int read_presigned(struct arena *arena, slice query, struct sigv4_scope *scope, const char **why)
{
    slice credential = uri_parameter(query, S("X-Amz-Credential"));
    if (credential.ptr) {
        bool v4a = slice_eq(uri_parameter(query, S("X-Amz-Algorithm")), S("AWS4-ECDSA-P256-SHA256"));
        scope->present = true;
        scope->kind = SIGV4_QUERY;
        if (uri_decode(arena, credential, false, &credential) == 0 && read_credential(credential, !v4a, scope))
            return 0;
        *why = "The query's X-Amz-Credential is not of the form AKID/yyyymmdd/region/service/aws4_request.";
        return BAD_INPUT;
    }
    slice access_key = uri_parameter(query, S("AWSAccessKeyId"));
    if (access_key.ptr && uri_parameter(query, S("Signature")).ptr) {
        scope->present = true;
        scope->kind = SIGV2_QUERY;
        scope->service = S("s3");
        if (uri_decode(arena, access_key, false, &scope->access_key) != 0)
            scope->access_key = access_key;
    }
    return 0;
}

int sigv4_read(struct arena *arena, const struct http1_request *request, struct sigv4_scope *scope, const char **why)
{
    *scope = (struct sigv4_scope){0};
    slice authorization = request->known[HTTP1_AUTHORIZATION];
    if (authorization.ptr)
        TRY(read_header(authorization, scope, why));
    if (!scope->present && request->query.len > 0)
        return read_presigned(arena, request->query, scope, why);
    return 0;
}
