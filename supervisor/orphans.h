/* orphans: processes that were started below our children and have outlived their parents. They come to us (we are a
 * subreaper) and are killed: nothing that awssim has started runs on without it. */
#pragma once

#include "common/buf.h"

#include <sys/types.h>

struct orphans {
    struct buf spared; /* children this process had before it began to supervise (of a shell that has exec'd us) */
};

void orphans_open(struct orphans *orphans);
void orphans_close(struct orphans *orphans);

/* Kills every child of this process for which is_ours says no; answers whether there was one. The dead ones are to be
 * waited for, after which there may be new ones. */
bool orphans_kill(const struct orphans *orphans, bool (*is_ours)(const void *owner, pid_t pid), const void *owner);
