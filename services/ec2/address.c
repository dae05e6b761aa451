/* address: Elastic IP addresses and what they are associated with. */
#include "services/ec2/ec2.h"

#include "common/ids.h"
#include "common/page.h"

static slice new_public_ip(struct call *c)
{
    for (;;) {
        uint8_t b[3];
        ids_bytes(b, sizeof(b));
        slice ip = arena_printf(c->arena, "54.%d.%d.%d", 160 + b[0] % 64, b[1], 1 + b[2] % 254);
        if (!resource_with(c, KIND_ADDRESS, "public-ip", ip).ptr)
            return ip;
    }
}

int ec2_allocate_address(struct call *c, const struct ec2_allocate_address_in *in, struct ec2_allocate_address_out *out)
{
    struct resource resource = {.kind = KIND_ADDRESS, .id = resource_new_id(c, KIND_ADDRESS)};
    struct ec2_address address = {.allocation_id = resource.id,
                                  .domain = S("vpc"),
                                  .public_ipv4_pool = S("amazon"),
                                  .network_border_group = c->region};
    if (in->public_ipv4_pool.ptr && !slice_eq(in->public_ipv4_pool, S("amazon")))
        return fail(c, &ec2_invalid_parameter_value, "The pool '%.*s' does not exist.",
                    SLICE_ARG(in->public_ipv4_pool));
    TRY(common_tags(c, KIND_ADDRESS, &in->tag_specifications, &address.tags));
    TRY(common_dry_run(c, in->dry_run));
    address.public_ip = in->address.ptr ? in->address : new_public_ip(c);
    resource_save(c, &resource, &address);
    out->allocation_id = address.allocation_id;
    out->public_ip = address.public_ip;
    out->domain = address.domain;
    out->public_ipv4_pool = address.public_ipv4_pool;
    out->network_border_group = address.network_border_group;
    return 0;
}

/* By allocation id or public address. */
static int get(struct call *c, slice allocation_id, slice public_ip, struct resource *resource,
               struct ec2_address *address)
{
    if (allocation_id.ptr)
        return resource_get(c, KIND_ADDRESS, allocation_id, resource, address);
    if (!public_ip.ptr)
        return fail(c, &ec2_missing_parameter, "Either public IP or allocation id must be specified");
    slice id = resource_with(c, KIND_ADDRESS, "public-ip", public_ip);
    if (!id.ptr)
        return fail(c, &ec2_invalid_address_not_found, "Address '%.*s' not found.", SLICE_ARG(public_ip));
    return resource_get(c, KIND_ADDRESS, id, resource, address);
}

int ec2_describe_addresses(struct call *c, const struct ec2_describe_addresses_in *in,
                           struct ec2_describe_addresses_out *out)
{
    struct ec2_allocation_id_list ids = in->allocation_ids;
    struct slice_list named = {0};
    list_foreach (ip, &in->public_ips) {
        slice id = resource_with(c, KIND_ADDRESS, "public-ip", *ip);
        if (!id.ptr)
            return fail(c, &ec2_invalid_address_not_found, "Address '%.*s' not found.", SLICE_ARG(*ip));
        *list_add(c->arena, &named) = id;
    }
    struct listing listing = {.kind = KIND_ADDRESS,
                              .ids = named.len > 0 ? (const void *)&named : &ids,
                              .filters = &in->filters,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->addresses, NULL);
}

/* The only attribute is the domain name, and no address has one. */
int ec2_describe_addresses_attribute(struct call *c, const struct ec2_describe_addresses_attribute_in *in,
                                     struct ec2_describe_addresses_attribute_out *out)
{
    struct ec2_address_list addresses = {0};
    struct listing listing = {.kind = KIND_ADDRESS,
                              .ids = &in->allocation_ids,
                              .max_results = in->allocation_ids.len > 0 ? (struct opt_int){0} : in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    TRY(listing_run(c, &listing, &addresses, &out->next_token));
    out->addresses.set = true;
    list_foreach (address, &addresses) {
        struct ec2_address_attribute *shown = list_add(c->arena, &out->addresses);
        shown->public_ip = address->public_ip;
        shown->allocation_id = address->allocation_id;
    }
    return 0;
}

static struct ec2_network_interface_association *association_of(struct call *c, const struct ec2_address *address)
{
    struct ec2_network_interface_association *association = arena_alloc(c->arena, sizeof(*association));
    association->allocation_id = address->allocation_id;
    association->association_id = address->association_id;
    association->ip_owner_id = c->account;
    association->public_ip = address->public_ip;
    association->public_dns_name = S("");
    return association;
}

int address_associate(struct call *c, slice allocation_id, struct resource *interface_resource,
                      struct ec2_network_interface *interface, slice private_ip, struct ec2_address *address)
{
    struct resource resource;
    struct ec2_network_interface_private_ip_address *place = NULL;
    TRY(resource_get(c, KIND_ADDRESS, allocation_id, &resource, address));
    if (address->association_id.ptr)
        return fail(c, &ec2_resource_already_associated, "resource %.*s is already associated with associate-id %.*s",
                    SLICE_ARG(allocation_id), SLICE_ARG(address->association_id));
    slice wanted = private_ip.ptr ? private_ip : interface->private_ip_address;
    list_foreach (one, &interface->private_ip_addresses) {
        if (slice_eq(one->private_ip_address, wanted))
            place = one;
    }
    if (!place)
        return fail(c, &ec2_invalid_parameter_value, "The private address %.*s is not assigned to interface %.*s",
                    SLICE_ARG(wanted), SLICE_ARG(interface->network_interface_id));
    address->association_id = resource_new_part_id(c, "eipassoc");
    address->network_interface_id = interface->network_interface_id;
    address->network_interface_owner_id = c->account;
    address->private_ip_address = wanted;
    place->association = association_of(c, address);
    if (opt_bool_or(place->primary, false))
        interface->association = place->association;
    resource_save(c, &resource, address);
    resource_save(c, interface_resource, interface);
    return 0;
}

static void dissociate(struct call *c, struct resource *resource, struct ec2_address *address)
{
    struct resource interface_resource;
    struct ec2_network_interface interface = {0};
    if (resource_find(c, KIND_NETWORK_INTERFACE, address->network_interface_id, &interface_resource, &interface)) {
        list_foreach (one, &interface.private_ip_addresses) {
            if (one->association && slice_eq(one->association->allocation_id, address->allocation_id))
                one->association = NULL;
        }
        if (interface.association && slice_eq(interface.association->allocation_id, address->allocation_id))
            interface.association = NULL;
        resource_save(c, &interface_resource, &interface);
    }
    address->association_id = address->network_interface_id = address->network_interface_owner_id =
        address->private_ip_address = (slice){NULL, 0};
    resource_save(c, resource, address);
}

void address_forget_interface(struct call *c, slice interface_id)
{
    for (;;) {
        struct resource resource;
        struct ec2_address address = {0};
        slice id = resource_with(c, KIND_ADDRESS, "network-interface-id", interface_id);
        if (!id.ptr || !resource_find(c, KIND_ADDRESS, id, &resource, &address))
            return;
        address.network_interface_id = S("");
        dissociate(c, &resource, &address);
    }
}

void address_release_association(struct call *c, slice association_id)
{
    struct resource resource;
    struct ec2_address address = {0};
    slice id = association_id.ptr ? resource_with(c, KIND_ADDRESS, "association-id", association_id) : association_id;
    if (id.ptr && resource_find(c, KIND_ADDRESS, id, &resource, &address))
        dissociate(c, &resource, &address);
}

int ec2_associate_address(struct call *c, const struct ec2_associate_address_in *in,
                          struct ec2_associate_address_out *out)
{
    struct resource resource, interface_resource;
    struct ec2_address address = {0};
    struct ec2_network_interface interface = {0};
    TRY(get(c, in->allocation_id, in->public_ip, &resource, &address));
    if (in->instance_id.ptr)
        return fail(c, &ec2_invalid_instance_id_not_found, "The instance ID '%.*s' does not exist",
                    SLICE_ARG(in->instance_id));
    if (!in->network_interface_id.ptr)
        return fail(c, &ec2_missing_parameter, "Either 'InstanceId' or 'NetworkInterfaceId' must be specified");
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &interface_resource, &interface));
    TRY(common_dry_run(c, in->dry_run));
    if (address.association_id.ptr && opt_bool_or(in->allow_reassociation, true)) {
        dissociate(c, &resource, &address);
        interface = (struct ec2_network_interface){0};
        TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &interface_resource, &interface));
    }
    struct ec2_address associated = {0};
    TRY(address_associate(c, address.allocation_id, &interface_resource, &interface, in->private_ip_address,
                          &associated));
    out->association_id = associated.association_id;
    return 0;
}

/* The interfaces of NAT gateways are AWS's own. */
static bool is_of_nat_gateway(struct call *c, slice interface_id)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    return interface_id.ptr && resource_find(c, KIND_NETWORK_INTERFACE, interface_id, &resource, &interface) &&
           slice_eq(interface.interface_type, S("nat_gateway"));
}

int ec2_disassociate_address(struct call *c, const struct ec2_disassociate_address_in *in,
                             struct ec2_disassociate_address_out *out)
{
    struct resource resource;
    struct ec2_address address = {0};
    (void)out;
    if (in->association_id.ptr) {
        slice id = resource_with(c, KIND_ADDRESS, "association-id", in->association_id);
        if (!id.ptr || !resource_find(c, KIND_ADDRESS, id, &resource, &address))
            return fail(c, &ec2_invalid_association_id_not_found, "The association ID '%.*s' does not exist",
                        SLICE_ARG(in->association_id));
    } else
        TRY(get(c, (slice){NULL, 0}, in->public_ip, &resource, &address));
    if (is_of_nat_gateway(c, address.network_interface_id))
        return fail(c, &ec2_auth_failure, "You do not have permission to access the specified resource.");
    TRY(common_dry_run(c, in->dry_run));
    if (address.association_id.ptr)
        dissociate(c, &resource, &address);
    return 0;
}

int ec2_release_address(struct call *c, const struct ec2_release_address_in *in, struct ec2_release_address_out *out)
{
    struct resource resource;
    struct ec2_address address = {0};
    (void)out;
    TRY(get(c, in->allocation_id, in->public_ip, &resource, &address));
    if (address.association_id.ptr)
        return fail(c, &ec2_invalid_ip_address_in_use, "Address '%.*s' is in use.", SLICE_ARG(address.public_ip));
    TRY(common_dry_run(c, in->dry_run));
    resource_delete(c, &resource);
    return 0;
}
