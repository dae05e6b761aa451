/* codecs: the wire protocols' implementations, and what they share; for the files of proto only. */
#pragma once

#include "proto/codec.h"

struct buf;

extern const struct codec codecs_awsjson;
extern const struct codec codecs_query;
extern const struct codec codecs_ec2query;
extern const struct codec codecs_restjson;
extern const struct codec codecs_restxml;

/* A JSON body into a structure of that shape (NULL: nothing is looked for); flags are jsonform's. */
int codecs_decode_json(struct arena *arena, const struct api_shape *shape, slice body, unsigned flags, void *object,
                       slice *why);

/* A structure of that shape (NULL: none) as a JSON object. */
slice codecs_encode_json(struct arena *arena, const struct api_shape *shape, const void *object, unsigned flags);

/* {"__type", "message", …} */
slice codecs_encode_json_error(struct arena *arena, const struct codec_failure *failure);

/* The query protocols: which operation a form asks for, and its parameters into the operation's input. */
const struct api_operation *codecs_find_action(struct arena *arena, const struct api_service *service,
                                               const struct msg *request, slice *name);
int codecs_decode_form(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                       const struct msg *request, void *in, slice *why);

/* An error's further members as XML elements. */
void codecs_add_extra_elements(struct buf *xml, const struct codec_failure *failure);
