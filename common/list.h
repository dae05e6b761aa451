/* list: typed growing arrays. Every list is `struct { T *items; size_t len; bool set; }` with exactly these members in
 * this order, so that generated list types, hand-written ones and the codecs share one layout. `set` tells an empty
 * list from an absent one. */
#pragma once

#include "common/arena.h"

/* The common layout, as code that does not know T sees it. */
struct list {
    void *items;
    size_t len;
    bool set;
};

/* Room for one more element of elem_size bytes: answers the new zeroed element. The array grows by doubling in the
 * arena, so pointers to older elements may become stale. The capacity follows from len: a list that is added to must
 * have been filled by list_add alone, and not be a second copy of one that is still added to. */
void *list_add_raw(struct arena *arena, struct list *list, size_t elem_size);

/* list_add(arena, &out->items): pointer to a new zeroed last element, of the list's own element type. */
#define list_add(arena, l)                                                                                             \
    ((__typeof__(*(l)->items) *)list_add_raw((arena), (struct list *)(void *)(l), sizeof(*(l)->items)))

/* list_foreach(item, &list) { … }: item is a pointer to each element in turn. */
#define list_foreach(item, l)                                                                                          \
    for (__typeof__(*(l)->items) *item = (l)->items; item && item < (l)->items + (l)->len; item++)

/* Lists that nothing but their element type distinguishes. */
struct slice_list {
    slice *items;
    size_t len;
    bool set;
};

/* A text with a name: headers, parameters, tags, environment. */
struct pair {
    slice key;
    slice value;
};

struct pair_list {
    struct pair *items;
    size_t len;
    bool set;
};

/* The value of the first pair named key, or an absent slice. */
slice pair_get(const struct pair_list *pairs, slice key);
