/* eventstream: see eventstream.h. */
#include "proto/eventstream.h"

#include "common/arena.h"
#include "proto/codecs.h"
#include "proto/eventmessage.h"
#include "proto/jsonform.h"
#include "proto/rest.h"
#include "proto/walk.h"
#include "proto/xmlform.h"

enum { TEXT_HEADER_BYTES_MAX = 32767 };

static void begin_headers(struct arena *arena, struct buf *headers, slice event_type, slice content_type)
{
    buf_init(headers, arena);
    eventmessage_event_headers(headers, event_type, content_type);
}

static void add_member_header(struct buf *headers, const struct api_member *member, const void *place)
{
    uint64_t number = (uint64_t)((const struct opt_int *)place)->v;
    switch (member->shape->type) {
    case API_BOOLEAN:
        eventmessage_header_name(headers, member->wire,
                                 ((const struct opt_bool *)place)->v ? EVENTMESSAGE_TRUE : EVENTMESSAGE_FALSE);
        break;
    case API_INTEGER:
        eventmessage_header_name(headers, member->wire, EVENTMESSAGE_INT);
        eventmessage_number(headers, number, 4);
        break;
    case API_LONG:
        eventmessage_header_name(headers, member->wire, EVENTMESSAGE_LONG);
        eventmessage_number(headers, number, 8);
        break;
    case API_TIMESTAMP:
        eventmessage_header_name(headers, member->wire, EVENTMESSAGE_TIME);
        eventmessage_number(headers, number, 8);
        break;
    default:
        eventmessage_header_text(headers, member->wire,
                                 member->shape->type == API_BLOB ? EVENTMESSAGE_BYTES : EVENTMESSAGE_STRING,
                                 *(const slice *)place);
    }
}

static const struct api_member *payload_member(const struct api_shape *event)
{
    for (size_t i = 0; i < event->n_members; i++) {
        if (event->members[i].flags & API_EVENT_PAYLOAD)
            return &event->members[i];
    }
    return NULL;
}

static slice structured(struct arena *arena, const struct api_service *service, const struct api_shape *shape,
                        slice root, const void *object)
{
    if (service->protocol != API_RESTXML)
        return codecs_encode_json(arena, shape, object, 0);
    struct buf xml;
    buf_init(&xml, arena);
    xml_open_tag(&xml, root);
    xmlform_encode(arena, &xml, shape, object, API_TIME_ISO8601_MS, 0);
    xml_close_tag(&xml, root);
    return buf_slice(&xml);
}

static void add_event(struct arena *arena, struct buf *out, const struct api_service *service,
                      const struct api_member *kind, const void *object)
{
    struct buf headers;
    const struct api_member *payload = payload_member(kind->shape);
    bool raw = payload && rest_is_raw(payload);
    slice type = service->protocol == API_RESTXML ? S("text/xml") : S("application/json");
    begin_headers(arena, &headers, kind->name, raw ? S("application/octet-stream") : type);
    bool members = false;
    for (size_t i = 0; i < kind->shape->n_members; i++) {
        const struct api_member *member = &kind->shape->members[i];
        const char *place = (const char *)object + member->offset;
        if ((member->flags & API_EVENT_HEADER) && walk_is_set(member->shape, place, false))
            add_member_header(&headers, member, place);
        members |= !(member->flags & (API_EVENT_HEADER | API_EVENT_PAYLOAD));
    }
    slice body = S("");
    const char *place = payload ? (const char *)object + payload->offset : NULL;
    if (raw)
        body = *(const slice *)(const void *)place;
    else if (payload && walk_is_set(payload->shape, place, false))
        body = structured(arena, service, payload->shape, payload->wire, walk_structure(place, false));
    else if (members)
        body = structured(arena, service, kind->shape, kind->shape->name, object);
    eventmessage_add(out, buf_slice(&headers), body);
}

void eventstream_event(struct arena *arena, struct buf *out, const struct api_service *service,
                       const struct api_shape *stream, const void *event)
{
    for (size_t i = 0; i < stream->n_members; i++) {
        const struct api_member *kind = &stream->members[i];
        const char *place = (const char *)event + kind->offset;
        if (walk_is_set(kind->shape, place, false))
            add_event(arena, out, service, kind, walk_structure(place, false));
    }
}

void eventstream_initial(struct arena *arena, struct buf *out, const struct api_operation *operation,
                         const void *answer)
{
    struct buf headers;
    begin_headers(arena, &headers, S("initial-response"), S("application/json"));
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    for (size_t i = 0; operation->out && i < operation->out->n_members; i++) {
        const struct api_member *member = &operation->out->members[i];
        const char *place = (const char *)answer + member->offset;
        if ((member->shape->flags & API_EVENTSTREAM) || member->shape->type != API_STRING ||
            !walk_is_set(member->shape, place, false))
            continue;
        json_key(w, member->name);
        json_string(w, *(const slice *)(const void *)place);
    }
    json_object_end(w);
    eventmessage_add(out, buf_slice(&headers), json_writer_close(w));
}

static slice exception_headers(struct arena *arena, slice type)
{
    struct buf headers;
    buf_init(&headers, arena);
    eventmessage_header_text(&headers, S(":message-type"), EVENTMESSAGE_STRING, S("exception"));
    eventmessage_header_text(&headers, S(":exception-type"), EVENTMESSAGE_STRING, type);
    eventmessage_header_text(&headers, S(":content-type"), EVENTMESSAGE_STRING, S("application/json"));
    return buf_slice(&headers);
}

static slice error_headers(struct arena *arena, slice code, slice message)
{
    struct buf headers;
    buf_init(&headers, arena);
    eventmessage_header_text(&headers, S(":message-type"), EVENTMESSAGE_STRING, S("error"));
    eventmessage_header_text(&headers, S(":error-code"), EVENTMESSAGE_STRING, code);
    eventmessage_header_text(&headers, S(":error-message"), EVENTMESSAGE_STRING,
                             slice_sub(message, 0, TEXT_HEADER_BYTES_MAX));
    return buf_slice(&headers);
}

void eventstream_failure(struct arena *arena, struct buf *out, const struct api_shape *stream, slice type,
                         slice message)
{
    size_t hint = 0;
    if (stream->n_members == 0 || !walk_member(stream, type, &hint)) {
        eventmessage_add(out, error_headers(arena, type, message), S(""));
        return;
    }
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    json_key(w, S("message"));
    json_string(w, message);
    json_object_end(w);
    eventmessage_add(out, exception_headers(arena, type), json_writer_close(w));
}
