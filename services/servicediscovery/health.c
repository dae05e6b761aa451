/* health: custom health checks: what clients say about their instances. */
#include "services/servicediscovery/servicediscovery.h"

enum { MAX_RESULTS = 100 };

int servicediscovery_update_instance_custom_health_status(
    struct call *c, const struct servicediscovery_update_instance_custom_health_status_in *in,
    struct servicediscovery_update_instance_custom_health_status_out *out)
{
    struct srv srv;
    struct instance instance;
    TRY(srv_get(c, in->service_id, &srv));
    if (!srv.custom_health)
        return fail(c, &servicediscovery_custom_health_not_found,
                    "The service %.*s has no custom health check configuration.", SLICE_ARG(srv.service_id));
    TRY(instance_get(c, &srv, in->instance_id, &instance));
    if (slice_eq(instance.health, in->status))
        return 0;
    db_run(c->db, SERVICEDISCOVERY_SQL_INSTANCE_HEALTH, "ti", in->status, instance.id);
    db_run(c->db, SERVICEDISCOVERY_SQL_SERVICE_TOUCH, "i", srv.id);
    return 0;
}

static void add(struct call *c, const struct instance *instance,
                struct servicediscovery_get_instances_health_status_out *out)
{
    struct servicediscovery_instance_health_status_map_entry *entry = list_add(c->arena, &out->status);
    entry->key = instance->name;
    entry->value = instance->health;
}

int servicediscovery_get_instances_health_status(struct call *c,
                                                 const struct servicediscovery_get_instances_health_status_in *in,
                                                 struct servicediscovery_get_instances_health_status_out *out)
{
    int64_t after, limit = opt_int_or(in->max_results, MAX_RESULTS);
    struct srv srv;
    struct instance instance;
    TRY(srv_get(c, in->service_id, &srv));
    TRY(servicediscovery_page(c, S("GetInstancesHealthStatus"), in->next_token, &after));
    out->status.set = true;
    list_foreach (name, &in->instances) {
        TRY(instance_get(c, &srv, *name, &instance));
        add(c, &instance, out);
    }
    if (in->instances.len > 0)
        return 0;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_LIST, "iii", srv.id, after, limit + 1);
    while (instance_next(c, &rows, &instance)) {
        if ((int64_t)out->status.len == limit) {
            out->next_token = servicediscovery_page_token(c, S("GetInstancesHealthStatus"), after);
            break;
        }
        add(c, &instance, out);
        after = instance.id;
    }
    db_done(&rows);
    return 0;
}
