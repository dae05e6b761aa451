/* map: a hash table from text to pointer, on the heap. Keys are copied; values belong to the caller. */
#pragma once

#include "common/slice.h"

struct map;

struct map *map_open(void);
void map_close(struct map *map);

/* The value, or NULL. */
void *map_get(const struct map *map, slice key);

/* Sets and answers the former value, or NULL. value must not be NULL. */
void *map_set(struct map *map, slice key, void *value);

/* Removes and answers the former value, or NULL. */
void *map_remove(struct map *map, slice key);

size_t map_len(const struct map *map);

/* Walks all entries in no order: start with *position = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *position, slice *key, void **value);
