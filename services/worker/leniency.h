/* leniency: where this awssim may deviate from AWS, by profile and --lenient. */
#pragma once

#include "services/worker/call.h"

enum leniency {
#define LENIENCY(name, word, what) LENIENCY_##name,
#include "services/worker/leniency.def"
#undef LENIENCY
};

struct conf;

/* By the profile, and by the last word of --lenient that names it. */
bool leniency_on(const struct call *c, enum leniency leniency);

/* Whether --lenient has none but known words. Answers 0, or BAD_INPUT with a sentence in *why. */
int leniency_check(struct arena *arena, const struct conf *conf, slice *why);
