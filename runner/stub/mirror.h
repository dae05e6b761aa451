/* mirror: a root that shows the host's files, so that programs find their interpreters and libraries, and not what
 * users keep there. */
#pragma once

#include "runner/stub/plan.h"

/* What of the host's root is not shown: its users' files, what is shared by all or passes with the machine's uptime,
 * and where a sandbox has files of its own. */
#define MIRROR_EMPTY                                                                                                   \
    {                                                                                                                  \
        "home", "media", "mnt", "opt", "root", "run", "tmp"                                                            \
    }

/* Puts a file system in memory together, with the host's files in it, and makes it the working directory. Only what is
 * in memory can be written to. 0, or -1. */
int mirror_make(const struct plan *plan);
