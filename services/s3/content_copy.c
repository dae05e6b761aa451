/* content_copy: bytes of objects copied and hashed: a few at once, many by the helper thread, so that other requests go
 * on meanwhile. */
#include "services/s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/ids.h"
#include "common/limits.h"
#include "services/worker/await.h"

enum { PIECE_BYTES = 256 * 1024 };

static int read_range(struct call *c, const struct content_range *range, slice *bytes)
{
    const struct version *version = range->version;
    if (!version->file.ptr) {
        *bytes = slice_sub(content_bytes(c, version), (size_t)range->at, (size_t)(range->at + range->length));
        return 0;
    }
    __attribute__((cleanup(fdio_cleanup))) int fd = open(content_path(c, version->file).ptr, O_RDONLY | O_CLOEXEC);
    char *into = arena_alloc(c->arena, (size_t)range->length);
    if (fd < 0)
        return -errno;
    if (pread(fd, into, (size_t)range->length, (off_t)range->at) != (ssize_t)range->length)
        return -EIO;
    *bytes = (slice){into, (size_t)range->length};
    return 0;
}

static slice hash_bytes_of(struct arena *arena, unsigned algorithms, slice bytes)
{
    struct digest digest;
    char *text = arena_alloc(arena, DIGEST_TEXT_BYTES);
    digest_begin(&digest, algorithms);
    digest_add(&digest, bytes.ptr, bytes.len);
    return (slice){text, digest_end(&digest, text, 0)};
}

/* The helper thread's part */

/* "FROM\nTO\nAT LENGTH ALGORITHMS"; TO is empty when there is only to hash. */
struct order {
    const char *from;
    const char *to;
    int64_t at;
    int64_t length;
    int64_t algorithms;
};

static bool read_order(struct await *await, struct order *order)
{
    slice from, to, at, length, algorithms;
    slice_cut(await->input, '\n', &from, &to);
    slice_cut(to, '\n', &to, &at);
    slice_cut(at, ' ', &at, &length);
    slice_cut(length, ' ', &length, &algorithms);
    order->from = slice_cstr(await->arena, from);
    order->to = slice_cstr(await->arena, to);
    return slice_to_int64(at, &order->at) && slice_to_int64(length, &order->length) &&
           slice_to_int64(algorithms, &order->algorithms);
}

static int pass_on(int from, int to, const struct order *order, char *piece, struct digest *digest)
{
    int64_t at = order->at, end = order->at + order->length;
    while (at < end) {
        size_t want = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
        ssize_t n = pread(from, piece, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        digest_add(digest, piece, (size_t)n);
        if (to >= 0)
            TRY(fdio_write_all(to, (slice){piece, (size_t)n}));
        at += n;
    }
    return to < 0 || fdatasync(to) == 0 ? 0 : -errno;
}

static int carry_out(struct await *await)
{
    struct order order;
    struct digest digest;
    __attribute__((cleanup(fdio_cleanup))) int from = -1, to = -1;
    if (!read_order(await, &order))
        return FAULT_INTERNAL;
    from = open(order.from, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -errno;
    unlink(order.from);
    if (*order.to && (to = open(order.to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        return -errno;
    digest_begin(&digest, (unsigned)order.algorithms);
    int result = pass_on(from, to, &order, arena_alloc(await->arena, PIECE_BYTES), &digest);
    char *text = arena_alloc(await->arena, DIGEST_TEXT_BYTES);
    size_t len = digest_end(&digest, text, 0);
    await->output = arena_printf(await->arena, "%s\n%.*s", order.to, (int)len, text);
    if (result != 0 && to >= 0)
        unlink(order.to);
    return result;
}

/* The source's file has a second name until it is open: its first may go while this waits for its turn. */
static int order_work(struct call *c, const struct content_range *range, bool copies, slice *output)
{
    slice key = arena_printf(c->arena, "%s %lld %lld %lld %u", copies ? "copy" : "hash", (long long)range->version->id,
                             (long long)range->at, (long long)range->length, range->algorithms);
    slice from = S(""), to = S("");
    if (!await_is_known(c, key)) {
        from = content_path(c, ids_hex(c->arena, CONTENT_NAME_BYTES));
        if (copies)
            to = content_path(c, ids_hex(c->arena, CONTENT_NAME_BYTES));
        if (link(content_path(c, range->version->file).ptr, from.ptr) != 0)
            return -errno;
    }
    slice input = arena_printf(c->arena, "%.*s\n%.*s\n%lld %lld %u", SLICE_ARG(from), SLICE_ARG(to),
                               (long long)range->at, (long long)range->length, range->algorithms);
    return await_work(c, key, carry_out, input, output);
}

static bool is_small(const struct content_range *range)
{
    return !range->version->file.ptr || range->length <= LIMIT_BODY_INLINE_BYTES;
}

int content_copy_range(struct call *c, const struct content_range *range, struct content *to, slice *digests)
{
    slice output, path;
    *to = (struct content){.size = range->length};
    if (is_small(range)) {
        TRY(read_range(c, range, &to->bytes));
        *digests = hash_bytes_of(c->arena, range->algorithms, to->bytes);
        return 0;
    }
    TRY(order_work(c, range, true, &output));
    slice_cut(output, '\n', &path, digests);
    to->file = slice_sub(path, path.len - CONTENT_NAME_BYTES, path.len);
    return 0;
}

int content_hash(struct call *c, const struct content_range *range, slice *digests)
{
    slice output, none, bytes;
    if (is_small(range)) {
        TRY(read_range(c, range, &bytes));
        *digests = hash_bytes_of(c->arena, range->algorithms, bytes);
        return 0;
    }
    TRY(order_work(c, range, false, &output));
    slice_cut(output, '\n', &none, digests);
    return 0;
}
