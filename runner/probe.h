/* probe: whether this process may make what containers run in: it makes one. */
#pragma once

#include "common/slice.h"

struct runner;

enum probe_kind { PROBE_TASK, PROBE_FUNCTION };

/* Makes a sandbox as that kind has it, for a command that ends at once, with its files in folder, which exists. "" when
 * that went well, else what is against it. Takes some milliseconds. */
slice probe_sandbox(const struct runner *runner, enum probe_kind kind, const char *folder);
