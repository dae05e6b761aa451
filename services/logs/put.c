/* put: log events in: PutLogEvents with its limits and rejections, and what the runner sends. */
#include "services/logs/store.h"

#include "common/json.h"
#include "logs_api.h"

enum { MAX_BATCH_BYTES = 1048576 };

static const int64_t day_ms = 24 * 3600 * 1000LL;
static const int64_t max_age_ms = 14 * 24 * 3600 * 1000LL;
static const int64_t max_ahead_ms = 2 * 3600 * 1000LL;

/* One look-up for group and stream; which of the two is missing is found out only then. */
static int find_stream(struct call *c, slice group_name, slice stream_name, struct log_stream *stream,
                       struct opt_int *retention_days)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_STREAM_FIND, "tttt", c->account, c->region, group_name, stream_name);
    bool found = db_next(&rows);
    if (found) {
        stream_read(&rows, stream);
        *retention_days = db_is_null(&rows, 10) ? (struct opt_int){0} : opt_int(db_int(&rows, 10));
    }
    db_done(&rows);
    if (found)
        return 0;
    struct log_group group;
    TRY(group_get(c, group_name, &group));
    return stream_get(c, group.id, stream_name, stream);
}

static int check_batch(struct call *c, const struct logs_input_log_events *events)
{
    size_t bytes = 0;
    int64_t first = events->items[0].timestamp.v, previous = first;
    list_foreach (event, events) {
        bytes += event->message.len + EVENT_OVERHEAD_BYTES;
        if (event->timestamp.v < previous)
            return fail(c, &logs_invalid_parameter,
                        "Log events in a single PutLogEvents request must be in chronological order.");
        previous = event->timestamp.v;
    }
    if (bytes > MAX_BATCH_BYTES)
        return fail(c, &logs_invalid_parameter, "Upload too large: %zu bytes exceeds limit of %d", bytes,
                    MAX_BATCH_BYTES);
    if (previous - first > day_ms)
        return fail(c, &logs_invalid_parameter,
                    "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
    return 0;
}

/* The events that are kept, and in *rejected what is said of the others. Events are in chronological order, so each
 * kind of rejected one is a run at the beginning or the end. */
static void sort_out(struct call *c, const struct logs_input_log_events *in, struct opt_int retention_days,
                     struct event_list *kept, struct logs_rejected_log_events_info **rejected)
{
    int64_t expired_before = retention_days.set ? c->now_ms - retention_days.v * day_ms : INT64_MIN;
    struct logs_rejected_log_events_info info = {0};
    int64_t index = 0;
    list_foreach (event, in) {
        int64_t ms = event->timestamp.v;
        if (ms < c->now_ms - max_age_ms)
            info.too_old_log_event_end_index = opt_int(index + 1);
        else if (ms < expired_before)
            info.expired_log_event_end_index = opt_int(index + 1);
        else if (ms > c->now_ms + max_ahead_ms) {
            info.too_new_log_event_start_index = opt_int(index);
            break;
        } else
            *list_add(c->arena, kept) = (struct event){.ms = ms, .message = event->message};
        index++;
    }
    if (info.too_old_log_event_end_index.set || info.expired_log_event_end_index.set ||
        info.too_new_log_event_start_index.set)
        *rejected = arena_copy(c->arena, &info, sizeof(info));
}

int logs_put_log_events(struct call *c, const struct logs_put_log_events_in *in, struct logs_put_log_events_out *out)
{
    struct log_stream stream;
    struct opt_int retention_days = {0};
    struct event_list kept = {0};
    TRY(check_batch(c, &in->log_events));
    TRY(find_stream(c, in->log_group_name, in->log_stream_name, &stream, &retention_days));
    sort_out(c, &in->log_events, retention_days, &kept, &out->rejected_log_events_info);
    store_append(c, &stream, &kept);
    out->next_sequence_token = arena_printf(c->arena, "4%055lld", (long long)stream.next_number);
    return 0;
}

int put_append_log_events(struct call *c, slice body)
{
    struct val message;
    slice why;
    struct log_stream stream;
    struct opt_int retention_days;
    struct event_list events = {0};
    if (json_parse(c->arena, body, &message, &why) != 0)
        return FAULT_MESSAGE;
    c->account = val_get_string(&message, S("account"));
    c->region = val_get_string(&message, S("region"));
    TRY(find_stream(c, val_get_string(&message, S("group")), val_get_string(&message, S("stream")), &stream,
                    &retention_days));
    const struct val *list = val_get(&message, S("events"));
    int64_t latest = INT64_MIN;
    for (size_t i = 0; list && list->type == VAL_ARRAY && i < list->array.len; i++) {
        const struct val *pair = &list->array.items[i];
        if (pair->type != VAL_ARRAY || pair->array.len != 2 || pair->array.items[0].type != VAL_INT ||
            pair->array.items[1].type != VAL_STRING)
            return FAULT_MESSAGE;
        /* Order of arrival is what counts for a task's output, even when the machine's clock is set back. */
        int64_t ms = pair->array.items[0].integer;
        latest = ms > latest ? ms : latest;
        *list_add(c->arena, &events) = (struct event){.ms = latest, .message = pair->array.items[1].string};
    }
    store_append(c, &stream, &events);
    return 0;
}
