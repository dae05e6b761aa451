/* Tests of presigned: what of a URL's query is a header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "router/presigned.h"
#include "router/sigv4.h"

static const struct {
    const char *query;
    const char *sent; /* header lines of the request itself */
    const char *added;
} cases[] = {
    {"x-amz-meta-who=me", "", "x-amz-meta-who: me\n"},
    {"X-Amz-Meta-Who=Me+and%20you%2B", "", "x-amz-meta-who: Me and you+\n"},
    {"x-amz-acl=private&x-amz-tagging=a%3Db%26c%3Dd", "", "x-amz-acl: private\nx-amz-tagging: a=b&c=d\n"},
    {"x-amz-meta-a=", "", "x-amz-meta-a: \n"},
    {"x-amz-meta-%61=b", "", "x-amz-meta-a: b\n"},
    {"If-None-Match=%2A&Range=bytes%3D0-1", "", "if-none-match: *\nrange: bytes=0-1\n"},
    {"Cache-Control=no-store&Content-Disposition=inline&Content-Language=de", "",
     "cache-control: no-store\ncontent-disposition: inline\ncontent-language: de\n"},
    /* What the request sends as a header counts, and the first of two. */
    {"x-amz-acl=public-read&x-amz-meta-a=b", "x-amz-acl: private\n", "x-amz-meta-a: b\n"},
    {"x-amz-acl=private&x-amz-acl=public-read", "", "x-amz-acl: private\n"},
    /* The signature itself, the bytes on the wire, and checksums of what the SDK had at hand. */
    {"X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=c&X-Amz-Expires=d&X-Amz-SignedHeaders=e&X-Amz-Signature=f", "",
     ""},
    {"X-Amz-Security-Token=a&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-amz-decoded-content-length=5&x-amz-trailer=x", "",
     ""},
    {"x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-checksum-type=a&x-amz-sdk-checksum-algorithm=CRC32", "", ""},
    /* No headers, or none that a client may name. */
    {"uploadId=1&partNumber=2&x-id=PutObject&Host=evil&Origin=http%3A%2F%2Fevil&Content-Length=1&Authorization=x", "",
     ""},
    {"x-amz-meta-a=b%0D%0Ax-amz-acl%3A%20public-read&x-amz-meta-c%3A%20d=e&x-amz-meta-f=%00&x-amz-meta-g=%zz", "", ""},
    {"x-amz-meta-a", "", ""},
};

static slice added(struct arena *arena, uint8_t kind, const char *query, const char *sent, slice *content_type)
{
    struct buf lines;
    struct sigv4_scope scope = {.present = kind != SIGV4_NONE, .kind = kind};
    buf_init(&lines, arena);
    buf_add(&lines, slice_of(sent));
    presigned_add_headers(arena, &scope, slice_of(query), &lines, content_type);
    return slice_sub(buf_slice(&lines), slice_of(sent).len, lines.len);
}

static void test_headers(void **state)
{
    struct arena *arena = arena_open();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slice type = {0};
        slice got = added(arena, SIGV4_QUERY, cases[i].query, cases[i].sent, &type);
        if (!slice_eq(got, slice_of(cases[i].added)))
            fail_msg("%s: '%.*s'", cases[i].query, SLICE_ARG(got));
        assert_null(type.ptr);
    }
    arena_close(arena);
}

static void test_kinds(void **state)
{
    struct arena *arena = arena_open();
    slice type = {0};
    (void)state;
    assert_true(slice_eq(added(arena, SIGV2_QUERY, "x-amz-meta-a=b&Expires=1", "", &type), S("x-amz-meta-a: b\n")));
    assert_true(slice_eq(added(arena, SIGV4_QUERY, "Expires=1", "", &type), S("expires: 1\n")));
    /* Only who signs the query may say so. */
    assert_int_equal(added(arena, SIGV4_HEADER, "x-amz-meta-a=b&Content-Type=c", "", &type).len, 0);
    assert_int_equal(added(arena, SIGV4_NONE, "x-amz-meta-a=b&Content-Type=c", "", &type).len, 0);
    assert_null(type.ptr);
    added(arena, SIGV4_QUERY, "Content-Type=image%2Fpng", "", &type);
    assert_true(slice_eq(type, S("image/png")));
    added(arena, SIGV4_QUERY, "Content-Type=text%2Fplain", "", &type);
    assert_true(slice_eq(type, S("image/png")));
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
