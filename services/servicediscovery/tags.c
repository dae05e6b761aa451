/* tags: tags of namespaces and services, by ARN. */
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

static int resource_exists(struct call *c, slice arn)
{
    struct namespace ns;
    struct srv srv;
    bool found = false;
    if (slice_find(arn, S(":namespace/")) > 0)
        found = namespace_get(c, arn, &ns) == 0;
    else if (slice_find(arn, S(":service/")) > 0)
        found = srv_get(c, arn, &srv) == 0;
    if (!found)
        return fail(c, &servicediscovery_resource_not_found, "Resource not found: %.*s", SLICE_ARG(arn));
    return 0;
}

int servicediscovery_tag_resource(struct call *c, const struct servicediscovery_tag_resource_in *in,
                                  struct servicediscovery_tag_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn));
    TRY(tags_check(c, in->resource_arn, &in->tags));
    tags_set(c, in->resource_arn, &in->tags);
    if (servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_TAG_COUNT, "t", in->resource_arn)) > MAX_TAGS)
        return too_many(c, in->resource_arn);
    return 0;
}

int servicediscovery_untag_resource(struct call *c, const struct servicediscovery_untag_resource_in *in,
                                    struct servicediscovery_untag_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn));
    list_foreach (key, &in->tag_keys)
        db_run(c->db, SERVICEDISCOVERY_SQL_TAG_DELETE, "tt", in->resource_arn, *key);
    return 0;
}

int servicediscovery_list_tags_for_resource(struct call *c, const struct servicediscovery_list_tags_for_resource_in *in,
                                            struct servicediscovery_list_tags_for_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn));
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_TAG_LIST, "t", in->resource_arn);
    while (db_next(&rows)) {
        struct servicediscovery_tag *tag = list_add(c->arena, &out->tags);
        tag->key = db_text(&rows, 0);
        tag->value = db_text(&rows, 1);
    }
    db_done(&rows);
    return 0;
}
