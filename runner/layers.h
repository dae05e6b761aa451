/* layers: what is unpacked of images: STATE/images/layers/HEX is the layer of that digest, HEX.size beside it says how
 * many bytes it has and, by its time, when it was last used. */
#pragma once

#include "common/slice.h"

#include <ev.h>
#include <stdint.h>
#include <sys/types.h>

struct runner;

/* The process that removes what was given up. */
struct layers {
    pid_t remover;
    ev_io pidfd;
    bool again; /* more was given up meanwhile */
};

/* At the runner's start, before any container: what a former runner has left in half is removed, then as
 * layers_tidy. */
void layers_open(struct runner *runner);
void layers_close(struct runner *runner);

/* Whether it is unpacked. If so it counts as used now. */
bool layers_use(struct runner *runner, slice hex);

/* Gives up layers that no container needs: those whose blob is no longer in the registry, and the longest unused ones
 * as long as all together have more bytes than the limit. They are removed beside the loop. */
void layers_tidy(struct runner *runner, int64_t limit_bytes);
