/* init_status: what has become of the init scripts, in LocalStack's words. The files it reads are awssim-init's
 * (supervisor/init). */
#pragma once

#include "common/slice.h"

struct arena;

/* The document for a path below /_localstack/init: of all stages, or of the one the path names in lower case. Without
 * init scripts the stages up to ready are completed when awssim is. */
slice init_status(struct arena *arena, slice run_dir, slice path, bool ready);
