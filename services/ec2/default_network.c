/* default_network: what every account has in every region from the start, and the operations that bring it back. */
#include "services/ec2/ec2.h"

#include "services/ec2/leniency.h"

static const slice default_range = S("172.31.0.0/16");
/* What clients name who take any network for granted; they exist where unknown networks are accepted. */
static const slice well_known_vpc = S("vpc-sim"), well_known_subnet = S("subnet-0123456789abcdef0");
enum { SUBNET_PREFIX = 20, FIRST_ADDRESS = 172 << 24 | 31 << 16, SUBNET_SIZE = 4096 };

static void make_dhcp_options(struct call *c)
{
    static const char *const settings[][2] = {{"domain-name", NULL}, {"domain-name-servers", "AmazonProvidedDNS"}};
    struct ec2_dhcp_options options = {.owner_id = c->account, .tags = {.set = true}};
    struct resource resource = {.kind = KIND_DHCP_OPTIONS,
                                .id = options.dhcp_options_id = resource_new_id(c, KIND_DHCP_OPTIONS)};
    for (size_t i = 0; i < 2; i++) {
        struct ec2_dhcp_configuration *one = list_add(c->arena, &options.dhcp_configurations);
        one->key = slice_of(settings[i][0]);
        struct ec2_attribute_value *value = list_add(c->arena, &one->values);
        value->value = settings[i][1] ? slice_of(settings[i][1])
                       : slice_eq(c->region, S("us-east-1"))
                           ? S("ec2.internal")
                           : arena_concat(c->arena, c->region, S(".compute.internal"));
    }
    resource_save(c, &resource, &options);
}

/* The default subnet of the zone with that number. */
static void make_subnet(struct call *c, const struct ec2_vpc *vpc, const struct zone *zone, size_t number,
                        struct ec2_subnet *subnet)
{
    struct cidr range = {(uint32_t)FIRST_ADDRESS + (uint32_t)number * SUBNET_SIZE, SUBNET_PREFIX};
    *subnet = (struct ec2_subnet){
        .vpc_id = vpc->vpc_id,
        .cidr_block = cidr_text(c->arena, range),
        .availability_zone = zone->name,
        .availability_zone_id = zone->id,
        .default_for_az = opt_bool(true),
        .map_public_ip_on_launch = opt_bool(true),
        .tags = {.set = true},
    };
    if (number == 0 && leniency_on(c, EC2_LENIENCY_UNKNOWN_NETWORKS))
        subnet->subnet_id = well_known_subnet;
    subnet_make(c, subnet);
}

static void make_vpc(struct call *c, struct ec2_vpc *vpc)
{
    struct zone_list zones = zone_list(c);
    *vpc = (struct ec2_vpc){.cidr_block = default_range,
                            .instance_tenancy = S("default"),
                            .is_default = opt_bool(true),
                            .tags = {.set = true}};
    if (leniency_on(c, EC2_LENIENCY_UNKNOWN_NETWORKS))
        vpc->vpc_id = well_known_vpc;
    vpc_make(c, vpc);
    slice gateway = gateway_make_attached(c, vpc->vpc_id);
    route_table_add_default_route(c, vpc->vpc_id, gateway);
    for (size_t i = 0; i < zones.len; i++) {
        struct ec2_subnet subnet;
        make_subnet(c, vpc, &zones.items[i], i, &subnet);
    }
}

int default_network_ensure(struct call *c)
{
    struct ec2_vpc vpc;
    if (resource_scope(c))
        return 0;
    resource_add_scope(c);
    make_dhcp_options(c);
    prefix_list_make_all(c);
    make_vpc(c, &vpc);
    return 0;
}

static bool find_default_vpc(struct call *c, struct ec2_vpc *vpc)
{
    struct resource resource;
    slice id = resource_with(c, KIND_VPC, "is-default", S("true"));
    return id.ptr && resource_find(c, KIND_VPC, id, &resource, vpc);
}

int ec2_create_default_vpc(struct call *c, const struct ec2_create_default_vpc_in *in,
                           struct ec2_create_default_vpc_out *out)
{
    out->vpc = arena_alloc(c->arena, sizeof(*out->vpc));
    if (find_default_vpc(c, out->vpc))
        return fail(c, &ec2_default_vpc_already_exists,
                    "A Default VPC already exists for this account in this region.");
    TRY(common_dry_run(c, in->dry_run));
    make_vpc(c, out->vpc);
    return 0;
}

int ec2_create_default_subnet(struct call *c, const struct ec2_create_default_subnet_in *in,
                              struct ec2_create_default_subnet_out *out)
{
    struct ec2_vpc vpc = {0};
    struct zone zone;
    struct zone_list zones = zone_list(c);
    if (!in->availability_zone.ptr && !in->availability_zone_id.ptr)
        return common_missing(c, "availabilityZone");
    TRY(zone_get(c, in->availability_zone, in->availability_zone_id, &zone));
    if (!find_default_vpc(c, &vpc))
        return fail(c, &ec2_default_vpc_does_not_exist, "No default VPC exists for this account in this region.");
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc.vpc_id, KIND_SUBNET);
    list_foreach (resource, &list) {
        struct ec2_subnet subnet = {0};
        resource_read(c, resource, &subnet);
        if (opt_bool_or(subnet.default_for_az, false) && slice_eq(subnet.availability_zone, zone.name))
            return fail(c, &ec2_default_subnet_already_exists_in_availability_zone,
                        "A default subnet already exists in this Availability Zone: %.*s", SLICE_ARG(zone.name));
    }
    TRY(common_dry_run(c, in->dry_run));
    out->subnet = arena_alloc(c->arena, sizeof(*out->subnet));
    for (size_t i = 0; i < zones.len; i++) {
        if (slice_eq(zones.items[i].name, zone.name))
            make_subnet(c, &vpc, &zone, i, out->subnet);
    }
    return 0;
}
