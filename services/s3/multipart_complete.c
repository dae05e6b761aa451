/* multipart_complete: CompleteMultipartUpload: the parts become an object. */
#include "services/s3/multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/crc.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/uri.h"
#include "services/worker/await.h"

enum { MIN_PART_BYTES = 5 * 1024 * 1024, MAX_PARTS = 10000 };

struct parts {
    struct part *items;
    size_t len;
    bool set;
    int64_t size; /* of all */
};

static int fail_part(struct call *c, const struct upload *upload, int64_t number, slice etag)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("UploadId"), val_string(upload->id));
    val_set(c->arena, extra, S("PartNumber"), val_string(arena_printf(c->arena, "%lld", (long long)number)));
    val_set(c->arena, extra, S("ETag"), val_string(etag));
    return fail_with(c, &s3_invalid_part, extra,
                     "One or more of the specified parts could not be found.  The part may not have been uploaded, or "
                     "the specified entity tag may not match the part's entity tag.");
}

static int fail_small(struct call *c, const struct part *part)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ProposedSize"), val_string(arena_printf(c->arena, "%lld", (long long)part->size)));
    val_set(c->arena, extra, S("MinSizeAllowed"), val_string(arena_printf(c->arena, "%d", MIN_PART_BYTES)));
    val_set(c->arena, extra, S("PartNumber"), val_string(arena_printf(c->arena, "%lld", (long long)part->number)));
    val_set(c->arena, extra, S("ETag"), val_string(part->etag));
    return fail_with(c, &s3_entity_too_small, extra, "Your proposed upload is smaller than the minimum allowed size");
}

static slice unquoted(slice etag)
{
    return etag.len >= 2 && etag.ptr[0] == '"' ? slice_sub(etag, 1, etag.len - 1) : etag;
}

static bool is_same(const struct part *part, const struct s3_completed_part *wanted)
{
    if (!slice_eq(unquoted(part->etag), unquoted(wanted->e_tag)))
        return false;
    unsigned algorithm = checksum_of(&s3_shape_completed_part, wanted);
    if (!algorithm || !part->checksum.ptr || digest_named(part->algorithm) != algorithm)
        return true;
    return slice_eq(checksum_member(&s3_shape_completed_part, wanted, algorithm), part->checksum);
}

/* The checksum of the whole is made of the parts': the client must name them. */
static int check_part_checksum(struct call *c, const struct upload *upload, const struct s3_completed_part *one,
                               int64_t number)
{
    if (!slice_eq(upload->checksum_type, S("COMPOSITE")) ||
        checksum_member(&s3_shape_completed_part, one, digest_named(upload->algorithm)).ptr)
        return 0;
    slice name = digest_name(digest_named(upload->algorithm));
    return fail(c, &s3_invalid_request,
                "The upload was created using a %.*s checksum. The complete request must include the checksum for each "
                "part. It was missing for part %lld in the request.",
                SLICE_ARG(name), (long long)number);
}

/* One more part out of the upload's rows, which are in order. */
static int collect_one(struct call *c, const struct upload *upload, const struct s3_completed_part *one,
                       struct db_rows *rows, struct parts *parts)
{
    struct part *part = &parts->items[parts->len];
    int64_t number = opt_int_or(one->part_number, 0);
    if (parts->len > 0 && number <= parts->items[parts->len - 1].number)
        return fail(c, &s3_invalid_part_order,
                    "The list of parts was not in ascending order. The parts list must be "
                    "specified in order by part number.");
    TRY(check_part_checksum(c, upload, one, number));
    do {
        if (!db_next(rows))
            return fail_part(c, upload, number, one->e_tag);
        multipart_read_part(rows, part);
    } while (part->number < number);
    if (part->number > number || !is_same(part, one))
        return fail_part(c, upload, number, one->e_tag);
    parts->size += part->size;
    parts->len++;
    return 0;
}

/* The named parts, each there and as it is named, in order. */
static int collect(struct call *c, const struct upload *upload, const struct s3_completed_multipart_upload *wanted,
                   struct parts *parts)
{
    if (!wanted || wanted->parts.len == 0)
        return fail(c, &s3_invalid_request, "You must specify at least one part");
    if (wanted->parts.len > MAX_PARTS)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    parts->items = arena_array(c->arena, wanted->parts.len, sizeof(*parts->items));
    struct db_rows rows = db_query(c->db, S3_SQL_PART_LIST, "ti", upload->id, (int64_t)0);
    int result = 0;
    list_foreach (one, &wanted->parts) {
        if (result == 0)
            result = collect_one(c, upload, one, &rows, parts);
    }
    db_done(&rows);
    TRY(result);
    for (size_t i = 0; i + 1 < parts->len; i++) {
        if (parts->items[i].size < MIN_PART_BYTES)
            return fail_small(c, &parts->items[i]);
    }
    return 0;
}

static int hex_value(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* The MD5 of the parts' MD5s, and how many they are. */
static slice make_etag(struct call *c, const struct parts *parts)
{
    struct buf all;
    struct buf hex;
    uint8_t digest[DIGEST_MAX_BYTES];
    buf_init(&all, c->arena);
    buf_init(&hex, c->arena);
    for (size_t i = 0; i < parts->len; i++) {
        slice md5 = unquoted(parts->items[i].etag);
        for (size_t j = 0; j + 1 < md5.len; j += 2)
            buf_add_char(&all, (char)(hex_value(md5.ptr[j]) << 4 | hex_value(md5.ptr[j + 1])));
    }
    size_t len = digest_of(DIGEST_MD5, buf_slice(&all), digest);
    for (size_t i = 0; i < len; i++)
        buf_printf(&hex, "%02x", digest[i]);
    return arena_printf(c->arena, "\"%.*s-%zu\"", SLICE_ARG(buf_slice(&hex)), parts->len);
}

static uint64_t number_of(slice bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (unsigned char)bytes.ptr[i];
    return number;
}

static uint64_t join(unsigned algorithm, uint64_t a, uint64_t b, uint64_t len_b)
{
    if (algorithm == DIGEST_CRC64NVME)
        return crc_64nvme_join(a, b, len_b);
    return algorithm == DIGEST_CRC32 ? crc_32_join((uint32_t)a, (uint32_t)b, len_b)
                                     : crc_32c_join((uint32_t)a, (uint32_t)b, len_b);
}

/* Of the whole object, out of its parts' CRCs. */
static slice full_checksum(struct call *c, unsigned algorithm, const struct parts *parts)
{
    uint64_t value = 0;
    size_t size = digest_size(algorithm);
    for (size_t i = 0; i < parts->len; i++) {
        slice bytes = S("");
        base64_decode(c->arena, parts->items[i].checksum, &bytes);
        value = join(algorithm, value, number_of(bytes), (uint64_t)parts->items[i].size);
    }
    char *bytes = arena_alloc(c->arena, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(value >> (8 * (size - 1 - i)));
    return base64_encode(c->arena, (slice){bytes, size});
}

/* The checksum of the parts' checksums. */
static slice composite_checksum(struct call *c, unsigned algorithm, const struct parts *parts)
{
    struct buf all;
    uint8_t digest[DIGEST_MAX_BYTES];
    buf_init(&all, c->arena);
    for (size_t i = 0; i < parts->len; i++) {
        slice bytes = S("");
        base64_decode(c->arena, parts->items[i].checksum, &bytes);
        buf_add(&all, bytes);
    }
    size_t len = digest_of(algorithm, buf_slice(&all), digest);
    slice text = base64_encode(c->arena, (slice){(const char *)digest, len});
    return arena_printf(c->arena, "%.*s-%zu", SLICE_ARG(text), parts->len);
}

/* What the upload promised, if its parts have it, checked against what the request says. */
static int make_checksum(struct call *c, const struct s3_complete_multipart_upload_in *in, const struct upload *upload,
                         const struct parts *parts, struct checksum *checksum)
{
    slice word = upload->algorithm.ptr ? upload->algorithm : checksum_word(DIGEST_CRC64NVME);
    *checksum = (struct checksum){0};
    for (size_t i = 0; i < parts->len; i++) {
        if (!slice_eq(parts->items[i].algorithm, word))
            return 0;
    }
    checksum->algorithm = digest_named(word);
    bool whole = !upload->algorithm.ptr || slice_eq(upload->checksum_type, S("FULL_OBJECT"));
    checksum->value =
        whole ? full_checksum(c, checksum->algorithm, parts) : composite_checksum(c, checksum->algorithm, parts);
    slice said = checksum_member(c->operation->in, in, checksum->algorithm);
    slice short_form = slice_sub(checksum->value, 0, slice_index(checksum->value, '-'));
    if (said.ptr && !slice_eq(said, checksum->value) && !slice_eq(said, short_form))
        return fail(c, &s3_bad_digest, "The %.*s you specified did not match the calculated checksum.",
                    SLICE_ARG(word));
    return 0;
}

static slice part_body(struct call *c, const struct upload *upload, const struct part *part)
{
    slice body = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_PART_BODY, "ti", upload->id, part->number);
    if (db_next(&rows))
        body = db_text(&rows, 0);
    db_done(&rows);
    return body.ptr ? body : S("");
}

/* The helper thread's part: "PATH\n" and what goes into that file. */
static int write_tail(struct await *await)
{
    slice path, bytes;
    slice_cut(await->input, '\n', &path, &bytes);
    __attribute__((cleanup(fdio_cleanup))) int fd =
        open(slice_cstr(await->arena, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    TRY(fdio_write_all(fd, bytes));
    return fdatasync(fd) == 0 ? 0 : -errno;
}

/* Only the last part can be so small that it has no file. When the client does not wait for it, the next attempt writes
 * the same file, and the upload's end removes it. */
static int settle_last(struct call *c, const struct upload *upload, struct part *part)
{
    slice none;
    if (part->file.ptr || part->size == 0)
        return 0;
    slice name = multipart_tail(c, upload->id, part);
    /* Not by a format: the bytes may hold NULs. */
    slice path = arena_concat(c->arena, content_path(c, name), S("\n"));
    slice input = arena_concat(c->arena, path, part_body(c, upload, part));
    TRY(await_work(c, S("tail"), write_tail, input, &none));
    part->file = name;
    return 0;
}

/* The parts become the content; nothing is copied. */
static int assemble(struct call *c, const struct upload *upload, const struct parts *parts, struct content *content)
{
    int64_t at = 0, segments = 0;
    *content = (struct content){.size = parts->size, .file = parts->items[0].file};
    if (parts->len == 1 && !content->file.ptr)
        content->bytes = part_body(c, upload, &parts->items[0]);
    if (parts->len == 1)
        return 0;
    TRY(settle_last(c, upload, &parts->items[parts->len - 1]));
    content->file = ids_hex(c->arena, CONTENT_NAME_BYTES);
    for (size_t i = 0; i < parts->len; i++) {
        const struct part *part = &parts->items[i];
        if (part->size > 0)
            segments += content_list_add(c, content->file, at, part->file, part->size);
        at += part->size;
        if (segments > LIMIT_OBJECT_SEGMENTS)
            return fail(c, &s3_invalid_request, "The object would consist of more than %d pieces of others.",
                        LIMIT_OBJECT_SEGMENTS);
    }
    return 0;
}

/* For version_parts: checksums only where the client has asked for them. */
static slice sizes_json(struct call *c, const struct upload *upload, const struct parts *parts)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_array_begin(w);
    for (size_t i = 0; i < parts->len; i++) {
        const struct part *part = &parts->items[i];
        bool checked = upload->algorithm.ptr && part->checksum.ptr;
        if (checked) {
            json_array_begin(w);
            json_int(w, part->size);
            json_string(w, part->checksum);
            json_array_end(w);
        } else {
            json_int(w, part->size);
        }
    }
    json_array_end(w);
    return json_writer_close(w);
}

static void fill_answer(struct call *c, const struct bucket *bucket, const struct version *version,
                        struct s3_complete_multipart_upload_out *out)
{
    api_from_json(c->arena, c->operation->out, version->attributes, out);
    out->location = arena_printf(c->arena, "http://%.*s/%.*s/%.*s", SLICE_ARG(c->request->host),
                                 SLICE_ARG(bucket->name), SLICE_ARG(uri_encode(c->arena, version->key, false)));
    out->bucket = bucket->name;
    out->key = version->key;
    out->e_tag = version->etag;
    if (version_numbered(bucket))
        out->version_id = version->version_id;
}

static int make_version(struct call *c, const struct s3_complete_multipart_upload_in *in, const struct bucket *bucket,
                        const struct upload *upload, struct parts *parts, struct version *version)
{
    struct checksum checksum;
    struct s3_head_object_out attributes = {0};
    api_from_json(c->arena, &s3_shape_head_object_output, upload->attributes, &attributes);
    TRY(make_checksum(c, in, upload, parts, &checksum));
    checksum_set(&s3_shape_head_object_output, &attributes, &checksum);
    if (checksum.algorithm)
        attributes.checksum_type = upload->algorithm.ptr ? upload->checksum_type : S("FULL_OBJECT");
    *version = (struct version){.key = in->key,
                                .tags = upload->tags,
                                .acl = upload->acl,
                                .size = parts->size,
                                .etag = make_etag(c, parts),
                                .part_sizes = sizes_json(c, upload, parts)};
    return attributes_write(c, bucket, &attributes, version);
}

static void remember(struct call *c, const struct bucket *bucket, const struct upload *upload,
                     const struct s3_complete_multipart_upload_out *out)
{
    db_run(c->db, S3_SQL_COMPLETED_ADD, "tittti", upload->id, bucket->id, upload->key, out->e_tag,
           api_to_json(c->arena, c->operation->out, out), c->now_ms);
}

/* Whether the upload was completed with the same parts not long ago: then the answer is the same again. */
static bool was_completed(struct call *c, const struct bucket *bucket, const struct s3_complete_multipart_upload_in *in,
                          struct s3_complete_multipart_upload_out *out)
{
    struct parts parts = {0};
    if (!in->multipart_upload || in->multipart_upload->parts.len == 0)
        return false;
    struct db_rows rows = db_query(c->db, S3_SQL_COMPLETED_GET, "tit", in->upload_id, bucket->id, in->key);
    bool found = db_next(&rows);
    slice etag = found ? db_text(&rows, 0) : S(""), answer = found ? db_text(&rows, 1) : S("");
    db_done(&rows);
    if (!found)
        return false;
    parts.items = arena_array(c->arena, in->multipart_upload->parts.len, sizeof(*parts.items));
    list_foreach (one, &in->multipart_upload->parts)
        parts.items[parts.len++].etag = one->e_tag;
    return slice_eq(make_etag(c, &parts), etag) && api_from_json(c->arena, c->operation->out, answer, out) == 0;
}

int64_t multipart_expire_completed(struct call *c)
{
    const int64_t keep_ms = 24 * 3600 * 1000;
    db_run(c->db, S3_SQL_COMPLETED_EXPIRE, "i", c->now_ms - keep_ms);
    struct db_rows rows = db_query(c->db, S3_SQL_COMPLETED_OLDEST, "");
    int64_t oldest = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return oldest ? oldest + keep_ms + 1 : 0;
}

int s3_complete_multipart_upload(struct call *c, const struct s3_complete_multipart_upload_in *in,
                                 struct s3_complete_multipart_upload_out *out)
{
    struct bucket bucket;
    struct upload upload;
    struct version version;
    struct content content;
    struct parts parts = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (was_completed(c, &bucket, in, out))
        return 0;
    TRY(multipart_get(c, &bucket, in->key, in->upload_id, &upload));
    TRY(collect(c, &upload, in->multipart_upload, &parts));
    if (in->mpu_object_size.set && in->mpu_object_size.v != parts.size)
        return fail(c, &s3_invalid_request,
                    "The provided 'x-amz-mp-object-size' header value %lld does not match what was computed: %lld",
                    (long long)in->mpu_object_size.v, (long long)parts.size);
    TRY(condition_check_write(c, &bucket, in->key, in->if_match, in->if_none_match));
    TRY(make_version(c, in, &bucket, &upload, &parts, &version));
    TRY(assemble(c, &upload, &parts, &content));
    version_add(c, &bucket, &version, &content);
    multipart_remove(c, &upload);
    fill_answer(c, &bucket, &version, out);
    remember(c, &bucket, &upload, out);
    notify_event(c, &bucket, "ObjectCreated:CompleteMultipartUpload", &version);
    return 0;
}
