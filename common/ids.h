/* ids: random identifiers in the alphabets AWS uses. Random from the kernel, buffered; a seed makes them repeatable in
 * tests. */
#pragma once

#include "common/slice.h"

void ids_bytes(void *out, size_t n);

/* n lower-case hex digits. */
slice ids_hex(struct arena *arena, size_t n);

/* 8-4-4-4-12, version 4. */
slice ids_uuid(struct arena *arena);

/* The same into a caller's 37 bytes (NUL included), without an arena. */
void ids_uuid_to(char out[37]);

/* n characters of [A-Z2-7]: access keys and unique ids. */
slice ids_base32(struct arena *arena, size_t n);

/* n characters of [a-z0-9]. */
slice ids_alnum(struct arena *arena, size_t n);

/* n decimal digits, the first not 0. */
slice ids_digits(struct arena *arena, size_t n);

/* From now on ids follow from seed alone. Tests only. */
void ids_seed(uint64_t seed);
