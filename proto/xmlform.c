/* xmlform: see xmlform.h. */
#include "proto/xmlform.h"

#include "common/err.h"
#include "proto/walk.h"

struct writer {
    struct arena *arena;
    struct buf *xml;
    enum api_timestamp format;
};

static void add_value(struct writer *w, const struct api_member *member, slice name, const void *place, bool by_value);

static bool is_flat(const struct api_member *member)
{
    return (member->flags & API_MEMBER_FLATTENED) || (member->shape->flags & API_FLATTENED);
}

/* What the elements of a list are called: in a flattened one as the list, unless they have a name of their own. */
static slice element_name(const struct api_member *member, slice name)
{
    const struct api_member *element = &member->shape->members[0];
    return is_flat(member) && slice_eq(element->wire, S("member")) ? name : element->wire;
}

static void add_list(struct writer *w, const struct api_member *member, slice name, const struct list *list)
{
    const struct api_shape *shape = member->shape;
    bool flat = is_flat(member);
    if (!flat)
        xml_open_tag(w->xml, name);
    for (size_t i = 0; i < list->len; i++)
        add_value(w, &shape->members[0], element_name(member, name), walk_entry(shape, list, i), true);
    if (!flat)
        xml_close_tag(w->xml, name);
}

static void add_map(struct writer *w, const struct api_member *member, slice name, const struct list *list)
{
    const struct api_shape *shape = member->shape;
    bool flat = is_flat(member);
    slice entry_name = flat ? name : S("entry");
    if (!flat)
        xml_open_tag(w->xml, name);
    for (size_t i = 0; i < list->len; i++) {
        const char *entry = walk_entry(shape, list, i);
        xml_open_tag(w->xml, entry_name);
        xml_element(w->xml, shape->members[0].wire, *(const slice *)(const void *)entry);
        add_value(w, &shape->members[1], shape->members[1].wire, entry + shape->members[1].offset, true);
        xml_close_tag(w->xml, entry_name);
    }
    if (!flat)
        xml_close_tag(w->xml, name);
}

/* The start tag of a structure, with the namespace it declares and the members that are attributes. */
static void open_structure(struct writer *w, const struct api_member *member, slice name, const void *object)
{
    slice prefix, uri;
    buf_add_char(w->xml, '<');
    buf_add(w->xml, name);
    if (slice_cut(member->xmlns, '=', &prefix, &uri))
        buf_printf(w->xml, " xmlns:%.*s=\"%.*s\"", SLICE_ARG(prefix), SLICE_ARG(uri));
    for (size_t i = 0; i < member->shape->n_members; i++) {
        const struct api_member *attribute = &member->shape->members[i];
        const char *place = (const char *)object + attribute->offset;
        if (!(attribute->flags & API_XML_ATTRIBUTE) || !walk_is_set(attribute->shape, place, false))
            continue;
        buf_printf(w->xml, " %.*s=\"", SLICE_ARG(attribute->wire));
        xml_text(w->xml, walk_text(w->arena, attribute->shape, place, w->format));
        buf_add_char(w->xml, '"');
    }
    buf_add_char(w->xml, '>');
}

static void add_structure(struct writer *w, const struct api_member *member, slice name, const void *object)
{
    open_structure(w, member, name, object);
    xmlform_encode(w->arena, w->xml, member->shape, object, w->format, 0);
    xml_close_tag(w->xml, name);
}

static void add_value(struct writer *w, const struct api_member *member, slice name, const void *place, bool by_value)
{
    enum api_timestamp format = member->timestamp ? member->timestamp : w->format;
    switch (member->shape->type) {
    case API_LIST:
        add_list(w, member, name, place);
        break;
    case API_MAP:
        add_map(w, member, name, place);
        break;
    case API_STRUCTURE:
        add_structure(w, member, name, walk_structure(place, by_value));
        break;
    default:
        xml_element(w->xml, name, walk_text(w->arena, member->shape, place, format));
    }
}

static bool is_written(const struct api_member *member, const void *place, unsigned flags)
{
    if ((member->flags & API_XML_ATTRIBUTE) || ((flags & XMLFORM_BODY) && member->location != API_BODY))
        return false;
    if ((flags & XMLFORM_MAIN_LISTS) && member->shape->type == API_LIST && !(member->flags & API_OMIT_EMPTY))
        return true;
    return walk_is_set(member->shape, place, false);
}

void xmlform_encode(struct arena *arena, struct buf *xml, const struct api_shape *shape, const void *object,
                    enum api_timestamp format, unsigned flags)
{
    struct writer w = {arena, xml, format};
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        const char *place = (const char *)object + member->offset;
        if (is_written(member, place, flags))
            add_value(&w, member, member->wire, place, false);
    }
}

struct reader {
    struct arena *arena;
    slice why;
};

static int read_structure(struct reader *r, const struct api_shape *shape, const struct xml_node *node, void *object);
static int read_value(struct reader *r, const struct api_member *member, const struct xml_node *node, void *place,
                      bool by_value);

static int read_scalar(struct reader *r, const struct api_shape *shape, slice name, slice text, void *place)
{
    if (walk_set_text(r->arena, shape, text, place) == 0)
        return 0;
    r->why = arena_printf(r->arena, "'%.*s' is malformed", SLICE_ARG(name));
    return BAD_INPUT;
}

/* The children of node with that name are the elements. */
static int read_list(struct reader *r, const struct api_shape *shape, slice name, const struct xml_node *node,
                     struct list *place)
{
    place->set = true;
    list_foreach (child, &node->children) {
        if (slice_eq((*child)->name, name))
            TRY(read_value(r, &shape->members[0], *child, list_add_raw(r->arena, place, shape->entry_size), true));
    }
    return 0;
}

static int read_map(struct reader *r, const struct api_shape *shape, slice name, const struct xml_node *node,
                    struct list *place)
{
    place->set = true;
    list_foreach (child, &node->children) {
        const struct xml_node *key = xml_child(*child, shape->members[0].wire);
        const struct xml_node *value = xml_child(*child, shape->members[1].wire);
        if (!slice_eq((*child)->name, name) || !key)
            continue;
        char *entry = list_add_raw(r->arena, place, shape->entry_size);
        *(slice *)(void *)entry = key->text;
        if (value)
            TRY(read_value(r, &shape->members[1], value, entry + shape->members[1].offset, true));
    }
    return 0;
}

static int read_value(struct reader *r, const struct api_member *member, const struct xml_node *node, void *place,
                      bool by_value)
{
    const struct api_shape *shape = member->shape;
    switch (shape->type) {
    case API_LIST:
        return read_list(r, shape, shape->members[0].wire, node, place);
    case API_MAP:
        return read_map(r, shape, S("entry"), node, place);
    case API_STRUCTURE:
        if (!by_value)
            place = *(void **)place = arena_alloc(r->arena, shape->size);
        return read_structure(r, shape, node, place);
    default:
        return read_scalar(r, shape, node->name, node->text, place);
    }
}

static int read_member(struct reader *r, const struct api_member *member, const struct xml_node *node, void *place)
{
    slice name = member->wire;
    bool container = member->shape->type == API_LIST || member->shape->type == API_MAP;
    if (member->flags & API_XML_ATTRIBUTE) {
        slice text = pair_get(&node->attributes, name);
        return text.ptr ? read_scalar(r, member->shape, name, text, place) : 0;
    }
    if (container && is_flat(member) && member->shape->type == API_LIST)
        name = element_name(member, name);
    const struct xml_node *child = xml_child(node, name);
    if (!child)
        return 0;
    if (container && is_flat(member))
        return (member->shape->type == API_LIST ? read_list : read_map)(r, member->shape, name, node, place);
    return read_value(r, member, child, place, false);
}

static int read_structure(struct reader *r, const struct api_shape *shape, const struct xml_node *node, void *object)
{
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        if (member->location == API_BODY)
            TRY(read_member(r, member, node, (char *)object + member->offset));
    }
    return 0;
}

int xmlform_decode(struct arena *arena, const struct api_shape *shape, const struct xml_node *node, void *object,
                   slice *why)
{
    struct reader r = {.arena = arena};
    int result = read_structure(&r, shape, node, object);
    *why = r.why;
    return result;
}
