/* route_table: route tables and their associations with subnets. Routes are in route.c. */
#include "services/ec2/ec2.h"

static struct ec2_route_table_association *add_association(struct call *c, struct ec2_route_table *table, bool main)
{
    struct ec2_route_table_association *association = list_add(c->arena, &table->associations);
    association->route_table_association_id = resource_new_part_id(c, "rtbassoc");
    association->route_table_id = table->route_table_id;
    association->main = opt_bool(main);
    association->association_state = arena_alloc(c->arena, sizeof(*association->association_state));
    association->association_state->state = S("associated");
    return association;
}

static void add_local_route(struct call *c, struct ec2_route_table *table, slice cidr)
{
    struct ec2_route *route = list_add(c->arena, &table->routes);
    route->destination_cidr_block = cidr;
    route->gateway_id = S("local");
    route->origin = S("CreateRouteTable");
    route->state = S("active");
}

static void make(struct call *c, const struct ec2_vpc *vpc, struct resource *resource, struct ec2_route_table *table)
{
    *resource = (struct resource){.kind = KIND_ROUTE_TABLE, .id = resource_new_id(c, KIND_ROUTE_TABLE)};
    table->route_table_id = resource->id;
    table->vpc_id = vpc->vpc_id;
    table->owner_id = c->account;
    table->associations.set = table->propagating_vgws.set = table->tags.set = true;
    list_foreach (association, &vpc->cidr_block_association_set)
        add_local_route(c, table, association->cidr_block);
}

void route_table_make_main(struct call *c, const struct ec2_vpc *vpc)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    make(c, vpc, &resource, &table);
    add_association(c, &table, true);
    resource_save(c, &resource, &table);
}

/* The association with that id, or NULL. */
static struct ec2_route_table_association *association_of(struct ec2_route_table *table, slice id)
{
    list_foreach (association, &table->associations) {
        if (slice_eq(association->route_table_association_id, id))
            return association;
    }
    return NULL;
}

static void drop(struct ec2_route_table *table, struct ec2_route_table_association *association)
{
    size_t at = (size_t)(association - table->associations.items);
    memmove(association, association + 1, (table->associations.len - at - 1) * sizeof(*association));
    table->associations.len--;
}

static bool find_main(struct call *c, slice vpc_id, struct resource *found, struct ec2_route_table *table)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_ROUTE_TABLE);
    list_foreach (resource, &list) {
        *table = (struct ec2_route_table){0};
        resource_read(c, resource, table);
        *found = *resource;
        list_foreach (association, &table->associations) {
            if (opt_bool_or(association->main, false))
                return true;
        }
    }
    return false;
}

void route_table_add_default_route(struct call *c, slice vpc_id, slice gateway_id)
{
    struct resource resource;
    struct ec2_route_table table;
    if (!find_main(c, vpc_id, &resource, &table))
        return;
    struct ec2_route *route = list_add(c->arena, &table.routes);
    route->destination_cidr_block = S("0.0.0.0/0");
    route->gateway_id = gateway_id;
    route->origin = S("CreateRoute");
    route->state = S("active");
    resource_save(c, &resource, &table);
}

void route_table_follow_cidr(struct call *c, slice vpc_id, slice cidr, bool added)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_ROUTE_TABLE);
    list_foreach (resource, &list) {
        struct ec2_route_table table = {0};
        resource_read(c, resource, &table);
        for (size_t i = 0; !added && i < table.routes.len; i++) {
            struct ec2_route *route = &table.routes.items[i];
            if (!slice_eq(route->destination_cidr_block, cidr) || !slice_eq(route->gateway_id, S("local")))
                continue;
            memmove(route, route + 1, (table.routes.len - i - 1) * sizeof(*route));
            table.routes.len--;
        }
        if (added)
            add_local_route(c, &table, cidr);
        resource_save(c, resource, &table);
    }
}

void route_table_forget_subnet(struct call *c, slice vpc_id, slice subnet_id)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_ROUTE_TABLE);
    list_foreach (resource, &list) {
        struct ec2_route_table table = {0};
        resource_read(c, resource, &table);
        for (size_t i = 0; i < table.associations.len; i++) {
            if (!slice_eq(table.associations.items[i].subnet_id, subnet_id))
                continue;
            drop(&table, &table.associations.items[i]);
            resource_save(c, resource, &table);
            return;
        }
    }
}

int ec2_create_route_table(struct call *c, const struct ec2_create_route_table_in *in,
                           struct ec2_create_route_table_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    slice former;
    out->route_table = arena_alloc(c->arena, sizeof(*out->route_table));
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_ROUTE_TABLE, former, &resource, out->route_table);
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    TRY(common_tags(c, KIND_ROUTE_TABLE, &in->tag_specifications, &out->route_table->tags));
    TRY(common_dry_run(c, in->dry_run));
    make(c, &vpc, &resource, out->route_table);
    resource_save(c, &resource, out->route_table);
    common_remember(c, in->client_token, c->operation->in, in, resource.id);
    return 0;
}

int ec2_describe_route_tables(struct call *c, const struct ec2_describe_route_tables_in *in,
                              struct ec2_describe_route_tables_out *out)
{
    struct listing listing = {.kind = KIND_ROUTE_TABLE,
                              .ids = &in->route_table_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->route_tables, &out->next_token);
}

int ec2_delete_route_table(struct call *c, const struct ec2_delete_route_table_in *in,
                           struct ec2_delete_route_table_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    (void)out;
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &resource, &table));
    if (table.associations.len > 0)
        return fail(c, &ec2_dependency_violation, "The routeTable '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(table.route_table_id));
    TRY(common_dry_run(c, in->dry_run));
    resource_delete(c, &resource);
    return 0;
}

/* The subnet must be in the table's VPC and have no table of its own yet. */
static int check_subnet(struct call *c, const struct ec2_route_table *table, slice subnet_id)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    TRY(resource_get(c, KIND_SUBNET, subnet_id, &resource, &subnet));
    if (!slice_eq(subnet.vpc_id, table->vpc_id))
        return fail(c, &ec2_invalid_parameter_value, "Route table %.*s and subnet %.*s belong to different networks",
                    SLICE_ARG(table->route_table_id), SLICE_ARG(subnet_id));
    slice other = resource_with(c, KIND_ROUTE_TABLE, "association.subnet-id", subnet_id);
    if (other.ptr)
        return fail(c, &ec2_resource_already_associated,
                    "the specified association for route table %.*s conflicts with an existing association",
                    SLICE_ARG(other));
    return 0;
}

static int check_gateway(struct call *c, const struct ec2_route_table *table, slice gateway_id)
{
    struct resource resource;
    struct ec2_internet_gateway gateway = {0};
    TRY(resource_get(c, KIND_INTERNET_GATEWAY, gateway_id, &resource, &gateway));
    if (gateway.attachments.len == 0 || !slice_eq(gateway.attachments.items[0].vpc_id, table->vpc_id))
        return fail(c, &ec2_invalid_parameter_value, "Route table %.*s and gateway %.*s belong to different networks",
                    SLICE_ARG(table->route_table_id), SLICE_ARG(gateway_id));
    return 0;
}

int ec2_associate_route_table(struct call *c, const struct ec2_associate_route_table_in *in,
                              struct ec2_associate_route_table_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &resource, &table));
    if (!in->subnet_id.ptr && !in->gateway_id.ptr)
        return fail(c, &ec2_missing_parameter, "The request must contain the parameter subnetId or gatewayId");
    if (in->subnet_id.ptr)
        TRY(check_subnet(c, &table, in->subnet_id));
    else
        TRY(check_gateway(c, &table, in->gateway_id));
    TRY(common_dry_run(c, in->dry_run));
    struct ec2_route_table_association *association = add_association(c, &table, false);
    association->subnet_id = in->subnet_id;
    association->gateway_id = in->subnet_id.ptr ? (slice){NULL, 0} : in->gateway_id;
    resource_save(c, &resource, &table);
    out->association_id = association->route_table_association_id;
    out->association_state = association->association_state;
    return 0;
}

static int get_associated(struct call *c, slice association_id, struct resource *resource,
                          struct ec2_route_table *table)
{
    slice id = resource_with(c, KIND_ROUTE_TABLE, "association.route-table-association-id", association_id);
    if (!id.ptr || !resource_find(c, KIND_ROUTE_TABLE, id, resource, table))
        return fail(c, &ec2_invalid_association_id_not_found, "The association ID '%.*s' does not exist",
                    SLICE_ARG(association_id));
    return 0;
}

int ec2_disassociate_route_table(struct call *c, const struct ec2_disassociate_route_table_in *in,
                                 struct ec2_disassociate_route_table_out *out)
{
    struct resource resource;
    struct ec2_route_table table = {0};
    (void)out;
    TRY(get_associated(c, in->association_id, &resource, &table));
    struct ec2_route_table_association *association = association_of(&table, in->association_id);
    if (opt_bool_or(association->main, false))
        return fail(c, &ec2_invalid_parameter_value, "cannot disassociate the main route table association %.*s",
                    SLICE_ARG(in->association_id));
    TRY(common_dry_run(c, in->dry_run));
    drop(&table, association);
    resource_save(c, &resource, &table);
    return 0;
}

int ec2_replace_route_table_association(struct call *c, const struct ec2_replace_route_table_association_in *in,
                                        struct ec2_replace_route_table_association_out *out)
{
    struct resource from, to;
    struct ec2_route_table old = {0}, new = {0};
    TRY(get_associated(c, in->association_id, &from, &old));
    TRY(resource_get(c, KIND_ROUTE_TABLE, in->route_table_id, &to, &new));
    if (!slice_eq(old.vpc_id, new.vpc_id))
        return fail(c, &ec2_invalid_parameter_value, "Route tables %.*s and %.*s belong to different networks",
                    SLICE_ARG(old.route_table_id), SLICE_ARG(new.route_table_id));
    TRY(common_dry_run(c, in->dry_run));
    bool same = slice_eq(from.id, to.id);
    struct ec2_route_table *target = same ? &old : &new;
    struct ec2_route_table_association former = *association_of(&old, in->association_id);
    drop(&old, association_of(&old, in->association_id));
    struct ec2_route_table_association *association = add_association(c, target, opt_bool_or(former.main, false));
    association->subnet_id = former.subnet_id;
    association->gateway_id = former.gateway_id;
    resource_save(c, &from, &old);
    if (!same)
        resource_save(c, &to, &new);
    out->new_association_id = association->route_table_association_id;
    out->association_state = association->association_state;
    return 0;
}
