/* interface: network interfaces, made by callers or for other services, with their addresses and groups. Public
 * addresses are in address.c. */
#include "services/ec2/ec2.h"

#include "common/ids.h"
#include "common/json.h"
#include "services/ec2/leniency.h"

enum { MAX_GROUPS = 5, MAX_DESCRIPTION = 255 };

slice interface_dns_name(struct call *c, slice address)
{
    slice a, b, d, rest;
    slice_cut(address, '.', &a, &rest);
    slice_cut(rest, '.', &b, &rest);
    slice_cut(rest, '.', &d, &rest);
    slice host =
        arena_printf(c->arena, "ip-%.*s-%.*s-%.*s-%.*s", SLICE_ARG(a), SLICE_ARG(b), SLICE_ARG(d), SLICE_ARG(rest));
    return slice_eq(c->region, S("us-east-1"))
               ? arena_concat(c->arena, host, S(".ec2.internal"))
               : arena_printf(c->arena, "%.*s.%.*s.compute.internal", SLICE_ARG(host), SLICE_ARG(c->region));
}

static struct ec2_network_interface_private_ip_address *
add_address(struct call *c, struct ec2_network_interface *interface, slice address, bool primary)
{
    struct ec2_network_interface_private_ip_address *shown = list_add(c->arena, &interface->private_ip_addresses);
    shown->primary = opt_bool(primary);
    shown->private_ip_address = address;
    shown->private_dns_name = interface_dns_name(c, address);
    return shown;
}

/* The groups by id, each in the interface's VPC; without any, the VPC's default group. */
static int set_groups(struct call *c, const struct slice_list *ids, struct ec2_network_interface *interface)
{
    struct ec2_security_group group;
    interface->groups = (struct ec2_group_identifier_list){.set = true};
    if (ids->len > MAX_GROUPS)
        return fail(c, &ec2_security_groups_per_interface_limit_exceeded,
                    "The maximum number of security groups per interface has been reached.");
    list_foreach (id, ids) {
        struct resource resource;
        group = (struct ec2_security_group){0};
        TRY(resource_get(c, KIND_SECURITY_GROUP, *id, &resource, &group));
        if (!slice_eq(group.vpc_id, interface->vpc_id))
            return fail(c, &ec2_invalid_parameter_value,
                        "You have specified two resources that belong to different networks.");
        struct ec2_group_identifier *shown = list_add(c->arena, &interface->groups);
        shown->group_id = group.group_id;
        shown->group_name = group.group_name;
    }
    if (ids->len == 0 && security_group_find_named(c, interface->vpc_id, S("default"), &group)) {
        struct ec2_group_identifier *shown = list_add(c->arena, &interface->groups);
        shown->group_id = group.group_id;
        shown->group_name = group.group_name;
    }
    return 0;
}

static void attach_to_requester(struct call *c, struct ec2_network_interface *interface)
{
    struct ec2_network_interface_attachment *attachment = arena_alloc(c->arena, sizeof(*attachment));
    interface->attachment = attachment;
    attachment->attachment_id = resource_new_part_id(c, "eni-attach");
    attachment->attach_time = opt_int(c->now_ms);
    attachment->delete_on_termination = opt_bool(false);
    attachment->device_index = opt_int(1);
    attachment->instance_owner_id = S("amazon-aws");
    attachment->status = S("attached");
    interface->status = S("in-use");
}

int interface_make(struct call *c, const struct interface_order *order, struct ec2_network_interface *interface)
{
    const struct ec2_subnet *subnet = order->subnet;
    struct resource resource = {.kind = KIND_NETWORK_INTERFACE, .id = resource_new_id(c, KIND_NETWORK_INTERFACE)};
    uint8_t mac[5];
    ids_bytes(mac, sizeof(mac));
    *interface = (struct ec2_network_interface){
        .network_interface_id = resource.id,
        .availability_zone = subnet->availability_zone,
        .availability_zone_id = subnet->availability_zone_id,
        .description = order->description.ptr ? order->description : S(""),
        .interface_type = order->type.ptr ? order->type : S("interface"),
        .mac_address = arena_printf(c->arena, "0a:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4]),
        .owner_id = c->account,
        .requester_id = order->requester,
        .requester_managed = opt_bool(order->requester.ptr != NULL),
        .source_dest_check = opt_bool(!slice_eq(order->type, S("nat_gateway"))),
        .status = S("available"),
        .subnet_id = subnet->subnet_id,
        .vpc_id = subnet->vpc_id,
        .tag_set = order->tags,
        .ipv6_addresses = {.set = true},
    };
    interface->tag_set.set = true;
    TRY(set_groups(c, &order->groups, interface));
    if (order->dry_run.set)
        TRY(common_dry_run(c, order->dry_run));
    TRY(addresses_take(c, subnet, order->address, resource.id, &interface->private_ip_address));
    interface->private_dns_name = interface_dns_name(c, interface->private_ip_address);
    add_address(c, interface, interface->private_ip_address, true);
    if (order->requester.ptr)
        attach_to_requester(c, interface);
    resource_save(c, &resource, interface);
    return 0;
}

static int add_secondary(struct call *c, const struct ec2_subnet *subnet, struct ec2_network_interface *interface,
                         slice wanted)
{
    slice address;
    TRY(addresses_take(c, subnet, wanted, interface->network_interface_id, &address));
    add_address(c, interface, address, false);
    return 0;
}

static int make_with_secondaries(struct call *c, const struct ec2_create_network_interface_in *in,
                                 struct interface_order *order, struct ec2_network_interface *interface)
{
    struct resource resource;
    list_foreach (address, &in->private_ip_addresses) {
        if (opt_bool_or(address->primary, false))
            order->address = address->private_ip_address;
    }
    TRY(interface_make(c, order, interface));
    list_foreach (address, &in->private_ip_addresses) {
        if (!opt_bool_or(address->primary, false))
            TRY(add_secondary(c, order->subnet, interface, address->private_ip_address));
    }
    for (int64_t n = opt_int_or(in->secondary_private_ip_address_count, 0); n > 0; n--)
        TRY(add_secondary(c, order->subnet, interface, (slice){NULL, 0}));
    struct ec2_network_interface stored = {0};
    if (resource_find(c, KIND_NETWORK_INTERFACE, interface->network_interface_id, &resource, &stored))
        resource_save(c, &resource, interface);
    return 0;
}

int ec2_create_network_interface(struct call *c, const struct ec2_create_network_interface_in *in,
                                 struct ec2_create_network_interface_out *out)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    slice former;
    out->network_interface = arena_alloc(c->arena, sizeof(*out->network_interface));
    out->client_token = in->client_token;
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_NETWORK_INTERFACE, former, &resource, out->network_interface);
    TRY(resource_get(c, KIND_SUBNET, in->subnet_id, &resource, &subnet));
    struct interface_order order = {.subnet = &subnet,
                                    .description = in->description,
                                    .type = in->interface_type,
                                    .address = in->private_ip_address,
                                    .groups = {in->groups.items, in->groups.len, true},
                                    .dry_run = in->dry_run};
    if (in->description.len > MAX_DESCRIPTION)
        return fail(c, &ec2_invalid_parameter_value, "The description exceeds the maximum length of %d characters.",
                    MAX_DESCRIPTION);
    TRY(common_tags(c, KIND_NETWORK_INTERFACE, &in->tag_specifications, &order.tags));
    TRY(make_with_secondaries(c, in, &order, out->network_interface));
    common_remember(c, in->client_token, c->operation->in, in, out->network_interface->network_interface_id);
    out->network_interface->status = S("pending");
    return 0;
}

int ec2_describe_network_interfaces(struct call *c, const struct ec2_describe_network_interfaces_in *in,
                                    struct ec2_describe_network_interfaces_out *out)
{
    struct listing listing = {.kind = KIND_NETWORK_INTERFACE,
                              .ids = &in->network_interface_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->network_interfaces, &out->next_token);
}

void interface_remove(struct call *c, const struct resource *resource)
{
    addresses_release(c, resource->id);
    address_forget_interface(c, resource->id);
    resource_delete(c, resource);
}

int ec2_delete_network_interface(struct call *c, const struct ec2_delete_network_interface_in *in,
                                 struct ec2_delete_network_interface_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    if (interface.attachment)
        return fail(c, &ec2_invalid_network_interface_in_use, "Network interface '%.*s' is currently in use.",
                    SLICE_ARG(interface.network_interface_id));
    TRY(common_dry_run(c, in->dry_run));
    interface_remove(c, &resource);
    return 0;
}

int ec2_modify_network_interface_attribute(struct call *c, const struct ec2_modify_network_interface_attribute_in *in,
                                           struct ec2_modify_network_interface_attribute_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    struct slice_list groups = {in->groups.items, in->groups.len, true};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    int given = (in->description != NULL) + (in->source_dest_check != NULL) + (in->attachment != NULL) +
                (in->groups.len > 0) + in->associate_public_ip_address.set;
    if (given == 0)
        return fail(c, &ec2_missing_parameter, "The request must contain an attribute to modify.");
    if (given > 1)
        return fail(c, &ec2_invalid_parameter_combination, "Only one attribute may be modified at a time.");
    if (in->description)
        interface.description = in->description->value.ptr ? in->description->value : S("");
    if (in->source_dest_check)
        interface.source_dest_check = in->source_dest_check->value;
    if (groups.len > 0)
        TRY(set_groups(c, &groups, &interface));
    if (in->attachment) {
        if (!interface.attachment || !slice_eq(interface.attachment->attachment_id, in->attachment->attachment_id))
            return fail(c, &ec2_invalid_attachment_id_not_found, "The attachment '%.*s' does not exist",
                        SLICE_ARG(in->attachment->attachment_id));
        interface.attachment->delete_on_termination = in->attachment->delete_on_termination;
    }
    if (in->associate_public_ip_address.set)
        return fail(c, &ec2_unsupported_operation, "associatePublicIpAddress can not be modified.");
    TRY(common_dry_run(c, in->dry_run));
    resource_save(c, &resource, &interface);
    return 0;
}

int ec2_describe_network_interface_attribute(struct call *c,
                                             const struct ec2_describe_network_interface_attribute_in *in,
                                             struct ec2_describe_network_interface_attribute_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    if (!in->attribute.ptr)
        return common_missing(c, "attribute");
    TRY(common_dry_run(c, in->dry_run));
    out->network_interface_id = interface.network_interface_id;
    if (slice_eq(in->attribute, S("description"))) {
        out->description = arena_alloc(c->arena, sizeof(*out->description));
        out->description->value = interface.description;
    } else if (slice_eq(in->attribute, S("sourceDestCheck"))) {
        out->source_dest_check = arena_alloc(c->arena, sizeof(*out->source_dest_check));
        out->source_dest_check->value = interface.source_dest_check;
    } else if (slice_eq(in->attribute, S("groupSet")))
        out->groups = interface.groups;
    else if (slice_eq(in->attribute, S("attachment")))
        out->attachment = interface.attachment;
    else
        out->associate_public_ip_address = opt_bool(false);
    return 0;
}

/* There are no instances to attach to. */
int ec2_attach_network_interface(struct call *c, const struct ec2_attach_network_interface_in *in,
                                 struct ec2_attach_network_interface_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    return fail(c, &ec2_invalid_instance_id_not_found, "The instance ID '%.*s' does not exist",
                SLICE_ARG(in->instance_id));
}

int ec2_detach_network_interface(struct call *c, const struct ec2_detach_network_interface_in *in,
                                 struct ec2_detach_network_interface_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    slice id = resource_with(c, KIND_NETWORK_INTERFACE, "attachment.attachment-id", in->attachment_id);
    (void)out;
    if (!id.ptr || !resource_find(c, KIND_NETWORK_INTERFACE, id, &resource, &interface))
        return fail(c, &ec2_invalid_attachment_id_not_found, "The attachment '%.*s' does not exist",
                    SLICE_ARG(in->attachment_id));
    return fail(c, &ec2_auth_failure, "You do not have permission to access the specified resource.");
}

int ec2_assign_private_ip_addresses(struct call *c, const struct ec2_assign_private_ip_addresses_in *in,
                                    struct ec2_assign_private_ip_addresses_out *out)
{
    struct resource resource, subnet_resource;
    struct ec2_network_interface interface = {0};
    struct ec2_subnet subnet = {0};
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    TRY(resource_get(c, KIND_SUBNET, interface.subnet_id, &subnet_resource, &subnet));
    int64_t count = opt_int_or(in->secondary_private_ip_address_count, 0);
    if (in->private_ip_addresses.len == 0 && count < 1)
        return fail(c, &ec2_missing_parameter,
                    "The request must contain either privateIpAddresses or secondaryPrivateIpAddressCount");
    size_t before = interface.private_ip_addresses.len;
    list_foreach (address, &in->private_ip_addresses)
        TRY(add_secondary(c, &subnet, &interface, *address));
    for (; in->private_ip_addresses.len == 0 && count > 0; count--)
        TRY(add_secondary(c, &subnet, &interface, (slice){NULL, 0}));
    resource_save(c, &resource, &interface);
    out->network_interface_id = interface.network_interface_id;
    for (size_t i = before; i < interface.private_ip_addresses.len; i++)
        list_add(c->arena, &out->assigned_private_ip_addresses)->private_ip_address =
            interface.private_ip_addresses.items[i].private_ip_address;
    return 0;
}

int ec2_unassign_private_ip_addresses(struct call *c, const struct ec2_unassign_private_ip_addresses_in *in,
                                      struct ec2_unassign_private_ip_addresses_out *out)
{
    struct resource resource;
    struct ec2_network_interface interface = {0};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_INTERFACE, in->network_interface_id, &resource, &interface));
    list_foreach (address, &in->private_ip_addresses) {
        bool found = false;
        for (size_t i = 1; i < interface.private_ip_addresses.len && !found; i++) {
            struct ec2_network_interface_private_ip_address *one = &interface.private_ip_addresses.items[i];
            if (!slice_eq(one->private_ip_address, *address))
                continue;
            memmove(one, one + 1, (interface.private_ip_addresses.len - i - 1) * sizeof(*one));
            interface.private_ip_addresses.len--;
            addresses_release_one(c, interface.subnet_id, *address);
            found = true;
        }
        if (!found)
            return fail(c, &ec2_invalid_parameter_value,
                        "Some of the specified addresses are not assigned to interface %.*s",
                        SLICE_ARG(interface.network_interface_id));
    }
    resource_save(c, &resource, &interface);
    return 0;
}
