/* root: the file system of a container that runs in an image: its layers with a writable one above, and what every
 * Linux program expects to find. */
#pragma once

#include "runner/stub/plan.h"

#include <stddef.h>

/* To be called in mount, UTS and PID namespaces of one's own whose mounts are private. Afterwards the image is the root
 * and the host's files are out of reach. 0, or -1 with why set. */
int root_enter(const struct plan *plan, char *why, size_t why_size);

/* The last step: what the image brought can no longer be written to. */
int root_seal(const struct plan *plan);
