/* tags_api: the operations on tags of namespaces and services, by ARN. */
#include "services/servicediscovery/servicediscovery.h"

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
    return tags_add(c, in->resource_arn, &in->tags);
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
