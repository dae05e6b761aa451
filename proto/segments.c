/* segments: see segments.h. */
#include "proto/segments.h"

#include "common/buf.h"

void segments_add(struct buf *text, const struct segment *segment)
{
    buf_add_int(text, segment->offset);
    buf_add_char(text, ' ');
    buf_add_int(text, segment->length);
    buf_add_char(text, ' ');
    buf_add(text, segment->name);
    buf_add_char(text, '\n');
}

bool segments_next(slice *text, struct segment *segment)
{
    slice line, rest, offset, length;
    if (text->len == 0 || !slice_cut(*text, '\n', &line, &rest) || !slice_cut(line, ' ', &offset, &line) ||
        !slice_cut(line, ' ', &length, &segment->name) || !slice_to_int64(offset, &segment->offset) ||
        !slice_to_int64(length, &segment->length) || segment->offset < 0 || segment->length <= 0 ||
        segment->name.len == 0)
        return false;
    *text = rest;
    return true;
}

int64_t segments_length(slice text)
{
    struct segment segment;
    int64_t sum = 0;
    while (segments_next(&text, &segment)) {
        if (__builtin_add_overflow(sum, segment.length, &sum))
            return -1;
    }
    return text.len == 0 ? sum : -1;
}

bool segments_lease(slice text, int64_t *number, slice *name)
{
    slice first;
    return slice_cut(text, ' ', &first, name) && slice_to_int64(first, number) && *number >= 0 && name->len > 0;
}
