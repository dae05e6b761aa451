/* list_versions: ListObjectVersions: newest first within a key. */
#include "services/s3/list.h"

struct walk {
    const struct bucket *bucket;
    const struct s3_list_object_versions_in *in;
    struct s3_list_object_versions_out *out;
    int64_t max;
    int64_t count;
    slice last_key;
    slice last_version;
};

static void add_version(struct call *c, struct walk *walk, const struct version *version)
{
    slice key = list_encode(c, walk->in->encoding_type, version->key);
    if (version->is_marker) {
        struct s3_delete_marker_entry *marker = list_add(c->arena, &walk->out->delete_markers);
        *marker = (struct s3_delete_marker_entry){bucket_owner(c, walk->bucket), key, version->version_id,
                                                  opt_bool(version->is_latest), opt_int(version->modified_ms)};
    } else {
        struct s3_object_version *one = list_add(c->arena, &walk->out->versions);
        one->key = key;
        one->version_id = version->version_id;
        one->is_latest = opt_bool(version->is_latest);
        one->last_modified = opt_int(version->modified_ms);
        one->e_tag = version->etag;
        one->size = opt_int(version->size);
        one->storage_class = version->storage_class;
        one->owner = bucket_owner(c, walk->bucket);
    }
    walk->count++;
    walk->last_key = version->key;
    walk->last_version = version->version_id;
}

/* Rows of one query until a common prefix, the limit or the end. Answers where to go on. */
static slice take_rows(struct call *c, struct walk *walk, struct db_rows rows, bool *ended)
{
    struct version version;
    slice next = {NULL, 0};
    *ended = true;
    while (db_next(&rows)) {
        version_read(&rows, &version);
        if (!slice_starts(version.key, walk->in->prefix))
            break;
        if (walk->count == walk->max) {
            walk->out->is_truncated = opt_bool(walk->max > 0);
            break;
        }
        slice common = list_common_prefix(version.key, walk->in->prefix, walk->in->delimiter);
        if (common.ptr) {
            list_add(c->arena, &walk->out->common_prefixes)->prefix = list_encode(c, walk->in->encoding_type, common);
            walk->count++;
            walk->last_key = common;
            walk->last_version = (slice){NULL, 0};
            next = list_successor(c, common);
            *ended = false;
            break;
        }
        add_version(c, walk, &version);
    }
    db_done(&rows);
    return next;
}

static void run(struct call *c, struct walk *walk)
{
    const struct s3_list_object_versions_in *in = walk->in;
    struct version marker;
    slice from = list_start(c, in->prefix, in->delimiter, in->key_marker);
    bool ended = false;
    if (!slice_empty(in->version_id_marker) &&
        version_find(c, walk->bucket, in->key_marker, in->version_id_marker, &marker))
        take_rows(c, walk, db_query(c->db, S3_SQL_VERSION_LIST_KEY, "iti", walk->bucket->id, in->key_marker, marker.id),
                  &ended);
    ended = walk->out->is_truncated.v;
    while (!ended)
        from = take_rows(c, walk, db_query(c->db, S3_SQL_VERSION_LIST, "it", walk->bucket->id, from), &ended);
}

int s3_list_object_versions(struct call *c, const struct s3_list_object_versions_in *in,
                            struct s3_list_object_versions_out *out)
{
    struct bucket bucket;
    struct walk walk = {.bucket = &bucket, .in = in, .out = out};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(list_check_encoding(c, in->encoding_type));
    TRY(list_check_max(c, in->max_keys, "max-keys", &walk.max));
    if (!slice_empty(in->version_id_marker) && slice_empty(in->key_marker))
        return fail(c, &s3_invalid_argument, "A version-id marker cannot be specified without a key marker.");
    out->is_truncated = opt_bool(false);
    run(c, &walk);
    out->key_marker = list_encode(c, in->encoding_type, in->key_marker.ptr ? in->key_marker : S(""));
    out->version_id_marker = in->version_id_marker.ptr ? in->version_id_marker : S("");
    out->name = bucket.name;
    out->prefix = list_encode(c, in->encoding_type, in->prefix.ptr ? in->prefix : S(""));
    out->delimiter = list_encode(c, in->encoding_type, in->delimiter);
    out->max_keys = opt_int(walk.max);
    out->encoding_type = in->encoding_type;
    if (out->is_truncated.v) {
        out->next_key_marker = list_encode(c, in->encoding_type, walk.last_key);
        out->next_version_id_marker = walk.last_version;
    }
    return 0;
}
