/* filter_events: FilterLogEvents over many streams, interleaved by time, and TestMetricFilter. */
#include "services/logs/store.h"

#include "common/page.h"
#include "logs_api.h"
#include "services/logs/pattern.h"

#include <stdlib.h>

enum { MAX_EVENTS = 10000, MAX_BYTES = 1048576, READ_EVENTS = 512, MAX_SCANNED = 100000 };

/* One stream being read: its events come a few hundred at a time. */
struct cursor {
    struct log_stream stream;
    struct position from;
    struct event_list events;
    size_t next;
    bool ended;
};

struct cursor_list {
    struct cursor *items;
    size_t len;
    bool set;
};

/* Where in the order of all streams' events (time, stream, arrival) a page begins: behind that event. */
struct place {
    int64_t ms;
    int64_t stream_id;
    int64_t number;
};

static int place_of(struct call *c, slice token, struct place *place)
{
    slice key, ms, stream_id;
    *place = (struct place){0};
    if (page_key(c->arena, S("FilterLogEvents"), token, &key) != 0)
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    if (key.len == 0)
        return 0;
    if (!slice_cut(key, '/', &ms, &key) || !slice_cut(key, '/', &stream_id, &key) || !slice_to_int64(ms, &place->ms) ||
        !slice_to_int64(stream_id, &place->stream_id) || !slice_to_int64(key, &place->number))
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    return 0;
}

static slice token_of(struct call *c, const struct place *place)
{
    return page_token(c->arena, S("FilterLogEvents"),
                      arena_printf(c->arena, "%lld/%lld/%lld", (long long)place->ms, (long long)place->stream_id,
                                   (long long)place->number));
}

/* The gap in one stream that the place in all of them means. */
static struct position position_in(const struct place *place, int64_t stream_id)
{
    if (stream_id == place->stream_id)
        return (struct position){place->ms, place->number};
    return (struct position){place->ms, stream_id < place->stream_id ? INT64_MAX : 0};
}

static void add_cursor(struct call *c, const struct log_stream *stream, const struct place *place,
                       struct cursor_list *cursors)
{
    *list_add(c->arena, cursors) = (struct cursor){.stream = *stream, .from = position_in(place, stream->id)};
}

static int named_streams(struct call *c, const struct logs_filter_log_events_in *in, int64_t group_id,
                         const struct place *place, struct cursor_list *cursors)
{
    struct log_stream stream;
    list_foreach (name, &in->log_stream_names) {
        TRY(stream_get(c, group_id, *name, &stream));
        bool twice = false;
        list_foreach (cursor, cursors)
            twice = twice || cursor->stream.id == stream.id;
        if (!twice)
            add_cursor(c, &stream, place, cursors);
    }
    return 0;
}

static int open_cursors(struct call *c, const struct logs_filter_log_events_in *in, int64_t group_id,
                        const struct place *place, struct cursor_list *cursors)
{
    slice prefix = in->log_stream_name_prefix;
    if (prefix.ptr && in->log_stream_names.len > 0)
        return fail(c, &logs_invalid_parameter,
                    "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.");
    if (in->log_stream_names.len > 0)
        return named_streams(c, in, group_id, place, cursors);
    struct log_stream stream;
    struct db_rows rows = db_query(c->db, LOGS_SQL_STREAM_LIST, "itt", group_id, S(""), prefix.ptr ? prefix : S(""));
    while (db_next(&rows)) {
        stream_read(&rows, &stream);
        if (prefix.ptr && !slice_starts(stream.name, prefix))
            break;
        if (stream.last_ms.set && stream.last_ms.v >= place->ms)
            add_cursor(c, &stream, place, cursors);
    }
    db_done(&rows);
    return 0;
}

/* The cursor's next event, or NULL at its end. */
static const struct event *peek(struct call *c, struct cursor *cursor, const struct logs_filter_log_events_in *in)
{
    if (cursor->next < cursor->events.len)
        return &cursor->events.items[cursor->next];
    if (cursor->ended)
        return NULL;
    struct store_page page = {
        .stream = &cursor->stream,
        .from = cursor->from,
        .start_ms = opt_int_or(in->start_time, 0),
        .end_ms = in->end_time.set && in->end_time.v < INT64_MAX ? in->end_time.v + 1 : INT64_MAX,
        .limit = READ_EVENTS,
        .limit_bytes = MAX_BYTES,
    };
    cursor->events = (struct event_list){0};
    cursor->next = 0;
    store_read(c, &page, &cursor->events);
    cursor->ended = cursor->events.len == 0;
    if (cursor->ended)
        return NULL;
    cursor->from = store_behind(&cursor->events.items[cursor->events.len - 1]);
    return &cursor->events.items[0];
}

/* A binary heap of cursors ordered by their next events, the earliest at [0]. */
struct heap {
    struct cursor **items;
    size_t len;
};

static bool earlier(const struct cursor *a, const struct cursor *b)
{
    int64_t x = a->events.items[a->next].ms, y = b->events.items[b->next].ms;
    return x != y ? x < y : a->stream.id < b->stream.id;
}

static void sift_down(struct heap *heap, size_t at)
{
    for (;;) {
        size_t least = at, left = 2 * at + 1;
        for (size_t child = left; child < left + 2 && child < heap->len; child++)
            least = earlier(heap->items[child], heap->items[least]) ? child : least;
        if (least == at)
            return;
        struct cursor *moved = heap->items[at];
        heap->items[at] = heap->items[least];
        heap->items[least] = moved;
        at = least;
    }
}

static void show(struct call *c, const struct cursor *cursor, const struct event *event,
                 struct logs_filter_log_events_out *out)
{
    struct logs_filtered_log_event *shown = list_add(c->arena, &out->events);
    shown->log_stream_name = cursor->stream.name;
    shown->timestamp = opt_int(event->ms);
    shown->message = event->message;
    shown->ingestion_time = opt_int(event->ingested_ms);
    shown->event_id = arena_printf(c->arena, "%020lld%018lld%018lld", (long long)event->ms,
                                   (long long)cursor->stream.id, (long long)event->number);
}

/* Walks all cursors in the order of time until the page is full or all are at their end. */
static void merge(struct call *c, const struct logs_filter_log_events_in *in, const struct pattern *pattern,
                  struct heap *heap, struct logs_filter_log_events_out *out)
{
    size_t limit = (size_t)opt_int_or(in->limit, MAX_EVENTS), bytes = 0, scanned = 0;
    struct place place = {0};
    while (heap->len > 0) {
        struct cursor *cursor = heap->items[0];
        const struct event *event = &cursor->events.items[cursor->next];
        if (out->events.len >= limit || bytes >= MAX_BYTES || scanned >= MAX_SCANNED) {
            out->next_token = token_of(c, &place);
            return;
        }
        scanned++;
        place = (struct place){event->ms, cursor->stream.id, event->number + 1};
        if (pattern_match(c->arena, pattern, event->message)) {
            show(c, cursor, event, out);
            bytes += event->message.len + EVENT_OVERHEAD_BYTES;
        }
        cursor->next++;
        if (!peek(c, cursor, in))
            heap->items[0] = heap->items[--heap->len];
        sift_down(heap, 0);
    }
}

int logs_filter_log_events(struct call *c, const struct logs_filter_log_events_in *in,
                           struct logs_filter_log_events_out *out)
{
    struct log_group group;
    struct place place;
    struct cursor_list cursors = {0};
    struct pattern *pattern;
    slice why;
    TRY(group_get_either(c, in->log_group_name, in->log_group_identifier, &group));
    TRY(place_of(c, in->next_token, &place));
    if (pattern_parse(c->arena, in->filter_pattern.ptr ? in->filter_pattern : S(""), &pattern, &why) != 0)
        return fail(c, &logs_invalid_parameter, "Invalid filter pattern: %.*s", SLICE_ARG(why));
    TRY(open_cursors(c, in, group.id, &place, &cursors));
    struct heap heap = {.items = arena_array(c->arena, cursors.len + 1, sizeof(*heap.items))};
    list_foreach (cursor, &cursors) {
        if (peek(c, cursor, in))
            heap.items[heap.len++] = cursor;
    }
    for (size_t i = heap.len / 2; i-- > 0;)
        sift_down(&heap, i);
    merge(c, in, pattern, &heap, out);
    out->searched_log_streams.set = true; /* AWS answers it empty since 2020 */
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
