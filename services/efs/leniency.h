/* leniency: the words of --lenient that EFS knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum efs_leniency {
#define LENIENCY(name, word, what) EFS_LENIENCY_##name,
#include "services/efs/leniency.def"
#undef LENIENCY
};
