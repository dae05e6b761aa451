/* long_member: see long_member.h. */
#include "services/worker/long_member.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024 };

#define KEY S("long member")

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

/* The first long member of that name: the place of its text. */
static bool find_member(slice json, slice member, size_t *start, size_t *end)
{
    for (size_t at = 0; at < json.len;) {
        at += slice_index(slice_sub(json, at, json.len), '"');
        if (at >= json.len)
            return false;
        size_t close = text_end(json, at + 1);
        bool named = slice_eq(slice_sub(json, at + 1, close), member);
        at = skip_space(json, close + 1);
        if (!named || at >= json.len || json.ptr[at] != ':')
            continue;
        at = skip_space(json, at + 1);
        if (at >= json.len || json.ptr[at] != '"')
            continue;
        *start = at + 1;
        *end = text_end(json, *start);
        if (*end - *start > LONG_MEMBER_BYTES)
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

static int save_blob(const char *path, slice text)
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

/* The helper thread's part. input: the member's name, the body's path and that of the file to be, one a line. */
static int extract(struct await *await)
{
    __attribute__((cleanup(mapping_cleanup))) struct mapping body = {0};
    slice member, from, into;
    struct buf rest;
    size_t start, end;
    slice_cut(await->input, '\n', &member, &from);
    slice_cut(from, '\n', &from, &into);
    TRY(mapping_open(slice_cstr(await->arena, from), 0, -1, &body));
    if (!find_member(body.bytes, member, &start, &end)) {
        await->output = slice_dup(await->arena, body.bytes);
        return 0;
    }
    await->file = slice_cstr(await->arena, into);
    int result = save_blob(await->file, slice_sub(body.bytes, start, end));
    if (result < 0)
        return result;
    buf_init(&rest, await->arena);
    buf_add(&rest, slice_sub(body.bytes, 0, start));
    buf_add(&rest, result == BAD_INPUT ? S("!") : S(""));
    buf_add(&rest, slice_sub(body.bytes, end, body.bytes.len));
    await->output = buf_slice(&rest);
    return 0;
}

int long_member_take(struct call *c, slice member, slice path)
{
    slice body = call_body_path(c);
    slice input = arena_printf(c->arena, "%.*s\n%.*s\n%.*s", SLICE_ARG(member), SLICE_ARG(body), SLICE_ARG(path));
    return await_work(c, KEY, extract, input, &c->body);
}

bool long_member_is_taken(struct call *c)
{
    return await_is_known(c, KEY);
}
