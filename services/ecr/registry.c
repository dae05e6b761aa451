/* registry: what the handlers of requests below /v2/ share: replies, errors in the protocol's own form, bodies. */
#include "services/ecr/registry.h"

#include "common/fdio.h"
#include "common/json.h"

#include <errno.h>

static const struct {
    slice code;
    uint16_t status;
} errors[] = {
#define REGISTRY_ERROR(name, status) {{#name, sizeof(#name) - 1}, status},
#include "services/ecr/registry_errors.def"
#undef REGISTRY_ERROR
};

void registry_header(struct registry *r, slice name, slice value)
{
    slice line = arena_printf(r->c->arena, "%.*s: %.*s\n", SLICE_ARG(name), SLICE_ARG(value));
    r->reply->headers = arena_concat(r->c->arena, r->reply->headers, line);
}

int registry_reply(struct registry *r, uint16_t status, slice content_type, slice body)
{
    r->reply->status = status;
    r->reply->content_type = content_type;
    r->reply->body = body;
    registry_header(r, S("Docker-Distribution-Api-Version"), S("registry/2.0"));
    return 0;
}

static int fill_error(struct registry *r, enum registry_error error, slice message)
{
    struct json_writer *w = json_writer_open(r->c->arena);
    json_object_begin(w);
    json_key(w, S("errors"));
    json_array_begin(w);
    json_object_begin(w);
    json_key(w, S("code"));
    json_string(w, errors[error].code);
    json_key(w, S("message"));
    json_string(w, message);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
    r->reply->error = errors[error].code;
    registry_reply(r, errors[error].status, S("application/json"), json_writer_close(w));
    return CALL_FAILED;
}

int registry_fail(struct registry *r, enum registry_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slice message = arena_vprintf(r->c->arena, format, args);
    va_end(args);
    return fill_error(r, error, message);
}

int registry_repository(struct registry *r)
{
    return repository_get(r->c, r->c->account, r->path.name, &r->repository);
}

int registry_body(struct registry *r, size_t limit, slice *body)
{
    const char *path = slice_cstr(r->c->arena, call_body_path(r->c));
    *body = r->c->request->body;
    int result = path ? fdio_read_file(r->c->arena, path, limit, body) : 0;
    if (result == -EFBIG || body->len > limit)
        return registry_fail(r, REGISTRY_SIZE_INVALID, "The body is larger than %zu bytes.", limit);
    return result;
}
