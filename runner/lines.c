/* lines: see lines.h. */
#include "runner/lines.h"

#include "common/limits.h"

enum { MAX_LINE = LIMIT_LOG_EVENT_BYTES - 26 };

/* A cut does not go through a character. */
static size_t cut_at(slice text)
{
    size_t n = MAX_LINE;
    while (n > MAX_LINE - 4 && ((uint8_t)text.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void emit(slice line, lines_fn *on_line, void *context)
{
    while (line.len > MAX_LINE) {
        size_t n = cut_at(line);
        on_line(context, slice_sub(line, 0, n));
        line = slice_sub(line, n, line.len);
    }
    if (line.len > 0)
        on_line(context, line);
}

void lines_add(struct lines *lines, slice bytes, lines_fn *on_line, void *context)
{
    while (bytes.len > 0) {
        size_t end = slice_index(bytes, '\n');
        slice piece = slice_sub(bytes, 0, end);
        bool complete = end < bytes.len;
        bytes = slice_sub(bytes, end + 1, bytes.len);
        if (complete && lines->partial.len == 0) {
            emit(piece, on_line, context);
            continue;
        }
        buf_add(&lines->partial, piece);
        while (lines->partial.len > MAX_LINE) {
            size_t n = cut_at(buf_slice(&lines->partial));
            on_line(context, slice_sub(buf_slice(&lines->partial), 0, n));
            buf_consume(&lines->partial, n);
        }
        if (complete)
            lines_end(lines, on_line, context);
    }
}

void lines_end(struct lines *lines, lines_fn *on_line, void *context)
{
    emit(buf_slice(&lines->partial), on_line, context);
    buf_deinit(&lines->partial);
}
