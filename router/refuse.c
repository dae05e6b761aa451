/* refuse: the error envelopes of AWS's wire protocols, for failures before or instead of a worker's answer. Workers
 * encode their own. */
#include "router/refuse.h"

#include "common/arena.h"

#include "common/buf.h"
#include "common/json.h"
#include "common/xml.h"
#include "proto/api.h"
#include "proto/msg.h"
#include "router/route.h"

/* A status as the JSON protocols, query and EC2, and S3 name it. */
static const struct {
    uint16_t status;
    const char *json;
    const char *query;
    const char *s3;
} codes[] = {
    {400, "BadRequestException", "BadRequest", "InvalidRequest"},
    {403, "AccessDeniedException", "AccessDenied", "AccessDenied"},
    {404, "ResourceNotFoundException", "NotFound", "NoSuchKey"},
    {408, "RequestTimeoutException", "RequestTimeout", "RequestTimeout"},
    {413, "RequestEntityTooLargeException", "RequestEntityTooLarge", "EntityTooLarge"},
    {414, "RequestUriTooLongException", "RequestUriTooLong", "RequestUriTooLong"},
    {415, "UnsupportedMediaTypeException", "UnsupportedMediaType", "UnsupportedMediaType"},
    {417, "ExpectationFailedException", "ExpectationFailed", "ExpectationFailed"},
    {431, "RequestHeaderTooLargeException", "RequestHeaderTooLarge", "RequestHeaderSectionTooLarge"},
    {501, "NotImplementedException", "NotImplemented", "NotImplemented"},
    {503, "ServiceUnavailableException", "ServiceUnavailable", "ServiceUnavailable"},
};

static slice code_of(const struct route_service *service, const struct refuse_why *why)
{
    if (why->code.ptr)
        return why->code;
    bool json = !service || service->protocol == API_AWSJSON || service->protocol == API_RESTJSON;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].status == why->status)
            return slice_of(json ? codes[i].json : service->is_s3 ? codes[i].s3 : codes[i].query);
    bool s3 = service && service->is_s3;
    if (why->status < 500)
        return json ? S("BadRequestException") : s3 ? S("InvalidRequest") : S("BadRequest");
    return s3 ? S("InternalError") : S("InternalFailure");
}

static void fill_json(struct arena *arena, const struct route_service *service, slice code,
                      const struct refuse_why *why, struct msg *reply)
{
    bool rest = service && service->protocol == API_RESTJSON;
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    json_key(w, rest ? S("ErrorCode") : S("__type"));
    json_string(w, code);
    if (rest) {
        json_key(w, S("Type"));
        json_string(w, why->status < 500 ? S("User") : S("Service"));
    }
    json_key(w, S("message"));
    json_string(w, why->message);
    json_object_end(w);
    reply->body = json_writer_close(w);
    reply->headers = arena_printf(arena, "x-amzn-ErrorType: %.*s\n", SLICE_ARG(code));
    reply->content_type = S("application/json");
    if (service && !rest)
        reply->content_type = arena_printf(arena, "application/x-amz-json-%.*s", SLICE_ARG(service->json_version));
}

static void add_query(struct buf *xml, const struct route_service *service, slice code, slice request_id,
                      const struct refuse_why *why)
{
    if (service->xmlns.len > 0)
        xml_open_tag_ns(xml, S("ErrorResponse"), service->xmlns);
    else
        xml_open_tag(xml, S("ErrorResponse"));
    xml_open_tag(xml, S("Error"));
    xml_element(xml, S("Type"), why->status < 500 ? S("Sender") : S("Receiver"));
    xml_element(xml, S("Code"), code);
    xml_element(xml, S("Message"), why->message);
    xml_close_tag(xml, S("Error"));
    xml_element(xml, S("RequestId"), request_id);
    xml_close_tag(xml, S("ErrorResponse"));
}

static void add_ec2(struct buf *xml, slice code, slice request_id, const struct refuse_why *why)
{
    buf_add(xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>"));
    xml_element(xml, S("Code"), code);
    xml_element(xml, S("Message"), why->message);
    buf_add(xml, S("</Error></Errors>"));
    xml_element(xml, S("RequestID"), request_id);
    xml_close_tag(xml, S("Response"));
}

static void add_s3(struct buf *xml, slice code, slice request_id, const struct refuse_why *why)
{
    buf_add(xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"));
    xml_element(xml, S("Code"), code);
    xml_element(xml, S("Message"), why->message);
    for (size_t i = 0; why->details && i < why->details->len; i++)
        xml_element(xml, why->details->items[i].key, why->details->items[i].value);
    xml_element(xml, S("RequestId"), request_id);
    xml_element(xml, S("HostId"), request_id);
    xml_close_tag(xml, S("Error"));
}

static void fill_xml(struct arena *arena, const struct route_service *service, slice request_id, slice code,
                     const struct refuse_why *why, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, arena);
    reply->content_type = S("text/xml");
    if (service->protocol == API_EC2QUERY) {
        add_ec2(&xml, code, request_id, why);
        reply->content_type = S("text/xml;charset=UTF-8");
    } else if (service->is_s3) {
        add_s3(&xml, code, request_id, why);
        reply->content_type = S("application/xml");
    } else {
        add_query(&xml, service, code, request_id, why);
    }
    reply->body = buf_slice(&xml);
}

void refuse_fill(struct arena *arena, const struct route_service *service, slice request_id,
                 const struct refuse_why *why, struct msg *reply)
{
    slice code = code_of(service, why);
    *reply = (struct msg){.status = why->status, .error = code};
    if (!service || service->protocol == API_AWSJSON || service->protocol == API_RESTJSON)
        fill_json(arena, service, code, why, reply);
    else
        fill_xml(arena, service, request_id, code, why, reply);
}
