/* stream: InvokeWithResponseStream: the answer as events. Those of a function that streams are made by the runner,
 * while it does (proto/runner.h); here are the others'. */
#include "services/lambda/invoke.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/limits.h"
#include "proto/eventstream.h"

enum { CHUNK_BYTES = 64 * 1024 };

static void add_event(struct call *c, struct buf *stream,
                      const struct lambda_invoke_with_response_stream_response_event *event)
{
    eventstream_event(c->arena, stream, &lambda_api, &lambda_shape_invoke_with_response_stream_response_event, event);
}

static void add_chunks(struct call *c, struct buf *stream, slice payload)
{
    for (size_t at = 0; at < payload.len; at += CHUNK_BYTES) {
        struct lambda_invoke_response_stream_update update = {slice_sub(payload, at, at + CHUNK_BYTES)};
        add_event(c, stream, &(struct lambda_invoke_with_response_stream_response_event){.payload_chunk = &update});
    }
}

/* An error ends the stream; what the function had sent until then was sent. */
static void add_end(struct call *c, struct buf *stream, const struct invoke_result *result)
{
    struct lambda_invoke_with_response_stream_complete_event end = {.log_result = result->log};
    struct val document;
    slice why;
    if (result->error.len > 0) {
        end.error_details = result->payload;
        end.error_code = result->error;
        if (json_parse(c->arena, result->payload, &document, &why) == 0 &&
            val_get_string(&document, S("errorType")).ptr)
            end.error_code = val_get_string(&document, S("errorType"));
    }
    add_event(c, stream, &(struct lambda_invoke_with_response_stream_response_event){.invoke_complete = &end});
}

int lambda_invoke_with_response_stream(struct call *c, const struct lambda_invoke_with_response_stream_in *in,
                                       struct lambda_invoke_with_response_stream_out *out)
{
    struct invoke_target target;
    struct invoke_result result;
    struct invoke_event event = {.id = c->request_id, .payload = in->payload.len > 0 ? in->payload : S("{}")};
    struct buf stream;
    TRY(client_context_read(c, in->client_context, &event.client_context));
    TRY(invoke_check_payload(c, event.payload, LIMIT_LAMBDA_PAYLOAD_BYTES));
    TRY(invoke_find(c, in->function_name, in->qualifier, event.id, &target));
    out->executed_version = name_version(c, target.v.number);
    out->status_code = opt_int(slice_eq(in->invocation_type, S("DryRun")) ? 204 : 200);
    if (slice_eq(in->invocation_type, S("DryRun")))
        return 0;
    event.tail = slice_eq(in->log_type, S("Tail"));
    event.streams = S("events");
    TRY(invoke_run(c, &target, &event, &result));
    if (result.stream.ptr) {
        c->event_stream = S("");
        c->reply_file = result.stream;
        c->reply_file_grows = true;
        return 0;
    }
    buf_init(&stream, c->arena);
    if (result.error.len == 0)
        add_chunks(c, &stream, result.payload);
    add_end(c, &stream, &result);
    c->event_stream = buf_slice(&stream);
    return 0;
}
