/* leniency: the words of --lenient that STS knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum sts_leniency {
#define LENIENCY(name, word, what) STS_LENIENCY_##name,
#include "services/sts/leniency.def"
#undef LENIENCY
};
