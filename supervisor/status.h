/* status: what runs, as JSON for `awssimctl status` and for other programs. */
#pragma once

#include "common/buf.h"

struct supervisor;

/* Appends the document:
 * {"pid":…, "endpoint":…, "state_dir":…, "log_dir":…, "ready":…, "processes":[{"process":…, "pid":… or null, "state":…,
 * "since":"ISO 8601", "restarts":…, "memory_bytes":… or null, "last_end":… or null}]}; the first process is the
 * supervisor. Memory is the proportional share (PSS), or the resident set where that cannot be read. */
void status_write(const struct supervisor *supervisor, struct buf *out);
