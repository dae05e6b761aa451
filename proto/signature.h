/* signature: what AWS's signatures are computed from, once it is known what was signed: keys of a day, region and
 * service, and the signatures of texts in versions 4 and 2. */
#pragma once

#include "common/slice.h"

struct arena;

enum { SIGNATURE_KEY_BYTES = 32, SIGNATURE_HEX_DIGITS = 64 };

/* The key of a secret for one day ("20261124"), region and service: version 4. */
void signature_key(slice secret, slice date, slice region, slice service, uint8_t key[SIGNATURE_KEY_BYTES]);

/* A text's signature as hex digits (version 4), and in base64 (version 2). */
slice signature_v4(struct arena *arena, const uint8_t key[SIGNATURE_KEY_BYTES], slice text);
slice signature_v2(struct arena *arena, slice secret, slice text);

/* The SHA-256 of a text as hex digits. */
slice signature_hash(struct arena *arena, slice text);

/* Whether two signatures are the same, in a time that does not tell where they differ. */
bool signature_equal(slice a, slice b);
