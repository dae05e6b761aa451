/* registry: the OCI distribution protocol under /v2/: what docker, podman, skopeo and others speak. It shows and
 * changes the same images as the API. */
#pragma once

#include "common/list.h"
#include "services/ecr/ecr.h"
#include "services/ecr/registry_path.h"

/* A request to the registry while it is answered. */
struct registry {
    struct call *c;
    struct msg *reply;
    struct registry_path path;
    struct pair_list query;
    slice method;
    struct repository repository;
};

/* service_raw_fn: takes every request below /v2/. */
int registry_route_answer(struct call *call, struct msg *reply, bool *taken);

/* What is wrong, by the distribution protocol's codes. */
enum registry_error {
#define REGISTRY_ERROR(name, status) REGISTRY_##name,
#include "services/ecr/registry_errors.def"
#undef REGISTRY_ERROR
};

/* Fills the reply with an error. Answers CALL_FAILED. */
int registry_fail(struct registry *r, enum registry_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a header line to the reply. */
void registry_header(struct registry *r, slice name, slice value);

/* Fills the reply; body may be absent. */
int registry_reply(struct registry *r, uint16_t status, slice content_type, slice body);

/* Sets r->repository, or fails with NAME_UNKNOWN. */
int registry_repository(struct registry *r);

/* The request's body read whole, at most limit bytes, or SIZE_INVALID. */
int registry_body(struct registry *r, size_t limit, slice *body);

/* Handlers, by what the path names and the method. */
typedef int registry_handler_fn(struct registry *r);
registry_handler_fn registry_blob_get, registry_blob_delete;
registry_handler_fn registry_upload_post, registry_upload_get, registry_upload_patch, registry_upload_put,
    registry_upload_delete;
registry_handler_fn registry_manifest_get, registry_manifest_put, registry_manifest_delete;
registry_handler_fn registry_list_tags, registry_list_referrers, registry_list_repositories;
