/* put: PutObject. */
#include "services/s3/s3.h"

int put_check_key(struct call *c, slice key)
{
    enum { KEY_BYTES = 1024 };
    if (key.len > KEY_BYTES) {
        struct val *extra = arena_alloc(c->arena, sizeof(*extra));
        *extra = val_object();
        val_set(c->arena, extra, S("Size"), val_string(arena_printf(c->arena, "%zu", key.len)));
        val_set(c->arena, extra, S("MaxSizeAllowed"), val_string(S("1024")));
        return fail_with(c, &s3_key_too_long_error, extra, "Your key is too long");
    }
    if (!slice_is_utf8(key) || memchr(key.ptr, 0, key.len))
        return fail(c, &s3_invalid_uri, "Couldn't parse the specified URI.");
    return 0;
}

/* What the answer and the stored attributes have in common has the same names. */
static void fill_answer(struct call *c, const struct bucket *bucket, const struct version *version,
                        struct s3_put_object_out *out)
{
    api_from_json(c->arena, c->operation->out, version->attributes, out);
    out->e_tag = version->etag;
    out->expiration = lifecycle_expiration(c, bucket, version);
    if (version_numbered(bucket))
        out->version_id = version->version_id;
}

int s3_put_object(struct call *c, const struct s3_put_object_in *in, struct s3_put_object_out *out)
{
    struct bucket bucket;
    struct checksum checksum;
    struct content content;
    struct s3_head_object_out attributes;
    struct version version = {.key = in->key};
    TRY(put_check_key(c, in->key));
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (in->write_offset_bytes.set)
        return fail(c, &s3_not_implemented, "A header you provided implies functionality that is not implemented");
    TRY(attributes_read(c, &bucket, c->operation->in, in, &attributes));
    TRY(tags_read_header(c, in->tagging, &version.tags));
    TRY(acl_read_headers(c, &bucket, &version.acl));
    TRY(checksum_verify(c, &checksum));
    checksum_default(c, &checksum);
    TRY(condition_check_write(c, &bucket, in->key, in->if_match, in->if_none_match));
    checksum_set(&s3_shape_head_object_output, &attributes, &checksum);
    if (checksum.algorithm)
        attributes.checksum_type = S("FULL_OBJECT");
    TRY(attributes_write(c, &bucket, &attributes, &version));
    version.etag = arena_printf(c->arena, "\"%.*s\"", SLICE_ARG(checksum_md5_hex(c)));
    TRY(content_take(c, &content));
    version.size = content.size;
    version_add(c, &bucket, &version, &content);
    fill_answer(c, &bucket, &version, out);
    notify_event(c, &bucket, "ObjectCreated:Put", &version);
    return 0;
}
