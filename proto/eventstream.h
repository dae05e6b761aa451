/* eventstream: answers that are a stream of events (application/vnd.amazon.eventstream): each event one message of
 * length, headers, payload and checksums. */
#pragma once

#include "common/buf.h"
#include "proto/api.h"

/* Appends the event of an answer's stream that is set in `event`, a structure of a shape with API_EVENTSTREAM: exactly
 * one member. Payloads are in the service's protocol: JSON, or XML for REST-XML; a blob or text member that is the
 * event's payload is sent as it is. */
void eventstream_event(struct arena *arena, struct buf *out, const struct api_service *service,
                       const struct api_shape *stream, const void *event);

/* Appends the message that begins the streams of JSON protocols: the answer's members beside the stream. */
void eventstream_initial(struct arena *arena, struct buf *out, const struct api_operation *operation,
                         const void *answer);

/* Appends the message that ends a stream with an error: an exception if the stream's shape has a member of that type,
 * else an error that is in no model. */
void eventstream_failure(struct arena *arena, struct buf *out, const struct api_shape *stream, slice type,
                         slice message);
