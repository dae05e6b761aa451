/* zip: deployment packages unpacked. */
#pragma once

#include "common/slice.h"

/* Unpacks an archive below a folder that does not exist yet. 0; BAD_INPUT with a text for the caller in *why; or
 * -errno. What was unpacked until then stays. */
int zip_unpack(slice zip, const char *folder, slice *why);
