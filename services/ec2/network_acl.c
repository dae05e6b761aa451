/* network_acl: network ACLs, their entries, and which subnet has which. */
#include "services/ec2/ec2.h"

enum { LAST_RULE = 32767, MAX_RULE = 32766, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, MAX_PORT = 65535 };

static void add_entry(struct call *c, struct ec2_network_acl *acl, bool egress, int64_t number, const char *action)
{
    struct ec2_network_acl_entry *entry = list_add(c->arena, &acl->entries);
    entry->cidr_block = S("0.0.0.0/0");
    entry->egress = opt_bool(egress);
    entry->protocol = S("-1");
    entry->rule_action = slice_of(action);
    entry->rule_number = opt_int(number);
}

static void make(struct call *c, slice vpc_id, bool is_default, struct resource *resource, struct ec2_network_acl *acl)
{
    *resource = (struct resource){.kind = KIND_NETWORK_ACL, .id = resource_new_id(c, KIND_NETWORK_ACL)};
    acl->network_acl_id = resource->id;
    acl->vpc_id = vpc_id;
    acl->owner_id = c->account;
    acl->is_default = opt_bool(is_default);
    acl->associations.set = acl->tags.set = true;
    for (int egress = 1; egress >= 0; egress--) {
        if (is_default)
            add_entry(c, acl, egress, 100, "allow");
        add_entry(c, acl, egress, LAST_RULE, "deny");
    }
}

void network_acl_make_default(struct call *c, const struct ec2_vpc *vpc)
{
    struct resource resource;
    struct ec2_network_acl acl = {0};
    make(c, vpc->vpc_id, true, &resource, &acl);
    resource_save(c, &resource, &acl);
}

static bool find_default(struct call *c, slice vpc_id, struct resource *found, struct ec2_network_acl *acl)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_NETWORK_ACL);
    list_foreach (resource, &list) {
        *acl = (struct ec2_network_acl){0};
        resource_read(c, resource, acl);
        *found = *resource;
        if (opt_bool_or(acl->is_default, false))
            return true;
    }
    return false;
}

static slice associate(struct call *c, struct ec2_network_acl *acl, slice subnet_id)
{
    struct ec2_network_acl_association *association = list_add(c->arena, &acl->associations);
    association->network_acl_association_id = resource_new_part_id(c, "aclassoc");
    association->network_acl_id = acl->network_acl_id;
    association->subnet_id = subnet_id;
    return association->network_acl_association_id;
}

void network_acl_associate(struct call *c, slice vpc_id, slice subnet_id)
{
    struct resource resource;
    struct ec2_network_acl acl;
    if (!find_default(c, vpc_id, &resource, &acl))
        return;
    associate(c, &acl, subnet_id);
    resource_save(c, &resource, &acl);
}

static void drop(struct ec2_network_acl *acl, size_t at)
{
    struct ec2_network_acl_association *association = &acl->associations.items[at];
    memmove(association, association + 1, (acl->associations.len - at - 1) * sizeof(*association));
    acl->associations.len--;
}

void network_acl_forget_subnet(struct call *c, slice vpc_id, slice subnet_id)
{
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_IN_VPC, vpc_id, KIND_NETWORK_ACL);
    list_foreach (resource, &list) {
        struct ec2_network_acl acl = {0};
        resource_read(c, resource, &acl);
        for (size_t i = 0; i < acl.associations.len; i++) {
            if (!slice_eq(acl.associations.items[i].subnet_id, subnet_id))
                continue;
            drop(&acl, i);
            resource_save(c, resource, &acl);
            return;
        }
    }
}

int ec2_create_network_acl(struct call *c, const struct ec2_create_network_acl_in *in,
                           struct ec2_create_network_acl_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    slice former;
    out->network_acl = arena_alloc(c->arena, sizeof(*out->network_acl));
    out->client_token = in->client_token;
    TRY(common_token(c, in->client_token, c->operation->in, in, &former));
    if (former.ptr)
        return resource_get(c, KIND_NETWORK_ACL, former, &resource, out->network_acl);
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    TRY(common_tags(c, KIND_NETWORK_ACL, &in->tag_specifications, &out->network_acl->tags));
    TRY(common_dry_run(c, in->dry_run));
    make(c, vpc.vpc_id, false, &resource, out->network_acl);
    resource_save(c, &resource, out->network_acl);
    common_remember(c, in->client_token, c->operation->in, in, resource.id);
    return 0;
}

int ec2_describe_network_acls(struct call *c, const struct ec2_describe_network_acls_in *in,
                              struct ec2_describe_network_acls_out *out)
{
    struct listing listing = {.kind = KIND_NETWORK_ACL,
                              .ids = &in->network_acl_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->network_acls, &out->next_token);
}

int ec2_delete_network_acl(struct call *c, const struct ec2_delete_network_acl_in *in,
                           struct ec2_delete_network_acl_out *out)
{
    struct resource resource;
    struct ec2_network_acl acl = {0};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_ACL, in->network_acl_id, &resource, &acl));
    if (opt_bool_or(acl.is_default, false))
        return fail(c, &ec2_invalid_parameter_value, "cannot delete default network ACL %.*s",
                    SLICE_ARG(acl.network_acl_id));
    if (acl.associations.len > 0)
        return fail(c, &ec2_dependency_violation, "The networkAcl '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(acl.network_acl_id));
    TRY(common_dry_run(c, in->dry_run));
    resource_delete(c, &resource);
    return 0;
}

static struct ec2_network_acl_entry *find_entry(struct ec2_network_acl *acl, bool egress, int64_t number)
{
    list_foreach (entry, &acl->entries) {
        if (opt_bool_or(entry->egress, false) == egress && opt_int_or(entry->rule_number, 0) == number)
            return entry;
    }
    return NULL;
}

static int check_ports(struct call *c, int64_t protocol, const struct ec2_port_range *ports)
{
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
        return 0;
    if (!ports || !ports->from.set || !ports->to.set)
        return common_missing(c, "portRange");
    if (ports->from.v < 0 || ports->to.v > MAX_PORT || ports->from.v > ports->to.v)
        return fail(c, &ec2_invalid_parameter_value, "Invalid port range [%lld, %lld]", (long long)ports->from.v,
                    (long long)ports->to.v);
    return 0;
}

/* The entry as it is stored, from the input that both operations share. */
static int read_entry(struct call *c, const struct ec2_create_network_acl_entry_in *in,
                      struct ec2_network_acl_entry *entry)
{
    static const struct {
        slice name, number;
    } protocols[] = {
        {S("tcp"), S("6")}, {S("udp"), S("17")}, {S("icmp"), S("1")}, {S("icmpv6"), S("58")}, {S("all"), S("-1")}};
    struct cidr range;
    int64_t number = opt_int_or(in->rule_number, 0), protocol;
    slice name = in->protocol;
    for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
        if (slice_eq_nocase(name, protocols[i].name))
            name = protocols[i].number;
    }
    if (number < 1 || number > MAX_RULE)
        return fail(c, &ec2_invalid_parameter_value, "Invalid rule number %lld: must be between 1 and %d",
                    (long long)number, MAX_RULE);
    if (!slice_to_int64(name, &protocol) || protocol < -1 || protocol > 255)
        return fail(c, &ec2_invalid_parameter_value, "Invalid value '%.*s' for IP protocol. Unknown protocol.",
                    SLICE_ARG(in->protocol));
    TRY(check_ports(c, protocol, in->port_range));
    *entry = (struct ec2_network_acl_entry){.egress = opt_bool(opt_bool_or(in->egress, false)),
                                            .icmp_type_code = in->icmp_type_code,
                                            .port_range = in->port_range,
                                            .protocol = name,
                                            .rule_action = in->rule_action,
                                            .rule_number = opt_int(number)};
    if (in->cidr_block.ptr && cidr_parse(in->cidr_block, &range))
        entry->cidr_block = cidr_text(c->arena, cidr_canonical(range));
    else if (!in->cidr_block.ptr && in->ipv6_cidr_block.ptr)
        entry->ipv6_cidr_block = cidr_canonical6(c->arena, in->ipv6_cidr_block);
    if (!entry->cidr_block.ptr && !entry->ipv6_cidr_block.ptr)
        return fail(
            c, in->cidr_block.ptr || in->ipv6_cidr_block.ptr ? &ec2_invalid_parameter_value : &ec2_missing_parameter,
            "The parameter cidrBlock must be a valid CIDR block.");
    return 0;
}

/* Entries are shown by direction and number. */
static void insert(struct call *c, struct ec2_network_acl *acl, const struct ec2_network_acl_entry *entry)
{
    list_add(c->arena, &acl->entries);
    size_t at = acl->entries.len - 1;
    bool egress = opt_bool_or(entry->egress, false);
    while (at > 0) {
        const struct ec2_network_acl_entry *before = &acl->entries.items[at - 1];
        bool before_egress = opt_bool_or(before->egress, false);
        if (before_egress > egress || (before_egress == egress && before->rule_number.v < entry->rule_number.v))
            break;
        acl->entries.items[at] = *before;
        at--;
    }
    acl->entries.items[at] = *entry;
}

int ec2_create_network_acl_entry(struct call *c, const struct ec2_create_network_acl_entry_in *in,
                                 struct ec2_create_network_acl_entry_out *out)
{
    struct resource resource;
    struct ec2_network_acl acl = {0};
    struct ec2_network_acl_entry entry;
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_ACL, in->network_acl_id, &resource, &acl));
    TRY(read_entry(c, in, &entry));
    if (find_entry(&acl, entry.egress.v, entry.rule_number.v))
        return fail(c, &ec2_network_acl_entry_already_exists,
                    "The network acl entry identified by %lld already exists.", (long long)entry.rule_number.v);
    TRY(common_dry_run(c, in->dry_run));
    insert(c, &acl, &entry);
    resource_save(c, &resource, &acl);
    return 0;
}

static int refuse_entry(struct call *c, struct opt_int number)
{
    return fail(c, &ec2_invalid_network_acl_entry_not_found, "The network acl entry identified by %lld does not exist.",
                (long long)opt_int_or(number, 0));
}

int ec2_replace_network_acl_entry(struct call *c, const struct ec2_replace_network_acl_entry_in *in,
                                  struct ec2_replace_network_acl_entry_out *out)
{
    const struct ec2_create_network_acl_entry_in as_new = {.network_acl_id = in->network_acl_id,
                                                           .rule_number = in->rule_number,
                                                           .protocol = in->protocol,
                                                           .rule_action = in->rule_action,
                                                           .egress = in->egress,
                                                           .cidr_block = in->cidr_block,
                                                           .ipv6_cidr_block = in->ipv6_cidr_block,
                                                           .icmp_type_code = in->icmp_type_code,
                                                           .port_range = in->port_range};
    struct resource resource;
    struct ec2_network_acl acl = {0};
    struct ec2_network_acl_entry entry;
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_ACL, in->network_acl_id, &resource, &acl));
    TRY(read_entry(c, &as_new, &entry));
    struct ec2_network_acl_entry *found = find_entry(&acl, entry.egress.v, entry.rule_number.v);
    if (!found)
        return refuse_entry(c, in->rule_number);
    TRY(common_dry_run(c, in->dry_run));
    *found = entry;
    resource_save(c, &resource, &acl);
    return 0;
}

int ec2_delete_network_acl_entry(struct call *c, const struct ec2_delete_network_acl_entry_in *in,
                                 struct ec2_delete_network_acl_entry_out *out)
{
    struct resource resource;
    struct ec2_network_acl acl = {0};
    (void)out;
    TRY(resource_get(c, KIND_NETWORK_ACL, in->network_acl_id, &resource, &acl));
    int64_t number = opt_int_or(in->rule_number, 0);
    struct ec2_network_acl_entry *found = find_entry(&acl, opt_bool_or(in->egress, false), number);
    if (!found || number == LAST_RULE)
        return refuse_entry(c, in->rule_number);
    TRY(common_dry_run(c, in->dry_run));
    size_t at = (size_t)(found - acl.entries.items);
    memmove(found, found + 1, (acl.entries.len - at - 1) * sizeof(*found));
    acl.entries.len--;
    resource_save(c, &resource, &acl);
    return 0;
}

int ec2_replace_network_acl_association(struct call *c, const struct ec2_replace_network_acl_association_in *in,
                                        struct ec2_replace_network_acl_association_out *out)
{
    struct resource from, to;
    struct ec2_network_acl old = {0}, new = {0};
    slice id = resource_with(c, KIND_NETWORK_ACL, "association.association-id", in->association_id);
    slice subnet_id = {NULL, 0};
    if (!id.ptr || !resource_find(c, KIND_NETWORK_ACL, id, &from, &old))
        return fail(c, &ec2_invalid_association_id_not_found, "The association ID '%.*s' does not exist",
                    SLICE_ARG(in->association_id));
    TRY(resource_get(c, KIND_NETWORK_ACL, in->network_acl_id, &to, &new));
    if (!slice_eq(old.vpc_id, new.vpc_id))
        return fail(c, &ec2_invalid_parameter_value, "network ACL %.*s and the subnet belong to different networks",
                    SLICE_ARG(in->network_acl_id));
    TRY(common_dry_run(c, in->dry_run));
    for (size_t i = 0; i < old.associations.len; i++) {
        if (!slice_eq(old.associations.items[i].network_acl_association_id, in->association_id))
            continue;
        subnet_id = old.associations.items[i].subnet_id;
        drop(&old, i);
        break;
    }
    bool same = slice_eq(from.id, to.id);
    out->new_association_id = associate(c, same ? &old : &new, subnet_id);
    resource_save(c, &from, &old);
    if (!same)
        resource_save(c, &to, &new);
    return 0;
}
