/* fuzz_xml: bodies of S3's inputs: the document, its tree, its values, their validation, and the failure as XML. The
 * first byte chooses the operation. */
#include "tests/fuzz/fuzz.h"

#include "proto/codec.h"
#include "s3_api.h"

static const struct api_operation *const operations[] = {
    &s3_op_delete_objects, &s3_op_put_bucket_acl, &s3_op_put_bucket_lifecycle_configuration,
    &s3_op_put_bucket_notification_configuration, &s3_op_complete_multipart_upload};

static void check_round_trip(struct arena *arena, const struct api_shape *shape, const void *in)
{
    void *again = arena_alloc(arena, shape->size);
    slice text = api_to_json(arena, shape, in);
    fuzz_check(api_from_json(arena, shape, text, again) == 0);
    fuzz_check(slice_eq(text, api_to_json(arena, shape, again)));
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    const struct codec *codec = codec_for(API_RESTXML);
    if (bytes.len == 0)
        return;
    const struct api_operation *operation = operations[(uint8_t)bytes.ptr[0] % 5];
    struct msg request = {.method = operation->method, .path = S("/b/k"), .body = slice_sub(bytes, 1, bytes.len)};
    struct msg reply = {0};
    struct violation_list violations = {0};
    slice why = S("");
    void *in = arena_alloc(arena, operation->in->size);
    struct codec_failure failure = {.error = s3_api.serialization_error};
    if (codec->decode(arena, &s3_api, operation, &request, in, &why) != 0) {
        fuzz_check(!slice_empty(why));
        failure.message = why;
    } else {
        check_round_trip(arena, operation->in, in);
        codec_validate(arena, &s3_api, operation->in, in, &violations);
        if (violations.len > 0)
            failure = codec_violations_failure(arena, &s3_api, &violations);
    }
    codec->encode_error(arena, &s3_api, operation, S("id"), &failure, &reply);
    fuzz_check(!slice_empty(reply.body));
}
