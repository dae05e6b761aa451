/* store: the events of one stream, ordered by time, then arrival. Events that arrive together are one row, so a write
 * costs one insert and a page costs as many rows as it shows, however long the stream is. */
#pragma once

#include "services/logs/logs.h"

struct event {
    int64_t ms;
    int64_t number; /* of arrival, per stream, from 0 */
    int64_t ingested_ms;
    slice message;
};

struct event_list {
    struct event *items;
    size_t len;
    bool set;
};

/* A gap between two events: behind all events with (ms, number + 1) up to and including it. {0, 0} is the beginning. */
struct position {
    int64_t ms;
    int64_t number;
};

extern const struct position store_end;

/* What CloudWatch Logs counts for one event beside its message. */
enum { EVENT_OVERHEAD_BYTES = 26 };

/* A block's class by its length: 0 is one millisecond, each further one eight times as long; the greatest length that a
 * class has. */
enum { STORE_SPANS = 8 };
int64_t store_span_of(int64_t length_ms);
int64_t store_span_ms(int64_t span);

/* Removes a block of that group. */
struct store_block {
    int64_t id;
    int64_t first_ms;
    int64_t last_ms;
};
void store_remove(struct call *c, int64_t group_id, const struct store_block *block);

/* Appends events (ascending by ms; numbers are given here) to the stream and updates its counters. */
void store_append(struct call *c, struct log_stream *stream, struct event_list *events);

struct store_page {
    const struct log_stream *stream;
    struct position from; /* the page begins (backward: ends) here */
    bool backward;
    int64_t start_ms; /* inclusive */
    int64_t end_ms;   /* exclusive */
    size_t limit;
    size_t limit_bytes;
};

/* The next events from page->from in its direction, always in ascending order; at least one if there is one. */
void store_read(struct call *c, const struct store_page *page, struct event_list *out);

/* The gap before and behind an event. */
struct position store_before(const struct event *event);
struct position store_behind(const struct event *event);
