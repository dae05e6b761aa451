/* leniency: the words of --lenient that EC2 knows, for leniency_on. */
#pragma once

#include "services/worker/leniency.h"

enum ec2_leniency {
#define LENIENCY(name, word, what) EC2_LENIENCY_##name,
#include "services/ec2/leniency.def"
#undef LENIENCY
};
