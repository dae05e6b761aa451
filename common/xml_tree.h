/* xml_tree: an XML text read (by expat) into a tree. */
#pragma once

#include "common/list.h"

struct xml_node {
    slice name;                  /* without a namespace prefix */
    slice text;                  /* character data between the tags, all of it; "" when there is none */
    struct pair_list attributes; /* names as written, with their prefix */
    struct {
        struct xml_node **items;
        size_t len;
        bool set;
    } children;
};

/* Reads one whole document into the arena. Answers 0, or BAD_INPUT with a one-line reason in *why: bad syntax or
 * encoding, deeper than LIMIT_XML_DEPTH, or a document type declaration, which AWS has no use for and attackers have.
 */
int xml_parse(struct arena *arena, slice text, struct xml_node **root, slice *why);

/* The first child of that name, or NULL. */
const struct xml_node *xml_child(const struct xml_node *node, slice name);
