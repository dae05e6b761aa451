/* codecs: the wire protocols' implementations, and what they share; for the files of proto only. */
#pragma once

#include "proto/codec.h"

extern const struct codec codecs_awsjson;
extern const struct codec codecs_query;

/* A JSON body into the operation's input. */
int codecs_decode_json(struct arena *arena, const struct api_operation *operation, slice body, void *in, slice *why);

/* The operation's output as a JSON object. */
slice codecs_encode_json(struct arena *arena, const struct api_operation *operation, const void *out, bool main_lists);

/* {"__type", "message", …} */
slice codecs_encode_json_error(struct arena *arena, const struct codec_failure *failure);
