/* blob: see blob.h. The sweep is in sweep.c. */
#include "services/ecr/blob.h"

#include "common/buf.h"
#include "common/conf.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "services/ecr/content.h"
#include "services/worker/await.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t keep_touch_ms = 10 * 60 * 1000;

slice blob_file(struct arena *arena, slice digest)
{
    slice algorithm, hex;
    slice_cut(digest, ':', &algorithm, &hex);
    return arena_printf(arena, "ecr/blobs/%.*s/%.*s/%.*s", SLICE_ARG(algorithm), SLICE_ARG(slice_sub(hex, 0, 2)),
                        SLICE_ARG(hex));
}

static slice path_of(struct call *c, slice file)
{
    return arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(file));
}

static slice part_path(struct call *c, slice id, int64_t number)
{
    return arena_printf(c->arena, "%.*s/ecr/uploads/%.*s.%lld", SLICE_ARG(c->conf->state_dir), SLICE_ARG(id),
                        (long long)number);
}

/* A full disk may have no room for the name. */
void blob_put_aside(struct call *c, slice file)
{
    slice path = path_of(c, file), aside = path_of(c, arena_concat(c->arena, S("ecr/removed/"), ids_hex(c->arena, 16)));
    if (rename(path.ptr, aside.ptr) < 0 && errno != ENOENT)
        fdio_remove_tree(path.ptr);
}

/* Transfers from other registries, and parts in requests, that a former process did not finish. */
static void remove_unfinished(struct call *c, const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        if (strncmp(entry->d_name, "fetch-", 6) == 0 || strncmp(entry->d_name, "taken-", 6) == 0)
            blob_put_aside(c, arena_printf(c->arena, "ecr/uploads/%s", entry->d_name));
    }
    if (entries)
        closedir(entries);
}

int blob_prepare(struct call *c)
{
    slice uploads = path_of(c, S("ecr/uploads"));
    TRY(fdio_mkdirs(uploads.ptr, 0700));
    TRY(fdio_mkdirs(path_of(c, S("ecr/removed")).ptr, 0700));
    remove_unfinished(c, uploads.ptr);
    call_background(c, S("RemoveFiles"), S(""));
    return 0;
}

void blob_remove_all(struct call *c)
{
    blob_put_aside(c, S("ecr/blobs"));
    blob_put_aside(c, S("ecr/uploads"));
}

bool blob_find(struct call *c, int64_t repository_id, slice digest, int64_t *bytes)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_LAYER_GET, "it", repository_id, digest);
    bool found = db_next(&rows);
    int64_t added_ms = found ? db_int(&rows, 1) : 0;
    *bytes = found ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (found && c->now_ms - added_ms > keep_touch_ms)
        db_run(c->db, ECR_SQL_LAYER_SET, "iti", repository_id, digest, c->now_ms);
    return found;
}

void blob_link(struct call *c, int64_t repository_id, slice digest, int64_t bytes)
{
    db_run(c->db, ECR_SQL_BLOB_SET, "tii", digest, bytes, c->now_ms);
    db_run(c->db, ECR_SQL_LAYER_SET, "iti", repository_id, digest, c->now_ms);
    call_timer_changed(c);
}

slice blob_upload_begin(struct call *c, int64_t repository_id)
{
    slice id = ids_uuid(c->arena);
    db_run(c->db, ECR_SQL_UPLOAD_INSERT, "tii", id, repository_id, c->now_ms);
    call_timer_changed(c);
    return id;
}

bool blob_upload_find(struct call *c, int64_t repository_id, slice id, struct upload *upload)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_UPLOAD_GET, "ti", id, repository_id);
    bool found = db_next(&rows);
    if (found)
        *upload = (struct upload){id, db_int(&rows, 0), db_int(&rows, 1), db_text(&rows, 2), db_int(&rows, 3) != 0};
    db_done(&rows);
    return found;
}

/* "sha256:…" of the request's body, when the router has computed it. */
static slice body_digest(struct call *c)
{
    slice line, rest = c->request->digests;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_starts(line, S("sha256 ")))
            return arena_concat(c->arena, S("sha256:"), slice_sub(line, 7, line.len));
    }
    return (slice){NULL, 0};
}

static int write_part(const char *path, slice bytes)
{
    int fd __attribute__((cleanup(fdio_cleanup))) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fdio_write_all(fd, bytes);
}

/* Puts the request's body into a file of ours. The rename can have happened in an earlier run of the call. */
static int take_body(struct call *c, const char *path, int64_t *bytes)
{
    struct stat found;
    const char *spooled = slice_cstr(c->arena, call_body_path(c));
    if (!spooled) {
        *bytes = (int64_t)c->request->body.len;
        return write_part(path, c->request->body);
    }
    if (rename(spooled, path) < 0 && errno != ENOENT)
        return -errno;
    if (stat(path, &found) < 0)
        return -errno;
    *bytes = found.st_size;
    return 0;
}

/* The digest of an upload that has one more part: known as long as it is the only one. */
static slice digest_with(const struct upload *upload, slice part_digest)
{
    return upload->bytes == 0 ? part_digest : (slice){NULL, 0};
}

static void note_part(struct call *c, struct upload *upload, int64_t bytes, slice part_digest)
{
    slice digest = bytes == 0 ? upload->digest : digest_with(upload, part_digest);
    db_run(c->db, ECR_SQL_UPLOAD_ADD, "iitt", c->now_ms, bytes, digest, upload->id);
    upload->bytes += bytes;
    upload->parts++;
    upload->digest = digest;
}

int blob_upload_add(struct call *c, struct upload *upload)
{
    int64_t bytes = 0;
    TRY(take_body(c, part_path(c, upload->id, upload->parts).ptr, &bytes));
    note_part(c, upload, bytes, body_digest(c));
    return 0;
}

slice blob_taken_path(struct call *c, int64_t *bytes)
{
    struct stat file;
    slice path = arena_printf(c->arena, "%.*s/ecr/uploads/taken-%.*s", SLICE_ARG(c->conf->state_dir),
                              SLICE_ARG(c->request->body_file));
    if (bytes)
        *bytes = stat(path.ptr, &file) == 0 ? file.st_size : -1;
    return path;
}

int blob_upload_add_bytes(struct call *c, struct upload *upload, slice bytes)
{
    int64_t size = (int64_t)bytes.len;
    slice part = part_path(c, upload->id, upload->parts);
    if (bytes.ptr)
        TRY(write_part(part.ptr, bytes));
    else if (rename(blob_taken_path(c, &size).ptr, part.ptr) < 0)
        return -errno;
    note_part(c, upload, size, (slice){NULL, 0});
    return 0;
}

void blob_upload_cancel(struct call *c, slice id)
{
    db_run(c->db, ECR_SQL_UPLOAD_BURY, "t", id);
    db_run(c->db, ECR_SQL_UPLOAD_DELETE, "t", id);
    call_timer_changed(c);
}

/* On the helper thread, all on files that nobody else changes. */

static int append_file(int into, const char *path)
{
    int fd __attribute__((cleanup(fdio_cleanup))) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(into, fd, NULL, (size_t)1 << 30);
    return n < 0 ? -errno : 0;
}

static int hash_file(struct arena *arena, int fd, size_t size, slice wanted, slice *digest)
{
    void *bytes = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (bytes == MAP_FAILED)
        return -errno;
    *digest = content_digest(arena, (slice){bytes ? bytes : "", size}, wanted);
    if (bytes)
        munmap(bytes, size);
    return 0;
}

/* Several parts become one file beside the first. */
static int join(struct arena *arena, slice parts, const char **joined)
{
    slice first, part, rest;
    slice_cut(parts, '\n', &first, &rest);
    if (rest.len == 0) {
        *joined = slice_cstr(arena, first);
        return 0;
    }
    *joined = arena_printf(arena, "%.*s.all", SLICE_ARG(first)).ptr;
    int into __attribute__((cleanup(fdio_cleanup))) = open(*joined, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (into < 0)
        return -errno;
    while (parts.len > 0) {
        slice_cut(parts, '\n', &part, &parts);
        TRY(append_file(into, slice_cstr(arena, part)));
    }
    return 0;
}

static slice folder_of(slice path)
{
    size_t end = path.len;
    while (end > 0 && path.ptr[end - 1] != '/')
        end--;
    return slice_sub(path, 0, end);
}

static int move(const char *from, const char *path, const char *folder)
{
    TRY(fdio_mkdirs(folder, 0700));
    if (rename(from, path) < 0)
        return -errno;
    int fd __attribute__((cleanup(fdio_cleanup))) = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static slice size_text(struct arena *arena, const struct stat *file)
{
    return arena_printf(arena, "%lld", (long long)file->st_size);
}

/* input: the digest wanted, the digest known or nothing, the blob's path, the parts' paths: one a line. The outcome is
 * the size. A former try may have got as far as the rename. */
static int assemble(struct await *await)
{
    slice wanted, known, target, parts;
    const char *joined = NULL;
    struct stat file;
    slice_cut(await->input, '\n', &wanted, &parts);
    slice_cut(parts, '\n', &known, &parts);
    slice_cut(parts, '\n', &target, &parts);
    const char *path = slice_cstr(await->arena, target);
    int result = join(await->arena, parts, &joined);
    int fd __attribute__((cleanup(fdio_cleanup))) = result == 0 ? open(joined, O_RDONLY | O_CLOEXEC) : result;
    if (result == 0 && fd < 0)
        result = -errno;
    if (result == -ENOENT && stat(path, &file) == 0) {
        await->output = size_text(await->arena, &file);
        return 0;
    }
    if (result != 0)
        return result;
    if (fstat(fd, &file) < 0)
        return -errno;
    if (known.len != wanted.len)
        TRY(hash_file(await->arena, fd, (size_t)file.st_size, wanted, &known));
    if (!slice_eq(known, wanted))
        return BAD_INPUT;
    if (fsync(fd) < 0)
        return -errno;
    await->output = size_text(await->arena, &file);
    return move(joined, path, slice_cstr(await->arena, folder_of(target)));
}

static int run_assembly(struct call *c, slice key, slice digest, slice known, slice parts, int64_t *bytes)
{
    slice size;
    slice target = path_of(c, blob_file(c->arena, digest));
    slice input = arena_printf(c->arena, "%.*s\n%.*s\n%.*s\n%.*s", SLICE_ARG(digest), SLICE_ARG(known),
                               SLICE_ARG(target), SLICE_ARG(parts));
    TRY(await_work(c, key, assemble, input, &size));
    return slice_to_int64(size, bytes) ? 0 : FAULT_INTERNAL;
}

/* Where the last part is: in the router's file, or, once for all runs of the call, in one of ours. */
static int place_tail(struct call *c, const struct upload *upload, slice key, slice *path)
{
    *path = call_body_path(c);
    if (path->ptr)
        return 0;
    *path = part_path(c, upload->id, upload->parts);
    return await_is_known(c, key) ? 0 : write_part(path->ptr, c->request->body);
}

static slice finish_key(struct call *c, const struct upload *upload, slice digest)
{
    return arena_printf(c->arena, "%.*s %.*s", SLICE_ARG(upload->id), SLICE_ARG(digest));
}

bool blob_upload_finishes(struct call *c, const struct upload *upload, slice digest)
{
    return await_is_known(c, finish_key(c, upload, digest));
}

int blob_upload_finish(struct call *c, int64_t repository_id, struct upload *upload, slice digest, bool tail)
{
    struct buf parts;
    int64_t bytes = 0;
    slice known = upload->digest, path = S("");
    slice key = finish_key(c, upload, digest);
    buf_init(&parts, c->arena);
    for (int64_t i = 0; i < upload->parts; i++)
        buf_printf(&parts, "%s\n", part_path(c, upload->id, i).ptr);
    if (tail || upload->parts == 0) {
        known = digest_with(upload, body_digest(c));
        TRY(place_tail(c, upload, key, &path));
        buf_add(&parts, path);
    } else {
        parts.len--;
    }
    int result = run_assembly(c, key, digest, known, buf_slice(&parts), &bytes);
    if (result == BAD_INPUT && tail)
        unlink(path.ptr);
    TRY(result);
    blob_link(c, repository_id, digest, bytes);
    blob_upload_cancel(c, upload->id);
    return 0;
}

int blob_adopt(struct call *c, int64_t repository_id, slice path, slice digest)
{
    int64_t bytes;
    TRY(run_assembly(c, path, digest, (slice){NULL, 0}, path, &bytes));
    blob_link(c, repository_id, digest, bytes);
    return 0;
}
