/* registry_manifest: manifests by tag and digest. */
#include "common/limits.h"
#include "services/ecr/blob.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/registry.h"
#include "services/ecr/upstream.h"

/* The path's reference as a tag or a digest; false when it can be neither. */
static bool split_reference(struct registry *r, slice *tag, slice *digest)
{
    *tag = *digest = (slice){NULL, 0};
    if (content_is_digest(r->path.reference))
        *digest = r->path.reference;
    else if (manifest_is_tag(r->path.reference))
        *tag = r->path.reference;
    return tag->ptr || digest->ptr;
}

static int fail_unknown(struct registry *r)
{
    return registry_fail(r, REGISTRY_MANIFEST_UNKNOWN, "Requested image not found");
}

static int find(struct registry *r, slice tag, slice digest, struct image *image)
{
    TRY(registry_repository(r));
    return image_find(r->c, r->repository.id, tag, digest, image) ? 0 : fail_unknown(r);
}

int registry_manifest_get(struct registry *r)
{
    slice tag, digest;
    struct image image;
    if (!split_reference(r, &tag, &digest))
        return fail_unknown(r);
    struct upstream_want want = {r->c->account, r->path.name, tag, digest, false};
    TRY(upstream_image(r->c, &want));
    TRY(find(r, tag, digest, &image));
    if (slice_eq(r->method, S("GET")))
        image_note_pull(r->c, &image);
    registry_header(r, S("Docker-Content-Digest"), image.digest);
    registry_header(r, S("ETag"), arena_printf(r->c->arena, "\"%.*s\"", SLICE_ARG(image.digest)));
    return registry_reply(r, 200, image.media_type, image.manifest);
}

static slice media_type_of(const struct call *c)
{
    slice type = c->request->content_type;
    return type.ptr ? slice_trim(slice_sub(type, 0, slice_index(type, ';'))) : type;
}

int registry_manifest_put(struct registry *r)
{
    struct image_push push = {.media_type = media_type_of(r->c)};
    struct image image;
    bool repeated;
    TRY(registry_repository(r));
    if (!split_reference(r, &push.tag, &push.digest))
        return registry_fail(r, REGISTRY_MANIFEST_INVALID, "'%.*s' is neither a tag nor a digest",
                             SLICE_ARG(r->path.reference));
    TRY(registry_body(r, LIMIT_MANIFEST_BYTES, &push.manifest));
    TRY(image_push(r->c, &r->repository, &push, &image, &repeated));
    registry_header(
        r, S("Location"),
        arena_printf(r->c->arena, "/v2/%.*s/manifests/%.*s", SLICE_ARG(r->repository.name), SLICE_ARG(image.digest)));
    registry_header(r, S("Docker-Content-Digest"), image.digest);
    if (image.subject.ptr)
        registry_header(r, S("OCI-Subject"), image.subject);
    return registry_reply(r, 201, (slice){NULL, 0}, (slice){NULL, 0});
}

int registry_manifest_delete(struct registry *r)
{
    slice tag, digest;
    struct image image;
    if (!split_reference(r, &tag, &digest))
        return fail_unknown(r);
    TRY(find(r, tag, digest, &image));
    if (tag.ptr)
        db_run(r->c->db, ECR_SQL_IMAGE_TAG_DELETE, "it", r->repository.id, tag);
    else
        image_delete(r->c, &r->repository, image.id);
    return registry_reply(r, 202, (slice){NULL, 0}, (slice){NULL, 0});
}
