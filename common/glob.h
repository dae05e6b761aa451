/* glob: AWS's wildcards, `*` and `?`, over whole texts. */
#pragma once

#include "common/slice.h"

bool glob_match(slice pattern, slice text);
