/* devices: the /dev of a container with a root of its own. Its nodes are the container's, or bound such that nothing
 * about the host's can be changed; what is newly made there is no device. */
#pragma once

#include "runner/stub/plan.h"

/* To be called in the folder that becomes the root, where "dev" is an empty folder. 0, or -1. */
int devices_make(const struct plan *plan);
