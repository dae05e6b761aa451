/* upload: see upload.h. S3 and the registry store what they get; all other bodies are AWS inputs. */
#include "router/upload.h"

#include "common/arena.h"
#include "common/buf.h"
#include "router/body.h"
#include "router/http1.h"
#include "router/route.h"

static bool is_hex_digest(slice text)
{
    enum { SHA256_DIGITS = 64 };
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] >= '0' && text.ptr[i] <= '9') &&
            !((text.ptr[i] | 0x20) >= 'a' && (text.ptr[i] | 0x20) <= 'f'))
            return false;
    return text.len == SHA256_DIGITS;
}

static bool has_word(slice list, slice word)
{
    slice one, rest = list;
    while (rest.ptr) {
        slice_cut(rest, ',', &one, &rest);
        if (slice_eq_nocase(slice_trim(one), word))
            return true;
    }
    return false;
}

/* "x-amz-checksum-crc32" → DIGEST_CRC32, other texts → 0. */
static unsigned checksum_named(slice name)
{
    static const slice prefix = {"x-amz-checksum-", 15};
    if (name.len <= prefix.len || !slice_eq_nocase(slice_sub(name, 0, prefix.len), prefix))
        return 0;
    return digest_named(slice_sub(name, prefix.len, name.len));
}

static void read_header(const struct pair *header, struct body_plan *plan)
{
    slice name = header->key, value = header->value;
    if (name.len < 12 || (name.ptr[0] | 0x20) != 'x')
        return;
    plan->algorithms |= checksum_named(name);
    if (slice_eq_nocase(name, S("x-amz-content-sha256"))) {
        plan->algorithms |= is_hex_digest(value) ? DIGEST_SHA256 : 0;
        plan->aws_chunked |= slice_starts(value, S("STREAMING-"));
    } else if (slice_eq_nocase(name, S("x-amz-decoded-content-length"))) {
        int64_t length;
        plan->announced = slice_to_int64(value, &length) && length >= 0 ? length : -1;
    } else if (slice_eq_nocase(name, S("x-amz-trailer"))) {
        slice one, rest = value;
        while (rest.ptr) {
            slice_cut(rest, ',', &one, &rest);
            plan->algorithms |= checksum_named(slice_trim(one));
        }
    } else if (slice_eq_nocase(name, S("x-amz-sdk-checksum-algorithm")) ||
               slice_eq_nocase(name, S("x-amz-checksum-algorithm"))) {
        plan->algorithms |= digest_named(value);
    }
}

/* The encoding of an S3 object is part of the object. */
static void plan_object(const struct http1_request *head, struct body_plan *plan)
{
    plan->limit = LIMIT_OBJECT_BYTES;
    plan->too_large = S("EntityTooLarge");
    plan->algorithms = DIGEST_MD5;
    plan->aws_chunked = has_word(head->known[HTTP1_CONTENT_ENCODING], S("aws-chunked"));
    for (size_t i = 0; i < head->n_headers; i++)
        read_header(&head->headers[i], plan);
    /* What S3 computes when nothing is asked for. */
    if (!(plan->algorithms & ~(unsigned)(DIGEST_MD5 | DIGEST_SHA256)) && slice_eq(head->method, S("PUT")))
        plan->algorithms |= DIGEST_CRC64NVME;
}

static bool is_registry(const struct route_service *service, slice path)
{
    return slice_eq(service->name, S("ecr")) && slice_starts(path, S("/v2/"));
}

/* A request for S3 may carry an object, unless it is a call of a service that did not say which it is for. */
static bool may_be_object(const struct http1_request *head)
{
    slice type = head->known[HTTP1_CONTENT_TYPE];
    bool call = slice_eq(head->method, S("POST")) && slice_eq(head->path, S("/"));
    return !slice_starts(type, S("application/x-www-form-urlencoded")) &&
           (!call || slice_starts(type, S("multipart/form-data")));
}

void upload_plan(const struct route_service *service, const struct http1_request *head, struct body_plan *plan)
{
    if (service && service->is_s3 && may_be_object(head)) {
        plan_object(head, plan);
        return;
    }
    plan->gunzip = head->known[HTTP1_CONTENT_ENCODING].ptr != NULL;
    if (service && is_registry(service, head->path)) {
        plan->limit = LIMIT_LAYER_BYTES;
        plan->gunzip = false;
        plan->algorithms = DIGEST_SHA256;
    } else if (service && slice_eq(service->name, S("lambda"))) {
        plan->limit = LIMIT_FUNCTION_BYTES;
    } else if (service && slice_eq(service->name, S("ecr"))) {
        plan->limit = LIMIT_LAYER_PART_REQUEST_BYTES;
    }
}

slice upload_without_chunks(struct arena *arena, slice encoding)
{
    struct buf kept;
    slice one, rest = encoding;
    buf_init(&kept, arena);
    while (rest.ptr) {
        slice_cut(rest, ',', &one, &rest);
        one = slice_trim(one);
        if (one.len == 0 || slice_eq_nocase(one, S("aws-chunked")))
            continue;
        if (kept.len > 0)
            buf_add_char(&kept, ',');
        buf_add(&kept, one);
    }
    return buf_slice(&kept);
}
