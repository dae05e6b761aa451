/* root: the file system of a container that has one of its own: its image's layers with a writable one above, or what
 * it is shown of the host; and what every Linux program expects to find. */
#pragma once

#include "runner/stub/plan.h"

#include <stddef.h>

/* To be called in mount, UTS and PID namespaces of one's own whose mounts are private. Afterwards the host's files
 * are out of reach. 0, or -1 with why set. */
int root_enter(const struct plan *plan, char *why, size_t why_size);

/* The last step, when everything is mounted: the image's volumes and the working directory are made, the kernel's files
 * are guarded, and what the root was made of can no longer be written to, if so asked. 0, or -1 with why set. */
int root_complete(const struct plan *plan, char *why, size_t why_size);
