/* xmlform: generated structures as XML elements and back, as the query and REST-XML protocols share it. */
#pragma once

#include "common/buf.h"
#include "common/xml.h"
#include "common/xml_tree.h"
#include "proto/api.h"

enum xmlform_flag {
    XMLFORM_MAIN_LISTS = 1, /* unset top-level lists are written as empty elements, as AWS answers */
    XMLFORM_BODY = 2,       /* top-level members that HTTP carries elsewhere are left out */
};

/* The members of a structure as elements, in the model's order; unset ones are left out. */
void xmlform_encode(struct arena *arena, struct buf *xml, const struct api_shape *shape, const void *object,
                    enum api_timestamp format, unsigned flags);

/* Fills object from an element's children and attributes; those the shape does not have are skipped, and so are members
 * that HTTP carries elsewhere. Answers 0, or BAD_INPUT with a reason. */
int xmlform_decode(struct arena *arena, const struct api_shape *shape, const struct xml_node *node, void *object,
                   slice *why);
