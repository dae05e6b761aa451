/* lines: bytes of a pipe as lines. */
#pragma once

#include "common/buf.h"

/* A zeroed one is ready. */
struct lines {
    struct buf partial; /* on the heap */
};

typedef void lines_fn(void *context, slice line);

/* Calls on_line for each complete line, without its newline; empty ones are left out, and longer ones than an event can
 * be are cut. */
void lines_add(struct lines *lines, slice bytes, lines_fn *on_line, void *context);

/* What stands without a newline at the end. */
void lines_end(struct lines *lines, lines_fn *on_line, void *context);
