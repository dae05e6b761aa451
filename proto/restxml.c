/* restxml: REST with XML bodies: S3. */
#include "proto/codecs.h"

#include "common/arena.h"
#include "common/err.h"
#include "proto/rest.h"
#include "proto/walk.h"
#include "proto/xmlform.h"

/* S3 says no more about a body that it cannot read. */
static int decode_document(struct arena *arena, const struct api_shape *shape, slice body, void *object, slice *why)
{
    struct xml_node *root;
    if (xml_parse(arena, body, &root, why) == 0 && xmlform_decode(arena, shape, root, object, why) == 0)
        return 0;
    *why = S("The XML you provided was not well-formed or did not validate against our published schema");
    return BAD_INPUT;
}

static int decode_payload(struct arena *arena, const struct api_member *payload, slice body, void *place, slice *why)
{
    if (rest_is_raw(payload))
        return rest_decode_raw(payload, body, place, why);
    if (slice_empty(slice_trim(body)))
        return 0;
    void *object = *(void **)place = arena_alloc(arena, payload->shape->size);
    return decode_document(arena, payload->shape, body, object, why);
}

static int decode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                  const struct msg *request, void *in, slice *why)
{
    const struct api_member *payload = rest_payload(operation->in);
    TRY(rest_decode(arena, operation, request, in, why));
    if (payload)
        return decode_payload(arena, payload, request->body, (char *)in + payload->offset, why);
    if (!rest_has_body(operation->in) || slice_empty(slice_trim(request->body)))
        return 0;
    return decode_document(arena, operation->in, request->body, in, why);
}

/* A root that is named as the only member of the body is that member: GetBucketLocation. */
static const struct api_member *root_member(const struct api_operation *operation)
{
    const struct api_shape *shape = operation->out;
    bool one = shape && shape->n_members == 1 && shape->members[0].location == API_BODY;
    return one && slice_eq(shape->members[0].wire, operation->result_wrapper) ? &shape->members[0] : NULL;
}

static void add_body(struct arena *arena, struct buf *xml, const struct api_service *service,
                     const struct api_operation *operation, const void *out)
{
    const struct api_member *payload = rest_payload(operation->out);
    const struct api_member *only = root_member(operation);
    slice root = payload                         ? payload->wire
                 : operation->result_wrapper.ptr ? operation->result_wrapper
                                                 : operation->out->name;
    buf_add(xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    xml_open_tag_ns(xml, root, service->xmlns);
    if (only) {
        if (walk_is_set(only->shape, out, false))
            xml_text(xml, walk_text(arena, only->shape, out, API_TIME_ISO8601_MS));
    } else if (payload) {
        const void *object = walk_structure((const char *)out + payload->offset, false);
        if (object)
            xmlform_encode(arena, xml, payload->shape, object, API_TIME_ISO8601_MS, 0);
    } else {
        xmlform_encode(arena, xml, operation->out, out, API_TIME_ISO8601_MS, XMLFORM_BODY);
    }
    xml_close_tag(xml, root);
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
    struct buf xml;
    buf_init(&xml, arena);
    add_body(arena, &xml, service, operation, out);
    reply->content_type = S("application/xml");
    reply->body = buf_slice(&xml);
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    buf_add(&xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"));
    xml_element(&xml, S("Code"), failure->error->code);
    xml_element(&xml, S("Message"), failure->message.ptr ? failure->message : S(""));
    codecs_add_extra_elements(&xml, failure);
    xml_element(&xml, S("RequestId"), request_id);
    xml_element(&xml, S("HostId"), request_id);
    buf_add(&xml, S("</Error>"));
    reply->status = failure->error->status;
    reply->content_type = S("application/xml");
    reply->body = operation && slice_eq(operation->method, S("HEAD")) ? S("") : buf_slice(&xml);
    reply->error = failure->error->code;
}

const struct codec codecs_restxml = {rest_find, decode, encode, encode_error};
