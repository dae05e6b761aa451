/* rule: security group rules as resources: reading them, showing them as a group's permissions, and matching. What the
 * operations do with them is in rule_change.c. */
#include "services/ec2/ec2.h"

static bool same_opt(struct opt_int a, struct opt_int b)
{
    return a.set == b.set && (!a.set || a.v == b.v);
}

static slice referenced(const struct ec2_security_group_rule *rule)
{
    return rule->referenced_group_info ? rule->referenced_group_info->group_id : (slice){NULL, 0};
}

bool rule_same(const struct ec2_security_group_rule *a, const struct ec2_security_group_rule *b)
{
    return opt_bool_or(a->is_egress, false) == opt_bool_or(b->is_egress, false) &&
           slice_eq(a->ip_protocol, b->ip_protocol) && same_opt(a->from_port, b->from_port) &&
           same_opt(a->to_port, b->to_port) && slice_eq(a->cidr_ipv4, b->cidr_ipv4) &&
           slice_eq(a->cidr_ipv6, b->cidr_ipv6) && slice_eq(a->prefix_list_id, b->prefix_list_id) &&
           slice_eq(referenced(a), referenced(b));
}

struct rule_list rule_of_group(struct call *c, slice group_id)
{
    struct rule_list rules = {0};
    struct resource_list list = resource_in(c, EC2_SQL_RESOURCE_PART_OF, group_id, KIND_SECURITY_GROUP_RULE);
    list_foreach (resource, &list) {
        struct rule *rule = list_add(c->arena, &rules);
        rule->resource = *resource;
        resource_read(c, resource, &rule->doc);
    }
    return rules;
}

void rule_add(struct call *c, const struct ec2_security_group *group, struct ec2_security_group_rule *rule)
{
    struct resource resource = {.kind = KIND_SECURITY_GROUP_RULE, .id = resource_new_id(c, KIND_SECURITY_GROUP_RULE)};
    rule->security_group_rule_id = resource.id;
    rule->security_group_rule_arn = resource_arn(c, KIND_SECURITY_GROUP_RULE, resource.id);
    rule->group_id = group->group_id;
    rule->group_owner_id = c->account;
    rule->tags.set = true;
    resource_save(c, &resource, rule);
}

bool rule_is_referenced(struct call *c, slice group_id)
{
    struct db_rows rows = db_query(c->db, EC2_SQL_FACET_FIND, "iitt", resource_scope(c),
                                   (int64_t)KIND_SECURITY_GROUP_RULE, S("referenced-group-id"), group_id);
    bool found = false;
    struct ec2_security_group_rule rule;
    while (!found && db_next(&rows)) {
        struct db_rows one = db_query(c->db, EC2_SQL_RESOURCE_GET_ROW, "i", db_int(&rows, 0));
        struct resource resource = {.kind = KIND_SECURITY_GROUP_RULE};
        if (db_next(&one))
            resource.text = db_text(&one, 0);
        db_done(&one);
        rule = (struct ec2_security_group_rule){0};
        resource_read(c, &resource, &rule);
        found = !slice_eq(rule.group_id, group_id);
    }
    db_done(&rows);
    return found;
}

/* Other protocols have no ports in a group's permissions, although the rules as resources show -1 for them. */
static bool shows_ports(slice protocol)
{
    return slice_eq(protocol, S("tcp")) || slice_eq(protocol, S("udp")) || slice_starts(protocol, S("icmp"));
}

static struct ec2_ip_permission *permission_for(struct call *c, struct ec2_ip_permission_list *list,
                                                const struct ec2_security_group_rule *rule)
{
    struct opt_int from = {0}, to = {0};
    if (shows_ports(rule->ip_protocol)) {
        from = rule->from_port;
        to = rule->to_port;
    }
    list_foreach (permission, list) {
        if (slice_eq(permission->ip_protocol, rule->ip_protocol) && same_opt(permission->from_port, from) &&
            same_opt(permission->to_port, to))
            return permission;
    }
    struct ec2_ip_permission *permission = list_add(c->arena, list);
    permission->ip_protocol = rule->ip_protocol;
    permission->from_port = from;
    permission->to_port = to;
    permission->ip_ranges.set = permission->ipv6_ranges.set = permission->prefix_list_ids.set =
        permission->user_id_group_pairs.set = true;
    return permission;
}

void rule_show(struct call *c, const struct ec2_security_group_rule *rule, struct ec2_ip_permission_list *list)
{
    struct ec2_ip_permission *permission = permission_for(c, list, rule);
    if (rule->cidr_ipv4.ptr) {
        struct ec2_ip_range *range = list_add(c->arena, &permission->ip_ranges);
        range->cidr_ip = rule->cidr_ipv4;
        range->description = rule->description;
    } else if (rule->cidr_ipv6.ptr) {
        struct ec2_ipv6_range *range = list_add(c->arena, &permission->ipv6_ranges);
        range->cidr_ipv6 = rule->cidr_ipv6;
        range->description = rule->description;
    } else if (rule->prefix_list_id.ptr) {
        struct ec2_prefix_list_id *prefix = list_add(c->arena, &permission->prefix_list_ids);
        prefix->prefix_list_id = rule->prefix_list_id;
        prefix->description = rule->description;
    } else if (rule->referenced_group_info) {
        struct ec2_user_id_group_pair *pair = list_add(c->arena, &permission->user_id_group_pairs);
        pair->group_id = rule->referenced_group_info->group_id;
        pair->user_id = rule->referenced_group_info->user_id;
        pair->description = rule->description;
    }
}

void rule_fill_group(struct call *c, struct ec2_security_group *group)
{
    struct rule_list rules = rule_of_group(c, group->group_id);
    group->ip_permissions = (struct ec2_ip_permission_list){.set = true};
    group->ip_permissions_egress = (struct ec2_ip_permission_list){.set = true};
    list_foreach (rule, &rules) {
        bool egress = opt_bool_or(rule->doc.is_egress, false);
        rule_show(c, &rule->doc, egress ? &group->ip_permissions_egress : &group->ip_permissions);
    }
}

int ec2_describe_security_group_rules(struct call *c, const struct ec2_describe_security_group_rules_in *in,
                                      struct ec2_describe_security_group_rules_out *out)
{
    struct listing listing = {.kind = KIND_SECURITY_GROUP_RULE,
                              .ids = &in->security_group_rule_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->security_group_rules, &out->next_token);
}
