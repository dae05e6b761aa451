/* xmlform: see xmlform.h. */
#include "proto/xmlform.h"

#include "proto/walk.h"

struct writer {
    struct arena *arena;
    struct buf *xml;
    enum api_timestamp format;
};

static void add_value(struct writer *w, const struct api_member *member, slice name, const void *place, bool by_value);

static void add_list(struct writer *w, const struct api_member *member, slice name, const struct list *list)
{
    const struct api_shape *shape = member->shape;
    bool flat = (member->flags & API_MEMBER_FLATTENED) || (shape->flags & API_FLATTENED);
    const struct api_member *element = &shape->members[0];
    if (!flat)
        xml_open_tag(w->xml, name);
    for (size_t i = 0; i < list->len; i++)
        add_value(w, element, flat ? name : element->wire, walk_entry(shape, list, i), true);
    if (!flat)
        xml_close_tag(w->xml, name);
}

static void add_map(struct writer *w, const struct api_member *member, slice name, const struct list *list)
{
    const struct api_shape *shape = member->shape;
    bool flat = (member->flags & API_MEMBER_FLATTENED) || (shape->flags & API_FLATTENED);
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
        xml_open_tag(w->xml, name);
        xmlform_encode(w->arena, w->xml, member->shape, walk_structure(place, by_value), w->format);
        xml_close_tag(w->xml, name);
        break;
    default:
        xml_element(w->xml, name, walk_text(w->arena, member->shape, place, format));
    }
}

void xmlform_encode(struct arena *arena, struct buf *xml, const struct api_shape *shape, const void *object,
                    enum api_timestamp format)
{
    struct writer w = {arena, xml, format};
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        const char *place = (const char *)object + member->offset;
        if (walk_is_set(member->shape, place, false))
            add_value(&w, member, member->wire, place, false);
    }
}
