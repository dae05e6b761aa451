/* map: see map.h. Open addressing with linear probing; removal closes the gap, so there are no tombstones. */
#include "common/map.h"

#include "common/hash.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    uint64_t hash;
    char *key;
    size_t key_len;
    void *value; /* NULL: free slot */
};

struct map {
    struct entry *entries;
    size_t cap; /* a power of two */
    size_t len;
};

static struct entry *make_entries(size_t cap)
{
    struct entry *entries = calloc(cap, sizeof(*entries));
    if (!entries)
        abort();
    return entries;
}

struct map *map_open(void)
{
    struct map *map = calloc(1, sizeof(*map));
    if (!map)
        abort();
    map->cap = 16;
    map->entries = make_entries(map->cap);
    return map;
}

void map_close(struct map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->cap; i++)
        free(map->entries[i].key);
    free(map->entries);
    free(map);
}

/* The slot of the key, or the free slot where it belongs. */
static size_t slot_of(const struct map *map, slice key, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);
    while (map->entries[i].value) {
        const struct entry *entry = &map->entries[i];
        if (entry->hash == hash && slice_eq((slice){entry->key, entry->key_len}, key))
            break;
        i = (i + 1) & (map->cap - 1);
    }
    return i;
}

void *map_get(const struct map *map, slice key)
{
    return map->entries[slot_of(map, key, hash_bytes(key))].value;
}

static void grow(struct map *map)
{
    struct entry *old = map->entries;
    size_t old_cap = map->cap;
    map->cap *= 2;
    map->entries = make_entries(map->cap);
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].value)
            map->entries[slot_of(map, (slice){old[i].key, old[i].key_len}, old[i].hash)] = old[i];
    }
    free(old);
}

void *map_set(struct map *map, slice key, void *value)
{
    assert(value);
    if ((map->len + 1) * 4 > map->cap * 3)
        grow(map);
    uint64_t hash = hash_bytes(key);
    struct entry *entry = &map->entries[slot_of(map, key, hash)];
    void *former = entry->value;
    entry->value = value;
    if (former)
        return former;
    entry->hash = hash;
    entry->key = malloc(key.len + 1);
    if (!entry->key)
        abort();
    if (key.len)
        memcpy(entry->key, key.ptr, key.len);
    entry->key_len = key.len;
    map->len++;
    return NULL;
}

void *map_remove(struct map *map, slice key)
{
    size_t mask = map->cap - 1, hole = slot_of(map, key, hash_bytes(key));
    void *former = map->entries[hole].value;
    if (!former)
        return NULL;
    free(map->entries[hole].key);
    map->entries[hole] = (struct entry){0};
    map->len--;
    /* Moves back each entry behind the hole that probing would no longer reach. */
    for (size_t i = (hole + 1) & mask; map->entries[i].value; i = (i + 1) & mask) {
        size_t home = map->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            map->entries[i] = (struct entry){0};
            hole = i;
        }
    }
    return former;
}

size_t map_len(const struct map *map)
{
    return map->len;
}

bool map_next(const struct map *map, size_t *position, slice *key, void **value)
{
    for (; *position < map->cap; (*position)++) {
        const struct entry *entry = &map->entries[*position];
        if (!entry->value)
            continue;
        *key = (slice){entry->key, entry->key_len};
        *value = entry->value;
        (*position)++;
        return true;
    }
    return false;
}
