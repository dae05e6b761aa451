/* post_body: the form that a request's body is. What came as a file is read and hashed by the helper thread, and
 * becomes an object as it is: a part of the body's file. */
#include "services/s3/post_body.h"

#include <errno.h>

#include "common/fdio.h"
#include "common/limits.h"
#include "services/worker/await.h"

enum { FORM_BYTES = 64 * 1024 * 1024 };

/* What the form's fields want to have checked. */
static unsigned algorithms_of(const struct form *form)
{
    static const slice prefix = {"x-amz-checksum-", 15};
    unsigned algorithms = DIGEST_MD5 | DIGEST_CRC64NVME;
    list_foreach (field, &form->fields) {
        if (slice_starts(field->key, prefix))
            algorithms |= digest_named(slice_sub(field->key, prefix.len, field->key.len));
        if (slice_eq(field->key, S("x-amz-checksum-algorithm")) ||
            slice_eq(field->key, S("x-amz-sdk-checksum-algorithm")))
            algorithms |= digest_named(field->value);
    }
    return algorithms;
}

/* The helper thread's part: "PATH\nBOUNDARY" → struct post_body, in the await's arena as the body is. */
static int read_large(struct await *await)
{
    slice path, boundary, bytes;
    struct post_body *body = arena_alloc(await->arena, sizeof(*body));
    slice_cut(await->input, '\n', &path, &boundary);
    int result = fdio_read_file(await->arena, slice_cstr(await->arena, path), FORM_BYTES, &bytes);
    if (result == 0)
        result = form_read(await->arena, bytes, boundary, &body->form);
    if (result != 0)
        return result;
    body->file_at = body->form.has_file ? body->form.file.ptr - bytes.ptr : 0;
    body->in_file = body->form.file.len > LIMIT_BODY_INLINE_BYTES;
    if (body->in_file)
        body->digests = content_hash_bytes(await->arena, algorithms_of(&body->form), body->form.file);
    await->output = (slice){(const char *)body, sizeof(*body)};
    return 0;
}

static int fail_form(struct call *c)
{
    return fail(c, &s3_malformed_post_request, "The body of your POST request is not well-formed multipart/form-data.");
}

int post_body_read(struct call *c, slice boundary, struct post_body *body)
{
    slice path = call_body_path(c), output;
    *body = (struct post_body){0};
    if (!path.ptr) {
        if (form_read(c->arena, c->request->body, boundary, &body->form) != 0)
            return fail_form(c);
        body->file_at = body->form.has_file ? body->form.file.ptr - c->request->body.ptr : 0;
        return 0;
    }
    slice input = arena_printf(c->arena, "%.*s\n%.*s", SLICE_ARG(path), SLICE_ARG(boundary));
    int result = await_work(c, S("form"), read_large, input, &output);
    if (result == -EFBIG)
        return fail(c, &s3_entity_too_large, "Your proposed upload exceeds the maximum allowed size");
    if (result == BAD_INPUT)
        return fail_form(c);
    if (result == 0)
        memcpy(body, output.ptr, sizeof(*body));
    return result;
}
