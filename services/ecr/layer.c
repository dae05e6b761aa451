/* layer: the API's own way to ask for, upload and fetch layers. */
#include "services/ecr/ecr.h"

#include "common/json.h"
#include "common/limits.h"
#include "ecr_api.h"
#include "proto/msg.h"
#include "services/ecr/blob.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/upstream.h"
#include "services/worker/long_member.h"

enum { PART_BYTES = 10 * 1024 * 1024, MAX_PARTS = 4200 };

static const int64_t url_life_ms = 60 * 60 * 1000;

int ecr_batch_check_layer_availability(struct call *c, const struct ecr_batch_check_layer_availability_in *in,
                                       struct ecr_batch_check_layer_availability_out *out)
{
    struct repository repository;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    out->layers.set = out->failures.set = true;
    list_foreach (digest, &in->layer_digests) {
        int64_t bytes;
        if (!content_is_digest(*digest)) {
            *list_add(c->arena, &out->failures) = (struct ecr_layer_failure){
                .layer_digest = *digest,
                .failure_code = S("InvalidLayerDigest"),
                .failure_reason = S("Invalid request parameters: layer digest should satisfy the regex "
                                    "'[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"),
            };
            continue;
        }
        bool found = blob_find(c, repository.id, *digest, &bytes);
        struct ecr_layer *layer = list_add(c->arena, &out->layers);
        layer->layer_digest = *digest;
        layer->layer_availability = found ? S("AVAILABLE") : S("UNAVAILABLE");
        if (found) {
            layer->layer_size = opt_int(bytes);
            layer->media_type = S("application/vnd.docker.image.rootfs.diff.tar.gzip");
        }
    }
    return 0;
}

int ecr_get_download_url_for_layer(struct call *c, const struct ecr_get_download_url_for_layer_in *in,
                                   struct ecr_get_download_url_for_layer_out *out)
{
    struct repository repository;
    int64_t bytes;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (!content_is_digest(in->layer_digest) || !blob_find(c, repository.id, in->layer_digest, &bytes))
        return fail(c, &ecr_layers_not_found,
                    "Layer with digest '%.*s' does not exist in the repository with name '%.*s' in the registry with "
                    "id '%.*s'",
                    SLICE_ARG(in->layer_digest), SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    slice token = token_make(c, repository.account, c->now_ms + url_life_ms);
    out->download_url = arena_printf(c->arena, "http://%.*s/v2/%.*s/blobs/%.*s?token=%.*s", SLICE_ARG(token_host(c)),
                                     SLICE_ARG(repository.name), SLICE_ARG(in->layer_digest), SLICE_ARG(token));
    out->layer_digest = in->layer_digest;
    return 0;
}

int ecr_initiate_layer_upload(struct call *c, const struct ecr_initiate_layer_upload_in *in,
                              struct ecr_initiate_layer_upload_out *out)
{
    struct repository repository;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    out->upload_id = blob_upload_begin(c, repository.id);
    out->part_size = opt_int(PART_BYTES);
    return 0;
}

static int upload_get(struct call *c, const struct repository *repository, slice id, struct upload *upload)
{
    if (blob_upload_find(c, repository->id, id, upload))
        return 0;
    return fail(c, &ecr_upload_not_found,
                "Upload with id '%.*s' does not exist in the repository with name '%.*s' in the registry with id "
                "'%.*s'",
                SLICE_ARG(id), SLICE_ARG(repository->name), SLICE_ARG(repository->account));
}

int layer_take_part(struct call *c)
{
    slice file = c->request->body_file, target = msg_header(c->request, S("x-amz-target"));
    if (file.len == 0 || slice_index(file, '/') < file.len || !slice_ends(target, S(".UploadLayerPart")))
        return 0;
    return long_member_take(c, S("layerPartBlob"), blob_taken_path(c, NULL));
}

/* How long it is: what the codec has left of it, or the file that was taken out of the request. */
static int part_bytes(struct call *c, const struct ecr_upload_layer_part_in *in, int64_t *bytes, slice *blob)
{
    *blob = in->layer_part_blob;
    *bytes = (int64_t)blob->len;
    if (blob->len > 0 || !c->body.ptr)
        return 0;
    blob_taken_path(c, bytes);
    *blob = *bytes < 0 ? S("") : (slice){NULL, 0};
    if (*bytes <= LIMIT_LAYER_PART_BYTES)
        return 0;
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'must have length less than or "
                "equal to %d'",
                LIMIT_LAYER_PART_BYTES);
}

/* Parts follow each other without gaps. */
static int check_part(struct call *c, const struct ecr_upload_layer_part_in *in, int64_t bytes,
                      const struct repository *repository, const struct upload *upload)
{
    if (in->part_last_byte.v < in->part_first_byte.v || in->part_last_byte.v - in->part_first_byte.v + 1 != bytes)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'Layer part size must equal "
                    "partLastByte - partFirstByte + 1'");
    if (upload->parts >= MAX_PARTS)
        return fail(c, &ecr_limit_exceeded, "The layer upload has more than %d parts", MAX_PARTS);
    if (in->part_first_byte.v == upload->bytes)
        return 0;
    struct val extra = val_object();
    val_set(c->arena, &extra, S("registryId"), val_string(repository->account));
    val_set(c->arena, &extra, S("repositoryName"), val_string(repository->name));
    val_set(c->arena, &extra, S("uploadId"), val_string(upload->id));
    val_set(c->arena, &extra, S("lastValidByteReceived"), val_int(upload->bytes - 1));
    return fail_with(c, &ecr_invalid_layer_part, arena_copy(c->arena, &extra, sizeof(extra)),
                     "Invalid layer part provided for layer upload with id '%.*s' in the repository with name '%.*s' "
                     "in registry with id '%.*s'. The first byte must be %lld, not %lld",
                     SLICE_ARG(upload->id), SLICE_ARG(repository->name), SLICE_ARG(repository->account),
                     (long long)upload->bytes, (long long)in->part_first_byte.v);
}

int ecr_upload_layer_part(struct call *c, const struct ecr_upload_layer_part_in *in,
                          struct ecr_upload_layer_part_out *out)
{
    struct repository repository;
    struct upload upload;
    int64_t bytes;
    slice blob;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(upload_get(c, &repository, in->upload_id, &upload));
    TRY(part_bytes(c, in, &bytes, &blob));
    TRY(check_part(c, in, bytes, &repository, &upload));
    TRY(blob_upload_add_bytes(c, &upload, blob));
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->upload_id = upload.id;
    out->last_byte_received = in->part_last_byte;
    return 0;
}

int ecr_complete_layer_upload(struct call *c, const struct ecr_complete_layer_upload_in *in,
                              struct ecr_complete_layer_upload_out *out)
{
    struct repository repository;
    struct upload upload;
    int64_t bytes;
    slice digest = in->layer_digests.items[0];
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(upload_get(c, &repository, in->upload_id, &upload));
    if (upload.bytes == 0)
        return fail(c, &ecr_empty_upload,
                    "The upload with id '%.*s' in the repository with name '%.*s' does not contain any layer parts",
                    SLICE_ARG(upload.id), SLICE_ARG(repository.name));
    if (upload.small)
        return fail(c, &ecr_layer_part_too_small,
                    "Layer parts must be at least 5 MiB in size, but for the last, in the upload with id '%.*s'",
                    SLICE_ARG(upload.id));
    if (!content_is_digest(digest))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'must be sha256 digests'");
    if (blob_find(c, repository.id, digest, &bytes))
        return fail(c, &ecr_layer_already_exists,
                    "Layer with digest '%.*s' already exists in the repository with name '%.*s' in registry with id "
                    "'%.*s'",
                    SLICE_ARG(digest), SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    int result = blob_upload_finish(c, repository.id, &upload, digest, false);
    if (result == BAD_INPUT)
        return fail(c, &ecr_invalid_layer,
                    "Layer digest '%.*s' does not match the digest calculated from the uploaded layer parts",
                    SLICE_ARG(digest));
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->upload_id = upload.id;
    out->layer_digest = digest;
    return result;
}
