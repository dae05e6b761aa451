/* code: deployment packages: <state>/lambda/code/<sha256>.zip is what was uploaded, <sha256>/ beside it is its tree,
 * made once. A package stays as long as a version or a layer refers to it. */
#include "services/lambda/lambda.h"

#include "lambda_ecr_client.h"
#include "lambda_s3_client.h"

#include "common/base64.h"
#include "common/conf.h"
#include "common/fdio.h"
#include "common/hash.h"
#include "common/limits.h"
#include "services/lambda/zip.h"
#include "services/worker/image_ref.h"
#include "services/worker/leniency.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* An invocation that runs on the old code may last so long. */
static const int64_t kept_ms = 16 * 60 * 1000;

static slice folder(struct call *c)
{
    return arena_printf(c->arena, "%.*s/lambda/code", SLICE_ARG(c->conf->state_dir));
}

slice code_zip_path(struct call *c, slice hash)
{
    return arena_printf(c->arena, "%.*s/%.*s.zip", SLICE_ARG(folder(c)), SLICE_ARG(hash));
}

slice code_tree_path(struct call *c, slice hash)
{
    return arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(folder(c)), SLICE_ARG(hash));
}

/* Both are written beside their places: a package is there as a whole or not at all. */
static int unpack(struct call *c, slice zip, slice hash)
{
    slice why, tree = code_tree_path(c, hash);
    const char *beside = arena_concat(c->arena, tree, S(".new")).ptr;
    fdio_remove_tree(beside);
    int result = zip_unpack(c->arena, zip, beside, &why);
    if (result == BAD_INPUT && leniency_on(c, LENIENCY_ANY_ZIP)) {
        fdio_remove_tree(beside);
        result = fdio_mkdirs(beside, 0755);
    }
    if (result == 0 && rename(beside, tree.ptr) == 0)
        return 0;
    fdio_remove_tree(beside);
    return result == BAD_INPUT ? fail(c, &lambda_invalid_parameter_value, "%.*s", SLICE_ARG(why))
                               : (result < 0 ? result : FAULT_INTERNAL);
}

static int keep(struct call *c, slice zip, struct code *code)
{
    uint8_t digest[32];
    hash_sha256(zip, digest);
    *code = (struct code){
        .hash = hash_sha256_hex(c->arena, zip),
        .image = S(""),
        .bytes = (int64_t)zip.len,
        .sha256 = base64_encode(c->arena, (slice){(const char *)digest, sizeof(digest)}),
    };
    if (access(code_zip_path(c, code->hash).ptr, F_OK) == 0)
        return 0;
    TRY(fdio_mkdirs(folder(c).ptr, 0700));
    fdio_remove_tree(code_tree_path(c, code->hash).ptr);
    TRY(unpack(c, zip, code->hash));
    return fdio_replace_file(code_zip_path(c, code->hash).ptr, zip, 0600);
}

static int take_inline(struct call *c, slice zip, struct code *code)
{
    if (zip.len > LIMIT_LAMBDA_ZIPPED_BYTES)
        return fail(c, &lambda_request_entity_too_large, "Request must be smaller than %d bytes for the %.*s operation",
                    LIMIT_LAMBDA_REQUEST_BYTES, SLICE_ARG(c->operation->name));
    return keep(c, zip, code);
}

/* One that is nowhere has the hash of its name in the place of its digest. */
static slice hash_of_name(struct call *c, slice image)
{
    return hash_sha256_hex(c->arena, image);
}

static int find_image(struct call *c, slice image, slice *digest)
{
    struct image_ref ref;
    struct call_refusal refused;
    struct ecr_batch_get_image_out out = {0};
    struct ecr_image_identifier id;
    if (!image_ref_parse(image, c->conf->port, &ref) || (ref.region.ptr && !slice_eq(ref.region, c->region)))
        return fail(c, &lambda_invalid_parameter_value, "Source image %.*s is not valid. Provide a valid source image.",
                    SLICE_ARG(image));
    id = (struct ecr_image_identifier){.image_tag = ref.tag, .image_digest = ref.digest};
    const struct ecr_batch_get_image_in in = {.registry_id = ref.account.ptr ? ref.account : c->account,
                                              .repository_name = ref.repository,
                                              .image_ids = {&id, 1, true}};
    int result = call_service(c, S("ecr"), &ecr_op_batch_get_image, &in, &out, &refused);
    if (result != CALL_FAILED)
        TRY(result);
    if (result == CALL_FAILED || out.images.len == 0 || !out.images.items[0].image_id)
        return fail(c, &lambda_invalid_parameter_value,
                    "Source image %.*s does not exist. Provide a valid source image.", SLICE_ARG(image));
    *digest = out.images.items[0].image_id->image_digest;
    return 0;
}

static int take_image(struct call *c, const struct code_source *source, struct code *code)
{
    static const slice prefix = S("sha256:");
    slice digest = {NULL, 0};
    if (source->image.len == 0 || source->zip.ptr || source->s3_bucket.ptr)
        return fail(c, &lambda_invalid_parameter_value,
                    "Please provide ImageUri when updating a function with "
                    "packageType Image.");
    *code = (struct code){.hash = S(""), .image = source->image, .sha256 = hash_of_name(c, source->image)};
    int result = find_image(c, source->image, &digest);
    if (result == CALL_FAILED && leniency_on(c, LENIENCY_ANY_IMAGE)) {
        c->error = NULL;
        return 0;
    }
    TRY(result);
    if (slice_starts(digest, prefix))
        code->sha256 = slice_sub(digest, prefix.len, digest.len);
    return 0;
}

bool code_image(struct call *c, const struct version *v, struct image_ref *ref)
{
    if (!image_ref_parse(v->image, c->conf->port, ref))
        return false;
    ref->account = ref->account.ptr ? ref->account : c->account;
    ref->region = ref->region.ptr ? ref->region : c->region;
    if (slice_eq(v->doc.code_sha256, hash_of_name(c, v->image)))
        return true;
    ref->tag = (slice){NULL, 0};
    ref->digest = arena_concat(c->arena, S("sha256:"), v->doc.code_sha256);
    return true;
}

slice code_resolved_image(struct call *c, const struct version *v)
{
    struct image_ref ref;
    if (!code_image(c, v, &ref) || !ref.digest.ptr)
        return v->image;
    size_t end = (size_t)(ref.repository.ptr + ref.repository.len - v->image.ptr);
    return arena_printf(c->arena, "%.*s@%.*s", (int)end, v->image.ptr, SLICE_ARG(ref.digest));
}

static int read_file(struct call *c, const struct call_file *file, slice *zip)
{
    if (file->length > LIMIT_LAMBDA_UNZIPPED_BYTES)
        return fail(c, &lambda_invalid_parameter_value, "Unzipped size must be smaller than 262144000 bytes");
    return call_file_read(c->arena, file, zip);
}

static int take_object(struct call *c, const struct code_source *source, struct code *code)
{
    const struct s3_get_object_in in = {
        .bucket = source->s3_bucket, .key = source->s3_key, .version_id = source->s3_version};
    struct s3_get_object_out out = {0};
    struct call_refusal refused;
    struct call_file file;
    int result = call_service(c, S("s3"), &s3_op_get_object, &in, &out, &refused);
    if (result == CALL_FAILED)
        return fail(c, &lambda_invalid_parameter_value,
                    "Error occurred while GetObject. S3 Error Code: %.*s. S3 Error Message: %.*s",
                    SLICE_ARG(refused.code), SLICE_ARG(refused.message));
    TRY(result);
    slice zip = out.body.ptr ? out.body : S("");
    if (call_answered_file(c, &file))
        TRY(read_file(c, &file, &zip));
    return keep(c, zip, code);
}

int code_take(struct call *c, const struct code_source *source, slice package_type, struct code *code)
{
    if (slice_eq(package_type, S("Image")))
        return take_image(c, source, code);
    if (source->image.len > 0 || (source->zip.ptr && source->s3_bucket.ptr))
        return fail(c, &lambda_invalid_parameter_value,
                    "Please do not provide other FunctionCode parameters when providing a ZipFile.");
    if (source->zip.ptr)
        return take_inline(c, source->zip, code);
    if (source->s3_bucket.len == 0 || source->s3_key.len == 0)
        return fail(c, &lambda_invalid_parameter_value, "Please provide a source for function code.");
    return take_object(c, source, code);
}

bool code_is_empty(struct call *c, slice hash)
{
    size_t n = 0;
    DIR *dir = hash.len > 0 ? opendir(code_tree_path(c, hash).ptr) : NULL;
    if (!dir)
        return false;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n == 0;
}

static bool is_used(struct call *c, slice hash)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_CODE_USED, "t", hash);
    bool used = db_next(&rows);
    db_done(&rows);
    return used;
}

void code_release(struct call *c, slice hash)
{
    if (hash.len == 0 || is_used(c, hash))
        return;
    db_run(c->db, LAMBDA_SQL_GARBAGE_ADD, "ti", hash, c->now_ms + kept_ms);
    call_timer_changed(c);
}

void code_collect(struct call *c, int64_t *next_due_ms)
{
    struct slice_list due = {0};
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_GARBAGE_DUE, "i", c->now_ms);
    while (db_next(&rows))
        *list_add(c->arena, &due) = db_text(&rows, 0);
    list_foreach (hash, &due) {
        db_run(c->db, LAMBDA_SQL_GARBAGE_DELETE, "t", *hash);
        if (is_used(c, *hash))
            continue;
        unlink(code_zip_path(c, *hash).ptr);
        fdio_remove_tree(code_tree_path(c, *hash).ptr);
    }
    rows = db_query(c->db, LAMBDA_SQL_GARBAGE_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
}

void code_remove_all(struct call *c)
{
    fdio_remove_tree(folder(c).ptr);
}
