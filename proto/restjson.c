/* restjson: REST with JSON bodies: EFS, Lambda. */
#include "proto/codecs.h"

#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"
#include "common/list.h"
#include "proto/jsonform.h"
#include "proto/rest.h"
#include "proto/walk.h"

static int decode_payload(struct arena *arena, const struct api_member *payload, slice body, void *place, slice *why)
{
    if (rest_is_raw(payload))
        return rest_decode_raw(payload, body, place, why);
    if (slice_empty(body))
        return 0;
    void *object = *(void **)place = arena_alloc(arena, payload->shape->size);
    return codecs_decode_json(arena, payload->shape, body, 0, object, why);
}

static int decode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                  const struct msg *request, void *in, slice *why)
{
    const struct api_member *payload = rest_payload(operation->in);
    TRY(rest_decode(arena, operation, request, in, why));
    if (payload)
        return decode_payload(arena, payload, request->body, (char *)in + payload->offset, why);
    if (!rest_has_body(operation->in))
        return 0;
    return codecs_decode_json(arena, operation->in, request->body, JSONFORM_BODY, in, why);
}

static void encode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply)
{
    const struct api_member *payload = rest_payload(operation->out);
    rest_encode(arena, operation, out, reply);
    if (payload && rest_is_raw(payload)) {
        rest_encode_raw(payload, (const char *)out + payload->offset, reply);
        return;
    }
    if (reply->status == 204 || (!payload && !rest_has_body(operation->out)))
        return;
    reply->content_type = S("application/json");
    if (!payload) {
        reply->body = codecs_encode_json(arena, operation->out, out, JSONFORM_BODY | JSONFORM_MAIN_LISTS);
        return;
    }
    const void *object = walk_structure((const char *)out + payload->offset, false);
    reply->body = object ? codecs_encode_json(arena, payload->shape, object, 0) : S("{}");
}

static const struct api_member *error_member(const struct api_error *error, slice name)
{
    size_t hint = 0;
    return error->shape && error->shape->n_members > 0 ? walk_member(error->shape, name, &hint) : NULL;
}

/* EFS repeats the code, Lambda says whose fault it was, in members that clients require. */
static void add_standing_members(struct json_writer *w, const struct codec_failure *failure)
{
    if (error_member(failure->error, S("ErrorCode")) && !val_get(failure->extra, S("ErrorCode"))) {
        json_key(w, S("ErrorCode"));
        json_string(w, failure->error->code);
    }
    if (error_member(failure->error, S("Type")) && !val_get(failure->extra, S("Type"))) {
        json_key(w, S("Type"));
        json_string(w, failure->error->fault ? S("Service") : S("User"));
    }
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    struct buf headers;
    buf_init(&headers, arena);
    buf_printf(&headers, "x-amzn-errortype: %.*s\n", SLICE_ARG(failure->error->name));
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    json_key(w, failure->error->message_key);
    json_string(w, failure->message.ptr ? failure->message : S(""));
    const struct val *extra = failure->extra;
    for (size_t i = 0; extra && extra->type == VAL_OBJECT && i < extra->object.len; i++) {
        const struct val_field *field = &extra->object.items[i];
        const struct api_member *member = error_member(failure->error, field->key);
        if (member && member->location == API_HEADER) {
            slice text = field->value.type == VAL_STRING ? field->value.string : json_text(arena, &field->value);
            buf_printf(&headers, "%.*s: %.*s\n", SLICE_ARG(member->wire), SLICE_ARG(text));
        } else {
            json_key(w, field->key);
            json_val(w, &field->value);
        }
    }
    add_standing_members(w, failure);
    json_object_end(w);
    reply->status = failure->error->status;
    reply->content_type = S("application/json");
    reply->headers = buf_slice(&headers);
    reply->body = json_writer_close(w);
    reply->error = failure->error->code;
}

const struct codec codecs_restjson = {rest_find, decode, encode, encode_error};
