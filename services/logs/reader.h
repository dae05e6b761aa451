/* reader: the events of many streams in one order: by time, then by the blocks they came in. It reads what it answers,
 * and little more, however many streams there are: blocks are opened when their time has come. */
#pragma once

#include "services/logs/store.h"

/* An event's place in that order. Whoever goes on from a place finds the event at it, if it is still there, and all
 * behind it. */
struct place {
    int64_t ms;
    int64_t block_id;
    int64_t number;
};

struct reader_event {
    struct place place;
    int64_t stream_id;
    slice stream_name;
    int64_t ingested_ms;
    slice message; /* until the next call */
};

struct stream_list {
    struct log_stream *items;
    size_t len;
    bool set;
};

struct reader_config {
    struct place from;
    int64_t start_ms; /* inclusive */
    int64_t end_ms;   /* exclusive */
    /* These streams, or, when there are none, all of the group whose names begin with the prefix. */
    const struct stream_list *streams;
    int64_t group_id;
    slice prefix;
};

/* In the call's arena. To be closed before the handler answers. One at a time. */
struct reader;
struct reader *reader_open(struct call *c, const struct reader_config *config);
void reader_close(struct reader *reader);

/* READER_EVENT; READER_END; or READER_PAUSE: much was passed over in vain, and event->place is where to go on. */
enum reader_state { READER_EVENT, READER_END, READER_PAUSE };
enum reader_state reader_next(struct reader *reader, struct reader_event *event);
