/* package: see package.h. */
#include "services/lambda/package.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mapping.h"
#include "services/lambda/zip.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_input(struct await *await, struct val *input, slice *payload)
{
    slice line, why;
    slice_cut(await->input, '\n', &line, payload);
    return json_parse(await->arena, line, input, &why) == 0 ? 0 : FAULT_INTERNAL;
}

static const char *path_in(struct await *await, const struct val *input, slice name)
{
    const char *path = slice_cstr(await->arena, val_get_string(input, name));
    return path ? path : "";
}

int package_read(struct await *await)
{
    struct val input, ignored;
    slice nothing, why;
    TRY(read_input(await, &input, &nothing));
    TRY(fdio_read_file(await->arena, path_in(await, &input, S("body")), LIMIT_LAMBDA_REQUEST_BYTES, &await->output));
    struct arena *arena = arena_open();
    int result = json_parse(arena, await->output, &ignored, &why);
    arena_close(arena);
    return result;
}

/* Keeping it */

struct keeping {
    struct arena *arena;
    slice folder, hash;
    const char *source; /* NULL: there is none that could be moved */
    bool lenient;
};

static const char *place(const struct keeping *keeping, const char *suffix)
{
    return arena_printf(keeping->arena, "%.*s/%.*s%s", SLICE_ARG(keeping->folder), SLICE_ARG(keeping->hash), suffix)
        .ptr;
}

/* Both are made beside their places: a package is there as a whole or not at all. */
static int unpack(const struct keeping *keeping, slice zip, slice *why)
{
    const char *beside = place(keeping, ".new");
    fdio_remove_tree(beside);
    fdio_remove_tree(place(keeping, ""));
    int result = zip_unpack(zip, beside, why);
    if (result == BAD_INPUT && keeping->lenient) {
        fdio_remove_tree(beside);
        result = fdio_mkdirs(beside, 0755);
    }
    if (result == 0 && rename(beside, place(keeping, "")) != 0)
        result = -errno;
    if (result != 0)
        fdio_remove_tree(beside);
    return result;
}

static int keep_zip(const struct keeping *keeping, slice zip)
{
    const char *target = place(keeping, ".zip");
    if (!keeping->source)
        return fdio_replace_file(target, zip, 0600);
    return rename(keeping->source, target) == 0 ? 0 : -errno;
}

static int keep(const struct keeping *keeping, slice zip, slice *why)
{
    if (access(place(keeping, ".zip"), F_OK) == 0)
        return 0;
    TRY(fdio_mkdirs(slice_cstr(keeping->arena, keeping->folder), 0700));
    TRY(unpack(keeping, zip, why));
    return keep_zip(keeping, zip);
}

static slice hex_of(struct arena *arena, const uint8_t digest[32])
{
    struct buf hex;
    buf_init(&hex, arena);
    for (size_t i = 0; i < 32; i++)
        buf_printf(&hex, "%02x", digest[i]);
    return buf_slice(&hex);
}

static slice describe(struct arena *arena, const uint8_t digest[32], slice zip)
{
    struct val output = val_object();
    val_set(arena, &output, S("hash"), val_string(hex_of(arena, digest)));
    val_set(arena, &output, S("sha256"), val_string(base64_encode(arena, (slice){(const char *)digest, 32})));
    val_set(arena, &output, S("bytes"), val_int((int64_t)zip.len));
    return json_text(arena, &output);
}

/* The archive: behind the line, in a file or in parts of several. */
static int find_bytes(struct await *await, const struct val *input, struct mapping *mapping, slice *zip)
{
    const struct call_file file = {val_get_string(input, S("file")), val_get_int(input, S("offset"), 0),
                                   val_get_int(input, S("length"), -1), val_get_string(input, S("segments"))};
    if (file.segments.len > 0)
        return call_file_read(await->arena, &file, zip);
    if (file.path.len == 0)
        return 0;
    TRY(mapping_open(path_in(await, input, S("file")), file.offset, file.length, mapping));
    *zip = mapping->bytes;
    return 0;
}

int package_keep(struct await *await)
{
    __attribute__((cleanup(mapping_cleanup))) struct mapping mapping = {0};
    struct val input;
    slice zip, why = S("");
    TRY(read_input(await, &input, &zip));
    bool owned = val_get_bool(&input, S("owned"), false);
    const char *file = path_in(await, &input, S("file"));
    uint8_t digest[32];
    TRY(find_bytes(await, &input, &mapping, &zip));
    hash_sha256(zip, digest);
    const struct keeping keeping = {.arena = await->arena,
                                    .folder = val_get_string(&input, S("folder")),
                                    .hash = hex_of(await->arena, digest),
                                    .source = owned ? file : NULL,
                                    .lenient = val_get_bool(&input, S("lenient"), false)};
    int result = keep(&keeping, zip, &why);
    if (owned)
        unlink(file);
    await->output = result == BAD_INPUT ? why : describe(await->arena, digest, zip);
    return result;
}

int package_sweep(struct await *await)
{
    struct arena *arena = arena_open();
    DIR *folder = opendir(slice_cstr(await->arena, await->input));
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fdio_remove_tree(arena_printf(arena, "%.*s/%s", SLICE_ARG(await->input), entry->d_name).ptr);
        arena_reset(arena);
    }
    if (folder)
        closedir(folder);
    arena_close(arena);
    return 0;
}
