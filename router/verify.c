/* verify: see verify.h. */
#include "router/verify.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/time.h"
#include "common/uri.h"
#include "proto/signature.h"
#include "router/awschunk.h"
#include "router/canonical.h"
#include "router/conn.h"
#include "router/route.h"

#define SIGNED_CHUNKS "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define UNSIGNED "UNSIGNED-PAYLOAD"

enum { SKEW_MS = 5 * 60 * 1000, SKEW_S3_MS = 15 * 60 * 1000, STAMP_LENGTH = 16, DATE_LENGTH = 8 };

static bool is_s3(const struct verify_claim *claim)
{
    return claim->route->service->is_s3;
}

static int refuse(const struct verify_claim *claim, enum verify_problem problem, slice message, struct refuse_why *why)
{
    verify_refuse(claim->route->service, problem, message, why);
    return BAD_INPUT;
}

static int refuse_s3(struct refuse_why *why, uint16_t status, slice code, slice message)
{
    *why = (struct refuse_why){.status = status, .code = code, .message = message};
    return BAD_INPUT;
}

static void add_detail(struct arena *arena, struct refuse_why *why, slice name, slice value)
{
    struct pair_list *details = arena_alloc(arena, sizeof *details);
    if (why->details)
        *details = *why->details;
    *(struct pair *)list_add(arena, details) = (struct pair){name, value};
    why->details = details;
}

/* Without a signature */

bool verify_may_be_unsigned(const struct conn_request *request, const struct route *route)
{
    static const slice operations[] = {S("AssumeRoleWithWebIdentity"), S("AssumeRoleWithSAML")};
    const struct route_service *service = route->service;
    slice path = request->head->path;
    if (service->is_s3 || route->is_function || slice_eq(request->head->method, S("OPTIONS")))
        return true;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (slice_eq(service->name, S("sts")) && slice_eq(route->operation, operations[i]))
            return true;
    /* The registry has credentials of its own, and functions' code is fetched from addresses signed by lambda. */
    if (slice_eq(service->name, S("ecr")))
        return slice_starts(path, S("/v2/")) || slice_eq(path, S("/v2"));
    return slice_eq(service->name, S("lambda")) && slice_starts(path, S("/2015-03-31/code/"));
}

/* Times */

/* "20261124T100000Z" */
static bool read_stamp(struct arena *arena, slice text, int64_t *ms)
{
    const char *t = text.ptr;
    if (text.len != STAMP_LENGTH || t[8] != 'T' || t[15] != 'Z')
        return false;
    return time_parse(arena_printf(arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t, t + 4, t + 6, t + 9, t + 11, t + 13),
                      ms);
}

static slice stamp_of(struct arena *arena, int64_t ms)
{
    const char *t = time_iso8601(arena, ms, false).ptr;
    return arena_printf(arena, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", t, t + 5, t + 8, t + 11, t + 14, t + 17);
}

static int refuse_skewed(struct arena *arena, const struct verify_claim *claim, int64_t signed_ms, int64_t now_ms,
                         struct refuse_why *why)
{
    slice limit = stamp_of(arena, signed_ms < now_ms ? now_ms - SKEW_MS : now_ms + SKEW_MS);
    if (is_s3(claim)) {
        refuse(claim, VERIFY_TIME, (slice){0}, why);
        add_detail(arena, why, S("RequestTime"), stamp_of(arena, signed_ms));
        add_detail(arena, why, S("ServerTime"), time_iso8601(arena, now_ms, false));
        add_detail(arena, why, S("MaxAllowedSkewMilliseconds"), S("900000"));
        return BAD_INPUT;
    }
    if (slice_eq(claim->route->service->name, S("ec2")))
        return refuse(claim, VERIFY_TIME, (slice){0}, why);
    slice message =
        signed_ms < now_ms
            ? arena_printf(arena, "Signature expired: %.*s is now earlier than %.*s (%.*s - 5 min.)",
                           SLICE_ARG(stamp_of(arena, signed_ms)), SLICE_ARG(limit), SLICE_ARG(stamp_of(arena, now_ms)))
            : arena_printf(arena, "Signature not yet current: %.*s is still later than %.*s (%.*s + 5 min.)",
                           SLICE_ARG(stamp_of(arena, signed_ms)), SLICE_ARG(limit), SLICE_ARG(stamp_of(arena, now_ms)));
    return refuse(claim, VERIFY_TIME, message, why);
}

static int check_skew(struct arena *arena, const struct verify_claim *claim, int64_t signed_ms, int64_t now_ms,
                      struct refuse_why *why)
{
    int64_t allowed = is_s3(claim) ? SKEW_S3_MS : SKEW_MS;
    if (signed_ms >= now_ms - allowed && signed_ms <= now_ms + allowed)
        return 0;
    return refuse_skewed(arena, claim, signed_ms, now_ms, why);
}

/* A presigned URL is good from its time on, for as long as it says. S3 itself says when one has ended. */
static int check_period(struct arena *arena, const struct verify_claim *claim, const struct http1_request *head,
                        int64_t signed_ms, int64_t now_ms, struct refuse_why *why)
{
    int64_t seconds = SKEW_MS / 1000;
    if (is_s3(claim) && signed_ms > now_ms + SKEW_S3_MS)
        return refuse_s3(why, 403, S("AccessDenied"), S("Request is not yet valid"));
    if (is_s3(claim))
        return 0;
    slice expires = uri_parameter(head->query, S("X-Amz-Expires"));
    if (expires.ptr && !slice_to_int64(expires, &seconds))
        return refuse(claim, VERIFY_INCOMPLETE, S("X-Amz-Expires should be a number"), why);
    if (signed_ms + seconds * 1000 < now_ms || signed_ms > now_ms + SKEW_MS)
        return refuse_skewed(arena, claim, signed_ms, now_ms, why);
    return 0;
}

static int check_scope_date(struct arena *arena, const struct verify_claim *claim, struct refuse_why *why)
{
    slice day = slice_sub(claim->stamp, 0, DATE_LENGTH);
    if (slice_eq(day, claim->scope->date))
        return 0;
    if (is_s3(claim))
        return refuse(claim, VERIFY_INCOMPLETE,
                      arena_printf(arena,
                                   "The authorization header is malformed; Invalid credential date \"%.*s\". This date "
                                   "is not the same as X-Amz-Date: \"%.*s\".",
                                   SLICE_ARG(claim->scope->date), SLICE_ARG(day)),
                      why);
    return refuse(claim, VERIFY_MISMATCH,
                  arena_printf(arena,
                               "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
                               "HTTP: '%.*s' != '%.*s', from '%.*s'.",
                               SLICE_ARG(claim->scope->date), SLICE_ARG(day), SLICE_ARG(claim->stamp)),
                  why);
}

/* The claim */

static int refuse_incomplete(struct arena *arena, const struct verify_claim *claim, slice authorization,
                             struct refuse_why *why)
{
    static const slice names[] = {S("Signature"), S("SignedHeaders")};
    slice missing[] = {claim->signature, claim->signed_headers};
    struct buf text;
    buf_init(&text, arena);
    if (is_s3(claim))
        return refuse(claim, VERIFY_INCOMPLETE,
                      S("The authorization header is malformed; the authorization header requires three components: "
                        "Credential, SignedHeaders, and Signature."),
                      why);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_empty(missing[i]))
            buf_printf(&text, "Authorization header requires '%.*s' parameter. ", SLICE_ARG(names[i]));
    if (slice_empty(claim->stamp))
        buf_add(&text, S("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "));
    buf_printf(&text, "Authorization=%.*s", (int)slice_index(authorization, ' '), authorization.ptr);
    return refuse(claim, VERIFY_INCOMPLETE, buf_slice(&text), why);
}

static int read_header(struct arena *arena, const struct http1_request *head, int64_t now_ms,
                       struct verify_claim *claim, struct refuse_why *why)
{
    int64_t signed_ms = 0;
    slice authorization = head->known[HTTP1_AUTHORIZATION], date = canonical_header(head, S("date"));
    claim->signature = sigv4_part(authorization, S("Signature="));
    claim->signed_headers = sigv4_part(authorization, S("SignedHeaders="));
    claim->token = canonical_header(head, S("x-amz-security-token"));
    claim->stamp = canonical_header(head, S("x-amz-date"));
    bool good = read_stamp(arena, claim->stamp, &signed_ms);
    if (!claim->stamp.ptr && date.ptr) {
        good = read_stamp(arena, date, &signed_ms) || time_parse(date, &signed_ms);
        claim->stamp = stamp_of(arena, signed_ms);
    }
    if (!good && is_s3(claim))
        return refuse_s3(why, 403, S("AccessDenied"),
                         S("AWS authentication requires a valid Date or x-amz-date header"));
    if (!good || slice_empty(claim->signature) || slice_empty(claim->signed_headers))
        return refuse_incomplete(arena, claim, authorization, why);
    TRY(check_skew(arena, claim, signed_ms, now_ms, why));
    return check_scope_date(arena, claim, why);
}

static slice decoded_parameter(struct arena *arena, slice query, slice name)
{
    slice value = uri_parameter(query, name);
    return value.ptr && uri_decode(arena, value, false, &value) != 0 ? (slice){0} : value;
}

static int read_query(struct arena *arena, const struct http1_request *head, int64_t now_ms, struct verify_claim *claim,
                      struct refuse_why *why)
{
    int64_t signed_ms = 0;
    claim->signature = decoded_parameter(arena, head->query, S("X-Amz-Signature"));
    claim->signed_headers = decoded_parameter(arena, head->query, S("X-Amz-SignedHeaders"));
    claim->token = decoded_parameter(arena, head->query, S("X-Amz-Security-Token"));
    claim->stamp = decoded_parameter(arena, head->query, S("X-Amz-Date"));
    slice algorithm = uri_parameter(head->query, S("X-Amz-Algorithm"));
    bool whole = slice_eq(algorithm, S("AWS4-HMAC-SHA256")) && !slice_empty(claim->signature) &&
                 !slice_empty(claim->signed_headers) && read_stamp(arena, claim->stamp, &signed_ms);
    if (!whole && is_s3(claim))
        return refuse_s3(why, 400, S("AuthorizationQueryParametersError"),
                         S("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                           "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."));
    if (!whole)
        return refuse(claim, VERIFY_INCOMPLETE,
                      S("AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', "
                        "'X-Amz-Signature', 'X-Amz-SignedHeaders' and 'X-Amz-Date'."),
                      why);
    TRY(check_period(arena, claim, head, signed_ms, now_ms, why));
    return check_scope_date(arena, claim, why);
}

static int read_v2(struct arena *arena, const struct http1_request *head, int64_t now_ms, struct verify_claim *claim,
                   struct refuse_why *why)
{
    int64_t signed_ms;
    slice before;
    claim->token = canonical_header(head, S("x-amz-security-token"));
    if (claim->scope->kind == SIGV2_QUERY) {
        claim->signature = decoded_parameter(arena, head->query, S("Signature"));
        claim->expires = uri_parameter(head->query, S("Expires"));
        if (!claim->token.ptr)
            claim->token = decoded_parameter(arena, head->query, S("x-amz-security-token"));
        return claim->expires.ptr
                   ? 0
                   : refuse_s3(why, 403, S("AccessDenied"),
                               S("Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
                                 "parameters"));
    }
    slice date = canonical_header(head, S("x-amz-date"));
    if (!date.ptr)
        date = canonical_header(head, S("date"));
    slice_cut(head->known[HTTP1_AUTHORIZATION], ':', &before, &claim->signature);
    if (!claim->signature.ptr)
        return refuse_s3(why, 400, S("InvalidArgument"),
                         S("Authorization header is invalid -- one and only one ' ' "
                           "(space) required"));
    if (!read_stamp(arena, date, &signed_ms) && !time_parse(date, &signed_ms))
        return refuse_s3(why, 403, S("AccessDenied"),
                         S("AWS authentication requires a valid Date or x-amz-date header"));
    return check_skew(arena, claim, signed_ms, now_ms, why);
}

/* What is not signed could have been added by anybody. */
static int check_signed_headers(struct arena *arena, const struct http1_request *head, const struct verify_claim *claim,
                                struct refuse_why *why)
{
    struct buf unsigned_names;
    slice list = arena_printf(arena, ";%.*s;", SLICE_ARG(claim->signed_headers));
    buf_init(&unsigned_names, arena);
    for (size_t i = 0; i < head->n_headers; i++) {
        slice name = head->headers[i].key;
        bool amz = name.len > 6 && slice_eq_nocase(slice_sub(name, 0, 6), S("x-amz-")) && is_s3(claim) &&
                   !slice_eq_nocase(name, S("x-amz-content-sha256"));
        if (!amz && !slice_eq_nocase(name, S("host")))
            continue;
        char *mark = arena_alloc(arena, name.len + 2);
        mark[0] = mark[name.len + 1] = ';';
        for (size_t j = 0; j < name.len; j++)
            mark[j + 1] = name.ptr[j] >= 'A' && name.ptr[j] <= 'Z' ? (char)(name.ptr[j] | 0x20) : name.ptr[j];
        if (slice_find(list, (slice){mark, name.len + 2}) < 0)
            buf_printf(&unsigned_names, "%s%.*s", unsigned_names.len > 0 ? ", " : "", (int)name.len, mark + 1);
    }
    if (unsigned_names.len == 0)
        return 0;
    if (!is_s3(claim))
        return refuse(claim, VERIFY_MISMATCH,
                      S("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."), why);
    refuse_s3(why, 403, S("AccessDenied"), S("There were headers present in the request which were not signed"));
    add_detail(arena, why, S("HeadersNotSigned"), buf_slice(&unsigned_names));
    return BAD_INPUT;
}

int verify_read(struct arena *arena, const struct conn_request *request, int64_t now_ms, struct verify_claim *claim,
                struct refuse_why *why)
{
    const struct http1_request *head = request->head;
    bool by_header = claim->scope->kind == SIGV4_HEADER || claim->scope->kind == SIGV2_HEADER;
    if (by_header && is_s3(claim) &&
        (uri_parameter(head->query, S("X-Amz-Algorithm")).ptr || uri_parameter(head->query, S("Signature")).ptr))
        return refuse_s3(why, 400, S("InvalidArgument"),
                         S("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
                           "string parameter or the Authorization header should be specified"));
    switch (claim->scope->kind) {
    case SIGV4_HEADER:
        TRY(read_header(arena, head, now_ms, claim, why));
        break;
    case SIGV4_QUERY:
        TRY(read_query(arena, head, now_ms, claim, why));
        break;
    case SIGV2_HEADER:
    case SIGV2_QUERY:
        return read_v2(arena, head, now_ms, claim, why);
    default:
        *why = (struct refuse_why){.status = 501, .message = S("awssim does not verify signatures of version 4A.")};
        return BAD_INPUT;
    }
    if (claim->route->is_function && !slice_eq(claim->scope->service, S("lambda")))
        return refuse(claim, VERIFY_MISMATCH, S("Credential should be scoped to correct service: 'lambda'. "), why);
    return check_signed_headers(arena, head, claim, why);
}

/* The signature */

static slice spaced_hex(struct arena *arena, slice text)
{
    struct buf out;
    buf_init(&out, arena);
    for (size_t i = 0; i < text.len; i++)
        buf_printf(&out, "%s%02x", i > 0 ? " " : "", (unsigned char)text.ptr[i]);
    return buf_slice(&out);
}

/* canonical is absent in version 2 and for chunks. */
static int refuse_mismatch(struct arena *arena, const struct verify_claim *claim, slice text, slice canonical,
                           struct refuse_why *why)
{
    refuse(claim, VERIFY_MISMATCH, (slice){0}, why);
    if (is_s3(claim)) {
        add_detail(arena, why, S("AWSAccessKeyId"), claim->scope->access_key);
        add_detail(arena, why, S("StringToSign"), text);
        add_detail(arena, why, S("SignatureProvided"), claim->signature);
        add_detail(arena, why, S("StringToSignBytes"), spaced_hex(arena, text));
        if (canonical.ptr) {
            add_detail(arena, why, S("CanonicalRequest"), canonical);
            add_detail(arena, why, S("CanonicalRequestBytes"), spaced_hex(arena, canonical));
        }
    } else if (!slice_eq(claim->route->service->name, S("ec2"))) {
        why->message = arena_printf(arena,
                                    "%.*s\n\nThe Canonical String for this request should have been\n'%.*s'\n\nThe "
                                    "String-to-Sign should have been\n'%.*s'\n",
                                    SLICE_ARG(why->message), SLICE_ARG(canonical), SLICE_ARG(text));
    }
    return BAD_INPUT;
}

static slice body_hash(struct arena *arena, const struct conn_request *request)
{
    slice hash = request->digests, line;
    while (hash.len > 0) {
        slice_cut(hash, '\n', &line, &hash);
        if (slice_starts(line, S("sha256 ")))
            return slice_sub(line, sizeof "sha256 " - 1, line.len);
    }
    return signature_hash(arena, request->body.ptr ? request->body : S(""));
}

/* What stands for the body in the canonical request. */
static slice payload_of(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim)
{
    slice said = canonical_header(request->head, S("x-amz-content-sha256"));
    if (!is_s3(claim))
        return slice_eq(said, S(UNSIGNED)) ? said : body_hash(arena, request);
    if (!said.ptr && claim->scope->kind == SIGV4_QUERY)
        said = uri_parameter(request->head->query, S("X-Amz-Content-Sha256"));
    return said.ptr || claim->scope->kind != SIGV4_QUERY ? said : S(UNSIGNED);
}

static bool is_hash(slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] >= '0' && text.ptr[i] <= '9') && !(text.ptr[i] >= 'a' && text.ptr[i] <= 'f'))
            return false;
    return text.len == SIGNATURE_HEX_DIGITS;
}

/* S3 is told the body's hash before the body, and compares. */
static int check_payload(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim,
                         slice payload, struct refuse_why *why)
{
    if (!is_s3(claim) || slice_eq(payload, S(UNSIGNED)) || slice_eq(payload, S("STREAMING-UNSIGNED-PAYLOAD-TRAILER")) ||
        slice_eq(payload, S(SIGNED_CHUNKS)) || slice_eq(payload, S(SIGNED_CHUNKS "-TRAILER")))
        return 0;
    if (!payload.ptr)
        return refuse_s3(why, 400, S("InvalidRequest"),
                         S("Missing required header for this request: x-amz-content-sha256"));
    if (!is_hash(payload))
        return refuse_s3(why, 400, S("InvalidArgument"),
                         S("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid "
                           "sha256 value."));
    slice computed = body_hash(arena, request);
    if (slice_eq(computed, payload))
        return 0;
    refuse_s3(why, 400, S("XAmzContentSHA256Mismatch"),
              S("The provided 'x-amz-content-sha256' header does not match what was computed."));
    add_detail(arena, why, S("ClientComputedContentSHA256"), payload);
    add_detail(arena, why, S("S3ComputedContentSHA256"), computed);
    return BAD_INPUT;
}

static slice scope_text(struct arena *arena, const struct sigv4_scope *scope)
{
    return arena_printf(arena, "%.*s/%.*s/%.*s/aws4_request", SLICE_ARG(scope->date), SLICE_ARG(scope->region),
                        SLICE_ARG(scope->service));
}

/* Chunks */

/* One link: its text names the signature before it. */
struct link {
    struct arena *arena;
    const struct verify_claim *claim;
    const uint8_t *key;
    slice scope;
    slice previous;
};

static int check_link(struct link *link, const char *algorithm, slice hashes, slice signature, struct refuse_why *why)
{
    slice text = arena_printf(link->arena, "%s\n%.*s\n%.*s\n%.*s\n%.*s", algorithm, SLICE_ARG(link->claim->stamp),
                              SLICE_ARG(link->scope), SLICE_ARG(link->previous), SLICE_ARG(hashes));
    if (!signature_equal(signature_v4(link->arena, link->key, text), signature))
        return refuse_mismatch(link->arena, link->claim, text, (slice){0}, why);
    link->previous = signature;
    return 0;
}

static int check_trailers(struct link *link, slice trailers, struct refuse_why *why)
{
    struct buf lines;
    slice line, name, value, signature = S("");
    buf_init(&lines, link->arena);
    while (trailers.len > 0) {
        slice_cut(trailers, '\n', &line, &trailers);
        slice_cut(line, ':', &name, &value);
        value = slice_trim(value);
        if (slice_eq(name, S("x-amz-trailer-signature")))
            signature = value;
        else
            buf_printf(&lines, "%.*s:%.*s\n", SLICE_ARG(name), SLICE_ARG(value));
    }
    return check_link(link, "AWS4-HMAC-SHA256-TRAILER", signature_hash(link->arena, buf_slice(&lines)), signature, why);
}

static int check_chunks(struct link *link, const struct conn_request *request, slice payload, struct refuse_why *why)
{
    slice empty = signature_hash(link->arena, S(""));
    if (request->n_chunks == 0)
        return refuse(link->claim, VERIFY_MISMATCH, (slice){0}, why);
    for (size_t i = 0; i < request->n_chunks; i++) {
        const struct awschunk_mark *mark = &request->chunks[i];
        struct link one = *link;
        if (mark->size < AWSCHUNK_LEAST_BYTES && i + 2 < request->n_chunks)
            return refuse_s3(why, 403, S("InvalidChunkSizeError"),
                             S("Only the last chunk is allowed to have a size less than 8192 bytes"));
        one.arena = arena_open();
        slice hashes = arena_printf(one.arena, "%.*s\n%.*s", SLICE_ARG(empty), AWSCHUNK_DIGITS, mark->hash);
        slice signature = {mark->signature, AWSCHUNK_DIGITS};
        int result = check_link(&one, "AWS4-HMAC-SHA256-PAYLOAD", hashes, signature, why);
        arena_close(one.arena);
        if (result != 0)
            return refuse(link->claim, VERIFY_MISMATCH, (slice){0}, why);
        link->previous = signature;
    }
    return slice_ends(payload, S("-TRAILER")) ? check_trailers(link, request->trailers, why) : 0;
}

static int check_v4(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim,
                    slice secret, struct refuse_why *why)
{
    const struct sigv4_scope *scope = claim->scope;
    uint8_t key[SIGNATURE_KEY_BYTES];
    slice payload = payload_of(arena, request, claim);
    TRY(check_payload(arena, request, claim, payload, why));
    slice canonical = canonical_request(arena, &(struct canonical_wanted){.head = request->head,
                                                                          .signed_headers = claim->signed_headers,
                                                                          .payload = payload,
                                                                          .s3 = is_s3(claim)});
    slice text = arena_printf(arena, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", SLICE_ARG(claim->stamp),
                              SLICE_ARG(scope_text(arena, scope)), SLICE_ARG(signature_hash(arena, canonical)));
    signature_key(secret, scope->date, scope->region, scope->service, key);
    if (!signature_equal(signature_v4(arena, key, text), claim->signature))
        return refuse_mismatch(arena, claim, text, canonical, why);
    if (!is_s3(claim) || !slice_starts(payload, S(SIGNED_CHUNKS)))
        return 0;
    struct link link = {arena, claim, key, scope_text(arena, scope), claim->signature};
    return check_chunks(&link, request, payload, why);
}

static int check_v2(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim,
                    slice secret, struct refuse_why *why)
{
    /* Of a bucket's own name both forms are signed; a prefix of the endpoint is known to some clients' signers only. */
    slice path = claim->route->path, text = {0};
    slice resources[] = {arena_printf(arena, "%.*s/", SLICE_ARG(path)), request->head->path, path};
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        text = canonical_v2(arena, request->head, resources[i], claim->expires);
        if (signature_equal(signature_v2(arena, secret, text), claim->signature))
            return 0;
    }
    return refuse_mismatch(arena, claim, text, (slice){0}, why);
}

int verify_check(struct arena *arena, const struct conn_request *request, const struct verify_claim *claim,
                 const struct verify_secret *secret, struct refuse_why *why)
{
    bool v2 = claim->scope->kind == SIGV2_HEADER || claim->scope->kind == SIGV2_QUERY;
    TRY(v2 ? check_v2(arena, request, claim, secret->secret, why)
           : check_v4(arena, request, claim, secret->secret, why));
    if (!secret->token.ptr && !claim->token.ptr)
        return 0;
    if (secret->token.ptr && claim->token.ptr && signature_equal(secret->token, claim->token))
        return 0;
    refuse(claim, VERIFY_TOKEN, (slice){0}, why);
    if (is_s3(claim))
        add_detail(arena, why, S("Token-0"), claim->token.ptr ? claim->token : S(""));
    return BAD_INPUT;
}
