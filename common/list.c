/* list: see list.h. The capacity follows from the length: always the next power of two, at least 4. */
#include "common/list.h"

void *list_add_raw(struct arena *arena, struct list *list, size_t elem_size)
{
    size_t n = list->len;
    bool full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);
    if (full)
        list->items = arena_grow(arena, list->items, n * elem_size, (n ? n * 2 : 4) * elem_size);
    list->len++;
    list->set = true;
    char *added = (char *)list->items + n * elem_size;
    memset(added, 0, elem_size);
    return added;
}

slice pair_get(const struct pair_list *pairs, slice key)
{
    list_foreach (pair, pairs) {
        if (slice_eq(pair->key, key))
            return pair->value;
    }
    return (slice){NULL, 0};
}
