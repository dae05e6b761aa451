/* ec2query: EC2's own kind of query protocol: names of parameters and elements of its own, lists without "member", no
 * result wrapper, errors in a <Response>. */
#include "proto/codecs.h"

#include "common/arena.h"
#include "proto/xmlform.h"

static void encode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    slice root = arena_concat(arena, operation->name, S("Response"));
    xml_open_tag_ns(&xml, root, service->xmlns);
    xml_element(&xml, S("requestId"), request_id);
    xmlform_encode(arena, &xml, operation->out, out, API_TIME_ISO8601_MS, XMLFORM_MAIN_LISTS);
    xml_close_tag(&xml, root);
    reply->status = 200;
    reply->content_type = S("text/xml;charset=UTF-8");
    reply->body = buf_slice(&xml);
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    buf_add(&xml, S("<Response><Errors><Error>"));
    xml_element(&xml, S("Code"), failure->error->code);
    xml_element(&xml, S("Message"), failure->message.ptr ? failure->message : S(""));
    codecs_add_extra_elements(&xml, failure);
    buf_add(&xml, S("</Error></Errors>"));
    xml_element(&xml, S("RequestID"), request_id);
    buf_add(&xml, S("</Response>"));
    reply->status = failure->error->status;
    reply->content_type = S("text/xml;charset=UTF-8");
    reply->body = buf_slice(&xml);
    reply->error = failure->error->code;
}

const struct codec codecs_ec2query = {codecs_find_action, codecs_decode_form, encode, encode_error};
