/* Tests of the registry under /v2/: names, uploads, blobs, manifests, errors, and the sweep. */
#include "services/ecr/test_ecr.h"

#include "services/ecr/content.h"
#include "services/ecr/registry_path.h"

#include <unistd.h>

static void test_paths(void **state)
{
    struct registry_path path;
    static const struct {
        const char *text;
        enum registry_kind kind;
        const char *name, *reference;
    } good[] = {
        {"/v2", REGISTRY_ROOT, "", ""},
        {"/v2/", REGISTRY_ROOT, "", ""},
        {"/v2/_catalog", REGISTRY_CATALOG, "", ""},
        {"/v2/a/b/c/tags/list", REGISTRY_TAGS, "a/b/c", ""},
        {"/v2/a/blobs/uploads/", REGISTRY_UPLOADS, "a", ""},
        {"/v2/a/blobs/uploads", REGISTRY_UPLOADS, "a", ""},
        {"/v2/a/blobs/uploads/x-1", REGISTRY_UPLOAD, "a", "x-1"},
        {"/v2/a/blobs/sha256%3Aab", REGISTRY_BLOB, "a", "sha256:ab"},
        {"/v2/manifests/manifests/manifests", REGISTRY_MANIFEST, "manifests", "manifests"},
        {"/v2/a/referrers/x", REGISTRY_REFERRERS, "a", "x"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(registry_path_parse(arena, slice_of(good[i].text), &path));
        assert_int_equal(path.kind, good[i].kind);
        assert_true(slice_eq(path.name, slice_of(good[i].name)));
        assert_true(slice_eq(path.reference, slice_of(good[i].reference)));
    }
    assert_false(registry_path_parse(arena, S("/v2/a"), &path));
    assert_false(registry_path_parse(arena, S("/v2/a/b"), &path));
    assert_false(registry_path_parse(arena, S("/v2/a%00/tags/list"), &path));
    assert_false(registry_path_parse(arena, S("/v2/a%zz/tags/list"), &path));
    assert_true(registry_path_is_name(S("a1/b.c/d-e--f/g__h/i_j")));
    assert_false(registry_path_is_name(S("a")));
    assert_false(registry_path_is_name(S("aa//b")));
    assert_false(registry_path_is_name(S("aa/")));
    assert_false(registry_path_is_name(S("a..b")));
    assert_false(registry_path_is_name(S("../../etc")));
    assert_false(registry_path_is_name(S("a___b")));
}

static void test_ranges(void **state)
{
    int64_t first, length;
    assert_true(registry_path_range(S("bytes=0-3"), 10, &first, &length) && first == 0 && length == 4);
    assert_true(registry_path_range(S("bytes=5-"), 10, &first, &length) && first == 5 && length == 5);
    assert_true(registry_path_range(S("bytes=-3"), 10, &first, &length) && first == 7 && length == 3);
    assert_true(registry_path_range(S("bytes=0-99"), 10, &first, &length) && length == 10);
    assert_false(registry_path_range(S("bytes=10-"), 10, &first, &length));
    assert_false(registry_path_range(S("bytes=3-2"), 10, &first, &length));
    assert_false(registry_path_range(S("bytes=-0"), 10, &first, &length));
    assert_false(registry_path_range(S("bytes=-1"), 0, &first, &length));
    assert_false(registry_path_range(S("lines=1-2"), 10, &first, &length));
    assert_true(registry_path_chunk(S("0-9"), &first, &length) && length == 9);
    assert_true(registry_path_chunk(S("bytes 2-9/20"), &first, &length) && first == 2);
    assert_false(registry_path_chunk(S("9-2"), &first, &length));
    assert_false(registry_path_chunk(S("x"), &first, &length));
}

static void test_uploads(void **state)
{
    slice digest = digest_of(S("hello world"));
    http("POST", "/v2/team/app/blobs/uploads/", S(""), "", 202);
    const char *at = arena_printf(arena, "%.*s", SLICE_ARG(header("Location"))).ptr;
    http("PATCH", at, S("hello"), "content-range: 0-4\n", 202);
    assert_true(slice_eq(header("Range"), S("0-4")));
    http("PATCH", at, S(" world"), "content-range: 9-14\n", 416);
    assert_text(item(parsed(), "errors", 0), "code", "RANGE_INVALID");
    assert_true(slice_eq(header("Range"), S("0-4")));
    http("PATCH", at, S(" world"), "content-range: 5-14\n", 400);
    http("PATCH", at, S(" world"), "content-range: x\n", 400);
    http("GET", at, S(""), "", 204);
    http_refused("PUT", at, S(""), 400, "DIGEST_INVALID");
    http("PUT", arena_printf(arena, "%s?digest=%.*s", at, SLICE_ARG(digest)).ptr, S(" world"), "content-range: 5-10\n",
         201);
    assert_true(slice_eq(header("Docker-Content-Digest"), digest));
    http_refused("GET", at, S(""), 404, "BLOB_UPLOAD_UNKNOWN");
    const char *blob = arena_printf(arena, "/v2/team/app/blobs/%.*s", SLICE_ARG(digest)).ptr;
    http("HEAD", blob, S(""), "", 200);
    assert_int_equal(reply.file_length, 11);
    slice name = slice_sub(reply.body_file, 3, reply.body_file.len), content;
    assert_int_equal(fdio_read_file(arena, arena_printf(arena, "%s/%.*s", folder, SLICE_ARG(name)).ptr, 100, &content),
                     0);
    assert_true(slice_eq(content, S("hello world")));
    http("GET", blob, S(""), "range: bytes=6-\n", 206);
    assert_int_equal(reply.file_offset, 6);
    assert_true(slice_eq(header("Content-Range"), S("bytes 6-10/11")));
    http("GET", blob, S(""), "range: bytes=11-\n", 416);
    http("POST", "/v2/team/app/blobs/uploads/", S(""), "", 202);
    at = arena_printf(arena, "%.*s", SLICE_ARG(header("Location"))).ptr;
    http("PATCH", at, S("x"), "", 202);
    http_refused("PUT", arena_printf(arena, "%s?digest=%.*s", at, SLICE_ARG(digest)).ptr, S(""), 400, "DIGEST_INVALID");
    http("POST", "/v2/team/app/blobs/uploads/", S(""), "", 202);
    at = arena_printf(arena, "%.*s", SLICE_ARG(header("Location"))).ptr;
    http("DELETE", at, S(""), "", 204);
    http_refused("DELETE", at, S(""), 404, "BLOB_UPLOAD_UNKNOWN");
    http("POST", "/v2/team/app/blobs/uploads/", S(""), "", 202);
    at = arena_printf(arena, "%.*s?digest=%.*s", SLICE_ARG(header("Location")), SLICE_ARG(digest_of(S("")))).ptr;
    http("PUT", at, S(""), "", 201);
}

/* Known values of both algorithms, and long texts whose ends fall everywhere in a block. */
static void test_digests(void **state)
{
    slice abc =
        S("sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd4"
          "54d4423643ce80e2a9ac94fa54ca49f");
    assert_true(slice_eq(content_digest(arena, S("abc"), abc), abc));
    assert_true(slice_starts(content_digest(arena, S("abc"), S("md5:x")), S("sha256:ba7816bf")));
    assert_true(content_is_digest(abc));
    assert_false(content_is_digest(slice_sub(abc, 0, abc.len - 1)));
    assert_false(content_is_digest(S("sha256:")));
    assert_false(content_is_digest(S("md5:d41d8cd98f00b204e9800998ecf8427e")));
    slice zeros = {arena_alloc(arena, 300), 300};
    slice end_of_block = content_digest(arena, slice_sub(zeros, 0, 112), S("sha512:"));
    assert_true(
        slice_starts(end_of_block, S("sha512:2be2e788c8a8adeaa9c89a7f78904cacea6e39297d75e0573a73c756234534d6")));
    http("POST", arena_printf(arena, "/v2/team/app/blobs/uploads/?digest=%.*s", SLICE_ARG(abc)).ptr, S("abc"), "", 201);
    http("GET", arena_printf(arena, "/v2/team/app/blobs/%.*s", SLICE_ARG(abc)).ptr, S(""), "", 200);
    slice manifest = manifest_of("team/app", "one"), digest = content_digest(arena, manifest, abc);
    const char *path = arena_printf(arena, "/v2/team/app/manifests/%.*s", SLICE_ARG(digest)).ptr;
    http("PUT", path, manifest, oci_type, 201);
    http("GET", path, S(""), "", 200);
}

static void test_mounts(void **state)
{
    ok("CreateRepository", "{'repositoryName': 'other'}");
    slice digest = push_blob("team/app", "shared");
    const char *mount = "/v2/other/blobs/uploads/?mount=%.*s&from=%s";
    http("POST", arena_printf(arena, mount, SLICE_ARG(digest), "none").ptr, S(""), "", 202);
    http("POST", arena_printf(arena, mount, SLICE_ARG(digest_of(S("lost"))), "team/app").ptr, S(""), "", 202);
    http("HEAD", arena_printf(arena, "/v2/other/blobs/%.*s", SLICE_ARG(digest)).ptr, S(""), "", 404);
    http("POST", arena_printf(arena, mount, SLICE_ARG(digest), "team/app").ptr, S(""), "", 201);
    http("HEAD", arena_printf(arena, "/v2/other/blobs/%.*s", SLICE_ARG(digest)).ptr, S(""), "", 200);
    http("POST", arena_printf(arena, "/v2/other/blobs/uploads/?mount=%.*s", SLICE_ARG(digest)).ptr, S(""), "", 201);
    ok("PutAccountSetting", "{'name': 'BLOB_MOUNTING', 'value': 'DISABLED'}");
    http("POST", arena_printf(arena, mount, SLICE_ARG(digest), "team/app").ptr, S(""), "", 202);
}

static void test_manifests(void **state)
{
    slice manifest = manifest_of("team/app", "one"), digest = digest_of(manifest);
    const char *by_digest = arena_printf(arena, "/v2/team/app/manifests/%.*s", SLICE_ARG(digest)).ptr;
    http("PUT", by_digest, manifest, oci_type, 201);
    http("PUT", "/v2/team/app/manifests/v1", manifest, oci_type, 201);
    http("PUT", "/v2/team/app/manifests/v1", manifest, oci_type, 201);
    http("PUT", "/v2/team/app/manifests/v1", manifest, "content-type: application/json\n", 400);
    http_refused("PUT", arena_printf(arena, "/v2/team/app/manifests/%.*s", SLICE_ARG(digest_of(S("x")))).ptr, manifest,
                 400, "DIGEST_INVALID");
    http_refused("PUT", "/v2/team/app/manifests/v1", S("{"), 400, "MANIFEST_INVALID");
    http_refused("PUT", "/v2/team/app/manifests/-v", manifest, 400, "MANIFEST_INVALID");
    const char *lie = json("{'schemaVersion': 2, 'config': {'mediaType': 'c', 'digest': '%.*s', 'size': 3}, 'layers': "
                           "[]}",
                           SLICE_ARG(digest_of(S("{}"))));
    http_refused("PUT", "/v2/team/app/manifests/v1", slice_of(lie), 404, "MANIFEST_BLOB_UNKNOWN");
    http("GET", by_digest, S(""), "", 200);
    assert_true(slice_eq(reply.content_type, S("application/vnd.oci.image.manifest.v1+json")));
    http_refused("GET", "/v2/team/app/manifests/none", S(""), 404, "MANIFEST_UNKNOWN");
    http_refused("GET", "/v2/none/manifests/v1", S(""), 404, "NAME_UNKNOWN");
    http_refused("GET", "/v2/Bad/manifests/v1", S(""), 400, "NAME_INVALID");
    http_refused("POST", "/v2/team/app/manifests/v1", S(""), 405, "UNSUPPORTED");
    http_refused("GET", "/v2/rubbish", S(""), 404, "NAME_UNKNOWN");
    slice layer = digest_of(S("one"));
    http_refused("DELETE", arena_printf(arena, "/v2/team/app/blobs/%.*s", SLICE_ARG(layer)).ptr, S(""), 405,
                 "UNSUPPORTED");
    http("DELETE", "/v2/team/app/manifests/v1", S(""), "", 202);
    http("GET", by_digest, S(""), "", 200);
    http("DELETE", by_digest, S(""), "", 202);
    http_refused("DELETE", by_digest, S(""), 404, "MANIFEST_UNKNOWN");
    http("DELETE", arena_printf(arena, "/v2/team/app/blobs/%.*s", SLICE_ARG(layer)).ptr, S(""), "", 202);
    http_refused("GET", "/v2/team/app/blobs/sha256:1", S(""), 400, "DIGEST_INVALID");
    http_refused("GET", arena_printf(arena, "/v2/team/app/blobs/%.*s", SLICE_ARG(layer)).ptr, S(""), 404,
                 "BLOB_UNKNOWN");
}

static void test_tag_pages(void **state)
{
    static const char *const tags[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        push_image("team/app", tags[i], "one");
    http("GET", "/v2/team/app/tags/list?n=3", S(""), "", 200);
    assert_int_equal(count(parsed(), "tags"), 3);
    assert_true(slice_eq(header("Link"), S("</v2/team/app/tags/list?n=3&last=c>; rel=\"next\"")));
    http("GET", "/v2/team/app/tags/list?n=3&last=c", S(""), "", 200);
    assert_int_equal(count(parsed(), "tags"), 1);
    assert_null(header("Link").ptr);
    http("GET", "/v2/team/app/tags/list?n=0", S(""), "", 200);
    assert_int_equal(count(parsed(), "tags"), 0);
    http_refused("GET", "/v2/team/app/tags/list?n=x", S(""), 400, "PAGINATION_NUMBER_INVALID");
    http_refused("GET", "/v2/none/tags/list", S(""), 404, "NAME_UNKNOWN");
    http("GET", "/v2/_catalog", S(""), "", 200);
    assert_int_equal(count(parsed(), "repositories"), 1);
}

static bool is_on_disk(slice digest)
{
    slice hex = slice_sub(digest, 7, digest.len);
    return access(arena_printf(arena, "%s/ecr/blobs/sha256/%.*s/%.*s", folder, SLICE_ARG(slice_sub(hex, 0, 2)),
                               SLICE_ARG(hex))
                      .ptr,
                  F_OK) == 0;
}

static void test_sweep(void **state)
{
    const int64_t hour_ms = 3600 * 1000;
    push_image("team/app", "v1", "kept");
    slice lost = push_blob("team/app", "lost");
    http("POST", "/v2/team/app/blobs/uploads/", S(""), "", 202);
    slice upload = header("Location");
    http("PATCH", arena_printf(arena, "%.*s", SLICE_ARG(upload)).ptr, S("x"), "", 202);
    slice id = slice_sub(upload, sizeof("/v2/team/app/blobs/uploads/") - 1, upload.len);
    const char *left = arena_printf(arena, "%s/ecr/uploads/%.*s.0", folder, SLICE_ARG(id)).ptr;
    assert_true(is_on_disk(lost) && access(left, F_OK) == 0);
    for (int i = 1; i <= 12; i++)
        worker_test_set_time(worker, test_now + i * hour_ms / 2);
    assert_false(is_on_disk(lost));
    assert_true(is_on_disk(digest_of(S("kept"))));
    for (int i = 1; i <= 12; i++)
        worker_test_set_time(worker, test_now + 26 * hour_ms + i * hour_ms / 2);
    ok("DeleteRepository", "{'repositoryName': 'team/app', 'force': true}");
    for (int i = 1; i <= 12; i++)
        worker_test_set_time(worker, test_now + 40 * hour_ms + i * hour_ms / 2);
    assert_false(is_on_disk(digest_of(S("kept"))));
    assert_int_not_equal(access(left, F_OK), 0);
}

static bool is_there(const char *name)
{
    return access(arena_printf(arena, "%s/ecr/%s", folder, name).ptr, F_OK) == 0;
}

/* What a process leaves that dies goes when the next one starts; other files of uploads stay. */
static void test_leftovers(void **state)
{
    static const char *const names[] = {"uploads/fetch-1", "uploads/taken-1", "removed/1/2/3", "uploads/4.0"};
    worker_close(worker);
    for (size_t i = 0; i < 4; i++) {
        slice path = arena_printf(arena, "%s/ecr/%s", folder, names[i]);
        assert_int_equal(fdio_mkdirs(arena_printf(arena, "%s/ecr/removed/1/2", folder).ptr, 0700), 0);
        assert_int_equal(fdio_replace_file(path.ptr, S("x"), 0600), 0);
    }
    worker = worker_open_test_in(&ecr_process, slice_of(folder));
    worker_test_set_time(worker, test_now);
    assert_false(is_there("uploads/fetch-1") || is_there("uploads/taken-1") || is_there("removed/1"));
    assert_true(is_there("uploads/4.0") && is_there("removed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uploads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_digests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mounts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manifests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tag_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
