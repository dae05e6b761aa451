/* network: what efs asks EC2: subnets, security groups, addresses and zones. With the leniency for unknown networks,
 * what EC2 does not know is made up. */
#include "services/efs/efs.h"

#include "common/hash.h"
#include "efs_ec2_client.h"
#include "services/efs/leniency.h"

#include <arpa/inet.h>

enum { MAX_GROUPS = 5, RESERVED_FIRST = 4 };

static bool lenient(struct call *c)
{
    return leniency_on(c, EFS_LENIENCY_UNKNOWN_NETWORKS);
}

/* A refusal is an unknown id, or EC2 is not there. */
static int refuse(struct call *c, const struct api_error *unknown, const struct call_refusal *refusal)
{
    if (slice_eq(refusal->code, S("ServiceUnavailable")))
        return fail(c, &efs_dependency_timeout, "The service timed out trying to fulfill the request: EC2.");
    return fail(c, unknown, "%.*s", SLICE_ARG(refusal->message));
}

static void filter(struct call *c, struct ec2_filter_list *filters, const char *name, slice value)
{
    struct ec2_filter *filter = list_add(c->arena, filters);
    filter->name = slice_of(name);
    *list_add(c->arena, &filter->values) = value;
    filter->values.set = filters->set = true;
}

/* Addresses of subnets nobody knows: the same for the same subnet and file system. */
static void make_up(struct call *c, const struct efs_create_mount_target_in *in, struct placement *placement)
{
    uint64_t hash = hash_bytes(arena_concat(c->arena, in->subnet_id, file_system_id(in->file_system_id)));
    placement->address = in->ip_address.ptr ? in->ip_address
                                            : arena_printf(c->arena, "10.%u.%u.%u", (unsigned)(hash >> 16 & 255),
                                                           (unsigned)(hash >> 8 & 255), (unsigned)(4 + hash % 250));
    list_foreach (group, &in->security_groups)
        *list_add(c->arena, &placement->groups) = *group;
}

static int find_subnet(struct call *c, slice id, struct ec2_subnet *subnet, bool *known)
{
    struct ec2_describe_subnets_in in = {0};
    struct ec2_describe_subnets_out out = {0};
    struct call_refusal refusal;
    *list_add(c->arena, &in.subnet_ids) = id;
    in.subnet_ids.set = true;
    int result = call_service(c, S("ec2"), &ec2_op_describe_subnets, &in, &out, &refusal);
    *known = result == 0 && out.subnets.len == 1;
    if (*known)
        *subnet = out.subnets.items[0];
    if (result == CALL_FAILED && !lenient(c))
        return refuse(c, &efs_subnet_not_found, &refusal);
    if (result == 0 && !*known && !lenient(c))
        return fail(c, &efs_subnet_not_found, "The subnet ID '%.*s' does not exist", SLICE_ARG(id));
    return result == CALL_FAILED ? 0 : result;
}

static bool address_of(struct call *c, slice text, uint32_t *address)
{
    struct in_addr in;
    const char *cstr = slice_cstr(c->arena, text);
    if (!cstr || inet_pton(AF_INET, cstr, &in) != 1)
        return false;
    *address = ntohl(in.s_addr);
    return true;
}

/* Whether a client may ask for the address: in the block, and none of those AWS keeps. */
static bool usable(struct call *c, slice address, slice block)
{
    uint32_t base, wanted;
    slice network, bits;
    int64_t prefix;
    if (!slice_cut(block, '/', &network, &bits) || !address_of(c, network, &base) || !slice_to_int64(bits, &prefix) ||
        !address_of(c, address, &wanted) || prefix < 1 || prefix > 32)
        return false;
    uint32_t size = (uint32_t)1 << (32 - prefix);
    return wanted - base >= RESERVED_FIRST && wanted - base < size - 1;
}

static int check_address(struct call *c, const struct efs_create_mount_target_in *in, const struct ec2_subnet *subnet)
{
    struct ec2_describe_network_interfaces_in question = {0};
    struct ec2_describe_network_interfaces_out answer = {0};
    struct call_refusal refusal;
    if (!in->ip_address.ptr) {
        if (subnet->available_ip_address_count.set && subnet->available_ip_address_count.v <= 0)
            return fail(c, &efs_no_free_addresses_in_subnet, "The specified subnet '%.*s' has no free addresses.",
                        SLICE_ARG(in->subnet_id));
        return 0;
    }
    if (!usable(c, in->ip_address, subnet->cidr_block))
        return fail(c, &efs_bad_request, "Address %.*s is not within the address range of subnet '%.*s'.",
                    SLICE_ARG(in->ip_address), SLICE_ARG(in->subnet_id));
    filter(c, &question.filters, "subnet-id", in->subnet_id);
    filter(c, &question.filters, "addresses.private-ip-address", in->ip_address);
    int result = call_service(c, S("ec2"), &ec2_op_describe_network_interfaces, &question, &answer, &refusal);
    if (result == CALL_FAILED)
        return refuse(c, &efs_bad_request, &refusal);
    TRY(result);
    bool ours = efs_number(db_query(c->db, EFS_SQL_MOUNT_TARGET_ADDRESS, "tttt", c->account, c->region, in->subnet_id,
                                    in->ip_address)) > 0;
    if (ours || answer.network_interfaces.len > 0)
        return fail(c, &efs_ip_address_in_use, "Address %.*s is in use.", SLICE_ARG(in->ip_address));
    return 0;
}

int network_check_groups(struct call *c, const struct slice_list *groups, slice vpc)
{
    struct ec2_describe_security_groups_in in = {0};
    struct ec2_describe_security_groups_out out = {0};
    struct call_refusal refusal;
    if (groups->len > MAX_GROUPS)
        return fail(c, &efs_security_group_limit_exceeded, "At most %d security groups can be specified.", MAX_GROUPS);
    if (groups->len == 0)
        return 0;
    list_foreach (group, groups)
        *list_add(c->arena, &in.group_ids) = *group;
    in.group_ids.set = true;
    int result = call_service(c, S("ec2"), &ec2_op_describe_security_groups, &in, &out, &refusal);
    if (result == CALL_FAILED)
        return lenient(c) ? 0 : refuse(c, &efs_security_group_not_found, &refusal);
    TRY(result);
    list_foreach (group, &out.security_groups) {
        if (vpc.ptr && !slice_eq(group->vpc_id, vpc))
            return fail(c, &efs_security_group_not_found, "The security group '%.*s' does not exist in VPC '%.*s'.",
                        SLICE_ARG(group->group_id), SLICE_ARG(vpc));
    }
    return 0;
}

/* Without groups it is the VPC's default one. */
static int default_group(struct call *c, slice vpc, struct slice_list *groups)
{
    struct ec2_describe_security_groups_in in = {0};
    struct ec2_describe_security_groups_out out = {0};
    struct call_refusal refusal;
    filter(c, &in.filters, "vpc-id", vpc);
    filter(c, &in.filters, "group-name", S("default"));
    int result = call_service(c, S("ec2"), &ec2_op_describe_security_groups, &in, &out, &refusal);
    if (result == CALL_FAILED)
        return refuse(c, &efs_security_group_not_found, &refusal);
    TRY(result);
    list_foreach (group, &out.security_groups)
        *list_add(c->arena, groups) = group->group_id;
    return 0;
}

int network_place(struct call *c, const struct efs_create_mount_target_in *in, struct placement *placement)
{
    struct ec2_subnet subnet = {0};
    *placement = (struct placement){.subnet = in->subnet_id, .address = in->ip_address};
    if (in->ipv6_address.ptr || (in->ip_address_type.ptr && !slice_eq(in->ip_address_type, S("IPV4_ONLY"))))
        return fail(c, &efs_bad_request, "The subnet '%.*s' does not support IPv6 mount targets.",
                    SLICE_ARG(in->subnet_id));
    TRY(find_subnet(c, in->subnet_id, &subnet, &placement->known));
    struct slice_list wanted = {in->security_groups.items, in->security_groups.len, true};
    if (!placement->known) {
        make_up(c, in, placement);
        return network_check_groups(c, &wanted, (slice){NULL, 0});
    }
    placement->vpc = subnet.vpc_id;
    placement->zone_name = subnet.availability_zone;
    placement->zone_id = subnet.availability_zone_id;
    TRY(check_address(c, in, &subnet));
    TRY(network_check_groups(c, &wanted, subnet.vpc_id));
    if (wanted.len == 0)
        return default_group(c, subnet.vpc_id, &placement->groups);
    placement->groups = wanted;
    return 0;
}

int network_zone_id(struct call *c, slice zone_name, slice *zone_id)
{
    struct ec2_describe_availability_zones_in in = {0};
    struct ec2_describe_availability_zones_out out = {0};
    struct call_refusal refusal;
    *list_add(c->arena, &in.zone_names) = zone_name;
    in.zone_names.set = true;
    int result = call_service(c, S("ec2"), &ec2_op_describe_availability_zones, &in, &out, &refusal);
    if (result == 0 && out.availability_zones.len == 1) {
        *zone_id = out.availability_zones.items[0].zone_id;
        return 0;
    }
    if (result == CALL_LATER || result < 0)
        return result;
    if (lenient(c) && slice_starts(zone_name, c->region))
        return 0;
    return fail(c, &efs_unsupported_availability_zone, "The Availability Zone '%.*s' is not supported.",
                SLICE_ARG(zone_name));
}
