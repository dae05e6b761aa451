/* body: framing and content of request bodies. When bytes arrive and whom they are for is conn.c's business. */
#include "router/body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "common/err.h"
#include "common/fdio.h"
#include "common/hashpool.h"
#include "router/http1.h"

enum {
    BODY_OVERHEAD_BYTES = 16 * 1024,   /* of chunk extensions and trailers in one body */
    BODY_RATIO_FREE_BYTES = 64 * 1024, /* so small a content is no bomb, whatever its ratio */
    BODY_INFLATE_BYTES = 16 * 1024,
    BODY_HASH_STEP_BYTES = 2 * 1024 * 1024, /* of a file before the pool is told */
};

struct body_inflate {
    z_stream stream;
    bool ended; /* behind a complete gzip member */
};

static int refuse(struct body *body, int status, const char *why)
{
    body->why = why;
    return status;
}

static int refuse_disk(struct body *body, int error)
{
    bool full = error == -ENOSPC || error == -EDQUOT;
    return refuse(body, 503, full ? "The disk that holds awssim's state is full." : "The body cannot be spooled.");
}

static int refuse_size(struct body *body)
{
    body->code = body->plan.too_large;
    return body->code.ptr ? refuse(body, 400, "Your proposed upload exceeds the maximum allowed size")
                          : refuse(body, 413, "The request's body is too large.");
}

static int refuse_incomplete(struct body *body)
{
    body->code = S("IncompleteBody");
    return refuse(body, 400, "You did not provide the number of bytes specified by the Content-Length HTTP header");
}

/* The pool hears of what the file has. */
static void hash_on(struct body *body, bool final)
{
    if (!body->plan.algorithms || (!final && body->length - body->hashed < BODY_HASH_STEP_BYTES))
        return;
    if (!body->job)
        body->job = hashpool_begin(body->pool, body->fd, body->plan.algorithms, body->owner);
    body->hashed = body->length;
    hashpool_extend(body->job, body->length, final);
}

static int to_spool(struct body *body, slice bytes)
{
    if (body->fd < 0) {
        int fd = spool_create(body->spool, body->name);
        if (fd < 0) {
            body->name[0] = 0;
            return refuse_disk(body, fd);
        }
        body->fd = fd;
        int r = fdio_write_all(body->fd, buf_slice(&body->bytes));
        buf_deinit(&body->bytes);
        body->bytes = (struct buf){0};
        if (r != 0)
            return refuse_disk(body, r);
    }
    int r = fdio_write_all(body->fd, bytes);
    if (r != 0)
        return refuse_disk(body, r);
    hash_on(body, false);
    return 0;
}

static int keep(struct body *body, slice bytes)
{
    if (body->length + bytes.len > body->plan.limit)
        return refuse_size(body);
    body->length += bytes.len;
    if (body->length > LIMIT_BODY_INLINE_BYTES)
        return to_spool(body, bytes);
    buf_add(&body->bytes, bytes);
    return 0;
}

static int begin_inflate(struct body *body)
{
    body->inflate = calloc(1, sizeof *body->inflate);
    if (!body->inflate)
        abort();
    enum { GZIP_WINDOW = 15 + 16 };
    if (inflateInit2(&body->inflate->stream, GZIP_WINDOW) != Z_OK)
        abort();
    return 0;
}

/* One step of zlib; *end: no more comes out of what went in. */
static int inflate_step(struct body *body, bool *end)
{
    z_stream *stream = &body->inflate->stream;
    static unsigned char out[BODY_INFLATE_BYTES];
    stream->next_out = out;
    stream->avail_out = sizeof out;
    int z = inflate(stream, Z_NO_FLUSH);
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
        return refuse(body, 400, "The request's body is not valid gzip.");
    size_t n = sizeof out - stream->avail_out;
    body->inflate->ended = z == Z_STREAM_END;
    *end = z == Z_BUF_ERROR || (stream->avail_in == 0 && (stream->avail_out > 0 || z == Z_STREAM_END));
    int r = keep(body, (slice){(const char *)out, n});
    if (r == 0 && body->length > BODY_RATIO_FREE_BYTES && body->length / LIMIT_GZIP_RATIO > body->received)
        return refuse(body, 413, "The request's body expands too much.");
    return r;
}

static int add_gzip(struct body *body, slice bytes)
{
    z_stream *stream = &body->inflate->stream;
    stream->next_in = (z_const Bytef *)(uintptr_t)bytes.ptr;
    stream->avail_in = (uInt)bytes.len;
    bool end = bytes.len == 0;
    while (!end) {
        /* A gzip file may be several members one behind the other. */
        if (body->inflate->ended && inflateReset(stream) != Z_OK)
            return refuse(body, 400, "The request's body is not valid gzip.");
        int r = inflate_step(body, &end);
        if (r != 0)
            return r;
    }
    return 0;
}

static int add_unchunked(struct body *body, slice bytes)
{
    return body->inflate ? add_gzip(body, bytes) : keep(body, bytes);
}

static int add_chunks(struct body *body, slice bytes)
{
    while (bytes.len > 0) {
        size_t used;
        slice content;
        if (awschunk_feed(&body->chunks, bytes, &used, &content) != 0)
            return refuse_incomplete(body);
        int r = add_unchunked(body, content);
        if (r != 0)
            return r;
        bytes = slice_sub(bytes, used, bytes.len);
    }
    return 0;
}

/* What a body may have on the wire: chunks of a few bytes each have more framing than content. */
static uint64_t wire_limit(const struct body_plan *plan)
{
    enum { FRAMING_BYTES = 1024 * 1024 };
    return plan->aws_chunked ? plan->limit + plan->limit / 4 + FRAMING_BYTES : plan->limit;
}

static int add_content(struct body *body, slice bytes)
{
    body->received += bytes.len;
    if (body->received > wire_limit(&body->plan))
        return refuse_size(body);
    if (body->plan.hash_wire)
        digest_add(&body->wire, bytes.ptr, bytes.len);
    return body->plan.aws_chunked ? add_chunks(body, bytes) : add_unchunked(body, bytes);
}

static void hash_inline(struct body *body)
{
    struct digest digest;
    digest_begin(&digest, body->plan.algorithms);
    digest_add(&digest, buf_slice(&body->bytes).ptr, body->bytes.len);
    body->digests_len = digest_end(&digest, body->digests, 0);
}

static int finish(struct body *body)
{
    body->stage = BODY_DONE;
    if (body->plan.aws_chunked && !awschunk_complete(&body->chunks))
        return refuse_incomplete(body);
    if (body->plan.aws_chunked && body->plan.announced >= 0 && (uint64_t)body->plan.announced != body->length)
        return refuse_incomplete(body);
    if (body->inflate && body->received > 0 && !body->inflate->ended)
        return refuse(body, 400, "The request's gzip body ends too early.");
    if (body->plan.hash_wire)
        body->digests_len = digest_end(&body->wire, body->digests, 0);
    if (body->fd < 0) {
        if (!body->plan.hash_wire)
            hash_inline(body);
        return 0;
    }
    hash_on(body, true);
    int fd = body->fd;
    body->fd = -1;
    if (close(fd) != 0)
        return refuse_disk(body, -errno);
    body->hashing = body->job != NULL;
    return body->hashing ? BODY_HASHING : 0;
}

int body_hashed(struct body *body)
{
    int error;
    slice text = hashpool_text(body->job, &error);
    body->hashing = false;
    if (error == 0) {
        body->digests_len = text.len;
        memcpy(body->digests, text.ptr, text.len);
    }
    hashpool_drop(body->job);
    body->job = NULL;
    return error == 0 ? 0 : refuse_disk(body, error);
}

/* How much the head wants undone: 0 nothing, 1 gzip, -1 something else. */
static int gzip_wanted(slice encoding)
{
    slice word, rest = encoding;
    int wanted = 0;
    while (rest.ptr) {
        slice_cut(rest, ',', &word, &rest);
        word = slice_trim(word);
        if (word.len == 0 || slice_eq_nocase(word, S("identity")))
            continue;
        bool gzip = slice_eq_nocase(word, S("gzip")) || slice_eq_nocase(word, S("x-gzip"));
        if (!gzip || wanted != 0)
            return -1;
        wanted = 1;
    }
    return wanted;
}

void body_set_pool(struct body *body, struct hashpool *pool, void *owner)
{
    body->pool = pool;
    body->owner = owner;
}

int body_begin(struct body *body, struct spool *spool, const struct http1_request *head, const struct body_plan *plan)
{
    *body = (struct body){.spool = spool, .plan = *plan, .fd = -1, .why = ""};
    if (plan->forbidden)
        return refuse(body, 403, "");
    if ((uint64_t)head->content_length > wire_limit(plan) || plan->announced > (int64_t)plan->limit)
        return refuse_size(body);
    body->chunks.keep_marks = plan->mark_chunks;
    if (plan->hash_wire)
        digest_begin(&body->wire, DIGEST_SHA256);
    int gzip = plan->gunzip ? gzip_wanted(head->known[HTTP1_CONTENT_ENCODING]) : 0;
    if (gzip < 0)
        return refuse(body, 415, "The only Content-Encoding of requests known here is gzip.");
    if (gzip > 0)
        begin_inflate(body);
    body->stage = head->chunked ? BODY_CHUNK_SIZE : BODY_FIXED;
    body->left = (uint64_t)head->content_length;
    if (head->chunked || body->left > 0)
        return BODY_MORE;
    return finish(body);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int chunk_size(struct body *body, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        body->left = body->left << 4 | (unsigned)digit;
        if (++body->size_digits > 15)
            return refuse(body, 413, "A chunk is larger than anything could be.");
        return BODY_MORE;
    }
    if (body->size_digits == 0)
        return refuse(body, 400, "A chunk does not begin with its size.");
    if (c == '\r')
        body->stage = BODY_CHUNK_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        body->stage = BODY_CHUNK_EXTENSION;
    else
        return refuse(body, 400, "A chunk's size is not hexadecimal.");
    return BODY_MORE;
}

/* Text up to CR, counted. */
static int skip_line(struct body *body, char c, enum body_stage next)
{
    if (++body->overhead > BODY_OVERHEAD_BYTES)
        return refuse(body, 431, "Chunk extensions or trailers are too long.");
    if (c == '\r')
        body->stage = (uint8_t)next;
    else if (c == '\n' || c == 0)
        return refuse(body, 400, "A line of the chunked body does not end with CRLF.");
    return BODY_MORE;
}

static int expect_byte(struct body *body, char c, char wanted, enum body_stage next)
{
    if (c != wanted)
        return refuse(body, 400, "The body's chunked framing is broken.");
    body->stage = (uint8_t)next;
    return BODY_MORE;
}

static int size_line_done(struct body *body, char c)
{
    if (c != '\n')
        return refuse(body, 400, "The body's chunked framing is broken.");
    if (body->left > LIMIT_BODY_BYTES)
        return refuse(body, 413, "The request's body is too large.");
    body->stage = body->left == 0 ? BODY_TRAILER_START : BODY_CHUNK_DATA;
    body->size_digits = 0;
    return BODY_MORE;
}

/* One byte of the framing around the chunks' data. */
static int framing_byte(struct body *body, char c)
{
    switch (body->stage) {
    case BODY_CHUNK_SIZE:
        return chunk_size(body, c);
    case BODY_CHUNK_EXTENSION:
        return skip_line(body, c, BODY_CHUNK_SIZE_LF);
    case BODY_CHUNK_SIZE_LF:
        return size_line_done(body, c);
    case BODY_CHUNK_DATA_CR:
        return expect_byte(body, c, '\r', BODY_CHUNK_DATA_LF);
    case BODY_CHUNK_DATA_LF:
        return expect_byte(body, c, '\n', BODY_CHUNK_SIZE);
    case BODY_TRAILER_START:
        body->stage = BODY_TRAILER;
        return c == '\r' ? expect_byte(body, c, '\r', BODY_END_LF) : skip_line(body, c, BODY_TRAILER_LF);
    case BODY_TRAILER:
        return skip_line(body, c, BODY_TRAILER_LF);
    case BODY_TRAILER_LF:
        return expect_byte(body, c, '\n', BODY_TRAILER_START);
    default: /* BODY_END_LF */
        return c == '\n' ? finish(body) : expect_byte(body, c, '\n', BODY_END_LF);
    }
}

/* Content bytes at the front of bytes: of the whole body or of one chunk. */
static int content_bytes(struct body *body, slice bytes, size_t *used)
{
    size_t n = bytes.len < body->left ? bytes.len : (size_t)body->left;
    *used += n;
    body->left -= n;
    int r = add_content(body, slice_sub(bytes, 0, n));
    if (r != 0)
        return r;
    if (body->left > 0)
        return BODY_MORE;
    if (body->stage == BODY_FIXED)
        return finish(body);
    body->stage = BODY_CHUNK_DATA_CR;
    return BODY_MORE;
}

int body_feed(struct body *body, slice bytes, size_t *used)
{
    *used = 0;
    int r = BODY_MORE;
    while (r == BODY_MORE && *used < bytes.len) {
        if (body->stage == BODY_FIXED || body->stage == BODY_CHUNK_DATA)
            r = content_bytes(body, slice_sub(bytes, *used, bytes.len), used);
        else
            r = framing_byte(body, bytes.ptr[(*used)++]);
    }
    return r;
}

void body_end(struct body *body)
{
    buf_deinit(&body->bytes);
    bool large = body->pool && body->length > LIMIT_BODY_INLINE_BYTES;
    if (body->name[0] && large)
        spool_discard(body->spool, body->pool, body->name);
    else if (body->name[0])
        spool_remove(body->spool, body->name);
    if (body->fd >= 0 && large)
        hashpool_dispose(body->pool, body->fd);
    else
        fdio_cleanup(&body->fd);
    body->fd = -1;
    awschunk_deinit(&body->chunks);
    if (body->job)
        hashpool_drop(body->job);
    body->job = NULL;
    if (body->inflate) {
        inflateEnd(&body->inflate->stream);
        free(body->inflate);
    }
    body->inflate = NULL;
    body->name[0] = 0;
}
