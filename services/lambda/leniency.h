/* leniency: the words of --lenient that Lambda knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum lambda_leniency {
#define LENIENCY(name, word, what) LAMBDA_LENIENCY_##name,
#include "services/lambda/leniency.def"
#undef LENIENCY
};
