/* form: see form.h. */
#include "services/s3/form.h"

#include "common/err.h"

static slice lower(struct arena *arena, slice text)
{
    char *out = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
    return (slice){out, text.len};
}

/* name="…" in a part's Content-Disposition, or name=… as .NET writes it; absent when there is none. */
static slice parameter(struct arena *arena, slice head, const char *name)
{
    slice mark = arena_printf(arena, "; %s=", name), rest;
    ssize_t at = slice_find(head, mark);
    if (at < 0)
        return (slice){NULL, 0};
    rest = slice_sub(head, (size_t)at + mark.len, head.len);
    if (!slice_starts(rest, S("\""))) {
        rest = slice_sub(rest, 0, slice_index(rest, '\r'));
        return slice_trim(slice_sub(rest, 0, slice_index(rest, ';')));
    }
    rest = slice_sub(rest, 1, rest.len);
    size_t end = slice_index(rest, '"');
    return end < rest.len ? slice_sub(rest, 0, end) : (slice){NULL, 0};
}

static int read_part(struct arena *arena, slice part, struct form *form)
{
    ssize_t end = slice_find(part, S("\r\n\r\n"));
    if (end < 0)
        return BAD_INPUT;
    slice head = slice_sub(part, 0, (size_t)end), value = slice_sub(part, (size_t)end + 4, part.len);
    slice name = parameter(arena, head, "name");
    /* Names of fields become those of headers. */
    if (!name.ptr || slice_index(name, '\n') < name.len || slice_index(name, '\r') < name.len)
        return BAD_INPUT;
    if (slice_eq(name, S("file"))) {
        form->has_file = true;
        form->file = value;
        form->filename = parameter(arena, head, "filename");
        return 0;
    }
    *list_add(arena, &form->fields) = (struct pair){lower(arena, name), value};
    return 0;
}

int form_read(struct arena *arena, slice body, slice boundary, struct form *form)
{
    slice line = arena_printf(arena, "\r\n--%.*s", SLICE_ARG(boundary));
    slice first = slice_sub(line, 2, line.len);
    *form = (struct form){0};
    if (!slice_starts(body, first))
        return BAD_INPUT;
    body = slice_sub(body, first.len, body.len);
    while (!form->has_file && !slice_starts(body, S("--"))) {
        ssize_t end = slice_find(body, line);
        if (!slice_starts(body, S("\r\n")) || end < 0)
            return BAD_INPUT;
        TRY(read_part(arena, slice_sub(body, 2, (size_t)end), form));
        body = slice_sub(body, (size_t)end + line.len, body.len);
    }
    return 0;
}
