/* content_hash: digests of objects' bytes: of a few at once, of many by the helper thread, whose result is kept for a
 * while: a client that has not waited for it finds it when it asks again. */
#include "services/s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "services/worker/await.h"

enum {
    PIECE_BYTES = 256 * 1024,
    MAX_JOBS = 64,
    WAIT_MS = 60 * 1000,
    KEEP_MS = 3600 * 1000,
    KEEP_FAILURE_MS = 1000,
};

static int read_piece(struct call *c, const struct segment *piece, char *into)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(content_path(c, piece->name).ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return pread(fd, into, (size_t)piece->length, (off_t)piece->offset) == (ssize_t)piece->length ? 0 : -EIO;
}

int content_read(struct call *c, const struct content_range *range, slice *bytes)
{
    struct content_pieces pieces;
    const struct version *version = range->version;
    if (!version->file.ptr) {
        *bytes = slice_sub(content_bytes(c, version), (size_t)range->at, (size_t)(range->at + range->length));
        return 0;
    }
    char *into = arena_alloc(c->arena, (size_t)range->length + 1);
    *bytes = (slice){into, (size_t)range->length};
    content_pieces(c, version->file, range->at, range->length, &pieces);
    list_foreach (piece, &pieces) {
        TRY(read_piece(c, piece, into));
        into += piece->length;
    }
    return 0;
}

bool content_is_small(const struct content_range *range)
{
    return !range->version->file.ptr || range->length <= LIMIT_BODY_INLINE_BYTES;
}

slice content_hash_bytes(struct arena *arena, unsigned algorithms, slice bytes)
{
    struct digest digest;
    char *text = arena_alloc(arena, DIGEST_TEXT_BYTES);
    digest_begin(&digest, algorithms);
    digest_add(&digest, bytes.ptr, bytes.len);
    return (slice){text, digest_end(&digest, text, 0)};
}

/* The helper thread's part: "ALGORITHMS\n" and segments whose names are paths. */

static int hash_piece(struct await *await, const struct segment *piece, char *buffer, struct digest *digest)
{
    int64_t at = piece->offset, end = piece->offset + piece->length;
    __attribute__((cleanup(fdio_cleanup))) int fd = open(slice_cstr(await->arena, piece->name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (at < end) {
        size_t want = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
        ssize_t n = pread(fd, buffer, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        digest_add(digest, buffer, (size_t)n);
        at += n;
    }
    return 0;
}

static int hash_pieces(struct await *await)
{
    slice first, rest;
    int64_t algorithms;
    struct segment piece;
    struct digest digest;
    char *buffer = arena_alloc(await->arena, PIECE_BYTES), *text = arena_alloc(await->arena, DIGEST_TEXT_BYTES);
    int result = 0;
    if (!slice_cut(await->input, '\n', &first, &rest) || !slice_to_int64(first, &algorithms))
        return FAULT_INTERNAL;
    digest_begin(&digest, (unsigned)algorithms);
    while (result == 0 && segments_next(&rest, &piece))
        result = hash_piece(await, &piece, buffer, &digest);
    await->output = (slice){text, digest_end(&digest, text, 0)};
    return result;
}

/* "VERSION AT LENGTH ALGORITHMS" */
static slice key_of(struct call *c, const struct content_range *range)
{
    return arena_printf(c->arena, "%lld %lld %lld %u", (long long)range->version->id, (long long)range->at,
                        (long long)range->length, range->algorithms);
}

static bool read_key(slice key, int64_t *version, int64_t *at, int64_t *length, int64_t *algorithms)
{
    slice part;
    return slice_cut(key, ' ', &part, &key) && slice_to_int64(part, version) && slice_cut(key, ' ', &part, &key) &&
           slice_to_int64(part, at) && slice_cut(key, ' ', &part, &key) && slice_to_int64(part, length) &&
           slice_to_int64(key, algorithms);
}

/* Answers 0, NOT_FOUND, or the fault that the job came to not long ago. */
static int find_result(struct call *c, slice key, slice *digests)
{
    struct db_rows rows = db_query(c->db, S3_SQL_DIGEST_GET, "t", key);
    bool found = db_next(&rows);
    *digests = found ? db_text(&rows, 0) : (slice){NULL, 0};
    int64_t done_ms = found ? db_int(&rows, 1) : 0;
    db_done(&rows);
    if (digests->ptr)
        return 0;
    return found && done_ms + KEEP_FAILURE_MS > c->now_ms ? FAULT_INTERNAL : NOT_FOUND;
}

int content_hash(struct call *c, const struct content_range *range, slice *digests)
{
    slice bytes, key;
    if (content_is_small(range)) {
        TRY(content_read(c, range, &bytes));
        *digests = content_hash_bytes(c->arena, range->algorithms, bytes);
        return 0;
    }
    key = key_of(c, range);
    int result = find_result(c, key, digests);
    if (result != NOT_FOUND)
        return result;
    if (!call_background_once(c, S("ComputeDigests"), key, MAX_JOBS))
        return fail(c, &s3_slow_down, "Please reduce your request rate.");
    return call_wait(c, key, c->now_ms + WAIT_MS);
}

/* The event ComputeDigests: nobody need wait for it. A version that has gone meanwhile has no digests; those who wait
 * look again. */
int content_hash_run(struct call *c, slice key)
{
    struct version version;
    struct content_pieces pieces;
    struct buf input;
    slice digests;
    int64_t id, at, length, algorithms;
    if (!read_key(key, &id, &at, &length, &algorithms))
        return FAULT_INTERNAL;
    if (!version_find_id(c, id, &version) || !version.file.ptr) {
        call_wake(c, key);
        return 0;
    }
    buf_init(&input, c->arena);
    buf_printf(&input, "%lld\n", (long long)algorithms);
    content_pieces(c, version.file, at, length, &pieces);
    list_foreach (piece, &pieces) {
        piece->name = content_path(c, piece->name);
        segments_add(&input, piece);
    }
    int result = await_work(c, key, hash_pieces, buf_slice(&input), &digests);
    if (result == CALL_LATER)
        return result;
    db_run(c->db, S3_SQL_DIGEST_SET, "tti", key, result == 0 ? digests : (slice){NULL, 0}, c->now_ms);
    call_wake(c, key);
    call_timer_changed(c);
    return 0;
}

int64_t content_hash_expire(struct call *c)
{
    db_run(c->db, S3_SQL_DIGEST_EXPIRE, "i", c->now_ms - KEEP_MS);
    struct db_rows rows = db_query(c->db, S3_SQL_DIGEST_OLDEST, "");
    int64_t oldest = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return oldest ? oldest + KEEP_MS + 1 : 0;
}
