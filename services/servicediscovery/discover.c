/* discover: DiscoverInstances: instances by names, attributes and health, in random order. */
#include "services/servicediscovery/servicediscovery.h"

#include "common/ids.h"

enum { DEFAULT_RESULTS = 100, ALL = 1000 };

struct instances {
    struct instance *items;
    size_t len;
    bool set;
};

static int find(struct call *c, slice namespace_name, slice service_name, struct namespace *ns, struct srv *srv)
{
    if (!namespace_find_http(c, namespace_name, ns))
        return fail(c, &servicediscovery_namespace_not_found, "Namespace with name %.*s not found.",
                    SLICE_ARG(namespace_name));
    if (!srv_find_named(c, ns->id, service_name, srv))
        return fail(c, &servicediscovery_service_not_found, "Service with name %.*s not found.",
                    SLICE_ARG(service_name));
    return 0;
}

static bool has_all(const struct instance *instance, const struct servicediscovery_attributes *wanted)
{
    list_foreach (attribute, wanted) {
        slice value = pair_get(&instance->attributes, attribute->key);
        if (!value.ptr || !slice_eq(value, attribute->value))
            return false;
    }
    return true;
}

/* Those with all the attributes. */
static struct instances with(struct call *c, const struct instances *from,
                             const struct servicediscovery_attributes *wanted)
{
    struct instances found = {0};
    list_foreach (instance, from) {
        if (has_all(instance, wanted))
            *list_add(c->arena, &found) = *instance;
    }
    return found;
}

static struct instances in_health(struct call *c, const struct instances *from, slice health)
{
    struct instances found = {0};
    list_foreach (instance, from) {
        if (slice_eq(instance->health, health))
            *list_add(c->arena, &found) = *instance;
    }
    return found;
}

/* A service without health check ignores the filter. */
static struct instances by_health(struct call *c, const struct srv *srv, const struct instances *from, slice filter)
{
    if (!srv->custom_health || slice_eq(filter, S("ALL")))
        return *from;
    if (slice_eq(filter, S("UNHEALTHY")))
        return in_health(c, from, S("UNHEALTHY"));
    struct instances healthy = in_health(c, from, S("HEALTHY"));
    return healthy.len == 0 && !slice_eq(filter, S("HEALTHY")) ? *from : healthy;
}

static void shuffle(struct instances *list)
{
    uint32_t dice;
    for (size_t i = list->len; i > 1; i--) {
        ids_bytes(&dice, sizeof(dice));
        size_t at = dice % i;
        struct instance one = list->items[at];
        list->items[at] = list->items[i - 1];
        list->items[i - 1] = one;
    }
}

static struct instances all(struct call *c, const struct srv *srv)
{
    struct instances list = {0};
    struct instance instance;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_LIST, "iii", srv->id, (int64_t)0, (int64_t)ALL);
    while (instance_next(c, &rows, &instance))
        *list_add(c->arena, &list) = instance;
    return list;
}

static void fill(struct call *c, const struct namespace *ns, const struct srv *srv, const struct instance *instance,
                 struct servicediscovery_http_instance_summary *out)
{
    out->instance_id = instance->name;
    out->namespace_name = ns->http_name;
    out->service_name = srv->name;
    out->health_status = instance->health;
    out->attributes.set = true;
    list_foreach (pair, &instance->attributes) {
        struct servicediscovery_attributes_entry *entry = list_add(c->arena, &out->attributes);
        entry->key = pair->key;
        entry->value = pair->value;
    }
}

int servicediscovery_discover_instances(struct call *c, const struct servicediscovery_discover_instances_in *in,
                                        struct servicediscovery_discover_instances_out *out)
{
    struct namespace ns;
    struct srv srv;
    size_t limit = (size_t)opt_int_or(in->max_results, DEFAULT_RESULTS);
    TRY(find(c, in->namespace_name, in->service_name, &ns, &srv));
    struct instances found = all(c, &srv);
    found = with(c, &found, &in->query_parameters);
    found = by_health(c, &srv, &found, in->health_status);
    struct instances preferred = with(c, &found, &in->optional_parameters);
    if (preferred.len > 0)
        found = preferred;
    shuffle(&found);
    list_foreach (instance, &found) {
        if (out->instances.len == limit)
            break;
        fill(c, &ns, &srv, instance, list_add(c->arena, &out->instances));
    }
    out->instances_revision = opt_int(srv.revision);
    return 0;
}

int servicediscovery_discover_instances_revision(struct call *c,
                                                 const struct servicediscovery_discover_instances_revision_in *in,
                                                 struct servicediscovery_discover_instances_revision_out *out)
{
    struct namespace ns;
    struct srv srv;
    TRY(find(c, in->namespace_name, in->service_name, &ns, &srv));
    out->instances_revision = opt_int(srv.revision);
    return 0;
}
