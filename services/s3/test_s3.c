/* Tests of the s3 service: wire bytes in, wire bytes out. Contents are small ones; those in files
 * are test_content's. */
#include "services/s3/test_s3.h"

static void test_buckets(void **state)
{
    ok("HEAD", "/bkt", NOTHING, NOTHING);
    ok("PUT", "/bkt", NOTHING, NOTHING);
    refused(400, "InvalidBucketName", "PUT", "/Bad", NOTHING, NOTHING);
    refused(400, "InvalidBucketName", "PUT", "/192.168.1.1", NOTHING, NOTHING);
    refused(404, "NoSuchBucket", "HEAD", "/none", NOTHING, NOTHING);
    refused(400, "MalformedXML", "PUT", "/other", NOTHING, "<broken");
    ok("PUT", "/other", NOTHING,
       "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>");
    ok("GET", "/other?location", NOTHING, NOTHING);
    has(">eu-west-1</LocationConstraint>");
    ok("GET", "/", NOTHING, NOTHING);
    has("<Name>bkt</Name>");
    refused(400, "InvalidArgument", "GET", "/?continuation-token=rubbish", NOTHING, NOTHING);
    ok("PUT", "/bkt/k", NOTHING, "x");
    refused(409, "BucketNotEmpty", "DELETE", "/bkt", NOTHING, NOTHING);
    ok("DELETE", "/other", NOTHING, NOTHING);
    refused(404, "NoSuchBucket", "DELETE", "/other", NOTHING, NOTHING);
    refused(403, "AccessDenied", "HEAD", "/bkt", "x-amz-expected-bucket-owner: 999999999999\n", NOTHING);
}

static void test_objects(void **state)
{
    ok("PUT", "/bkt/a/b%20c", "x-amz-meta-one: 1\ncache-control: no-cache\n", "hello");
    assert_true(slice_eq(header("ETag"), S("\"5d41402abc4b2a76b9719d911017c592\"")));
    ok("GET", "/bkt/a/b%20c", NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("hello")));
    assert_true(slice_eq(header("x-amz-meta-one"), S("1")) && slice_eq(header("Cache-Control"), S("no-cache")));
    ask("GET", "/bkt/a/b%20c", "range: bytes=1-3\n", NOTHING);
    assert_int_equal(reply.status, 206);
    assert_true(slice_eq(reply.body, S("ell")) && slice_eq(header("Content-Range"), S("bytes 1-3/5")));
    refused(416, "InvalidRange", "GET", "/bkt/a/b%20c", "range: bytes=5-\n", NOTHING);
    ok("GET", "/bkt/a/b%20c", "range: bytes=3-1\n", NOTHING);
    ok("HEAD", "/bkt/a/b%20c", NOTHING, NOTHING);
    assert_int_equal(reply.file_length, 5);
    assert_int_equal(reply.body.len, 0);
    ask("GET", "/bkt/a/b%20c", "if-none-match: \"5d41402abc4b2a76b9719d911017c592\"\n", NOTHING);
    assert_int_equal(reply.status, 304);
    assert_int_equal(reply.body.len, 0);
    refused(412, "PreconditionFailed", "GET", "/bkt/a/b%20c", "if-match: \"x\"\n", NOTHING);
    refused(412, "PreconditionFailed", "PUT", "/bkt/a/b%20c", "if-none-match: *\n", "y");
    refused(404, "NoSuchKey", "GET", "/bkt/none", NOTHING, NOTHING);
    has("<Key>none</Key>");
    refused(400, "BadDigest", "PUT", "/bkt/k", "content-md5: MDAwMDAwMDAwMDAwMDAwMA==\n", "x");
    refused(400, "InvalidDigest", "PUT", "/bkt/k", "content-md5: AA==\n", "x");
    refused(400, "InvalidStorageClass", "PUT", "/bkt/k", "x-amz-storage-class: NONE\n", "x");
    ok("GET", "/bkt/a/b%20c?attributes", "x-amz-object-attributes: ETag,ObjectSize\n", NOTHING);
    has("<ObjectSize>5</ObjectSize>");
    ok("GET", "/bkt/a/b%20c?attributes", "x-amz-object-attributes: ETag\nx-amz-object-attributes: ObjectSize\n",
       NOTHING);
    has("<ObjectSize>5</ObjectSize>");
    ok("DELETE", "/bkt/a/b%20c", NOTHING, NOTHING);
    ok("DELETE", "/bkt/a/b%20c", NOTHING, NOTHING);
    refused(404, "NoSuchKey", "GET", "/bkt/a/b%20c", NOTHING, NOTHING);
    refused(400, "InvalidURI", "PUT", "/bkt/a%00b", NOTHING, "x");
    refused(400, "InvalidURI", "PUT", "/bkt/%ff", NOTHING, "x");
    refused(400, "InvalidURI", "GET", "/bkt/%zz", NOTHING, NOTHING);
    refused(400, "InvalidArgument", "GET", "/bkt?max-keys=many", NOTHING, NOTHING);
    slice big = {arena_alloc(arena, 2100), 2100};
    memset((char *)(uintptr_t)big.ptr, 'x', big.len);
    refused(400, "MetadataTooLarge", "PUT", "/bkt/k", target("x-amz-meta-a: %.*s\n", big), "x");
    refused(400, "KeyTooLongError", "PUT", target("/bkt/%.*s", big), NOTHING, "x");
}

static void test_checksums(void **state)
{
    ok("PUT", "/bkt/k", "x-amz-checksum-crc32c: 4waSgw==\n", "123456789");
    ok("PUT", "/bkt/k", "x-amz-checksum-crc64nvme: rosUhgp5mIg=\n", "123456789");
    ok("PUT", "/bkt/k", "x-amz-checksum-md5: JfnnlDI7RTiF9RgfG2JNCw==\n", "123456789");
    ok("PUT", "/bkt/k", "x-amz-checksum-xxhash64: jLhB20DmroM=\n", "123456789");
    ok("PUT", "/bkt/k", "x-amz-checksum-xxhash128: MxGUd+3l3NXpcWQnaB1YYA==\n", "123456789");
    refused(400, "BadDigest", "PUT", "/bkt/k", "x-amz-checksum-xxhash3: AAAAAAAAAAA=\n", "123456789");
    ok("PUT", "/bkt/k", "x-amz-sdk-checksum-algorithm: SHA512\n", "123456789");
    assert_int_equal(header("x-amz-checksum-sha512").len, 88);
    ok("PUT", "/bkt/k", "x-amz-checksum-crc32: y/Q5Jg==\n", "123456789");
    ok("GET", "/bkt/k", "x-amz-checksum-mode: ENABLED\n", NOTHING);
    assert_true(slice_eq(header("x-amz-checksum-crc32"), S("y/Q5Jg==")));
    ok("GET", "/bkt/k", NOTHING, NOTHING);
    assert_null(header("x-amz-checksum-crc32").ptr);
    refused(400, "BadDigest", "PUT", "/bkt/k", "x-amz-checksum-crc32: AAAAAA==\n", "123456789");
    refused(400, "InvalidRequest", "PUT", "/bkt/k", "x-amz-checksum-crc32: AAA\n", "123456789");
    refused(400, "InvalidRequest", "PUT", "/bkt/k", "x-amz-checksum-crc32: y/Q5Jg==\nx-amz-checksum-crc32c: 4waSgw==\n",
            "123456789");
    refused(400, "InvalidRequest", "PUT", "/bkt/k", "x-amz-sdk-checksum-algorithm: CRC16\n", "x");
}

static slice version_of_put(const char *body)
{
    ok("PUT", "/bkt/k", NOTHING, body);
    return header("x-amz-version-id");
}

static void test_versions(void **state)
{
    ok("PUT", "/bkt/k", NOTHING, "null");
    ok("GET", "/bkt?versioning", NOTHING, NOTHING);
    lacks("<Status>");
    ok("PUT", "/bkt?versioning", NOTHING,
       "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    refused(400, "MalformedXML", "PUT", "/bkt?versioning", NOTHING,
            "<VersioningConfiguration><Status>Other</Status></VersioningConfiguration>");
    slice one = version_of_put("1"), two = version_of_put("2");
    ok("GET", target("/bkt/k?versionId=%.*s", one), NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("1")));
    ok("DELETE", "/bkt/k", NOTHING, NOTHING);
    slice marker = header("x-amz-version-id");
    assert_true(slice_eq(header("x-amz-delete-marker"), S("true")));
    refused(404, "NoSuchKey", "GET", "/bkt/k", NOTHING, NOTHING);
    assert_true(slice_eq(header("x-amz-delete-marker"), S("true")));
    refused(405, "MethodNotAllowed", "GET", target("/bkt/k?versionId=%.*s", marker), NOTHING, NOTHING);
    ok("GET", "/bkt?versions", NOTHING, NOTHING);
    has("<DeleteMarker>");
    ok("GET", "/bkt?list-type=2", NOTHING, NOTHING);
    lacks("<Contents>");
    ok("DELETE", target("/bkt/k?versionId=%.*s", marker), NOTHING, NOTHING);
    ok("DELETE", target("/bkt/k?versionId=%.*s", two), NOTHING, NOTHING);
    ok("GET", "/bkt/k", NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("1")));
    ok("DELETE", target("/bkt/k?versionId=%.*s", one), NOTHING, NOTHING);
    ok("GET", "/bkt/k?versionId=null", NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("null")));
    refused(404, "NoSuchVersion", "GET", "/bkt/k?versionId=unknown", NOTHING, NOTHING);
    refused(400, "InvalidArgument", "GET", "/bkt?versions&version-id-marker=x", NOTHING, NOTHING);
}

static void test_lists(void **state)
{
    const char *keys[] = {"/bkt/a/1", "/bkt/a/2", "/bkt/b/1", "/bkt/c", "/bkt/d%3C"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        ok("PUT", keys[i], NOTHING, "x");
    ok("GET", "/bkt?list-type=2&delimiter=/", NOTHING, NOTHING);
    has("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>");
    has("<KeyCount>4</KeyCount>");
    ok("GET", "/bkt?list-type=2&delimiter=/&max-keys=1", NOTHING, NOTHING);
    has("<IsTruncated>true</IsTruncated>");
    lacks("b/");
    ok("GET", "/bkt?list-type=2&start-after=b/1&encoding-type=url", NOTHING, NOTHING);
    has("<Key>c</Key>");
    has("<Key>d%3C</Key>");
    lacks("<Key>b");
    ok("GET", "/bkt?marker=c", NOTHING, NOTHING);
    has("<Key>d&lt;</Key>");
    refused(400, "InvalidArgument", "GET", "/bkt?list-type=2&encoding-type=x", NOTHING, NOTHING);
    refused(400, "InvalidArgument", "GET", "/bkt?list-type=2&continuation-token=x", NOTHING, NOTHING);
    refused(404, "NoSuchBucket", "GET", "/none?list-type=2", NOTHING, NOTHING);
    ok("POST", "/bkt/?delete=", NOTHING,
       "<Delete><Object><Key>a/1</Key></Object><Object><Key>none</Key></Object></Delete>");
    has("<Deleted><Key>none</Key></Deleted>");
    refused(400, "MalformedXML", "POST", "/bkt?delete", NOTHING, "<Delete></Delete>");
}

static slice part_tag(slice upload, int number, const char *body)
{
    ok("PUT", arena_printf(arena, "/bkt/m?partNumber=%d&uploadId=%.*s", number, SLICE_ARG(upload)).ptr, NOTHING, body);
    return header("ETag");
}

static void test_multipart(void **state)
{
    slice upload = create_upload("/bkt/m?uploads");
    slice one = part_tag(upload, 1, "one"), two = part_tag(upload, 2, "two");
    const char *parts = target("/bkt/m?uploadId=%.*s", upload);
    ok("GET", parts, NOTHING, NOTHING);
    has("<PartNumber>2</PartNumber>");
    ok("GET", "/bkt?uploads", NOTHING, NOTHING);
    has("<Key>m</Key>");
    refused(400, "InvalidArgument", "PUT", target("/bkt/m?partNumber=0&uploadId=%.*s", upload), NOTHING, "x");
    refused(404, "NoSuchUpload", "PUT", "/bkt/m?partNumber=1&uploadId=none", NOTHING, "x");
    const char *both =
        arena_printf(arena,
                     "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%.*s</ETag></Part>"
                     "<Part><PartNumber>2</PartNumber><ETag>%.*s</ETag></Part></CompleteMultipartUpload>",
                     SLICE_ARG(one), SLICE_ARG(two))
            .ptr;
    refused(400, "EntityTooSmall", "POST", parts, NOTHING, both);
    const char *last = target("<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>%.*s</ETag></Part>"
                              "</CompleteMultipartUpload>",
                              two);
    ok("POST", parts, NOTHING, last);
    has("-1&quot;</ETag>");
    ok("GET", "/bkt/m", NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("two")));
    refused(404, "NoSuchUpload", "DELETE", parts, NOTHING, NOTHING);
}

static void test_copies(void **state)
{
    ok("PUT", "/bkt/from", "x-amz-meta-a: 1\nx-amz-tagging: t=1\n", "copied");
    ok("PUT", "/bkt/to", "x-amz-copy-source: /bkt/from\n", NOTHING);
    ok("GET", "/bkt/to", NOTHING, NOTHING);
    assert_true(slice_eq(reply.body, S("copied")) && slice_eq(header("x-amz-meta-a"), S("1")));
    refused(400, "InvalidRequest", "PUT", "/bkt/to", "x-amz-copy-source: bkt/to\n", NOTHING);
    refused(404, "NoSuchKey", "PUT", "/bkt/to", "x-amz-copy-source: bkt/none\n", NOTHING);
    ok("PUT", "/bkt/encoded", "x-amz-copy-source: bkt%2Ffrom\nx-amz-checksum-algorithm: CRC32\n", NOTHING);
    has("<ChecksumType>FULL_OBJECT</ChecksumType><ChecksumCRC32>");
    refused(400, "InvalidArgument", "PUT", "/bkt/to", "x-amz-copy-source: bkt\n", NOTHING);
    ok("PUT", "/bkt/to", "x-amz-copy-source: bkt/to\nx-amz-metadata-directive: REPLACE\n", NOTHING);
    ok("GET", "/bkt/to?tagging", NOTHING, NOTHING);
    has("<Key>t</Key>");
}

/* Sub-resources: what is put is given back; without one the answer is AWS's. */
static void test_configurations(void **state)
{
    static const struct {
        const char *name;
        const char *missing;
        const char *body;
        const char *part;
    } cases[] = {
        {"cors", "NoSuchCORSConfiguration",
         "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>"
         "</CORSConfiguration>",
         "<AllowedMethod>GET</AllowedMethod>"},
        {"website", "NoSuchWebsiteConfiguration",
         "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>",
         "<Suffix>i</Suffix>"},
        {"lifecycle", "NoSuchLifecycleConfiguration",
         "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix></Prefix></"
         "Filter><Expiration>"
         "<Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
         "<Days>1</Days>"},
        {"tagging", "NoSuchTagSet", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
         "<Key>k</Key>"},
        {"policy", "NoSuchBucketPolicy",
         "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\","
         "\"Resource\":\"arn:aws:s3:::bkt/*\"}]}",
         "s3:*"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *path = target("/bkt?%.*s", slice_of(cases[i].name));
        refused(404, cases[i].missing, "GET", path, NOTHING, NOTHING);
        ask("PUT", path, NOTHING, "<wrong");
        assert_int_equal(reply.status, 400);
        ok("PUT", path, NOTHING, cases[i].body);
        ok("GET", path, NOTHING, NOTHING);
        has(cases[i].part);
        ok("DELETE", path, NOTHING, NOTHING);
        refused(404, cases[i].missing, "GET", path, NOTHING, NOTHING);
    }
    ok("GET", "/bkt?encryption", NOTHING, NOTHING);
    has("<SSEAlgorithm>AES256</SSEAlgorithm>");
    ok("GET", "/bkt?publicAccessBlock", NOTHING, NOTHING);
    ok("GET", "/bkt?ownershipControls", NOTHING, NOTHING);
    has("BucketOwnerEnforced");
    ok("GET", "/bkt?acl", NOTHING, NOTHING);
    has("FULL_CONTROL");
    refused(400, "AccessControlListNotSupported", "PUT", "/bkt?acl", "x-amz-acl: public-read\n", NOTHING);
    refused(400, "InvalidTargetBucketForLogging", "PUT", "/bkt?logging", NOTHING,
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>none</TargetBucket><TargetPrefix></TargetPrefix>"
            "</LoggingEnabled></BucketLoggingStatus>");
    refused(501, "NotImplemented", "GET", "/bkt?inventory&id=x", NOTHING, NOTHING);
}

static void test_tags(void **state)
{
    ok("PUT", "/bkt/k", NOTHING, "x");
    ok("PUT", "/bkt/k?tagging", NOTHING, "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>");
    ok("GET", "/bkt/k?tagging", NOTHING, NOTHING);
    has("<Value>b</Value>");
    refused(400, "InvalidTag", "PUT", "/bkt/k?tagging", NOTHING,
            "<Tagging><TagSet><Tag><Key>aws:a</Key><Value>b</Value></Tag></TagSet></Tagging>");
    refused(404, "NoSuchKey", "GET", "/bkt/none?tagging", NOTHING, NOTHING);
    ok("DELETE", "/bkt/k?tagging", NOTHING, NOTHING);
    ok("POST", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Abkt", "x-amz-account-id: 123456789012\n",
       "<TagResourceRequest><Tags><Tag><Key>c</Key><Value>d</Value></Tag></Tags></TagResourceRequest>");
    ok("GET", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Abkt", "x-amz-account-id: 123456789012\n", NOTHING);
    has("<Key>c</Key><Value>d</Value>");
    ok("DELETE", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Abkt?tagKeys=c", "x-amz-account-id: 123456789012\n", NOTHING);
    refused(404, "NoSuchTagSet", "GET", "/bkt?tagging", NOTHING, NOTHING);
}

static void test_locks(void **state)
{
    refused(400, "InvalidRequest", "GET", "/bkt/k?retention", NOTHING, NOTHING);
    ok("PUT", "/locked", "x-amz-bucket-object-lock-enabled: true\n", NOTHING);
    ok("PUT", "/locked/k",
       "x-amz-object-lock-mode: GOVERNANCE\nx-amz-object-lock-retain-until-date: 2023-11-20T00:00:00Z\n", "x");
    slice version = header("x-amz-version-id");
    const char *named = target("/locked/k?versionId=%.*s", version);
    refused(403, "AccessDenied", "DELETE", named, NOTHING, NOTHING);
    refused(400, "InvalidArgument", "PUT", "/locked/k",
            "x-amz-object-lock-mode: GOVERNANCE\nx-amz-object-lock-retain-until-date: 2020-01-01T00:00:00Z\n", "x");
    ok("PUT", "/locked/k?legal-hold", NOTHING, "<LegalHold><Status>ON</Status></LegalHold>");
    ok("GET", "/locked/k?legal-hold", NOTHING, NOTHING);
    has("<Status>ON</Status>");
    refused(403, "AccessDenied", "DELETE", named, "x-amz-bypass-governance-retention: true\n", NOTHING);
    ok("PUT", "/locked/k?legal-hold", NOTHING, "<LegalHold><Status>OFF</Status></LegalHold>");
    worker_test_set_time(worker, now + 10 * day);
    ok("DELETE", named, NOTHING, NOTHING);
}

static void test_lifecycle(void **state)
{
    ok("PUT", "/bkt/old/a", NOTHING, "x");
    ok("PUT", "/bkt/new/a", NOTHING, "x");
    ok("POST", "/bkt/old/m?uploads", NOTHING, NOTHING);
    ok("PUT", "/bkt?lifecycle", NOTHING,
       "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix>old/</Prefix></Filter><Expiration>"
       "<Days>2</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
       "</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>");
    worker_test_set_time(worker, now + day);
    ok("HEAD", "/bkt/old/a", NOTHING, NOTHING);
    worker_test_set_time(worker, now + 4 * day);
    refused(404, "NoSuchKey", "HEAD", "/bkt/old/a", NOTHING, NOTHING);
    ok("HEAD", "/bkt/new/a", NOTHING, NOTHING);
    ok("GET", "/bkt?uploads", NOTHING, NOTHING);
    lacks("<Upload>");
}

#define NOTIFICATION                                                                                                   \
    "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:us-east-1:123456789012:"     \
    "function:f</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>"                         \
    "</NotificationConfiguration>"

/* lambda, of which S3 asks whether it may call a function. */
static int allow(slice service, slice operation, slice body, slice *reply_body)
{
    assert_true(slice_eq(service, S("lambda")) && slice_eq(operation, S("S3Destination")));
    assert_true(slice_find(body, S("\"sourceArn\":\"arn:aws:s3:::bkt\"")) > 0);
    *reply_body = S("{}");
    return 200;
}

static int deny(slice service, slice operation, slice body, slice *reply_body)
{
    *reply_body = S("{\"__type\":\"AccessDeniedException\",\"message\":\"not by its policy\"}");
    return 403;
}

static void test_notifications(void **state)
{
    struct worker_effect effect;
    worker_test_set_answers(worker, deny);
    refused(400, "InvalidArgument", "PUT", "/bkt?notification", NOTHING, NOTIFICATION);
    has("<ArgumentValue1>not by its policy</ArgumentValue1>");
    ok("PUT", "/bkt?notification", "x-amz-skip-destination-validation: true\n", NOTIFICATION);
    worker_test_set_answers(worker, allow);
    ok("PUT", "/bkt?notification", NOTHING, NOTIFICATION);
    ok("PUT", "/bkt/k%20k", NOTHING, "x");
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    assert_true(slice_eq(effect.target, S("lambda")) && slice_eq(effect.name, S("S3Notification")));
    assert_true(slice_find(effect.body, S("\"eventName\":\"ObjectCreated:Put\"")) > 0);
    assert_true(slice_find(effect.body, S("\"key\":\"k+k\"")) > 0);
    assert_true(slice_find(effect.body, S("\"sourceArn\":\"arn:aws:s3:::bkt\"")) > 0);
    ok("DELETE", "/bkt/k%20k", NOTHING, NOTHING);
    assert_false(worker_test_take_effect(worker, &effect, S("{}")));
    refused(400, "InvalidArgument", "PUT", "/bkt?notification", NOTHING,
            "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>f</CloudFunction>"
            "<Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>");
}

static void test_presigned(void **state)
{
    ok("PUT", "/bkt/k", NOTHING, "x");
    ok("GET", "/bkt/k?AWSAccessKeyId=a&Signature=s&Expires=1700000001", NOTHING, NOTHING);
    refused(403, "AccessDenied", "GET", "/bkt/k?AWSAccessKeyId=a&Signature=s&Expires=1699999999", NOTHING, NOTHING);
    has("<Message>Request has expired</Message>");
    has("<ServerTime>");
#define V4                                                                                                             \
    "/bkt/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%%2F20231114%%2Fus-east-1%%2Fs3%%2Faws4_request"        \
    "&X-Amz-Date=20231114T221300Z&X-Amz-SignedHeaders=host&X-Amz-Signature=s&X-Amz-Expires=%.*s"
    ok("GET", target(V4, S("60")), NOTHING, NOTHING);
    refused(403, "AccessDenied", "GET", target(V4, S("10")), NOTHING, NOTHING);
    refused(400, "AuthorizationQueryParametersError", "GET", target(V4, S("604801")), NOTHING, NOTHING);
}

static void test_archive(void **state)
{
    ok("PUT", "/bkt/k", "x-amz-storage-class: GLACIER\n", "x");
    refused(403, "InvalidObjectState", "GET", "/bkt/k", NOTHING, NOTHING);
    ask("POST", "/bkt/k?restore", NOTHING, "<RestoreRequest><Days>1</Days></RestoreRequest>");
    assert_int_equal(reply.status, 202);
    ok("GET", "/bkt/k", NOTHING, NOTHING);
    ok("PUT", "/bkt/warm", NOTHING, "x");
    refused(403, "InvalidObjectState", "POST", "/bkt/warm?restore", NOTHING,
            "<RestoreRequest><Days>1</Days></RestoreRequest>");
}

/* A browser's form with the boundary "b"; parts end with "--b". */
static int post_form(const char *parts)
{
    struct msg request = request_for("POST", "/form");
    request.content_type = S("multipart/form-data; boundary=b");
    request.body = slice_of(parts);
    worker_test_request(worker, &request, &reply);
    return reply.status;
}

#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_END FIELD("file\"; filename=\"f.txt", "content") "--b--\r\n"

static void test_forms(void **state)
{
    static const char *const malformed[] = {
        "",
        "--b",
        "--b--",
        "--c\r\n",
        "--b\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"key\r\n\r\nx\r\n--b--",
        FIELD("key", "k") "--b",
        FIELD("x-amz-meta-a\nx-amz-acl: public-read\nx", "v") FILE_END,
    };
    ok("PUT", "/form", NOTHING, NOTHING);
    assert_int_equal(post_form(FIELD("Key", "a/${filename}") FIELD("x-amz-meta-A", "1") FILE_END), 204);
    ok("GET", "/form/a/f.txt", NOTHING, NOTHING);
    has("content");
    assert_true(slice_eq(header("x-amz-meta-a"), S("1")));
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        if (post_form(malformed[i]) != 400)
            fail_msg("%s: %d %.*s", malformed[i], reply.status, SLICE_ARG(reply.body));
    }
    /* As .NET writes it. */
    assert_int_equal(
        post_form("--b\r\nContent-Disposition: form-data; name=key\r\n\r\nnet\r\n"
                  "--b\r\nContent-Disposition: form-data; name=file; filename=f.txt; filename*=utf-8''f.txt\r\n"
                  "\r\nx\r\n--b--"),
        204);
    ok("GET", "/form/net", NOTHING, NOTHING);
    assert_int_equal(post_form(FIELD("key", "k") "--b--\r\n"), 400);
    has("<Code>InvalidArgument</Code>");
    assert_int_equal(post_form(FILE_END), 400);
    has("<Code>UserKeyMustBeSpecified</Code>");
    assert_int_equal(post_form(arena_printf(arena, FIELD("key", "k") FIELD("x", "%020480d") FILE_END, 0).ptr), 400);
    has("<Code>MaxPostPreDataLengthExceededError</Code>");
}

/* What AWS takes and refuses at the edges. */
static void test_edges(void **state)
{
    static const char *const tags[] = {"\"5d41402abc4b2a76b9719d911017c592\"", "5d41402abc4b2a76b9719d911017c592",
                                       "\"5d41402abc4b2a76b9719d911017c592", "5d41402abc4b2a76b9719d911017c592\"",
                                       "x, \"5d41402abc4b2a76b9719d911017c592\""};
    ok("PUT", "/bkt/k", NOTHING, "hello");
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        ok("GET", "/bkt/k", arena_printf(arena, "if-match: %s\n", tags[i]).ptr, NOTHING);
        ok("PUT", "/bkt/k", arena_printf(arena, "if-match: %s\n", tags[i]).ptr, "hello");
    }
    refused(412, "PreconditionFailed", "GET", "/bkt/k", "if-match: \"\"5d41402abc4b2a76b9719d911017c592\n", NOTHING);
    ok("PUT", "/bkt/cold", "x-amz-storage-class: GLACIER\n", "x");
    refused(403, "ObjectNotInActiveTierError", "PUT", "/bkt/warm", "x-amz-copy-source: bkt/cold\n", NOTHING);
    ask("POST", "/bkt/cold?restore", NOTHING, "<RestoreRequest><Days>1</Days></RestoreRequest>");
    ok("PUT", "/bkt/warm", "x-amz-copy-source: bkt/cold\n", NOTHING);
    refused(400, "InvalidRequest", "PUT", "/bkt/k", "x-amz-copy-source: bkt/k\n", NOTHING);
    ok("PUT", "/bkt?encryption", NOTHING,
       "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</"
       "SSEAlgorithm>"
       "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>");
    ok("PUT", "/bkt/k", "x-amz-copy-source: bkt/k\n", NOTHING);
    refused(400, "InvalidRequest", "PUT", "/bkt/k", "x-amz-copy-source: bkt/k\n", NOTHING);
    ok("PUT", "/bkt?tagging", NOTHING, "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>");
    ok("PUT", "/bkt?tagging", NOTHING, "<Tagging><TagSet></TagSet></Tagging>");
    refused(404, "NoSuchTagSet", "GET", "/bkt?tagging", NOTHING, NOTHING);
    has("<BucketName>bkt</BucketName>");
    refused(404, "NoSuchCORSConfiguration", "GET", "/bkt?cors", NOTHING, NOTHING);
    has("<BucketName>bkt</BucketName>");
    refused(400, "MalformedXML", "PUT", "/bkt?lifecycle", NOTHING,
            "<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
            "</LifecycleConfiguration>");
    ok("PUT", "/bkt?versioning", NOTHING,
       "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    refused(400, "MissingRequestBodyError", "PUT", "/bkt?object-lock", NOTHING, NOTHING);
    ok("PUT", "/bkt?replication", NOTHING,
       "<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/r</Role><Rule><Status>Enabled</Status><Prefix></"
       "Prefix>"
       "<Destination><Bucket>arn:aws:s3:::other</Bucket></Destination></Rule></ReplicationConfiguration>");
    ok("GET", "/bkt?replication", NOTHING, NOTHING);
    has("<ID>");
    refused(400, "InvalidArgument", "PUT", "/bkt?notification", NOTHING,
            "<NotificationConfiguration><QueueConfiguration><Queue>q</Queue><Event>s3:ObjectCreated:*</Event>"
            "</QueueConfiguration></NotificationConfiguration>");
    has("<Message>The ARN is not well formed</Message>");
    ok("PUT", "/bkt?notification", NOTHING,
       "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:123456789012:q</Queue>"
       "<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>");
    ok("GET", "/bkt?notification", NOTHING, NOTHING);
    has("<Id>");
}

static void test_ranges_of_lists(void **state)
{
    slice upload = create_upload("/bkt/m?uploads");
    refused(400, "InvalidArgument", "GET", target("/bkt/m?max-parts=-1&uploadId=%.*s", upload), NOTHING, NOTHING);
    has("<Message>Provided max-parts not an integer or within integer range</Message>");
    has("<ArgumentName>max-parts</ArgumentName><ArgumentValue>-1</ArgumentValue>");
    refused(400, "InvalidArgument", "GET", target("/bkt/m?part-number-marker=-1&uploadId=%.*s", upload), NOTHING,
            NOTHING);
    ok("GET", target("/bkt/m?max-parts=2147483647&uploadId=%.*s", upload), NOTHING, NOTHING);
}

static void test_bucket_regions(void **state)
{
    struct msg request = request_for("PUT", "/abroad");
    request.region = S("eu-west-1");
    request.body = S("<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint>"
                     "</CreateBucketConfiguration>");
    worker_test_request(worker, &request, &reply);
    assert_true(slice_eq(reply.error, S("IllegalLocationConstraintException")));
    refused(
        400, "InvalidLocationConstraint", "PUT", "/abroad", NOTHING,
        "<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>");
    ok("PUT", "/abroad", NOTHING, NOTHING);
    assert_true(slice_eq(header("x-amz-bucket-arn"), S("arn:aws:s3:::abroad")));
    ok("HEAD", "/abroad", NOTHING, NOTHING);
    assert_true(slice_eq(header("x-amz-bucket-arn"), S("arn:aws:s3:::abroad")));
    ok("GET", "/", NOTHING, NOTHING);
    has("<BucketArn>arn:aws:s3:::abroad</BucketArn>");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_buckets),   TEST(test_objects),         TEST(test_checksums),
        TEST(test_versions),  TEST(test_lists),           TEST(test_multipart),
        TEST(test_copies),    TEST(test_configurations),  TEST(test_tags),
        TEST(test_locks),     TEST(test_lifecycle),       TEST(test_notifications),
        TEST(test_presigned), TEST(test_archive),         TEST(test_forms),
        TEST(test_edges),     TEST(test_ranges_of_lists), TEST(test_bucket_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
