/* Tests of contents in files: parts become objects without being copied, copies share, and what nobody has goes. */
#include "services/s3/test_s3.h"

#include "common/fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 5 * 1024 * 1024 };

static int64_t passed;
static char folder[] = "/tmp/awssim-test-s3-XXXXXX";

static size_t count_files(const char *name)
{
    size_t n = 0;
    DIR *dir = opendir(arena_printf(arena, "%s/%s", folder, name).ptr);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static int set_up_files(void **state)
{
    arena = arena_open();
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (!mkdtemp(folder) || mkdir(arena_printf(arena, "%s/spool", folder).ptr, 0700) != 0)
        return -1;
    worker = worker_open_test_in(&s3_process, slice_of(folder));
    worker_test_set_time(worker, now);
    passed = 0;
    ok("PUT", "/bkt", NOTHING, NOTHING);
    return 0;
}

static int tear_down_files(void **state)
{
    fdio_remove_tree(folder);
    return tear_down(state);
}

static void pass(int64_t seconds)
{
    passed += seconds * 1000;
    worker_test_set_time(worker, now + passed);
}

/* Bytes that tell where they are from. */
static slice bytes_of(size_t size, unsigned seed)
{
    char *text = arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (i / 7 + (size_t)seed * i + i * i / 1000) % 26);
    return (slice){text, size};
}

static slice digests_of(slice content)
{
    struct digest digest;
    char *digests = arena_alloc(arena, DIGEST_TEXT_BYTES);
    digest_begin(&digest, DIGEST_MD5 | DIGEST_CRC64NVME);
    digest_add(&digest, content.ptr, content.len);
    return (slice){digests, digest_end(&digest, digests, 0)};
}

/* A body as large ones come: in a file of the spool, with the digests the router has made. Answers the ETag. */
static slice put_file(const char *place, slice content)
{
    struct msg request = request_for("PUT", place);
    request.body_file = S("body-1");
    request.digests = digests_of(content);
    assert_int_equal(fdio_replace_file(arena_printf(arena, "%s/spool/body-1", folder).ptr, content, 0600), 0);
    worker_test_request(worker, &request, &reply);
    assert_int_equal(reply.status, 200);
    return header("ETag");
}

static slice upload_part(slice upload, int number, slice content)
{
    return put_file(arena_printf(arena, "/bkt/k?partNumber=%d&uploadId=%.*s", number, SLICE_ARG(upload)).ptr, content);
}

static slice begin_upload(void)
{
    slice upload = create_upload("/bkt/k?uploads");
    upload_part(upload, 1, S("one"));
    upload_part(upload, 2, S("two"));
    return upload;
}

/* The bytes of the last reply, as the router would send them. */
static slice sent(void)
{
    struct segment part = {reply.body_file, reply.file_offset, reply.file_length};
    slice rest = reply.segments, all = S(""), whole;
    if (reply.body_file.len == 0 && rest.len == 0)
        return reply.body;
    if (rest.len > 0) {
        assert_int_equal(segments_length(rest), reply.file_length);
        assert_true(reply.lease.len > 0);
        assert_true(segments_next(&rest, &part));
    }
    do {
        slice path = arena_printf(arena, "%s/spool/%.*s", folder, SLICE_ARG(part.name));
        assert_int_equal(fdio_read_file(arena, path.ptr, SIZE_MAX, &whole), 0);
        assert_true(part.offset + part.length <= (int64_t)whole.len);
        all = arena_concat(arena, all, slice_sub(whole, (size_t)part.offset, (size_t)(part.offset + part.length)));
    } while (segments_next(&rest, &part));
    return all;
}

static void has_bytes(const char *place, const char *range, slice expected)
{
    ok("GET", place, range, NOTHING);
    if (!slice_eq(sent(), expected))
        fail_msg("%s %s: %zu other bytes", place, range, sent().len);
}

/* The parts of an upload go with it, however it ends; those of one that goes on stay. */
static void test_files_of_uploads(void **state)
{
    slice upload = begin_upload();
    upload_part(upload, 2, S("two again"));
    pass(60);
    assert_int_equal(count_files("s3"), 2);
    ok("DELETE", target("/bkt/k?uploadId=%.*s", upload), NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
    begin_upload();
    ok("PUT", "/bkt?lifecycle", NOTHING,
       "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><AbortIncompleteMultipartUpload>"
       "<DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>");
    assert_int_equal(count_files("s3"), 2);
    pass(4 * day / 1000);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
    assert_int_equal(count_files("spool"), 0);
}

static void test_bucket_with_upload(void **state)
{
    begin_upload();
    ok("DELETE", "/bkt", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
    ok("PUT", "/bkt", NOTHING, NOTHING);
    ok("GET", "/bkt?uploads", NOTHING, NOTHING);
    lacks("<Upload>");
}

struct upload_of_three {
    slice id;
    slice whole;
    const char *list;  /* CompleteMultipartUpload's body */
    const char *parts; /* where it is posted */
};

/* Two large parts and one that is kept in the database until then. */
static struct upload_of_three upload_three(void)
{
    slice one = bytes_of(PART_BYTES, 1), two = bytes_of(PART_BYTES + 3, 2), three = S("the end");
    struct upload_of_three u = {.id = create_upload("/bkt/k?uploads")};
    slice tags[] = {upload_part(u.id, 1, one), upload_part(u.id, 2, two), S("")};
    ok("PUT", target("/bkt/k?partNumber=3&uploadId=%.*s", u.id), NOTHING, "the end");
    tags[2] = header("ETag");
    u.whole = arena_concat(arena, arena_concat(arena, one, two), three);
    slice list = S("");
    for (int i = 0; i < 3; i++)
        list = arena_printf(arena, "%.*s<Part><PartNumber>%d</PartNumber><ETag>%.*s</ETag></Part>", SLICE_ARG(list),
                            i + 1, SLICE_ARG(tags[i]));
    u.list = target("<CompleteMultipartUpload>%.*s</CompleteMultipartUpload>", list);
    u.parts = target("/bkt/k?uploadId=%.*s", u.id);
    return u;
}

static slice tag_in_body(void)
{
    ssize_t from = slice_find(reply.body, S("<ETag>")), to = slice_find(reply.body, S("</ETag>"));
    assert_true(from > 0 && to > from);
    return slice_dup(arena, slice_sub(reply.body, (size_t)from + 6, (size_t)to));
}

static void test_parts_stay_files(void **state)
{
    struct upload_of_three u = upload_three();
    const size_t first = PART_BYTES, second = 2 * PART_BYTES + 3;
    assert_int_equal(count_files("s3"), 2);
    ok("POST", u.parts, NOTHING, u.list);
    slice etag = tag_in_body();
    assert_int_equal(count_files("s3"), 3);
    has_bytes("/bkt/k", NOTHING, u.whole);
    has_bytes("/bkt/k", "range: bytes=5242870-5242889\n", slice_sub(u.whole, first - 10, first + 10));
    has_bytes("/bkt/k", "range: bytes=-9\n", slice_sub(u.whole, u.whole.len - 9, u.whole.len));
    has_bytes("/bkt/k", "range: bytes=5242880-5242880\n", slice_sub(u.whole, first, first + 1));
    assert_int_equal(reply.segments.len, 0);
    has_bytes("/bkt/k?partNumber=2", NOTHING, slice_sub(u.whole, first, second));
    assert_true(slice_eq(header("x-amz-mp-parts-count"), S("3")));
    has_bytes("/bkt/k?partNumber=3", NOTHING, S("the end"));
    refused(416, "InvalidPartNumber", "GET", "/bkt/k?partNumber=4", NOTHING, NOTHING);
    ok("HEAD", "/bkt/k", NOTHING, NOTHING);
    assert_int_equal(reply.file_length, u.whole.len);
    ok("GET", "/bkt/k?attributes", "x-amz-object-attributes: ObjectParts\n", NOTHING);
    has("<PartsCount>3</PartsCount>");
    has("<Size>7</Size>");
    /* The answer was lost, or came twice. */
    ok("POST", u.parts, NOTHING, u.list);
    assert_true(slice_eq(tag_in_body(), etag));
    refused(404, "NoSuchUpload", "POST", u.parts, NOTHING,
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>");
    refused(404, "NoSuchUpload", "DELETE", u.parts, NOTHING, NOTHING);
    pass(60);
    has_bytes("/bkt/k", NOTHING, u.whole);
    ok("DELETE", "/bkt/k", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
    pass(2 * day / 1000);
    refused(404, "NoSuchUpload", "POST", u.parts, NOTHING, u.list);
}

/* Parts that are not named go, and so does what an upload has made when it is given up after all. */
static void test_parts_left_out(void **state)
{
    struct upload_of_three u = upload_three();
    slice tag = upload_part(u.id, 4, bytes_of(PART_BYTES, 9));
    ok("POST", u.parts, NOTHING,
       target("<CompleteMultipartUpload><Part><PartNumber>4</PartNumber><ETag>%.*s</ETag></Part>"
              "</CompleteMultipartUpload>",
              tag));
    pass(60);
    assert_int_equal(count_files("s3"), 1);
    has_bytes("/bkt/k", NOTHING, bytes_of(PART_BYTES, 9));
}

static void test_copies_share(void **state)
{
    struct upload_of_three u = upload_three();
    ok("POST", u.parts, NOTHING, u.list);
    pass(60);
    ok("PUT", "/bkt/copy", "x-amz-copy-source: bkt/k\n", NOTHING);
    slice digests = digest_get(arena, digests_of(u.whole), DIGEST_MD5);
    slice etag = tag_in_body(), hex = S("");
    for (size_t i = 0; i < digests.len; i++)
        hex = arena_printf(arena, "%.*s%02x", SLICE_ARG(hex), (unsigned char)digests.ptr[i]);
    assert_true(slice_find(etag, hex) >= 0);
    assert_int_equal(count_files("s3"), 3);
    ok("DELETE", "/bkt/k", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 3);
    has_bytes("/bkt/copy", NOTHING, u.whole);
    /* It is one piece now. */
    refused(416, "InvalidPartNumber", "GET", "/bkt/copy?partNumber=2", NOTHING, NOTHING);
    ok("PUT", "/bkt/third", "x-amz-copy-source: bkt/copy\n", NOTHING);
    ok("PUT", "/bkt/copy", NOTHING, "overwritten");
    pass(60);
    has_bytes("/bkt/third", NOTHING, u.whole);
    ok("DELETE", "/bkt/third", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
}

static void copy_part(slice upload, int number, const char *range, slice expected, slice *list)
{
    ok("PUT", arena_printf(arena, "/bkt/k?partNumber=%d&uploadId=%.*s", number, SLICE_ARG(upload)).ptr,
       arena_printf(arena, "x-amz-copy-source: bkt/source\n%s", range).ptr, NOTHING);
    slice md5 = digest_get(arena, digests_of(expected), DIGEST_MD5), tag = tag_in_body(),
          first = arena_printf(arena, "%02x%02x", (unsigned char)md5.ptr[0], (unsigned char)md5.ptr[1]);
    assert_true(slice_find(tag, first) >= 0);
    *list = arena_printf(arena, "%.*s<Part><PartNumber>%d</PartNumber><ETag>%.*s</ETag></Part>", SLICE_ARG(*list),
                         number, SLICE_ARG(tag));
}

/* Ranges of objects of many parts, and of one, become parts without a byte being copied. */
static void test_part_copies(void **state)
{
    struct upload_of_three u = upload_three();
    ok("POST", u.parts, NOTHING, u.list);
    ok("PUT", "/bkt/source", "x-amz-copy-source: bkt/k\n", NOTHING);
    slice upload = create_upload("/bkt/k?uploads"), list = S("");
    copy_part(upload, 1, "x-amz-copy-source-range: bytes=100-6000099\n", slice_sub(u.whole, 100, 6000100), &list);
    copy_part(upload, 2, NOTHING, u.whole, &list);
    copy_part(upload, 3, "x-amz-copy-source-range: bytes=7-8\n", slice_sub(u.whole, 7, 9), &list);
    ok("POST", target("/bkt/k?uploadId=%.*s", upload), NOTHING,
       target("<CompleteMultipartUpload>%.*s</CompleteMultipartUpload>", list));
    slice expected =
        arena_concat(arena, slice_sub(u.whole, 100, 6000100), arena_concat(arena, u.whole, slice_sub(u.whole, 7, 9)));
    has_bytes("/bkt/k", NOTHING, expected);
    ok("DELETE", "/bkt/source", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 4);
    has_bytes("/bkt/k", "range: bytes=5999990-6000009\n", slice_sub(expected, 5999990, 6000010));
    ok("DELETE", "/bkt/k", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
}

/* Whoever reads an object of many parts reads it to its end, whatever becomes of it meanwhile. */
static void test_leases(void **state)
{
    struct upload_of_three u = upload_three();
    int64_t number;
    slice name;
    ok("POST", u.parts, NOTHING, u.list);
    pass(60);
    ok("GET", "/bkt/k", NOTHING, NOTHING);
    assert_true(segments_lease(reply.lease, &number, &name));
    int fd = open(arena_printf(arena, "%s/spool/%.*s", folder, SLICE_ARG(name)).ptr, O_RDONLY | O_CLOEXEC);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1};
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    ok("DELETE", "/bkt/k", NOTHING, NOTHING);
    /* What nobody reads goes meanwhile. */
    put_file("/bkt/large", bytes_of(PART_BYTES, 3));
    ok("DELETE", "/bkt/large", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 3);
    close(fd);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
}

/* What a killed process has left goes at the next start, and after a reset; what is made from then on stays. */
static void test_sweep(void **state)
{
    struct timespec old[2] = {{1, 0}, {1, 0}};
    slice left = arena_printf(arena, "%s/s3/left", folder), made = arena_printf(arena, "%s/s3/made", folder);
    put_file("/bkt/large", bytes_of(PART_BYTES, 3));
    assert_int_equal(fdio_replace_file(left.ptr, S("x"), 0600), 0);
    assert_int_equal(utimensat(AT_FDCWD, left.ptr, old, 0), 0);
    assert_int_equal(worker_test_event(worker, S("router"), S("Reset"), S("{}")), 0 + 200);
    assert_int_equal(access(left.ptr, F_OK), -1);
    assert_int_equal(fdio_replace_file(made.ptr, S("x"), 0600), 0);
    pass(60);
    assert_int_equal(access(made.ptr, F_OK), 0);
}

/* A form's file becomes an object where it lies: in the file that the form came in. */
static void test_large_form(void **state)
{
    slice content = bytes_of(PART_BYTES, 4),
          head = S("--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nf\r\n"
                   "--b\r\nContent-Disposition: form-data; name=\"x-amz-checksum-algorithm\""
                   "\r\n\r\nSHA1\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; "
                   "filename=\"f\"\r\n\r\n");
    struct msg request = request_for("POST", "/bkt");
    request.content_type = S("multipart/form-data; boundary=b");
    request.body_file = S("body-1");
    slice body = arena_concat(arena, arena_concat(arena, head, content), S("\r\n--b--\r\n"));
    slice place = arena_printf(arena, "%s/spool/body-1", folder);
    assert_int_equal(fdio_replace_file(place.ptr, body, 0600), 0);
    worker_test_request(worker, &request, &reply);
    assert_int_equal(reply.status, 204);
    has_bytes("/bkt/f", NOTHING, content);
    has_bytes("/bkt/f", "range: bytes=100-199\n", slice_sub(content, 100, 200));
    assert_int_equal(count_files("s3"), 1);
    assert_int_equal(count_files("spool"), 0);
    ok("PUT", "/bkt/copy", "x-amz-copy-source: bkt/f\n", NOTHING);
    ok("DELETE", "/bkt/f", NOTHING, NOTHING);
    pass(60);
    has_bytes("/bkt/copy", NOTHING, content);
    ok("DELETE", "/bkt/copy", NOTHING, NOTHING);
    pass(60);
    assert_int_equal(count_files("s3"), 0);
    /* What is refused leaves nothing. */
    assert_int_equal(fdio_replace_file(place.ptr, content, 0600), 0);
    worker_test_request(worker, &request, &reply);
    assert_int_equal(reply.status, 400);
    assert_true(slice_eq(reply.error, S("MalformedPOSTRequest")));
    assert_int_equal(count_files("s3"), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_files, tear_down_files)
    const struct CMUnitTest tests[] = {
        TEST(test_files_of_uploads), TEST(test_bucket_with_upload),
        TEST(test_parts_stay_files), TEST(test_parts_left_out),
        TEST(test_copies_share),     TEST(test_part_copies),
        TEST(test_leases),           TEST(test_sweep),
        TEST(test_large_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
