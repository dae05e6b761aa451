/* route: the routes of route tables. */
#include "services/ec2/ec2.h"

/* A destination and a target, as CreateRoute and ReplaceRoute name them. */
struct order {
    slice cidr, cidr6, prefix_list;
    slice gateway, nat_gateway, interface, endpoint, egress;
    slice unsupported; /* the name of a target whose kind does not exist here */
    bool local;
};

static slice first_unsupported(const slice *values, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].ptr)
            return slice_of(names[i]);
    }
    return (slice){NULL, 0};
}

#define ORDER_OF(in)                                                                                                   \
    {                                                                                                                  \
        .cidr = (in)->destination_cidr_block, .cidr6 = (in)->destination_ipv6_cidr_block,                              \
        .prefix_list = (in)->destination_prefix_list_id, .gateway = (in)->gateway_id,                                  \
        .nat_gateway = (in)->nat_gateway_id, .interface = (in)->network_interface_id,                                  \
        .endpoint = (in)->vpc_endpoint_id, .egress = (in)->egress_only_internet_gateway_id,                            \
        .unsupported = first_unsupported(                                                                              \
            (const slice[]){(in)->transit_gateway_id, (in)->local_gateway_id, (in)->carrier_gateway_id,                \
                            (in)->core_network_arn, (in)->instance_id, (in)->vpc_peering_connection_id},               \
            (const char *const[]){"transitGatewayId", "localGatewayId", "carrierGatewayId", "coreNetworkArn",          \
                                  "instanceId", "vpcPeeringConnectionId"},                                             \
            6),                                                                                                        \
    }

static int check_destination(struct call *c, struct order *order)
{
    struct cidr range;
    int given = (order->cidr.ptr != NULL) + (order->cidr6.ptr != NULL) + (order->prefix_list.ptr != NULL);
    if (given == 0)
        return common_missing(c, "destinationCidrBlock");
    if (given > 1)
        return fail(c, &ec2_invalid_parameter_combination, "Only one destination can be specified.");
    if (order->prefix_list.ptr) {
        struct resource resource;
        struct ec2_managed_prefix_list list = {0};
        return resource_get(c, KIND_PREFIX_LIST, order->prefix_list, &resource, &list);
    }
    if (order->cidr6.ptr) {
        slice text = cidr_canonical6(c->arena, order->cidr6);
        if (!text.ptr)
            return fail(
                c, &ec2_invalid_parameter_value,
                "Value (%.*s) for parameter destinationIpv6CidrBlock is invalid. This is not a valid CIDR block.",
                SLICE_ARG(order->cidr6));
        order->cidr6 = text;
        return 0;
    }
    if (!cidr_parse(order->cidr, &range))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.",
                    SLICE_ARG(order->cidr));
    order->cidr = cidr_text(c->arena, cidr_canonical(range));
    return 0;
}

static int check_interface(struct call *c, slice id)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    return resource_get(c, KIND_NETWORK_INTERFACE, id, &resource, &interface);
}

static int check_egress(struct call *c, const struct ec2_route_table *table, const struct order *order)
{
    struct resource resource;
    struct ec2_egress_only_internet_gateway gateway = {0};
    TRY(resource_get(c, KIND_EGRESS_ONLY_GATEWAY, order->egress, &resource, &gateway));
    if (!slice_eq(gateway.attachments.items[0].vpc_id, table->vpc_id))
        return fail(c, &ec2_invalid_parameter_value,
                    "route table %.*s and network gateway %.*s belong to different networks",
                    SLICE_ARG(table->route_table_id), SLICE_ARG(order->egress));
    if (order->cidr.ptr)
        return fail(c, &ec2_invalid_parameter_combination,
                    "An egress-only internet gateway can be the target of IPv6 destinations only.");
    return 0;
}

static int check_target(struct call *c, const struct ec2_route_table *table, const struct order *order)
{
    struct resource resource;
    int given = (order->gateway.ptr != NULL) + (order->nat_gateway.ptr != NULL) + (order->interface.ptr != NULL) +
                (order->endpoint.ptr != NULL) + (order->egress.ptr != NULL) + order->local;
    if (order->unsupported.ptr)
        return fail(c, &ec2_unsupported_operation, "Routes to a target named by %.*s are not supported.",
                    SLICE_ARG(order->unsupported));
    if (given == 0)
        return fail(c, &ec2_missing_parameter, "The request must contain exactly one target for the route.");
    if (given > 1)
        return fail(c, &ec2_invalid_parameter_combination, "Only one target can be specified for a route.");
    if (order->nat_gateway.ptr) {
        struct ec2_nat_gateway nat = {0};
        return resource_get(c, KIND_NAT_GATEWAY, order->nat_gateway, &resource, &nat);
    }
    if (order->egress.ptr)
        return check_egress(c, table, order);
    if (order->interface.ptr)
        return check_interface(c, order->interface);
    if (order->endpoint.ptr) {
        struct ec2_vpc_endpoint endpoint = {0};
        return resource_get(c, KIND_VPC_ENDPOINT, order->endpoint, &resource, &endpoint);
    }
    if (order->local || slice_eq(order->gateway, S("local")))
        return 0;
    struct ec2_internet_gateway gateway = {0};
    TRY(resource_get(c, KIND_INTERNET_GATEWAY, order->gateway, &resource, &gateway));
    if (gateway.attachments.len == 0 || !slice_eq(gateway.attachments.items[0].vpc_id, table->vpc_id))
        return fail(c, &ec2_invalid_parameter_value,
                    "route table %.*s and network gateway %.*s belong to different networks",
                    SLICE_ARG(table->route_table_id), SLICE_ARG(order->gateway));
    return 0;
}

static void set_target(struct call *c, const struct order *order, struct ec2_route *route)
{
    route->gateway_id = order->local ? S("local") : order->endpoint.ptr ? order->endpoint : order->gateway;
    route->nat_gateway_id = order->nat_gateway;
    route->egress_only_internet_gateway_id = order->egress;
    route->network_interface_id = order->interface;
    route->instance_owner_id = order->interface.ptr ? c->account : (slice){NULL, 0};
    route->state = S("active");
}

static struct ec2_route *find(struct ec2_route_table *table, slice cidr, slice cidr6, slice prefix_list)
{
    list_foreach (route, &table->routes) {
        if ((cidr.ptr && slice_eq(route->destination_cidr_block, cidr)) ||
            (cidr6.ptr && slice_eq(route->destination_ipv6_cidr_block, cidr6)) ||
            (prefix_list.ptr && slice_eq(route->destination_prefix_list_id, prefix_list)))
            return route;
    }
    return NULL;
}

static slice destination_of(const struct order *order)
{
    return order->cidr.ptr ? order->cidr : order->cidr6.ptr ? order->cidr6 : order->prefix_list;
}

int ec2_create_route(struct call *c, const struct ec2_create_route_in *in, struct ec2_create_route_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    struct order order = ORDER_OF(in);
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &resource, &table));
    TRY(check_destination(c, &order));
    TRY(check_target(c, &table, &order));
    if (find(&table, order.cidr, order.cidr6, order.prefix_list))
        return fail(c, &ec2_route_already_exists, "The route identified by %.*s already exists.",
                    SLICE_ARG(destination_of(&order)));
    TRY(common_dry_run(c, in->dry_run));
    struct ec2_route *route = list_add(c->arena, &table.routes);
    route->destination_cidr_block = order.cidr;
    route->destination_ipv6_cidr_block = order.cidr6;
    route->destination_prefix_list_id = order.prefix_list;
    route->origin = S("CreateRoute");
    set_target(c, &order, route);
    resource_save(c, &resource, &table);
    out->return_ = opt_bool(true);
    return 0;
}

static int refuse_missing(struct call *c, const struct ec2_route_table *table, slice destination)
{
    return fail(c, &ec2_invalid_route_not_found, "no route with destination-cidr-block %.*s in route table %.*s",
                SLICE_ARG(destination), SLICE_ARG(table->route_table_id));
}

int ec2_replace_route(struct call *c, const struct ec2_replace_route_in *in, struct ec2_replace_route_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    struct order order = ORDER_OF(in);
    (void)out;
    order.local = opt_bool_or(in->local_target, false);
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &resource, &table));
    TRY(check_destination(c, &order));
    TRY(check_target(c, &table, &order));
    struct ec2_route *route = find(&table, order.cidr, order.cidr6, order.prefix_list);
    if (!route)
        return refuse_missing(c, &table, destination_of(&order));
    TRY(common_dry_run(c, in->dry_run));
    set_target(c, &order, route);
    resource_save(c, &resource, &table);
    return 0;
}

int ec2_delete_route(struct call *c, const struct ec2_delete_route_in *in, struct ec2_delete_route_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    struct order order = {.cidr = in->destination_cidr_block,
                          .cidr6 = in->destination_ipv6_cidr_block,
                          .prefix_list = in->destination_prefix_list_id};
    (void)out;
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &resource, &table));
    TRY(check_destination(c, &order));
    struct ec2_route *route = find(&table, order.cidr, order.cidr6, order.prefix_list);
    if (!route)
        return refuse_missing(c, &table, destination_of(&order));
    if (slice_eq(route->origin, S("CreateRouteTable")))
        return fail(c, &ec2_invalid_parameter_value, "cannot remove local route %.*s in route table %.*s",
                    SLICE_ARG(destination_of(&order)), SLICE_ARG(table.route_table_id));
    TRY(common_dry_run(c, in->dry_run));
    size_t at = (size_t)(route - table.routes.items);
    memmove(route, route + 1, (table.routes.len - at - 1) * sizeof(*route));
    table.routes.len--;
    resource_save(c, &resource, &table);
    return 0;
}
