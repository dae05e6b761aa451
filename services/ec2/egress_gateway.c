/* egress_gateway: egress-only internet gateways, which let a VPC's IPv6 traffic out and none in. */
#include "services/ec2/ec2.h"

int ec2_create_egress_only_internet_gateway(struct call *c, const struct ec2_create_egress_only_internet_gateway_in *in,
                                            struct ec2_create_egress_only_internet_gateway_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    slice former;
    struct ec2_egress_only_internet_gateway *gateway = out->egress_only_internet_gateway =
        arena_alloc(c->arena, sizeof(*gateway));
    out->client_token = in->client_token;
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_EGRESS_ONLY_GATEWAY, former, &resource, gateway);
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    TRY(common_tags(c, KIND_EGRESS_ONLY_GATEWAY, &in->tag_specifications, &gateway->tags));
    TRY(common_dry_run(c, in->dry_run));
    resource = (struct resource){.kind = KIND_EGRESS_ONLY_GATEWAY, .id = resource_new_id(c, KIND_EGRESS_ONLY_GATEWAY)};
    gateway->egress_only_internet_gateway_id = resource.id;
    gateway->tags.set = true;
    struct ec2_internet_gateway_attachment *attachment = list_add(c->arena, &gateway->attachments);
    attachment->state = S("attached");
    attachment->vpc_id = vpc.vpc_id;
    resource_save(c, &resource, gateway);
    common_remember(c, in->client_token, c->operation->in, in, resource.id);
    return 0;
}

int ec2_describe_egress_only_internet_gateways(struct call *c,
                                               const struct ec2_describe_egress_only_internet_gateways_in *in,
                                               struct ec2_describe_egress_only_internet_gateways_out *out)
{
    struct listing listing = {.kind = KIND_EGRESS_ONLY_GATEWAY,
                              .ids = &in->egress_only_internet_gateway_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->egress_only_internet_gateways, &out->next_token);
}

/* Routes outlive their gateway, and lead nowhere. */
static void blacken_routes(struct call *c, slice vpc_id, slice gateway_id)
{
    struct resource_list tables = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_ROUTE_TABLE);
    list_foreach (resource, &tables) {
        struct ec2_route_table table = {0};
        bool changed = false;
        resource_read(c, resource, &table);
        list_foreach (route, &table.routes) {
            if (slice_eq(route->egress_only_internet_gateway_id, gateway_id)) {
                route->state = S("blackhole");
                changed = true;
            }
        }
        if (changed)
            resource_save(c, resource, &table);
    }
}

int ec2_delete_egress_only_internet_gateway(struct call *c, const struct ec2_delete_egress_only_internet_gateway_in *in,
                                            struct ec2_delete_egress_only_internet_gateway_out *out)
{
    struct resource resource;
    struct ec2_egress_only_internet_gateway gateway = {0};
    TRY(resource_get(c, KIND_EGRESS_ONLY_GATEWAY, in->egress_only_internet_gateway_id, &resource, &gateway));
    TRY(common_dry_run(c, in->dry_run));
    blacken_routes(c, gateway.attachments.items[0].vpc_id, gateway.egress_only_internet_gateway_id);
    resource_delete(c, &resource);
    out->return_code = opt_bool(true);
    return 0;
}
