/* list: what the list operations share: where to begin, common prefixes, encoded names, limits. */
#pragma once

#include "services/s3/s3.h"

/* The smallest text that is greater than all that begin with prefix. */
slice list_successor(struct call *c, slice prefix);

/* The part of the key up to the first delimiter behind the prefix; absent when there is none. */
slice list_common_prefix(slice key, slice prefix, slice delimiter);

/* The first key that may be listed behind `after`. */
slice list_start(struct call *c, slice prefix, slice delimiter, slice after);

/* As encoding-type asks; absent stays absent. */
slice list_encode(struct call *c, slice encoding_type, slice text);
int list_check_encoding(struct call *c, slice encoding_type);

/* max-keys and its like: at most 1,000. */
int list_check_max(struct call *c, struct opt_int given, const char *name, int64_t *max);
