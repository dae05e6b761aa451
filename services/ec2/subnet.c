/* subnet: subnets of VPCs. */
#include "services/ec2/ec2.h"

enum { LARGEST = 16, SMALLEST = 28 };

/* What AWS shows changes with every address that is taken. */
static void count_free(struct call *c, struct ec2_subnet *subnet)
{
    subnet->available_ip_address_count = opt_int(addresses_free(c, subnet));
}

void subnet_make(struct call *c, struct ec2_subnet *subnet)
{
    struct resource resource = {.kind = KIND_SUBNET};
    if (!subnet->subnet_id.ptr)
        subnet->subnet_id = resource_new_id(c, KIND_SUBNET);
    resource.id = subnet->subnet_id;
    subnet->owner_id = c->account;
    subnet->state = S("available");
    subnet->subnet_arn = resource_arn(c, KIND_SUBNET, subnet->subnet_id);
    subnet->default_for_az = opt_bool(opt_bool_or(subnet->default_for_az, false));
    subnet->map_public_ip_on_launch = opt_bool(opt_bool_or(subnet->map_public_ip_on_launch, false));
    subnet->map_customer_owned_ip_on_launch = opt_bool(false);
    subnet->assign_ipv6_address_on_creation = opt_bool(false);
    subnet->enable_dns64 = opt_bool(false);
    subnet->ipv6_native = opt_bool(false);
    subnet->ipv6_cidr_block_association_set.set = true;
    subnet->private_dns_name_options_on_launch =
        arena_alloc(c->arena, sizeof(*subnet->private_dns_name_options_on_launch));
    subnet->private_dns_name_options_on_launch->hostname_type = S("ip-name");
    subnet->private_dns_name_options_on_launch->enable_resource_name_dns_a_record = opt_bool(false);
    subnet->private_dns_name_options_on_launch->enable_resource_name_dns_aaaa_record = opt_bool(false);
    resource_save(c, &resource, subnet);
    network_acl_associate(c, subnet->vpc_id, subnet->subnet_id);
    count_free(c, subnet);
}

static int check_range(struct call *c, const struct ec2_vpc *vpc, slice text, struct cidr *cidr)
{
    struct cidr other;
    bool inside = false;
    if (!cidr_parse(text, cidr))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
                    SLICE_ARG(text));
    *cidr = cidr_canonical(*cidr);
    list_foreach (association, &vpc->cidr_block_association_set)
        inside = inside || (cidr_parse(association->cidr_block, &other) && cidr_contains(other, *cidr));
    if (!inside || cidr->prefix < LARGEST || cidr->prefix > SMALLEST)
        return fail(c, &ec2_invalid_subnet_range, "The CIDR '%.*s' is invalid.", SLICE_ARG(text));
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc->vpc_id, KIND_SUBNET);
    list_foreach (resource, &list) {
        struct ec2_subnet subnet = {0};
        resource_read(c, resource, &subnet);
        if (cidr_parse(subnet.cidr_block, &other) && cidr_overlaps(*cidr, other))
            return fail(c, &ec2_invalid_subnet_conflict, "The CIDR '%.*s' conflicts with another subnet",
                        SLICE_ARG(text));
    }
    return 0;
}

static int add_cidr6(struct call *c, struct ec2_subnet *subnet, slice text)
{
    slice range = cidr_canonical6(c->arena, text);
    if (!range.ptr || !slice_ends(range, S("/64")))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block.",
                    SLICE_ARG(text));
    struct ec2_subnet_ipv6_cidr_block_association *association =
        list_add(c->arena, &subnet->ipv6_cidr_block_association_set);
    association->association_id = resource_new_part_id(c, "subnet-cidr-assoc");
    association->ipv6_cidr_block = range;
    association->ipv6_cidr_block_state = arena_alloc(c->arena, sizeof(*association->ipv6_cidr_block_state));
    association->ipv6_cidr_block_state->state = S("associated");
    association->ipv6_address_attribute = S("public");
    association->ip_source = S("amazon");
    return 0;
}

int ec2_create_subnet(struct call *c, const struct ec2_create_subnet_in *in, struct ec2_create_subnet_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    struct cidr cidr;
    struct zone zone;
    struct ec2_subnet *subnet = out->subnet = arena_alloc(c->arena, sizeof(*subnet));
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    if (!in->cidr_block.ptr)
        return common_missing(c, "cidrBlock");
    TRY(zone_get(c, in->availability_zone, in->availability_zone_id, &zone));
    TRY(check_range(c, &vpc, in->cidr_block, &cidr));
    TRY(common_tags(c, KIND_SUBNET, &in->tag_specifications, &subnet->tags));
    if (in->ipv6_cidr_block.ptr)
        TRY(add_cidr6(c, subnet, in->ipv6_cidr_block));
    TRY(common_dry_run(c, in->dry_run));
    subnet->vpc_id = vpc.vpc_id;
    subnet->cidr_block = cidr_text(c->arena, cidr);
    subnet->availability_zone = zone.name;
    subnet->availability_zone_id = zone.id;
    subnet_make(c, subnet);
    subnet->state = S("pending");
    return 0;
}

int ec2_describe_subnets(struct call *c, const struct ec2_describe_subnets_in *in, struct ec2_describe_subnets_out *out)
{
    struct listing listing = {.kind = KIND_SUBNET,
                              .ids = &in->subnet_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    TRY(listing_run(c, &listing, &out->subnets, &out->next_token));
    list_foreach (subnet, &out->subnets)
        count_free(c, subnet);
    return 0;
}

int ec2_delete_subnet(struct call *c, const struct ec2_delete_subnet_in *in, struct ec2_delete_subnet_out *out)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    (void)out;
    TRY(resource_get(c, KIND_SUBNET, in->subnet_id, &resource, &subnet));
    if (resource_in(c, EC2_SQL_RESOURCE_IN_SUBNET, subnet.subnet_id, KIND_NETWORK_INTERFACE).len > 0)
        return fail(c, &ec2_dependency_violation, "The subnet '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(subnet.subnet_id));
    TRY(common_dry_run(c, in->dry_run));
    route_table_forget_subnet(c, subnet.vpc_id, subnet.subnet_id);
    network_acl_forget_subnet(c, subnet.vpc_id, subnet.subnet_id);
    resource_delete(c, &resource);
    return 0;
}

int ec2_modify_subnet_attribute(struct call *c, const struct ec2_modify_subnet_attribute_in *in,
                                struct ec2_modify_subnet_attribute_out *out)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    (void)out;
    TRY(resource_get(c, KIND_SUBNET, in->subnet_id, &resource, &subnet));
    struct ec2_private_dns_name_options_on_launch *dns = subnet.private_dns_name_options_on_launch;
    const struct {
        const struct ec2_attribute_boolean_value *wanted;
        struct opt_bool *place;
    } flags[] = {{in->map_public_ip_on_launch, &subnet.map_public_ip_on_launch},
                 {in->assign_ipv6_address_on_creation, &subnet.assign_ipv6_address_on_creation},
                 {in->map_customer_owned_ip_on_launch, &subnet.map_customer_owned_ip_on_launch},
                 {in->enable_dns64, &subnet.enable_dns64},
                 {in->enable_resource_name_dns_a_record_on_launch, &dns->enable_resource_name_dns_a_record},
                 {in->enable_resource_name_dns_aaaa_record_on_launch, &dns->enable_resource_name_dns_aaaa_record}};
    size_t given = in->private_dns_hostname_type_on_launch.ptr ? 1 : 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (!flags[i].wanted)
            continue;
        *flags[i].place = opt_bool(opt_bool_or(flags[i].wanted->value, false));
        given++;
    }
    if (in->private_dns_hostname_type_on_launch.ptr)
        dns->hostname_type = in->private_dns_hostname_type_on_launch;
    if (given == 0)
        return fail(c, &ec2_missing_parameter, "Either one of the attributes of the subnet must be given.");
    if (given > 1)
        return fail(c, &ec2_invalid_parameter_combination, "Only one attribute may be modified at a time.");
    resource_save(c, &resource, &subnet);
    return 0;
}

int ec2_associate_subnet_cidr_block(struct call *c, const struct ec2_associate_subnet_cidr_block_in *in,
                                    struct ec2_associate_subnet_cidr_block_out *out)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    TRY(resource_get(c, KIND_SUBNET, in->subnet_id, &resource, &subnet));
    if (!in->ipv6_cidr_block.ptr)
        return common_missing(c, "ipv6CidrBlock");
    TRY(add_cidr6(c, &subnet, in->ipv6_cidr_block));
    resource_save(c, &resource, &subnet);
    out->subnet_id = subnet.subnet_id;
    out->ipv6_cidr_block_association =
        &subnet.ipv6_cidr_block_association_set.items[subnet.ipv6_cidr_block_association_set.len - 1];
    return 0;
}

int ec2_disassociate_subnet_cidr_block(struct call *c, const struct ec2_disassociate_subnet_cidr_block_in *in,
                                       struct ec2_disassociate_subnet_cidr_block_out *out)
{
    struct resource resource;
    struct ec2_subnet subnet = {0};
    slice id = resource_with(c, KIND_SUBNET, "ipv6-cidr-block-association.association-id", in->association_id);
    if (!id.ptr || !resource_find(c, KIND_SUBNET, id, &resource, &subnet))
        return fail(c, &ec2_invalid_subnet_cidr_block_association_id_not_found,
                    "The subnet CIDR block association ID '%.*s' does not exist", SLICE_ARG(in->association_id));
    out->subnet_id = subnet.subnet_id;
    for (size_t i = 0; i < subnet.ipv6_cidr_block_association_set.len; i++) {
        struct ec2_subnet_ipv6_cidr_block_association *association = &subnet.ipv6_cidr_block_association_set.items[i];
        if (!slice_eq(association->association_id, in->association_id))
            continue;
        out->ipv6_cidr_block_association = arena_copy(c->arena, association, sizeof(*association));
        memmove(association, association + 1,
                (subnet.ipv6_cidr_block_association_set.len - i - 1) * sizeof(*association));
        subnet.ipv6_cidr_block_association_set.len--;
    }
    resource_save(c, &resource, &subnet);
    return 0;
}
