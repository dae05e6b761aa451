/* fuzz_query: forms of the query protocol into STS's inputs: the form, its tree, its values, their validation, and the
 * failure as XML. */
#include "tests/fuzz/fuzz.h"

#include "proto/codec.h"
#include "sts_api.h"

static void fuzz_one(struct arena *arena, slice bytes)
{
    const struct codec *codec = codec_for(API_QUERY);
    struct msg request = {.method = S("POST"), .path = S("/"), .body = bytes}, reply = {0};
    struct violation_list violations = {0};
    slice name, why;
    const struct api_operation *operation = codec->operation(arena, &sts_api, &request, &name);
    if (!operation)
        operation = &sts_op_assume_role;
    void *in = arena_alloc(arena, operation->in->size);
    struct codec_failure failure = {.error = sts_api.serialization_error};
    if (codec->decode(arena, &sts_api, operation, &request, in, &why) != 0) {
        failure.message = why;
        fuzz_check(why.ptr != NULL);
    } else {
        api_to_json(arena, operation->in, in);
        codec_validate(arena, &sts_api, operation->in, in, &violations);
        if (violations.len > 0)
            failure = codec_violations_failure(arena, &sts_api, &violations);
    }
    codec->encode_error(arena, &sts_api, operation, S("id"), &failure, &reply);
    fuzz_check(!slice_empty(reply.body));
}
