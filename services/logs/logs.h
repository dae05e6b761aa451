/* logs: what the files of the logs service share: groups and streams as rows, and the look-ups that answer by
 * themselves. Events are in store.h, filter patterns in pattern.h. */
#pragma once

#include "common/opt.h"
#include "services/worker/call.h"

enum logs_sql {
#define SQL(name, text) LOGS_SQL_##name,
#include "services/logs/sql.def"
#undef SQL
};

extern const struct service logs_process;

struct log_group {
    int64_t id;
    slice name;
    int64_t created_ms;
    struct opt_int retention_days;
    slice kms_key;
    slice class;
    bool protected;
};

struct log_stream {
    int64_t id;
    slice name;
    int64_t created_ms;
    struct opt_int first_ms;
    struct opt_int last_ms;
    struct opt_int ingested_ms;
    int64_t next_number; /* of the next event to be stored */
    int64_t max_span_ms;
    int64_t stored_bytes;
    int64_t group_id;
};

/* The group of that name, or ResourceNotFoundException. */
int group_get(struct call *c, slice name, struct log_group *group);

/* The group that a request names by exactly one of name and identifier (a name or an ARN). */
int group_get_either(struct call *c, slice name, slice identifier, struct log_group *group);

/* Reads one row of the statements GROUP_GET and GROUP_LIST. */
void group_read(struct db_rows *rows, struct log_group *group);

/* arn:aws:logs:R:A:log-group:NAME, without the trailing :* */
slice group_arn(struct call *c, slice name);

/* Name in a group ARN (with or without :*), or in a plain name; absent when it is an ARN of something else. */
slice group_name_of(slice arn_or_name);

/* The least text that is greater. */
slice group_name_behind(struct call *c, slice name);

/* Sets tags of a group, at most 50 in all. */
int tags_set(struct call *c, int64_t group_id, const struct pair_list *tags);

/* Adds the tags of a group. */
struct logs_tags;
void tags_list(struct call *c, int64_t group_id, struct logs_tags *out);

/* The stream of that name in the group, or ResourceNotFoundException. */
int stream_get(struct call *c, int64_t group_id, slice name, struct log_stream *stream);
void stream_read(struct db_rows *rows, struct log_stream *stream);

/* The timer: removes what retention has expired and what deleted streams left behind. */
int retention_run(struct call *c, int64_t *next_due_ms);

/* Event from the runner: proto/runner.h. */
int put_append_log_events(struct call *c, slice body);
