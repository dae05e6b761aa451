/* stream: log streams: create, describe in their orders, delete. */
#include "services/logs/logs.h"

#include "common/page.h"
#include "logs_api.h"

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

static struct db_rows query(struct call *c, const struct logs_describe_log_streams_in *in, int64_t group_id,
                            const struct place *place)
{
    bool down = opt_bool_or(in->descending, false);
    slice prefix = in->log_stream_name_prefix;
    if (slice_eq(in->order_by, S("LastEventTime")))
        return db_query(c->db, down ? LOGS_SQL_STREAM_LIST_TIME_DOWN : LOGS_SQL_STREAM_LIST_TIME, "iit", group_id,
                        place->set ? place->ms
                        : down     ? INT64_MAX
                                   : -1,
                        place->name);
    if (down)
        return db_query(c->db, LOGS_SQL_STREAM_LIST_DOWN, "it", group_id,
                        place->set ? place->name : arena_concat(c->arena, prefix, S(LAST_CHARACTER)));
    return db_query(c->db, LOGS_SQL_STREAM_LIST, "it", group_id,
                    place->set   ? group_name_behind(c, place->name)
                    : prefix.ptr ? prefix
                                 : S(""));
}

int logs_describe_log_streams(struct call *c, const struct logs_describe_log_streams_in *in,
                              struct logs_describe_log_streams_out *out)
{
    struct log_group group;
    struct place place;
    struct log_stream stream, last = {0};
    if (slice_eq(in->order_by, S("LastEventTime")) && in->log_stream_name_prefix.ptr)
        return fail(c, &logs_invalid_parameter, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    TRY(group_get_either(c, in->log_group_name, in->log_group_identifier, &group));
    TRY(place_of(c, in->next_token, &place));
    size_t limit = (size_t)opt_int_or(in->limit, DESCRIBE_LIMIT);
    struct db_rows rows = query(c, in, group.id, &place);
    while (db_next(&rows)) {
        stream_read(&rows, &stream);
        if (in->log_stream_name_prefix.ptr && !slice_starts(stream.name, in->log_stream_name_prefix))
            break;
        if (out->log_streams.len == limit) {
            slice key =
                arena_printf(c->arena, "%lld/%.*s", (long long)opt_int_or(last.last_ms, 0), SLICE_ARG(last.name));
            out->next_token = page_token(c->arena, S("DescribeLogStreams"), key);
            break;
        }
        describe(c, group.name, &stream, list_add(c->arena, &out->log_streams));
        last = stream;
    }
    db_done(&rows);
    return 0;
}
