/* gateway: internet gateways. */
#include "services/ec2/ec2.h"

static struct ec2_internet_gateway *make(struct call *c, struct resource *resource)
{
    struct ec2_internet_gateway *gateway = arena_alloc(c->arena, sizeof(*gateway));
    *resource = (struct resource){.kind = KIND_INTERNET_GATEWAY, .id = resource_new_id(c, KIND_INTERNET_GATEWAY)};
    gateway->internet_gateway_id = resource->id;
    gateway->owner_id = c->account;
    gateway->attachments.set = gateway->tags.set = true;
    return gateway;
}

static void attach(struct call *c, struct ec2_internet_gateway *gateway, slice vpc_id)
{
    struct ec2_internet_gateway_attachment *attachment = list_add(c->arena, &gateway->attachments);
    attachment->state = S("available");
    attachment->vpc_id = vpc_id;
}

slice gateway_make_attached(struct call *c, slice vpc_id)
{
    struct resource resource;
    struct ec2_internet_gateway *gateway = make(c, &resource);
    attach(c, gateway, vpc_id);
    resource_save(c, &resource, gateway);
    return resource.id;
}

int ec2_create_internet_gateway(struct call *c, const struct ec2_create_internet_gateway_in *in,
                                struct ec2_create_internet_gateway_out *out)
{
    struct resource resource;
    out->internet_gateway = make(c, &resource);
    TRY(common_tags(c, KIND_INTERNET_GATEWAY, &in->tag_specifications, &out->internet_gateway->tags));
    TRY(common_dry_run(c, in->dry_run));
    resource_save(c, &resource, out->internet_gateway);
    return 0;
}

int ec2_describe_internet_gateways(struct call *c, const struct ec2_describe_internet_gateways_in *in,
                                   struct ec2_describe_internet_gateways_out *out)
{
    struct listing listing = {.kind = KIND_INTERNET_GATEWAY,
                              .ids = &in->internet_gateway_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->internet_gateways, &out->next_token);
}

int ec2_attach_internet_gateway(struct call *c, const struct ec2_attach_internet_gateway_in *in,
                                struct ec2_attach_internet_gateway_out *out)
{
    struct resource resource, vpc_resource;
    struct ec2_internet_gateway gateway = {0};
    struct ec2_vpc vpc = {0};
    (void)out;
    TRY(resource_get(c, KIND_INTERNET_GATEWAY, in->internet_gateway_id, &resource, &gateway));
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &vpc_resource, &vpc));
    if (gateway.attachments.len > 0)
        return fail(c, &ec2_resource_already_associated, "resource %.*s is already attached to network %.*s",
                    SLICE_ARG(gateway.internet_gateway_id), SLICE_ARG(gateway.attachments.items[0].vpc_id));
    if (resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc.vpc_id, KIND_INTERNET_GATEWAY).len > 0)
        return fail(c, &ec2_invalid_parameter_value, "Network %.*s already has an internet gateway attached",
                    SLICE_ARG(vpc.vpc_id));
    TRY(common_dry_run(c, in->dry_run));
    attach(c, &gateway, vpc.vpc_id);
    resource_save(c, &resource, &gateway);
    return 0;
}

/* Public addresses reach the Internet through it. */
static bool has_public_addresses(struct call *c, slice vpc_id)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_NETWORK_INTERFACE);
    list_foreach (resource, &list) {
        struct ec2_network_interface interface = {0};
        resource_read(c, resource, &interface);
        if (interface.association)
            return true;
    }
    return false;
}

int ec2_detach_internet_gateway(struct call *c, const struct ec2_detach_internet_gateway_in *in,
                                struct ec2_detach_internet_gateway_out *out)
{
    struct resource resource, vpc_resource;
    struct ec2_internet_gateway gateway = {0};
    struct ec2_vpc vpc = {0};
    (void)out;
    TRY(resource_get(c, KIND_INTERNET_GATEWAY, in->internet_gateway_id, &resource, &gateway));
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &vpc_resource, &vpc));
    if (gateway.attachments.len == 0 || !slice_eq(gateway.attachments.items[0].vpc_id, vpc.vpc_id))
        return fail(c, &ec2_gateway_not_attached, "resource %.*s is not attached to network %.*s",
                    SLICE_ARG(gateway.internet_gateway_id), SLICE_ARG(vpc.vpc_id));
    if (has_public_addresses(c, vpc.vpc_id))
        return fail(c, &ec2_dependency_violation,
                    "Network %.*s has some mapped public address(es). Please unmap those public address(es) before "
                    "detaching the gateway.",
                    SLICE_ARG(vpc.vpc_id));
    TRY(common_dry_run(c, in->dry_run));
    gateway.attachments.len = 0;
    resource_save(c, &resource, &gateway);
    return 0;
}

int ec2_delete_internet_gateway(struct call *c, const struct ec2_delete_internet_gateway_in *in,
                                struct ec2_delete_internet_gateway_out *out)
{
    struct resource resource;
    struct ec2_internet_gateway gateway = {0};
    (void)out;
    TRY(resource_get(c, KIND_INTERNET_GATEWAY, in->internet_gateway_id, &resource, &gateway));
    if (gateway.attachments.len > 0)
        return fail(c, &ec2_dependency_violation, "The internetGateway '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(gateway.internet_gateway_id));
    TRY(common_dry_run(c, in->dry_run));
    resource_delete(c, &resource);
    return 0;
}
