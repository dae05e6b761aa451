/* own_dir: folders that nobody but this process's user may have a hand in. */
#pragma once

#include "common/slice.h"

struct arena;

/* Whether the folder is no link, this user's, and closed to all others. Answers 0, or BAD_INPUT with a sentence in
 * *why; what names the folder ("run directory"), and flag the option that names another. */
int own_dir_check(struct arena *arena, slice path, const char *what, const char *flag, slice *why);

/* The same for a state directory, which may be a link, and was made by an older version or by somebody's mkdir: it is
 * closed to others, with what is of awssim in it. One that holds anything else, somebody's own files, is left open;
 * only what is of awssim in it is closed. */
int own_dir_close(struct arena *arena, slice path, slice *why);
