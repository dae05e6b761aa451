/* addresses: which private addresses of a subnet are taken, and by whom. AWS keeps the first four of a subnet and the
 * last one for itself. */
#include "services/ec2/ec2.h"

enum { RESERVED_AT_START = 4, RESERVED = 5 };

static bool is_used(struct call *c, slice subnet_id, uint32_t ip)
{
    struct db_rows rows = db_query(c->db, EC2_SQL_ADDRESS_USED, "iti", resource_scope(c), subnet_id, (int64_t)ip);
    bool used = db_next(&rows);
    db_done(&rows);
    return used;
}

/* The one behind the highest in use, or the lowest gap; 0 when there is none. */
static uint32_t find_free(struct call *c, slice subnet_id, struct cidr range)
{
    uint32_t first = range.first + RESERVED_AT_START, last = range.first + cidr_size(range) - 2, highest = 0;
    struct db_rows rows = db_query(c->db, EC2_SQL_ADDRESS_LAST, "it", resource_scope(c), subnet_id);
    if (db_next(&rows))
        highest = (uint32_t)db_int(&rows, 0);
    db_done(&rows);
    if (highest < first)
        return first;
    if (highest < last)
        return highest + 1;
    rows = db_query(c->db, EC2_SQL_ADDRESS_LIST, "it", resource_scope(c), subnet_id);
    uint32_t candidate = first;
    while (db_next(&rows) && (uint32_t)db_int(&rows, 0) == candidate)
        candidate++;
    db_done(&rows);
    return candidate <= last ? candidate : 0;
}

int addresses_take(struct call *c, const struct ec2_subnet *subnet, slice wanted, slice owner, slice *address)
{
    struct cidr range;
    uint32_t ip = 0;
    if (!cidr_parse(subnet->cidr_block, &range))
        return FAULT_MESSAGE;
    if (wanted.ptr) {
        if (!cidr_parse_address(wanted, &ip))
            return fail(c, &ec2_invalid_parameter_value, "invalid value for parameter address: %.*s",
                        SLICE_ARG(wanted));
        bool inside = cidr_contains(range, (struct cidr){ip, 32});
        if (!inside)
            return fail(c, &ec2_invalid_parameter_value, "Address does not fall within the subnet's address range");
        if (ip < range.first + RESERVED_AT_START || ip > range.first + cidr_size(range) - 2)
            return fail(c, &ec2_invalid_parameter_value, "Address %.*s is in subnet's reserved address range",
                        SLICE_ARG(wanted));
        if (is_used(c, subnet->subnet_id, ip))
            return fail(c, &ec2_invalid_ip_address_in_use, "Address %.*s is in use.", SLICE_ARG(wanted));
    } else
        ip = find_free(c, subnet->subnet_id, range);
    if (ip == 0)
        return fail(
            c, &ec2_insufficient_free_addresses_in_subnet,
            "There are not enough free addresses in subnet '%.*s' to satisfy the requested number of instances.",
            SLICE_ARG(subnet->subnet_id));
    db_run(c->db, EC2_SQL_ADDRESS_ADD, "itit", resource_scope(c), subnet->subnet_id, (int64_t)ip, owner);
    *address = cidr_address_text(c->arena, ip);
    return 0;
}

void addresses_release(struct call *c, slice owner)
{
    db_run(c->db, EC2_SQL_ADDRESS_FREE, "it", resource_scope(c), owner);
}

void addresses_release_one(struct call *c, slice subnet_id, slice address)
{
    uint32_t ip;
    if (cidr_parse_address(address, &ip))
        db_run(c->db, EC2_SQL_ADDRESS_FREE_ONE, "iti", resource_scope(c), subnet_id, (int64_t)ip);
}

int64_t addresses_free(struct call *c, const struct ec2_subnet *subnet)
{
    struct cidr range;
    int64_t used = 0;
    struct db_rows rows = db_query(c->db, EC2_SQL_ADDRESS_COUNT, "it", resource_scope(c), subnet->subnet_id);
    if (db_next(&rows))
        used = db_int(&rows, 0);
    db_done(&rows);
    return cidr_parse(subnet->cidr_block, &range) ? (int64_t)cidr_size(range) - RESERVED - used : 0;
}
