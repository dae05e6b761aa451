/* get: GetObject, HeadObject and GetObjectAttributes. */
#include "services/s3/s3.h"

enum { MAX_PARTS = 1000 };

/* A part's size, and its checksum when one is known. */
static int64_t part_size(const struct val *part, slice *checksum)
{
    *checksum = (slice){NULL, 0};
    if (part->type != VAL_ARRAY)
        return part->integer;
    *checksum = part->array.items[1].string;
    return part->array.items[0].integer;
}

/* Part number n of a multipart object: where it is. False when it has fewer. */
static bool find_part(struct call *c, const struct version *version, int64_t number, int64_t *at, int64_t *length,
                      int64_t *count)
{
    struct val parts;
    slice why, checksum;
    *at = 0;
    *count = 0;
    *length = version->size;
    if (!version->in_parts)
        return number == 1;
    if (json_parse(c->arena, version_parts(c, version), &parts, &why) != 0)
        return false;
    *count = (int64_t)parts.array.len;
    for (int64_t i = 0; i + 1 < number && i < *count; i++)
        *at += part_size(&parts.array.items[i], &checksum);
    if (number > *count)
        return false;
    *length = part_size(&parts.array.items[number - 1], &checksum);
    return true;
}

static int fail_part_number(struct call *c, int64_t number, int64_t count)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("PartNumberRequested"), val_string(arena_printf(c->arena, "%lld", (long long)number)));
    val_set(c->arena, extra, S("ActualPartCount"),
            val_string(arena_printf(c->arena, "%lld", (long long)(count > 0 ? count : 1))));
    return fail_with(c, &s3_invalid_part_number, extra, "The requested partnumber is not satisfiable");
}

/* Everything that both operations answer, in the form that has room for all of it. */
static void fill_head(struct call *c, const struct bucket *bucket, const struct version *version,
                      struct s3_head_object_out *out)
{
    api_from_json(c->arena, &s3_shape_head_object_output, version->attributes, out);
    out->accept_ranges = S("bytes");
    out->last_modified = opt_int(version->modified_ms);
    out->expiration = lifecycle_expiration(c, bucket, version);
    out->e_tag = version->etag;
    if (version_numbered(bucket))
        out->version_id = version->version_id;
    if (!slice_eq(version->storage_class, S("STANDARD")))
        out->storage_class = version->storage_class;
    out->object_lock_mode = version->lock_mode;
    out->object_lock_retain_until_date = version->retain_ms;
    if (version->legal_hold)
        out->object_lock_legal_hold_status = S("ON");
    int64_t tags = tags_count(c, version->tags);
    if (tags > 0)
        out->tag_count = opt_int(tags);
}

struct part_of_it {
    int64_t at;
    int64_t length;
    bool partial;
};

static int choose_bytes(struct call *c, const struct s3_get_object_in *in, const struct version *version,
                        struct part_of_it *part, struct s3_head_object_out *head)
{
    int64_t count;
    if (!in->part_number.set) {
        TRY(condition_range(c, in->range, version->size, &part->at, &part->length, &part->partial));
    } else {
        if (in->range.ptr)
            return fail(c, &s3_invalid_request, "Cannot specify both Range header and partNumber query parameter");
        if (in->part_number.v < 1 || in->part_number.v > 10000)
            return fail(c, &s3_invalid_argument, "Part number must be an integer between 1 and 10000, inclusive");
        if (!find_part(c, version, in->part_number.v, &part->at, &part->length, &count))
            return fail_part_number(c, in->part_number.v, count);
        part->partial = version->size > 0;
        if (count > 0)
            head->parts_count = opt_int(count);
    }
    head->content_length = opt_int(part->length);
    if (part->partial) {
        c->reply_status = 206;
        head->content_range = arena_printf(c->arena, "bytes %lld-%lld/%lld", (long long)part->at,
                                           (long long)(part->at + part->length - 1), (long long)version->size);
    }
    return 0;
}

static void override(const struct s3_get_object_in *in, struct s3_head_object_out *head)
{
    const struct {
        slice wanted;
        slice *place;
    } texts[] = {
        {in->response_cache_control, &head->cache_control},
        {in->response_content_disposition, &head->content_disposition},
        {in->response_content_encoding, &head->content_encoding},
        {in->response_content_language, &head->content_language},
        {in->response_content_type, &head->content_type},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (texts[i].wanted.ptr)
            *texts[i].place = texts[i].wanted;
    }
    if (in->response_expires.set)
        head->expires = in->response_expires;
}

static void clear_checksums(struct s3_head_object_out *head)
{
    head->checksum_crc32 = head->checksum_crc32_c = head->checksum_crc64_nvme = (slice){NULL, 0};
    head->checksum_sha1 = head->checksum_sha256 = head->checksum_sha512 = head->checksum_md5 = (slice){NULL, 0};
    head->checksum_xxhash64 = head->checksum_xxhash3 = head->checksum_xxhash128 = (slice){NULL, 0};
    head->checksum_type = (slice){NULL, 0};
}

/* Both operations up to the bytes. *not_modified: the answer is complete. */
static int look(struct call *c, const struct s3_get_object_in *in, struct s3_head_object_out *head,
                struct version *version, struct part_of_it *part)
{
    struct bucket bucket;
    bool not_modified;
    struct condition condition = {in->if_match, in->if_none_match, in->if_modified_since, in->if_unmodified_since};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, version));
    fill_head(c, &bucket, version, head);
    TRY(attributes_check_key(c, "", head));
    TRY(condition_check_read(c, &condition, version, &not_modified));
    if (not_modified) {
        struct s3_head_object_out kept = {.e_tag = head->e_tag,
                                          .last_modified = head->last_modified,
                                          .version_id = head->version_id,
                                          .cache_control = head->cache_control};
        *head = kept;
        c->reply_status = 304;
        return 0;
    }
    TRY(choose_bytes(c, in, version, part, head));
    override(in, head);
    if (!slice_eq(in->checksum_mode, S("ENABLED")) || (part->partial && part->length != version->size))
        clear_checksums(head);
    return 0;
}

int s3_get_object(struct call *c, const struct s3_get_object_in *in, struct s3_get_object_out *out)
{
    struct version version;
    struct part_of_it part = {0};
    struct s3_head_object_out head = {0};
    TRY(look(c, in, &head, &version, &part));
    api_assign(&s3_shape_head_object_output, &head, c->operation->out, out);
    out->content_length = (struct opt_int){0}; /* HTTP says it */
    if (c->reply_status == 304)
        return 0;
    if (version_is_archived(&version, &head)) {
        struct val *extra = arena_alloc(c->arena, sizeof(*extra));
        *extra = val_object();
        val_set(c->arena, extra, S("StorageClass"), val_string(version.storage_class));
        c->reply_status = 0;
        return fail_with(c, &s3_invalid_object_state, extra,
                         "The operation is not valid for the object's storage class");
    }
    struct msg body = {0};
    content_answer(c, &(struct content_range){&version, part.at, part.length, 0}, &body);
    out->body = body.body;
    c->reply_file = body.body_file;
    c->reply_segments = body.segments;
    c->reply_lease = body.lease;
    c->reply_file_offset = body.file_offset;
    c->reply_file_length = body.file_length;
    return 0;
}

int s3_head_object(struct call *c, const struct s3_head_object_in *in, struct s3_head_object_out *out)
{
    struct version version;
    struct part_of_it part = {0};
    struct s3_get_object_in as_get = {
        .bucket = in->bucket,
        .if_match = in->if_match,
        .if_modified_since = in->if_modified_since,
        .if_none_match = in->if_none_match,
        .if_unmodified_since = in->if_unmodified_since,
        .key = in->key,
        .range = in->range,
        .version_id = in->version_id,
        .part_number = in->part_number,
        .expected_bucket_owner = in->expected_bucket_owner,
        .checksum_mode = in->checksum_mode,
        .response_cache_control = in->response_cache_control,
        .response_content_disposition = in->response_content_disposition,
        .response_content_encoding = in->response_content_encoding,
        .response_content_language = in->response_content_language,
        .response_content_type = in->response_content_type,
        .response_expires = in->response_expires,
    };
    TRY(look(c, &as_get, out, &version, &part));
    out->content_length = (struct opt_int){0};
    c->reply_file_length = part.length;
    return 0;
}

static void fill_parts(struct call *c, const struct s3_get_object_attributes_in *in, const struct version *version,
                       unsigned algorithm, struct s3_get_object_attributes_out *out)
{
    struct val sizes;
    slice why;
    int64_t after = opt_int_or(in->part_number_marker, 0), max = opt_int_or(in->max_parts, MAX_PARTS);
    if (!version->in_parts || json_parse(c->arena, version_parts(c, version), &sizes, &why) != 0)
        return;
    struct s3_get_object_attributes_parts *parts = arena_alloc(c->arena, sizeof(*parts));
    int64_t count = (int64_t)sizes.array.len;
    max = max > MAX_PARTS ? MAX_PARTS : max;
    parts->total_parts_count = opt_int(count);
    parts->part_number_marker = opt_int(after);
    parts->max_parts = opt_int(max);
    for (int64_t number = after + 1; number >= 1 && number <= count && (int64_t)parts->parts.len < max; number++) {
        struct s3_object_part *part = list_add(c->arena, &parts->parts);
        struct checksum checksum = {algorithm, S("")};
        part->part_number = opt_int(number);
        part->size = opt_int(part_size(&sizes.array.items[number - 1], &checksum.value));
        parts->next_part_number_marker = opt_int(number);
        checksum_set(&s3_shape_object_part, part, &checksum);
    }
    parts->is_truncated = opt_bool(after + (int64_t)parts->parts.len < count);
    out->object_parts = parts;
}

static void fill_checksum(struct call *c, const struct s3_head_object_out *head,
                          struct s3_get_object_attributes_out *out)
{
    unsigned algorithm = checksum_of(&s3_shape_head_object_output, head);
    if (!algorithm)
        return;
    out->checksum = arena_alloc(c->arena, sizeof(*out->checksum));
    slice value = checksum_member(&s3_shape_head_object_output, head, algorithm);
    /* Here, and only here, a checksum of parts' checksums comes without their number. */
    struct checksum checksum = {algorithm, slice_sub(value, 0, slice_index(value, '-'))};
    checksum_set(&s3_shape_checksum, out->checksum, &checksum);
    out->checksum->checksum_type = head->checksum_type;
}

int s3_get_object_attributes(struct call *c, const struct s3_get_object_attributes_in *in,
                             struct s3_get_object_attributes_out *out)
{
    struct bucket bucket;
    struct version version;
    struct s3_head_object_out head = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    fill_head(c, &bucket, &version, &head);
    TRY(attributes_check_key(c, "", &head));
    out->last_modified = head.last_modified;
    out->version_id = head.version_id;
    list_foreach (word, &in->object_attributes) {
        if (slice_eq(*word, S("ETag")))
            out->e_tag = slice_sub(version.etag, 1, version.etag.len - 1);
        else if (slice_eq(*word, S("Checksum")))
            fill_checksum(c, &head, out);
        else if (slice_eq(*word, S("ObjectParts")))
            fill_parts(c, in, &version, checksum_of(&s3_shape_head_object_output, &head), out);
        else if (slice_eq(*word, S("StorageClass")))
            out->storage_class = version.storage_class;
        else if (slice_eq(*word, S("ObjectSize")))
            out->object_size = opt_int(version.size);
        else
            return fail(c, &s3_invalid_argument, "Invalid attribute name specified.");
    }
    return 0;
}
