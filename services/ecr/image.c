/* image: images as rows: finding, storing, tagging, deleting them. The same for the API and for the registry. */
#include "services/ecr/ecr.h"

#include "common/buf.h"
#include "ecr_api.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/worker/await.h"
#include "services/ecr/leniency.h"

enum { LONG_MANIFEST_BYTES = 64 * 1024 };

static const int64_t pull_note_ms = 60 * 1000;

void image_read(struct db_rows *rows, struct image *image, bool with_manifest)
{
    *image = (struct image){
        .id = db_int(rows, 0),
        .digest = db_text(rows, 1),
        .media_type = db_text(rows, 2),
        .artifact_type = db_text(rows, 3),
        .subject = db_text(rows, 4),
        .bytes = db_int(rows, 5),
        .pushed_ms = db_int(rows, 6),
        .manifest = with_manifest ? db_text(rows, 9) : (slice){NULL, 0},
    };
    if (!db_is_null(rows, 7))
        image->pulled_ms = opt_int(db_int(rows, 7));
    if (!db_is_null(rows, 8))
        image->scanned_ms = opt_int(db_int(rows, 8));
}

static bool find_one(struct call *c, enum ecr_sql sql, int64_t repository_id, slice key, struct image *image)
{
    struct db_rows rows = db_query(c->db, sql, "it", repository_id, key);
    bool found = db_next(&rows);
    if (found)
        image_read(&rows, image, true);
    db_done(&rows);
    return found;
}

bool image_find(struct call *c, int64_t repository_id, slice tag, slice digest, struct image *image)
{
    if (!tag.ptr)
        return find_one(c, ECR_SQL_IMAGE_BY_DIGEST, repository_id, digest, image);
    return find_one(c, ECR_SQL_IMAGE_BY_TAG, repository_id, tag, image) &&
           (!digest.ptr || slice_eq(image->digest, digest));
}

int image_fail_missing(struct call *c, const struct repository *repository, slice tag, slice digest)
{
    slice shown_digest = digest.ptr ? arena_printf(c->arena, "'%.*s'", SLICE_ARG(digest)) : S("'null'");
    slice shown_tag = tag.ptr ? arena_printf(c->arena, "'%.*s'", SLICE_ARG(tag)) : S("'null'");
    return fail(c, &ecr_image_not_found,
                "The image with imageId {imageDigest:%.*s, imageTag:%.*s} does not exist within the repository with "
                "name '%.*s' in the registry with id '%.*s'",
                SLICE_ARG(shown_digest), SLICE_ARG(shown_tag), SLICE_ARG(repository->name),
                SLICE_ARG(repository->account));
}

int image_get(struct call *c, const struct repository *repository, const struct ecr_image_identifier *id,
              struct image *image)
{
    if (!id->image_tag.ptr && !id->image_digest.ptr)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'imageId' failed to satisfy constraint: 'imageTag and imageDigest cannot "
                    "both be null'");
    if (image_find(c, repository->id, id->image_tag, id->image_digest, image))
        return 0;
    return image_fail_missing(c, repository, id->image_tag, id->image_digest);
}

struct slice_list image_tags(struct call *c, int64_t image_id)
{
    struct slice_list tags = {0};
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_TAG_LIST, "i", image_id);
    while (db_next(&rows))
        *list_add(c->arena, &tags) = db_text(&rows, 0);
    return tags;
}

/* Whether the repository has what the descriptor names, of that size. */
static bool is_there(struct call *c, const struct repository *repository, const struct descriptor *ref)
{
    struct image child;
    if (ref->is_manifest)
        return find_one(c, ECR_SQL_IMAGE_BY_DIGEST, repository->id, ref->digest, &child) &&
               (int64_t)child.manifest.len == ref->bytes;
    struct db_rows rows = db_query(c->db, ECR_SQL_LAYER_GET, "it", repository->id, ref->digest);
    bool there = db_next(&rows) && db_int(&rows, 0) == ref->bytes;
    db_done(&rows);
    return there;
}

static int check_refs(struct call *c, const struct repository *repository, const struct manifest *manifest)
{
    struct buf missing;
    bool is_index = manifest_is_index(manifest->media_type);
    buf_init(&missing, c->arena);
    list_foreach (ref, &manifest->refs) {
        if (ref->foreign || is_there(c, repository, ref))
            continue;
        buf_printf(&missing, "%s%.*s", missing.len > 0 ? ", " : "", SLICE_ARG(ref->digest));
    }
    if (missing.len == 0)
        return 0;
    return fail(c, is_index ? &ecr_referenced_images_not_found : &ecr_layers_not_found,
                "%s with digests '[%.*s]' required for pushing image into repository with name '%.*s' in the registry "
                "with id '%.*s' do not exist",
                is_index ? "Images" : "Layers", SLICE_ARG(buf_slice(&missing)), SLICE_ARG(repository->name),
                SLICE_ARG(repository->account));
}

/* A manifest and what reading it has shown. */
struct reading {
    struct manifest manifest;
    slice digest;
    bool valid;
    slice why; /* when it is not */
};

static void read_text(struct arena *arena, slice text, slice media_type, slice like, struct reading *reading)
{
    reading->digest = content_digest(arena, text, like);
    reading->valid = manifest_parse(arena, text, media_type, &reading->manifest, &reading->why) == 0;
}

/* The helper thread's part. input: the media type and the digest as the client says them, on a line each, and the
 * manifest. The outcome is a struct reading. */
static int read_long(struct await *await)
{
    slice media_type, like, text;
    struct reading *reading = arena_alloc(await->arena, sizeof(*reading));
    slice_cut(await->input, '\n', &media_type, &text);
    slice_cut(text, '\n', &like, &text);
    read_text(await->arena, text, media_type, like, reading);
    await->output = (slice){(const char *)reading, sizeof(*reading)};
    return 0;
}

/* Long ones are read beside the loop. Those of other registries come in calls that may push several. */
static int read_manifest(struct call *c, const struct image_push *push, struct reading *reading)
{
    slice outcome;
    if (push->manifest.len <= LONG_MANIFEST_BYTES || push->cached ||
        slice_index(push->media_type, '\n') < push->media_type.len) {
        read_text(c->arena, push->manifest, push->media_type, push->digest, reading);
        return 0;
    }
    slice said = arena_printf(c->arena, "%.*s\n%.*s\n", SLICE_ARG(push->media_type), SLICE_ARG(push->digest));
    TRY(await_work(c, S("manifest"), read_long, arena_concat(c->arena, said, push->manifest), &outcome));
    memcpy(reading, outcome.ptr, sizeof(*reading));
    return 0;
}

static int check_push(struct call *c, const struct repository *repository, const struct image_push *push,
                      const struct reading *reading)
{
    const struct manifest *manifest = &reading->manifest;
    slice digest = reading->digest;
    if (!reading->valid)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax or "
                    "manifest: %.*s'",
                    SLICE_ARG(reading->why));
    if (push->tag.ptr && !manifest_is_tag(push->tag))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression "
                    "'[a-zA-Z0-9_][a-zA-Z0-9-._]{0,127}''");
    if (push->digest.ptr && !slice_eq(push->digest, digest))
        return fail(c, &ecr_image_digest_does_not_match,
                    "The provided image digest '%.*s' does not match the calculated image digest '%.*s'",
                    SLICE_ARG(push->digest), SLICE_ARG(digest));
    bool unchecked = push->cached || leniency_on(c, ECR_LENIENCY_ANY_MANIFEST);
    return unchecked ? 0 : check_refs(c, repository, manifest);
}

static void insert(struct call *c, const struct repository *repository, const struct image_push *push,
                   const struct manifest *manifest, struct image *image)
{
    if (repository->scan_on_push && !manifest_is_index(manifest->media_type))
        image->scanned_ms = opt_int(c->now_ms);
    image->media_type = manifest->media_type;
    image->artifact_type = manifest->artifact_type;
    image->subject = manifest->subject;
    image->bytes = manifest_is_index(manifest->media_type) ? (int64_t)push->manifest.len
                                                           : manifest->bytes + (int64_t)push->manifest.len;
    image->pushed_ms = c->now_ms;
    image->manifest = push->manifest;
    db_run(c->db, ECR_SQL_IMAGE_INSERT, "itttttiiI", repository->id, image->digest, image->media_type,
           image->artifact_type, image->subject, image->manifest, image->bytes, image->pushed_ms, image->scanned_ms);
    image->id = db_last_id(c->db);
    list_foreach (ref, &manifest->refs)
        db_run(c->db, ECR_SQL_REFERENCE_INSERT, "itii", image->id, ref->digest, repository->id,
               (int64_t)ref->is_manifest);
}

int image_push(struct call *c, const struct repository *repository, const struct image_push *push, struct image *image,
               bool *repeated)
{
    struct reading reading;
    struct image tagged;
    *repeated = false;
    TRY(read_manifest(c, push, &reading));
    TRY(check_push(c, repository, push, &reading));
    slice digest = reading.digest;
    bool known = find_one(c, ECR_SQL_IMAGE_BY_DIGEST, repository->id, digest, image);
    bool has_tag = push->tag.ptr && image_find(c, repository->id, push->tag, (slice){NULL, 0}, &tagged);
    *repeated = known && (!push->tag.ptr || (has_tag && tagged.id == image->id));
    if (*repeated)
        return 0;
    if (has_tag && !push->cached && repository_freezes(repository, push->tag))
        return fail(c, &ecr_image_tag_already_exists,
                    "The image tag '%.*s' already exists in the '%.*s' repository and cannot be overwritten because "
                    "the tag is immutable.",
                    SLICE_ARG(push->tag), SLICE_ARG(repository->name));
    if (!known) {
        *image = (struct image){.digest = digest};
        insert(c, repository, push, &reading.manifest, image);
    }
    if (push->tag.ptr)
        db_run(c->db, ECR_SQL_IMAGE_TAG_SET, "iti", repository->id, push->tag, image->id);
    return 0;
}

void image_delete(struct call *c, const struct repository *repository, int64_t image_id)
{
    db_run(c->db, ECR_SQL_LAYER_TOUCH_IMAGE, "iii", c->now_ms, repository->id, image_id);
    db_run(c->db, ECR_SQL_IMAGE_DELETE, "i", image_id);
    call_timer_changed(c);
}

void image_note_pull(struct call *c, const struct image *image)
{
    if (!image->pulled_ms.set || c->now_ms - image->pulled_ms.v >= pull_note_ms)
        db_note(c->db, ECR_SQL_IMAGE_SET_PULLED, "ii", c->now_ms, image->id);
}

slice image_parent(struct call *c, const struct repository *repository, slice digest)
{
    slice parent = {NULL, 0};
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_PARENT, "ti", digest, repository->id);
    if (db_next(&rows))
        parent = db_text(&rows, 0);
    db_done(&rows);
    return parent;
}
