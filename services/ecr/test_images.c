/* Tests of images by the API: pushing, getting, listing, deleting, layers, scans, lifecycle policies. */
#include "services/ecr/test_ecr.h"

#include <unistd.h>

static const char *escaped(slice text)
{
    struct val value = val_string(text);
    slice quoted = json_text(arena, &value);
    return arena_printf(arena, "%.*s", SLICE_ARG(quoted)).ptr;
}

/* PutImage takes the manifest as a text in JSON; the other quotes come from call(). */
static const struct val *put(slice manifest, const char *more, const char *code)
{
    struct msg request = test_request("POST", "/", S(""));
    slice rest = slice_of(json("%s", more));
    request.headers = S("x-amz-target: AmazonEC2ContainerRegistry_V20150921.PutImage\n");
    request.operation = S("PutImage");
    request.content_type = S("application/x-amz-json-1.1");
    request.body = arena_printf(arena, "{\"repositoryName\": \"team/app\", \"imageManifest\": %s%.*s}",
                                escaped(manifest), SLICE_ARG(rest));
    worker_test_request(worker, &request, &reply);
    const struct val *value = parsed();
    slice type = val_get_string(value, S("__type"));
    if (code ? !slice_eq(type, slice_of(code)) : reply.status != 200)
        fail_msg("PutImage: %d %.*s", reply.status, SLICE_ARG(reply.body));
    return value;
}

static void test_put_image(void **state)
{
    slice manifest = manifest_of("team/app", "layer"), digest = digest_of(manifest);
    const struct val *image = val_get(put(manifest, ", 'imageTag': 'v1'", NULL), S("image"));
    assert_true(slice_eq(val_get_string(val_get(image, S("imageId")), S("imageDigest")), digest));
    put(manifest, ", 'imageTag': 'v1'", "ImageAlreadyExistsException");
    put(manifest, "", "ImageAlreadyExistsException");
    put(manifest, ", 'imageTag': 'v2'", NULL);
    put(manifest, ", 'imageTag': 'no good'", "InvalidParameterException");
    put(manifest, ", 'imageDigest': 'sha256:00'", "ImageDigestDoesNotMatchException");
    put(S("{}"), "", "InvalidParameterException");
    put(S("not json"), "", "InvalidParameterException");
    slice lost = digest_of(S("lost"));
    put(slice_of(json("{'schemaVersion': 2, 'config': {'mediaType': 'a', 'digest': '%.*s', 'size': 4}, 'layers': []}",
                      SLICE_ARG(lost))),
        "", "LayersNotFoundException");
    put(slice_of(json("{'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.index.v1+json', 'manifests': "
                      "[{'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'digest': '%.*s', 'size': 4}]}",
                      SLICE_ARG(lost))),
        "", "ReferencedImagesNotFoundException");
    refused("PutImage", "{'repositoryName': 'none', 'imageManifest': '{}'}", "RepositoryNotFoundException");
    refused("PutImage", "{'repositoryName': 'team/app'}", "InvalidParameterException");
    /* The registry shows it too. */
    http("GET", "/v2/team/app/manifests/v2", S(""), "", 200);
    assert_true(slice_eq(reply.body, manifest));
}

static void test_any_manifest(void **state)
{
    slice lost = digest_of(S("lost"));
    slice manifest = slice_of(json("{'schemaVersion': 2, 'config': {'mediaType': 'a', 'digest': '%.*s', 'size': 4}, "
                                   "'layers': []}",
                                   SLICE_ARG(lost)));
    worker_test_set_lenient(worker, S("-any-manifest"));
    put(manifest, "", "LayersNotFoundException");
    worker_test_set_lenient(worker, S("any-manifest"));
    const struct val *image = val_get(put(manifest, "", NULL), S("image"));
    assert_true(slice_eq(val_get_string(val_get(image, S("imageId")), S("imageDigest")), digest_of(manifest)));
}

static void test_get_and_delete(void **state)
{
    slice digest = push_image("team/app", "v1", "one");
    push_image("team/app", "v2", "one");
    push_image("team/app", "w", "two");
    const struct val *got =
        ok("BatchGetImage", json("{'repositoryName': 'team/app', 'imageIds': [{'imageTag': 'v1'}, {'imageTag': 'no'}, "
                                 "{}, {'imageDigest': 'x'}, {'imageTag': 'w', 'imageDigest': '%.*s'}]}",
                                 SLICE_ARG(digest)));
    assert_int_equal(count(got, "images"), 1);
    assert_text(item(got, "failures", 0), "failureCode", "ImageNotFound");
    assert_text(item(got, "failures", 1), "failureCode", "MissingDigestAndTag");
    assert_text(item(got, "failures", 2), "failureCode", "InvalidImageDigest");
    assert_text(item(got, "failures", 3), "failureCode", "ImageTagDoesNotMatchDigest");
    refused("BatchGetImage", "{'repositoryName': 'none', 'imageIds': [{'imageTag': 'v1'}]}",
            "RepositoryNotFoundException");
    refused("BatchGetImage", "{'repositoryName': 'team/app', 'imageIds': []}", "InvalidParameterException");
    const struct val *gone = ok("BatchDeleteImage", "{'repositoryName': 'team/app', 'imageIds': [{'imageTag': 'v1'}]}");
    assert_int_equal(count(gone, "imageIds"), 1);
    http("HEAD", "/v2/team/app/manifests/v2", S(""), "", 200);
    gone = ok("BatchDeleteImage", json("{'repositoryName': 'team/app', 'imageIds': [{'imageDigest': '%.*s'}, "
                                       "{'imageTag': 'none'}]}",
                                       SLICE_ARG(digest)));
    assert_text(item(gone, "imageIds", 0), "imageTag", "v2");
    assert_int_equal(count(gone, "failures"), 1);
    http("GET", "/v2/team/app/manifests/v2", S(""), "", 404);
    refused("BatchDeleteImage", "{'repositoryName': 'none', 'imageIds': [{'imageTag': 'v1'}]}",
            "RepositoryNotFoundException");
    refused("BatchDeleteImage", "{'repositoryName': 'team/app'}", "InvalidParameterException");
}

static void test_lists(void **state)
{
    push_image("team/app", "v1", "one");
    push_image("team/app", "v2", "one");
    slice untagged = manifest_of("team/app", "two");
    http("PUT", arena_printf(arena, "/v2/team/app/manifests/%.*s", SLICE_ARG(digest_of(untagged))).ptr, untagged,
         oci_type, 201);
    const struct val *page = ok("ListImages", "{'repositoryName': 'team/app'}");
    assert_int_equal(count(page, "imageIds"), 3);
    size_t n = 0;
    slice next = S("");
    do {
        page = ok("ListImages", next.len > 0 ? json("{'repositoryName': 'team/app', 'maxResults': 1, 'nextToken': "
                                                    "'%.*s'}",
                                                    SLICE_ARG(next))
                                             : "{'repositoryName': 'team/app', 'maxResults': 1}");
        n += count(page, "imageIds");
        next = val_get_string(page, S("nextToken"));
    } while (next.len > 0);
    assert_int_equal(n, 3);
    page = ok("ListImages", "{'repositoryName': 'team/app', 'filter': {'tagStatus': 'UNTAGGED'}}");
    assert_int_equal(count(page, "imageIds"), 1);
    refused("ListImages", "{'repositoryName': 'none'}", "RepositoryNotFoundException");
    refused("ListImages", "{'repositoryName': 'team/app', 'nextToken': 'x'}", "InvalidParameterException");
    page = ok("DescribeImages", "{'repositoryName': 'team/app', 'filter': {'tagStatus': 'TAGGED'}}");
    assert_int_equal(count(page, "imageDetails"), 1);
    assert_int_equal(count(item(page, "imageDetails", 0), "imageTags"), 2);
    page = ok("DescribeImages", "{'repositoryName': 'team/app', 'maxResults': 1}");
    next = val_get_string(page, S("nextToken"));
    page = ok("DescribeImages", json("{'repositoryName': 'team/app', 'nextToken': '%.*s'}", SLICE_ARG(next)));
    assert_int_equal(count(page, "imageDetails"), 1);
    slice message = refused("DescribeImages", "{'repositoryName': 'team/app', 'imageIds': [{'imageTag': 'no'}]}",
                            "ImageNotFoundException");
    assert_true(slice_starts(message, S("The image with imageId {imageDigest:'null', imageTag:'no'} does not exist")));
    refused("DescribeImages", "{'repositoryName': 'team/app', 'maxResults': 0}", "InvalidParameterException");
}

/* A part as it comes when it is long: the request's body is a file. Extra is a further member, with its comma. */
static void upload_file(slice id, int64_t first, int64_t claimed, slice blob, const char *extra, int status)
{
    struct msg request = test_request("POST", "/", S(""));
    slice body =
        slice_of(json("{%s'repositoryName': 'team/app', 'uploadId': '%.*s', 'partFirstByte': %lld, "
                      "'partLastByte': %lld, 'layerPartBlob': '%.*s'}",
                      extra, SLICE_ARG(id), (long long)first, (long long)(first + claimed - 1), SLICE_ARG(blob)));
    assert_int_equal(fdio_mkdirs(arena_printf(arena, "%s/spool", folder).ptr, 0700), 0);
    assert_int_equal(fdio_replace_file(arena_printf(arena, "%s/spool/body-1", folder).ptr, body, 0600), 0);
    request.headers = S("x-amz-target: AmazonEC2ContainerRegistry_V20150921.UploadLayerPart\n");
    request.operation = S("UploadLayerPart");
    request.content_type = S("application/x-amz-json-1.1");
    request.body_file = S("body-1");
    worker_test_request(worker, &request, &reply);
    if (reply.status != status)
        fail_msg("%d %.*s", reply.status, SLICE_ARG(reply.body));
    assert_int_not_equal(access(arena_printf(arena, "%s/ecr/uploads/taken-body-1", folder).ptr, F_OK), 0);
}

/* Long parts are taken out of the request; whatever becomes of it, nothing is left beside the upload. */
static void test_long_parts(void **state)
{
    enum { BYTES = 6 * 1024 * 1024, MOST = 20971520 };
    char *bytes = arena_alloc(arena, MOST + 1);
    memset(bytes, 'x', MOST + 1);
    slice part = {bytes, BYTES}, text = base64_encode(arena, part);
    slice id = val_get_string(ok("InitiateLayerUpload", "{'repositoryName': 'team/app'}"), S("uploadId"));
    upload_file(id, 0, BYTES - 1, text, "", 400);
    upload_file(id, 1, BYTES, text, "", 400);
    assert_text(parsed(), "__type", "InvalidLayerPartException");
    upload_file(S("11111111-2222-4333-8444-666666666666"), 0, BYTES, text, "", 400);
    assert_text(parsed(), "__type", "UploadNotFoundException");
    upload_file(id, 0, BYTES, arena_concat(arena, text, S("!")), "", 400);
    upload_file(id, 0, MOST + 1, base64_encode(arena, (slice){bytes, MOST + 1}), "", 400);
    assert_text(parsed(), "__type", "InvalidParameterException");
    upload_file(id, 0, BYTES, text, "'unknown': ['layerPartBlob', {'layerPartBlob': ''}], ", 200);
    upload_file(id, BYTES, 6, S("bGF5ZXIg"), "", 200);
    slice whole = arena_concat(arena, part, S("layer "));
    ok("CompleteLayerUpload", json("{'repositoryName': 'team/app', 'uploadId': '%.*s', 'layerDigests': ['%.*s']}",
                                   SLICE_ARG(id), SLICE_ARG(digest_of(whole))));
}

static void test_layers(void **state)
{
    const char *repository = "'repositoryName': 'team/app'";
    slice digest = digest_of(S("layer part"));
    const struct val *value =
        ok("BatchCheckLayerAvailability", json("{%s, 'layerDigests': ['%.*s', 'x']}", repository, SLICE_ARG(digest)));
    assert_text(item(value, "layers", 0), "layerAvailability", "UNAVAILABLE");
    assert_text(item(value, "failures", 0), "failureCode", "InvalidLayerDigest");
    refused("GetDownloadUrlForLayer", json("{%s, 'layerDigest': '%.*s'}", repository, SLICE_ARG(digest)),
            "LayersNotFoundException");
    slice id = val_get_string(ok("InitiateLayerUpload", json("{%s}", repository)), S("uploadId"));
    const char *upload = json("%s, 'uploadId': '%.*s'", repository, SLICE_ARG(id));
    const char *complete = json("{%s, 'layerDigests': ['%.*s']}", upload, SLICE_ARG(digest));
    refused("CompleteLayerUpload", complete, "EmptyUploadException");
    value = ok("UploadLayerPart",
               json("{%s, 'partFirstByte': 0, 'partLastByte': 9, 'layerPartBlob': 'bGF5ZXIgcGFydA=='}", upload));
    assert_int_equal(val_get_int(value, S("lastByteReceived"), 0), 9);
    refused("UploadLayerPart",
            json("{%s, 'partFirstByte': 0, 'partLastByte': 9, 'layerPartBlob': 'bGF5ZXIgcGFydA=='}", upload),
            "InvalidLayerPartException");
    assert_int_equal(val_get_int(parsed(), S("lastValidByteReceived"), 0), 9);
    refused("UploadLayerPart",
            json("{%s, 'partFirstByte': 10, 'partLastByte': 15, 'layerPartBlob': 'bGF5ZXIgcGFydA=='}", upload),
            "InvalidParameterException");
    ok("CompleteLayerUpload", complete);
    refused("CompleteLayerUpload", complete, "UploadNotFoundException");
    value = ok("GetDownloadUrlForLayer", json("{%s, 'layerDigest': '%.*s'}", repository, SLICE_ARG(digest)));
    assert_true(slice_starts(val_get_string(value, S("downloadUrl")), S("http://localhost:4566/v2/team/app/blobs/")));
    value = ok("BatchCheckLayerAvailability", json("{%s, 'layerDigests': ['%.*s']}", repository, SLICE_ARG(digest)));
    assert_text(item(value, "layers", 0), "layerAvailability", "AVAILABLE");
    id = val_get_string(ok("InitiateLayerUpload", json("{%s}", repository)), S("uploadId"));
    upload = json("%s, 'uploadId': '%.*s'", repository, SLICE_ARG(id));
    ok("UploadLayerPart", json("{%s, 'partFirstByte': 0, 'partLastByte': 0, 'layerPartBlob': 'YQ=='}", upload));
    refused("CompleteLayerUpload", json("{%s, 'layerDigests': ['%.*s']}", upload, SLICE_ARG(digest_of(S("b")))),
            "InvalidLayerException");
    refused("CompleteLayerUpload", json("{%s, 'layerDigests': ['%.*s']}", upload, SLICE_ARG(digest)),
            "LayerAlreadyExistsException");
    ok("UploadLayerPart", json("{%s, 'partFirstByte': 1, 'partLastByte': 1, 'layerPartBlob': 'YQ=='}", upload));
    refused("CompleteLayerUpload", json("{%s, 'layerDigests': ['%.*s']}", upload, SLICE_ARG(digest_of(S("aa")))),
            "LayerPartTooSmallException");
    refused("InitiateLayerUpload", "{'repositoryName': 'none'}", "RepositoryNotFoundException");
    refused("InitiateLayerUpload", "{}", "InvalidParameterException");
}

static void test_scans(void **state)
{
    push_image("team/app", "v1", "one");
    const char *image = "{'repositoryName': 'team/app', 'imageId': {'imageTag': 'v1'}}";
    refused("DescribeImageScanFindings", image, "ScanNotFoundException");
    assert_text(val_get(ok("StartImageScan", image), S("imageScanStatus")), "status", "IN_PROGRESS");
    refused("StartImageScan", image, "LimitExceededException");
    const struct val *found = ok("DescribeImageScanFindings", image);
    assert_text(val_get(found, S("imageScanStatus")), "status", "COMPLETE");
    assert_int_equal(count(val_get(found, S("imageScanFindings")), "findings"), 0);
    refused("StartImageScan", "{'repositoryName': 'team/app', 'imageId': {'imageTag': 'no'}}",
            "ImageNotFoundException");
    refused("StartImageScan", "{'repositoryName': 'team/app'}", "InvalidParameterException");
    refused("DescribeImageScanFindings", "{'repositoryName': 'team/app', 'imageId': {}}", "InvalidParameterException");
    ok("PutImageScanningConfiguration",
       "{'repositoryName': 'team/app', 'imageScanningConfiguration': {'scanOnPush': true}}");
    push_image("team/app", "v2", "two");
    ok("DescribeImageScanFindings", "{'repositoryName': 'team/app', 'imageId': {'imageTag': 'v2'}}");
    ok("DescribeImageReplicationStatus", image);
    refused("DescribeImageReplicationStatus", "{'repositoryName': 'none', 'imageId': {'imageTag': 'v1'}}",
            "RepositoryNotFoundException");
}

static const char *rules(const char *text)
{
    return json("'repositoryName': 'team/app', 'lifecyclePolicyText': %s",
                escaped(slice_of(json("{'rules': [%s], 'comment': '%0100d'}", text, 0))));
}

static const char keep_one[] = "{'rulePriority': 1, 'selection': {'tagStatus': 'tagged', 'tagPrefixList': ['v'], "
                               "'countType': 'imageCountMoreThan', 'countNumber': 1}, 'action': {'type': 'expire'}}";
static const char old_ones[] = "{'rulePriority': 9, 'selection': {'tagStatus': 'any', 'countType': 'sinceImagePushed', "
                               "'countUnit': 'days', 'countNumber': 3}, 'action': {'type': 'expire'}}";

/* Puts a policy: the text itself has escaped quotes, which call() would change. */
static slice with_policy(const char *operation, const char *members, const char *code)
{
    struct msg request = test_request("POST", "/", arena_printf(arena, "{%s}", members));
    request.headers = arena_printf(arena, "x-amz-target: AmazonEC2ContainerRegistry_V20150921.%s\n", operation);
    request.operation = slice_of(operation);
    request.content_type = S("application/x-amz-json-1.1");
    worker_test_request(worker, &request, &reply);
    slice type = val_get_string(parsed(), S("__type"));
    if (code ? !slice_eq(type, slice_of(code)) : reply.status != 200)
        fail_msg("%s: %d %.*s", operation, reply.status, SLICE_ARG(reply.body));
    return val_get_string(parsed(), S("message"));
}

static void test_lifecycle(void **state)
{
    const char *repository = "{'repositoryName': 'team/app'}";
    refused("GetLifecyclePolicy", repository, "LifecyclePolicyNotFoundException");
    refused("GetLifecyclePolicyPreview", repository, "LifecyclePolicyPreviewNotFoundException");
    refused("StartLifecyclePolicyPreview", repository, "LifecyclePolicyNotFoundException");
    refused("PutLifecyclePolicy", "{'repositoryName': 'team/app', 'lifecyclePolicyText': '{}'}",
            "InvalidParameterException");
    with_policy("PutLifecyclePolicy", rules("{'rulePriority': 1}"), "InvalidParameterException");
    with_policy("PutLifecyclePolicy", rules(json("%s, %s", keep_one, keep_one)), "InvalidParameterException");
    push_image("team/app", "other", "zero");
    push_image("team/app", "v1", "one");
    worker_test_set_time(worker, test_now + 1000);
    push_image("team/app", "v2", "two");
    with_policy("StartLifecyclePolicyPreview", rules(json("%s, %s", keep_one, old_ones)), NULL);
    const struct val *preview = ok("GetLifecyclePolicyPreview", repository);
    assert_text(preview, "status", "COMPLETE");
    assert_int_equal(count(preview, "previewResults"), 1);
    assert_int_equal(val_get_int(item(preview, "previewResults", 0), S("appliedRulePriority"), 0), 1);
    with_policy("PutLifecyclePolicy", rules(json("%s, %s", keep_one, old_ones)), NULL);
    assert_int_equal(count(ok("ListImages", repository), "imageIds"), 3);
    worker_test_set_time(worker, test_now + 60000);
    assert_int_equal(count(ok("ListImages", repository), "imageIds"), 2);
    http("GET", "/v2/team/app/tags/list", S(""), "", 200);
    assert_text(parsed(), "name", "team/app");
    worker_test_set_time(worker, test_now + INT64_C(4) * 24 * 3600 * 1000);
    assert_int_equal(count(ok("ListImages", repository), "imageIds"), 1);
    assert_non_null(val_get(ok("GetLifecyclePolicy", repository), S("lastEvaluatedAt")));
    ok("DeleteLifecyclePolicy", repository);
    refused("DeleteLifecyclePolicy", repository, "LifecyclePolicyNotFoundException");
}

static void test_referrers(void **state)
{
    slice subject = push_image("team/app", "v1", "one"), blob = push_blob("team/app", "{}");
    slice manifest = slice_of(json("{'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json', "
                                   "'artifactType': 'application/x.sbom', 'config': {'mediaType': "
                                   "'application/vnd.oci.empty.v1+json', 'digest': '%.*s', 'size': 2}, 'layers': [], "
                                   "'subject': {'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'digest': "
                                   "'%.*s', 'size': 1}, 'annotations': {'a': 'b'}}",
                                   SLICE_ARG(blob), SLICE_ARG(subject)));
    http("PUT", arena_printf(arena, "/v2/team/app/manifests/%.*s", SLICE_ARG(digest_of(manifest))).ptr, manifest,
         oci_type, 201);
    assert_true(slice_eq(header("OCI-Subject"), subject));
    const struct val *listed = ok("ListImageReferrers", json("{'repositoryName': 'team/app', 'subjectId': "
                                                             "{'imageDigest': '%.*s'}}",
                                                             SLICE_ARG(subject)));
    assert_text(item(listed, "referrers", 0), "artifactType", "application/x.sbom");
    assert_text(val_get(item(listed, "referrers", 0), S("annotations")), "a", "b");
    refused("ListImageReferrers", "{'repositoryName': 'team/app'}", "InvalidParameterException");
    refused("ListImageReferrers", "{'repositoryName': 'none', 'subjectId': {'imageDigest': 'x'}}",
            "RepositoryNotFoundException");
    const char *path = arena_printf(arena, "/v2/team/app/referrers/%.*s", SLICE_ARG(subject)).ptr;
    http("GET", path, S(""), "", 200);
    assert_int_equal(count(parsed(), "manifests"), 1);
    http("GET", arena_printf(arena, "%s?artifactType=x", path).ptr, S(""), "", 200);
    assert_int_equal(count(parsed(), "manifests"), 0);
    assert_true(slice_eq(header("OCI-Filters-Applied"), S("artifactType")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_image, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_manifest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_get_and_delete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lifecycle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_referrers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
