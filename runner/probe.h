/* probe: whether this process may make what containers run in: it makes one. */
#pragma once

#include "common/slice.h"

struct runner;

/* Makes a sandbox for a command that ends at once, with its files in folder, which exists: as tasks have it, laid over
 * that template (template.h), or, when it is NULL, as functions have it. "" when that went well, else what is against
 * it. Takes some milliseconds. */
slice probe_sandbox(const struct runner *runner, const char *template, const char *folder);
