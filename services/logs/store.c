/* store: see store.h. Rows are read in order of their first event; since rows may overlap, a page is complete only when
 * no unread row can hold an earlier (backward: later) event than its last, which the stream's longest row bounds. */
#include "services/logs/store.h"

#include "services/logs/block.h"

#include <stdlib.h>

enum { BLOCK_SPAN_MS = 60 * 1000 };

const struct position store_end = {INT64_MAX, INT64_MAX};

struct position store_before(const struct event *event)
{
    return (struct position){event->ms, event->number};
}

struct position store_behind(const struct event *event)
{
    return (struct position){event->ms, event->number + 1};
}

static bool is_behind(const struct event *event, struct position gap)
{
    return event->ms != gap.ms ? event->ms > gap.ms : event->number + 1 > gap.number;
}

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int64_t event_bytes(const struct event *events, size_t count)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += (int64_t)events[i].message.len + EVENT_OVERHEAD_BYTES;
    return bytes;
}

int64_t store_span_ms(int64_t span)
{
    const int64_t longest_ms = 2 * 24 * 3600 * 1000; /* what PutLogEvents takes in one piece, and more */
    return span == STORE_SPANS - 1 ? longest_ms : span == 0 ? 0 : ((int64_t)1 << (3 * span)) - 1;
}

int64_t store_span_of(int64_t length_ms)
{
    int64_t span = 0;
    while (span < STORE_SPANS - 1 && length_ms > store_span_ms(span))
        span++;
    return span;
}

void store_remove(struct call *c, int64_t group_id, const struct store_block *block)
{
    db_run(c->db, LOGS_SQL_BLOCK_DELETE, "i", block->id);
    db_run(c->db, LOGS_SQL_TIME_DELETE, "iiii", group_id, store_span_of(block->last_ms - block->first_ms),
           block->first_ms, block->id);
}

static int64_t append_block(struct call *c, const struct log_stream *stream, const struct event *events, size_t count)
{
    int64_t bytes = event_bytes(events, count), first_ms = events[0].ms, last_ms = events[count - 1].ms;
    db_run(c->db, LOGS_SQL_BLOCK_INSERT, "iiiiiib", stream->id, first_ms, events[0].number, last_ms, c->now_ms, bytes,
           block_encode(c->arena, events, count));
    db_run(c->db, LOGS_SQL_TIME_INSERT, "iiiiii", stream->group_id, store_span_of(last_ms - first_ms), first_ms,
           db_last_id(c->db), last_ms, stream->id);
    return bytes;
}

void store_append(struct call *c, struct log_stream *stream, struct event_list *events)
{
    if (events->len == 0)
        return;
    int64_t bytes = 0, span = 0;
    size_t first = 0;
    for (size_t i = 0; i < events->len; i++) {
        if (events->items[i].ms - events->items[first].ms > BLOCK_SPAN_MS) {
            bytes += append_block(c, stream, events->items + first, i - first);
            first = i;
        }
        events->items[i].number = stream->next_number++;
        int64_t reach = events->items[i].ms - events->items[first].ms;
        span = reach > span ? reach : span;
    }
    bytes += append_block(c, stream, events->items + first, events->len - first);
    db_run(c->db, LOGS_SQL_STREAM_STORED, "iiiiiii", stream->id, events->items[0].ms, events->items[events->len - 1].ms,
           c->now_ms, stream->next_number, span, bytes);
    int64_t last_ms = events->items[events->len - 1].ms, before_ms = opt_int_or(stream->last_ms, 0);
    if (last_ms > before_ms && last_ms / 1000 != before_ms / 1000)
        db_run(c->db, LOGS_SQL_STREAM_SECOND, "ii", last_ms / 1000, stream->id);
}

/* How many events of the page, counted from its near end, fit its limits; at least one. Sorts them first. */
static size_t fitting(const struct store_page *page, struct event_list *events)
{
    if (events->len > 1)
        qsort(events->items, events->len, sizeof(*events->items), compare_events);
    size_t bytes = 0, n = 0;
    while (n < events->len && n < page->limit) {
        const struct event *event = &events->items[page->backward ? events->len - 1 - n : n];
        bytes += event->message.len + EVENT_OVERHEAD_BYTES;
        if (n > 0 && bytes > page->limit_bytes)
            break;
        n++;
    }
    return n;
}

/* Whether a row beginning at first_ms, and all behind it, are beyond the page's last fitting event. */
static bool complete(const struct store_page *page, struct event_list *events, int64_t first_ms)
{
    if (events->len == 0)
        return false;
    size_t n = fitting(page, events);
    if (n == events->len && n < page->limit)
        return false;
    if (page->backward)
        return first_ms + page->stream->max_span_ms < events->items[events->len - n].ms;
    return first_ms > events->items[n - 1].ms;
}

static void add_row(struct call *c, struct db_rows *rows, const struct store_page *page, struct event_list *out)
{
    struct event first = {.ms = db_int(rows, 0), .number = db_int(rows, 1), .ingested_ms = db_int(rows, 2)};
    struct event_list all = {0};
    if (block_decode(c->arena, db_text(rows, 3), &first, &all) != 0)
        return;
    list_foreach (event, &all) {
        if (event->ms >= page->start_ms && event->ms < page->end_ms && is_behind(event, page->from) != page->backward)
            *list_add(c->arena, out) = *event;
    }
}

void store_read(struct call *c, const struct store_page *page, struct event_list *out)
{
    int64_t low = page->start_ms, high = page->end_ms;
    if (!page->backward && page->from.ms > low)
        low = page->from.ms;
    if (page->backward && page->from.ms < high)
        high = page->from.ms + 1;
    low -= page->stream->max_span_ms;
    size_t checked = 0;
    struct db_rows rows = db_query(c->db, page->backward ? LOGS_SQL_BLOCK_BACKWARD : LOGS_SQL_BLOCK_FORWARD, "iii",
                                   page->stream->id, low, high);
    while (db_next(&rows)) {
        /* Checking sorts; so it is done when the page may have become full, not at each row. */
        if (out->len >= page->limit || out->len >= checked + 1000) {
            checked = out->len;
            if (complete(page, out, db_int(&rows, 0))) {
                db_done(&rows);
                break;
            }
        }
        add_row(c, &rows, page, out);
    }
    size_t n = fitting(page, out);
    if (page->backward)
        out->items += out->len - n;
    out->len = n;
}
