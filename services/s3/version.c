/* version: versions of objects as rows. What becomes the latest and what gives way follows from the bucket's
 * versioning. */
#include "services/s3/s3.h"

#include "common/ids.h"

void version_read(struct db_rows *rows, struct version *version)
{
    *version = (struct version){
        .id = db_int(rows, 0),
        .key = db_text(rows, 1),
        .version_id = db_text(rows, 2),
        .is_latest = db_int(rows, 3) != 0,
        .is_marker = db_int(rows, 4) != 0,
        .modified_ms = db_int(rows, 5),
        .size = db_int(rows, 6),
        .etag = db_text(rows, 7),
        .storage_class = db_text(rows, 8),
        .lock_mode = db_text(rows, 9),
        .legal_hold = db_int(rows, 11) != 0,
        .attributes = db_text(rows, 12),
        .tags = db_text(rows, 13),
        .acl = db_text(rows, 14),
        .in_parts = db_int(rows, 15) != 0,
        .file = db_text(rows, 16),
    };
    if (!db_is_null(rows, 10))
        version->retain_ms = opt_int(db_int(rows, 10));
}

static bool read_one(struct db_rows rows, struct version *version)
{
    bool found = db_next(&rows);
    if (found)
        version_read(&rows, version);
    db_done(&rows);
    return found;
}

bool version_find(struct call *c, const struct bucket *bucket, slice key, slice version_id, struct version *version)
{
    return version_id.ptr ? read_one(db_query(c->db, S3_SQL_VERSION_NAMED, "itt", bucket->id, key, version_id), version)
                          : read_one(db_query(c->db, S3_SQL_VERSION_LATEST, "it", bucket->id, key), version);
}

bool version_find_id(struct call *c, int64_t id, struct version *version)
{
    return read_one(db_query(c->db, S3_SQL_VERSION_BY_ID, "i", id), version);
}

slice version_parts(struct call *c, const struct version *version)
{
    struct db_rows rows = db_query(c->db, S3_SQL_VERSION_PARTS, "i", version->id);
    slice parts = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    return parts;
}

static int fail_key(struct call *c, const struct api_error *error, slice key, slice version_id, const char *text)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("Key"), val_string(key));
    if (version_id.ptr)
        val_set(c->arena, extra, S("VersionId"), val_string(version_id));
    return fail_with(c, error, extra, "%s", text);
}

static void add_header(struct call *c, slice line)
{
    c->reply_headers = arena_concat(c->arena, c->reply_headers, line);
}

static int fail_marker(struct call *c, const struct version *version, bool named)
{
    slice last =
        arena_printf(c->arena, "x-amz-delete-marker: true\nx-amz-version-id: %.*s\n", SLICE_ARG(version->version_id));
    add_header(c, last);
    if (!named)
        return fail_key(c, &s3_no_such_key, version->key, (slice){NULL, 0}, "The specified key does not exist.");
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("Method"), val_string(c->request->method));
    val_set(c->arena, extra, S("ResourceType"), val_string(S("DeleteMarker")));
    add_header(c, S("Allow: DELETE\n"));
    return fail_with(c, &s3_method_not_allowed, extra, "The specified method is not allowed against this resource.");
}

int version_get(struct call *c, const struct bucket *bucket, slice key, slice version_id, struct version *version)
{
    TRY(put_check_key(c, key));
    if (version_id.ptr && version_id.len == 0)
        return fail(c, &s3_invalid_argument, "Version id cannot be the empty string");
    if (!version_find(c, bucket, key, version_id, version)) {
        if (!version_id.ptr)
            return fail_key(c, &s3_no_such_key, key, version_id, "The specified key does not exist.");
        return fail_key(c, &s3_no_such_version, key, version_id, "The specified version does not exist.");
    }
    return version->is_marker ? fail_marker(c, version, version_id.ptr != NULL) : 0;
}

bool version_is_archived(const struct version *version, const struct s3_head_object_out *attributes)
{
    bool archive =
        slice_eq(version->storage_class, S("GLACIER")) || slice_eq(version->storage_class, S("DEEP_ARCHIVE"));
    return archive && !attributes->restore.ptr;
}

bool version_numbered(const struct bucket *bucket)
{
    return bucket->versioning.len > 0;
}

static void insert(struct call *c, const struct bucket *bucket, const struct version *version,
                   const struct content *content)
{
    db_run(c->db, S3_SQL_VERSION_ADD, "ittiiitttIitttttb", bucket->id, version->key, version->version_id,
           (int64_t)version->is_marker, version->modified_ms, content->size, version->etag, version->storage_class,
           version->lock_mode, version->retain_ms, (int64_t)version->legal_hold, version->attributes, version->tags,
           version->acl, version->part_sizes, content->file, content->bytes);
}

/* The former null version gives way; a former latest one is that no longer. */
static void give_way(struct call *c, const struct bucket *bucket, slice key, bool numbered)
{
    struct version former;
    bool found = version_find(c, bucket, key, (slice){NULL, 0}, &former);
    if (found && former.is_latest && (numbered || !slice_eq(former.version_id, S("null"))))
        db_run(c->db, S3_SQL_VERSION_NOT_LATEST, "i", former.id);
    if (numbered || !found)
        return;
    if (slice_eq(former.version_id, S("null")) || version_find(c, bucket, key, S("null"), &former)) {
        db_run(c->db, S3_SQL_VERSION_DELETE, "i", former.id);
        content_drop(c, former.file);
    }
}

void version_add(struct call *c, const struct bucket *bucket, struct version *version, const struct content *content)
{
    bool numbered = slice_eq(bucket->versioning, S("Enabled"));
    give_way(c, bucket, version->key, numbered);
    version->version_id = numbered ? ids_alnum(c->arena, 32) : S("null");
    version->modified_ms = c->now_ms;
    insert(c, bucket, version, content);
}

void version_mark(struct call *c, const struct bucket *bucket, slice key, struct version *marker)
{
    *marker =
        (struct version){.key = key, .is_marker = true, .etag = S(""), .storage_class = S(""), .attributes = S("{}")};
    version_add(c, bucket, marker, &(struct content){0});
}

void version_remove(struct call *c, const struct bucket *bucket, const struct version *version)
{
    db_run(c->db, S3_SQL_VERSION_DELETE, "i", version->id);
    content_drop(c, version->file);
    if (version->is_latest)
        db_run(c->db, S3_SQL_VERSION_MAKE_LATEST, "it", bucket->id, version->key);
}
