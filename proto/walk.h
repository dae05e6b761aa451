/* walk: how the codecs reach values in generated structures by the tables of api.h. */
#pragma once

#include "common/json.h"
#include "common/list.h"
#include "common/opt.h"
#include "proto/api.h"

/* Whether the value at this place is there. A structure's place, when it is a member, holds a pointer; as a list
 * element or map value it holds the structure itself, which is always there: by_value. */
bool walk_is_set(const struct api_shape *shape, const void *place, bool by_value);

/* The structure at a place. */
static inline const void *walk_structure(const void *place, bool by_value)
{
    return by_value ? place : *(const void *const *)place;
}

/* A list's or map's entries as code that does not know their type sees them. */
static inline const char *walk_entry(const struct api_shape *shape, const struct list *list, size_t i)
{
    return (const char *)list->items + i * shape->entry_size;
}

/* The member of that name (in the model), or NULL. hint is a position to look at first; it is left behind the one
 * found, since texts mostly have members in the model's order. */
const struct api_member *walk_member(const struct api_shape *shape, slice name, size_t *hint);

/* The value at a place as text: numbers decimal, instants in that format, blobs in base64. Not for containers. */
slice walk_text(struct arena *arena, const struct api_shape *shape, const void *place, enum api_timestamp format);

/* Puts a text into a scalar's place. Answers 0 or BAD_INPUT. */
int walk_set_text(struct arena *arena, const struct api_shape *shape, slice text, void *place);
