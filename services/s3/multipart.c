/* multipart: uploads: create, parts, parts copied from objects, abort. */
#include "services/s3/multipart.h"

#include "common/base64.h"
#include "common/ids.h"
#include "common/limits.h"

enum { MAX_PART_NUMBER = 10000 };

void multipart_read_upload(struct db_rows *rows, struct upload *upload)
{
    *upload = (struct upload){
        .id = db_text(rows, 0),
        .key = db_text(rows, 1),
        .created_ms = db_int(rows, 2),
        .attributes = db_text(rows, 3),
        .tags = db_text(rows, 4),
        .acl = db_text(rows, 5),
        .algorithm = db_text(rows, 6),
        .checksum_type = db_text(rows, 7),
    };
}

void multipart_read_part(struct db_rows *rows, struct part *part)
{
    *part = (struct part){
        .number = db_int(rows, 0),
        .size = db_int(rows, 1),
        .etag = db_text(rows, 2),
        .algorithm = db_text(rows, 3),
        .checksum = db_text(rows, 4),
        .modified_ms = db_int(rows, 5),
        .file = db_text(rows, 6),
    };
}

int multipart_get(struct call *c, const struct bucket *bucket, slice key, slice id, struct upload *upload)
{
    struct db_rows rows = db_query(c->db, S3_SQL_UPLOAD_GET, "ti", id, bucket->id);
    bool found = db_next(&rows);
    if (found)
        multipart_read_upload(&rows, upload);
    db_done(&rows);
    if (found && slice_eq(upload->key, key))
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("UploadId"), val_string(id));
    return fail_with(c, &s3_no_such_upload, extra,
                     "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                     "aborted or completed.");
}

bool multipart_find_part(struct call *c, slice upload_id, int64_t number, struct part *part)
{
    struct db_rows rows = db_query(c->db, S3_SQL_PART_GET, "ti", upload_id, number);
    bool found = db_next(&rows);
    if (found)
        multipart_read_part(&rows, part);
    db_done(&rows);
    return found;
}

/* CRC64NVME is only made of whole objects, what is no CRC only of parts. */
static int read_checksum(struct call *c, const struct s3_create_multipart_upload_in *in, struct upload *upload)
{
    if (!in->checksum_algorithm.ptr) {
        if (in->checksum_type.ptr)
            return fail(c, &s3_invalid_request,
                        "The x-amz-checksum-type header can only be used with the "
                        "x-amz-checksum-algorithm header.");
        return 0;
    }
    unsigned algorithm;
    TRY(checksum_named(c, in->checksum_algorithm, &algorithm));
    bool crc64 = algorithm == DIGEST_CRC64NVME,
         joins = crc64 || algorithm == DIGEST_CRC32 || algorithm == DIGEST_CRC32C;
    upload->algorithm = checksum_word(algorithm);
    upload->checksum_type = in->checksum_type.ptr ? in->checksum_type : crc64 ? S("FULL_OBJECT") : S("COMPOSITE");
    bool whole = slice_eq(upload->checksum_type, S("FULL_OBJECT"));
    if ((whole && !joins) || (!whole && crc64))
        return fail(c, &s3_invalid_request, "The %.*s checksum type cannot be used with the %.*s checksum algorithm.",
                    SLICE_ARG(upload->checksum_type), SLICE_ARG(in->checksum_algorithm));
    return 0;
}

int s3_create_multipart_upload(struct call *c, const struct s3_create_multipart_upload_in *in,
                               struct s3_create_multipart_upload_out *out)
{
    struct bucket bucket;
    struct s3_head_object_out attributes;
    struct upload upload = {.id = ids_alnum(c->arena, 64)};
    TRY(put_check_key(c, in->key));
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(attributes_read(c, &bucket, c->operation->in, in, &attributes));
    TRY(tags_read_header(c, in->tagging, &upload.tags));
    TRY(acl_read_headers(c, &bucket, &upload.acl));
    TRY(read_checksum(c, in, &upload));
    slice json = api_to_json(c->arena, &s3_shape_head_object_output, &attributes);
    db_run(c->db, S3_SQL_UPLOAD_ADD, "titittttt", upload.id, bucket.id, in->key, c->now_ms, json, upload.tags,
           upload.acl, upload.algorithm, upload.checksum_type);
    api_from_json(c->arena, c->operation->out, json, out);
    out->bucket = in->bucket;
    out->key = in->key;
    out->upload_id = upload.id;
    out->checksum_algorithm = upload.algorithm;
    out->checksum_type = upload.checksum_type;
    call_timer_changed(c);
    return 0;
}

static int check_number(struct call *c, int64_t number)
{
    if (number >= 1 && number <= MAX_PART_NUMBER)
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ArgumentName"), val_string(S("partNumber")));
    val_set(c->arena, extra, S("ArgumentValue"), val_string(arena_printf(c->arena, "%lld", (long long)number)));
    return fail_with(c, &s3_invalid_argument, extra, "Part number must be an integer between 1 and 10000, inclusive");
}

static int check_algorithm(struct call *c, const struct upload *upload, const struct checksum *checksum)
{
    slice word = checksum_word(checksum->algorithm);
    if (!checksum->algorithm || !upload->algorithm.ptr || slice_eq(word, upload->algorithm))
        return 0;
    return fail(c, &s3_invalid_request,
                "Checksum Type mismatch occurred, expected checksum Type: %.*s, actual checksum Type: %.*s",
                SLICE_ARG(upload->algorithm), SLICE_ARG(word));
}

/* A part of the same number gives way. */
static void set_part(struct call *c, const struct upload *upload, const struct part *part,
                     const struct content *content)
{
    struct part former;
    if (multipart_find_part(c, upload->id, part->number, &former)) {
        content_drop(c, former.file);
        if (!slice_eq(former.etag, part->etag))
            multipart_drop_tail(c, upload->id, &former);
    }
    db_run(c->db, S3_SQL_PART_SET, "tiitttitb", upload->id, part->number, content->size, part->etag, part->algorithm,
           part->checksum, c->now_ms, content->file, content->bytes);
}

int s3_upload_part(struct call *c, const struct s3_upload_part_in *in, struct s3_upload_part_out *out)
{
    struct bucket bucket;
    struct upload upload;
    struct checksum checksum;
    struct content content;
    struct s3_head_object_out attributes = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(check_number(c, in->part_number.v));
    TRY(multipart_get(c, &bucket, in->key, in->upload_id, &upload));
    api_from_json(c->arena, &s3_shape_head_object_output, upload.attributes, &attributes);
    TRY(attributes_check_key(c, "", &attributes));
    TRY(checksum_verify(c, &checksum));
    TRY(check_algorithm(c, &upload, &checksum));
    bool asked = checksum.algorithm != 0;
    checksum_default(c, &checksum);
    struct part part = {.number = in->part_number.v,
                        .etag = arena_printf(c->arena, "\"%.*s\"", SLICE_ARG(checksum_md5_hex(c))),
                        .algorithm = checksum_word(checksum.algorithm),
                        .checksum = checksum.value};
    TRY(content_take(c, &content));
    set_part(c, &upload, &part, &content);
    api_from_json(c->arena, c->operation->out, upload.attributes, out);
    if (asked)
        checksum_set(c->operation->out, out, &checksum);
    out->e_tag = part.etag;
    return 0;
}

static int fail_copy_range(struct call *c, slice range, int64_t size)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ArgumentName"), val_string(S("x-amz-copy-source-range")));
    val_set(c->arena, extra, S("ArgumentValue"), val_string(range));
    return fail_with(c, &s3_invalid_argument, extra, "Range specified is not valid for source object of size: %lld",
                     (long long)size);
}

/* "bytes=first-last", both given, both in the object. */
static int copy_range(struct call *c, slice range, const struct version *version, int64_t *at, int64_t *length)
{
    bool partial;
    if (!range.ptr) {
        *at = 0;
        *length = version->size;
        return 0;
    }
    if (condition_range(c, range, version->size, at, length, &partial) != 0)
        return fail_copy_range(c, range, version->size);
    if (!partial || slice_ends(range, S("-")) || slice_find(range, S("=-")) >= 0)
        return fail(
            c, &s3_invalid_argument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy");
    int64_t last = 0;
    slice before, after;
    slice_cut(range, '-', &before, &after);
    return slice_to_int64(after, &last) && last < version->size ? 0 : fail_copy_range(c, range, version->size);
}

/* What the whole is computed of when the client asks for nothing is kept of the parts, too. */
static unsigned part_algorithm(const struct upload *upload)
{
    return upload->algorithm.ptr ? digest_named(upload->algorithm) : DIGEST_CRC64NVME;
}

/* The bytes' MD5 and their checksum. */
static void describe_part(struct call *c, slice digests, const struct upload *upload, struct part *part)
{
    part->etag = checksum_etag(c, digests);
    part->algorithm = checksum_word(part_algorithm(upload));
    part->checksum = base64_encode(c->arena, digest_get(c->arena, digests, part_algorithm(upload)));
}

static int take_range(struct call *c, const struct content_range *range, struct content *content)
{
    *content = (struct content){.size = range->length};
    if (content_is_small(range))
        return content_read(c, range, &content->bytes);
    content->file = content_cut(c, range);
    return 0;
}

int s3_upload_part_copy(struct call *c, const struct s3_upload_part_copy_in *in, struct s3_upload_part_copy_out *out)
{
    struct bucket bucket;
    struct upload upload;
    struct copy_source source;
    struct content content;
    int64_t at, length;
    slice digests;
    struct part part = {.number = in->part_number.v};
    struct condition condition = {in->copy_source_if_match, in->copy_source_if_none_match,
                                  in->copy_source_if_modified_since, in->copy_source_if_unmodified_since};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(check_number(c, part.number));
    TRY(multipart_get(c, &bucket, in->key, in->upload_id, &upload));
    TRY(copy_find(c, in->copy_source, &condition, &source));
    TRY(copy_range(c, in->copy_source_range, &source.version, &at, &length));
    if (length > (int64_t)LIMIT_OBJECT_BYTES)
        return fail(c, &s3_invalid_request,
                    "The specified copy source is larger than the maximum allowable size for a copy source: %lld",
                    (long long)LIMIT_OBJECT_BYTES);
    struct content_range range = {&source.version, at, length, DIGEST_MD5 | part_algorithm(&upload)};
    TRY(content_hash(c, &range, &digests));
    TRY(take_range(c, &range, &content));
    describe_part(c, digests, &upload, &part);
    set_part(c, &upload, &part, &content);
    api_from_json(c->arena, c->operation->out, upload.attributes, out);
    out->copy_part_result = arena_alloc(c->arena, sizeof(*out->copy_part_result));
    out->copy_part_result->e_tag = part.etag;
    out->copy_part_result->last_modified = opt_int(c->now_ms);
    struct checksum checksum = {part_algorithm(&upload), part.checksum};
    if (upload.algorithm.ptr)
        checksum_set(&s3_shape_copy_part_result, out->copy_part_result, &checksum);
    if (version_numbered(&source.bucket))
        out->copy_source_version_id = source.version.version_id;
    return 0;
}

int s3_abort_multipart_upload(struct call *c, const struct s3_abort_multipart_upload_in *in,
                              struct s3_abort_multipart_upload_out *out)
{
    struct bucket bucket;
    struct upload upload;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(multipart_get(c, &bucket, in->key, in->upload_id, &upload));
    multipart_remove(c, &upload);
    return 0;
}
