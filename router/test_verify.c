/* Tests of canonical and verify: the examples of AWS's documentation and of its test suite for version 4, and what must
 * not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/time.h"
#include "proto/api.h"
#include "router/awschunk.h"
#include "router/conn.h"
#include "router/route.h"
#include "router/verify.h"

#define S3_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SUITE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_SCOPE "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
#define S3_HEAD "Host: examplebucket.s3.amazonaws.com\r\nx-amz-date: 20130524T000000Z\r\n"

struct fixture {
    struct arena *arena;
    struct http1_request head;
    struct conn_request request;
    struct sigv4_scope scope;
    struct route route;
    struct refuse_why why;
    slice secret;
    slice token;
    slice now;
};

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof *f);
    *f = (struct fixture){.arena = arena, .secret = S(S3_SECRET), .now = S("2013-05-24T00:00:00Z")};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    arena_close(((struct fixture *)*state)->arena);
    return 0;
}

/* The suite's own service is named "service"; its requests are judged as those of a service that is no S3. */
static const struct route_service suite_service = {.name = {"sts", 3}, .protocol = API_QUERY};

static int verify(struct fixture *f, slice head, slice body)
{
    const char *wrong;
    struct verify_claim claim = {.scope = &f->scope, .route = &f->route};
    struct verify_secret secret = {f->secret, f->token};
    int64_t now_ms;
    assert_int_equal(http1_parse(head, &f->head), 0);
    f->request.head = &f->head;
    f->request.body = body;
    assert_int_equal(sigv4_read(f->arena, &f->head, &f->scope, &wrong), 0);
    route_find(&f->head, &f->scope, body, &f->route);
    if (f->scope.kind == SIGV2_HEADER || f->scope.kind == SIGV2_QUERY)
        f->route.path = arena_printf(f->arena, "/johnsmith%.*s", SLICE_ARG(f->route.path));
    if (slice_eq(f->scope.service, S("service")))
        f->route.service = &suite_service;
    assert_true(time_parse(f->now, &now_ms));
    TRY(verify_read(f->arena, &f->request, now_ms, &claim, &f->why));
    return verify_check(f->arena, &f->request, &claim, &secret, &f->why);
}

static void good(struct fixture *f, const char *head)
{
    int result = verify(f, slice_of(head), (slice){0});
    if (result != 0)
        print_error("%.*s\n", SLICE_ARG(f->why.message));
    assert_int_equal(result, 0);
}

static void bad(struct fixture *f, const char *head, const char *code)
{
    assert_int_equal(verify(f, slice_of(head), (slice){0}), BAD_INPUT);
    if (!slice_eq(f->why.code, slice_of(code)))
        print_error("%.*s: %.*s\n", SLICE_ARG(f->why.code), SLICE_ARG(f->why.message));
    assert_true(slice_eq(f->why.code, slice_of(code)));
}

/* docs.aws.amazon.com, "Authenticating Requests: Using the Authorization Header" */
#define GET_OBJECT(range, signature)                                                                                   \
    "GET /test.txt HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE                                   \
    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=" signature "\r\nRange: " range                \
    "\r\nx-amz-content-sha256: " EMPTY "\r\n\r\n"
#define GET_OBJECT_SIGNATURE "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"

static void test_s3_header(void **state)
{
    struct fixture *f = *state;
    good(f, GET_OBJECT("bytes=0-9", GET_OBJECT_SIGNATURE));
    good(f, "GET /?lifecycle HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
            "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\r\n"
            "x-amz-content-sha256: " EMPTY "\r\n\r\n");
    good(f, "GET /?max-keys=2&prefix=J HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
            "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\r\n"
            "x-amz-content-sha256: " EMPTY "\r\n\r\n");
}

static void test_s3_body(void **state)
{
    static const char head[] =
        "PUT /test$file.text HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n"
        "Date: Fri, 24 May 2013 00:00:00 GMT\r\nAuthorization: AWS4-HMAC-SHA256 " S3_SCOPE
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\r\n"
        "x-amz-date: 20130524T000000Z\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n"
        "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\r\n\r\n";
    struct fixture *f = *state;
    assert_int_equal(verify(f, slice_of(head), S("Welcome to Amazon S3.")), 0);
    assert_int_equal(verify(f, slice_of(head), S("Welcome to Amazon S4.")), BAD_INPUT);
    assert_true(slice_eq(f->why.code, S("XAmzContentSHA256Mismatch")));
    assert_int_equal(f->why.status, 400);
}

static void test_s3_refused(void **state)
{
    struct fixture *f = *state;
    bad(f, GET_OBJECT("bytes=0-10", GET_OBJECT_SIGNATURE), "SignatureDoesNotMatch");
    assert_int_equal(f->why.status, 403);
    assert_true(slice_starts(pair_get(f->why.details, S("StringToSign")), S("AWS4-HMAC-SHA256\n20130524T000000Z\n")));
    assert_true(slice_starts(pair_get(f->why.details, S("CanonicalRequest")), S("GET\n/test.txt\n\nhost:")));
    assert_true(slice_starts(pair_get(f->why.details, S("CanonicalRequestBytes")), S("47 45 54 0a")));
    bad(f, GET_OBJECT("bytes=0-9", "f0e8"), "SignatureDoesNotMatch");
    f->secret = S("another");
    bad(f, GET_OBJECT("bytes=0-9", GET_OBJECT_SIGNATURE), "SignatureDoesNotMatch");
}

static void test_s3_time(void **state)
{
    struct fixture *f = *state;
    f->now = S("2013-05-24T00:14:59Z");
    good(f, GET_OBJECT("bytes=0-9", GET_OBJECT_SIGNATURE));
    f->now = S("2013-05-24T00:15:01Z");
    bad(f, GET_OBJECT("bytes=0-9", GET_OBJECT_SIGNATURE), "RequestTimeTooSkewed");
    f->now = S("2013-05-23T23:44:59Z");
    bad(f, GET_OBJECT("bytes=0-9", GET_OBJECT_SIGNATURE), "RequestTimeTooSkewed");
    assert_true(slice_eq(pair_get(f->why.details, S("MaxAllowedSkewMilliseconds")), S("900000")));
}

static void test_s3_incomplete(void **state)
{
    struct fixture *f = *state;
    bad(f,
        "GET /test.txt HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE "SignedHeaders=host\r\n\r\n",
        "AuthorizationHeaderMalformed");
    bad(f,
        "GET /test.txt HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE
        "SignedHeaders=host;x-amz-date,Signature=00\r\n\r\n",
        "InvalidRequest");
    bad(f,
        "GET /test.txt HTTP/1.1\r\n" S3_HEAD "Authorization: AWS4-HMAC-SHA256 " S3_SCOPE
        "SignedHeaders=host,Signature=00\r\n\r\n",
        "AccessDenied");
    assert_true(slice_eq(pair_get(f->why.details, S("HeadersNotSigned")), S("x-amz-date")));
}

#define PRESIGNED(key, signature)                                                                                      \
    "GET /" key "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%" \
    "2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-"                   \
    "Signature=" signature " HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n\r\n"
#define PRESIGNED_SIGNATURE "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

static void test_s3_presigned(void **state)
{
    struct fixture *f = *state;
    f->now = S("2013-05-24T20:00:00Z");
    good(f, PRESIGNED("test.txt", PRESIGNED_SIGNATURE));
    bad(f, PRESIGNED("test2.txt", PRESIGNED_SIGNATURE), "SignatureDoesNotMatch");
    bad(f,
        "GET /a?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request HTTP/1.1\r\nHost: "
        "h\r\n\r\n",
        "AuthorizationQueryParametersError");
    f->now = S("2013-05-23T23:00:00Z");
    bad(f, PRESIGNED("test.txt", PRESIGNED_SIGNATURE), "AccessDenied");
}

/* docs.aws.amazon.com, "Transferring Payload in Multiple Chunks" */
static void feed(struct awschunk *chunks, slice bytes)
{
    while (bytes.len > 0) {
        size_t used;
        slice content, piece = slice_sub(bytes, 0, 1000);
        assert_int_equal(awschunk_feed(chunks, piece, &used, &content), 0);
        bytes = slice_sub(bytes, used, bytes.len);
    }
}

static void take_chunks(struct fixture *f, const char *second)
{
    enum { FIRST = 65536, SECOND = 1024 };
    struct awschunk *chunks = arena_alloc(f->arena, sizeof *chunks);
    struct buf body;
    buf_init(&body, f->arena);
    char *letters = arena_alloc(f->arena, FIRST);
    memset(letters, 'a', FIRST);
    buf_printf(&body,
               "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n%.*s\r\n"
               "400;chunk-signature=%s\r\n%.*s\r\n"
               "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
               FIRST, letters, second, SECOND, letters);
    chunks->keep_marks = true;
    feed(chunks, buf_slice(&body));
    assert_true(awschunk_complete(chunks));
    f->request.n_chunks = chunks->marks.len / sizeof(struct awschunk_mark);
    f->request.chunks = arena_copy(f->arena, chunks->marks.ptr, chunks->marks.len);
    assert_int_equal(f->request.n_chunks, 3);
    awschunk_deinit(chunks);
}

#define SECOND_SIGNATURE "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"

static void test_s3_chunks(void **state)
{
    static const char head[] =
        "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\nHost: s3.amazonaws.com\r\nx-amz-date: 20130524T000000Z\r\n"
        "x-amz-storage-class:REDUCED_REDUNDANCY\r\nAuthorization:AWS4-HMAC-SHA256 " S3_SCOPE
        "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-"
        "length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\r\n"
        "x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nContent-Encoding:aws-chunked\r\n"
        "x-amz-decoded-content-length:66560\r\nContent-Length:66824\r\n\r\n";
    struct fixture *f = *state;
    take_chunks(f, SECOND_SIGNATURE);
    good(f, head);
    take_chunks(f, EMPTY);
    bad(f, head, "SignatureDoesNotMatch");
    f->request.n_chunks = 0;
    bad(f, head, "SignatureDoesNotMatch");
}

/* docs.aws.amazon.com, "Signing and authenticating REST requests" */
static void test_v2(void **state)
{
    struct fixture *f = *state;
    f->now = S("2007-03-27T19:36:42Z");
    good(f, "GET /photos/puppy.jpg HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
            "Date: Tue, 27 Mar 2007 19:36:42 +0000\r\n"
            "Authorization: AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=\r\n\r\n");
    bad(f,
        "GET /photos/kitten.jpg HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n"
        "Date: Tue, 27 Mar 2007 19:36:42 +0000\r\n"
        "Authorization: AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=\r\n\r\n",
        "SignatureDoesNotMatch");
    good(f, "GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&"
            "Expires=1175139620 HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n\r\n");
}

/* The published test suite of version 4. */
#define SUITE(target, headers, names, signature)                                                                       \
    "GET " target " HTTP/1.1\r\nHost:example.amazonaws.com\r\n" headers                                                \
    "X-Amz-Date:20150830T123600Z\r\nAuthorization: AWS4-HMAC-SHA256 "                                                  \
    "Credential=AKIDEXAMPLE/20150830/us-east-1/service/"                                                               \
    "aws4_request, SignedHeaders=host;" names "x-amz-date, Signature=" signature "\r\n\r\n"
#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

static void test_suite(void **state)
{
    struct fixture *f = *state;
    f->secret = S(SUITE_SECRET);
    f->now = S("2015-08-30T12:36:00Z");
    good(f, SUITE("/", "", "", VANILLA));
    good(f, SUITE("/./", "", "", VANILLA));
    good(f, SUITE("//", "", "", VANILLA));
    good(f, SUITE("/example/..", "", "", VANILLA));
    good(f, SUITE("/example1/example2/../..", "", "", VANILLA));
    good(f, SUITE("/?Param2=value2&Param1=value1", "", "",
                  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
    good(f, SUITE("//example//", "", "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"));
    good(f, SUITE("/\xe1\x88\xb4", "", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"));
    good(f, SUITE("/", "My-Header1: value1 \r\nMy-Header2: \"a   b   c\" \r\n", "my-header1;my-header2;",
                  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
}

/* docs.aws.amazon.com, "Signing AWS requests": ListUsers */
static void test_query(void **state)
{
#define LIST_USERS(version)                                                                                            \
    "GET /?Action=ListUsers&Version=" version " HTTP/1.1\r\nHost: iam.amazonaws.com\r\n"                               \
    "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nX-Amz-Date: 20150830T123600Z\r\n"               \
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "                     \
    "SignedHeaders=content-type;host;x-amz-date, "                                                                     \
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\r\n\r\n"
    struct fixture *f = *state;
    f->secret = S(SUITE_SECRET);
    f->now = S("2015-08-30T12:36:00Z");
    good(f, LIST_USERS("2010-05-08"));
    bad(f, LIST_USERS("2010-05-09"), "SignatureDoesNotMatch");
    assert_true(slice_find(f->why.message, S("The Canonical String for this request should have been\n'GET\n/\n")) > 0);
    f->now = S("2015-08-30T12:42:00Z");
    bad(f, LIST_USERS("2010-05-08"), "SignatureDoesNotMatch");
    assert_true(slice_eq(f->why.message, S("Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z "
                                           "(20150830T124200Z - 5 min.)")));
    f->now = S("2015-08-30T12:36:00Z");
    f->token = S("the session's");
    bad(f, LIST_USERS("2010-05-08"), "InvalidClientTokenId");
}

static void test_words(void **state)
{
    static const struct {
        const char *service;
        enum verify_problem problem;
        int status;
        const char *code;
    } cases[] = {
        {"ecs", VERIFY_MISSING, 400, "MissingAuthenticationTokenException"},
        {"ecs", VERIFY_UNKNOWN, 400, "UnrecognizedClientException"},
        {"ecs", VERIFY_MISMATCH, 400, "InvalidSignatureException"},
        {"lambda", VERIFY_MISMATCH, 403, "InvalidSignatureException"},
        {"lambda", VERIFY_EXPIRED, 403, "ExpiredTokenException"},
        {"iam", VERIFY_UNKNOWN, 403, "InvalidClientTokenId"},
        {"iam", VERIFY_INCOMPLETE, 400, "IncompleteSignature"},
        {"ec2", VERIFY_UNKNOWN, 401, "AuthFailure"},
        {"ec2", VERIFY_TIME, 400, "RequestExpired"},
        {"s3", VERIFY_UNKNOWN, 403, "InvalidAccessKeyId"},
        {"s3", VERIFY_EXPIRED, 400, "ExpiredToken"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct refuse_why why;
        verify_refuse(route_named(slice_of(cases[i].service)), cases[i].problem, (slice){0}, &why);
        assert_int_equal(why.status, cases[i].status);
        assert_true(slice_eq(why.code, slice_of(cases[i].code)));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_s3_header),     CASE(test_s3_body),      CASE(test_s3_refused), CASE(test_s3_time),
        CASE(test_s3_incomplete), CASE(test_s3_presigned), CASE(test_s3_chunks),  CASE(test_v2),
        CASE(test_suite),         CASE(test_query),        CASE(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
