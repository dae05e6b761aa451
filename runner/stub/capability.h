/* capability: what root may do in a container. */
#pragma once

#include "runner/stub/plan.h"

#include <stdint.h>

/* The capabilities a command may have, as a set of their numbers: docker's usual ones, with those that the plan adds
 * and without those it drops; all of them when it is privileged. */
uint64_t capability_kept(const struct plan *plan);

/* A name in the plan that is no capability's; NULL when there is none. */
const char *capability_unknown(const struct plan *plan);

/* First no program may give it others; then, when it has become its user, it gives up others itself: to change users
 * takes capabilities. A process that is not root has none to lose. 0, or -1. */
int capability_bound(const struct plan *plan);
int capability_reduce(const struct plan *plan);
