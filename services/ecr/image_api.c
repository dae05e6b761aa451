/* image_api: PutImage, BatchGetImage, BatchDeleteImage. */
#include "services/ecr/ecr.h"

#include "ecr_api.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/upstream.h"

static struct ecr_image_identifier *identifier(struct call *c, slice digest, slice tag)
{
    struct ecr_image_identifier *id = arena_alloc(c->arena, sizeof(*id));
    *id = (struct ecr_image_identifier){.image_digest = digest, .image_tag = tag};
    return id;
}

static void show(struct call *c, const struct repository *repository, const struct image *image, slice tag,
                 struct ecr_image *out)
{
    *out = (struct ecr_image){
        .registry_id = repository->account,
        .repository_name = repository->name,
        .image_id = identifier(c, image->digest, tag),
        .image_manifest = image->manifest,
        .image_manifest_media_type = image->media_type,
    };
}

int ecr_put_image(struct call *c, const struct ecr_put_image_in *in, struct ecr_put_image_out *out)
{
    struct repository repository;
    struct image image;
    struct image_push push = {in->image_manifest, in->image_manifest_media_type, in->image_tag, in->image_digest};
    bool repeated;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(image_push(c, &repository, &push, &image, &repeated));
    if (repeated && in->image_tag.ptr)
        return fail(c, &ecr_image_already_exists,
                    "Image with digest '%.*s' and tag '%.*s' already exists in the repository with name '%.*s' in "
                    "registry with id '%.*s'",
                    SLICE_ARG(image.digest), SLICE_ARG(in->image_tag), SLICE_ARG(repository.name),
                    SLICE_ARG(repository.account));
    if (repeated)
        return fail(c, &ecr_image_already_exists,
                    "Image with digest '%.*s' already exists in the repository with name '%.*s' in registry with id "
                    "'%.*s'",
                    SLICE_ARG(image.digest), SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    out->image = arena_alloc(c->arena, sizeof(*out->image));
    show(c, &repository, &image, in->image_tag, out->image);
    return 0;
}

/* Why an identifier is no use; false when it may be one. */
static bool refuse_identifier(const struct ecr_image_identifier *id, struct ecr_image_failure *failure)
{
    if (!id->image_digest.ptr && !id->image_tag.ptr) {
        failure->failure_code = S("MissingDigestAndTag");
        failure->failure_reason = S("Invalid request parameters: both tag and digest cannot be null");
    } else if (id->image_digest.ptr && !content_is_digest(id->image_digest)) {
        failure->failure_code = S("InvalidImageDigest");
        failure->failure_reason =
            S("Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
    } else if (id->image_tag.ptr && !manifest_is_tag(id->image_tag)) {
        failure->failure_code = S("InvalidImageTag");
        failure->failure_reason = S("Invalid request parameters: image tag is not valid");
    }
    return failure->failure_code.ptr != NULL;
}

static bool find(struct call *c, const struct repository *repository, const struct ecr_image_identifier *id,
                 struct image *image, struct ecr_image_failure *failure)
{
    failure->image_id = identifier(c, id->image_digest, id->image_tag);
    if (refuse_identifier(id, failure))
        return false;
    if (image_find(c, repository->id, id->image_tag, id->image_digest, image))
        return true;
    failure->failure_code = S("ImageNotFound");
    failure->failure_reason = S("Requested image not found");
    if (id->image_tag.ptr && id->image_digest.ptr &&
        image_find(c, repository->id, id->image_tag, (slice){NULL, 0}, image)) {
        failure->failure_code = S("ImageTagDoesNotMatchDigest");
        failure->failure_reason = S("Requested image tag does not map to the requested image digest");
    }
    return false;
}

static bool accepts(const struct ecr_media_type_list *types, slice type)
{
    list_foreach (one, types) {
        if (slice_eq(*one, type))
            return true;
    }
    return types->len == 0;
}

int ecr_batch_get_image(struct call *c, const struct ecr_batch_get_image_in *in, struct ecr_batch_get_image_out *out)
{
    struct repository repository;
    bool deep = slice_eq(c->request->protocol, S("internal"));
    list_foreach (id, &in->image_ids) {
        struct upstream_want want = {in->registry_id, in->repository_name, id->image_tag, id->image_digest, deep};
        TRY(upstream_image(c, &want));
    }
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    out->images.set = out->failures.set = true;
    list_foreach (id, &in->image_ids) {
        struct image image;
        struct ecr_image_failure failure = {0};
        bool found = find(c, &repository, id, &image, &failure);
        if (found && !accepts(&in->accepted_media_types, image.media_type)) {
            failure.failure_code = S("ImageNotFound");
            failure.failure_reason = S("Requested image not found in an accepted media type");
            found = false;
        }
        if (!found) {
            *list_add(c->arena, &out->failures) = failure;
            continue;
        }
        image_note_pull(c, &image);
        show(c, &repository, &image, id->image_tag, list_add(c->arena, &out->images));
    }
    return 0;
}

/* A tag alone takes only the tag, unless it is the image's last. */
static void delete_one(struct call *c, const struct repository *repository, const struct ecr_image_identifier *id,
                       const struct image *image, struct ecr_image_identifier_list *deleted)
{
    struct slice_list tags = image_tags(c, image->id);
    if (id->image_tag.ptr && tags.len > 1) {
        db_run(c->db, ECR_SQL_IMAGE_TAG_DELETE, "it", repository->id, id->image_tag);
        *list_add(c->arena, deleted) = *identifier(c, image->digest, id->image_tag);
        return;
    }
    list_foreach (tag, &tags)
        *list_add(c->arena, deleted) = *identifier(c, image->digest, *tag);
    if (tags.len == 0)
        *list_add(c->arena, deleted) = *identifier(c, image->digest, (slice){NULL, 0});
    image_delete(c, repository, image->id);
}

int ecr_batch_delete_image(struct call *c, const struct ecr_batch_delete_image_in *in,
                           struct ecr_batch_delete_image_out *out)
{
    struct repository repository;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    out->image_ids.set = out->failures.set = true;
    list_foreach (id, &in->image_ids) {
        struct image image;
        struct ecr_image_failure failure = {0};
        bool found = find(c, &repository, id, &image, &failure);
        slice parent = found ? image_parent(c, &repository, image.digest) : (slice){NULL, 0};
        if (parent.ptr && (!id->image_tag.ptr || image_tags(c, image.id).len <= 1)) {
            failure.failure_code = S("ImageReferencedByManifestList");
            failure.failure_reason =
                arena_printf(c->arena, "Requested image referenced by manifest list: [%.*s]", SLICE_ARG(parent));
            found = false;
        }
        if (found)
            delete_one(c, &repository, id, &image, &out->image_ids);
        else
            *list_add(c->arena, &out->failures) = failure;
    }
    return 0;
}
