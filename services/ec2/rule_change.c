/* rule_change: authorizing, revoking, modifying and describing security group rules. */
#include "services/ec2/ec2.h"

enum { MAX_RULES = 60, MAX_PORT = 65535 };

/* Both directions and both styles of Authorize and Revoke. */
struct order {
    bool egress;
    const struct ec2_ip_permission_list *permissions;
    slice protocol, cidr, source_group;
    struct opt_int from, to;
};

struct doc_list {
    struct ec2_security_group_rule *items;
    size_t len;
    bool set;
};

static int read_protocol(struct call *c, slice text, slice *protocol)
{
    static const struct {
        slice number, name;
    } names[] = {
        {S("6"), S("tcp")}, {S("17"), S("udp")}, {S("1"), S("icmp")}, {S("58"), S("icmpv6")}, {S("all"), S("-1")}};
    int64_t number;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (slice_eq_nocase(text, names[i].number) || slice_eq_nocase(text, names[i].name)) {
            *protocol = names[i].name;
            return 0;
        }
    }
    if (!slice_to_int64(text, &number) || number < 0 || number > 255)
        return fail(c, &ec2_invalid_parameter_value, "Invalid value '%.*s' for IP protocol. Unknown protocol.",
                    SLICE_ARG(text));
    *protocol = text;
    return 0;
}

static bool has_ports(slice protocol)
{
    return slice_eq(protocol, S("tcp")) || slice_eq(protocol, S("udp"));
}

static bool is_icmp(slice protocol)
{
    return slice_eq(protocol, S("icmp")) || slice_eq(protocol, S("icmpv6"));
}

static int read_ports(struct call *c, slice protocol, struct opt_int from, struct opt_int to,
                      struct ec2_security_group_rule *rule)
{
    rule->from_port = rule->to_port = opt_int(-1);
    if (is_icmp(protocol)) {
        rule->from_port = opt_int(opt_int_or(from, -1));
        rule->to_port = opt_int(opt_int_or(to, -1));
        return 0;
    }
    if (!has_ports(protocol))
        return 0;
    if (!from.set || !to.set)
        return fail(c, &ec2_invalid_parameter_value,
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
    if (from.v < 0 || from.v > MAX_PORT || to.v < 0 || to.v > MAX_PORT)
        return fail(c, &ec2_invalid_parameter_value, "Invalid value '%lld' for port. Must be between 0 and %d.",
                    (long long)(from.v < 0 || from.v > MAX_PORT ? from.v : to.v), MAX_PORT);
    if (from.v > to.v)
        return fail(c, &ec2_invalid_parameter_value, "Invalid TCP/UDP port range (%lld:%lld)", (long long)from.v,
                    (long long)to.v);
    rule->from_port = from;
    rule->to_port = to;
    return 0;
}

static int read_cidr(struct call *c, slice text, slice *cidr)
{
    struct cidr range;
    if (!cidr_parse(text, &range))
        return fail(c, &ec2_invalid_parameter_value, "CIDR block %.*s is malformed", SLICE_ARG(text));
    *cidr = cidr_text(c->arena, cidr_canonical(range));
    return 0;
}

static int read_cidr6(struct call *c, slice text, slice *cidr)
{
    *cidr = cidr_canonical6(c->arena, text);
    return cidr->ptr ? 0 : fail(c, &ec2_invalid_parameter_value, "CIDR block %.*s is malformed", SLICE_ARG(text));
}

static int read_pair(struct call *c, const struct ec2_security_group *group, const struct ec2_user_id_group_pair *pair,
                     struct ec2_security_group_rule *rule)
{
    struct resource resource;
    struct ec2_security_group other = {0};
    slice id = pair->group_id;
    if (!id.ptr && pair->group_name.ptr) {
        if (!security_group_find_named(c, group->vpc_id, pair->group_name, &other))
            return fail(c, &ec2_invalid_group_not_found, "The security group '%.*s' does not exist",
                        SLICE_ARG(pair->group_name));
        id = other.group_id;
    }
    if (!id.ptr)
        return common_missing(c, "groupId");
    bool foreign = pair->user_id.ptr && !slice_eq(pair->user_id, c->account);
    if (!foreign)
        TRY(resource_get(c, KIND_SECURITY_GROUP, id, &resource, &other));
    rule->referenced_group_info = arena_alloc(c->arena, sizeof(*rule->referenced_group_info));
    rule->referenced_group_info->group_id = id;
    rule->referenced_group_info->user_id = foreign ? pair->user_id : c->account;
    rule->description = pair->description;
    return 0;
}

static struct ec2_security_group_rule *add(struct call *c, struct doc_list *docs,
                                           const struct ec2_security_group_rule *common, slice description)
{
    struct ec2_security_group_rule *rule = list_add(c->arena, docs);
    *rule = *common;
    rule->description = description;
    return rule;
}

/* One permission stands for a rule per range, prefix list and group. */
static int read_permission(struct call *c, const struct ec2_security_group *group, bool egress,
                           const struct ec2_ip_permission *permission, struct doc_list *docs)
{
    struct ec2_security_group_rule common = {.is_egress = opt_bool(egress)};
    size_t before = docs->len;
    if (!permission->ip_protocol.ptr)
        return common_missing(c, "ipProtocol");
    TRY(read_protocol(c, permission->ip_protocol, &common.ip_protocol));
    TRY(read_ports(c, common.ip_protocol, permission->from_port, permission->to_port, &common));
    list_foreach (range, &permission->ip_ranges)
        TRY(read_cidr(c, range->cidr_ip, &add(c, docs, &common, range->description)->cidr_ipv4));
    list_foreach (range, &permission->ipv6_ranges)
        TRY(read_cidr6(c, range->cidr_ipv6, &add(c, docs, &common, range->description)->cidr_ipv6));
    list_foreach (prefix, &permission->prefix_list_ids) {
        struct resource resource;
        struct ec2_managed_prefix_list list = {0};
        TRY(resource_get(c, KIND_PREFIX_LIST, prefix->prefix_list_id, &resource, &list));
        add(c, docs, &common, prefix->description)->prefix_list_id = prefix->prefix_list_id;
    }
    list_foreach (pair, &permission->user_id_group_pairs)
        TRY(read_pair(c, group, pair, add(c, docs, &common, pair->description)));
    if (docs->len == before)
        return fail(c, &ec2_missing_parameter,
                    "Source group ID missing. The request must contain a range, a prefix list or a group.");
    return 0;
}

static int read_order(struct call *c, const struct ec2_security_group *group, const struct order *order,
                      struct doc_list *docs)
{
    list_foreach (permission, order->permissions)
        TRY(read_permission(c, group, order->egress, permission, docs));
    if (order->permissions->len > 0)
        return 0;
    if (!order->protocol.ptr && !order->source_group.ptr)
        return common_missing(c, "ipPermissions");
    struct ec2_ip_range range = {.cidr_ip = order->cidr};
    struct ec2_user_id_group_pair pair = {.group_name = order->source_group};
    struct ec2_ip_permission permission = {
        .ip_protocol = order->protocol.ptr ? order->protocol : S("-1"),
        .from_port = order->from,
        .to_port = order->to,
        .ip_ranges = {&range, order->cidr.ptr ? 1 : 0, true},
        .user_id_group_pairs = {&pair, order->source_group.ptr ? 1 : 0, true},
    };
    return read_permission(c, group, order->egress, &permission, docs);
}

static slice describe_peer(struct call *c, const struct ec2_security_group_rule *rule)
{
    slice peer = rule->cidr_ipv4.ptr        ? rule->cidr_ipv4
                 : rule->cidr_ipv6.ptr      ? rule->cidr_ipv6
                 : rule->prefix_list_id.ptr ? rule->prefix_list_id
                                            : rule->referenced_group_info->group_id;
    bool all = slice_eq(rule->ip_protocol, S("-1"));
    char protocol[8] = "ALL";
    for (size_t i = 0; !all && i <= rule->ip_protocol.len && i < sizeof(protocol) - 1; i++) {
        char ch = i < rule->ip_protocol.len ? rule->ip_protocol.ptr[i] : 0;
        protocol[i] = ch >= 'a' && ch <= 'z' ? (char)(ch - 32) : ch;
    }
    if (all)
        return arena_printf(c->arena, "peer: %.*s, ALL, ALLOW", SLICE_ARG(peer));
    return arena_printf(c->arena, "peer: %.*s, %s, from port: %lld, to port: %lld, ALLOW", SLICE_ARG(peer), protocol,
                        (long long)rule->from_port.v, (long long)rule->to_port.v);
}

static int check_new(struct call *c, const struct rule_list *existing, const struct doc_list *docs)
{
    size_t same_direction = 0;
    for (size_t i = 0; i < docs->len; i++) {
        for (size_t j = 0; j < i; j++) {
            if (rule_same(&docs->items[i], &docs->items[j]))
                return fail(c, &ec2_invalid_parameter_value, "The same permission must not appear multiple times");
        }
        same_direction = 0;
        list_foreach (rule, existing) {
            if (rule_same(&rule->doc, &docs->items[i]))
                return fail(c, &ec2_invalid_permission_duplicate, "the specified rule \"%.*s\" already exists",
                            SLICE_ARG(describe_peer(c, &docs->items[i])));
            same_direction += opt_bool_or(rule->doc.is_egress, false) == opt_bool_or(docs->items[i].is_egress, false);
        }
    }
    if (same_direction + docs->len > MAX_RULES)
        return fail(c, &ec2_rules_per_security_group_limit_exceeded,
                    "The maximum number of rules per security group has been reached.");
    return 0;
}

static int authorize(struct call *c, const struct ec2_security_group *group, const struct order *order,
                     const struct ec2_tag_specification_list *tags, struct opt_bool dry_run,
                     struct ec2_security_group_rule_list *shown)
{
    struct doc_list docs = {0};
    struct ec2_tag_list given;
    TRY(read_order(c, group, order, &docs));
    struct rule_list existing = rule_of_group(c, group->group_id);
    TRY(check_new(c, &existing, &docs));
    TRY(common_tags(c, KIND_SECURITY_GROUP_RULE, tags, &given));
    TRY(common_dry_run(c, dry_run));
    shown->set = true;
    list_foreach (doc, &docs) {
        doc->tags = given;
        rule_add(c, group, doc);
        *list_add(c->arena, shown) = *doc;
    }
    security_group_refresh(c, group->group_id);
    return 0;
}

#define ORDER_OF(in, is_egress)                                                                                        \
    {                                                                                                                  \
        .egress = is_egress, .permissions = &(in)->ip_permissions, .protocol = (in)->ip_protocol,                      \
        .cidr = (in)->cidr_ip, .source_group = (in)->source_security_group_name, .from = (in)->from_port,              \
        .to = (in)->to_port,                                                                                           \
    }

int ec2_authorize_security_group_ingress(struct call *c, const struct ec2_authorize_security_group_ingress_in *in,
                                         struct ec2_authorize_security_group_ingress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = ORDER_OF(in, false);
    TRY(security_group_get(c, in->group_id, in->group_name, &resource, &group));
    TRY(authorize(c, &group, &order, &in->tag_specifications, in->dry_run, &out->security_group_rules));
    out->return_ = opt_bool(true);
    return 0;
}

int ec2_authorize_security_group_egress(struct call *c, const struct ec2_authorize_security_group_egress_in *in,
                                        struct ec2_authorize_security_group_egress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = ORDER_OF(in, true);
    TRY(security_group_get(c, in->group_id, (slice){NULL, 0}, &resource, &group));
    TRY(authorize(c, &group, &order, &in->tag_specifications, in->dry_run, &out->security_group_rules));
    out->return_ = opt_bool(true);
    return 0;
}

static void show_revoked(struct call *c, const struct ec2_security_group_rule *rule,
                         struct ec2_revoked_security_group_rule_list *revoked)
{
    struct ec2_revoked_security_group_rule *shown = list_add(c->arena, revoked);
    shown->security_group_rule_id = rule->security_group_rule_id;
    shown->group_id = rule->group_id;
    shown->is_egress = rule->is_egress;
    shown->ip_protocol = rule->ip_protocol;
    shown->from_port = rule->from_port;
    shown->to_port = rule->to_port;
    shown->cidr_ipv4 = rule->cidr_ipv4;
    shown->cidr_ipv6 = rule->cidr_ipv6;
    shown->prefix_list_id = rule->prefix_list_id;
    shown->referenced_group_id = rule->referenced_group_info ? rule->referenced_group_info->group_id : (slice){NULL, 0};
    shown->description = rule->description;
}

/* What a Revoke answers, in either direction. */
struct revoked {
    struct ec2_revoked_security_group_rule_list *rules;
    struct ec2_ip_permission_list *unknown;
};

static int revoke_ids(struct call *c, const struct ec2_security_group *group, bool egress,
                      const struct ec2_security_group_rule_id_list *ids, const struct revoked *revoked)
{
    list_foreach (id, ids) {
        struct resource resource;
        struct ec2_security_group_rule rule = {0};
        TRY(resource_get(c, KIND_SECURITY_GROUP_RULE, *id, &resource, &rule));
        if (!slice_eq(rule.group_id, group->group_id) || opt_bool_or(rule.is_egress, false) != egress)
            return fail(c, &ec2_invalid_security_group_rule_id_not_found,
                        "The security group rule ID '%.*s' does not exist", SLICE_ARG(*id));
        show_revoked(c, &rule, revoked->rules);
        resource_delete(c, &resource);
    }
    return 0;
}

static const struct rule *find_rule(const struct rule_list *rules, const struct ec2_security_group_rule *wanted)
{
    list_foreach (rule, rules) {
        if (rule_same(&rule->doc, wanted))
            return rule;
    }
    return NULL;
}

static int revoke_permissions(struct call *c, const struct ec2_security_group *group, const struct order *order,
                              const struct revoked *revoked)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    struct doc_list docs = {0};
    TRY(read_order(c, group, order, &docs));
    struct rule_list existing = rule_of_group(c, group->group_id);
    bool lenient = resource_find(c, KIND_VPC, group->vpc_id, &resource, &vpc) && opt_bool_or(vpc.is_default, false);
    list_foreach (doc, &docs) {
        const struct rule *rule = find_rule(&existing, doc);
        if (!rule && !lenient)
            return fail(c, &ec2_invalid_permission_not_found,
                        "The specified rule does not exist in this security group.");
        if (!rule) {
            rule_show(c, doc, revoked->unknown);
            continue;
        }
        show_revoked(c, &rule->doc, revoked->rules);
        resource_delete(c, &rule->resource);
    }
    return 0;
}

static int revoke(struct call *c, const struct ec2_security_group *group, const struct order *order,
                  const struct ec2_security_group_rule_id_list *ids, const struct revoked *revoked)
{
    revoked->rules->set = revoked->unknown->set = true;
    if (ids->len > 0)
        TRY(revoke_ids(c, group, order->egress, ids, revoked));
    else
        TRY(revoke_permissions(c, group, order, revoked));
    security_group_refresh(c, group->group_id);
    return 0;
}

int ec2_revoke_security_group_ingress(struct call *c, const struct ec2_revoke_security_group_ingress_in *in,
                                      struct ec2_revoke_security_group_ingress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = ORDER_OF(in, false);
    struct revoked revoked = {&out->revoked_security_group_rules, &out->unknown_ip_permissions};
    TRY(security_group_get(c, in->group_id, in->group_name, &resource, &group));
    TRY(common_dry_run(c, in->dry_run));
    TRY(revoke(c, &group, &order, &in->security_group_rule_ids, &revoked));
    out->return_ = opt_bool(true);
    return 0;
}

int ec2_revoke_security_group_egress(struct call *c, const struct ec2_revoke_security_group_egress_in *in,
                                     struct ec2_revoke_security_group_egress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = ORDER_OF(in, true);
    struct revoked revoked = {&out->revoked_security_group_rules, &out->unknown_ip_permissions};
    TRY(security_group_get(c, in->group_id, (slice){NULL, 0}, &resource, &group));
    TRY(common_dry_run(c, in->dry_run));
    TRY(revoke(c, &group, &order, &in->security_group_rule_ids, &revoked));
    out->return_ = opt_bool(true);
    return 0;
}

static int apply_request(struct call *c, const struct ec2_security_group *group,
                         const struct ec2_security_group_rule_request *request, struct ec2_security_group_rule *rule)
{
    struct ec2_security_group_rule changed = {.security_group_rule_id = rule->security_group_rule_id,
                                              .security_group_rule_arn = rule->security_group_rule_arn,
                                              .group_id = rule->group_id,
                                              .group_owner_id = rule->group_owner_id,
                                              .is_egress = rule->is_egress,
                                              .tags = rule->tags};
    if (!request || !request->ip_protocol.ptr)
        return common_missing(c, "ipProtocol");
    TRY(read_protocol(c, request->ip_protocol, &changed.ip_protocol));
    TRY(read_ports(c, changed.ip_protocol, request->from_port, request->to_port, &changed));
    if (request->cidr_ipv4.ptr)
        TRY(read_cidr(c, request->cidr_ipv4, &changed.cidr_ipv4));
    else if (request->cidr_ipv6.ptr)
        TRY(read_cidr6(c, request->cidr_ipv6, &changed.cidr_ipv6));
    else if (request->prefix_list_id.ptr)
        changed.prefix_list_id = request->prefix_list_id;
    else if (request->referenced_group_id.ptr) {
        struct ec2_user_id_group_pair pair = {.group_id = request->referenced_group_id};
        TRY(read_pair(c, group, &pair, &changed));
    } else
        return common_missing(c, "cidrIpv4");
    changed.description = request->description;
    *rule = changed;
    return 0;
}

int ec2_modify_security_group_rules(struct call *c, const struct ec2_modify_security_group_rules_in *in,
                                    struct ec2_modify_security_group_rules_out *out)
{
    struct resource group_resource;
    struct ec2_security_group group = {0};
    TRY(security_group_get(c, in->group_id, (slice){NULL, 0}, &group_resource, &group));
    if (in->security_group_rules.len == 0)
        return common_missing(c, "securityGroupRule");
    TRY(common_dry_run(c, in->dry_run));
    list_foreach (update, &in->security_group_rules) {
        struct resource resource;
        struct ec2_security_group_rule rule = {0};
        TRY(resource_get(c, KIND_SECURITY_GROUP_RULE, update->security_group_rule_id, &resource, &rule));
        if (!slice_eq(rule.group_id, group.group_id))
            return fail(c, &ec2_invalid_security_group_rule_id_not_found,
                        "The security group rule ID '%.*s' does not exist", SLICE_ARG(update->security_group_rule_id));
        TRY(apply_request(c, &group, update->security_group_rule, &rule));
        resource_save(c, &resource, &rule);
    }
    security_group_refresh(c, group.group_id);
    out->return_ = opt_bool(true);
    return 0;
}

/* New descriptions, of rules named by id or by what they allow. */
static int set_descriptions(struct call *c, const struct ec2_security_group *group, const struct order *order,
                            const struct ec2_security_group_rule_description_list *by_id)
{
    struct doc_list docs = {0};
    list_foreach (one, by_id) {
        struct resource resource;
        struct ec2_security_group_rule rule = {0};
        TRY(resource_get(c, KIND_SECURITY_GROUP_RULE, one->security_group_rule_id, &resource, &rule));
        rule.description = one->description;
        resource_save(c, &resource, &rule);
    }
    if (by_id->len == 0)
        TRY(read_order(c, group, order, &docs));
    struct rule_list existing = rule_of_group(c, group->group_id);
    list_foreach (doc, &docs) {
        const struct rule *found = find_rule(&existing, doc);
        if (!found)
            return fail(c, &ec2_invalid_permission_not_found,
                        "The specified rule does not exist in this security group.");
        struct resource resource = found->resource;
        struct ec2_security_group_rule rule = found->doc;
        rule.description = doc->description;
        resource_save(c, &resource, &rule);
    }
    security_group_refresh(c, group->group_id);
    return 0;
}

int ec2_update_security_group_rule_descriptions_ingress(
    struct call *c, const struct ec2_update_security_group_rule_descriptions_ingress_in *in,
    struct ec2_update_security_group_rule_descriptions_ingress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = {.permissions = &in->ip_permissions};
    TRY(security_group_get(c, in->group_id, in->group_name, &resource, &group));
    TRY(common_dry_run(c, in->dry_run));
    TRY(set_descriptions(c, &group, &order, &in->security_group_rule_descriptions));
    out->return_ = opt_bool(true);
    return 0;
}

int ec2_update_security_group_rule_descriptions_egress(
    struct call *c, const struct ec2_update_security_group_rule_descriptions_egress_in *in,
    struct ec2_update_security_group_rule_descriptions_egress_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    struct order order = {.egress = true, .permissions = &in->ip_permissions};
    TRY(security_group_get(c, in->group_id, in->group_name, &resource, &group));
    TRY(common_dry_run(c, in->dry_run));
    TRY(set_descriptions(c, &group, &order, &in->security_group_rule_descriptions));
    out->return_ = opt_bool(true);
    return 0;
}
