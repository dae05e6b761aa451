/* vpc: VPCs, their attributes and address ranges; and what comes into being with one. */
#include "services/ec2/ec2.h"

#include "common/ids.h"

enum { LARGEST = 16, SMALLEST = 28, MAX_CIDR_BLOCKS = 5 };

static void add_cidr(struct call *c, struct ec2_vpc *vpc, slice cidr)
{
    struct ec2_vpc_cidr_block_association *association = list_add(c->arena, &vpc->cidr_block_association_set);
    association->association_id = resource_new_part_id(c, "vpc-cidr-assoc");
    association->cidr_block = cidr;
    association->cidr_block_state = arena_alloc(c->arena, sizeof(*association->cidr_block_state));
    association->cidr_block_state->state = S("associated");
}

/* A /56 that Amazon would give. */
static void add_cidr6(struct call *c, struct ec2_vpc *vpc)
{
    struct ec2_vpc_ipv6_cidr_block_association *association = list_add(c->arena, &vpc->ipv6_cidr_block_association_set);
    uint8_t b[3];
    ids_bytes(b, sizeof(b));
    association->association_id = resource_new_part_id(c, "vpc-cidr-assoc");
    association->ipv6_cidr_block = cidr_canonical6(
        c->arena, arena_printf(c->arena, "2600:1f%02x:%x:%x00::/56", b[0] | 0x10, b[1] | 0x1000, b[2] | 1));
    association->ipv6_cidr_block_state = arena_alloc(c->arena, sizeof(*association->ipv6_cidr_block_state));
    association->ipv6_cidr_block_state->state = S("associated");
    association->network_border_group = c->region;
    association->ipv6_pool = S("Amazon");
    association->ipv6_address_attribute = S("public");
    association->ip_source = S("amazon");
}

slice vpc_default_dhcp_options(struct call *c)
{
    slice id = {NULL, 0};
    struct db_rows rows =
        db_query(c->db, EC2_SQL_RESOURCE_LIST, "iii", resource_scope(c), (int64_t)KIND_DHCP_OPTIONS, (int64_t)0);
    if (db_next(&rows))
        id = db_text(&rows, 2);
    db_done(&rows);
    return id;
}

void vpc_make(struct call *c, struct ec2_vpc *vpc)
{
    bool is_default = opt_bool_or(vpc->is_default, false);
    struct resource resource = {.kind = KIND_VPC};
    if (!vpc->vpc_id.ptr)
        vpc->vpc_id = resource_new_id(c, KIND_VPC);
    resource.id = vpc->vpc_id;
    add_cidr(c, vpc, vpc->cidr_block);
    vpc->dhcp_options_id = vpc_default_dhcp_options(c);
    vpc->owner_id = c->account;
    vpc->state = S("available");
    vpc->is_default = opt_bool(is_default);
    resource_set_extra(c, &resource, "EnableDnsSupport", true);
    resource_set_extra(c, &resource, "EnableDnsHostnames", is_default);
    resource_save(c, &resource, vpc);
    route_table_make_main(c, vpc);
    network_acl_make_default(c, vpc);
    security_group_make_default(c, vpc->vpc_id);
}

static int check_cidr(struct call *c, slice text, struct cidr *cidr)
{
    if (!cidr_parse(text, cidr))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
                    SLICE_ARG(text));
    if (cidr->prefix < LARGEST || cidr->prefix > SMALLEST)
        return fail(c, &ec2_invalid_vpc_range, "The CIDR '%.*s' is invalid.", SLICE_ARG(text));
    *cidr = cidr_canonical(*cidr);
    return 0;
}

int ec2_create_vpc(struct call *c, const struct ec2_create_vpc_in *in, struct ec2_create_vpc_out *out)
{
    struct cidr cidr;
    struct ec2_vpc *vpc = out->vpc = arena_alloc(c->arena, sizeof(*vpc));
    if (in->ipv4_ipam_pool_id.ptr || in->ipv6_ipam_pool_id.ptr || in->ipv6_pool.ptr)
        return fail(c, &ec2_unsupported_operation, "Address pools are not supported; give a CidrBlock.");
    if (!in->cidr_block.ptr)
        return common_missing(c, "cidrBlock");
    TRY(check_cidr(c, in->cidr_block, &cidr));
    TRY(common_tags(c, KIND_VPC, &in->tag_specifications, &vpc->tags));
    TRY(common_dry_run(c, in->dry_run));
    vpc->cidr_block = cidr_text(c->arena, cidr);
    vpc->instance_tenancy = in->instance_tenancy.ptr ? in->instance_tenancy : S("default");
    vpc->ipv6_cidr_block_association_set.set = true;
    if (opt_bool_or(in->amazon_provided_ipv6_cidr_block, false))
        add_cidr6(c, vpc);
    vpc_make(c, vpc);
    vpc->state = S("pending");
    return 0;
}

int ec2_describe_vpcs(struct call *c, const struct ec2_describe_vpcs_in *in, struct ec2_describe_vpcs_out *out)
{
    struct listing listing = {.kind = KIND_VPC,
                              .ids = &in->vpc_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->vpcs, &out->next_token);
}

static size_t count_in(struct call *c, slice vpc_id, enum kind kind)
{
    return resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, kind).len;
}

/* Only its main route table, its default ACL and its default group go with it. */
static bool has_dependencies(struct call *c, slice vpc_id)
{
    static const enum kind kept[] = {KIND_SUBNET,      KIND_INTERNET_GATEWAY, KIND_NETWORK_INTERFACE,
                                     KIND_NAT_GATEWAY, KIND_VPC_ENDPOINT,     KIND_EGRESS_ONLY_GATEWAY};
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        if (count_in(c, vpc_id, kept[i]) > 0)
            return true;
    }
    return count_in(c, vpc_id, KIND_ROUTE_TABLE) > 1 || count_in(c, vpc_id, KIND_NETWORK_ACL) > 1 ||
           count_in(c, vpc_id, KIND_SECURITY_GROUP) > 1;
}

static void delete_all(struct call *c, slice vpc_id, enum kind kind)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, kind);
    list_foreach (resource, &list) {
        struct resource_list rules = resource_in(c, EC2_SQL_RESOURCE_PART_OF, resource->id, KIND_SECURITY_GROUP_RULE);
        list_foreach (rule, &rules)
            resource_delete(c, rule);
        resource_delete(c, resource);
    }
}

int ec2_delete_vpc(struct call *c, const struct ec2_delete_vpc_in *in, struct ec2_delete_vpc_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    (void)out;
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    if (has_dependencies(c, vpc.vpc_id))
        return fail(c, &ec2_dependency_violation, "The vpc '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(vpc.vpc_id));
    TRY(common_dry_run(c, in->dry_run));
    delete_all(c, vpc.vpc_id, KIND_ROUTE_TABLE);
    delete_all(c, vpc.vpc_id, KIND_NETWORK_ACL);
    delete_all(c, vpc.vpc_id, KIND_SECURITY_GROUP);
    resource_delete(c, &resource);
    return 0;
}

static struct ec2_attribute_boolean_value *flag(struct call *c, bool value)
{
    struct ec2_attribute_boolean_value *attribute = arena_alloc(c->arena, sizeof(*attribute));
    attribute->value = opt_bool(value);
    return attribute;
}

int ec2_describe_vpc_attribute(struct call *c, const struct ec2_describe_vpc_attribute_in *in,
                               struct ec2_describe_vpc_attribute_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    TRY(common_dry_run(c, in->dry_run));
    out->vpc_id = vpc.vpc_id;
    if (slice_eq(in->attribute, S("enableDnsSupport")))
        out->enable_dns_support = flag(c, resource_extra(c, &resource, "EnableDnsSupport"));
    else if (slice_eq(in->attribute, S("enableDnsHostnames")))
        out->enable_dns_hostnames = flag(c, resource_extra(c, &resource, "EnableDnsHostnames"));
    else
        out->enable_network_address_usage_metrics =
            flag(c, resource_extra(c, &resource, "EnableNetworkAddressUsageMetrics"));
    return 0;
}

int ec2_modify_vpc_attribute(struct call *c, const struct ec2_modify_vpc_attribute_in *in,
                             struct ec2_modify_vpc_attribute_out *out)
{
    const struct {
        const char *name;
        const struct ec2_attribute_boolean_value *value;
    } changes[] = {{"EnableDnsSupport", in->enable_dns_support},
                   {"EnableDnsHostnames", in->enable_dns_hostnames},
                   {"EnableNetworkAddressUsageMetrics", in->enable_network_address_usage_metrics}};
    struct resource resource;
    struct ec2_vpc vpc = {0};
    size_t given = 0;
    (void)out;
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    for (size_t i = 0; i < 3; i++) {
        if (!changes[i].value)
            continue;
        resource_set_extra(c, &resource, changes[i].name, opt_bool_or(changes[i].value->value, false));
        given++;
    }
    if (given != 1)
        return fail(c, given ? &ec2_invalid_parameter_combination : &ec2_missing_parameter,
                    given ? "Only one attribute may be modified at a time."
                          : "The request must contain exactly one attribute to modify.");
    resource_save(c, &resource, &vpc);
    return 0;
}

int ec2_modify_vpc_tenancy(struct call *c, const struct ec2_modify_vpc_tenancy_in *in,
                           struct ec2_modify_vpc_tenancy_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    TRY(common_dry_run(c, in->dry_run));
    vpc.instance_tenancy = in->instance_tenancy;
    resource_save(c, &resource, &vpc);
    out->return_value = opt_bool(true);
    return 0;
}

static int add_secondary(struct call *c, struct ec2_vpc *vpc, slice text)
{
    struct cidr cidr, other;
    TRY(check_cidr(c, text, &cidr));
    if (vpc->cidr_block_association_set.len >= MAX_CIDR_BLOCKS)
        return fail(c, &ec2_vpc_limit_exceeded, "This network '%.*s' has met its maximum number of allowed CIDRs: %d",
                    SLICE_ARG(vpc->vpc_id), MAX_CIDR_BLOCKS);
    list_foreach (association, &vpc->cidr_block_association_set) {
        if (cidr_parse(association->cidr_block, &other) && cidr_overlaps(cidr, other))
            return fail(c, &ec2_invalid_vpc_range, "The CIDR '%.*s' conflicts with another of the VPC",
                        SLICE_ARG(text));
    }
    add_cidr(c, vpc, cidr_text(c->arena, cidr));
    return 0;
}

int ec2_associate_vpc_cidr_block(struct call *c, const struct ec2_associate_vpc_cidr_block_in *in,
                                 struct ec2_associate_vpc_cidr_block_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    if (in->cidr_block.ptr) {
        TRY(add_secondary(c, &vpc, in->cidr_block));
        out->cidr_block_association = &vpc.cidr_block_association_set.items[vpc.cidr_block_association_set.len - 1];
    } else if (opt_bool_or(in->amazon_provided_ipv6_cidr_block, false)) {
        add_cidr6(c, &vpc);
        out->ipv6_cidr_block_association =
            &vpc.ipv6_cidr_block_association_set.items[vpc.ipv6_cidr_block_association_set.len - 1];
    } else
        return common_missing(c, "cidrBlock");
    out->vpc_id = vpc.vpc_id;
    resource_save(c, &resource, &vpc);
    if (in->cidr_block.ptr)
        route_table_follow_cidr(c, vpc.vpc_id, out->cidr_block_association->cidr_block, true);
    return 0;
}

/* Whether a subnet lies in that range. */
static bool is_used(struct call *c, slice vpc_id, struct cidr range)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_SUBNET);
    list_foreach (resource, &list) {
        struct ec2_subnet subnet = {0};
        struct cidr cidr;
        resource_read(c, resource, &subnet);
        if (cidr_parse(subnet.cidr_block, &cidr) && cidr_contains(range, cidr))
            return true;
    }
    return false;
}

int ec2_disassociate_vpc_cidr_block(struct call *c, const struct ec2_disassociate_vpc_cidr_block_in *in,
                                    struct ec2_disassociate_vpc_cidr_block_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    slice id = resource_with(c, KIND_VPC, "cidr-block-association.association-id", in->association_id);
    slice id6 = resource_with(c, KIND_VPC, "ipv6-cidr-block-association.association-id", in->association_id);
    if (!resource_find(c, KIND_VPC, id.ptr ? id : id6, &resource, &vpc))
        return fail(c, &ec2_invalid_vpc_cidr_block_association_id_not_found,
                    "The vpc CIDR block association ID '%.*s' does not exist", SLICE_ARG(in->association_id));
    out->vpc_id = vpc.vpc_id;
    for (size_t i = 0; i < vpc.cidr_block_association_set.len; i++) {
        struct ec2_vpc_cidr_block_association *association = &vpc.cidr_block_association_set.items[i];
        struct cidr range;
        if (!slice_eq(association->association_id, in->association_id))
            continue;
        if (i == 0)
            return fail(c, &ec2_operation_not_permitted,
                        "The vpc CIDR block with association ID %.*s may not be disassociated. It is the primary IPv4 "
                        "CIDR block of the VPC",
                        SLICE_ARG(in->association_id));
        if (cidr_parse(association->cidr_block, &range) && is_used(c, vpc.vpc_id, range))
            return fail(c, &ec2_invalid_cidr_in_use, "The vpc %.*s currently has a subnet within CIDR block %.*s",
                        SLICE_ARG(vpc.vpc_id), SLICE_ARG(association->cidr_block));
        out->cidr_block_association = arena_copy(c->arena, association, sizeof(*association));
        memmove(association, association + 1, (vpc.cidr_block_association_set.len - i - 1) * sizeof(*association));
        vpc.cidr_block_association_set.len--;
    }
    for (size_t i = 0; i < vpc.ipv6_cidr_block_association_set.len; i++) {
        struct ec2_vpc_ipv6_cidr_block_association *association = &vpc.ipv6_cidr_block_association_set.items[i];
        if (!slice_eq(association->association_id, in->association_id))
            continue;
        out->ipv6_cidr_block_association = arena_copy(c->arena, association, sizeof(*association));
        memmove(association, association + 1, (vpc.ipv6_cidr_block_association_set.len - i - 1) * sizeof(*association));
        vpc.ipv6_cidr_block_association_set.len--;
    }
    resource_save(c, &resource, &vpc);
    if (out->cidr_block_association)
        route_table_follow_cidr(c, vpc.vpc_id, out->cidr_block_association->cidr_block, false);
    return 0;
}
