/* scan: image scans. Without a scanner every scan is complete at once and finds nothing. */
#include "services/ecr/ecr.h"

#include "ecr_api.h"
#include "services/ecr/manifest.h"

static const int64_t rescan_ms = INT64_C(24) * 60 * 60 * 1000;

static struct ecr_image_identifier *identifier(struct call *c, const struct image *image, slice tag)
{
    struct ecr_image_identifier *id = arena_alloc(c->arena, sizeof(*id));
    *id = (struct ecr_image_identifier){.image_digest = image->digest, .image_tag = tag};
    return id;
}

static struct ecr_image_scan_status *status(struct call *c, slice word, slice description)
{
    struct ecr_image_scan_status *status = arena_alloc(c->arena, sizeof(*status));
    *status = (struct ecr_image_scan_status){.status = word, .description = description};
    return status;
}

int ecr_start_image_scan(struct call *c, const struct ecr_start_image_scan_in *in, struct ecr_start_image_scan_out *out)
{
    struct repository repository;
    struct image image;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(image_get(c, &repository, in->image_id, &image));
    if (manifest_is_index(image.media_type))
        return fail(c, &ecr_unsupported_image_type,
                    "The image manifest media type '%.*s' is not supported for scanning", SLICE_ARG(image.media_type));
    if (image.scanned_ms.set && c->now_ms - image.scanned_ms.v < rescan_ms)
        return fail(c, &ecr_limit_exceeded, "The scan quota per image has been exceeded. Wait and try again.");
    db_run(c->db, ECR_SQL_IMAGE_SET_SCANNED, "ii", c->now_ms, image.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->image_id = identifier(c, &image, in->image_id->image_tag);
    out->image_scan_status = status(c, S("IN_PROGRESS"), (slice){NULL, 0});
    return 0;
}

int ecr_describe_image_scan_findings(struct call *c, const struct ecr_describe_image_scan_findings_in *in,
                                     struct ecr_describe_image_scan_findings_out *out)
{
    struct repository repository;
    struct image image;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(image_get(c, &repository, in->image_id, &image));
    if (in->next_token.ptr)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
    if (!image.scanned_ms.set)
        return fail(c, &ecr_scan_not_found,
                    "Image scan does not exist for the image with '{imageDigest:'%.*s', imageTag:'%.*s'}' in the "
                    "repository with name '%.*s' in the registry with id '%.*s'",
                    SLICE_ARG(image.digest),
                    SLICE_ARG(in->image_id->image_tag.ptr ? in->image_id->image_tag : S("null")),
                    SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->image_id = identifier(c, &image, in->image_id->image_tag);
    out->image_scan_status = status(c, S("COMPLETE"), S("The scan was completed successfully."));
    out->image_scan_findings = arena_alloc(c->arena, sizeof(*out->image_scan_findings));
    out->image_scan_findings->image_scan_completed_at = image.scanned_ms;
    out->image_scan_findings->vulnerability_source_updated_at = image.scanned_ms;
    out->image_scan_findings->finding_severity_counts.set = true;
    out->image_scan_findings->findings.set = true;
    return 0;
}

int ecr_describe_image_replication_status(struct call *c, const struct ecr_describe_image_replication_status_in *in,
                                          struct ecr_describe_image_replication_status_out *out)
{
    struct repository repository;
    struct image image;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(image_get(c, &repository, in->image_id, &image));
    out->repository_name = repository.name;
    out->image_id = identifier(c, &image, in->image_id->image_tag);
    out->replication_statuses.set = true;
    return 0;
}
