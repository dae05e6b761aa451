/* leniency: the words of --lenient that ECS knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum ecs_leniency {
#define LENIENCY(name, word, what) ECS_LENIENCY_##name,
#include "services/ecs/leniency.def"
#undef LENIENCY
};
