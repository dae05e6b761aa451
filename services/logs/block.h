/* block: events as the bytes of one row. */
#pragma once

#include "services/logs/store.h"

/* The bytes of count events; times are kept relative to the first one's. */
slice block_encode(struct arena *arena, const struct event *events, size_t count);

/* One event off the front of *bytes: its time relative to the block's first, and its message, which borrows. False when
 * the bytes are at their end or broken. */
bool block_next(slice *bytes, int64_t *delta_ms, slice *message);

/* Appends the events of a block to out; first_ms, number and ingested_ms are the row's. Answers 0 or BAD_INPUT for
 * broken bytes. */
int block_decode(struct arena *arena, slice bytes, const struct event *first, struct event_list *out);
