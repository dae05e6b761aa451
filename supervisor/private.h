/* private: the folders of awssims that keep nothing and were given no state directory (CONF_PRIVATE_DIR). */
#pragma once

#include "common/slice.h"

bool private_is(slice state_dir);

/* Whether it is a run directory made of CONF_TEMPORARY_RUN_DIR. */
bool private_is_run_dir(slice run_dir);

/* Removes what killed ones have left behind. Those that live hold their locks, those that begin have none yet. */
void private_sweep(void);
