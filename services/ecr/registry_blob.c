/* registry_blob: blobs, whole and in ranges, and their removal. */
#include "services/ecr/blob.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/registry.h"
#include "services/ecr/upstream.h"

static int check_digest(struct registry *r)
{
    if (content_is_digest(r->path.reference))
        return 0;
    return registry_fail(r, REGISTRY_DIGEST_INVALID, "'%.*s' is not a digest of the form ALGORITHM:HEX",
                         SLICE_ARG(r->path.reference));
}

static int find(struct registry *r, int64_t *bytes)
{
    TRY(check_digest(r));
    TRY(registry_repository(r));
    if (blob_find(r->c, r->repository.id, r->path.reference, bytes))
        return 0;
    return registry_fail(r, REGISTRY_BLOB_UNKNOWN, "blob %.*s is unknown to the registry",
                         SLICE_ARG(r->path.reference));
}

static int set_range(struct registry *r, slice range, int64_t bytes)
{
    int64_t first, length;
    if (!registry_path_range(range, bytes, &first, &length)) {
        registry_header(r, S("Content-Range"), arena_printf(r->c->arena, "bytes */%lld", (long long)bytes));
        return registry_fail(r, REGISTRY_RANGE_INVALID, "The range cannot be satisfied.");
    }
    r->reply->status = 206;
    r->reply->file_offset = first;
    r->reply->file_length = length;
    registry_header(r, S("Content-Range"),
                    arena_printf(r->c->arena, "bytes %lld-%lld/%lld", (long long)first, (long long)(first + length - 1),
                                 (long long)bytes));
    return 0;
}

int registry_blob_get(struct registry *r)
{
    int64_t bytes;
    slice range = msg_header(r->c->request, S("range"));
    TRY(check_digest(r));
    TRY(upstream_blob(r->c, r->c->account, r->path.name, r->path.reference));
    TRY(find(r, &bytes));
    registry_reply(r, 200, S("application/octet-stream"), (slice){NULL, 0});
    registry_header(r, S("Docker-Content-Digest"), r->path.reference);
    registry_header(r, S("ETag"), arena_printf(r->c->arena, "\"%.*s\"", SLICE_ARG(r->path.reference)));
    registry_header(r, S("Accept-Ranges"), S("bytes"));
    r->reply->file_length = bytes;
    if (range.ptr)
        TRY(set_range(r, range, bytes));
    r->reply->body_file = arena_concat(r->c->arena, S("../"), blob_file(r->c->arena, r->path.reference));
    return 0;
}

int registry_blob_delete(struct registry *r)
{
    int64_t bytes;
    TRY(find(r, &bytes));
    struct db_rows rows = db_query(r->c->db, ECR_SQL_REFERENCE_ANY, "ti", r->path.reference, r->repository.id);
    bool named = db_next(&rows);
    db_done(&rows);
    if (named)
        return registry_fail(r, REGISTRY_UNSUPPORTED, "A manifest names the blob; delete that first.");
    db_run(r->c->db, ECR_SQL_LAYER_DELETE, "it", r->repository.id, r->path.reference);
    db_run(r->c->db, ECR_SQL_BLOB_TOUCH, "it", r->c->now_ms, r->path.reference);
    call_timer_changed(r->c);
    return registry_reply(r, 202, (slice){NULL, 0}, (slice){NULL, 0});
}
