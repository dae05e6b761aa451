/* attributes: what is kept with an object beside its bytes: HTTP headers, user metadata, encryption, lock. */
#include "services/s3/s3.h"

#include "common/base64.h"

enum { METADATA_BYTES = 2048 };

static const slice storage_classes[] = {
    {"STANDARD", 8},      {"REDUCED_REDUNDANCY", 18},  {"STANDARD_IA", 11},
    {"ONEZONE_IA", 10},   {"INTELLIGENT_TIERING", 19}, {"GLACIER", 7},
    {"DEEP_ARCHIVE", 12}, {"GLACIER_IR", 10},          {"EXPRESS_ONEZONE", 15},
};

static bool is_storage_class(slice word)
{
    for (size_t i = 0; i < sizeof(storage_classes) / sizeof(*storage_classes); i++) {
        if (slice_eq(storage_classes[i], word))
            return true;
    }
    return false;
}

static const struct api_member *member_named(const struct api_shape *shape, slice name)
{
    for (size_t i = 0; i < shape->n_members; i++) {
        if (slice_eq(shape->members[i].name, name))
            return &shape->members[i];
    }
    return NULL;
}

/* Members of requests that HeadObject also answers have the same names and types in both. */
static void copy_members(const struct api_shape *shape, const void *in, struct s3_head_object_out *attributes)
{
    const struct api_shape *kept = &s3_shape_head_object_output;
    for (size_t i = 0; i < kept->n_members; i++) {
        const struct api_member *to = &kept->members[i];
        const struct api_member *from = member_named(shape, to->name);
        if (!from || from->shape->type != to->shape->type || slice_starts(to->name, S("Checksum")) ||
            slice_eq(to->name, S("ContentLength")))
            continue;
        memcpy((char *)attributes + to->offset, (const char *)in + from->offset, to->shape->size);
    }
    if (slice_empty(attributes->content_encoding)) /* it was only aws-chunked */
        attributes->content_encoding = (slice){NULL, 0};
}

static int check_metadata(struct call *c, const struct s3_head_object_out *attributes)
{
    size_t bytes = 0;
    list_foreach (pair, &attributes->metadata)
        bytes += pair->key.len + pair->value.len;
    if (bytes <= METADATA_BYTES)
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("Size"), val_string(arena_printf(c->arena, "%zu", bytes)));
    val_set(c->arena, extra, S("MaxSizeAllowed"), val_string(S("2048")));
    return fail_with(c, &s3_metadata_too_large, extra,
                     "Your metadata headers exceed the maximum allowed metadata size");
}

static slice key_header(struct call *c, const char *prefix, const char *name)
{
    return msg_header(c->request, arena_printf(c->arena, "x-amz-%sserver-side-encryption-customer-%s", prefix, name));
}

/* The three headers of SSE-C: all or none, and the key's MD5 must be its MD5. */
static int check_customer_key(struct call *c, const char *prefix, bool *given, slice *md5)
{
    enum { KEY_BYTES = 32 };
    slice algorithm = key_header(c, prefix, "algorithm"), key = key_header(c, prefix, "key"), bytes, said;
    *md5 = key_header(c, prefix, "key-md5");
    *given = algorithm.ptr || key.ptr || md5->ptr;
    if (!*given)
        return 0;
    if (!algorithm.ptr)
        return fail(c, &s3_invalid_argument,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide a valid "
                    "encryption algorithm.");
    if (!slice_eq(algorithm, S("AES256")))
        return fail(c, &s3_invalid_encryption_algorithm_error,
                    "The Encryption request you specified is not valid. Supported value: AES256.");
    if (!key.ptr)
        return fail(c, &s3_invalid_argument,
                    "Requests specifying Server Side Encryption with Customer provided keys "
                    "must provide an appropriate secret key.");
    if (!md5->ptr)
        return fail(c, &s3_invalid_argument,
                    "Requests specifying Server Side Encryption with Customer provided keys "
                    "must provide the client calculated MD5 of the secret key.");
    if (base64_decode(c->arena, key, &bytes) != 0 || bytes.len != KEY_BYTES)
        return fail(c, &s3_invalid_argument, "The secret key was invalid for the specified algorithm.");
    uint8_t digest[DIGEST_MAX_BYTES];
    size_t len = digest_of(DIGEST_MD5, bytes, digest);
    if (base64_decode(c->arena, *md5, &said) != 0 || !slice_eq(said, (slice){(const char *)digest, len}))
        return fail(c, &s3_invalid_argument,
                    "The calculated MD5 hash of the key did not match the hash that was provided.");
    return 0;
}

int attributes_check_key(struct call *c, const char *prefix, const struct s3_head_object_out *attributes)
{
    bool given;
    slice md5;
    TRY(check_customer_key(c, prefix, &given, &md5));
    if (!attributes->sse_customer_key_md5.ptr && !given)
        return 0;
    if (!attributes->sse_customer_key_md5.ptr)
        return fail(c, &s3_invalid_request, "The encryption parameters are not applicable to this object.");
    if (!given)
        return fail(c, &s3_invalid_request,
                    "The object was stored using a form of Server Side Encryption. The correct "
                    "parameters must be provided to retrieve the object.");
    if (!slice_eq(md5, attributes->sse_customer_key_md5))
        return fail(c, &s3_access_denied,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide the correct "
                    "secret key.");
    return 0;
}

/* What the request asks for, else the bucket's default, else AES256. */
static int settle_encryption(struct call *c, const struct bucket *bucket, struct s3_head_object_out *attributes)
{
    struct s3_server_side_encryption_configuration config = {0};
    bool given;
    slice md5, word = attributes->server_side_encryption;
    TRY(check_customer_key(c, "", &given, &md5));
    if (given && word.ptr)
        return fail(c, &s3_invalid_argument,
                    "Server Side Encryption with Customer provided key is incompatible with the encryption method "
                    "specified");
    if (attributes->ssekms_key_id.ptr && !slice_starts(word, S("aws:kms")))
        return fail(
            c, &s3_invalid_argument,
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
            "aws:kms");
    if (given) {
        attributes->server_side_encryption = attributes->ssekms_key_id = (slice){NULL, 0};
        attributes->sse_customer_algorithm = S("AES256");
        attributes->sse_customer_key_md5 = md5;
        return 0;
    }
    if (word.ptr && !slice_eq(word, S("AES256")) && !slice_eq(word, S("aws:kms")) && !slice_eq(word, S("aws:kms:dsse")))
        return fail(c, &s3_invalid_argument, "The encryption method specified is not supported");
    if (!word.ptr && config_find(c, bucket, "encryption", &s3_shape_server_side_encryption_configuration, &config) &&
        config.rules.len > 0 && config.rules.items[0].apply_server_side_encryption_by_default) {
        const struct s3_server_side_encryption_rule *rule = &config.rules.items[0];
        attributes->server_side_encryption = rule->apply_server_side_encryption_by_default->sse_algorithm;
        attributes->ssekms_key_id = rule->apply_server_side_encryption_by_default->kms_master_key_id;
        attributes->bucket_key_enabled = rule->bucket_key_enabled;
    }
    if (!attributes->server_side_encryption.ptr)
        attributes->server_side_encryption = S("AES256");
    if (slice_starts(attributes->server_side_encryption, S("aws:kms")) && !attributes->ssekms_key_id.ptr)
        attributes->ssekms_key_id = arena_printf(c->arena, "arn:aws:kms:%.*s:%.*s:alias/aws/s3",
                                                 SLICE_ARG(bucket->region), SLICE_ARG(bucket->account));
    return 0;
}

static int check_lock(struct call *c, const struct bucket *bucket, const struct s3_head_object_out *attributes)
{
    bool mode = attributes->object_lock_mode.ptr, until = attributes->object_lock_retain_until_date.set;
    if ((mode || until || attributes->object_lock_legal_hold_status.ptr) && !bucket->locks)
        return fail(c, &s3_invalid_request, "Bucket is missing Object Lock Configuration");
    if (mode != until)
        return fail(c, &s3_invalid_argument,
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be "
                    "supplied");
    if (mode && !slice_eq(attributes->object_lock_mode, S("GOVERNANCE")) &&
        !slice_eq(attributes->object_lock_mode, S("COMPLIANCE")))
        return fail(c, &s3_invalid_argument, "Unknown wormMode directive.");
    if (until && attributes->object_lock_retain_until_date.v <= c->now_ms)
        return fail(c, &s3_invalid_argument, "The retain until date must be in the future!");
    return 0;
}

int attributes_read(struct call *c, const struct bucket *bucket, const struct api_shape *shape, const void *in,
                    struct s3_head_object_out *attributes)
{
    *attributes = (struct s3_head_object_out){0};
    copy_members(shape, in, attributes);
    TRY(check_metadata(c, attributes));
    if (attributes->storage_class.ptr && !is_storage_class(attributes->storage_class))
        return fail(c, &s3_invalid_storage_class, "The storage class you specified is not valid");
    TRY(check_lock(c, bucket, attributes));
    return settle_encryption(c, bucket, attributes);
}

/* The bucket's rule for versions that say nothing themselves. */
static void default_lock(struct call *c, const struct bucket *bucket, struct version *version)
{
    const int64_t day_ms = 86400000;
    struct s3_object_lock_configuration config = {0};
    if (!bucket->locks || version->lock_mode.ptr ||
        !config_find(c, bucket, "object-lock", &s3_shape_object_lock_configuration, &config) || !config.rule ||
        !config.rule->default_retention)
        return;
    const struct s3_default_retention *rule = config.rule->default_retention;
    version->lock_mode = rule->mode;
    version->retain_ms =
        opt_int(c->now_ms + opt_int_or(rule->days, 0) * day_ms + opt_int_or(rule->years, 0) * 365 * day_ms);
}

int attributes_write(struct call *c, const struct bucket *bucket, struct s3_head_object_out *attributes,
                     struct version *version)
{
    version->storage_class = attributes->storage_class.ptr ? attributes->storage_class : S("STANDARD");
    version->lock_mode = attributes->object_lock_mode;
    version->retain_ms = attributes->object_lock_retain_until_date;
    version->legal_hold = slice_eq(attributes->object_lock_legal_hold_status, S("ON"));
    default_lock(c, bucket, version);
    /* These have columns, because they change or lists show them. */
    attributes->storage_class = attributes->object_lock_mode = (slice){NULL, 0};
    attributes->object_lock_legal_hold_status = attributes->version_id = attributes->e_tag = (slice){NULL, 0};
    attributes->object_lock_retain_until_date = (struct opt_int){0};
    if (!attributes->content_type.ptr)
        attributes->content_type = S("binary/octet-stream");
    version->attributes = api_to_json(c->arena, &s3_shape_head_object_output, attributes);
    return 0;
}
