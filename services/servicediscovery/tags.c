/* tags: tags of namespaces and services as rows. The operations are in tags_api.c. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/json.h"

enum { MAX_TAGS = 50 };

static int too_many(struct call *c, slice resource)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ResourceName"), val_string(resource.ptr ? resource : S("")));
    return fail_with(c, &servicediscovery_too_many_tags, extra,
                     "The list of tags on the resource is over the quota. The maximum number of tags is %d.", MAX_TAGS);
}

int tags_check(struct call *c, slice resource, const struct servicediscovery_tag_list *tags)
{
    if (tags->len > MAX_TAGS)
        return too_many(c, resource);
    list_foreach (tag, tags) {
        if (slice_sub(tag->key, 0, 4).len == 4 && slice_eq_nocase(slice_sub(tag->key, 0, 4), S("aws:")))
            return fail(c, &servicediscovery_invalid_input, "Tag keys must not begin with aws:.");
        for (const struct servicediscovery_tag *other = tags->items; other < tag; other++) {
            if (slice_eq(other->key, tag->key))
                return fail(c, &servicediscovery_invalid_input, "Duplicate tag key: %.*s", SLICE_ARG(tag->key));
        }
    }
    return 0;
}

void tags_set(struct call *c, slice resource, const struct servicediscovery_tag_list *tags)
{
    list_foreach (tag, tags)
        db_run(c->db, SERVICEDISCOVERY_SQL_TAG_SET, "ttt", resource, tag->key, tag->value.ptr ? tag->value : S(""));
}

void tags_delete_all(struct call *c, slice resource)
{
    db_run(c->db, SERVICEDISCOVERY_SQL_TAG_DELETE_ALL, "t", resource);
}

int tags_add(struct call *c, slice resource, const struct servicediscovery_tag_list *tags)
{
    TRY(tags_check(c, resource, tags));
    tags_set(c, resource, tags);
    if (servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_TAG_COUNT, "t", resource)) > MAX_TAGS)
        return too_many(c, resource);
    return 0;
}
