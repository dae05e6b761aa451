/* srv_check: which DNS records and health checks a service can have. */
#include "services/servicediscovery/servicediscovery.h"

/* Combinations of record types that Route 53 can serve under one name. */
static const char *const combinations[] = {"A", "AAAA", "A AAAA", "SRV", "CNAME"};

static bool has(const struct servicediscovery_dns_config *dns, const char *type)
{
    list_foreach (record, &dns->dns_records) {
        if (slice_eq(record->type, slice_of(type)))
            return true;
    }
    return false;
}

static bool combines(const struct servicediscovery_dns_config *dns)
{
    for (size_t i = 0; i < sizeof(combinations) / sizeof(*combinations); i++) {
        slice type, rest = slice_of(combinations[i]);
        size_t found = 0, n = 0;
        while (rest.ptr) {
            slice_cut(rest, ' ', &type, &rest);
            n++;
            list_foreach (record, &dns->dns_records)
                found += slice_eq(record->type, type);
        }
        if (found == n && n == dns->dns_records.len && (n < 2 || (has(dns, "A") && has(dns, "AAAA"))))
            return true;
    }
    return false;
}

int srv_check_dns(struct call *c, const struct namespace *ns, struct servicediscovery_dns_config *dns)
{
    if (slice_eq(ns->type, S("HTTP")))
        return fail(c, &servicediscovery_invalid_input, "DnsConfig is not supported for services in HTTP namespaces.");
    if (!combines(dns))
        return fail(c, &servicediscovery_invalid_input,
                    "DnsRecords can be A, AAAA, A and AAAA, SRV, or CNAME, each once.");
    if (!dns->routing_policy.ptr)
        dns->routing_policy = S("MULTIVALUE");
    if (has(dns, "CNAME") && !slice_eq(dns->routing_policy, S("WEIGHTED")))
        return fail(c, &servicediscovery_invalid_input,
                    "A service with a CNAME record must have the routing policy WEIGHTED.");
    dns->namespace_id = ns->name_id;
    return 0;
}

int srv_check_health(struct call *c, const struct namespace *ns, const struct servicediscovery_dns_config *dns,
                     struct servicediscovery_health_check_config *health)
{
    if (slice_eq(ns->type, S("DNS_PRIVATE")))
        return fail(c, &servicediscovery_invalid_input,
                    "HealthCheckConfig is not supported for services in private DNS namespaces.");
    if (dns && has(dns, "CNAME"))
        return fail(c, &servicediscovery_invalid_input, "A service with a CNAME record cannot have HealthCheckConfig.");
    bool tcp = slice_eq(health->type, S("TCP"));
    if (tcp && health->resource_path.ptr)
        return fail(c, &servicediscovery_invalid_input, "ResourcePath is not supported for the health check type TCP.");
    if (!tcp && !health->resource_path.ptr)
        health->resource_path = S("/");
    if (!health->failure_threshold.set)
        health->failure_threshold = opt_int(1);
    return 0;
}

bool srv_has_record(const struct srv *srv, const char *type, int64_t *ttl)
{
    for (size_t i = 0; srv->dns && i < srv->dns->dns_records.len; i++) {
        const struct servicediscovery_dns_record *record = &srv->dns->dns_records.items[i];
        if (!slice_eq(record->type, slice_of(type)))
            continue;
        *ttl = record->ttl.v;
        return true;
    }
    return false;
}
