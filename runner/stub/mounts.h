/* mounts: what the container finds at paths of its own: directories and files of the host, and file systems in memory.
 * Everything happens in the mount namespace of the calling process and ends with it; the host's files stay as they
 * are. */
#pragma once

#include "runner/stub/plan.h"

#include <stddef.h>

/* Shows an entry of a directory at that path, where nothing is: a link again, anything else bound, with these
 * attributes of mount_setattr. An entry that is gone meanwhile is none. 0, or -1. */
int mounts_show(int dir, const char *name, const char *path, unsigned attributes);

/* Shows what is at a name of a directory at that path, which is there. 0, or -1. */
int mounts_put(int dir, const char *name, const char *path, unsigned attributes);

/* The sources, as detached trees: taken while the host's files can still be reached, and before one mount could hide
 * the source of another. */
struct mounts {
    int trees[PLAN_MAX_MOUNTS];
};

/* 0, or -1 with why set. */
int mounts_take(const struct plan *plan, struct mounts *mounts, char *why, size_t why_size);

/* To be called in a mount namespace of one's own whose mounts are private. A target that does not exist is made in the
 * namespace only: the deepest directory above it that exists becomes one in memory, with everything of the original
 * bound into it; what is newly made there ends with the container. In an image it is made in the container's own layer.
 * 0, or -1 with why set. */
int mounts_apply(const struct plan *plan, const struct mounts *mounts, char *why, size_t why_size);
