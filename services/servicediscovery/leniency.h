/* leniency: the words of --lenient that Cloud Map knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum servicediscovery_leniency {
#define LENIENCY(name, word, what) SERVICEDISCOVERY_LENIENCY_##name,
#include "services/servicediscovery/leniency.def"
#undef LENIENCY
};
