/* registry_upload: uploads of blobs: in one piece, in chunks, or mounted from another repository. */
#include "ecr_api.h"
#include "services/ecr/blob.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/registry.h"
#include "services/ecr/template.h"

#include <sys/stat.h>

/* Where the upload is and how far it has got. */
static void tell_progress(struct registry *r, const struct upload *upload)
{
    long long last = upload->bytes > 0 ? (long long)upload->bytes - 1 : 0;
    registry_header(
        r, S("Location"),
        arena_printf(r->c->arena, "/v2/%.*s/blobs/uploads/%.*s", SLICE_ARG(r->repository.name), SLICE_ARG(upload->id)));
    registry_header(r, S("Range"), arena_printf(r->c->arena, "0-%lld", last));
    registry_header(r, S("Docker-Upload-UUID"), upload->id);
}

static int reply_progress(struct registry *r, uint16_t status, const struct upload *upload)
{
    tell_progress(r, upload);
    return registry_reply(r, status, (slice){NULL, 0}, (slice){NULL, 0});
}

static int reply_blob(struct registry *r, slice digest)
{
    registry_header(r, S("Location"),
                    arena_printf(r->c->arena, "/v2/%.*s/blobs/%.*s", SLICE_ARG(r->repository.name), SLICE_ARG(digest)));
    registry_header(r, S("Docker-Content-Digest"), digest);
    return registry_reply(r, 201, (slice){NULL, 0}, (slice){NULL, 0});
}

static int fail_digest(struct registry *r, slice digest)
{
    return registry_fail(r, REGISTRY_DIGEST_INVALID, "'%.*s' is not a digest of the form ALGORITHM:HEX",
                         SLICE_ARG(digest));
}

static int64_t body_bytes(struct call *c)
{
    struct stat file;
    const char *path = slice_cstr(c->arena, call_body_path(c));
    if (!path)
        return (int64_t)c->request->body.len;
    return stat(path, &file) == 0 ? file.st_size : 0;
}

/* Whether the body is there; a file that is being assembled may be gone by now. */
static bool has_body(const struct call *c)
{
    return c->request->body.len > 0 || c->request->body_file.len > 0;
}

/* The upload with its last part becomes a blob; or it is over, for the bytes are not what was said. */
static int finish(struct registry *r, struct upload *upload, slice digest)
{
    int result = blob_upload_finish(r->c, r->repository.id, upload, digest, has_body(r->c));
    if (result == BAD_INPUT) {
        blob_upload_cancel(r->c, upload->id);
        return registry_fail(r, REGISTRY_DIGEST_INVALID, "provided digest %.*s did not match uploaded content",
                             SLICE_ARG(digest));
    }
    TRY(result);
    return reply_blob(r, digest);
}

/* The blob is linked into this repository when the one it is in may be used; answers whether. */
static bool mount(struct registry *r, slice digest)
{
    struct repository from;
    int64_t bytes = 0;
    bool found = false;
    slice from_name = pair_get(&r->query, S("from"));
    if (!content_is_digest(digest) || slice_eq(setting_get(r->c, S("BLOB_MOUNTING")), S("DISABLED")))
        return false;
    if (from_name.ptr) {
        found = repository_find(r->c, r->c->account, from_name, &from) && blob_find(r->c, from.id, digest, &bytes);
    } else {
        struct db_rows rows = db_query(r->c->db, ECR_SQL_LAYER_ANYWHERE, "ttt", digest, r->c->account, r->c->region);
        found = db_next(&rows);
        bytes = found ? db_int(&rows, 0) : 0;
        db_done(&rows);
    }
    if (found)
        blob_link(r->c, r->repository.id, digest, bytes);
    return found;
}

/* The repository, made on the first push when a template says so. */
static int get_or_make(struct registry *r)
{
    if (repository_find(r->c, r->c->account, r->path.name, &r->repository))
        return 0;
    int result = template_make(r->c, r->c->account, r->path.name, S("CREATE_ON_PUSH"), &r->repository);
    return result == NOT_FOUND ? registry_repository(r) : result;
}

int registry_upload_post(struct registry *r)
{
    slice digest = pair_get(&r->query, S("digest")), mounted = pair_get(&r->query, S("mount"));
    TRY(get_or_make(r));
    if (digest.ptr && !content_is_digest(digest))
        return fail_digest(r, digest);
    if (mounted.ptr && mount(r, mounted))
        return reply_blob(r, mounted);
    if (digest.ptr && has_body(r->c)) {
        /* The same in every run of the call. */
        struct upload upload = {.id = r->c->request_id};
        return finish(r, &upload, digest);
    }
    struct upload upload = {.id = blob_upload_begin(r->c, r->repository.id)};
    return reply_progress(r, 202, &upload);
}

static int upload_get(struct registry *r, struct upload *upload)
{
    TRY(registry_repository(r));
    if (blob_upload_find(r->c, r->repository.id, r->path.reference, upload))
        return 0;
    return registry_fail(r, REGISTRY_BLOB_UPLOAD_UNKNOWN, "blob upload %.*s is unknown to the registry",
                         SLICE_ARG(r->path.reference));
}

/* Chunks come in order, each as long as it says. */
static int check_chunk(struct registry *r, const struct upload *upload)
{
    slice range = msg_header(r->c->request, S("content-range"));
    int64_t first, last;
    if (!range.ptr)
        return 0;
    if (!registry_path_chunk(range, &first, &last))
        return registry_fail(r, REGISTRY_BLOB_UPLOAD_INVALID, "Content-Range '%.*s' is not of the form first-last",
                             SLICE_ARG(range));
    if (first != upload->bytes) {
        tell_progress(r, upload);
        return registry_fail(r, REGISTRY_RANGE_INVALID, "The chunk must begin at %lld", (long long)upload->bytes);
    }
    if (last - first + 1 != body_bytes(r->c))
        return registry_fail(r, REGISTRY_SIZE_INVALID, "The chunk is not as long as its Content-Range says");
    return 0;
}

int registry_upload_get(struct registry *r)
{
    struct upload upload;
    TRY(upload_get(r, &upload));
    return reply_progress(r, 204, &upload);
}

int registry_upload_patch(struct registry *r)
{
    struct upload upload;
    TRY(upload_get(r, &upload));
    TRY(check_chunk(r, &upload));
    TRY(blob_upload_add(r->c, &upload));
    return reply_progress(r, 202, &upload);
}

int registry_upload_put(struct registry *r)
{
    struct upload upload;
    slice digest = pair_get(&r->query, S("digest"));
    TRY(upload_get(r, &upload));
    if (!digest.ptr || !content_is_digest(digest))
        return fail_digest(r, digest);
    /* Once the work has begun, the router's file may be gone. */
    if (has_body(r->c) && !blob_upload_finishes(r->c, &upload, digest))
        TRY(check_chunk(r, &upload));
    return finish(r, &upload, digest);
}

int registry_upload_delete(struct registry *r)
{
    struct upload upload;
    TRY(upload_get(r, &upload));
    blob_upload_cancel(r->c, upload.id);
    return registry_reply(r, 204, (slice){NULL, 0}, (slice){NULL, 0});
}
