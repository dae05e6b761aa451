/* xmlform: generated structures as XML elements, as the query and REST-XML protocols share it. */
#pragma once

#include "common/buf.h"
#include "common/xml.h"
#include "proto/api.h"

/* The members of a structure as elements, in the model's order; unset ones are left out. */
void xmlform_encode(struct arena *arena, struct buf *xml, const struct api_shape *shape, const void *object,
                    enum api_timestamp format);
