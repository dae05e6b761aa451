/* Tests of http1: what is accepted, what is refused and with which status, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/buf.h"
#include "router/http1.h"

static struct http1_request request;

static int parse(const char *text)
{
    return http1_parse(slice_of(text), &request);
}

static void assert_slice(slice got, const char *wanted)
{
    if (!slice_eq(got, slice_of(wanted)))
        fail_msg("got '%.*s', wanted '%s'", SLICE_ARG(got), wanted);
}

static void test_simple(void **state)
{
    (void)state;
    const char *text = "POST /a/b%2Fc?x=1&y HTTP/1.1\r\nHost: h:4566\r\nContent-Length: 5\r\n"
                       "X-Amz-Target:\t Pre.Op \t\r\nEmpty:\r\n\r\nhello";
    assert_int_equal(parse(text), 0);
    assert_slice(request.method, "POST");
    assert_slice(request.path, "/a/b%2Fc");
    assert_slice(request.query, "x=1&y");
    assert_slice(request.host, "h:4566");
    assert_slice(request.known[HTTP1_TARGET], "Pre.Op");
    assert_int_equal(request.n_headers, 4);
    assert_slice(request.headers[3].key, "Empty");
    assert_slice(request.headers[3].value, "");
    assert_non_null(request.headers[3].value.ptr);
    assert_int_equal(request.content_length, 5);
    assert_int_equal(request.head_len, strlen(text) - 5);
    assert_true(request.keep_alive);
    assert_false(request.chunked || request.expect_continue || request.http10);
    assert_null(request.known[HTTP1_AUTHORIZATION].ptr);
}

static void test_forms_of_target(void **state)
{
    (void)state;
    assert_int_equal(parse("GET http://bkt.localhost:1/k?q HTTP/1.1\r\nHost: other\r\n\r\n"), 0);
    assert_slice(request.host, "bkt.localhost:1");
    assert_slice(request.path, "/k");
    assert_slice(request.query, "q");
    assert_int_equal(parse("GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(request.path, "/");
    assert_null(request.query.ptr);
    assert_int_equal(parse("GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(request.path, "/");
    assert_slice(request.query, "x");
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(request.path, "*");
    assert_int_equal(parse("GET /? HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_non_null(request.query.ptr);
    assert_int_equal(request.query.len, 0);
    assert_int_equal(parse("GET //a/../b HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(request.path, "//a/../b");
    assert_int_equal(parse("GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
}

static void test_versions_and_connection(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_true(request.http10);
    assert_false(request.keep_alive);
    assert_null(request.host.ptr);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n"), 0);
    assert_true(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 0);
    assert_false(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nconnection: y ,CLOSE\r\n\r\n"), 0);
    assert_false(request.keep_alive);
    assert_int_equal(parse("HEAD / HTTP/1.9\r\nHost: h\r\n\r\n"), 0);
    assert_true(request.keep_alive);
    assert_int_equal(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_int_equal(request.head_len, 31);
}

static void test_framing(void **state)
{
    (void)state;
    assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n"),
                     0);
    assert_true(request.chunked);
    assert_true(request.expect_continue);
    assert_int_equal(parse("PUT / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"), 0);
    assert_false(request.expect_continue);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nEXPECT: 100-CONTINUE\r\nexpect: , 100-continue ,\r\n\r\n"), 0);
    assert_true(request.expect_continue);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nExpect:\r\n\r\n"), 0);
    assert_false(request.expect_continue);
    assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 000123\r\n\r\n"), 0);
    assert_int_equal(request.content_length, 123);
}

static const struct {
    const char *text;
    int status;
} bad[] = {
    {" / HTTP/1.1\r\n\r\n", 400},
    {"G\x01T / HTTP/1.1\r\n\r\n", 400},
    {"\x16\x03\x01", 400},
    {"GET  / HTTP/1.1\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
    {"GET / a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n\rX", 400},
    {"GET / HTTP/1.1\r\nHost: h\rX\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nH\x80st: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: 12345678\x7f"
     "12345678\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, tea\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nExpect: tea\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue;q=1\r\n\r\n", 417},
    {"GET / HTTP/1.0\r\nExpect: tea\r\n\r\n", 417},
    {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"get / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"GET / HTTP/0.9\r\n\r\n", 505},
    {"GET / HTTP/3.0\r\n\r\n", 505},
    {"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400},
    {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/x.1\r\nHost: h\r\n\r\n", 400},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int r = parse(bad[i].text);
        if (r != bad[i].status)
            fail_msg("'%s': %d, wanted %d", bad[i].text, r, bad[i].status);
        assert_true(strlen(request.why) > 0);
    }
}

/* Each prefix is incomplete until the verdict on the whole text, and then stays that verdict. The copy is exactly as
 * long as the prefix, so that the sanitizer sees reads behind it. */
static void feed_bytewise(const char *text, int verdict)
{
    int r = HTTP1_MORE;
    for (size_t n = 0; n <= strlen(text); n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, text, n);
        r = http1_parse((slice){copy, n}, &request);
        free(copy);
        if (r != HTTP1_MORE)
            break;
    }
    if (r != verdict)
        fail_msg("'%s': %d bytewise, wanted %d", text, r, verdict);
}

static void test_bytewise(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        feed_bytewise(bad[i].text, bad[i].status);
    feed_bytewise("\r\nPOST http://h/?x HTTP/1.1\r\nHost: a\r\nA:  b c \r\nContent-Length: 3\r\n\r\n", 0);
    feed_bytewise("GET / HTTP/1.0\r\n\r\n", 0);
    feed_bytewise("GET / HTTP/1.1\r\nHost: h\r\n", HTTP1_MORE);
}

static void add_many(struct buf *buf, char c, size_t n)
{
    memset(buf_reserve(buf, n), c, n);
    buf->len += n;
}

static void test_limits(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_add(&buf, S("GET /"));
    add_many(&buf, 'a', LIMIT_HTTP_URI_BYTES - 1);
    assert_int_equal(http1_parse(buf_slice(&buf), &request), HTTP1_MORE);
    size_t fits = buf.len;
    buf_add(&buf, S(" HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 0);
    buf.len = fits;
    buf_add(&buf, S("a"));
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 414);

    buf_clear(&buf);
    buf_add(&buf, S("GET / HTTP/1.1\r\nHost: h\r\n"));
    for (int i = 1; i < LIMIT_HTTP_HEADERS; i++)
        buf_add(&buf, S("A: b\r\n"));
    fits = buf.len;
    buf_add(&buf, S("\r\n"));
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 0);
    assert_int_equal(request.n_headers, LIMIT_HTTP_HEADERS);
    buf.len = fits;
    buf_add(&buf, S("A: b\r\n\r\n"));
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 431);

    buf_clear(&buf);
    buf_add(&buf, S("GET / HTTP/1.1\r\nHost: h\r\nA: "));
    add_many(&buf, 'a', LIMIT_HTTP_HEAD_BYTES - buf.len - 4);
    buf_add(&buf, S("\r\n\r\n"));
    assert_int_equal(buf.len, LIMIT_HTTP_HEAD_BYTES);
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 0);
    buf.len -= 4;
    buf_add(&buf, S("a\r\n\r\n"));
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 431);

    buf_clear(&buf);
    add_many(&buf, 'A', 40);
    assert_int_equal(http1_parse(buf_slice(&buf), &request), 501);
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),  cmocka_unit_test(test_forms_of_target),
        cmocka_unit_test(test_framing), cmocka_unit_test(test_versions_and_connection),
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_bytewise),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
