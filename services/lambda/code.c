/* code: deployment packages: <state>/lambda/code/<sha256>.zip is what was uploaded, <sha256>/ beside it is its tree,
 * made once. A package stays as long as a version or a layer refers to it. */
#include "services/lambda/lambda.h"

#include "lambda_ecr_client.h"
#include "lambda_s3_client.h"

#include "common/conf.h"
#include "common/fdio.h"
#include "common/hash.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/limits.h"
#include "services/lambda/package.h"
#include "services/image/image_ref.h"
#include "services/lambda/leniency.h"
#include "services/worker/long_member.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
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

/* Where an archive that came in a request waits until it is kept. */
static slice upload_path(struct call *c)
{
    return arena_printf(c->arena, "%.*s/lambda/upload/%.*s", SLICE_ARG(c->conf->state_dir),
                        SLICE_ARG(c->request->body_file));
}

static slice removed_folder(struct call *c)
{
    return arena_printf(c->arena, "%.*s/lambda/removed", SLICE_ARG(c->conf->state_dir));
}

static void set_text(struct call *c, struct val *object, const char *member, slice text)
{
    if (text.len > 0)
        val_set(c->arena, object, slice_of(member), val_string(text));
}

/* CreateFunction, UpdateFunctionCode, PublishLayerVersion. */
static bool takes_archive(const struct msg *request)
{
    static const slice functions = S("/2015-03-31/functions"), layers = S("/2018-10-31/layers/");
    slice path = request->path;
    if (slice_ends(path, S("/")))
        path.len--;
    if (slice_eq(request->method, S("PUT")))
        return slice_starts(path, functions) && slice_ends(path, S("/code"));
    return slice_eq(request->method, S("POST")) &&
           (slice_eq(path, functions) || (slice_starts(path, layers) && slice_ends(path, S("/versions"))));
}

static bool takes_payload(const struct msg *request)
{
    return slice_eq(request->method, S("POST")) && slice_ends(request->path, S("invocations"));
}

/* A payload is read once, however often the handler runs; what is wrong with it is the handler's business. */
static int read_payload(struct call *c)
{
    struct val input = val_object();
    set_text(c, &input, "body", call_body_path(c));
    int result = await_work(c, S("body"), package_read, json_text(c->arena, &input), &c->body);
    return result == BAD_INPUT ? 0 : result;
}

bool code_body_is_json(struct call *c)
{
    slice body;
    return c->body.ptr && await_is_known(c, S("body")) && await_work(c, S("body"), package_read, S(""), &body) == 0;
}

int code_read_body(struct call *c)
{
    slice file = c->request->body_file;
    if (file.len == 0 || slice_index(file, '/') < file.len)
        return 0;
    if (takes_payload(c->request))
        return read_payload(c);
    if (!takes_archive(c->request))
        return 0;
    if (!long_member_is_taken(c))
        TRY(fdio_mkdirs(arena_printf(c->arena, "%.*s/lambda/upload", SLICE_ARG(c->conf->state_dir)).ptr, 0700));
    return long_member_take(c, S("ZipFile"), upload_path(c));
}

/* bytes: the archive, when there is no file of it. owned: the file is ours to keep. */
static int keep(struct call *c, const struct call_file *file, bool owned, slice bytes, struct code *code)
{
    struct val input = val_object(), output;
    slice text, why;
    set_text(c, &input, "folder", folder(c));
    set_text(c, &input, "file", file->path);
    set_text(c, &input, "segments", file->segments);
    val_set(c->arena, &input, S("offset"), val_int(file->offset));
    val_set(c->arena, &input, S("length"), val_int(file->length));
    val_set(c->arena, &input, S("owned"), val_bool(owned));
    val_set(c->arena, &input, S("lenient"), val_bool(leniency_on(c, LAMBDA_LENIENCY_ANY_ZIP)));
    slice question = arena_printf(c->arena, "%.*s\n", SLICE_ARG(json_text(c->arena, &input)));
    int result = await_work(c, S("package"), package_keep, arena_concat(c->arena, question, bytes), &text);
    if (result == BAD_INPUT)
        return fail(c, &lambda_invalid_parameter_value, "%.*s", SLICE_ARG(text));
    TRY(result);
    if (json_parse(c->arena, text, &output, &why) != 0)
        return FAULT_INTERNAL;
    *code = (struct code){
        .hash = val_get_string(&output, S("hash")),
        .image = S(""),
        .bytes = val_get_int(&output, S("bytes"), 0),
        .sha256 = val_get_string(&output, S("sha256")),
    };
    /* The same package may have been removed since, because nobody had it any more. */
    if (access(code_zip_path(c, code->hash).ptr, F_OK) != 0)
        return fail(c, &lambda_service, "The deployment package was being removed; try again.");
    return 0;
}

static int check_zipped(struct call *c, int64_t bytes)
{
    if (bytes <= LIMIT_LAMBDA_ZIPPED_BYTES)
        return 0;
    return fail(c, &lambda_request_entity_too_large, "Request must be smaller than %d bytes for the %.*s operation",
                LIMIT_LAMBDA_REQUEST_BYTES, SLICE_ARG(c->operation->name));
}

/* A long one has been taken out of the request. */
static int take_inline(struct call *c, slice zip, struct code *code)
{
    struct stat st;
    struct call_file file = {.path = c->body.ptr && zip.len == 0 ? upload_path(c) : S(""), .length = -1};
    if (file.path.len > 0 && !await_is_known(c, S("package"))) {
        if (stat(file.path.ptr, &st) != 0)
            file.path = S(""); /* it was empty */
        else if (check_zipped(c, st.st_size) != 0) {
            unlink(file.path.ptr);
            return CALL_FAILED;
        }
    }
    TRY(check_zipped(c, (int64_t)zip.len));
    return keep(c, &file, file.path.len > 0, zip, code);
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
    if (result == CALL_FAILED && leniency_on(c, LAMBDA_LENIENCY_ANY_IMAGE)) {
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
    if (!call_answered_file(c, &file))
        return keep(c, &(struct call_file){0}, false, out.body.ptr ? out.body : S(""), code);
    if (file.length > LIMIT_LAMBDA_UNZIPPED_BYTES)
        return fail(c, &lambda_invalid_parameter_value, "Unzipped size must be smaller than 262144000 bytes");
    return keep(c, &file, false, S(""), code);
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

/* It is no longer where it was; removing it takes its time. */
static void put_aside(struct call *c, slice path)
{
    const char *aside =
        arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(removed_folder(c)), SLICE_ARG(ids_hex(c->arena, 16))).ptr;
    if (fdio_mkdirs(removed_folder(c).ptr, 0700) == 0 && rename(path.ptr, aside) == 0)
        call_background(c, S("RemoveFiles"), S("{}"));
}

int code_sweep(struct call *c, slice body)
{
    slice output;
    (void)body;
    return await_work(c, S("removed"), package_sweep, removed_folder(c), &output);
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
        put_aside(c, code_zip_path(c, *hash));
        put_aside(c, code_tree_path(c, *hash));
    }
    rows = db_query(c->db, LAMBDA_SQL_GARBAGE_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
}

void code_remove_all(struct call *c)
{
    put_aside(c, folder(c));
}

void code_recover(struct call *c)
{
    if (slice_empty(c->conf->state_dir))
        return;
    put_aside(c, arena_printf(c->arena, "%.*s/lambda/upload", SLICE_ARG(c->conf->state_dir)));
    if (access(removed_folder(c).ptr, F_OK) == 0)
        call_background(c, S("RemoveFiles"), S("{}"));
}
