/* canonical: see canonical.h. */
#include "router/canonical.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/uri.h"
#include "router/http1.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static slice lowered(struct arena *arena, slice text)
{
    char *copy = arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = lower(text.ptr[i]);
    return (slice){copy, text.len};
}

slice canonical_header(const struct http1_request *head, slice name)
{
    for (size_t i = 0; i < head->n_headers; i++)
        if (slice_eq_nocase(head->headers[i].key, name))
            return head->headers[i].value;
    return (slice){0};
}

/* Encoded once, whatever of it the client has encoded. */
static slice encoded_once(struct arena *arena, slice text, bool is_path)
{
    slice decoded;
    if (uri_decode(arena, text, !is_path, &decoded) != 0)
        decoded = text;
    return uri_encode(arena, decoded, is_path);
}

/* "/a//./b/../c/" → "/a/c/" */
static slice normalized(struct arena *arena, slice path)
{
    struct buf out;
    slice segment = {0}, rest = slice_sub(path, path.len > 0 && path.ptr[0] == '/', path.len);
    buf_init(&out, arena);
    while (rest.ptr) {
        slice_cut(rest, '/', &segment, &rest);
        if (slice_eq(segment, S(".."))) {
            while (out.len > 0 && out.ptr[--out.len] != '/')
                ;
        } else if (segment.len > 0 && !slice_eq(segment, S("."))) {
            buf_add_char(&out, '/');
            buf_add(&out, segment);
        }
    }
    bool open = segment.len == 0 || slice_eq(segment, S(".")) || slice_eq(segment, S(".."));
    if (open && (out.len == 0 || out.ptr[out.len - 1] != '/'))
        buf_add_char(&out, '/');
    return buf_slice(&out);
}

static slice canonical_path(struct arena *arena, slice path, bool s3)
{
    if (slice_empty(path))
        return S("/");
    return s3 ? encoded_once(arena, path, true) : uri_encode(arena, normalized(arena, path), true);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = slice_cmp(a->key, b->key);
    return order != 0 ? order : slice_cmp(a->value, b->value);
}

static void sort(struct pair_list *pairs)
{
    if (pairs->len > 1)
        qsort(pairs->items, pairs->len, sizeof *pairs->items, compare_pairs);
}

static void add_query(struct arena *arena, struct buf *out, slice query)
{
    struct pair_list pairs = {0};
    slice part, key, value, rest = query;
    while (rest.ptr && rest.len > 0) {
        slice_cut(rest, '&', &part, &rest);
        slice_cut(part, '=', &key, &value);
        if (part.len == 0 || slice_eq(key, S("X-Amz-Signature")))
            continue;
        struct pair *pair = list_add(arena, &pairs);
        pair->key = encoded_once(arena, key, false);
        pair->value = value.ptr ? encoded_once(arena, value, false) : S("");
    }
    sort(&pairs);
    list_foreach (pair, &pairs) {
        if (pair != pairs.items)
            buf_add_char(out, '&');
        buf_add(out, pair->key);
        buf_add_char(out, '=');
        buf_add(out, pair->value);
    }
}

/* Runs of spaces count as one. */
static void add_folded(struct buf *out, slice value)
{
    value = slice_trim(value);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ')
            buf_add_char(out, value.ptr[i]);
}

/* All headers of that name, in their order. */
static void add_values(struct buf *out, const struct http1_request *head, slice name)
{
    bool first = true;
    for (size_t i = 0; i < head->n_headers; i++) {
        if (!slice_eq_nocase(head->headers[i].key, name))
            continue;
        if (!first)
            buf_add_char(out, ',');
        add_folded(out, head->headers[i].value);
        first = false;
    }
}

slice canonical_request(struct arena *arena, const struct canonical_wanted *wanted)
{
    struct buf out;
    slice name, rest = wanted->signed_headers;
    buf_init(&out, arena);
    buf_add(&out, wanted->head->method);
    buf_add_char(&out, '\n');
    buf_add(&out, canonical_path(arena, wanted->head->path, wanted->s3));
    buf_add_char(&out, '\n');
    add_query(arena, &out, wanted->head->query);
    buf_add_char(&out, '\n');
    while (rest.ptr) {
        slice_cut(rest, ';', &name, &rest);
        buf_add(&out, lowered(arena, name));
        buf_add_char(&out, ':');
        add_values(&out, wanted->head, name);
        buf_add_char(&out, '\n');
    }
    buf_add_char(&out, '\n');
    buf_add(&out, wanted->signed_headers);
    buf_add_char(&out, '\n');
    buf_add(&out, wanted->payload);
    return buf_slice(&out);
}

/* Version 2 */

/* What of the query is part of the resource's name, in byte order. */
static const slice resource_parameters[] = {
    S("accelerate"),
    S("acl"),
    S("analytics"),
    S("cors"),
    S("defaultObjectAcl"),
    S("delete"),
    S("inventory"),
    S("lifecycle"),
    S("location"),
    S("logging"),
    S("metrics"),
    S("notification"),
    S("object-lock"),
    S("partNumber"),
    S("policy"),
    S("replication"),
    S("requestPayment"),
    S("response-cache-control"),
    S("response-content-disposition"),
    S("response-content-encoding"),
    S("response-content-language"),
    S("response-content-type"),
    S("response-expires"),
    S("restore"),
    S("select"),
    S("select-type"),
    S("storageClass"),
    S("tagging"),
    S("torrent"),
    S("uploadId"),
    S("uploads"),
    S("versionId"),
    S("versioning"),
    S("versions"),
    S("website"),
};

static bool is_resource_parameter(slice name)
{
    for (size_t i = 0; i < sizeof resource_parameters / sizeof resource_parameters[0]; i++)
        if (slice_eq(resource_parameters[i], name))
            return true;
    return false;
}

static void add_resource(struct arena *arena, struct buf *out, const struct http1_request *head, slice resource)
{
    struct pair_list pairs = {0};
    slice part, key, value, rest = head->query;
    buf_add(out, resource);
    while (rest.ptr) {
        slice_cut(rest, '&', &part, &rest);
        slice_cut(part, '=', &key, &value);
        if (!is_resource_parameter(key))
            continue;
        if (value.ptr && uri_decode(arena, value, true, &value) != 0)
            continue;
        *(struct pair *)list_add(arena, &pairs) = (struct pair){key, value};
    }
    sort(&pairs);
    list_foreach (pair, &pairs) {
        buf_add_char(out, pair == pairs.items ? '?' : '&');
        buf_add(out, pair->key);
        if (pair->value.ptr)
            buf_printf(out, "=%.*s", SLICE_ARG(pair->value));
    }
}

/* Presigned URLs carry in the query what else would be a header. */
static void list_amz(struct arena *arena, const struct http1_request *head, bool presigned, struct pair_list *amz)
{
    slice part, key, value, rest = presigned ? head->query : (slice){0};
    for (size_t i = 0; i < head->n_headers; i++) {
        key = lowered(arena, head->headers[i].key);
        if (slice_starts(key, S("x-amz-")))
            *(struct pair *)list_add(arena, amz) = (struct pair){key, slice_trim(head->headers[i].value)};
    }
    while (rest.ptr) {
        slice_cut(rest, '&', &part, &rest);
        slice_cut(part, '=', &key, &value);
        if (slice_starts(key, S("x-amz-")) && value.ptr && uri_decode(arena, value, true, &value) == 0)
            *(struct pair *)list_add(arena, amz) = (struct pair){key, value};
    }
}

/* Values of one name keep the order in which they came: they borrow from the same head. */
static int compare_keys(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = slice_cmp(a->key, b->key);
    return order != 0 ? order : (a->value.ptr > b->value.ptr) - (a->value.ptr < b->value.ptr);
}

static void add_amz(struct arena *arena, struct buf *out, const struct http1_request *head, bool presigned)
{
    struct pair_list amz = {0};
    list_amz(arena, head, presigned, &amz);
    if (amz.len > 1)
        qsort(amz.items, amz.len, sizeof *amz.items, compare_keys);
    for (size_t i = 0; i < amz.len; i++) {
        bool again = i > 0 && slice_eq(amz.items[i].key, amz.items[i - 1].key);
        if (!again)
            buf_printf(out, "%s%.*s:", i > 0 ? "\n" : "", SLICE_ARG(amz.items[i].key));
        buf_printf(out, "%s%.*s", again ? "," : "", SLICE_ARG(amz.items[i].value));
    }
    if (amz.len > 0)
        buf_add_char(out, '\n');
}

static slice header_or_parameter(struct arena *arena, const struct http1_request *head, slice name, bool presigned)
{
    slice value = canonical_header(head, name);
    if (value.ptr || !presigned)
        return value;
    value = uri_parameter(head->query, name);
    return value.ptr && uri_decode(arena, value, true, &value) != 0 ? (slice){0} : value;
}

slice canonical_v2(struct arena *arena, const struct http1_request *head, slice resource, slice expires)
{
    struct buf out;
    bool presigned = expires.ptr != NULL;
    slice date = canonical_header(head, S("x-amz-date")).ptr ? (slice){0} : canonical_header(head, S("date"));
    buf_init(&out, arena);
    buf_printf(&out, "%.*s\n%.*s\n%.*s\n%.*s\n", SLICE_ARG(head->method),
               SLICE_ARG(header_or_parameter(arena, head, S("content-md5"), presigned)),
               SLICE_ARG(header_or_parameter(arena, head, S("content-type"), presigned)),
               SLICE_ARG(presigned ? expires : date));
    add_amz(arena, &out, head, presigned);
    add_resource(arena, &out, head, resource);
    return buf_slice(&out);
}
