/* fuzz_form: browsers' forms. The first line is the boundary, the rest the form. What is read lies within it, and no
 * value holds the boundary. */
#include "tests/fuzz/fuzz.h"

#include "services/s3/form.h"

static void check_part(slice body, slice line, slice value)
{
    fuzz_check(value.ptr >= body.ptr && value.ptr + value.len + line.len <= body.ptr + body.len);
    fuzz_check(slice_find(value, line) < 0 && slice_eq((slice){value.ptr + value.len, line.len}, line));
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    slice boundary, body;
    struct form form;
    if (!slice_cut(bytes, '\n', &boundary, &body) || form_read(arena, body, boundary, &form) != 0)
        return;
    slice line = arena_printf(arena, "\r\n--%.*s", SLICE_ARG(boundary));
    list_foreach (field, &form.fields) {
        fuzz_check(slice_index(field->key, '\n') == field->key.len);
        check_part(body, line, field->value);
    }
    if (form.has_file)
        check_part(body, line, form.file);
}
