/* leniency: the words of --lenient that ECR knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum ecr_leniency {
#define LENIENCY(name, word, what) ECR_LENIENCY_##name,
#include "services/ecr/leniency.def"
#undef LENIENCY
};
