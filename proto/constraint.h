/* constraint: one shape's constraints: whether a value keeps them, and AWS's words for them. */
#pragma once

#include "proto/api.h"

/* The constraints the value at this place breaks, in AWS's order; at most 4. values: enumerations are spelled out. */
size_t constraint_broken(struct arena *arena, const struct api_shape *shape, const void *place, bool values,
                         slice broken[4]);

/* All constraints of a list's element shape, separated by ", ", "Member must not be null" last. */
slice constraint_all(struct arena *arena, const struct api_shape *shape, bool values);

/* A value as AWS prints it in error texts: [a, b], {k=v}, Shape(a=1, b=null). The place of a structure is the
 * structure. */
slice constraint_print(struct arena *arena, const struct api_shape *shape, const void *place);

/* Whether PCRE2 can read the pattern. One that it cannot read constrains nothing. */
bool constraint_readable(slice pattern);
