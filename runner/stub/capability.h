/* capability: what root may do in a container. */
#pragma once

#include "runner/stub/plan.h"

/* Gives up all capabilities but docker's usual ones, with those that the plan adds and without those it drops. A
 * process that is not root has none to lose. 0, or -1. */
int capability_reduce(const struct plan *plan);
