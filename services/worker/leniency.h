/* leniency: where this awssim may deviate from AWS, by profile and --lenient. */
#pragma once

#include "services/worker/call.h"

enum leniency {
#define LENIENCY(name, word, what) LENIENCY_##name,
#include "services/worker/leniency.def"
#undef LENIENCY
};

bool leniency_on(const struct call *c, enum leniency leniency);
