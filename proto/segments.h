/* segments: an answer's body that is made of parts of several files, as text: lines "OFFSET LENGTH NAME\n", each a part
 * of a file (named as body_file is), in order. */
#pragma once

#include "common/slice.h"

struct buf;

struct segment {
    slice name;
    int64_t offset;
    int64_t length; /* > 0 */
};

void segments_add(struct buf *text, const struct segment *segment);

/* Takes the first line off the text. False at the end, or when the line is broken: then *text is not empty. */
bool segments_next(slice *text, struct segment *segment);

/* The length of all, or -1 when the text is broken or their sum is beyond int64_t. */
int64_t segments_length(slice text);

/* A lease: "NUMBER NAME". Who sends segments holds a read lock (open file description) on byte NUMBER of that file
 * meanwhile, so that their owner does not remove them. False when it is broken. */
bool segments_lease(slice text, int64_t *number, slice *name);
