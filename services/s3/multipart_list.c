/* multipart_list: ListParts and ListMultipartUploads. */
#include "services/s3/list.h"
#include "services/s3/multipart.h"

static struct s3_initiator *initiator(struct call *c, const struct s3_owner *owner)
{
    struct s3_initiator *initiator = arena_alloc(c->arena, sizeof(*initiator));
    initiator->id = owner->id;
    initiator->display_name = owner->display_name;
    return initiator;
}

static slice storage_class(struct call *c, const struct upload *upload)
{
    struct s3_head_object_out attributes = {0};
    api_from_json(c->arena, &s3_shape_head_object_output, upload->attributes, &attributes);
    return attributes.storage_class.ptr ? attributes.storage_class : S("STANDARD");
}

/* Checksums that nobody has asked for are shown of the whole only. */
static bool shows_checksum(const struct upload *upload, const struct part *part)
{
    return part->algorithm.ptr &&
           (upload->algorithm.ptr || !slice_eq(part->algorithm, checksum_word(DIGEST_CRC64NVME)));
}

static void add_part(struct call *c, const struct upload *upload, const struct part *part,
                     struct s3_list_parts_out *out)
{
    struct s3_part *one = list_add(c->arena, &out->parts);
    struct checksum checksum = {shows_checksum(upload, part) ? digest_named(part->algorithm) : 0, part->checksum};
    one->part_number = opt_int(part->number);
    one->last_modified = opt_int(part->modified_ms);
    one->e_tag = part->etag;
    one->size = opt_int(part->size);
    checksum_set(&s3_shape_part, one, &checksum);
}

static int check_integer(struct call *c, const char *name, struct opt_int given)
{
    if (!given.set || (given.v >= 0 && given.v <= INT32_MAX))
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ArgumentName"), val_string(slice_of(name)));
    val_set(c->arena, extra, S("ArgumentValue"), val_string(arena_printf(c->arena, "%lld", (long long)given.v)));
    return fail_with(c, &s3_invalid_argument, extra, "Provided %s not an integer or within integer range", name);
}

int s3_list_parts(struct call *c, const struct s3_list_parts_in *in, struct s3_list_parts_out *out)
{
    struct bucket bucket;
    struct upload upload;
    struct part part;
    int64_t max, after = opt_int_or(in->part_number_marker, 0), last = 0;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(check_integer(c, "max-parts", in->max_parts));
    TRY(check_integer(c, "part-number-marker", in->part_number_marker));
    TRY(list_check_max(c, in->max_parts, "max-parts", &max));
    TRY(multipart_get(c, &bucket, in->key, in->upload_id, &upload));
    out->is_truncated = opt_bool(false);
    struct db_rows rows = db_query(c->db, S3_SQL_PART_LIST, "ti", upload.id, after);
    while (db_next(&rows)) {
        multipart_read_part(&rows, &part);
        if ((int64_t)out->parts.len == max) {
            out->is_truncated = opt_bool(true);
            break;
        }
        add_part(c, &upload, &part, out);
        last = part.number;
    }
    db_done(&rows);
    out->bucket = bucket.name;
    out->key = upload.key;
    out->upload_id = upload.id;
    out->part_number_marker = opt_int(after);
    out->next_part_number_marker = opt_int(last);
    out->max_parts = opt_int(max);
    out->owner = bucket_owner(c, &bucket);
    out->initiator = initiator(c, out->owner);
    out->storage_class = storage_class(c, &upload);
    out->checksum_algorithm = upload.algorithm;
    out->checksum_type = upload.checksum_type;
    return 0;
}

struct walk {
    const struct bucket *bucket;
    const struct s3_list_multipart_uploads_in *in;
    struct s3_list_multipart_uploads_out *out;
    int64_t max;
    slice last_key;
    slice last_id;
};

static void add_upload(struct call *c, struct walk *walk, const struct upload *upload)
{
    struct s3_multipart_upload *one = list_add(c->arena, &walk->out->uploads);
    one->upload_id = upload->id;
    one->key = list_encode(c, walk->in->encoding_type, upload->key);
    one->initiated = opt_int(upload->created_ms);
    one->storage_class = storage_class(c, upload);
    one->owner = bucket_owner(c, walk->bucket);
    one->initiator = initiator(c, one->owner);
    one->checksum_algorithm = upload->algorithm;
    one->checksum_type = upload->checksum_type;
    walk->last_key = upload->key;
    walk->last_id = upload->id;
}

/* Answers where to go on behind a common prefix; absent: nowhere. */
static slice walk_on(struct call *c, struct walk *walk, slice key, slice id)
{
    struct upload upload;
    slice next = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_UPLOAD_LIST, "itt", walk->bucket->id, key, id);
    while (db_next(&rows)) {
        multipart_read_upload(&rows, &upload);
        if (!slice_starts(upload.key, walk->in->prefix))
            break;
        if ((int64_t)(walk->out->uploads.len + walk->out->common_prefixes.len) == walk->max) {
            walk->out->is_truncated = opt_bool(walk->max > 0);
            break;
        }
        slice common = list_common_prefix(upload.key, walk->in->prefix, walk->in->delimiter);
        if (common.ptr) {
            list_add(c->arena, &walk->out->common_prefixes)->prefix = list_encode(c, walk->in->encoding_type, common);
            walk->last_key = common;
            walk->last_id = S("");
            next = list_successor(c, common);
            break;
        }
        add_upload(c, walk, &upload);
    }
    db_done(&rows);
    return next;
}

static void run(struct call *c, struct walk *walk)
{
    const struct s3_list_multipart_uploads_in *in = walk->in;
    slice from = list_start(c, in->prefix, in->delimiter, in->key_marker), id = S("");
    if (!slice_empty(in->key_marker) && !slice_empty(in->upload_id_marker)) {
        from = in->key_marker;
        id = in->upload_id_marker;
    }
    while (from.ptr) {
        from = walk_on(c, walk, from, id);
        id = S("");
    }
}

int s3_list_multipart_uploads(struct call *c, const struct s3_list_multipart_uploads_in *in,
                              struct s3_list_multipart_uploads_out *out)
{
    struct bucket bucket;
    struct walk walk = {.bucket = &bucket, .in = in, .out = out};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(list_check_encoding(c, in->encoding_type));
    TRY(list_check_max(c, in->max_uploads, "max-uploads", &walk.max));
    out->is_truncated = opt_bool(false);
    run(c, &walk);
    out->bucket = bucket.name;
    out->key_marker = list_encode(c, in->encoding_type, in->key_marker.ptr ? in->key_marker : S(""));
    out->upload_id_marker = in->upload_id_marker.ptr ? in->upload_id_marker : S("");
    out->prefix = list_encode(c, in->encoding_type, in->prefix.ptr ? in->prefix : S(""));
    out->delimiter = list_encode(c, in->encoding_type, in->delimiter);
    out->max_uploads = opt_int(walk.max);
    out->encoding_type = in->encoding_type;
    if (out->is_truncated.v) {
        out->next_key_marker = list_encode(c, in->encoding_type, walk.last_key);
        out->next_upload_id_marker = walk.last_id;
    }
    return 0;
}
