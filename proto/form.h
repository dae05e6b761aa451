/* form: generated structures from form parameters, as the query protocols share it. */
#pragma once

#include "common/list.h"
#include "proto/api.h"

/* Fills object from Name.member.1.Member=value pairs. Indices may be sparse and in any order; Name.1 and Name.member.1
 * are both lists; Name= is an empty list. Unknown parameters are skipped. Answers 0, or BAD_INPUT with a reason. */
int form_decode(struct arena *arena, const struct api_shape *shape, const struct pair_list *pairs, void *object,
                slice *why);
