/* fuzz_restjson: whole requests to Lambda: which operation the method, path and query mean, and labels, query, headers
 * and body into its input. The first line is method, path and query with spaces between, headers follow up to an empty
 * line, the rest is the body. */
#include "tests/fuzz/fuzz.h"

#include "lambda_api.h"
#include "proto/codec.h"

static struct msg request_of(slice bytes)
{
    struct msg request = {0};
    slice line, rest, empty = S("\n\n");
    slice_cut(bytes, '\n', &line, &rest);
    slice_cut(line, ' ', &request.method, &line);
    slice_cut(line, ' ', &request.path, &request.query);
    size_t end = 0;
    while (end + empty.len <= rest.len && !slice_eq(slice_sub(rest, end, end + empty.len), empty))
        end++;
    request.headers = slice_sub(rest, 0, end);
    request.body = slice_sub(rest, end + empty.len < rest.len ? end + empty.len : rest.len, rest.len);
    return request;
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    const struct codec *codec = codec_for(API_RESTJSON);
    struct msg request = request_of(bytes), reply = {0};
    struct violation_list violations = {0};
    slice name, why = S("");
    const struct api_operation *operation = codec->operation(arena, &lambda_api, &request, &name);
    fuzz_check(name.ptr != NULL);
    if (!operation || !operation->in)
        return;
    void *in = arena_alloc(arena, operation->in->size);
    struct codec_failure failure = {.error = lambda_api.serialization_error};
    if (codec->decode(arena, &lambda_api, operation, &request, in, &why) != 0) {
        fuzz_check(!slice_empty(why));
        failure.message = why;
    } else {
        void *copy = arena_alloc(arena, operation->in->size);
        api_copy(arena, operation->in, in, copy);
        fuzz_check(slice_eq(api_to_json(arena, operation->in, in), api_to_json(arena, operation->in, copy)));
        codec_validate(arena, &lambda_api, operation->in, in, &violations);
        if (violations.len > 0)
            failure = codec_violations_failure(arena, &lambda_api, &violations);
    }
    codec->encode_error(arena, &lambda_api, operation, S("id"), &failure, &reply);
    fuzz_check(!slice_empty(reply.body));
}
