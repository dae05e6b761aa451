/* overlay: a folder that shows other folders, the upper ones above the lower, and takes what is written in a folder of
 * the container's own. */
#pragma once

#include "runner/stub/plan.h"

#include <limits.h>
#include <stddef.h>

/* Options of a mount have a page at most. */
enum { OVERLAY_MAX_OPTIONS = 4096 };

/* A folder of the container's own, "SCRATCH.NAME", made when it is missing. 0, or -1. */
int overlay_folder(const struct plan *plan, const char *name, char path[PATH_MAX]);

/* Adds a path to the options of an overlay, quoted where a comma, a colon or a backslash means something. 0, or -1. */
int overlay_add_path(char options[OVERLAY_MAX_OPTIONS], const char *path);

/* A folder that an overlay writes to, beside the one it works in. */
struct overlay_upper {
    char upper[PATH_MAX], work[PATH_MAX];
};

/* Makes the two by that name. 0, or -1. */
int overlay_prepare(const struct plan *plan, const char *name, struct overlay_upper *folders);

/* Mounts on target; lower is what stands behind "lowerdir=". MS_NODEV is always set. 0, or -1. */
int overlay_mount(const struct overlay_upper *folders, const char *lower, const char *target, unsigned long flags);
