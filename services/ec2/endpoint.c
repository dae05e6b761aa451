/* endpoint: VPC endpoints: gateway ones add routes to their prefix list, interface ones an interface in each subnet. */
#include "services/ec2/ec2.h"

#include "common/ids.h"
#include "common/json.h"

static const slice everything_allowed = S("{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                                          "\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}");

static bool is_gateway(const struct ec2_vpc_endpoint *endpoint)
{
    return slice_eq(endpoint->vpc_endpoint_type, S("Gateway"));
}

/* com.amazonaws.REGION.s3 and its like. */
static int check_service(struct call *c, slice name, bool gateway)
{
    slice prefix = arena_printf(c->arena, "com.amazonaws.%.*s.", SLICE_ARG(c->region));
    slice service = slice_sub(name, prefix.len, name.len);
    bool known = slice_starts(name, prefix) && service.len > 0;
    bool has_gateway = slice_eq(service, S("s3")) || slice_eq(service, S("dynamodb"));
    if (!known)
        return fail(c, &ec2_invalid_service_name, "The Vpc Endpoint Service '%.*s' does not exist", SLICE_ARG(name));
    if (gateway && !has_gateway)
        return fail(c, &ec2_invalid_parameter,
                    "Endpoint type (Gateway) does not match available service types ([Interface]).");
    return 0;
}

static int check_policy(struct call *c, slice text)
{
    struct val document;
    slice why;
    if (text.ptr && (json_parse(c->arena, text, &document, &why) != 0 || document.type != VAL_OBJECT))
        return fail(c, &ec2_invalid_policy_document, "The policy document is not valid JSON.");
    return 0;
}

static int add_tables(struct call *c, struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct resource resource;
        struct ec2_route_table table = {0};
        TRY(resource_get(c, KIND_ROUTE_TABLE, ids[i], &resource, &table));
        if (!slice_eq(table.vpc_id, endpoint->vpc_id))
            return fail(c, &ec2_invalid_parameter, "Route table %.*s belongs to another VPC.", SLICE_ARG(ids[i]));
        *list_add(c->arena, &endpoint->route_table_ids) = ids[i];
        struct ec2_route *route = list_add(c->arena, &table.routes);
        route->destination_prefix_list_id = prefix_list_of_service(c, endpoint->service_name);
        route->gateway_id = endpoint->vpc_endpoint_id;
        route->origin = S("CreateRoute");
        route->state = S("active");
        resource_save(c, &resource, &table);
    }
    return 0;
}

static void remove_tables(struct call *c, struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct resource resource;
        struct ec2_route_table table = {0};
        if (resource_find(c, KIND_ROUTE_TABLE, ids[i], &resource, &table)) {
            for (size_t j = 0; j < table.routes.len; j++) {
                if (!slice_eq(table.routes.items[j].gateway_id, endpoint->vpc_endpoint_id))
                    continue;
                memmove(&table.routes.items[j], &table.routes.items[j + 1],
                        (table.routes.len - j - 1) * sizeof(*table.routes.items));
                table.routes.len--;
                j--;
            }
            resource_save(c, &resource, &table);
        }
        for (size_t j = 0; j < endpoint->route_table_ids.len; j++) {
            if (slice_eq(endpoint->route_table_ids.items[j], ids[i]))
                endpoint->route_table_ids.items[j] = endpoint->route_table_ids.items[--endpoint->route_table_ids.len];
        }
    }
}

static int add_subnets(struct call *c, struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct resource resource;
        struct ec2_subnet subnet = {0};
        struct ec2_network_interface interface;
        TRY(resource_get(c, KIND_SUBNET, ids[i], &resource, &subnet));
        if (!slice_eq(subnet.vpc_id, endpoint->vpc_id))
            return fail(c, &ec2_invalid_parameter, "Subnet %.*s belongs to another VPC.", SLICE_ARG(ids[i]));
        struct interface_order order = {
            .subnet = &subnet,
            .type = S("vpc_endpoint"),
            .description = arena_concat(c->arena, S("VPC Endpoint Interface "), endpoint->vpc_endpoint_id),
            .requester = c->account};
        list_foreach (group, &endpoint->groups)
            *list_add(c->arena, &order.groups) = group->group_id;
        TRY(interface_make(c, &order, &interface));
        *list_add(c->arena, &endpoint->subnet_ids) = ids[i];
        *list_add(c->arena, &endpoint->network_interface_ids) = interface.network_interface_id;
    }
    return 0;
}

static void remove_subnets(struct call *c, struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < endpoint->subnet_ids.len; j++) {
            struct resource resource;
            struct ec2_network_interface interface = {0};
            if (!slice_eq(endpoint->subnet_ids.items[j], ids[i]))
                continue;
            if (resource_find(c, KIND_NETWORK_INTERFACE, endpoint->network_interface_ids.items[j], &resource,
                              &interface))
                interface_remove(c, &resource);
            size_t last = --endpoint->subnet_ids.len;
            endpoint->network_interface_ids.len = last;
            endpoint->subnet_ids.items[j] = endpoint->subnet_ids.items[last];
            endpoint->network_interface_ids.items[j] = endpoint->network_interface_ids.items[last];
        }
    }
}

static int add_groups(struct call *c, struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct resource resource;
        struct ec2_security_group group = {0};
        TRY(resource_get(c, KIND_SECURITY_GROUP, ids[i], &resource, &group));
        struct ec2_security_group_identifier *shown = list_add(c->arena, &endpoint->groups);
        shown->group_id = group.group_id;
        shown->group_name = group.group_name;
    }
    return 0;
}

static void add_names(struct call *c, struct ec2_vpc_endpoint *endpoint)
{
    slice service =
        slice_sub(endpoint->service_name, sizeof("com.amazonaws.") + c->region.len, endpoint->service_name.len);
    struct ec2_dns_entry *entry = list_add(c->arena, &endpoint->dns_entries);
    entry->dns_name =
        arena_printf(c->arena, "%.*s-%.*s.%.*s.%.*s.vpce.amazonaws.com", SLICE_ARG(endpoint->vpc_endpoint_id),
                     SLICE_ARG(ids_alnum(c->arena, 8)), SLICE_ARG(service), SLICE_ARG(c->region));
    entry->hosted_zone_id = S("Z7HUB22UULQXV");
}

static int fill(struct call *c, const struct ec2_create_vpc_endpoint_in *in, struct ec2_vpc_endpoint *endpoint)
{
    struct ec2_security_group group;
    endpoint->vpc_endpoint_id = resource_new_id(c, KIND_VPC_ENDPOINT);
    endpoint->vpc_endpoint_type = in->vpc_endpoint_type.ptr ? in->vpc_endpoint_type : S("Gateway");
    endpoint->vpc_id = in->vpc_id;
    endpoint->service_name = in->service_name;
    endpoint->state = S("available");
    endpoint->policy_document = in->policy_document.ptr ? in->policy_document : everything_allowed;
    endpoint->private_dns_enabled = opt_bool(!is_gateway(endpoint) && opt_bool_or(in->private_dns_enabled, true));
    endpoint->requester_managed = opt_bool(false);
    endpoint->creation_timestamp = opt_int(c->now_ms);
    endpoint->owner_id = c->account;
    endpoint->ip_address_type = in->ip_address_type.ptr ? in->ip_address_type : S("ipv4");
    endpoint->route_table_ids.set = endpoint->subnet_ids.set = endpoint->groups.set =
        endpoint->network_interface_ids.set = endpoint->dns_entries.set = true;
    if (is_gateway(endpoint))
        return add_tables(c, endpoint, in->route_table_ids.items, in->route_table_ids.len);
    TRY(add_groups(c, endpoint, in->security_group_ids.items, in->security_group_ids.len));
    if (in->security_group_ids.len == 0 && security_group_find_named(c, in->vpc_id, S("default"), &group))
        TRY(add_groups(c, endpoint, &group.group_id, 1));
    TRY(add_subnets(c, endpoint, in->subnet_ids.items, in->subnet_ids.len));
    endpoint->dns_options = arena_alloc(c->arena, sizeof(*endpoint->dns_options));
    endpoint->dns_options->dns_record_ip_type = S("ipv4");
    add_names(c, endpoint);
    return 0;
}

int ec2_create_vpc_endpoint(struct call *c, const struct ec2_create_vpc_endpoint_in *in,
                            struct ec2_create_vpc_endpoint_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    slice former;
    struct ec2_vpc_endpoint *endpoint = out->vpc_endpoint = arena_alloc(c->arena, sizeof(*endpoint));
    bool gateway = !in->vpc_endpoint_type.ptr || slice_eq(in->vpc_endpoint_type, S("Gateway"));
    out->client_token = in->client_token;
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_VPC_ENDPOINT, former, &resource, endpoint);
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    if (!in->service_name.ptr)
        return common_missing(c, "serviceName");
    if (!gateway && !slice_eq(in->vpc_endpoint_type, S("Interface")))
        return fail(c, &ec2_unsupported_operation, "Endpoints of type %.*s are not supported.",
                    SLICE_ARG(in->vpc_endpoint_type));
    TRY(check_service(c, in->service_name, gateway));
    TRY(check_policy(c, in->policy_document));
    TRY(common_tags(c, KIND_VPC_ENDPOINT, &in->tag_specifications, &endpoint->tags));
    TRY(common_dry_run(c, in->dry_run));
    TRY(fill(c, in, endpoint));
    resource = (struct resource){.kind = KIND_VPC_ENDPOINT, .id = endpoint->vpc_endpoint_id};
    resource_save(c, &resource, endpoint);
    common_remember(c, in->client_token, c->operation->in, in, resource.id);
    if (!gateway)
        endpoint->state = S("pending");
    return 0;
}

int ec2_describe_vpc_endpoints(struct call *c, const struct ec2_describe_vpc_endpoints_in *in,
                               struct ec2_describe_vpc_endpoints_out *out)
{
    struct listing listing = {.kind = KIND_VPC_ENDPOINT,
                              .ids = &in->vpc_endpoint_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->vpc_endpoints, &out->next_token);
}

static void remove_groups(struct ec2_vpc_endpoint *endpoint, const slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < endpoint->groups.len; j++) {
            if (slice_eq(endpoint->groups.items[j].group_id, ids[i]))
                endpoint->groups.items[j] = endpoint->groups.items[--endpoint->groups.len];
        }
    }
}

int ec2_modify_vpc_endpoint(struct call *c, const struct ec2_modify_vpc_endpoint_in *in,
                            struct ec2_modify_vpc_endpoint_out *out)
{
    struct resource resource;
    struct ec2_vpc_endpoint endpoint = {0};
    TRY(resource_get(c, KIND_VPC_ENDPOINT, in->vpc_endpoint_id, &resource, &endpoint));
    TRY(check_policy(c, in->policy_document));
    TRY(common_dry_run(c, in->dry_run));
    if (opt_bool_or(in->reset_policy, false))
        endpoint.policy_document = everything_allowed;
    if (in->policy_document.ptr)
        endpoint.policy_document = in->policy_document;
    if (in->private_dns_enabled.set)
        endpoint.private_dns_enabled = in->private_dns_enabled;
    remove_tables(c, &endpoint, in->remove_route_table_ids.items, in->remove_route_table_ids.len);
    TRY(add_tables(c, &endpoint, in->add_route_table_ids.items, in->add_route_table_ids.len));
    remove_groups(&endpoint, in->remove_security_group_ids.items, in->remove_security_group_ids.len);
    TRY(add_groups(c, &endpoint, in->add_security_group_ids.items, in->add_security_group_ids.len));
    remove_subnets(c, &endpoint, in->remove_subnet_ids.items, in->remove_subnet_ids.len);
    TRY(add_subnets(c, &endpoint, in->add_subnet_ids.items, in->add_subnet_ids.len));
    resource_save(c, &resource, &endpoint);
    out->return_ = opt_bool(true);
    return 0;
}

int ec2_delete_vpc_endpoints(struct call *c, const struct ec2_delete_vpc_endpoints_in *in,
                             struct ec2_delete_vpc_endpoints_out *out)
{
    TRY(common_dry_run(c, in->dry_run));
    out->unsuccessful.set = true;
    list_foreach (id, &in->vpc_endpoint_ids) {
        struct resource resource;
        struct ec2_vpc_endpoint endpoint = {0};
        if (resource_find(c, KIND_VPC_ENDPOINT, *id, &resource, &endpoint)) {
            remove_tables(
                c, &endpoint,
                arena_copy(c->arena, endpoint.route_table_ids.items, endpoint.route_table_ids.len * sizeof(slice)),
                endpoint.route_table_ids.len);
            remove_subnets(c, &endpoint,
                           arena_copy(c->arena, endpoint.subnet_ids.items, endpoint.subnet_ids.len * sizeof(slice)),
                           endpoint.subnet_ids.len);
            resource_delete(c, &resource);
            continue;
        }
        struct ec2_unsuccessful_item *item = list_add(c->arena, &out->unsuccessful);
        item->resource_id = *id;
        item->error = arena_alloc(c->arena, sizeof(*item->error));
        item->error->code = S("InvalidVpcEndpoint.NotFound");
        item->error->message = arena_printf(c->arena, "The Vpc Endpoint Id '%.*s' does not exist", SLICE_ARG(*id));
    }
    return 0;
}

static const char *const service_words[] = {"s3",  "dynamodb", "ecr.api", "ecr.dkr",        "logs", "ecs",
                                            "sts", "ec2",      "ssm",     "secretsmanager", "sqs",  "lambda"};

int ec2_describe_vpc_endpoint_services(struct call *c, const struct ec2_describe_vpc_endpoint_services_in *in,
                                       struct ec2_describe_vpc_endpoint_services_out *out)
{
    size_t known = 0;
    TRY(common_dry_run(c, in->dry_run));
    out->service_names.set = out->service_details.set = true;
    for (size_t i = 0; i < sizeof(service_words) / sizeof(*service_words); i++) {
        slice name = arena_printf(c->arena, "com.amazonaws.%.*s.%s", SLICE_ARG(c->region), service_words[i]);
        bool wanted = in->service_names.len == 0;
        list_foreach (asked, &in->service_names)
            wanted = wanted || slice_eq(*asked, name);
        if (!wanted)
            continue;
        known++;
        *list_add(c->arena, &out->service_names) = name;
        struct ec2_service_detail *detail = list_add(c->arena, &out->service_details);
        detail->service_name = name;
        detail->service_id = arena_printf(c->arena, "vpce-svc-%017zx", i + 1);
        detail->owner = S("amazon");
        detail->service_region = c->region;
        list_add(c->arena, &detail->service_type)->service_type = i < 2 ? S("Gateway") : S("Interface");
        detail->vpc_endpoint_policy_supported = opt_bool(true);
        detail->acceptance_required = opt_bool(false);
        detail->manages_vpc_endpoints = opt_bool(false);
        struct zone_list zones = zone_list(c);
        list_foreach (zone, &zones)
            *list_add(c->arena, &detail->availability_zones) = zone->name;
    }
    if (known < in->service_names.len)
        return fail(c, &ec2_invalid_service_name, "The Vpc Endpoint Service '%.*s' does not exist",
                    SLICE_ARG(in->service_names.items[0]));
    return 0;
}
