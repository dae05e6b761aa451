/* nat: NAT gateways: each has an interface in its subnet, public ones an Elastic IP address on it. */
#include "services/ec2/ec2.h"

static struct ec2_nat_gateway_address *add_address(struct call *c, struct ec2_nat_gateway *nat,
                                                   const struct ec2_network_interface *interface, slice private_ip,
                                                   bool primary)
{
    struct ec2_nat_gateway_address *address = list_add(c->arena, &nat->nat_gateway_addresses);
    address->network_interface_id = interface->network_interface_id;
    address->private_ip = private_ip;
    address->is_primary = opt_bool(primary);
    address->status = S("succeeded");
    return address;
}

static int associate(struct call *c, slice allocation_id, struct ec2_network_interface *interface, slice private_ip,
                     struct ec2_nat_gateway_address *shown)
{
    struct resource resource;
    struct ec2_network_interface stored = {0};
    struct ec2_address address = {0};
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, interface->network_interface_id, &resource, &stored));
    TRY(address_associate(c, allocation_id, &resource, &stored, private_ip, &address));
    shown->allocation_id = allocation_id;
    shown->association_id = address.association_id;
    shown->public_ip = address.public_ip;
    return 0;
}

static int check(struct call *c, const struct ec2_create_nat_gateway_in *in, bool public, struct ec2_subnet *subnet)
{
    struct resource resource;
    struct ec2_address address = {0};
    if (!in->subnet_id.ptr)
        return common_missing(c, "subnetId");
    TRY(resource_get(c, KIND_SUBNET, in->subnet_id, &resource, subnet));
    if (public && !in->allocation_id.ptr)
        return common_missing(c, "AllocationId");
    if (!public && in->allocation_id.ptr)
        return fail(c, &ec2_invalid_parameter, "Private NAT gateways can't have an Elastic IP address.");
    if (!public)
        return 0;
    TRY(resource_get(c, KIND_ADDRESS, in->allocation_id, &resource, &address));
    if (address.association_id.ptr)
        return fail(c, &ec2_resource_already_associated, "resource %.*s is already associated with associate-id %.*s",
                    SLICE_ARG(in->allocation_id), SLICE_ARG(address.association_id));
    return 0;
}

int ec2_create_nat_gateway(struct call *c, const struct ec2_create_nat_gateway_in *in,
                           struct ec2_create_nat_gateway_out *out)
{
    struct resource resource = {.kind = KIND_NAT_GATEWAY};
    struct ec2_subnet subnet = {0};
    struct ec2_network_interface interface = {0};
    struct ec2_nat_gateway *nat = out->nat_gateway = arena_alloc(c->arena, sizeof(*nat));
    bool public = !slice_eq(in->connectivity_type, S("private"));
    slice former;
    out->client_token = in->client_token;
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_NAT_GATEWAY, former, &resource, nat);
    TRY(check(c, in, public, &subnet));
    TRY(common_tags(c, KIND_NAT_GATEWAY, &in->tag_specifications, &nat->tags));
    TRY(common_dry_run(c, in->dry_run));
    resource.id = nat->nat_gateway_id = resource_new_id(c, KIND_NAT_GATEWAY);
    struct interface_order order = {.subnet = &subnet,
                                    .type = S("nat_gateway"),
                                    .address = in->private_ip_address,
                                    .description = arena_concat(c->arena, S("Interface for NAT Gateway "), resource.id),
                                    .requester = c->account};
    TRY(interface_make(c, &order, &interface));
    nat->create_time = opt_int(c->now_ms);
    nat->state = S("available");
    nat->subnet_id = subnet.subnet_id;
    nat->vpc_id = subnet.vpc_id;
    nat->connectivity_type = public ? S("public") : S("private");
    struct ec2_nat_gateway_address *address = add_address(c, nat, &interface, interface.private_ip_address, true);
    if (public)
        TRY(associate(c, in->allocation_id, &interface, (slice){NULL, 0}, address));
    resource_save(c, &resource, nat);
    common_remember(c, in->client_token, c->operation->in, in, resource.id);
    nat->state = S("pending");
    return 0;
}

int ec2_describe_nat_gateways(struct call *c, const struct ec2_describe_nat_gateways_in *in,
                              struct ec2_describe_nat_gateways_out *out)
{
    struct listing listing = {.kind = KIND_NAT_GATEWAY,
                              .ids = &in->nat_gateway_ids,
                              .filters = &in->filter,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run,
                              .gone_too = true};
    return listing_run(c, &listing, &out->nat_gateways, &out->next_token);
}

int ec2_delete_nat_gateway(struct call *c, const struct ec2_delete_nat_gateway_in *in,
                           struct ec2_delete_nat_gateway_out *out)
{
    struct resource resource, interface_resource;
    struct ec2_nat_gateway nat = {0};
    struct ec2_network_interface interface = {0};
    TRY(resource_get(c, KIND_NAT_GATEWAY, in->nat_gateway_id, &resource, &nat));
    TRY(common_dry_run(c, in->dry_run));
    if (nat.nat_gateway_addresses.len > 0 &&
        resource_find(c, KIND_NETWORK_INTERFACE, nat.nat_gateway_addresses.items[0].network_interface_id,
                      &interface_resource, &interface))
        interface_remove(c, &interface_resource);
    nat.state = S("deleted");
    nat.delete_time = opt_int(c->now_ms);
    resource_end(c, &resource, &nat);
    out->nat_gateway_id = nat.nat_gateway_id;
    return 0;
}

/* The gateway with its interface and subnet, for changes of its addresses. */
struct opened {
    struct resource resource, interface_resource;
    struct ec2_nat_gateway nat;
    struct ec2_network_interface interface;
    struct ec2_subnet subnet;
};

static int open_nat(struct call *c, slice id, bool public, struct opened *opened)
{
    struct resource subnet_resource;
    *opened = (struct opened){0};
    TRY(resource_get(c, KIND_NAT_GATEWAY, id, &opened->resource, &opened->nat));
    if (slice_eq(opened->nat.connectivity_type, S("public")) != public)
        return fail(c, &ec2_invalid_parameter, "This operation is only for %s NAT gateways.",
                    public ? "public" : "private");
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, opened->nat.nat_gateway_addresses.items[0].network_interface_id,
                     &opened->interface_resource, &opened->interface));
    return resource_get(c, KIND_SUBNET, opened->nat.subnet_id, &subnet_resource, &opened->subnet);
}

static int add_private(struct call *c, struct opened *opened, slice wanted, slice *taken)
{
    TRY(addresses_take(c, &opened->subnet, wanted, opened->interface.network_interface_id, taken));
    struct ec2_network_interface_private_ip_address *shown =
        list_add(c->arena, &opened->interface.private_ip_addresses);
    shown->primary = opt_bool(false);
    shown->private_ip_address = *taken;
    shown->private_dns_name = interface_dns_name(c, *taken);
    resource_save(c, &opened->interface_resource, &opened->interface);
    return 0;
}

int ec2_assign_private_nat_gateway_address(struct call *c, const struct ec2_assign_private_nat_gateway_address_in *in,
                                           struct ec2_assign_private_nat_gateway_address_out *out)
{
    struct opened opened;
    slice address;
    int64_t count = opt_int_or(in->private_ip_address_count, 0);
    TRY(open_nat(c, in->nat_gateway_id, false, &opened));
    if (in->private_ip_addresses.len == 0 && count < 1)
        return common_missing(c, "privateIpAddress");
    TRY(common_dry_run(c, in->dry_run));
    out->nat_gateway_id = in->nat_gateway_id;
    size_t wanted = in->private_ip_addresses.len > 0 ? in->private_ip_addresses.len : (size_t)count;
    for (size_t i = 0; i < wanted; i++) {
        slice one = in->private_ip_addresses.len > 0 ? in->private_ip_addresses.items[i] : (slice){NULL, 0};
        TRY(add_private(c, &opened, one, &address));
        *list_add(c->arena, &out->nat_gateway_addresses) =
            *add_address(c, &opened.nat, &opened.interface, address, false);
    }
    resource_save(c, &opened.resource, &opened.nat);
    return 0;
}

/* The position of the gateway's address with that private address or association; len when there is none. */
static size_t find_address(const struct ec2_nat_gateway *nat, slice private_ip, slice association_id)
{
    size_t i = 0;
    while (i < nat->nat_gateway_addresses.len) {
        const struct ec2_nat_gateway_address *address = &nat->nat_gateway_addresses.items[i];
        if ((private_ip.ptr && slice_eq(address->private_ip, private_ip)) ||
            (association_id.ptr && slice_eq(address->association_id, association_id)))
            break;
        i++;
    }
    return i;
}

/* Takes a secondary address away, with whatever was associated with it. */
static void remove_address(struct call *c, struct opened *opened, size_t at)
{
    struct ec2_nat_gateway_address *address = &opened->nat.nat_gateway_addresses.items[at];
    address_release_association(c, address->association_id);
    addresses_release_one(c, opened->subnet.subnet_id, address->private_ip);
    struct resource resource;
    struct ec2_network_interface interface = {0};
    if (resource_find(c, KIND_NETWORK_INTERFACE, address->network_interface_id, &resource, &interface)) {
        for (size_t i = 1; i < interface.private_ip_addresses.len; i++) {
            struct ec2_network_interface_private_ip_address *one = &interface.private_ip_addresses.items[i];
            if (!slice_eq(one->private_ip_address, address->private_ip))
                continue;
            memmove(one, one + 1, (interface.private_ip_addresses.len - i - 1) * sizeof(*one));
            interface.private_ip_addresses.len--;
        }
        resource_save(c, &resource, &interface);
    }
    memmove(address, address + 1, (opened->nat.nat_gateway_addresses.len - at - 1) * sizeof(*address));
    opened->nat.nat_gateway_addresses.len--;
}

static int refuse_address(struct call *c, slice what)
{
    return fail(c, &ec2_invalid_parameter_value, "'%.*s' is not a secondary address of the NAT gateway.",
                SLICE_ARG(what));
}

int ec2_unassign_private_nat_gateway_address(struct call *c,
                                             const struct ec2_unassign_private_nat_gateway_address_in *in,
                                             struct ec2_unassign_private_nat_gateway_address_out *out)
{
    struct opened opened;
    TRY(open_nat(c, in->nat_gateway_id, false, &opened));
    TRY(common_dry_run(c, in->dry_run));
    out->nat_gateway_id = in->nat_gateway_id;
    list_foreach (ip, &in->private_ip_addresses) {
        size_t at = find_address(&opened.nat, *ip, (slice){NULL, 0});
        if (at == 0 || at >= opened.nat.nat_gateway_addresses.len)
            return refuse_address(c, *ip);
        struct ec2_nat_gateway_address *shown = list_add(c->arena, &out->nat_gateway_addresses);
        *shown = opened.nat.nat_gateway_addresses.items[at];
        shown->status = S("unassigning");
        remove_address(c, &opened, at);
    }
    resource_save(c, &opened.resource, &opened.nat);
    return 0;
}

int ec2_associate_nat_gateway_address(struct call *c, const struct ec2_associate_nat_gateway_address_in *in,
                                      struct ec2_associate_nat_gateway_address_out *out)
{
    struct opened opened;
    TRY(open_nat(c, in->nat_gateway_id, true, &opened));
    if (in->allocation_ids.len == 0)
        return common_missing(c, "allocationId");
    TRY(common_dry_run(c, in->dry_run));
    out->nat_gateway_id = in->nat_gateway_id;
    for (size_t i = 0; i < in->allocation_ids.len; i++) {
        slice private_ip,
            wanted = i < in->private_ip_addresses.len ? in->private_ip_addresses.items[i] : (slice){NULL, 0};
        TRY(open_nat(c, in->nat_gateway_id, true, &opened));
        TRY(add_private(c, &opened, wanted, &private_ip));
        struct ec2_nat_gateway_address *address = add_address(c, &opened.nat, &opened.interface, private_ip, false);
        TRY(associate(c, in->allocation_ids.items[i], &opened.interface, private_ip, address));
        *list_add(c->arena, &out->nat_gateway_addresses) = *address;
        resource_save(c, &opened.resource, &opened.nat);
    }
    return 0;
}

int ec2_disassociate_nat_gateway_address(struct call *c, const struct ec2_disassociate_nat_gateway_address_in *in,
                                         struct ec2_disassociate_nat_gateway_address_out *out)
{
    struct opened opened;
    TRY(open_nat(c, in->nat_gateway_id, true, &opened));
    TRY(common_dry_run(c, in->dry_run));
    out->nat_gateway_id = in->nat_gateway_id;
    list_foreach (id, &in->association_ids) {
        size_t at = find_address(&opened.nat, (slice){NULL, 0}, *id);
        if (at == 0 || at >= opened.nat.nat_gateway_addresses.len)
            return refuse_address(c, *id);
        struct ec2_nat_gateway_address *shown = list_add(c->arena, &out->nat_gateway_addresses);
        *shown = opened.nat.nat_gateway_addresses.items[at];
        shown->status = S("disassociating");
        remove_address(c, &opened, at);
    }
    resource_save(c, &opened.resource, &opened.nat);
    return 0;
}
