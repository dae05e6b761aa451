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
#include "services/lambda/zip.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* A file's bytes without their being copied. */
struct mapping {
    void *start;
    size_t size;
    slice bytes;
};

static void mapping_cleanup(struct mapping *mapping)
{
    if (mapping->start)
        munmap(mapping->start, mapping->size);
    *mapping = (struct mapping){0};
}

/* length -1: to the end. Answers 0 or -errno. */
static int map_file(const char *path, int64_t offset, int64_t length, struct mapping *mapping)
{
    __attribute__((cleanup(fdio_cleanup))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    *mapping = (struct mapping){.bytes = S("")};
    if (fd < 0 || fstat(fd, &st) != 0)
        return -errno;
    if (length < 0)
        length = st.st_size - offset;
    if (offset < 0 || length < 0 || offset > st.st_size - length)
        return -EIO;
    if (st.st_size == 0)
        return 0;
    void *start = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (start == MAP_FAILED)
        return -errno;
    madvise(start, (size_t)st.st_size, MADV_SEQUENTIAL);
    *mapping = (struct mapping){start, (size_t)st.st_size, {(const char *)start + offset, (size_t)length}};
    return 0;
}

/* Taking it out of a request */

/* The end of the text that begins behind the quotation mark at from: where the closing one is, or the document's end.
 */
static size_t text_end(slice json, size_t from)
{
    for (size_t at = from;;) {
        at += slice_index(slice_sub(json, at, json.len), '"');
        size_t backslashes = 0;
        while (at - backslashes > from && json.ptr[at - backslashes - 1] == '\\')
            backslashes++;
        if (at >= json.len || backslashes % 2 == 0)
            return at < json.len ? at : json.len;
        at++;
    }
}

static size_t skip_space(slice json, size_t at)
{
    while (at < json.len && strchr(" \t\r\n", json.ptr[at]))
        at++;
    return at;
}

/* The next long "ZipFile" from there on: the place of its text. */
static bool find_archive(slice json, size_t from, size_t *start, size_t *end)
{
    for (size_t at = from; at < json.len;) {
        at += slice_index(slice_sub(json, at, json.len), '"');
        if (at >= json.len)
            return false;
        size_t close = text_end(json, at + 1);
        bool named = slice_eq(slice_sub(json, at + 1, close), S("ZipFile"));
        at = skip_space(json, close + 1);
        if (!named || at >= json.len || json.ptr[at] != ':')
            continue;
        at = skip_space(json, at + 1);
        if (at >= json.len || json.ptr[at] != '"')
            continue;
        *start = at + 1;
        *end = text_end(json, *start);
        if (*end - *start > PACKAGE_INLINE_BYTES)
            return true;
        at = *end + 1;
    }
    return false;
}

/* Some writers escape the slash. */
static slice without_escapes(struct arena *arena, slice text)
{
    struct buf plain;
    if (slice_index(text, '\\') == text.len)
        return text;
    buf_init(&plain, arena);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || i + 1 == text.len || text.ptr[i + 1] != '/')
            buf_add_char(&plain, text.ptr[i]);
    }
    return buf_slice(&plain);
}

/* Decodes base64 into the file. Answers 0, BAD_INPUT or -errno. */
static int decode_to(int fd, slice text)
{
    struct arena *arena = arena_open();
    char carried[4];
    size_t n_carried = 0;
    int result = 0;
    while (text.len > 0 && result == 0) {
        slice piece = slice_sub(text, 0, CHUNK_BYTES), bytes;
        if (piece.len < text.len && piece.ptr[piece.len - 1] == '\\')
            piece.len--; /* with what it escapes */
        text = slice_sub(text, piece.len, text.len);
        piece = arena_concat(arena, (slice){carried, n_carried}, without_escapes(arena, piece));
        n_carried = text.len > 0 ? piece.len % 4 : 0;
        piece.len -= n_carried;
        memcpy(carried, piece.ptr + piece.len, n_carried);
        if (text.len > 0 && slice_index(piece, '=') < piece.len)
            result = BAD_INPUT;
        else
            result = base64_decode(arena, piece, &bytes) != 0 ? BAD_INPUT : fdio_write_all(fd, bytes);
        arena_reset(arena);
    }
    arena_close(arena);
    return result;
}

static int save_archive(const char *path, slice text)
{
    __attribute__((cleanup(fdio_cleanup))) int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = decode_to(fd, text);
    if (result != 0)
        unlink(path);
    return result;
}

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

int package_extract(struct await *await)
{
    __attribute__((cleanup(mapping_cleanup))) struct mapping body = {0};
    struct val input;
    slice ignored;
    struct buf rest;
    size_t start, end;
    TRY(read_input(await, &input, &ignored));
    TRY(map_file(path_in(await, &input, S("body")), 0, -1, &body));
    buf_init(&rest, await->arena);
    if (find_archive(body.bytes, 0, &start, &end)) {
        await->file = path_in(await, &input, S("upload"));
        int result = save_archive(await->file, slice_sub(body.bytes, start, end));
        if (result < 0)
            return result;
        buf_add(&rest, slice_sub(body.bytes, 0, start));
        buf_add(&rest, result == BAD_INPUT ? S("!") : S(""));
        buf_add(&rest, slice_sub(body.bytes, end, body.bytes.len));
    } else
        buf_add(&rest, body.bytes);
    await->output = buf_slice(&rest);
    return 0;
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
    TRY(map_file(path_in(await, input, S("file")), file.offset, file.length, mapping));
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
