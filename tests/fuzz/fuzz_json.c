/* fuzz_json: JSON bodies into a large ECS input. What is decoded comes through the JSON form unchanged. The first byte
 * chooses the operation. */
#include "tests/fuzz/fuzz.h"

#include "ecs_api.h"
#include "proto/codec.h"

static const struct api_operation *const operations[] = {&ecs_op_register_task_definition, &ecs_op_run_task,
                                                         &ecs_op_describe_tasks};

static void check_round_trip(struct arena *arena, const struct api_shape *shape, const void *in)
{
    void *again = arena_alloc(arena, shape->size);
    slice text = api_to_json(arena, shape, in);
    fuzz_check(api_from_json(arena, shape, text, again) == 0);
    fuzz_check(slice_eq(text, api_to_json(arena, shape, again)));
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    if (bytes.len == 0)
        return;
    const struct api_operation *operation = operations[(uint8_t)bytes.ptr[0] % 3];
    struct msg request = {.body = slice_sub(bytes, 1, bytes.len)};
    struct violation_list violations = {0};
    slice why;
    void *in = arena_alloc(arena, operation->in->size);
    if (codec_for(API_AWSJSON)->decode(arena, &ecs_api, operation, &request, in, &why) != 0) {
        fuzz_check(why.ptr != NULL);
        return;
    }
    check_round_trip(arena, operation->in, in);
    codec_validate(arena, &ecs_api, operation->in, in, &violations);
    if (violations.len > 0) {
        struct codec_failure failure = codec_violations_failure(arena, &ecs_api, &violations);
        struct msg reply = {0};
        codec_for(API_AWSJSON)->encode_error(arena, &ecs_api, operation, S("id"), &failure, &reply);
        fuzz_check(!slice_empty(reply.body));
    }
}
