/* page: continuation tokens for List and Describe operations. A token is opaque to clients, names the operation it
 * belongs to, and carries the sort key of the last item given out, so it stays valid while items come and go. */
#pragma once

#include "common/slice.h"

/* A token for `kind` (the operation's name) that continues behind `key`. */
slice page_token(struct arena *arena, slice kind, slice key);

/* The key in a token of that kind. An absent token gives 0 and an empty key; one that is broken or of another kind
 * gives BAD_INPUT. */
int page_key(struct arena *arena, slice kind, slice token, slice *key);
