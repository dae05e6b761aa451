/* delete: DeleteObject and DeleteObjects. */
#include "services/s3/s3.h"

enum { MAX_KEYS = 1000 };

/* Without a version: unversioned objects go; in versioned buckets a marker covers them. */
static void delete_latest(struct call *c, const struct bucket *bucket, struct deletion *deletion)
{
    struct version version;
    if (!version_numbered(bucket)) {
        if (version_find(c, bucket, deletion->key, (slice){NULL, 0}, &version)) {
            version_remove(c, bucket, &version);
            notify_event(c, bucket, "ObjectRemoved:Delete", &version);
        }
        return;
    }
    version_mark(c, bucket, deletion->key, &version);
    deletion->marked = true;
    deletion->marker_version = version.version_id;
    notify_event(c, bucket, "ObjectRemoved:DeleteMarkerCreated", &version);
}

int delete_one(struct call *c, const struct bucket *bucket, struct deletion *deletion)
{
    struct version version;
    deletion->marked = false;
    TRY(put_check_key(c, deletion->key));
    if (!deletion->version_id.ptr) {
        if (slice_eq(bucket->versioning, S("Suspended")) && version_find(c, bucket, deletion->key, S("null"), &version))
            TRY(lock_check_delete(c, &version, deletion->bypass));
        delete_latest(c, bucket, deletion);
        return 0;
    }
    if (!version_find(c, bucket, deletion->key, deletion->version_id, &version))
        return 0;
    TRY(lock_check_delete(c, &version, deletion->bypass));
    version_remove(c, bucket, &version);
    if (version.is_marker) {
        deletion->marked = true;
        deletion->marker_version = version.version_id;
    } else {
        notify_event(c, bucket, "ObjectRemoved:Delete", &version);
    }
    return 0;
}

int s3_delete_object(struct call *c, const struct s3_delete_object_in *in, struct s3_delete_object_out *out)
{
    struct bucket bucket;
    struct deletion deletion = {
        .key = in->key, .version_id = in->version_id, .bypass = opt_bool_or(in->bypass_governance_retention, false)};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (in->if_match.ptr)
        TRY(condition_check_write(c, &bucket, in->key, in->if_match, (slice){NULL, 0}));
    TRY(delete_one(c, &bucket, &deletion));
    if (deletion.marked) {
        out->delete_marker = opt_bool(true);
        out->version_id = deletion.marker_version;
    } else if (in->version_id.ptr) {
        out->version_id = in->version_id;
    }
    return 0;
}

static void add_error(struct call *c, const struct s3_object_identifier *object, struct s3_delete_objects_out *out)
{
    struct s3_error *error = list_add(c->arena, &out->errors);
    error->key = object->key;
    error->version_id = object->version_id;
    error->code = c->error->code;
    error->message = c->error_message;
}

static void add_deleted(struct call *c, const struct deletion *deletion, struct s3_delete_objects_out *out)
{
    struct s3_deleted_object *deleted = list_add(c->arena, &out->deleted);
    deleted->key = deletion->key;
    deleted->version_id = deletion->version_id;
    if (deletion->marked) {
        deleted->delete_marker = opt_bool(true);
        deleted->delete_marker_version_id = deletion->marker_version;
    }
}

int s3_delete_objects(struct call *c, const struct s3_delete_objects_in *in, struct s3_delete_objects_out *out)
{
    struct bucket bucket;
    struct checksum checksum;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(checksum_verify(c, &checksum));
    if (!in->delete || in->delete->objects.len == 0 || in->delete->objects.len > MAX_KEYS)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    list_foreach (object, &in->delete->objects) {
        struct deletion deletion = {.key = object->key,
                                    .version_id =
                                        slice_empty(object->version_id) ? (slice){NULL, 0} : object->version_id,
                                    .bypass = opt_bool_or(in->bypass_governance_retention, false)};
        int result =
            object->e_tag.ptr ? condition_check_write(c, &bucket, object->key, object->e_tag, (slice){NULL, 0}) : 0;
        if (result == 0)
            result = delete_one(c, &bucket, &deletion);
        if (result == CALL_FAILED)
            add_error(c, object, out);
        else if (result != 0)
            return result;
        else if (!opt_bool_or(in->delete->quiet, false))
            add_deleted(c, &deletion, out);
    }
    return 0;
}
