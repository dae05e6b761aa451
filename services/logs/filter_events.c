/* filter_events: FilterLogEvents over many streams, interleaved by time, and TestMetricFilter. */
#include "services/logs/reader.h"

#include "common/page.h"
#include "logs_api.h"
#include "services/logs/pattern.h"

enum {
    MAX_EVENTS = 10000,
    MAX_BYTES = 1048576,
    MAX_SCANNED = 20000, /* of which a pattern may take few */
    MAX_SCANNED_BYTES = 8 * 1024 * 1024,
    FEW_STREAMS = 100, /* so many that begin with a prefix are read one by one, more out of all of the group's */
};

static int place_of(struct call *c, slice token, struct place *place)
{
    slice key, ms, block_id;
    *place = (struct place){0};
    if (page_key(c->arena, S("FilterLogEvents"), token, &key) != 0)
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    if (key.len == 0)
        return 0;
    if (!slice_cut(key, '/', &ms, &key) || !slice_cut(key, '/', &block_id, &key) || !slice_to_int64(ms, &place->ms) ||
        !slice_to_int64(block_id, &place->block_id) || !slice_to_int64(key, &place->number))
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    return 0;
}

static slice token_of(struct call *c, const struct place *place)
{
    return page_token(c->arena, S("FilterLogEvents"),
                      arena_printf(c->arena, "%lld/%lld/%lld", (long long)place->ms, (long long)place->block_id,
                                   (long long)place->number));
}

static int named_streams(struct call *c, const struct logs_filter_log_events_in *in, int64_t group_id,
                         struct stream_list *streams)
{
    struct log_stream stream;
    list_foreach (name, &in->log_stream_names) {
        TRY(stream_get(c, group_id, *name, &stream));
        bool twice = false;
        list_foreach (known, streams)
            twice = twice || known->id == stream.id;
        if (!twice)
            *list_add(c->arena, streams) = stream;
    }
    return 0;
}

/* False when no stream begins with the prefix; *streams stays empty when many do. */
static bool prefixed_streams(struct call *c, slice prefix, int64_t group_id, struct stream_list *streams)
{
    struct log_stream stream;
    struct db_rows rows = db_query(c->db, LOGS_SQL_STREAM_LIST, "it", group_id, prefix);
    while (streams->len <= FEW_STREAMS && db_next(&rows)) {
        stream_read(&rows, &stream);
        if (!slice_starts(stream.name, prefix))
            break;
        *list_add(c->arena, streams) = stream;
    }
    db_done(&rows);
    bool any = streams->len > 0;
    if (streams->len > FEW_STREAMS)
        *streams = (struct stream_list){0};
    return any;
}

/* Which streams are to be read. *none: there are none of those that are wanted. */
static int choose_streams(struct call *c, const struct logs_filter_log_events_in *in, int64_t group_id,
                          struct stream_list *streams, bool *none)
{
    slice prefix = in->log_stream_name_prefix;
    *none = false;
    if (prefix.ptr && in->log_stream_names.len > 0)
        return fail(c, &logs_invalid_parameter,
                    "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.");
    if (in->log_stream_names.len > 0)
        return named_streams(c, in, group_id, streams);
    if (prefix.len > 0)
        *none = !prefixed_streams(c, prefix, group_id, streams);
    return 0;
}

static void show(struct call *c, const struct reader_event *event, struct logs_filter_log_events_out *out)
{
    struct logs_filtered_log_event *shown = list_add(c->arena, &out->events);
    shown->log_stream_name = event->stream_name;
    shown->timestamp = opt_int(event->place.ms);
    shown->message = slice_dup(c->arena, event->message);
    shown->ingestion_time = opt_int(event->ingested_ms);
    shown->event_id = arena_printf(c->arena, "%020lld%018lld%018lld", (long long)event->place.ms,
                                   (long long)event->stream_id, (long long)event->place.number);
}

/* Fills the page until it is full, or enough was looked at, or nothing is left. */
static void fill(struct call *c, const struct logs_filter_log_events_in *in, const struct pattern *pattern,
                 struct reader *reader, struct logs_filter_log_events_out *out)
{
    size_t limit = (size_t)opt_int_or(in->limit, MAX_EVENTS), bytes = 0, scanned = 0, scanned_bytes = 0;
    struct reader_event event;
    struct place behind = {0}; /* what was looked at: what comes between it and the next event is not to be missed */
    enum reader_state state;
    while ((state = reader_next(reader, &event)) == READER_EVENT) {
        if (out->events.len >= limit || bytes >= MAX_BYTES || scanned >= MAX_SCANNED ||
            scanned_bytes >= MAX_SCANNED_BYTES)
            break;
        behind = (struct place){event.place.ms, event.place.block_id, event.place.number + 1};
        scanned++;
        scanned_bytes += event.message.len;
        if (pattern_match(c->arena, pattern, event.message)) {
            show(c, &event, out);
            bytes += event.message.len + EVENT_OVERHEAD_BYTES;
        }
    }
    if (state != READER_END)
        out->next_token = token_of(c, state == READER_EVENT ? &behind : &event.place);
}

int logs_filter_log_events(struct call *c, const struct logs_filter_log_events_in *in,
                           struct logs_filter_log_events_out *out)
{
    struct log_group group;
    struct stream_list streams = {0};
    struct pattern *pattern;
    bool none;
    slice why;
    struct reader_config config = {
        .streams = &streams,
        .prefix = in->log_stream_name_prefix,
        .start_ms = opt_int_or(in->start_time, 0),
        .end_ms = in->end_time.set && in->end_time.v < INT64_MAX ? in->end_time.v + 1 : INT64_MAX,
    };
    TRY(group_get_either(c, in->log_group_name, in->log_group_identifier, &group));
    TRY(place_of(c, in->next_token, &config.from));
    if (pattern_parse(c->arena, in->filter_pattern.ptr ? in->filter_pattern : S(""), &pattern, &why) != 0)
        return fail(c, &logs_invalid_parameter, "Invalid filter pattern: %.*s", SLICE_ARG(why));
    TRY(choose_streams(c, in, group.id, &streams, &none));
    out->events.set = true;
    out->searched_log_streams.set = true; /* AWS answers it empty since 2020 */
    if (none)
        return 0;
    config.group_id = group.id;
    struct reader *reader = reader_open(c, &config);
    fill(c, in, pattern, reader, out);
    reader_close(reader);
    return 0;
}

int logs_test_metric_filter(struct call *c, const struct logs_test_metric_filter_in *in,
                            struct logs_test_metric_filter_out *out)
{
    struct pattern *pattern;
    slice why;
    if (pattern_parse(c->arena, in->filter_pattern, &pattern, &why) != 0)
        return fail(c, &logs_invalid_parameter, "Invalid filter pattern: %.*s", SLICE_ARG(why));
    int64_t number = 0;
    list_foreach (message, &in->log_event_messages) {
        number++;
        if (!pattern_match(c->arena, pattern, *message))
            continue;
        struct logs_metric_filter_match_record *match = list_add(c->arena, &out->matches);
        struct pair_list values = {0};
        match->event_number = opt_int(number);
        match->event_message = *message;
        match->extracted_values.set = true;
        pattern_extract(c->arena, pattern, *message, &values);
        list_foreach (value, &values) {
            struct logs_extracted_values_entry *entry = list_add(c->arena, &match->extracted_values);
            entry->key = value->key;
            entry->value = value->value;
        }
    }
    return 0;
}
