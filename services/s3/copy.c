/* copy: CopyObject, and finding the object that a copy is made of. */
#include "services/s3/s3.h"

#include "common/base64.h"
#include "common/limits.h"
#include "common/uri.h"

/* [/]BUCKET/KEY[?versionId=ID], percent-encoded. */
static int split(struct call *c, slice header, slice *bucket, slice *key, slice *version_id)
{
    static const slice mark = {"?versionId=", 11};
    ssize_t at = slice_find(header, mark);
    *version_id = at < 0 ? (slice){NULL, 0} : slice_sub(header, (size_t)at + mark.len, header.len);
    header = at < 0 ? header : slice_sub(header, 0, (size_t)at);
    if (uri_decode(c->arena, header, false, &header) != 0)
        return fail(c, &s3_invalid_argument,
                    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    if (slice_starts(header, S("/")))
        header = slice_sub(header, 1, header.len);
    if (!slice_cut(header, '/', bucket, key) || key->len == 0)
        return fail(c, &s3_invalid_argument,
                    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    return 0;
}

int copy_find(struct call *c, slice header, const struct condition *condition, struct copy_source *source)
{
    slice name, key, version_id;
    bool not_modified;
    *source = (struct copy_source){0};
    TRY(split(c, header, &name, &key, &version_id));
    TRY(bucket_get(c, name, (slice){NULL, 0}, &source->bucket));
    if (version_id.ptr && version_find(c, &source->bucket, key, version_id, &source->version) &&
        source->version.is_marker)
        return fail(c, &s3_invalid_request,
                    "The source of a copy request may not specifically refer to a delete marker by version id.");
    TRY(version_get(c, &source->bucket, key, version_id, &source->version));
    source->named = version_id.ptr != NULL;
    if (api_from_json(c->arena, &s3_shape_head_object_output, source->version.attributes, &source->attributes) != 0)
        return FAULT_INTERNAL;
    if (version_is_archived(&source->version, &source->attributes))
        return fail(c, &s3_object_not_in_active_tier_error,
                    "The source object of the COPY action is not in the active tier and is only stored in Amazon S3 "
                    "Glacier.");
    TRY(attributes_check_key(c, "copy-source-", &source->attributes));
    TRY(condition_check_read(c, condition, &source->version, &not_modified));
    if (not_modified)
        return fail(c, &s3_precondition_failed, "At least one of the pre-conditions you specified did not hold");
    return 0;
}

static bool replaces(slice directive)
{
    return slice_eq(directive, S("REPLACE"));
}

static bool is_encrypted_alike(const struct s3_head_object_out *a, const struct s3_head_object_out *b)
{
    return slice_eq(a->server_side_encryption, b->server_side_encryption) &&
           slice_eq(a->ssekms_key_id, b->ssekms_key_id);
}

/* Onto itself only with a change, which may come from the bucket's encryption. */
static int check_self(struct call *c, const struct s3_copy_object_in *in, const struct copy_source *source,
                      const struct s3_head_object_out *attributes)
{
    bool self = slice_eq(source->bucket.name, in->bucket) && slice_eq(source->version.key, in->key) && !source->named;
    if (self && !replaces(in->metadata_directive) && !in->storage_class.ptr && !in->server_side_encryption.ptr &&
        !in->website_redirect_location.ptr && !in->sse_customer_algorithm.ptr &&
        is_encrypted_alike(&source->attributes, attributes))
        return fail(
            c, &s3_invalid_request,
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.");
    return 0;
}

/* The source's headers and metadata with what never comes from it out of the request. */
static int read_attributes(struct call *c, const struct bucket *bucket, const struct s3_copy_object_in *in,
                           const struct copy_source *source, struct s3_head_object_out *attributes)
{
    const struct s3_head_object_out *from = &source->attributes;
    if (in->metadata_directive.ptr && !replaces(in->metadata_directive) && !slice_eq(in->metadata_directive, S("COPY")))
        return fail(c, &s3_invalid_argument, "Unknown metadata directive.");
    TRY(attributes_read(c, bucket, c->operation->in, in, attributes));
    if (!replaces(in->metadata_directive)) {
        attributes->cache_control = from->cache_control;
        attributes->content_disposition = from->content_disposition;
        attributes->content_encoding = from->content_encoding;
        attributes->content_language = from->content_language;
        attributes->content_type = from->content_type;
        attributes->expires = from->expires;
        attributes->metadata = from->metadata;
    }
    return 0;
}

/* The source's checksum and ETag, or those of the whole where the source's are made of its parts' or another algorithm
 * is asked for: the copy is one piece. */
static int take_checksum(struct call *c, const struct s3_copy_object_in *in, const struct copy_source *source,
                         struct s3_head_object_out *attributes, slice *etag)
{
    const struct api_shape *shape = &s3_shape_head_object_output;
    unsigned algorithm = checksum_of(shape, &source->attributes);
    unsigned wanted = algorithm;
    if (in->checksum_algorithm.ptr)
        TRY(checksum_named(c, in->checksum_algorithm, &wanted));
    const struct version *from = &source->version;
    struct checksum checksum = {algorithm, algorithm ? checksum_member(shape, &source->attributes, algorithm) : S("")};
    bool parts = slice_index(from->etag, '-') < from->etag.len;
    *etag = from->etag;
    if (parts || wanted != algorithm) {
        slice digests;
        struct content_range all = {from, 0, from->size, DIGEST_MD5 | wanted};
        TRY(content_hash(c, &all, &digests));
        *etag = checksum_etag(c, digests);
        checksum = (struct checksum){wanted, S("")};
        if (wanted)
            checksum.value = base64_encode(c->arena, digest_get(c->arena, digests, wanted));
    }
    if (checksum.algorithm)
        attributes->checksum_type = S("FULL_OBJECT");
    checksum_set(shape, attributes, &checksum);
    return 0;
}

static int read_tags(struct call *c, const struct s3_copy_object_in *in, const struct copy_source *source, slice *tags)
{
    if (in->tagging_directive.ptr && !replaces(in->tagging_directive) && !slice_eq(in->tagging_directive, S("COPY")))
        return fail(c, &s3_invalid_argument, "Unknown tagging directive.");
    if (replaces(in->tagging_directive))
        return tags_read_header(c, in->tagging, tags);
    *tags = source->version.tags;
    return 0;
}

static void fill_answer(struct call *c, const struct bucket *bucket, const struct version *version,
                        const struct copy_source *source, struct s3_copy_object_out *out)
{
    api_from_json(c->arena, c->operation->out, version->attributes, out);
    struct s3_copy_object_result *result = arena_alloc(c->arena, sizeof(*result));
    api_from_json(c->arena, &s3_shape_copy_object_result, version->attributes, result);
    result->e_tag = version->etag;
    result->last_modified = opt_int(version->modified_ms);
    out->copy_object_result = result;
    if (version_numbered(bucket))
        out->version_id = version->version_id;
    if (version_numbered(&source->bucket))
        out->copy_source_version_id = source->version.version_id;
}

int s3_copy_object(struct call *c, const struct s3_copy_object_in *in, struct s3_copy_object_out *out)
{
    struct bucket bucket;
    struct copy_source source;
    struct content content;
    struct s3_head_object_out attributes;
    struct version version = {.key = in->key};
    struct condition condition = {in->copy_source_if_match, in->copy_source_if_none_match,
                                  in->copy_source_if_modified_since, in->copy_source_if_unmodified_since};
    TRY(put_check_key(c, in->key));
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(copy_find(c, in->copy_source, &condition, &source));
    if (source.version.size > (int64_t)LIMIT_OBJECT_BYTES)
        return fail(c, &s3_invalid_request,
                    "The specified copy source is larger than the maximum allowable size for a "
                    "copy source: 5368709120");
    TRY(read_attributes(c, &bucket, in, &source, &attributes));
    TRY(check_self(c, in, &source, &attributes));
    TRY(take_checksum(c, in, &source, &attributes, &version.etag));
    TRY(read_tags(c, in, &source, &version.tags));
    TRY(acl_read_headers(c, &bucket, &version.acl));
    TRY(condition_check_write(c, &bucket, in->key, in->if_match, in->if_none_match));
    TRY(attributes_write(c, &bucket, &attributes, &version));
    content_copy(c, &source.version, &content);
    version.size = content.size;
    version_add(c, &bucket, &version, &content);
    fill_answer(c, &bucket, &version, &source, out);
    notify_event(c, &bucket, "ObjectCreated:Copy", &version);
    return 0;
}
