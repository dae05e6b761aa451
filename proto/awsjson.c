/* awsjson: the JSON protocols 1.0 and 1.1: POST /, X-Amz-Target, a JSON object in and out. */
#include "proto/codecs.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"
#include "proto/jsonform.h"

static const struct api_operation *find(struct arena *arena, const struct api_service *service,
                                        const struct msg *request, slice *name)
{
    slice target = msg_header(request, S("x-amz-target")), prefix;
    *name = request->operation;
    if (slice_empty(*name) && !slice_cut(target, '.', &prefix, name))
        *name = target;
    return api_find_operation(service, *name);
}

int codecs_decode_json(struct arena *arena, const struct api_shape *shape, slice body, unsigned flags, void *object,
                       slice *why)
{
    struct val value;
    if (slice_empty(slice_trim(body)))
        value = val_object(); /* accepted by AWS where nothing is required */
    else if (json_parse(arena, body, &value, why) != 0)
        return BAD_INPUT;
    return shape ? jsonform_decode(arena, shape, &value, flags, object, why) : 0;
}

static int decode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                  const struct msg *request, void *in, slice *why)
{
    return codecs_decode_json(arena, operation->in, request->body, 0, in, why);
}

slice codecs_encode_json(struct arena *arena, const struct api_shape *shape, const void *object, unsigned flags)
{
    if (!shape)
        return S("{}");
    struct json_writer *w = json_writer_open(arena);
    jsonform_encode(w, shape, object, flags);
    return json_writer_close(w);
}

static slice content_type(struct arena *arena, const struct api_service *service)
{
    return slice_eq(service->json_version, S("1.0")) ? S("application/x-amz-json-1.0")
                                                     : S("application/x-amz-json-1.1");
}

static void encode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply)
{
    reply->status = 200;
    reply->content_type = content_type(arena, service);
    reply->body = codecs_encode_json(arena, operation->out, out, JSONFORM_MAIN_LISTS);
}

slice codecs_encode_json_error(struct arena *arena, const struct codec_failure *failure)
{
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    json_key(w, S("__type"));
    json_string(w, failure->error->name);
    json_key(w, failure->error->message_key);
    json_string(w, failure->message.ptr ? failure->message : S(""));
    const struct val *extra = failure->extra;
    for (size_t i = 0; extra && extra->type == VAL_OBJECT && i < extra->object.len; i++) {
        json_key(w, extra->object.items[i].key);
        json_val(w, &extra->object.items[i].value);
    }
    json_object_end(w);
    return json_writer_close(w);
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    reply->status = failure->error->status;
    reply->content_type = content_type(arena, service);
    reply->headers = arena_printf(arena, "x-amzn-errortype: %.*s\n", SLICE_ARG(failure->error->name));
    reply->body = codecs_encode_json_error(arena, failure);
    reply->error = failure->error->code;
}

const struct codec codecs_awsjson = {find, decode, encode, encode_error};
