/* content: digests, the names of blobs and manifests: "sha256:" and 64 lower-case hex digits, or, for clients that ask
 * for it, "sha512:" and 128. */
#pragma once

#include "common/slice.h"

bool content_is_digest(slice text);

/* The digest of bytes by the algorithm of another digest; SHA-256 when that is absent or no digest. */
slice content_digest(struct arena *arena, slice bytes, slice like);
