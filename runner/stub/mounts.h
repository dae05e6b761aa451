/* mounts: what the container finds at paths of its own: directories and files of the host, and file systems in memory.
 * Everything happens in the mount namespace of the calling process and ends with it; the host's files stay as they
 * are. */
#pragma once

#include "runner/stub/plan.h"

#include <stddef.h>

/* To be called in a mount namespace of one's own whose mounts are private. A target that does not exist is made in the
 * namespace only: the deepest directory above it that exists becomes one in memory, with everything of the original
 * bound into it; what is newly made there ends with the container. 0, or -1 with why set. */
int mounts_apply(const struct plan *plan, char *why, size_t why_size);
