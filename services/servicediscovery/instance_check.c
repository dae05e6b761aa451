/* instance_check: which attributes an instance of a service must, may and must not have. */
#include "services/servicediscovery/servicediscovery.h"

#include <arpa/inet.h>

enum { MAX_ATTRIBUTES = 30, MAX_ATTRIBUTE_BYTES = 5000, MAX_PORT = 65535 };

typedef bool valid_fn(struct call *c, slice value);

static bool is_address(struct call *c, int family, slice value)
{
    char address[sizeof(struct in6_addr)];
    const char *text = slice_cstr(c->arena, value);
    return text && inet_pton(family, text, address) == 1;
}

static bool is_ipv4(struct call *c, slice value)
{
    return is_address(c, AF_INET, value);
}

static bool is_ipv6(struct call *c, slice value)
{
    return is_address(c, AF_INET6, value);
}

static bool is_port(struct call *c, slice value)
{
    int64_t port;
    (void)c;
    return slice_to_int64(value, &port) && port >= 0 && port <= MAX_PORT;
}

static bool is_name(struct call *c, slice value)
{
    (void)c;
    return value.len > 0 && value.len <= 253 && slice_index(value, ' ') == value.len;
}

static bool is_health(struct call *c, slice value)
{
    (void)c;
    return slice_eq(value, S("HEALTHY")) || slice_eq(value, S("UNHEALTHY"));
}

static const struct {
    slice key;
    valid_fn *valid;
} forms[] = {
    {S("AWS_INSTANCE_IPV4"), is_ipv4},  {S("AWS_INSTANCE_IPV6"), is_ipv6},  {S("AWS_INSTANCE_PORT"), is_port},
    {S("AWS_INSTANCE_CNAME"), is_name}, {S("AWS_ALIAS_DNS_NAME"), is_name}, {S("AWS_INIT_HEALTH_STATUS"), is_health},
};

static int check_forms(struct call *c, const struct pair_list *attributes)
{
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        slice value = pair_get(attributes, forms[i].key);
        if (value.ptr && !forms[i].valid(c, value))
            return fail(c, &servicediscovery_invalid_input, "The value '%.*s' of the attribute %.*s is not valid.",
                        SLICE_ARG(value), SLICE_ARG(forms[i].key));
    }
    list_foreach (attribute, attributes)
        bytes += attribute->key.len + attribute->value.len;
    if (attributes->len > MAX_ATTRIBUTES || bytes > MAX_ATTRIBUTE_BYTES)
        return fail(c, &servicediscovery_invalid_input,
                    "An instance can have %d attributes with %d characters at most.", MAX_ATTRIBUTES,
                    MAX_ATTRIBUTE_BYTES);
    return 0;
}

static int missing(struct call *c, const char *what, const char *type)
{
    return fail(c, &servicediscovery_invalid_input, "The service has a record of the type %s: %s must be specified.",
                type, what);
}

static int check_alias(struct call *c, const struct srv *srv, const struct pair_list *attributes)
{
    int64_t ttl;
    if (!srv->dns || !slice_eq(srv->dns->routing_policy, S("WEIGHTED")) ||
        (!srv_has_record(srv, "A", &ttl) && !srv_has_record(srv, "AAAA", &ttl)))
        return fail(c, &servicediscovery_invalid_input,
                    "AWS_ALIAS_DNS_NAME needs a service with A or AAAA records and the routing policy WEIGHTED.");
    list_foreach (attribute, attributes) {
        if (slice_starts(attribute->key, S("AWS_INSTANCE_")))
            return fail(c, &servicediscovery_invalid_input,
                        "AWS_ALIAS_DNS_NAME cannot be specified together with AWS_INSTANCE attributes.");
    }
    return 0;
}

/* Every record of the service needs its values. */
static int check_records(struct call *c, const struct srv *srv, const struct pair_list *attributes)
{
    int64_t ttl;
    bool ipv4 = pair_get(attributes, S("AWS_INSTANCE_IPV4")).ptr,
         ipv6 = pair_get(attributes, S("AWS_INSTANCE_IPV6")).ptr;
    bool a = srv_has_record(srv, "A", &ttl), aaaa = srv_has_record(srv, "AAAA", &ttl);
    if (a && aaaa && !ipv4 && !ipv6)
        return missing(c, "AWS_INSTANCE_IPV4, AWS_INSTANCE_IPV6 or both", "A and AAAA");
    if (a && !aaaa && !ipv4)
        return missing(c, "AWS_INSTANCE_IPV4", "A");
    if (aaaa && !a && !ipv6)
        return missing(c, "AWS_INSTANCE_IPV6", "AAAA");
    if (srv_has_record(srv, "CNAME", &ttl) && !pair_get(attributes, S("AWS_INSTANCE_CNAME")).ptr)
        return missing(c, "AWS_INSTANCE_CNAME", "CNAME");
    if (!srv_has_record(srv, "SRV", &ttl))
        return 0;
    if (!pair_get(attributes, S("AWS_INSTANCE_PORT")).ptr)
        return missing(c, "AWS_INSTANCE_PORT", "SRV");
    if (!ipv4 && !ipv6)
        return missing(c, "AWS_INSTANCE_IPV4, AWS_INSTANCE_IPV6 or both", "SRV");
    return 0;
}

int instance_check(struct call *c, const struct srv *srv, const struct pair_list *attributes)
{
    TRY(check_forms(c, attributes));
    if (pair_get(attributes, S("AWS_INIT_HEALTH_STATUS")).ptr && !srv->custom_health)
        return fail(c, &servicediscovery_invalid_input,
                    "AWS_INIT_HEALTH_STATUS needs a service with HealthCheckCustomConfig.");
    if (pair_get(attributes, S("AWS_EC2_INSTANCE_ID")).ptr && !slice_eq(srv->namespace_type, S("HTTP")))
        return fail(c, &servicediscovery_invalid_input,
                    "AWS_EC2_INSTANCE_ID is supported for services in HTTP namespaces only.");
    if (pair_get(attributes, S("AWS_ALIAS_DNS_NAME")).ptr)
        return check_alias(c, srv, attributes);
    return check_records(c, srv, attributes);
}
