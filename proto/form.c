/* form: see form.h. The pairs, sorted, become a tree by their dots first; then the tree is read by the shape. */
#include "proto/form.h"

#include "common/err.h"
#include "common/limits.h"
#include "proto/walk.h"

#include <stdlib.h>

struct node {
    slice key;
    slice value; /* absent: only children */
    struct {
        struct node *items;
        size_t len;
        bool set;
    } children;
};

struct decoder {
    struct arena *arena;
    slice why;
};

static int decode_place(struct decoder *d, const struct api_member *member, const struct node *node, void *place,
                        bool by_value);

/* Orders names by their parts: all that begin with the same parts are neighbours. Of equal names the later pair stays
 * behind. */
static int compare_pairs(const void *a, const void *b)
{
    const struct pair *const *x = a, *const *y = b;
    slice one = (*x)->key, other = (*y)->key;
    size_t i = 0;
    while (i < one.len && i < other.len && one.ptr[i] == other.ptr[i])
        i++;
    int left = i == one.len ? -1 : one.ptr[i] == '.' ? 0 : (unsigned char)one.ptr[i] + 1;
    int right = i == other.len ? -1 : other.ptr[i] == '.' ? 0 : (unsigned char)other.ptr[i] + 1;
    if (left != right)
        return left < right ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

/* Parameters with the same beginning come together: a key that is not the newest child's is new. */
static struct node *child(struct arena *arena, struct node *node, slice key)
{
    struct node *newest = node->children.len > 0 ? &node->children.items[node->children.len - 1] : NULL;
    if (newest && slice_eq(newest->key, key))
        return newest;
    struct node *made = list_add(arena, &node->children);
    made->key = key;
    return made;
}

static int add_pair(struct decoder *d, struct node *root, slice name, slice value)
{
    struct node *node = root;
    for (int depth = 0; name.ptr; depth++) {
        slice key;
        if (depth == LIMIT_JSON_DEPTH) {
            d->why = S("A parameter is nested too deeply");
            return BAD_INPUT;
        }
        slice_cut(name, '.', &key, &name);
        node = child(d->arena, node, key);
    }
    node->value = value;
    return 0;
}

/* A child by number, for sorting. */
struct indexed {
    int64_t index;
    const struct node *node;
};

static int compare_indexed(const void *a, const void *b)
{
    const struct indexed *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

static const struct node *only_child_named(const struct node *node, slice name)
{
    list_foreach (one, &node->children) {
        if (slice_eq(one->key, name))
            return one;
    }
    return NULL;
}

/* The numbered children of a list or map, below `word` ("member", "entry") or directly, in numeric order. */
static int numbered(struct decoder *d, const struct node *node, slice word, struct indexed **items, size_t *count)
{
    const struct node *inner = only_child_named(node, word);
    if (inner)
        node = inner;
    *items = arena_array(d->arena, node->children.len + 1, sizeof(**items));
    *count = 0;
    list_foreach (one, &node->children) {
        struct indexed *item = &(*items)[(*count)++];
        item->node = one;
        if (!slice_to_int64(one->key, &item->index)) {
            d->why = arena_printf(d->arena, "'%.*s' is not a list index", SLICE_ARG(one->key));
            return BAD_INPUT;
        }
    }
    qsort(*items, *count, sizeof(**items), compare_indexed);
    return 0;
}

static int decode_list(struct decoder *d, const struct api_shape *shape, const struct node *node, struct list *place)
{
    struct indexed *items;
    size_t count;
    TRY(numbered(d, node, shape->members[0].wire, &items, &count));
    place->set = true;
    for (size_t i = 0; i < count; i++)
        TRY(decode_place(d, &shape->members[0], items[i].node, list_add_raw(d->arena, place, shape->entry_size), true));
    return 0;
}

static int decode_map(struct decoder *d, const struct api_shape *shape, const struct node *node, struct list *place)
{
    struct indexed *items;
    size_t count;
    TRY(numbered(d, node, S("entry"), &items, &count));
    place->set = true;
    for (size_t i = 0; i < count; i++) {
        char *entry = list_add_raw(d->arena, place, shape->entry_size);
        const struct node *key = only_child_named(items[i].node, shape->members[0].wire);
        const struct node *value = only_child_named(items[i].node, shape->members[1].wire);
        if (!key || !key->value.ptr || walk_set_text(d->arena, shape->members[0].shape, key->value, entry) != 0) {
            d->why = arena_printf(d->arena, "a map entry of '%.*s' has no key", SLICE_ARG(node->key));
            return BAD_INPUT;
        }
        if (value)
            TRY(decode_place(d, &shape->members[1], value, entry + shape->members[1].offset, true));
    }
    return 0;
}

static int decode_structure(struct decoder *d, const struct api_shape *shape, const struct node *node, void *object)
{
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        const struct node *given = only_child_named(node, member->query.ptr ? member->query : member->wire);
        if (given)
            TRY(decode_place(d, member, given, (char *)object + member->offset, false));
    }
    return 0;
}

static int decode_place(struct decoder *d, const struct api_member *member, const struct node *node, void *place,
                        bool by_value)
{
    const struct api_shape *shape = member->shape;
    if (shape->type == API_LIST)
        return decode_list(d, shape, node, place);
    if (shape->type == API_MAP)
        return decode_map(d, shape, node, place);
    if (shape->type == API_STRUCTURE) {
        void *object = place;
        if (!by_value)
            object = *(void **)place = arena_alloc(d->arena, shape->size);
        return decode_structure(d, shape, node, object);
    }
    if (!node->value.ptr || walk_set_text(d->arena, shape, node->value, place) != 0) {
        d->why =
            arena_printf(d->arena, "Value '%.*s' of '%.*s' is malformed", SLICE_ARG(node->value), SLICE_ARG(node->key));
        return BAD_INPUT;
    }
    return 0;
}

static bool is_envelope(slice name)
{
    return slice_eq(name, S("Action")) || slice_eq(name, S("Version"));
}

int form_decode(struct arena *arena, const struct api_shape *shape, const struct pair_list *pairs, void *object,
                slice *why)
{
    struct decoder d = {.arena = arena};
    struct node root = {0};
    const struct pair **sorted = arena_array(arena, pairs->len + 1, sizeof(*sorted));
    for (size_t i = 0; i < pairs->len; i++)
        sorted[i] = &pairs->items[i];
    qsort(sorted, pairs->len, sizeof(*sorted), compare_pairs);
    for (size_t i = 0; i < pairs->len; i++) {
        const struct pair *pair = sorted[i];
        if (!is_envelope(pair->key) && add_pair(&d, &root, pair->key, pair->value) != 0) {
            *why = d.why;
            return BAD_INPUT;
        }
    }
    int result = decode_structure(&d, shape, &root, object);
    *why = d.why;
    return result;
}
