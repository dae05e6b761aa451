/* capability: what root may do in a container. */
#pragma once

#include "runner/stub/plan.h"

/* What a command may have are docker's usual capabilities, with those that the plan adds and without those it drops.
 * First no program may give it others; then, when it has become its user, it gives up others itself: to change users
 * takes capabilities. A process that is not root has none to lose. 0, or -1. */
int capability_bound(const struct plan *plan);
int capability_reduce(const struct plan *plan);
