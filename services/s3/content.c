/* content: the bytes of objects: small ones in the database, large ones as files below <state_dir>/s3, which come there
 * by renaming a spool file, before their row, and go some time after the last row that names them (content_clean.c).
 * Contents never change, so rows may share them. */
#include "services/s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "common/limits.h"

slice content_path(struct call *c, slice file)
{
    return arena_printf(c->arena, "%.*s/s3/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(file));
}

/* The content is a part of the body's file: what a form has in it. */
static bool is_part(struct call *c)
{
    return c->request->file_length > 0;
}

int content_size(struct call *c, int64_t *size)
{
    struct stat st;
    slice path = call_body_path(c);
    *size = (int64_t)c->request->body.len;
    if (!path.ptr)
        return 0;
    if (stat(path.ptr, &st) != 0)
        return -errno;
    *size = is_part(c) ? c->request->file_length : st.st_size;
    return 0;
}

int content_take(struct call *c, struct content *content)
{
    slice path = call_body_path(c);
    *content = (struct content){0};
    TRY(content_size(c, &content->size));
    if (!path.ptr) {
        content->bytes = c->request->body;
        return 0;
    }
    content->file = ids_hex(c->arena, CONTENT_NAME_BYTES);
    if (rename(path.ptr, content_path(c, content->file).ptr) != 0)
        return -errno;
    call_made_file(c, content_path(c, content->file));
    if (is_part(c)) {
        slice list = ids_hex(c->arena, CONTENT_NAME_BYTES);
        db_run(c->db, S3_SQL_SEGMENT_ADD, "titii", list, (int64_t)0, content->file, c->request->file_offset,
               content->size);
        content->file = list;
    }
    return 0;
}

static slice body_of_row(struct call *c, struct db_rows rows)
{
    slice body = {NULL, 0};
    if (db_next(&rows))
        body = db_text(&rows, 0);
    db_done(&rows);
    return body.ptr ? body : S("");
}

slice content_bytes(struct call *c, const struct version *version)
{
    return version->size == 0 ? S("") : body_of_row(c, db_query(c->db, S3_SQL_VERSION_BODY, "i", version->id));
}

void content_copy(struct call *c, const struct version *from, struct content *to)
{
    *to = (struct content){.size = from->size, .file = from->file};
    if (!from->file.ptr)
        to->bytes = content_bytes(c, from);
}
