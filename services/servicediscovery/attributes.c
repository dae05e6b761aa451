/* attributes: attributes of services. */
#include "services/servicediscovery/servicediscovery.h"

enum { MAX_ATTRIBUTES = 30 };

int servicediscovery_get_service_attributes(struct call *c, const struct servicediscovery_get_service_attributes_in *in,
                                            struct servicediscovery_get_service_attributes_out *out)
{
    struct srv srv;
    TRY(srv_get(c, in->service_id, &srv));
    struct servicediscovery_service_attributes *answer = arena_alloc(c->arena, sizeof(*answer));
    answer->service_arn = servicediscovery_arn(c, "service", srv.service_id);
    answer->resource_owner = c->account;
    answer->attributes.set = true;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTE_LIST, "i", srv.id);
    while (db_next(&rows)) {
        struct servicediscovery_service_attributes_map_entry *entry = list_add(c->arena, &answer->attributes);
        entry->key = db_text(&rows, 0);
        entry->value = db_text(&rows, 1);
    }
    db_done(&rows);
    out->service_attributes = answer;
    return 0;
}

int servicediscovery_update_service_attributes(struct call *c,
                                               const struct servicediscovery_update_service_attributes_in *in,
                                               struct servicediscovery_update_service_attributes_out *out)
{
    struct srv srv;
    TRY(srv_get(c, in->service_id, &srv));
    list_foreach (attribute, &in->attributes)
        db_run(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTE_SET, "itt", srv.id, attribute->key, attribute->value);
    if (servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTE_COUNT, "i", srv.id)) > MAX_ATTRIBUTES)
        return fail(c, &servicediscovery_service_attributes_limit_exceeded, "A service can have at most %d attributes.",
                    MAX_ATTRIBUTES);
    return 0;
}

int servicediscovery_delete_service_attributes(struct call *c,
                                               const struct servicediscovery_delete_service_attributes_in *in,
                                               struct servicediscovery_delete_service_attributes_out *out)
{
    struct srv srv;
    TRY(srv_get(c, in->service_id, &srv));
    list_foreach (key, &in->attributes)
        db_run(c->db, SERVICEDISCOVERY_SQL_ATTRIBUTE_DELETE, "it", srv.id, *key);
    return 0;
}
