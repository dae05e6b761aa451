/* Tests of body and spool: framings, gzip, limits, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "router/body.h"
#include "router/http1.h"

struct fixture {
    struct arena *arena;
    char folder[64];
    struct spool spool;
    struct body body;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_open();
    snprintf(f->folder, sizeof f->folder, "/tmp/awssim-body-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(spool_open(&f->spool, f->folder), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    body_end(&f->body);
    spool_close(&f->spool);
    fdio_remove_tree(f->folder);
    arena_close(f->arena);
    free(f);
    return 0;
}

/* Feeds the text in pieces of step bytes. Answers the verdict; *used how much was taken. */
static int feed(struct fixture *f, const struct http1_request *head, slice text, size_t step, size_t *used)
{
    body_end(&f->body);
    *used = 0;
    int r = body_begin(&f->body, &f->spool, head,
                       &(struct body_plan){.limit = LIMIT_BODY_BYTES, .announced = -1, .gunzip = true});
    while (r == BODY_MORE && *used < text.len) {
        size_t n;
        r = body_feed(&f->body, slice_sub(text, *used, *used + step), &n);
        *used += n;
    }
    return r;
}

static void check(struct fixture *f, const struct http1_request *head, slice text, int verdict, const char *content)
{
    static const size_t steps[] = {1, 2, 3, 7, 1000000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t used;
        int r = feed(f, head, text, steps[i], &used);
        if (r != verdict)
            fail_msg("'%.*s' in steps of %zu: %d, wanted %d (%s)", SLICE_ARG(text), steps[i], r, verdict, f->body.why);
        if (r == 0 && !slice_eq(buf_slice(&f->body.bytes), slice_of(content)))
            fail_msg("'%.*s': '%.*s'", SLICE_ARG(text), SLICE_ARG(buf_slice(&f->body.bytes)));
        if (r > BODY_MORE)
            assert_true(strlen(f->body.why) > 0);
    }
}

static void test_fixed(void **state)
{
    struct fixture *f = *state;
    size_t used;
    struct http1_request head = {.content_length = 5};
    check(f, &head, S("hello"), 0, "hello");
    check(f, &head, S("hell"), BODY_MORE, "");
    assert_int_equal(feed(f, &head, S("helloGET /"), 100, &used), 0);
    assert_int_equal(used, 5);
    head.content_length = 0;
    check(f, &head, S("x"), 0, "");
    head.content_length = LIMIT_BODY_BYTES + 1;
    check(f, &head, S(""), 413, "");
}

static void test_chunked(void **state)
{
    struct fixture *f = *state;
    size_t used;
    struct http1_request head = {.chunked = true};
    check(f, &head, S("5\r\nhello\r\n6;a=b;c=\"d\"\r\n world\r\n0\r\n\r\n"), 0, "hello world");
    check(f, &head, S("0\r\n\r\n"), 0, "");
    check(f, &head, S("A\r\n0123456789\r\n000\r\nTrailer: x\r\nY: z\r\n\r\n"), 0, "0123456789");
    check(f, &head, S("1 \r\na\r\n0\t\r\n\r\n"), 0, "a");
    check(f, &head, S("5\r\nhel"), BODY_MORE, "");
    check(f, &head, S("0\r\n"), BODY_MORE, "");
    assert_int_equal(feed(f, &head, S("1\r\na\r\n0\r\n\r\nPOST"), 100, &used), 0);
    assert_int_equal(used, 11);
}

static void test_bad_chunks(void **state)
{
    struct fixture *f = *state;
    struct http1_request head = {.chunked = true};
    check(f, &head, S("\r\n"), 400, "");
    check(f, &head, S("x\r\n"), 400, "");
    check(f, &head, S("-1\r\n"), 400, "");
    check(f, &head, S("5\nhello"), 400, "");
    check(f, &head, S("5;a\nhello"), 400, "");
    check(f, &head, S("5\rxhello"), 400, "");
    check(f, &head, S("5\r\nhelloxx"), 400, "");
    check(f, &head, S("5\r\nhello\rx"), 400, "");
    check(f, &head, S("0\r\n\rx"), 400, "");
    check(f, &head, S("0\r\na\n"), 400, "");
    check(f, &head, S("1000000000000000\r\n"), 413, "");
    check(f, &head, S("fffffffff\r\n"), 413, "");
    char *many = malloc(40000);
    assert_non_null(many);
    memset(many, 'x', 40000);
    memcpy(many, "1;", 2);
    check(f, &head, (slice){many, 40000}, 431, "");
    memcpy(many, "0\r\n", 3);
    check(f, &head, (slice){many, 40000}, 431, "");
    free(many);
}

static slice gzip(struct arena *arena, slice text)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.len);
    char *out = arena_alloc(arena, room);
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    slice result = {out, room - z.avail_out};
    deflateEnd(&z);
    return result;
}

static void test_gzip(void **state)
{
    struct fixture *f = *state;
    slice packed = gzip(f->arena, S("hello hello hello"));
    struct http1_request head = {.content_length = (int64_t)packed.len};
    head.known[HTTP1_CONTENT_ENCODING] = S("gzip");
    check(f, &head, packed, 0, "hello hello hello");
    slice twice = arena_concat(f->arena, packed, packed);
    head.content_length = (int64_t)twice.len;
    check(f, &head, twice, 0, "hello hello hellohello hello hello");
    slice cut = slice_sub(packed, 0, packed.len - 3);
    head.content_length = (int64_t)cut.len;
    check(f, &head, cut, 400, "");
    head.content_length = 30;
    check(f, &head, S("this is no gzip at all, really"), 400, "");
    slice garbage = arena_concat(f->arena, packed, S("garbage behind it"));
    head.content_length = (int64_t)garbage.len;
    check(f, &head, garbage, 400, "");
    head.content_length = 0;
    check(f, &head, S(""), 0, "");
    head.content_length = 5;
    head.known[HTTP1_CONTENT_ENCODING] = S("identity");
    check(f, &head, S("plain"), 0, "plain");
    head.known[HTTP1_CONTENT_ENCODING] = S("br");
    check(f, &head, S("plain"), 415, "");
    head.known[HTTP1_CONTENT_ENCODING] = S("gzip, gzip");
    check(f, &head, S("plain"), 415, "");
}

static void test_gzip_bomb(void **state)
{
    struct fixture *f = *state;
    size_t size = 8 * 1024 * 1024, used;
    char *zeros = calloc(1, size);
    assert_non_null(zeros);
    slice packed = gzip(f->arena, (slice){zeros, size});
    struct http1_request head = {.content_length = (int64_t)packed.len};
    head.known[HTTP1_CONTENT_ENCODING] = S("gzip");
    assert_int_equal(feed(f, &head, packed, 4096, &used), 413);
    free(zeros);
}

static void test_spool(void **state)
{
    struct fixture *f = *state;
    size_t size = LIMIT_BODY_INLINE_BYTES + 1, used;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 / 3);
    struct http1_request head = {.content_length = (int64_t)size};
    assert_int_equal(feed(f, &head, (slice){bytes, size}, 10000, &used), 0);
    assert_true(f->body.name[0] != 0);
    assert_int_equal(f->body.bytes.len, 0);
    slice path = arena_printf(f->arena, "%s/spool/%s", f->folder, f->body.name);
    slice content;
    assert_int_equal(fdio_read_file(f->arena, path.ptr, size, &content), 0);
    assert_true(slice_eq(content, (slice){bytes, size}));
    body_end(&f->body);
    assert_int_not_equal(access(path.ptr, F_OK), 0);

    head.content_length = LIMIT_BODY_INLINE_BYTES;
    assert_int_equal(feed(f, &head, (slice){bytes, size}, 10000, &used), 0);
    assert_int_equal(f->body.name[0], 0);
    assert_int_equal(f->body.bytes.len, LIMIT_BODY_INLINE_BYTES);
    free(bytes);
}

static void test_spool_fails(void **state)
{
    struct fixture *f = *state;
    size_t size = LIMIT_BODY_INLINE_BYTES + 1, used;
    char *bytes = calloc(1, size);
    assert_non_null(bytes);
    struct http1_request head = {.content_length = (int64_t)size};
    slice folder = arena_printf(f->arena, "%s/spool", f->folder);
    assert_int_equal(fdio_remove_tree(folder.ptr), 0);
    assert_int_equal(feed(f, &head, (slice){bytes, size}, 10000, &used), 503);
    free(bytes);
}

static void test_too_large_as_it_comes(void **state)
{
    struct fixture *f = *state;
    struct http1_request head = {.chunked = true};
    enum { CHUNK = 0x100000 };
    char *chunk = calloc(1, CHUNK + 12);
    assert_non_null(chunk);
    memcpy(chunk, "100000\r\n", 8);
    memcpy(chunk + 8 + CHUNK, "\r\n", 2);
    int r = body_begin(&f->body, &f->spool, &head, &BODY_PLAN_PLAIN);
    int chunks = 0;
    for (size_t used; r == BODY_MORE && chunks < 100; chunks++)
        r = body_feed(&f->body, (slice){chunk, CHUNK + 10}, &used);
    assert_int_equal(r, 413);
    assert_int_equal(chunks, LIMIT_BODY_BYTES / CHUNK + 1);
    free(chunk);
}

static void test_leftovers(void **state)
{
    struct fixture *f = *state;
    char name[SPOOL_NAME_BYTES];
    int fd = spool_create(&f->spool, name);
    assert_true(fd >= 0);
    close(fd);
    slice left = arena_printf(f->arena, "%s/spool/%s", f->folder, name);
    slice foreign = arena_printf(f->arena, "%s/spool/object-1", f->folder);
    assert_int_equal(fdio_replace_file(foreign.ptr, S("x"), 0600), 0);
    struct spool again;
    assert_int_equal(spool_open(&again, f->folder), 0);
    spool_close(&again);
    assert_int_not_equal(access(left.ptr, F_OK), 0);
    assert_int_equal(access(foreign.ptr, F_OK), 0);
}

static int feed_chunks(struct fixture *f, slice text, size_t step, int64_t announced)
{
    const struct http1_request head = {.content_length = (int64_t)text.len};
    struct body_plan plan = {.limit = LIMIT_BODY_BYTES,
                             .announced = announced,
                             .aws_chunked = true,
                             .algorithms = DIGEST_MD5 | DIGEST_CRC32};
    body_end(&f->body);
    int r = body_begin(&f->body, &f->spool, &head, &plan);
    for (size_t at = 0, used; r == BODY_MORE && at < text.len; at += used)
        r = body_feed(&f->body, slice_sub(text, at, at + step), &used);
    return r;
}

static void test_aws_chunked(void **state)
{
    struct fixture *f = *state;
    slice good = S("5;chunk-signature=abc\r\nhello\r\n0;chunk-signature=abc\r\nX-Amz-Checksum-Crc32: NhCmhg==\r\n\r\n");
    static const size_t steps[] = {1, 2, 7, 1000};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(feed_chunks(f, good, steps[i], 5), 0);
        assert_true(slice_eq(buf_slice(&f->body.bytes), S("hello")));
        assert_true(slice_eq(buf_slice(&f->body.chunks.trailers), S("x-amz-checksum-crc32: NhCmhg==\n")));
        assert_true(slice_eq((slice){f->body.digests, f->body.digests_len},
                             S("md5 5d41402abc4b2a76b9719d911017c592\ncrc32 3610a686\n")));
        assert_int_equal(feed_chunks(f, good, steps[i], 6), 400);
        assert_true(slice_eq(f->body.code, S("IncompleteBody")));
    }
    assert_int_equal(feed_chunks(f, S("5\r\nhello\r\n0\r\n"), 1, -1), 0);
    assert_int_equal(feed_chunks(f, S("5\r\nhello\r\n"), 3, -1), 400);
    assert_int_equal(feed_chunks(f, S("5\r\nhelloo\r\n0\r\n\r\n"), 3, -1), 400);
    assert_int_equal(feed_chunks(f, S("x\r\n0\r\n\r\n"), 3, -1), 400);
    assert_int_equal(feed_chunks(f, S("fffffffffffffffff\r\nx"), 3, -1), 400);
}

int main(void)
{
#define BODY_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        BODY_TEST(test_fixed),       BODY_TEST(test_chunked),   BODY_TEST(test_bad_chunks),
        BODY_TEST(test_gzip),        BODY_TEST(test_spool),     BODY_TEST(test_gzip_bomb),
        BODY_TEST(test_spool_fails), BODY_TEST(test_leftovers), BODY_TEST(test_too_large_as_it_comes),
        BODY_TEST(test_aws_chunked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
