/* fuzz_http1: request heads. What is accepted lies within the bytes and was not accepted any earlier. */
#include "tests/fuzz/fuzz.h"

#include "router/http1.h"

static void inside(slice whole, slice part)
{
    fuzz_check(!part.ptr || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_accepted(slice bytes, const struct http1_request *request)
{
    slice head = slice_sub(bytes, 0, request->head_len);
    fuzz_check(request->head_len <= bytes.len && request->n_headers <= LIMIT_HTTP_HEADERS);
    fuzz_check(!slice_empty(request->method) && !slice_empty(request->path) && request->content_length >= 0);
    inside(head, request->method);
    if (!slice_eq(request->path, S("/"))) /* an absolute target without a path has the literal */
        inside(head, request->path);
    inside(head, request->query);
    inside(head, request->host);
    for (size_t i = 0; i < HTTP1_KNOWN_COUNT; i++)
        inside(head, request->known[i]);
    for (size_t i = 0; i < request->n_headers; i++) {
        inside(head, request->headers[i].key);
        inside(head, request->headers[i].value);
    }
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct http1_request *request = arena_alloc(arena, sizeof(*request));
    int result = http1_parse(bytes, request);
    fuzz_check(result == 0 || result == HTTP1_MORE || (result >= 400 && result < 600 && request->why));
    if (result != 0)
        return;
    check_accepted(bytes, request);
    size_t head_len = request->head_len;
    fuzz_check(http1_parse(slice_sub(bytes, 0, head_len), request) == 0 && request->head_len == head_len);
    fuzz_check(http1_parse(slice_sub(bytes, 0, head_len - 1), request) != 0);
    fuzz_check(http1_parse(slice_sub(bytes, 0, head_len / 2), request) != 0);
}
