/* tag: tags of existing resources. */
#include "services/ec2/ec2.h"

#include "common/page.h"

enum { MAX_RESOURCES = 1000, MIN_RESULTS = 5, MAX_RESULTS = 1000 };

/* The tag list inside a document of that kind: its place is the one thing generic code needs of the structure. */
static struct ec2_tag_list *tags_of(enum kind kind, void *doc)
{
    const struct api_shape *shape = kinds[kind].shape;
    for (size_t i = 0; i < shape->n_members; i++) {
        if (slice_eq(shape->members[i].name, kinds[kind].tags))
            return (struct ec2_tag_list *)(void *)((char *)doc + shape->members[i].offset);
    }
    return NULL;
}

static struct ec2_tag *find(const struct ec2_tag_list *tags, slice key)
{
    list_foreach (tag, tags) {
        if (slice_eq(tag->key, key))
            return tag;
    }
    return NULL;
}

static void set_tag(struct call *c, struct ec2_tag_list *tags, const struct ec2_tag *given)
{
    struct ec2_tag *tag = find(tags, given->key);
    if (!tag) {
        tag = list_add(c->arena, tags);
        tag->key = given->key;
    }
    tag->value = given->value.ptr ? given->value : S("");
}

static void unset_tag(struct ec2_tag_list *tags, const struct ec2_tag *given)
{
    struct ec2_tag *tag = find(tags, given->key);
    if (!tag || (given->value.ptr && !slice_eq(given->value, tag->value)))
        return;
    size_t at = (size_t)(tag - tags->items);
    memmove(tag, tag + 1, (tags->len - at - 1) * sizeof(*tag));
    tags->len--;
}

static int open_resource(struct call *c, slice id, struct resource *resource, void **doc)
{
    enum kind kind = kind_of_id(id);
    if (kind == N_KINDS)
        return fail(c, &ec2_invalid_id, "The ID '%.*s' is not valid", SLICE_ARG(id));
    *doc = arena_alloc(c->arena, kinds[kind].shape->size);
    return resource_get(c, kind, id, resource, *doc);
}

static int check_resources(struct call *c, const struct ec2_resource_id_list *resources)
{
    if (resources->len == 0)
        return common_missing(c, "resourceId");
    if (resources->len > MAX_RESOURCES)
        return fail(c, &ec2_invalid_parameter_value, "At most %d resources can be tagged at a time.", MAX_RESOURCES);
    return 0;
}

int ec2_create_tags(struct call *c, const struct ec2_create_tags_in *in, struct ec2_create_tags_out *out)
{
    (void)out;
    TRY(check_resources(c, &in->resources));
    if (in->tags.len == 0)
        return common_missing(c, "tagSet");
    TRY(common_check_tags(c, &in->tags));
    list_foreach (id, &in->resources) {
        struct resource resource;
        void *doc = NULL;
        TRY(open_resource(c, *id, &resource, &doc));
        struct ec2_tag_list *tags = tags_of(resource.kind, doc);
        tags->set = true;
        list_foreach (tag, &in->tags)
            set_tag(c, tags, tag);
        TRY(common_check_tags(c, tags));
        TRY(common_dry_run(c, in->dry_run));
        resource_save(c, &resource, doc);
    }
    return 0;
}

int ec2_delete_tags(struct call *c, const struct ec2_delete_tags_in *in, struct ec2_delete_tags_out *out)
{
    (void)out;
    TRY(check_resources(c, &in->resources));
    TRY(common_dry_run(c, in->dry_run));
    list_foreach (id, &in->resources) {
        struct resource resource;
        void *doc = NULL;
        TRY(open_resource(c, *id, &resource, &doc));
        struct ec2_tag_list *tags = tags_of(resource.kind, doc);
        list_foreach (tag, &in->tags)
            unset_tag(tags, tag);
        if (in->tags.len == 0)
            tags->len = 0;
        resource_save(c, &resource, doc);
    }
    return 0;
}

static bool tag_value(const void *item, slice filter, slice *value)
{
    const struct ec2_tag_description *tag = item;
    bool of_key = slice_starts(filter, S("tag:"));
    *value = slice_eq(filter, S("key"))             ? tag->key
             : slice_eq(filter, S("resource-id"))   ? tag->resource_id
             : slice_eq(filter, S("resource-type")) ? tag->resource_type
             : slice_eq(filter, S("value"))         ? tag->value
                                                    : (slice){NULL, 0};
    if (of_key && slice_eq(slice_sub(filter, 4, filter.len), tag->key))
        *value = tag->value;
    return value->ptr || of_key;
}

int ec2_describe_tags(struct call *c, const struct ec2_describe_tags_in *in, struct ec2_describe_tags_out *out)
{
    slice key, last = {NULL, 0}, id, name;
    struct ec2_tag_description empty = {S(""), S(""), S(""), S("")};
    bool matches;
    if (in->max_results.set && (in->max_results.v < MIN_RESULTS || in->max_results.v > MAX_RESULTS))
        return fail(c, &ec2_invalid_parameter_value, "Value ( %lld ) for parameter maxResults is invalid.",
                    (long long)in->max_results.v);
    if (page_key(c->arena, c->operation->name, in->next_token, &key) != 0)
        return fail(c, &ec2_invalid_next_token, "The token '%.*s' is invalid", SLICE_ARG(in->next_token));
    TRY(listing_check(c, &in->filters, tag_value, &empty, &matches));
    TRY(common_dry_run(c, in->dry_run));
    slice_cut(key, ' ', &id, &name);
    out->tags.set = true;
    struct db_rows rows =
        db_query(c->db, EC2_SQL_TAG_LIST, "itt", resource_scope(c), id.ptr ? id : S(""), name.ptr ? name : S(""));
    while (db_next(&rows)) {
        struct ec2_tag_description shown = {.resource_id = db_text(&rows, 0),
                                            .key = db_text(&rows, 1),
                                            .value = db_text(&rows, 2),
                                            .resource_type = db_text(&rows, 3)};
        listing_check(c, &in->filters, tag_value, &shown, &matches);
        if (!matches)
            continue;
        if (in->max_results.set && (int64_t)out->tags.len == in->max_results.v) {
            out->next_token = page_token(c->arena, c->operation->name, last);
            break;
        }
        last = arena_printf(c->arena, "%.*s %.*s", SLICE_ARG(shown.resource_id), SLICE_ARG(shown.key));
        *list_add(c->arena, &out->tags) = shown;
    }
    db_done(&rows);
    return 0;
}
