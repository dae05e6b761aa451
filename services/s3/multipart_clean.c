/* multipart_clean: what is left of uploads that are over, and of those in buckets that are gone: removed by the timer,
 * some at a time, so that neither many parts nor many uploads keep anybody waiting. */
#include "services/s3/multipart.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"

enum { TURN_PARTS = 200, GRACE_MS = 1000 };

/* Each start has names of its own: what an earlier one has left goes without regard to what is made now. */
slice multipart_tail(struct call *c, slice upload_id, const struct part *part)
{
    struct stat st;
    if (stat(content_path(c, S(CONTENT_LEASE)).ptr, &st) != 0)
        st.st_mtim = (struct timespec){0};
    slice hex = hash_sha256_hex(c->arena, arena_printf(c->arena, "%.*s %lld %.*s %lld %ld", SLICE_ARG(upload_id),
                                                       (long long)part->number, SLICE_ARG(part->etag),
                                                       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec));
    return slice_sub(hex, 0, CONTENT_NAME_BYTES);
}

void multipart_drop_tail(struct call *c, slice upload_id, const struct part *part)
{
    if (part->file.ptr || part->size == 0)
        return;
    slice name = multipart_tail(c, upload_id, part);
    if (access(content_path(c, name).ptr, F_OK) == 0 && !content_is_known(c, name))
        content_drop(c, name);
}

void multipart_remove(struct call *c, const struct upload *upload)
{
    db_run(c->db, S3_SQL_UPLOAD_DEAD, "t", upload->id);
    db_run(c->db, S3_SQL_UPLOAD_DELETE, "t", upload->id);
    call_timer_changed(c);
}

static bool bury_parts(struct call *c, slice upload_id)
{
    struct {
        struct part *items;
        size_t len;
        bool set;
    } inline_parts = {0};
    int64_t last = -1;
    struct db_rows rows = db_query(c->db, S3_SQL_PARTS_SOME, "ti", upload_id, (int64_t)TURN_PARTS);
    while (db_next(&rows)) {
        last = db_int(&rows, 0);
        if (db_int(&rows, 3))
            *list_add(c->arena, &inline_parts) =
                (struct part){.number = last, .etag = db_text(&rows, 1), .size = db_int(&rows, 2)};
    }
    if (last < 0)
        return false;
    list_foreach (part, &inline_parts)
        multipart_drop_tail(c, upload_id, part);
    db_run(c->db, S3_SQL_PARTS_DEAD, "tii", upload_id, last, c->now_ms + GRACE_MS);
    db_run(c->db, S3_SQL_PARTS_DELETE, "ti", upload_id, last);
    return true;
}

static bool bury_uploads(struct call *c, int64_t bucket_id)
{
    struct upload upload;
    struct {
        struct upload *items;
        size_t len;
        bool set;
    } uploads = {0};
    struct db_rows rows = db_query(c->db, S3_SQL_BUCKET_DEAD_UPLOADS, "i", bucket_id);
    while (db_next(&rows)) {
        multipart_read_upload(&rows, &upload);
        *list_add(c->arena, &uploads) = upload;
    }
    list_foreach (one, &uploads)
        multipart_remove(c, one);
    return uploads.len > 0;
}

bool multipart_clean(struct call *c)
{
    struct db_rows rows = db_query(c->db, S3_SQL_BUCKET_DEAD_NEXT, "");
    bool found = db_next(&rows);
    int64_t bucket_id = found ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (found && !bury_uploads(c, bucket_id))
        db_run(c->db, S3_SQL_BUCKET_DEAD_GONE, "i", bucket_id);
    rows = db_query(c->db, S3_SQL_UPLOAD_DEAD_NEXT, "");
    bool any = db_next(&rows);
    slice upload_id = any ? db_text(&rows, 0) : S("");
    db_done(&rows);
    if (any && !bury_parts(c, upload_id))
        db_run(c->db, S3_SQL_UPLOAD_DEAD_GONE, "t", upload_id);
    return found || any;
}
