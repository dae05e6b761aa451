/* get: GetLogEvents: one stream's events, page by page in both directions, with tokens that stay valid. */
#include "services/logs/store.h"

#include "logs_api.h"

enum { MAX_EVENTS = 10000, MAX_BYTES = 1048576 };

/* f/<56 digits>/s: 20 digits of time, 18 of arrival number, 18 of stream. */
static slice token_of(struct call *c, char direction, struct position position, const struct log_stream *stream)
{
    return arena_printf(c->arena, "%c/%020lld%018lld%018lld/s", direction, (long long)position.ms,
                        (long long)position.number, (long long)stream->id);
}

static bool parse_token(slice token, char *direction, struct position *position)
{
    if (token.len != 2 + 56 + 2 || token.ptr[1] != '/' || !slice_ends(token, S("/s")))
        return false;
    *direction = token.ptr[0];
    return (*direction == 'f' || *direction == 'b') && slice_to_int64(slice_sub(token, 2, 22), &position->ms) &&
           slice_to_int64(slice_sub(token, 22, 40), &position->number) && position->ms >= 0 && position->number >= 0;
}

int logs_get_log_events(struct call *c, const struct logs_get_log_events_in *in, struct logs_get_log_events_out *out)
{
    struct log_group group;
    struct log_stream stream;
    struct event_list events = {0};
    char direction = opt_bool_or(in->start_from_head, false) ? 'f' : 'b';
    struct position from = direction == 'f' ? (struct position){0, 0} : store_end;
    if (in->next_token.ptr && !parse_token(in->next_token, &direction, &from))
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    TRY(group_get_either(c, in->log_group_name, in->log_group_identifier, &group));
    TRY(stream_get(c, group.id, in->log_stream_name, &stream));
    struct store_page page = {
        .stream = &stream,
        .from = from,
        .backward = direction == 'b',
        .start_ms = opt_int_or(in->start_time, 0),
        .end_ms = opt_int_or(in->end_time, INT64_MAX),
        .limit = (size_t)opt_int_or(in->limit, MAX_EVENTS),
        .limit_bytes = MAX_BYTES,
    };
    store_read(c, &page, &events);
    list_foreach (event, &events) {
        struct logs_output_log_event *shown = list_add(c->arena, &out->events);
        shown->timestamp = opt_int(event->ms);
        shown->message = event->message;
        shown->ingestion_time = opt_int(event->ingested_ms);
    }
    struct position before = from, behind = from;
    if (events.len > 0) {
        before = store_before(&events.items[0]);
        behind = store_behind(&events.items[events.len - 1]);
    } else if (!in->next_token.ptr)
        before = behind = (struct position){0, 0}; /* nothing yet: what comes is ahead */
    out->next_backward_token = token_of(c, 'b', before, &stream);
    out->next_forward_token = token_of(c, 'f', behind, &stream);
    return 0;
}
