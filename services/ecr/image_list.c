/* image_list: DescribeImages, ListImages, ListImageReferrers, and what scans say. */
#include "services/ecr/ecr.h"

#include "common/json.h"
#include "common/page.h"
#include "ecr_api.h"
#include "services/ecr/manifest.h"

enum { LIST_LIMIT = 100 };

static int fail_token(struct call *c)
{
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
}

/* All images are active. */
static bool wants_active(slice image_status)
{
    return !image_status.ptr || slice_eq(image_status, S("ACTIVE")) || slice_eq(image_status, S("ANY"));
}

/* 1: only images with tags, 0: only those without, -1: all. */
static int64_t tagged_only(slice tag_status)
{
    return !tag_status.ptr || slice_eq(tag_status, S("ANY")) ? -1 : slice_eq(tag_status, S("TAGGED"));
}

static void show(struct call *c, const struct repository *repository, const struct image *image, struct slice_list tags,
                 struct ecr_image_detail *out)
{
    *out = (struct ecr_image_detail){
        .registry_id = repository->account,
        .repository_name = repository->name,
        .image_digest = image->digest,
        .image_tags = {tags.items, tags.len, tags.len > 0},
        .image_size_in_bytes = opt_int(image->bytes),
        .image_pushed_at = opt_int(image->pushed_ms),
        .image_manifest_media_type = image->media_type,
        .artifact_media_type = image->artifact_type,
        .last_recorded_pull_time = image->pulled_ms,
        .subject_manifest_digest = image->subject,
        .image_status = S("ACTIVE"),
    };
    if (!image->scanned_ms.set)
        return;
    out->image_scan_status = arena_alloc(c->arena, sizeof(*out->image_scan_status));
    out->image_scan_status->status = S("COMPLETE");
    out->image_scan_status->description = S("The scan was completed successfully.");
    out->image_scan_findings_summary = arena_alloc(c->arena, sizeof(*out->image_scan_findings_summary));
    out->image_scan_findings_summary->image_scan_completed_at = image->scanned_ms;
    out->image_scan_findings_summary->vulnerability_source_updated_at = image->scanned_ms;
    out->image_scan_findings_summary->finding_severity_counts.set = true;
}

static int describe_named(struct call *c, const struct repository *repository, const struct ecr_describe_images_in *in,
                          struct ecr_describe_images_out *out)
{
    if (in->next_token.ptr || in->max_results.set)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'imageIds' failed to satisfy constraint: 'must not be given together with "
                    "nextToken or maxResults'");
    list_foreach (id, &in->image_ids) {
        struct image image;
        TRY(image_get(c, repository, id, &image));
        show(c, repository, &image, image_tags(c, image.id), list_add(c->arena, &out->image_details));
    }
    return 0;
}

int ecr_describe_images(struct call *c, const struct ecr_describe_images_in *in, struct ecr_describe_images_out *out)
{
    struct repository repository;
    struct image image;
    slice after, last = {0};
    size_t limit = (size_t)opt_int_or(in->max_results, LIST_LIMIT);
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (in->image_ids.set)
        return describe_named(c, &repository, in, out);
    if (page_key(c->arena, S("DescribeImages"), in->next_token, &after) != 0)
        return fail_token(c);
    out->image_details.set = true;
    if (in->filter && !wants_active(in->filter->image_status))
        return 0;
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_LIST, "iti", repository.id, after,
                                   tagged_only(in->filter ? in->filter->tag_status : (slice){NULL, 0}));
    while (db_next(&rows)) {
        image_read(&rows, &image, false);
        if (out->image_details.len == limit) {
            out->next_token = page_token(c->arena, S("DescribeImages"), last);
            break;
        }
        show(c, &repository, &image, image_tags(c, image.id), list_add(c->arena, &out->image_details));
        last = image.digest;
    }
    db_done(&rows);
    return 0;
}

/* A page goes on behind "DIGEST TAG"; one without a tag comes as "DIGEST ". */
static bool list_image(struct call *c, const struct image *image, slice after, size_t limit,
                       struct ecr_list_images_out *out, slice *last)
{
    struct slice_list tags = image_tags(c, image->id);
    slice untagged = S("");
    const slice *names = tags.len > 0 ? tags.items : &untagged;
    size_t n = tags.len > 0 ? tags.len : 1;
    for (size_t i = 0; i < n; i++) {
        slice key = arena_printf(c->arena, "%.*s %.*s", SLICE_ARG(image->digest), SLICE_ARG(names[i]));
        if (slice_cmp(key, after) <= 0)
            continue;
        if (out->image_ids.len == limit) {
            out->next_token = page_token(c->arena, S("ListImages"), *last);
            return false;
        }
        *list_add(c->arena, &out->image_ids) = (struct ecr_image_identifier){
            .image_digest = image->digest, .image_tag = tags.len > 0 ? names[i] : (slice){NULL, 0}};
        *last = key;
    }
    return true;
}

int ecr_list_images(struct call *c, const struct ecr_list_images_in *in, struct ecr_list_images_out *out)
{
    struct repository repository;
    struct image image;
    slice after, from, last = {0};
    bool more = true;
    size_t limit = (size_t)opt_int_or(in->max_results, LIST_LIMIT);
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (page_key(c->arena, S("ListImages"), in->next_token, &after) != 0)
        return fail_token(c);
    /* The image that the last page ended in may have more tags: begin just before it. */
    slice_cut(after, ' ', &from, &(slice){0});
    from = from.len > 0 ? slice_sub(from, 0, from.len - 1) : from;
    out->image_ids.set = true;
    if (in->filter && !wants_active(in->filter->image_status))
        return 0;
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_LIST, "iti", repository.id, from.ptr ? from : S(""),
                                   tagged_only(in->filter ? in->filter->tag_status : (slice){NULL, 0}));
    while (more && db_next(&rows)) {
        image_read(&rows, &image, false);
        more = list_image(c, &image, after, limit, out, &last);
    }
    db_done(&rows);
    return 0;
}

static void add_annotations(struct call *c, slice manifest, struct ecr_annotations *out)
{
    struct val document;
    slice why, text = manifest_annotations(c->arena, manifest);
    if (!text.ptr || json_parse(c->arena, text, &document, &why) != 0)
        return;
    list_foreach (field, &document.object) {
        if (field->value.type == VAL_STRING)
            *list_add(c->arena, out) = (struct ecr_annotations_entry){.key = field->key, .value = field->value.string};
    }
}

static bool asked_for(const struct ecr_list_image_referrers_filter *filter, slice artifact_type)
{
    if (!filter)
        return true;
    if (filter->artifact_status.ptr && !slice_eq(filter->artifact_status, S("ACTIVE")) &&
        !slice_eq(filter->artifact_status, S("ANY")))
        return false;
    list_foreach (type, &filter->artifact_types) {
        if (slice_eq(*type, artifact_type))
            return true;
    }
    return filter->artifact_types.len == 0;
}

int ecr_list_image_referrers(struct call *c, const struct ecr_list_image_referrers_in *in,
                             struct ecr_list_image_referrers_out *out)
{
    struct repository repository;
    struct image image;
    slice after, last = {0}, subject = in->subject_id->image_digest;
    size_t limit = (size_t)opt_int_or(in->max_results, 50);
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (page_key(c->arena, S("ListImageReferrers"), in->next_token, &after) != 0)
        return fail_token(c);
    out->referrers.set = true;
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_REFERRERS, "itt", repository.id, subject, after);
    while (db_next(&rows)) {
        image_read(&rows, &image, true);
        if (!asked_for(in->filter, image.artifact_type))
            continue;
        if (out->referrers.len == limit) {
            out->next_token = page_token(c->arena, S("ListImageReferrers"), last);
            break;
        }
        struct ecr_image_referrer *referrer = list_add(c->arena, &out->referrers);
        referrer->digest = last = image.digest;
        referrer->media_type = image.media_type;
        referrer->artifact_type = image.artifact_type;
        referrer->size = opt_int((int64_t)image.manifest.len);
        referrer->artifact_status = S("ACTIVE");
        add_annotations(c, image.manifest, &referrer->annotations);
    }
    db_done(&rows);
    return 0;
}
