/* query: the AWS query protocol: a form in (Action, Version, Name.member.1.Member=…), XML out. */
#include "proto/codecs.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"
#include "common/uri.h"
#include "proto/form.h"
#include "proto/xmlform.h"

static slice form_of(const struct msg *request)
{
    return slice_eq(request->method, S("GET")) ? request->query : request->body;
}

/* The value of Action, without decoding the rest: its characters need no escapes. */
static slice action_of(slice form)
{
    while (form.ptr) {
        slice one, key, value;
        slice_cut(form, '&', &one, &form);
        slice_cut(one, '=', &key, &value);
        if (slice_eq(key, S("Action")))
            return value;
    }
    return (slice){NULL, 0};
}

const struct api_operation *codecs_find_action(struct arena *arena, const struct api_service *service,
                                               const struct msg *request, slice *name)
{
    *name = action_of(form_of(request));
    if (slice_empty(*name))
        *name = action_of(request->query);
    return api_find_operation(service, *name);
}

int codecs_decode_form(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                       const struct msg *request, void *in, slice *why)
{
    struct pair_list pairs = {0};
    if (!operation->in)
        return 0;
    if (uri_parse_form(arena, form_of(request), &pairs) != 0) {
        *why = S("The request body is not a valid form");
        return BAD_INPUT;
    }
    return form_decode(arena, operation->in, &pairs, in, why);
}

static void encode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    slice root = arena_concat(arena, operation->name, S("Response"));
    xml_open_tag_ns(&xml, root, service->xmlns);
    if (operation->result_wrapper.ptr) {
        xml_open_tag(&xml, operation->result_wrapper);
        xmlform_encode(arena, &xml, operation->out, out, API_TIME_ISO8601, XMLFORM_MAIN_LISTS);
        xml_close_tag(&xml, operation->result_wrapper);
    }
    buf_add(&xml, S("<ResponseMetadata>"));
    xml_element(&xml, S("RequestId"), request_id);
    buf_add(&xml, S("</ResponseMetadata>"));
    xml_close_tag(&xml, root);
    reply->status = 200;
    reply->content_type = S("text/xml");
    reply->body = buf_slice(&xml);
}

void codecs_add_extra_elements(struct buf *xml, const struct codec_failure *failure)
{
    const struct val *extra = failure->extra;
    for (size_t i = 0; extra && extra->type == VAL_OBJECT && i < extra->object.len; i++)
        xml_element(xml, extra->object.items[i].key, val_get_string(extra, extra->object.items[i].key));
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    xml_open_tag_ns(&xml, S("ErrorResponse"), service->xmlns);
    buf_add(&xml, S("<Error>"));
    xml_element(&xml, S("Type"), failure->error->fault ? S("Receiver") : S("Sender"));
    xml_element(&xml, S("Code"), failure->error->code);
    xml_element(&xml, S("Message"), failure->message.ptr ? failure->message : S(""));
    codecs_add_extra_elements(&xml, failure);
    buf_add(&xml, S("</Error>"));
    xml_element(&xml, S("RequestId"), request_id);
    buf_add(&xml, S("</ErrorResponse>"));
    reply->status = failure->error->status;
    reply->content_type = S("text/xml");
    reply->body = buf_slice(&xml);
    reply->error = failure->error->code;
}

const struct codec codecs_query = {codecs_find_action, codecs_decode_form, encode, encode_error};
