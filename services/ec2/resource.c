/* resource: everything with an id, kept as a document; what filters look for stands beside it. */
#include "services/ec2/ec2.h"

#include "common/buf.h"
#include "common/ids.h"
#include "common/json.h"

enum { ID_DIGITS = 17, OLD_ID_DIGITS = 8 };

static const int64_t shown_after_end_ms = 3600 * 1000LL;

int64_t resource_scope(struct call *c)
{
    int64_t scope = 0;
    struct db_rows rows = db_query(c->db, EC2_SQL_SCOPE_GET, "tt", c->account, c->region);
    if (db_next(&rows))
        scope = db_int(&rows, 0);
    db_done(&rows);
    return scope;
}

void resource_add_scope(struct call *c)
{
    db_run(c->db, EC2_SQL_SCOPE_ADD, "tt", c->account, c->region);
}

slice resource_new_id(struct call *c, enum kind kind)
{
    return arena_concat(c->arena, kinds[kind].prefix, arena_concat(c->arena, S("0"), ids_hex(c->arena, ID_DIGITS - 1)));
}

bool resource_is_id(enum kind kind, slice id)
{
    slice digits = slice_sub(id, kinds[kind].prefix.len, id.len);
    if (!slice_starts(id, kinds[kind].prefix) || digits.len < OLD_ID_DIGITS || digits.len > ID_DIGITS)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        char ch = digits.ptr[i];
        if (!(ch >= '0' && ch <= '9') && !(ch >= 'a' && ch <= 'f'))
            return false;
    }
    return true;
}

slice resource_new_part_id(struct call *c, const char *prefix)
{
    return arena_printf(c->arena, "%s-0%.*s", prefix, SLICE_ARG(ids_hex(c->arena, ID_DIGITS - 1)));
}

void resource_read(struct call *c, const struct resource *resource, void *doc)
{
    api_from_json(c->arena, kinds[resource->kind].shape, resource->text, doc);
}

bool resource_find(struct call *c, enum kind kind, slice id, struct resource *resource, void *doc)
{
    struct db_rows rows = db_query(c->db, EC2_SQL_RESOURCE_GET, "it", resource_scope(c), id);
    bool found = db_next(&rows) && db_int(&rows, 3) == (int64_t)kind;
    *resource = (struct resource){.kind = kind, .id = id};
    if (found) {
        resource->row = db_int(&rows, 0);
        resource->text = db_text(&rows, 1);
        resource->extra = db_text(&rows, 2);
    }
    db_done(&rows);
    if (found)
        resource_read(c, resource, doc);
    return found;
}

int resource_get(struct call *c, enum kind kind, slice id, struct resource *resource, void *doc)
{
    const struct kind_traits *traits = &kinds[kind];
    slice before, after;
    if (resource_find(c, kind, id, resource, doc))
        return 0;
    if (!resource_is_id(kind, id))
        return fail(c, traits->malformed, "Invalid id: \"%.*s\" (expecting \"%.*s...\")", SLICE_ARG(id),
                    SLICE_ARG(traits->prefix));
    slice_cut(traits->missing, '%', &before, &after);
    return fail(c, traits->not_found, "%.*s%.*s%.*s", SLICE_ARG(before), SLICE_ARG(id), SLICE_ARG(after));
}

slice resource_arn(struct call *c, enum kind kind, slice id)
{
    return arena_printf(c->arena, "arn:aws:ec2:%.*s:%.*s:%.*s/%.*s", SLICE_ARG(c->region), SLICE_ARG(c->account),
                        SLICE_ARG(kinds[kind].type), SLICE_ARG(id));
}

struct facets {
    struct call *c;
    const struct resource *resource;
    int64_t scope;
};

static void add_facet(const struct facets *facets, slice name, slice value)
{
    db_run(facets->c->db, EC2_SQL_FACET_ADD, "ittii", facets->resource->row, name, value, facets->scope,
           (int64_t)facets->resource->kind);
}

static void add_value(const struct facets *facets, slice name, const struct val *value)
{
    switch (value->type) {
    case VAL_STRING:
        add_facet(facets, name, value->string);
        break;
    case VAL_BOOL:
        add_facet(facets, name, value->boolean ? S("true") : S("false"));
        break;
    case VAL_INT:
        add_facet(facets, name, arena_printf(facets->c->arena, "%lld", (long long)value->integer));
        break;
    default:
        break;
    }
}

/* All values at a path; lists on the way are gone through. */
static void add_path(const struct facets *facets, slice name, const struct val *value, slice path)
{
    slice member, rest;
    if (!value)
        return;
    if (value->type == VAL_ARRAY) {
        for (size_t i = 0; i < value->array.len; i++)
            add_path(facets, name, &value->array.items[i], path);
    } else if (path.len == 0) {
        add_value(facets, name, value);
    } else {
        slice_cut(path, '.', &member, &rest);
        add_path(facets, name, val_get(value, member), rest.ptr ? rest : S(""));
    }
}

static void add_tags(const struct facets *facets, const struct val *tags)
{
    struct call *c = facets->c;
    db_run(c->db, EC2_SQL_TAG_CLEAR, "it", facets->scope, facets->resource->id);
    for (size_t i = 0; tags && tags->type == VAL_ARRAY && i < tags->array.len; i++) {
        const struct val *tag = &tags->array.items[i];
        slice key = val_get_string(tag, S("Key")), value = val_get_string(tag, S("Value"));
        add_facet(facets, S("tag-key"), key);
        add_facet(facets, S("tag-value"), value);
        add_facet(facets, arena_concat(c->arena, S("tag:"), key), value);
        db_run(c->db, EC2_SQL_TAG_ADD, "itttt", facets->scope, facets->resource->id, key, value,
               kinds[facets->resource->kind].type);
    }
}

static void index_document(struct call *c, const struct resource *resource, int64_t scope, const struct val *doc)
{
    const struct kind_traits *traits = &kinds[resource->kind];
    struct facets facets = {c, resource, scope};
    db_run(c->db, EC2_SQL_FACET_CLEAR, "i", resource->row);
    for (const struct kind_facet *facet = traits->facets; facet->filter.ptr; facet++)
        add_path(&facets, facet->filter, doc, facet->path);
    add_tags(&facets, val_get(doc, traits->tags));
}

/* Where it is: in which VPC and subnet, part of which group. */
static void note_places(struct resource *resource, const struct val *doc)
{
    const struct val *attachments = val_get(doc, S("Attachments"));
    if (resource->kind != KIND_VPC)
        resource->vpc = val_get_string(doc, S("VpcId"));
    bool gateway = resource->kind == KIND_INTERNET_GATEWAY || resource->kind == KIND_EGRESS_ONLY_GATEWAY;
    if (gateway && attachments && attachments->array.len > 0)
        resource->vpc = val_get_string(&attachments->array.items[0], S("VpcId"));
    if (resource->kind != KIND_SUBNET)
        resource->subnet = val_get_string(doc, S("SubnetId"));
    if (resource->kind == KIND_SECURITY_GROUP_RULE)
        resource->parent = val_get_string(doc, S("GroupId"));
}

void resource_save(struct call *c, struct resource *resource, const void *doc)
{
    int64_t scope = resource_scope(c);
    slice text = api_to_json(c->arena, kinds[resource->kind].shape, doc);
    struct val tree;
    slice why;
    if (json_parse(c->arena, text, &tree, &why) != 0)
        return;
    note_places(resource, &tree);
    if (resource->row == 0) {
        db_run(c->db, EC2_SQL_RESOURCE_ADD, "iitttttt", scope, (int64_t)resource->kind, resource->id, resource->vpc,
               resource->subnet, resource->parent, text, resource->extra);
        resource->row = db_last_id(c->db);
    } else
        db_run(c->db, EC2_SQL_RESOURCE_SET, "ttttti", resource->vpc, resource->subnet, resource->parent, text,
               resource->extra, resource->row);
    index_document(c, resource, scope, &tree);
}

void resource_delete(struct call *c, const struct resource *resource)
{
    db_run(c->db, EC2_SQL_TAG_CLEAR, "it", resource_scope(c), resource->id);
    db_run(c->db, EC2_SQL_RESOURCE_DELETE, "i", resource->row);
}

void resource_end(struct call *c, struct resource *resource, const void *doc)
{
    resource_save(c, resource, doc);
    db_run(c->db, EC2_SQL_RESOURCE_END, "ii", c->now_ms + shown_after_end_ms, resource->row);
    call_timer_changed(c);
}

struct resource_list resource_in(struct call *c, int place, slice where, enum kind kind)
{
    struct resource_list list = {0};
    struct db_rows rows = db_query(c->db, place, "iti", resource_scope(c), where, (int64_t)kind);
    while (db_next(&rows))
        *list_add(c->arena, &list) = (struct resource){
            .row = db_int(&rows, 0), .kind = kind, .text = db_text(&rows, 1), .id = db_text(&rows, 2)};
    db_done(&rows);
    return list;
}

slice resource_with(struct call *c, enum kind kind, const char *filter, slice value)
{
    int64_t row = 0;
    slice id = {NULL, 0};
    struct db_rows rows =
        db_query(c->db, EC2_SQL_FACET_FIND, "iitt", resource_scope(c), (int64_t)kind, slice_of(filter), value);
    if (db_next(&rows))
        row = db_int(&rows, 0);
    db_done(&rows);
    if (!row)
        return id;
    rows = db_query(c->db, EC2_SQL_RESOURCE_GET_ROW, "i", row);
    if (db_next(&rows))
        id = db_text(&rows, 1);
    db_done(&rows);
    return id;
}

bool resource_extra(struct call *c, const struct resource *resource, const char *name)
{
    struct val extra;
    slice why;
    return resource->extra.ptr && json_parse(c->arena, resource->extra, &extra, &why) == 0 &&
           val_get_bool(&extra, slice_of(name), false);
}

void resource_set_extra(struct call *c, struct resource *resource, const char *name, bool value)
{
    struct val extra = val_object();
    slice why;
    if (resource->extra.ptr && json_parse(c->arena, resource->extra, &extra, &why) != 0)
        extra = val_object();
    val_set(c->arena, &extra, slice_of(name), val_bool(value));
    resource->extra = json_text(c->arena, &extra);
}
