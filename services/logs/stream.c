/* stream: log streams: create, describe in their orders, delete. */
#include "services/logs/logs.h"

#include "common/page.h"
#include "logs_api.h"

#include <stdlib.h>

enum { DESCRIBE_LIMIT = 50 };

/* Of Unicode; no name has it. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

void stream_read(struct db_rows *rows, struct log_stream *stream)
{
    *stream = (struct log_stream){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .created_ms = db_int(rows, 2),
        .next_number = db_int(rows, 6),
        .max_span_ms = db_int(rows, 7),
        .stored_bytes = db_int(rows, 8),
        .group_id = db_int(rows, 9),
    };
    if (!db_is_null(rows, 3))
        stream->first_ms = opt_int(db_int(rows, 3));
    if (!db_is_null(rows, 4))
        stream->last_ms = opt_int(db_int(rows, 4));
    if (!db_is_null(rows, 5))
        stream->ingested_ms = opt_int(db_int(rows, 5));
}

static bool find(struct call *c, int64_t group_id, slice name, struct log_stream *stream)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_STREAM_GET, "it", group_id, name);
    bool found = db_next(&rows);
    if (found)
        stream_read(&rows, stream);
    db_done(&rows);
    return found;
}

int stream_get(struct call *c, int64_t group_id, slice name, struct log_stream *stream)
{
    if (!find(c, group_id, name, stream))
        return fail(c, &logs_resource_not_found, "The specified log stream does not exist.");
    return 0;
}

int logs_create_log_stream(struct call *c, const struct logs_create_log_stream_in *in,
                           struct logs_create_log_stream_out *out)
{
    struct log_group group;
    struct log_stream stream;
    TRY(group_get(c, in->log_group_name, &group));
    if (find(c, group.id, in->log_stream_name, &stream))
        return fail(c, &logs_resource_already_exists, "The specified log stream already exists");
    db_run(c->db, LOGS_SQL_STREAM_INSERT, "iti", group.id, in->log_stream_name, c->now_ms);
    return 0;
}

int logs_delete_log_stream(struct call *c, const struct logs_delete_log_stream_in *in,
                           struct logs_delete_log_stream_out *out)
{
    struct log_group group;
    struct log_stream stream;
    TRY(group_get(c, in->log_group_name, &group));
    TRY(stream_get(c, group.id, in->log_stream_name, &stream));
    db_run(c->db, LOGS_SQL_DEAD_INSERT, "ii", stream.id, group.id);
    db_run(c->db, LOGS_SQL_STREAM_DELETE, "i", stream.id);
    call_timer_changed(c);
    return 0;
}

static void describe(struct call *c, slice group_name, const struct log_stream *stream, struct logs_log_stream *out)
{
    out->log_stream_name = stream->name;
    out->creation_time = opt_int(stream->created_ms);
    out->first_event_timestamp = stream->first_ms;
    out->last_event_timestamp = stream->last_ms;
    out->last_ingestion_time = stream->ingested_ms;
    out->upload_sequence_token = arena_printf(c->arena, "4%055lld", (long long)stream->next_number);
    out->arn =
        arena_printf(c->arena, "%.*s:log-stream:%.*s", SLICE_ARG(group_arn(c, group_name)), SLICE_ARG(stream->name));
    out->stored_bytes = opt_int(stream->stored_bytes);
}

/* Where a page begins: behind the stream of that name and, when ordered by time, that time. In a token: "TIME/NAME". */
struct place {
    bool set;
    int64_t ms;
    slice name;
};

static int place_of(struct call *c, slice token, struct place *place)
{
    slice key, time;
    *place = (struct place){.name = S("")};
    if (page_key(c->arena, S("DescribeLogStreams"), token, &key) != 0)
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    if (key.len == 0)
        return 0;
    if (!slice_cut(key, '/', &time, &place->name) || !slice_to_int64(time, &place->ms))
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    place->set = true;
    return 0;
}

static struct db_rows query_by_name(struct call *c, const struct logs_describe_log_streams_in *in, int64_t group_id,
                                    const struct place *place)
{
    slice prefix = in->log_stream_name_prefix;
    if (opt_bool_or(in->descending, false))
        return db_query(c->db, LOGS_SQL_STREAM_LIST_DOWN, "it", group_id,
                        place->set ? place->name : arena_concat(c->arena, prefix, S(LAST_CHARACTER)));
    return db_query(c->db, LOGS_SQL_STREAM_LIST, "it", group_id,
                    place->set   ? group_name_behind(c, place->name)
                    : prefix.ptr ? prefix
                                 : S(""));
}

struct streams {
    struct log_stream *items;
    size_t len;
    bool set;
};

/* The page's streams, and one more when there is one. */
static void list_by_name(struct call *c, const struct logs_describe_log_streams_in *in, int64_t group_id,
                         const struct place *place, size_t limit, struct streams *streams)
{
    struct log_stream stream;
    struct db_rows rows = query_by_name(c, in, group_id, place);
    while (streams->len <= limit && db_next(&rows)) {
        stream_read(&rows, &stream);
        if (in->log_stream_name_prefix.ptr && !slice_starts(stream.name, in->log_stream_name_prefix))
            break;
        *list_add(c->arena, streams) = stream;
    }
    db_done(&rows);
}

static int compare(const void *a, const void *b)
{
    const struct log_stream *x = a, *y = b;
    int64_t x_ms = opt_int_or(x->last_ms, 0), y_ms = opt_int_or(y->last_ms, 0);
    return x_ms != y_ms ? (x_ms < y_ms ? -1 : 1) : slice_cmp(x->name, y->name);
}

static int compare_down(const void *a, const void *b)
{
    return compare(b, a);
}

/* The same by time. The rows come by the second: those of the last one are read to its end before they are put in
 * order. */
static void list_by_time(struct call *c, bool down, int64_t group_id, const struct place *place, size_t limit,
                         struct streams *streams)
{
    struct log_stream stream;
    const struct log_stream from = {.last_ms = opt_int(place->ms), .name = place->name};
    int64_t last_second = -1;
    struct db_rows rows =
        db_query(c->db, down ? LOGS_SQL_STREAM_LIST_TIME_DOWN : LOGS_SQL_STREAM_LIST_TIME, "ii", group_id,
                 place->set ? place->ms / 1000
                 : down     ? INT64_MAX
                            : 0);
    while (db_next(&rows)) {
        stream_read(&rows, &stream);
        int64_t second = opt_int_or(stream.last_ms, 0) / 1000;
        if (streams->len > limit && second != last_second)
            break;
        if (place->set && (down ? compare(&stream, &from) >= 0 : compare(&stream, &from) <= 0))
            continue;
        last_second = second;
        *list_add(c->arena, streams) = stream;
    }
    db_done(&rows);
    if (streams->len > 1)
        qsort(streams->items, streams->len, sizeof(*streams->items), down ? compare_down : compare);
}

int logs_describe_log_streams(struct call *c, const struct logs_describe_log_streams_in *in,
                              struct logs_describe_log_streams_out *out)
{
    struct log_group group;
    struct place place;
    struct streams streams = {0};
    bool by_time = slice_eq(in->order_by, S("LastEventTime"));
    if (by_time && in->log_stream_name_prefix.ptr)
        return fail(c, &logs_invalid_parameter, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    TRY(group_get_either(c, in->log_group_name, in->log_group_identifier, &group));
    TRY(place_of(c, in->next_token, &place));
    size_t limit = (size_t)opt_int_or(in->limit, DESCRIBE_LIMIT);
    if (by_time)
        list_by_time(c, opt_bool_or(in->descending, false), group.id, &place, limit, &streams);
    else
        list_by_name(c, in, group.id, &place, limit, &streams);
    for (size_t i = 0; i < streams.len && i < limit; i++)
        describe(c, group.name, &streams.items[i], list_add(c->arena, &out->log_streams));
    if (streams.len > limit) {
        const struct log_stream *last = &streams.items[limit - 1];
        slice key = arena_printf(c->arena, "%lld/%.*s", (long long)opt_int_or(last->last_ms, 0), SLICE_ARG(last->name));
        out->next_token = page_token(c->arena, S("DescribeLogStreams"), key);
    }
    return 0;
}
