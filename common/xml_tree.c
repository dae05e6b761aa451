/* xml_tree: see xml_tree.h. */
#include "common/xml_tree.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"

#include <expat.h>

struct reader {
    XML_Parser parser;
    struct arena *arena;
    struct xml_node *open[LIMIT_XML_DEPTH];
    struct buf text[LIMIT_XML_DEPTH];
    size_t depth;
    size_t elements;
    struct xml_node *root;
    slice why;
};

static void refuse(struct reader *r, slice why)
{
    r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static slice local_name(slice name)
{
    slice prefix, rest;
    return slice_cut(name, ':', &prefix, &rest) ? rest : name;
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = context;
    if (r->depth == LIMIT_XML_DEPTH || r->elements++ == LIMIT_XML_ELEMENTS) {
        refuse(r, r->depth == LIMIT_XML_DEPTH ? S("elements are nested too deeply") : S("there are too many elements"));
        return;
    }
    struct xml_node *node = arena_alloc(r->arena, sizeof(*node));
    node->name = slice_dup(r->arena, local_name(slice_of(name)));
    for (size_t i = 0; attributes[i]; i += 2) {
        struct pair *pair = list_add(r->arena, &node->attributes);
        pair->key = slice_dup(r->arena, slice_of(attributes[i]));
        pair->value = slice_dup(r->arena, slice_of(attributes[i + 1]));
    }
    if (r->depth == 0)
        r->root = node;
    else
        *list_add(r->arena, &r->open[r->depth - 1]->children) = node;
    r->open[r->depth] = node;
    buf_init(&r->text[r->depth], r->arena);
    r->depth++;
}

static void on_end(void *context, const XML_Char *name)
{
    struct reader *r = context;
    r->depth--;
    slice text = buf_slice(&r->text[r->depth]);
    r->open[r->depth]->text = text.ptr ? text : S("");
}

static void on_text(void *context, const XML_Char *text, int len)
{
    struct reader *r = context;
    if (r->depth > 0)
        buf_add(&r->text[r->depth - 1], (slice){text, (size_t)len});
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                       int internal)
{
    refuse(context, S("a document type declaration is not allowed"));
}

int xml_parse(struct arena *arena, slice text, struct xml_node **root, slice *why)
{
    struct reader *r = arena_alloc(arena, sizeof(*r));
    r->arena = arena;
    r->parser = XML_ParserCreate(NULL);
    if (!r->parser || text.len > INT32_MAX) {
        *why = S("the document is too large");
        return BAD_INPUT;
    }
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    bool whole = XML_Parse(r->parser, text.ptr ? text.ptr : "", (int)text.len, XML_TRUE) == XML_STATUS_OK;
    if (!whole && !r->why.ptr)
        r->why = arena_printf(arena, "line %lu: %s", XML_GetCurrentLineNumber(r->parser),
                              XML_ErrorString(XML_GetErrorCode(r->parser)));
    XML_ParserFree(r->parser);
    *root = r->root;
    *why = r->why;
    return whole ? 0 : BAD_INPUT;
}

const struct xml_node *xml_child(const struct xml_node *node, slice name)
{
    list_foreach (child, &node->children) {
        if (slice_eq((*child)->name, name))
            return *child;
    }
    return NULL;
}
