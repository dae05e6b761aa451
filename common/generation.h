/* generation: a counter in a file that processes share. Whoever keeps copies of what another process knows reads the
 * counter before it asks, and sees later, without asking, whether its copy still holds: the owner advances the counter
 * whenever something has changed, before anybody is told of the change. */
#pragma once

#include <stdint.h>

struct generation;

/* Opens the counter in the file of that name, which is made if it is not there. Answers 0 or -errno. */
int generation_open(const char *path, struct generation **generation);

/* One of this process alone, for tests. */
struct generation *generation_open_private(void);
void generation_close(struct generation *generation);

uint64_t generation_now(const struct generation *generation);
void generation_advance(struct generation *generation);
