/* test_ecr: what the tests of the registry share: a worker in memory with a folder of its own, calls of the API as
 * JSON, and requests to /v2/ with the token that the API gave. */
#pragma once

#include "common/base64.h"
#include "common/fdio.h"
#include "common/hash.h"
#include "proto/msg.h"
#include "services/ecr/ecr.h"
#include "services/worker/test_json.h"

#include <stdlib.h>

static const int64_t test_now = 1700000000000;
static char folder[32];
static slice token;

static inline struct msg test_request(const char *method, const char *path, slice body)
{
    struct msg request = client_request("ecr");
    request.method = slice_of(method);
    request.path = slice_of(path);
    request.host = S("localhost:4566");
    request.body = body;
    return request;
}

/* Calls an operation and answers the parsed body; the reply is in `reply`. */
static inline const struct val *call(const char *operation, const char *body)
{
    struct msg request = test_request("POST", "/", slice_of(json("%s", body)));
    request.headers = arena_printf(arena, "x-amz-target: AmazonEC2ContainerRegistry_V20150921.%s\n", operation);
    request.operation = slice_of(operation);
    request.content_type = S("application/x-amz-json-1.1");
    worker_test_request(worker, &request, &reply);
    return parsed();
}

static inline const struct val *ok(const char *operation, const char *body)
{
    const struct val *value = call(operation, body);
    if (reply.status != 200)
        fail_msg("%s %s: %d %.*s", operation, body, reply.status, SLICE_ARG(reply.body));
    return value;
}

static inline slice refused(const char *operation, const char *body, const char *code)
{
    const struct val *value = call(operation, body);
    if (reply.status != 400 || !slice_eq(val_get_string(value, S("__type")), slice_of(code)))
        fail_msg("%s %s: %d %.*s", operation, body, reply.status, SLICE_ARG(reply.body));
    return val_get_string(value, S("message"));
}

/* One request to the registry; the path may have a query; more is header lines. */
static inline void ask(const char *method, const char *path, slice body, const char *more)
{
    struct msg request = test_request(method, path, body);
    slice_cut(request.path, '?', &request.path, &request.query);
    slice basic = base64_encode(arena, arena_printf(arena, "AWS:%.*s", SLICE_ARG(token)));
    request.headers = arena_printf(arena, "authorization: Basic %.*s\n%s", SLICE_ARG(basic), more);
    slice type = msg_header(&request, S("content-type"));
    request.content_type = type;
    worker_test_request(worker, &request, &reply);
}

/* The same, and which status it must have. */
static inline void http(const char *method, const char *path, slice body, const char *more, int status)
{
    ask(method, path, body, more);
    if (reply.status != status)
        fail_msg("%s %s: %d %.*s", method, path, reply.status, SLICE_ARG(reply.body));
}

/* The same, and which error. */
static inline void http_refused(const char *method, const char *path, slice body, int status, const char *code)
{
    http(method, path, body, "", status);
    assert_text(item(parsed(), "errors", 0), "code", code);
}

static inline slice digest_of(slice bytes)
{
    return arena_concat(arena, S("sha256:"), hash_sha256_hex(arena, bytes));
}

static inline slice header(const char *name)
{
    slice line, key, value, rest = reply.headers;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_cut(line, ':', &key, &value) && slice_eq_nocase(key, slice_of(name)))
            return slice_dup(arena, slice_trim(value));
    }
    return (slice){NULL, 0};
}

/* Puts a blob into a repository. */
static inline slice push_blob(const char *repository, const char *text)
{
    slice digest = digest_of(slice_of(text));
    slice path = arena_printf(arena, "/v2/%s/blobs/uploads/?digest=%.*s", repository, SLICE_ARG(digest));
    http("POST", path.ptr, slice_of(text), "", 201);
    return digest;
}

/* An image whose only layer is the text; answers its manifest. */
static inline slice manifest_of(const char *repository, const char *text)
{
    slice config = push_blob(repository, "{}"), layer = push_blob(repository, text);
    return slice_of(json("{'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'config': "
                         "{'mediaType': 'application/vnd.oci.image.config.v1+json', 'digest': '%.*s', 'size': 2}, "
                         "'layers': [{'mediaType': 'application/vnd.oci.image.layer.v1.tar+gzip', 'digest': '%.*s', "
                         "'size': %zu}]}",
                         SLICE_ARG(config), SLICE_ARG(layer), strlen(text)));
}

static const char oci_type[] = "content-type: application/vnd.oci.image.manifest.v1+json\n";

/* Pushes such an image under a tag; answers its digest. */
static inline slice push_image(const char *repository, const char *tag, const char *text)
{
    slice manifest = manifest_of(repository, text);
    http("PUT", arena_printf(arena, "/v2/%s/manifests/%s", repository, tag).ptr, manifest, oci_type, 201);
    return digest_of(manifest);
}

static inline int set_up(void **state)
{
    slice user, text;
    (void)state;
    arena = arena_open();
    memcpy(folder, "/tmp/awssim-ecr-XXXXXX", 23);
    if (!mkdtemp(folder))
        return -1;
    worker = worker_open_test_in(&ecr_process, slice_of(folder));
    const struct val *data = item(ok("GetAuthorizationToken", "{}"), "authorizationData", 0);
    if (base64_decode(arena, val_get_string(data, S("authorizationToken")), &text) != 0)
        return -1;
    slice_cut(text, ':', &user, &token);
    ok("CreateRepository", "{'repositoryName': 'team/app'}");
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    worker_close(worker);
    arena_close(arena);
    return fdio_remove_tree(folder);
}
