/* Tests of the whole router as a process, over real sockets: connections, bodies, answers, refusals. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "router/rig.h"

static void test_envelope(void **state)
{
    struct rig *f = *state;
    struct rig_answer a = rig_ask(
        f, S("POST /?a=b HTTP/1.1\r\nHost: sim:1\r\nAuthorization: AWS4-HMAC-SHA256 "
             "Credential=111122223333/20260101/eu-west-3/"
             "logs/aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Target: Logs_20140328.DescribeLogGroups\r\n"
             "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: D\r\nAccept-Encoding: gzip\r\nContent-Length: "
             "2\r\n\r\n{}"));
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body,
                   "peer=logs\nservice=logs\noperation=DescribeLogGroups\naccount=111122223333\nregion=eu-west-3\n"
                   "access_key=111122223333\nmethod=POST\npath=/\nquery=a=b\nhost=sim:1\n"
                   "content_type=application/x-amz-json-1.1\nreadonly=1\nspooled=-1\nheaders=x-amz-target: "
                   "Logs_20140328.DescribeLogGroups\nx-amz-date: D\nlength=2\nbody={}");
    assert_int_equal(rig_header(a.head, S("x-amzn-requestid")).len, 36);
    assert_int_equal(rig_header(a.head, S("date")).len, 29);
    rig_assert_has(a.head, "x-peer: yes\r\n");
    rig_assert_has(a.head, "Content-Type: text/plain\r\n");
    a = rig_ask(f, S("GET /?Action=AssumeRole&Version=2011-06-15 HTTP/1.0\r\n\r\n"));
    rig_assert_has(
        a.body, "peer=sts\nservice=sts\noperation=AssumeRole\naccount=123456789012\nregion=us-east-1\naccess_key=\n");
    rig_assert_has(a.body, "readonly=0");
    rig_assert_has(a.head, "Connection: close\r\n");
}

static void test_keep_alive(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    slice id = {0};
    for (int i = 0; i < 5; i++) {
        struct rig_answer a = rig_call(f, &c, "Constant", S("{}"));
        assert_int_equal(a.status, 200);
        assert_false(slice_eq(id, rig_header(a.head, S("x-amzn-requestid"))));
        id = rig_header(a.head, S("x-amzn-requestid"));
    }
    rig_say(&c, "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    rig_assert_has(rig_hear(f, &c).head, "Connection: keep-alive\r\n");
    rig_say(&c, "HEAD /_localstack/health HTTP/1.1\r\nHost: h\r\n\r\n");
    struct rig_answer a = rig_hear_one(f, &c, true);
    assert_int_equal(a.status, 200);
    assert_false(slice_eq(rig_header(a.head, S("content-length")), S("0")));
    rig_say(&c, "\r\nGET /_localstack/info HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    a = rig_hear(f, &c);
    rig_assert_has(a.head, "Connection: close\r\n");
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

static void test_bytewise(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    const char *request = RIG_CALL("Echo", "5", "hello");
    for (const char *at = request; *at; at++)
        rig_say_bytes(&c, (slice){at, 1});
    rig_assert_has(rig_hear(f, &c).body, "length=5\nbody=hello");
    rig_hang_up(&c);
}

/* The first is answered last, yet the answers come in order. */
static void test_pipelining_order(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_say(&c, RIG_CALL("Hold", "0", "")
                    RIG_CALL("Status", "3", "404") "GET /_awssim/nothing HTTP/1.1\r\nHost: h\r\n\r\n" RIG_CALL(
                        "Release", "0", "") RIG_CALL("Echo", "3", "end"));
    rig_assert_has(rig_hear(f, &c).body, "released");
    assert_int_equal(rig_hear(f, &c).status, 404);
    rig_assert_has(rig_hear(f, &c).body, "GET /health");
    rig_assert_has(rig_hear(f, &c).body, "releasing");
    rig_assert_has(rig_hear(f, &c).body, "body=end");
    rig_hang_up(&c);
}

/* More requests than may be in flight, held back and released from another connection. */
static void test_pipelining_pause(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f), other = rig_dial(f);
    enum { COUNT = LIMIT_HTTP_PIPELINE + 30 };
    struct buf all = {0};
    buf_add(&all, S(RIG_CALL("Hold", "0", "")));
    for (int i = 0; i < COUNT; i++)
        buf_add(&all, S(RIG_CALL("Constant", "0", "")));
    rig_say_bytes(&c, buf_slice(&all));
    /* Only when the worker holds the first one is there something to release. */
    struct rig_answer a = rig_call(f, &other, "Release", S(""));
    while (c.in.len == 0) {
        ssize_t n = recv(c.fd, buf_reserve(&c.in, 1), 1, MSG_DONTWAIT);
        if (n == 1)
            c.in.len = 1;
        else
            a = rig_call(f, &other, "Release", S(""));
    }
    assert_int_equal(a.status, 200);
    rig_assert_has(rig_hear(f, &c).body, "released");
    for (int i = 0; i < COUNT; i++)
        rig_assert_has(rig_hear(f, &c).body, "constant");
    buf_deinit(&all);
    rig_hang_up(&other);
    rig_hang_up(&c);
}

static void test_half_close(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_say(&c, RIG_CALL("Echo", "1", "a") RIG_CALL("Echo", "1", "b"));
    shutdown(c.fd, SHUT_WR);
    rig_assert_has(rig_hear(f, &c).body, "body=a");
    rig_assert_has(rig_hear(f, &c).body, "body=b");
    rig_assert_closed(&c);
    rig_hang_up(&c);
    c = rig_dial(f);
    rig_say(&c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    shutdown(c.fd, SHUT_WR);
    rig_assert_has(rig_hear(f, &c).body, "You did not provide the number of bytes");
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

static void test_client_gone(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f), other = rig_dial(f);
    struct linger reset = {.l_onoff = 1};
    rig_say(&c, RIG_CALL("Hold", "0", "") RIG_CALL("Constant", "0", ""));
    assert_int_equal(rig_call(f, &other, "Constant", S("")).status, 200);
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    rig_hang_up(&c);
    rig_assert_has(rig_call(f, &other, "Cancelled", S("")).body, "cancelled");
    rig_hang_up(&other);
}

static void test_expect_continue(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_say(&c, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nExpect: 100-continue\r\n"
                "Content-Length: 5\r\n\r\n");
    struct rig_answer a = rig_hear(f, &c);
    assert_int_equal(a.status, 100);
    rig_say(&c, "hello");
    a = rig_hear(f, &c);
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body, "body=hello");
    rig_say(&c, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nExpect: 100-continue\r\n"
                "Content-Length: 99999999999\r\n\r\n");
    assert_int_equal(rig_hear(f, &c).status, 413);
    rig_assert_closed(&c);
    rig_hang_up(&c);
    assert_int_equal(rig_ask(f, S("POST / HTTP/1.1\r\nHost: h\r\nExpect: coffee\r\n\r\n")).status, 417);
}

#define EXPECTING(target, version, expect)                                                                             \
    target " " version "\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\n" expect
#define AWAITS "Expect: 100-continue\r\n"

/* Every shape of a request that waits for a 100 gets one, before its answer, and the connection goes on. */
static void test_expect_shapes(void **state)
{
    static const struct {
        const char *request;
        bool waits;
        bool closes;
    } shapes[] = {
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Length: 0\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "\r\n"), true, false},
        {EXPECTING("PUT /", "HTTP/1.1", "EXPECT: 100-Continue\r\nContent-Length: 0\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS AWAITS "Content-Length: 0\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", "Expect: 100-continue, 100-continue\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Length: 2\r\n\r\n{}"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Encoding: gzip\r\n\r\n"), true, false},
        {EXPECTING("GET /health", "HTTP/1.1", AWAITS "\r\n"), true, false},
        {EXPECTING("POST /", "HTTP/1.1", "Expect:\r\nContent-Length: 0\r\n\r\n"), false, false},
        {EXPECTING("POST /", "HTTP/1.0", AWAITS "Content-Length: 0\r\n\r\n"), false, true},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Connection: close\r\nContent-Length: 0\r\n\r\n"), true, true},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Expect: tea\r\nContent-Length: 0\r\n\r\n"), false, true},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Length: 99999999999\r\n\r\n"), false, true},
        {EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Encoding: br\r\nContent-Length: 1\r\n\r\n"), false, true},
    };
    struct rig *f = *state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct rig_client c = rig_dial(f);
        rig_say(&c, shapes[i].request);
        struct rig_answer a = rig_hear(f, &c);
        if (shapes[i].waits) {
            assert_int_equal(a.status, 100);
            a = rig_hear(f, &c);
        }
        assert_true(a.status >= 200);
        /* A client that gets a final answer instead of the 100 it waits for must not use the connection again. */
        assert_int_equal(slice_eq(rig_header(a.head, S("Connection")), S("close")), shapes[i].closes);
        if (shapes[i].closes)
            rig_assert_closed(&c);
        else
            assert_int_equal(rig_call(f, &c, "Constant", S("")).status, 200);
        rig_hang_up(&c);
    }
}

static void test_expect_pipelined(void **state)
{
    static const int expected[] = {200, 100, 200, 100, 200};
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_say(&c, RIG_CALL("Constant", "0", "") EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Length: 0\r\n\r\n")
                    EXPECTING("POST /", "HTTP/1.1", AWAITS "Content-Length: 2\r\n\r\n"));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(rig_hear(f, &c).status, expected[i]);
        if (i == 3)
            rig_say(&c, "{}");
    }
    rig_hang_up(&c);
}

static void test_chunked(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_say(&c, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n" RIG_CALL("Echo", "4", "next"));
    rig_assert_has(rig_hear(f, &c).body, "length=6\nbody=hello!");
    rig_assert_has(rig_hear(f, &c).body, "body=next");
    rig_say(
        &c,
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    struct rig_answer a = rig_hear(f, &c);
    assert_int_equal(a.status, 400);
    rig_assert_has(a.body, "\"__type\"");
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

static slice gzip(struct rig *f, slice content)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, content.len);
    char *out = arena_alloc(f->arena, room);
    z.next_in = (Bytef *)(uintptr_t)content.ptr;
    z.avail_in = (uInt)content.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (slice){out, room - z.avail_out};
}

static slice gzip_call(struct rig *f, slice content)
{
    slice packed = gzip(f, content);
    slice head = arena_printf(f->arena,
                              "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\n"
                              "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                              packed.len);
    return arena_concat(f->arena, head, packed);
}

static void test_gzip(void **state)
{
    struct rig *f = *state;
    struct rig_answer a = rig_ask(f, gzip_call(f, S("hello hello")));
    rig_assert_has(a.body, "headers=x-amz-target: Logs_20140328.Echo\nlength=11\nbody=hello hello");
    slice zeros = {arena_alloc(f->arena, 8 * 1024 * 1024), 8 * 1024 * 1024};
    assert_int_equal(rig_ask(f, gzip_call(f, zeros)).status, 413);
    a = rig_ask(f, S("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nContent-Encoding: gzip\r\n"
                     "Content-Length: 5\r\n\r\nplain"));
    assert_int_equal(a.status, 400);
    a = rig_ask(f, S("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nContent-Encoding: br\r\n"
                     "Content-Length: 5\r\n\r\nplain"));
    assert_int_equal(a.status, 415);
}

static size_t spool_count(struct rig *f)
{
    slice listing;
    slice list_file = slice_of(rig_text(f, "%s/list", f->dir));
    assert_int_equal(system(rig_text(f, "ls %s/spool > %s", f->state_dir.ptr, list_file.ptr)), 0);
    assert_int_equal(fdio_read_file(f->arena, list_file.ptr, 100000, &listing), 0);
    size_t lines = 0;
    for (size_t i = 0; i < listing.len; i++)
        lines += listing.ptr[i] == '\n';
    return lines;
}

static void test_large_bodies(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    struct rig_answer a = rig_call(f, &c, "Echo", rig_bytes(f, LIMIT_BODY_INLINE_BYTES));
    rig_assert_has(a.body, "spooled=-1\n");
    rig_assert_has(a.body, "length=262144\n");
    a = rig_call(f, &c, "Echo", rig_bytes(f, LIMIT_BODY_BYTES));
    rig_assert_has(a.body, "spooled=16777216\n");
    rig_assert_has(a.body, "length=0\n");
    assert_int_equal(spool_count(f), 0);
    rig_hang_up(&c);
}

/* The client sends everything before it reads; it must find the answer, not a reset. */
static void test_oversize(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    slice body = rig_bytes(f, 1024 * 1024);
    rig_say(&c, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Echo\r\nContent-Length: 20971520\r\n\r\n");
    for (int i = 0; i < 20; i++)
        rig_say_bytes(&c, body);
    struct rig_answer a = rig_hear(f, &c);
    assert_int_equal(a.status, 413);
    rig_assert_has(a.body, "RequestEntityTooLargeException");
    rig_assert_has(a.head, "Connection: close\r\n");
    rig_assert_closed(&c);
    rig_hang_up(&c);
}

static void test_spool_gone(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    assert_int_equal(fdio_remove_tree(rig_text(f, "%s/spool", f->state_dir.ptr)), 0);
    struct rig_answer a = rig_call(f, &c, "Echo", rig_bytes(f, LIMIT_BODY_INLINE_BYTES + 1));
    assert_int_equal(a.status, 503);
    rig_hang_up(&c);
    c = rig_dial(f);
    assert_int_equal(rig_call(f, &c, "Constant", S("")).status, 200);
    rig_hang_up(&c);
}

static void test_file_answers(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    slice content = rig_bytes(f, 3 * 1024 * 1024 + 17);
    char *path = rig_text(f, "%s/object", f->state_dir.ptr),
         *spooled = rig_text(f, "%s/spool/reply-1", f->state_dir.ptr);
    assert_int_equal(fdio_replace_file(path, content, 0600), 0);
    assert_int_equal(fdio_replace_file(spooled, content, 0600), 0);
    struct rig_answer a = rig_call(f, &c, "File", S("../object 0 -1"));
    assert_true(slice_eq(a.body, content));
    a = rig_call(f, &c, "File", S("../object 1000 70000"));
    assert_true(slice_eq(a.body, slice_sub(content, 1000, 71000)));
    a = rig_call(f, &c, "File", S("reply-1 5 -1"));
    assert_true(slice_eq(a.body, slice_sub(content, 5, content.len)));
    assert_int_not_equal(access(spooled, F_OK), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(rig_call(f, &c, "File", S("reply-1 0 -1")).status, 500);
    assert_int_equal(rig_call(f, &c, "File", slice_of(rig_text(f, "%s 0 -1", path))).status, 500);
    assert_int_equal(rig_call(f, &c, "File", S("../spool/../../object 0 -1")).status, 500);
    assert_int_equal(rig_call(f, &c, "File", S("../object 5 99999999")).status, 500);
    a = rig_call(f, &c, "File", slice_of(rig_text(f, "../object %zu -1", content.len)));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, 0);
    /* Pipelined behind a file. */
    slice ask = S("../object 0 -1");
    slice both =
        slice_of(rig_text(f, RIG_CALL("File", "%zu", "%.*s") RIG_CALL("Echo", "1", "z"), ask.len, SLICE_ARG(ask)));
    rig_say_bytes(&c, both);
    assert_true(slice_eq(rig_hear(f, &c).body, content));
    rig_assert_has(rig_hear(f, &c).body, "body=z");
    rig_hang_up(&c);
}

/* Whether nobody holds the lease of that number. */
static bool is_free(const char *path, off_t number)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
    close(fd);
    return lock.l_type == F_UNLCK;
}

/* Parts of several files are one answer; while they are sent, their lease is held. */
static void test_segments(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    slice content = rig_bytes(f, 3 * 1024 * 1024 + 17);
    char *one = rig_text(f, "%s/one", f->state_dir.ptr), *two = rig_text(f, "%s/two", f->state_dir.ptr),
         *lease = rig_text(f, "%s/lease", f->state_dir.ptr);
    assert_int_equal(fdio_replace_file(one, content, 0600), 0);
    assert_int_equal(fdio_replace_file(two, S("0123456789"), 0600), 0);
    assert_int_equal(fdio_replace_file(lease, S(""), 0600), 0);
    struct rig_answer a = rig_call(f, &c, "Segments", S("77 ../lease\n3 2 ../two\n5 3000000 ../one\n0 10 ../two\n"));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, 3000012);
    assert_true(slice_starts(a.body, S("34")) && slice_ends(a.body, S("0123456789")));
    assert_true(slice_eq(slice_sub(a.body, 2, 3000002), slice_sub(content, 5, 3000005)));
    assert_int_equal(rig_call(f, &c, "Constant", S("")).status, 200);
    assert_true(is_free(lease, 77));
    static const char *const broken[] = {
        "77 ../lease\n3 2 ../two\n5 nonsense\n", "77 ../lease\n3 2 ../../two\n", "77 ../lease\n9 2 ../two\n",
        "77 ../lease\n3 2 ../two\n5 0 ../one\n", "7 ../none\n3 2 ../two\n",      "x\n3 2 ../two\n",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_int_equal(rig_call(f, &c, "Segments", slice_of(broken[i])).status, 500);
    /* One that is missing only later ends the connection: the client must not take what it has for all. */
    slice ask = S("77 ../lease\n0 3000000 ../one\n0 1 ../none\n");
    rig_say_bytes(&c, slice_of(rig_text(f, RIG_CALL("Segments", "%zu", "%.*s"), ask.len, SLICE_ARG(ask))));
    while (rig_hear_more(&c))
        ;
    assert_in_range(c.in.len, 3000000, 3000000 + 1000);
    assert_true(slice_find(buf_slice(&c.in), S("ontent-Length: 3000001")) > 0);
    rig_hang_up(&c);
    /* Held for as long as the client takes. */
    c = rig_dial(f);
    slice slow = S("");
    for (int i = 0; i < 12; i++)
        slow = slice_of(rig_text(f, "%.*s0 3000000 ../one\n", SLICE_ARG(slow)));
    slow = slice_of(rig_text(f, "78 ../lease\n%.*s", SLICE_ARG(slow)));
    rig_say_bytes(&c, slice_of(rig_text(f, RIG_CALL("Segments", "%zu", "%.*s"), slow.len, SLICE_ARG(slow))));
    assert_true(rig_hear_more(&c));
    assert_false(is_free(lease, 78));
    a = rig_hear(f, &c);
    assert_int_equal(a.body.len, 36000000);
    assert_int_equal(rig_call(f, &c, "Constant", S("")).status, 200);
    assert_true(is_free(lease, 78));
    rig_hang_up(&c);
}

static void test_bad_requests(void **state)
{
    struct rig *f = *state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\n\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: br\r\n\r\n", 501},
        {"\x16\x03\x01\x02", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 nonsense\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Nobody.Op\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: DynamoDB_20120810.Op\r\n\r\n", 501},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig_answer a = rig_ask(f, slice_of(cases[i].request));
        if (a.status != cases[i].status)
            fail_msg("'%s': %d, wanted %d", cases[i].request, a.status, cases[i].status);
        rig_assert_has(a.body, "message");
    }
    struct rig_answer a = rig_ask(f, S("GET /bucket/key HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body, "service=s3\n");
    assert_int_equal(rig_header(a.head, S("x-amz-request-id")).len, 36);
}

static void test_long_requests(void **state)
{
    struct rig *f = *state;
    slice filler = rig_bytes(f, 70000);
    struct rig_client c = rig_dial(f);
    rig_say_bytes(&c, arena_concat(f->arena, S("GET /"), slice_sub(filler, 0, LIMIT_HTTP_URI_BYTES + 10)));
    assert_int_equal(rig_hear(f, &c).status, 414);
    rig_assert_closed(&c);
    rig_hang_up(&c);
    c = rig_dial(f);
    rig_say(&c, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    rig_say_bytes(&c, filler);
    assert_int_equal(rig_hear(f, &c).status, 431);
    rig_assert_closed(&c);
    rig_hang_up(&c);
    c = rig_dial(f);
    rig_say(&c, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < LIMIT_HTTP_HEADERS; i++)
        rig_say(&c, "A: b\r\n");
    rig_say(&c, "\r\n");
    assert_int_equal(rig_hear(f, &c).status, 431);
    rig_hang_up(&c);
}

static void test_cors(void **state)
{
    struct rig *f = *state;
    struct rig_answer a =
        rig_ask(f, S("OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n"
                     "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-amz-target\r\n\r\n"));
    assert_int_equal(a.status, 204);
    rig_assert_has(a.head, "Access-Control-Allow-Origin: *\r\n");
    rig_assert_has(a.head, "Access-Control-Allow-Headers: x-amz-target\r\n");
    a = rig_ask(f, S("GET /_localstack/health HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n\r\n"));
    rig_assert_has(a.head, "Access-Control-Allow-Origin: *\r\n");
    a = rig_ask(f, S("GET /_localstack/health HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(slice_find(a.head, S("Access-Control")) < 0);
}

int main(int argc, char *argv[])
{
    int code = rig_main(argc, argv);
    if (code >= 0)
        return code;
#define RUNNING(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)
    const struct CMUnitTest tests[] = {
        RUNNING(test_envelope),         RUNNING(test_keep_alive),
        RUNNING(test_bytewise),         RUNNING(test_pipelining_order),
        RUNNING(test_pipelining_pause), RUNNING(test_half_close),
        RUNNING(test_client_gone),      RUNNING(test_expect_continue),
        RUNNING(test_chunked),          RUNNING(test_gzip),
        RUNNING(test_large_bodies),     RUNNING(test_oversize),
        RUNNING(test_spool_gone),       RUNNING(test_file_answers),
        RUNNING(test_segments),         RUNNING(test_bad_requests),
        RUNNING(test_long_requests),    RUNNING(test_cors),
        RUNNING(test_expect_shapes),    RUNNING(test_expect_pipelined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
