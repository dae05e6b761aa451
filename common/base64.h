/* base64: RFC 4648 with padding. */
#pragma once

#include "common/slice.h"

slice base64_encode(struct arena *arena, slice bytes);

/* BAD_INPUT for anything but canonical base64 (white space included); padding may be missing. */
int base64_decode(struct arena *arena, slice text, slice *bytes);
