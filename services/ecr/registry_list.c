/* registry_list: lists: tags, referrers, the catalog of repositories. */
#include "common/json.h"
#include "common/uri.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/registry.h"

enum { LIST_LIMIT = 1000 };

/* ?n= and ?last=: how many, behind what. */
static int read_page(struct registry *r, int64_t *limit, slice *last)
{
    slice n = pair_get(&r->query, S("n"));
    *last = pair_get(&r->query, S("last"));
    if (!last->ptr)
        *last = S("");
    *limit = LIST_LIMIT;
    if (!n.ptr)
        return 0;
    if (!slice_to_int64(n, limit) || *limit < 0)
        return registry_fail(r, REGISTRY_PAGINATION_NUMBER_INVALID, "invalid number of results requested");
    if (*limit > LIST_LIMIT)
        *limit = LIST_LIMIT;
    return 0;
}

static void link_next(struct registry *r, slice path, int64_t limit, slice last)
{
    registry_header(r, S("Link"),
                    arena_printf(r->c->arena, "<%.*s?n=%lld&last=%.*s>; rel=\"next\"", SLICE_ARG(path),
                                 (long long)limit, SLICE_ARG(uri_encode(r->c->arena, last, false))));
}

/* Writes the first column of the rows, at most limit. Answers whether there are more. */
static bool write_names(struct json_writer *w, struct db_rows *rows, int column, int64_t limit, slice *last)
{
    int64_t n = 0;
    bool more = false;
    json_array_begin(w);
    while (!more && db_next(rows)) {
        more = n++ == limit;
        if (!more)
            json_string(w, *last = db_text(rows, column));
    }
    db_done(rows);
    json_array_end(w);
    return more;
}

int registry_list_tags(struct registry *r)
{
    int64_t limit;
    slice last;
    TRY(read_page(r, &limit, &last));
    TRY(registry_repository(r));
    struct json_writer *w = json_writer_open(r->c->arena);
    struct db_rows rows = db_query(r->c->db, ECR_SQL_IMAGE_TAG_PAGE, "iti", r->repository.id, last, limit + 1);
    json_object_begin(w);
    json_key(w, S("name"));
    json_string(w, r->repository.name);
    json_key(w, S("tags"));
    if (write_names(w, &rows, 0, limit, &last) && limit > 0)
        link_next(r, arena_printf(r->c->arena, "/v2/%.*s/tags/list", SLICE_ARG(r->repository.name)), limit, last);
    json_object_end(w);
    return registry_reply(r, 200, S("application/json"), json_writer_close(w));
}

int registry_list_repositories(struct registry *r)
{
    int64_t limit;
    slice last;
    TRY(read_page(r, &limit, &last));
    struct json_writer *w = json_writer_open(r->c->arena);
    struct db_rows rows =
        db_query(r->c->db, ECR_SQL_REPOSITORY_LIST, "ttti", r->c->account, r->c->region, last, limit + 1);
    json_object_begin(w);
    json_key(w, S("repositories"));
    if (write_names(w, &rows, 1, limit, &last) && limit > 0)
        link_next(r, S("/v2/_catalog"), limit, last);
    json_object_end(w);
    return registry_reply(r, 200, S("application/json"), json_writer_close(w));
}

static void write_referrer(struct registry *r, struct json_writer *w, const struct image *image)
{
    struct val annotations;
    slice why, text = manifest_annotations(r->c->arena, image->manifest);
    json_object_begin(w);
    json_key(w, S("mediaType"));
    json_string(w, image->media_type);
    json_key(w, S("digest"));
    json_string(w, image->digest);
    json_key(w, S("size"));
    json_int(w, (int64_t)image->manifest.len);
    if (image->artifact_type.ptr) {
        json_key(w, S("artifactType"));
        json_string(w, image->artifact_type);
    }
    if (text.ptr && json_parse(r->c->arena, text, &annotations, &why) == 0) {
        json_key(w, S("annotations"));
        json_val(w, &annotations);
    }
    json_object_end(w);
}

int registry_list_referrers(struct registry *r)
{
    struct image image;
    slice type = pair_get(&r->query, S("artifactType"));
    if (!content_is_digest(r->path.reference))
        return registry_fail(r, REGISTRY_DIGEST_INVALID, "'%.*s' is not a digest", SLICE_ARG(r->path.reference));
    TRY(registry_repository(r));
    struct json_writer *w = json_writer_open(r->c->arena);
    json_object_begin(w);
    json_key(w, S("schemaVersion"));
    json_int(w, 2);
    json_key(w, S("mediaType"));
    json_string(w, S("application/vnd.oci.image.index.v1+json"));
    json_key(w, S("manifests"));
    json_array_begin(w);
    struct db_rows rows =
        db_query(r->c->db, ECR_SQL_IMAGE_REFERRERS, "itt", r->repository.id, r->path.reference, S(""));
    while (db_next(&rows)) {
        image_read(&rows, &image, true);
        if (!type.ptr || slice_eq(type, image.artifact_type))
            write_referrer(r, w, &image);
    }
    db_done(&rows);
    json_array_end(w);
    json_object_end(w);
    if (type.ptr)
        registry_header(r, S("OCI-Filters-Applied"), S("artifactType"));
    return registry_reply(r, 200, S("application/vnd.oci.image.index.v1+json"), json_writer_close(w));
}
