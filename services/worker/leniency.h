/* leniency: where this awssim may deviate from AWS, by profile and --lenient. Each service declares the words it knows
 * (struct service); the sockerless profile has all of them. */
#pragma once

#include "common/slice.h"

struct arena;
struct call;
struct conf;
struct service;

/* Whether the service's word of that number is on: by the profile, and by the last word of --lenient that names it. */
bool leniency_on(const struct call *c, size_t leniency);

/* Whether --lenient has none but words that one of the services (terminated by NULL) knows. Answers 0, or BAD_INPUT
 * with a sentence in *why. */
int leniency_check(struct arena *arena, const struct conf *conf, const struct service *const *services, slice *why);
