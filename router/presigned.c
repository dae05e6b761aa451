/* presigned: see presigned.h. Which parameters are headers is told by their names: everything of AWS's own but for what
 * the signature consists of, and the headers of HTTP that say what content is. */
#include "router/presigned.h"

#include "common/arena.h"
#include "common/uri.h"
#include "proto/msg.h"
#include "router/sigv4.h"

static const slice http_headers[] = {
    {"range", 5},
    {"if-match", 8},
    {"content-md5", 11},
    {"cache-control", 13},
    {"if-none-match", 13},
    {"content-encoding", 16},
    {"content-language", 16},
    {"if-modified-since", 17},
    {"content-disposition", 19},
    {"if-unmodified-since", 19},
};

/* The signature's own, what describes the bytes on the wire, and the checksums that an SDK takes of the empty body it
 * signs, which S3 does not hold against the body that comes. */
static const slice no_headers[] = {
    {"x-amz-date", 10},
    {"x-amz-expires", 13},
    {"x-amz-trailer", 13},
    {"x-amz-algorithm", 15},
    {"x-amz-signature", 15},
    {"x-amz-credential", 16},
    {"x-amz-signedheaders", 19},
    {"x-amz-content-sha256", 20},
    {"x-amz-security-token", 20},
    {"x-amz-sdk-checksum-algorithm", 28},
    {"x-amz-decoded-content-length", 28},
};

static bool is_among(slice name, const slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(names[i], name))
            return true;
    return false;
}

static bool is_header(const struct sigv4_scope *scope, slice name)
{
    if (slice_starts(name, S("x-amz-")))
        return !slice_starts(name, S("x-amz-checksum-")) &&
               !is_among(name, no_headers, sizeof no_headers / sizeof no_headers[0]);
    if (slice_eq(name, S("expires"))) /* version 2 has its own under this name */
        return scope->kind == SIGV4_QUERY;
    return is_among(name, http_headers, sizeof http_headers / sizeof http_headers[0]);
}

static slice lower(struct arena *arena, slice name)
{
    char *text = arena_copy(arena, name.ptr, name.len);
    for (size_t i = 0; i < name.len; i++)
        text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
    return (slice){text, name.len};
}

/* A value that no header could have would be more than one line. */
static bool is_line(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

/* Decoded; false for a parameter without a name or that does not decode. */
static bool read_parameter(struct arena *arena, slice part, slice *name, slice *value)
{
    slice_cut(part, '=', name, value);
    if (uri_decode(arena, *name, true, name) != 0 || name->len == 0 || slice_index(*name, ':') < name->len)
        return false;
    return value->ptr && uri_decode(arena, *value, true, value) == 0 && is_line(*name) && is_line(*value);
}

void presigned_add_headers(struct arena *arena, const struct sigv4_scope *scope, slice query, struct buf *lines,
                           slice *content_type)
{
    slice part, name, value, rest = query;
    if (scope->kind != SIGV4_QUERY && scope->kind != SIGV2_QUERY)
        return;
    while (rest.ptr) {
        slice_cut(rest, '&', &part, &rest);
        if (!read_parameter(arena, part, &name, &value))
            continue;
        name = lower(arena, name);
        value = slice_trim(value);
        if (slice_eq(name, S("content-type")) && !content_type->ptr)
            *content_type = value;
        if (!is_header(scope, name) || msg_header(&(struct msg){.headers = buf_slice(lines)}, name).ptr)
            continue;
        buf_add(lines, name);
        buf_add(lines, S(": "));
        buf_add(lines, value);
        buf_add_char(lines, '\n');
    }
}
