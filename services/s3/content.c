/* content: the bytes of objects: small ones in the database, large ones as files below <state_dir>/s3, which come there
 * by renaming a spool file, before their row, and go some time after it. */
#include "services/s3/s3.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "common/limits.h"

enum { GRACE_MS = 10 * 1000 /* an answer on its way may name a file */ };

slice content_path(struct call *c, slice file)
{
    return arena_printf(c->arena, "%.*s/s3/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(file));
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
    *size = st.st_size;
    return 0;
}

int content_take(struct call *c, struct content *content)
{
    slice path = call_body_path(c);
    *content = (struct content){0};
    TRY(content_size(c, &content->size));
    if (!path.ptr && content->size > LIMIT_BODY_INLINE_BYTES) { /* out of a form */
        __attribute__((cleanup(fdio_cleanup))) int fd = content_create(c, &content->file);
        return fd < 0 ? fd : fdio_write_all(fd, c->request->body);
    }
    if (!path.ptr) {
        content->bytes = c->request->body;
        return 0;
    }
    content->file = ids_hex(c->arena, CONTENT_NAME_BYTES);
    if (rename(path.ptr, content_path(c, content->file).ptr) != 0)
        return -errno;
    call_made_file(c, content_path(c, content->file));
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

int content_create(struct call *c, slice *name)
{
    *name = ids_hex(c->arena, CONTENT_NAME_BYTES);
    int fd = open(content_path(c, *name).ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    call_made_file(c, content_path(c, *name));
    return fd;
}

int content_append(int fd, const char *path, int64_t at, int64_t length)
{
    __attribute__((cleanup(fdio_cleanup))) int from = open(path, O_RDONLY | O_CLOEXEC);
    off_t offset = at;
    if (from < 0)
        return -errno;
    while (length > 0) {
        ssize_t n = copy_file_range(from, &offset, fd, NULL, (size_t)length, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        length -= n;
    }
    return 0;
}

int content_copy(struct call *c, const struct version *from, struct content *to)
{
    *to = (struct content){.size = from->size};
    if (!from->file.ptr) {
        to->bytes = content_bytes(c, from);
        return 0;
    }
    /* Contents never change: two rows may have the same bytes under two names. */
    to->file = ids_hex(c->arena, CONTENT_NAME_BYTES);
    if (link(content_path(c, from->file).ptr, content_path(c, to->file).ptr) != 0)
        return -errno;
    call_made_file(c, content_path(c, to->file));
    return 0;
}

void content_drop(struct call *c, slice file)
{
    if (!file.ptr)
        return;
    db_run(c->db, S3_SQL_FILE_DEAD, "ti", file, c->now_ms + GRACE_MS);
    call_timer_changed(c);
}

int64_t content_clean(struct call *c)
{
    struct slice_list names = {0};
    struct db_rows rows = db_query(c->db, S3_SQL_FILE_DUE, "i", c->now_ms);
    while (db_next(&rows))
        *list_add(c->arena, &names) = db_text(&rows, 0);
    list_foreach (name, &names) {
        unlink(content_path(c, *name).ptr);
        db_run(c->db, S3_SQL_FILE_FORGET, "t", *name);
    }
    rows = db_query(c->db, S3_SQL_FILE_NEXT, "");
    int64_t next = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return next;
}

static bool is_known(struct call *c, slice file)
{
    struct db_rows rows = db_query(c->db, S3_SQL_FILE_KNOWN, "t", file);
    bool known = db_next(&rows) && db_int(&rows, 0) != 0;
    db_done(&rows);
    return known;
}

int content_start(struct call *c)
{
    slice folder = content_path(c, S(""));
    if (mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
        return errno == ENOENT ? 0 : -errno; /* a database in memory has no folder beside it */
    DIR *entries = opendir(folder.ptr);
    if (!entries)
        return -errno;
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        slice name = slice_of(entry->d_name);
        if (entry->d_name[0] != '.' && !is_known(c, name))
            unlink(content_path(c, name).ptr);
    }
    closedir(entries);
    return 0;
}
