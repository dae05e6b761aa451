/* codec: which codec a protocol has, and the one of calls between services. */
#include "proto/codecs.h"

#include "common/arena.h"

static const struct codec *const by_protocol[] = {
    [API_AWSJSON] = &codecs_awsjson,   [API_QUERY] = &codecs_query,     [API_EC2QUERY] = &codecs_ec2query,
    [API_RESTJSON] = &codecs_restjson, [API_RESTXML] = &codecs_restxml,
};

const struct codec *codec_for(uint8_t protocol)
{
    return protocol < sizeof(by_protocol) / sizeof(*by_protocol) ? by_protocol[protocol] : NULL;
}

static const struct api_operation *find(struct arena *arena, const struct api_service *service,
                                        const struct msg *request, slice *name)
{
    *name = request->operation;
    return api_find_operation(service, *name);
}

static int decode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                  const struct msg *request, void *in, slice *why)
{
    return codecs_decode_json(arena, operation->in, request->body, 0, in, why);
}

static void encode(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply)
{
    reply->status = 200;
    reply->body = codecs_encode_json(arena, operation->out, out, 0);
}

static void encode_error(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply)
{
    reply->status = failure->error->status;
    reply->error = failure->error->code;
    reply->body = codecs_encode_json_error(arena, failure);
}

const struct codec codec_internal = {find, decode, encode, encode_error};
