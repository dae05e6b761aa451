/* arena: memory with one lifetime, given back as a whole. In sanitizer builds each allocation is its own malloc. */
#pragma once

#include "common/slice.h"

#include <stdarg.h>

struct arena;

/* A new arena; arena_close gives everything back. Out of memory aborts. */
struct arena *arena_open(void);
void arena_close(struct arena *arena);

/* The same, with a first block of that size: what is used in one go over and over again. */
struct arena *arena_open_sized(size_t first_block_bytes);

/* Forgets all allocations but keeps the first block for the next use. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type. Never NULL: out of memory aborts; size 0 gives a unique pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* arena_alloc for count elements; an overflowing product aborts. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Grows the newest or any allocation of old_size bytes to new_size, keeping its content (moves when it must).
 * The new bytes are zero. */
void *arena_grow(struct arena *arena, void *ptr, size_t old_size, size_t new_size);

void *arena_copy(struct arena *arena, const void *bytes, size_t size);

/* Formatted text; the slice is followed by a NUL byte that it does not count. */
slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
slice arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Concatenation of two texts. */
slice arena_concat(struct arena *arena, slice a, slice b);
