/* buf: see buf.h. */
#include "common/buf.h"

#include "common/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 256, KEPT_BYTES = 64 * 1024 };

void buf_init(struct buf *buf, struct arena *arena)
{
    *buf = (struct buf){.arena = arena};
}

void buf_deinit(struct buf *buf)
{
    if (!buf->arena)
        free(buf->ptr);
    *buf = (struct buf){.arena = buf->arena};
}

char *buf_reserve(struct buf *buf, size_t extra)
{
    if (buf->cap - buf->len >= extra && buf->ptr)
        return buf->ptr + buf->len;
    size_t cap = buf->cap ? buf->cap * 2 : FIRST_BYTES;
    while (cap - buf->len < extra)
        cap *= 2;
    if (buf->arena)
        buf->ptr = arena_grow(buf->arena, buf->ptr, buf->cap, cap);
    else
        buf->ptr = realloc(buf->ptr, cap);
    if (!buf->ptr)
        abort();
    buf->cap = cap;
    return buf->ptr + buf->len;
}

void buf_add(struct buf *buf, slice text)
{
    if (text.len == 0)
        return;
    memcpy(buf_reserve(buf, text.len), text.ptr, text.len);
    buf->len += text.len;
}

void buf_add_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->len++;
}

void buf_add_int(struct buf *buf, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    buf_add(buf, (slice){digits + at, sizeof(digits) - at});
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    assert(length >= 0);
    vsnprintf(buf_reserve(buf, (size_t)length + 1), (size_t)length + 1, format, again);
    buf->len += (size_t)length;
    va_end(again);
    va_end(args);
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (buf->len > 0)
        memmove(buf->ptr, buf->ptr + n, buf->len);
    else
        buf_clear_to(buf, KEPT_BYTES);
}

void buf_clear_to(struct buf *buf, size_t kept_bytes)
{
    buf->len = 0;
    if (buf->cap > kept_bytes && !buf->arena)
        buf_deinit(buf);
}
