/* zone: private namespaces as DNS zones: the records of services and their instances, chosen as Route 53 does: healthy
 * ones, all when none is; up to eight for MULTIVALUE, one for WEIGHTED; in random order. */
#include "services/servicediscovery/zone.h"

#include "common/ids.h"
#include "services/servicediscovery/servicediscovery.h"

enum { MULTIVALUE_MOST = 8, ALL = 1000, DEFAULT_SOA_TTL = 15, NS_TTL = 172800 };

static const char soa_data[] = "ns-1536.awsdns-00.co.uk. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400";
static const char ns_data[] = "ns-1536.awsdns-00.co.uk.";

struct instances {
    struct instance *items;
    size_t len;
    bool set;
};

/* A namespace that serves a zone. */
struct zone {
    int64_t id;
    slice name;
    int64_t soa_ttl;
};

static const struct {
    const char *type;
    slice attribute;
} sources[ZONE_TYPES] = {
    [ZONE_A] = {"A", S("AWS_INSTANCE_IPV4")},
    [ZONE_AAAA] = {"AAAA", S("AWS_INSTANCE_IPV6")},
    [ZONE_SRV] = {"SRV", S("AWS_INSTANCE_PORT")},
    [ZONE_CNAME] = {"CNAME", S("AWS_INSTANCE_CNAME")},
};

static bool asked(unsigned types, enum zone_type type)
{
    return types & 1U << type;
}

static void add(struct call *c, struct zone_records *records, struct zone_record record)
{
    *list_add(c->arena, records) = record;
}

/* The longest suffix of the name that is a zone. With several namespaces of one name (accounts, regions, VPCs) the
 * oldest is it. *rest is what is before it, without the dot. */
static bool find_zone(struct call *c, slice name, struct zone *zone, slice *rest)
{
    for (size_t at = 0; at < name.len;) {
        slice suffix = slice_sub(name, at, name.len);
        struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_NAMESPACE_DNS, "t", suffix);
        bool found = db_next(&rows);
        if (found)
            *zone = (struct zone){db_int(&rows, 0), db_text(&rows, 1),
                                  db_is_null(&rows, 2) ? DEFAULT_SOA_TTL : db_int(&rows, 2)};
        db_done(&rows);
        *rest = slice_sub(name, 0, at > 0 ? at - 1 : 0);
        if (found)
            return true;
        at += slice_index(suffix, '.') + 1;
    }
    return false;
}

static struct instances with_attribute(struct call *c, const struct srv *srv, slice attribute)
{
    struct instances all = {0}, healthy = {0};
    struct instance instance;
    struct db_rows rows = db_query(c->db, SERVICEDISCOVERY_SQL_INSTANCE_LIST, "iii", srv->id, (int64_t)0, (int64_t)ALL);
    while (instance_next(c, &rows, &instance)) {
        if (!pair_get(&instance.attributes, attribute).ptr)
            continue;
        *list_add(c->arena, &all) = instance;
        if (!slice_eq(instance.health, S("UNHEALTHY")))
            *list_add(c->arena, &healthy) = instance;
    }
    return healthy.len > 0 ? healthy : all;
}

/* Moves a random choice of n to the front and forgets the others. */
static void choose(struct instances *list, size_t n)
{
    uint32_t dice;
    for (size_t i = 0; i < list->len && i < n; i++) {
        ids_bytes(&dice, sizeof(dice));
        size_t at = i + dice % (list->len - i);
        struct instance one = list->items[i];
        list->items[i] = list->items[at];
        list->items[at] = one;
    }
    list->len = list->len < n ? list->len : n;
}

static void add_addresses(struct call *c, const struct instance *instance, slice owner, int64_t ttl, unsigned types,
                          struct zone_records *records)
{
    for (enum zone_type type = ZONE_A; type <= ZONE_AAAA; type++) {
        slice address = pair_get(&instance->attributes, sources[type].attribute);
        if (address.ptr && asked(types, type))
            add(c, records, (struct zone_record){type, ttl, owner, address});
    }
}

/* What one instance contributes to its service's records of the type. */
static void add_one(struct call *c, const struct zone *zone, const struct srv *srv, const struct instance *instance,
                    struct zone_record record, struct zone_answer *answer)
{
    record.data = pair_get(&instance->attributes, sources[record.type].attribute);
    if (record.type == ZONE_CNAME) {
        record.data = slice_ends(record.data, S(".")) ? record.data : arena_concat(c->arena, record.data, S("."));
    } else if (record.type == ZONE_SRV) {
        slice target = arena_printf(c->arena, "%.*s.%.*s.%.*s.", SLICE_ARG(instance->name), SLICE_ARG(srv->name),
                                    SLICE_ARG(zone->name));
        record.data = arena_printf(c->arena, "1 1 %.*s %.*s", SLICE_ARG(record.data), SLICE_ARG(target));
        add_addresses(c, instance, target, record.ttl, ~0U, &answer->additional);
    }
    add(c, &answer->records, record);
}

/* A service has a name in DNS when it has records and instances. A CNAME answers every question. */
static enum zone_result of_service(struct call *c, const struct zone *zone, const struct srv *srv, unsigned types,
                                   struct zone_answer *answer)
{
    bool weighted = slice_eq(srv->dns->routing_policy, S("WEIGHTED")), exists = false;
    for (enum zone_type type = ZONE_A; type <= ZONE_CNAME; type++) {
        struct zone_record record = {.type = type};
        if (!srv_has_record(srv, sources[type].type, &record.ttl))
            continue;
        struct instances found = with_attribute(c, srv, sources[type].attribute);
        exists = exists || found.len > 0;
        choose(&found, weighted ? 1 : MULTIVALUE_MOST);
        list_foreach (instance, &found) {
            if (type == ZONE_CNAME || asked(types, type))
                add_one(c, zone, srv, instance, record, answer);
        }
    }
    return answer->records.len > 0 ? ZONE_FOUND : exists ? ZONE_NO_DATA : ZONE_NO_NAME;
}

/* instance.service, the names in SRV records; both may have dots. */
static enum zone_result of_instance(struct call *c, const struct zone *zone, slice rest, unsigned types,
                                    struct zone_answer *answer)
{
    struct srv srv;
    struct instance instance;
    int64_t ttl;
    for (size_t at = slice_index(rest, '.'); at < rest.len;) {
        slice tail = slice_sub(rest, at + 1, rest.len);
        bool fits = srv_find_named(c, zone->id, tail, &srv) && srv_has_record(&srv, "SRV", &ttl);
        struct instances found = fits ? with_attribute(c, &srv, S("AWS_INSTANCE_PORT")) : (struct instances){0};
        for (size_t i = 0; i < found.len; i++) {
            instance = found.items[i];
            if (!slice_eq(servicediscovery_lower(c, instance.name), slice_sub(rest, 0, at)))
                continue;
            add_addresses(c, &instance, (slice){NULL, 0}, ttl, types, &answer->records);
            return answer->records.len > 0 ? ZONE_FOUND : ZONE_NO_DATA;
        }
        at += 1 + slice_index(tail, '.');
    }
    return ZONE_NO_NAME;
}

static enum zone_result of_apex(struct call *c, const struct zone *zone, unsigned types, struct zone_answer *answer)
{
    if (asked(types, ZONE_SOA))
        add(c, &answer->records, (struct zone_record){ZONE_SOA, zone->soa_ttl, {NULL, 0}, slice_of(soa_data)});
    if (asked(types, ZONE_NS))
        add(c, &answer->records, (struct zone_record){ZONE_NS, NS_TTL, {NULL, 0}, slice_of(ns_data)});
    return answer->records.len > 0 ? ZONE_FOUND : ZONE_NO_DATA;
}

enum zone_result zone_look_up(struct call *c, slice name, unsigned types, struct zone_answer *answer)
{
    struct zone zone;
    struct srv srv;
    slice rest;
    *answer = (struct zone_answer){.soa = slice_of(soa_data)};
    if (!find_zone(c, name, &zone, &rest))
        return ZONE_NOT_OURS;
    answer->zone = zone.name;
    answer->soa_ttl = zone.soa_ttl;
    if (rest.len == 0)
        return of_apex(c, &zone, types, answer);
    enum zone_result result = ZONE_NO_NAME;
    if (srv_find_named(c, zone.id, rest, &srv) && srv.dns)
        result = of_service(c, &zone, &srv, types, answer);
    else
        result = of_instance(c, &zone, rest, types, answer);
    if (result == ZONE_NO_NAME &&
        servicediscovery_number(db_query(c->db, SERVICEDISCOVERY_SQL_SERVICE_BELOW, "it", zone.id, rest)) > 0)
        return ZONE_NO_DATA;
    return result;
}
