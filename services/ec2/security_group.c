/* security_group: security groups. Their rules are resources of their own, in rule.c; a group's document repeats them
 * as permissions. */
#include "services/ec2/ec2.h"

enum { MAX_NAME = 255 };

static slice make(struct call *c, struct ec2_security_group *group)
{
    struct resource resource = {.kind = KIND_SECURITY_GROUP, .id = resource_new_id(c, KIND_SECURITY_GROUP)};
    struct ec2_security_group_rule egress = {.is_egress = opt_bool(true),
                                             .ip_protocol = S("-1"),
                                             .from_port = opt_int(-1),
                                             .to_port = opt_int(-1),
                                             .cidr_ipv4 = S("0.0.0.0/0")};
    group->group_id = resource.id;
    group->owner_id = c->account;
    group->security_group_arn = resource_arn(c, KIND_SECURITY_GROUP, resource.id);
    group->ip_permissions.set = group->ip_permissions_egress.set = group->tags.set = true;
    resource_save(c, &resource, group);
    rule_add(c, group, &egress);
    return resource.id;
}

void security_group_make_default(struct call *c, slice vpc_id)
{
    struct ec2_security_group group = {
        .group_name = S("default"), .description = S("default VPC security group"), .vpc_id = vpc_id};
    make(c, &group);
    struct ec2_security_group_rule ingress = {
        .is_egress = opt_bool(false), .ip_protocol = S("-1"), .from_port = opt_int(-1), .to_port = opt_int(-1)};
    ingress.referenced_group_info = arena_alloc(c->arena, sizeof(*ingress.referenced_group_info));
    ingress.referenced_group_info->group_id = group.group_id;
    ingress.referenced_group_info->user_id = c->account;
    rule_add(c, &group, &ingress);
    security_group_refresh(c, group.group_id);
}

void security_group_refresh(struct call *c, slice group_id)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    if (!resource_find(c, KIND_SECURITY_GROUP, group_id, &resource, &group))
        return;
    rule_fill_group(c, &group);
    resource_save(c, &resource, &group);
}

bool security_group_find_named(struct call *c, slice vpc_id, slice name, struct ec2_security_group *group)
{
    struct resource resource = {.kind = KIND_SECURITY_GROUP};
    struct db_rows rows = db_query(c->db, EC2_SQL_RESOURCE_NAMED, "iittt", resource_scope(c),
                                   (int64_t)KIND_SECURITY_GROUP, S("group-name"), name, vpc_id);
    bool found = db_next(&rows);
    if (found) {
        resource.row = db_int(&rows, 0);
        resource.text = db_text(&rows, 1);
    }
    db_done(&rows);
    *group = (struct ec2_security_group){0};
    if (found)
        resource_read(c, &resource, group);
    return found;
}

/* Letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* */
static bool is_text(slice text)
{
    static const char others[] = " ._-:/()#,@[]+=&;{}!$*";
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool word = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!word && (!ch || !strchr(others, ch)))
            return false;
    }
    return text.len > 0 && text.len <= MAX_NAME;
}

static int check_texts(struct call *c, const struct ec2_create_security_group_in *in)
{
    if (!in->group_name.ptr)
        return common_missing(c, "groupName");
    if (!in->description.ptr)
        return common_missing(c, "groupDescription");
    if (!is_text(in->group_name))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.",
                    SLICE_ARG(in->group_name));
    if (slice_starts(in->group_name, S("sg-")))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter GroupName is invalid. Group names may not be in the format sg-*.",
                    SLICE_ARG(in->group_name));
    if (!is_text(in->description))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value (%.*s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not "
                    "supported.",
                    SLICE_ARG(in->description));
    return 0;
}

int ec2_create_security_group(struct call *c, const struct ec2_create_security_group_in *in,
                              struct ec2_create_security_group_out *out)
{
    struct resource resource;
    struct ec2_vpc vpc = {0};
    struct ec2_security_group other, group = {.group_name = in->group_name, .description = in->description};
    slice vpc_id = in->vpc_id.ptr ? in->vpc_id : resource_with(c, KIND_VPC, "is-default", S("true"));
    TRY(check_texts(c, in));
    if (!vpc_id.ptr)
        return fail(c, &ec2_vpc_id_not_specified, "No default VPC for this user");
    TRY(resource_get(c, KIND_VPC, vpc_id, &resource, &vpc));
    if (slice_eq(in->group_name, S("default")))
        return fail(c, &ec2_invalid_group_reserved, "The security group 'default' is reserved");
    if (security_group_find_named(c, vpc_id, in->group_name, &other))
        return fail(c, &ec2_invalid_group_duplicate, "The security group '%.*s' already exists for VPC '%.*s'",
                    SLICE_ARG(in->group_name), SLICE_ARG(vpc_id));
    TRY(common_tags(c, KIND_SECURITY_GROUP, &in->tag_specifications, &group.tags));
    TRY(common_dry_run(c, in->dry_run));
    group.vpc_id = vpc_id;
    out->group_id = make(c, &group);
    security_group_refresh(c, out->group_id);
    out->security_group_arn = group.security_group_arn;
    out->tags = group.tags;
    return 0;
}

/* Names stand for groups of the default VPC. */
static int describe_named(struct call *c, const struct ec2_describe_security_groups_in *in,
                          struct ec2_describe_security_groups_out *out)
{
    slice vpc_id = resource_with(c, KIND_VPC, "is-default", S("true"));
    out->security_groups.set = true;
    list_foreach (name, &in->group_names) {
        struct ec2_security_group group;
        if (!security_group_find_named(c, vpc_id, *name, &group))
            return fail(c, &ec2_invalid_group_not_found,
                        "The security group '%.*s' does not exist in default VPC '%.*s'", SLICE_ARG(*name),
                        SLICE_ARG(vpc_id));
        *list_add(c->arena, &out->security_groups) = group;
    }
    return 0;
}

int ec2_describe_security_groups(struct call *c, const struct ec2_describe_security_groups_in *in,
                                 struct ec2_describe_security_groups_out *out)
{
    struct listing listing = {.kind = KIND_SECURITY_GROUP,
                              .ids = &in->group_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    if (in->group_names.len > 0)
        return describe_named(c, in, out);
    return listing_run(c, &listing, &out->security_groups, &out->next_token);
}

int security_group_get(struct call *c, slice id, slice name, struct resource *resource,
                       struct ec2_security_group *group)
{
    if (!id.ptr && name.ptr) {
        slice vpc_id = resource_with(c, KIND_VPC, "is-default", S("true"));
        struct ec2_security_group found;
        if (!security_group_find_named(c, vpc_id, name, &found))
            return fail(c, &ec2_invalid_group_not_found,
                        "The security group '%.*s' does not exist in default VPC '%.*s'", SLICE_ARG(name),
                        SLICE_ARG(vpc_id));
        id = found.group_id;
    }
    if (!id.ptr)
        return fail(c, &ec2_missing_parameter, "The request must contain the parameter groupId or groupName");
    return resource_get(c, KIND_SECURITY_GROUP, id, resource, group);
}

int ec2_delete_security_group(struct call *c, const struct ec2_delete_security_group_in *in,
                              struct ec2_delete_security_group_out *out)
{
    struct resource resource;
    struct ec2_security_group group = {0};
    TRY(security_group_get(c, in->group_id, in->group_name, &resource, &group));
    if (slice_eq(group.group_name, S("default")))
        return fail(c, &ec2_cannot_delete,
                    "the specified group: \"%.*s\" name: \"default\" cannot be deleted by a user",
                    SLICE_ARG(group.group_id));
    if (resource_with(c, KIND_NETWORK_INTERFACE, "group-id", group.group_id).ptr ||
        rule_is_referenced(c, group.group_id))
        return fail(c, &ec2_dependency_violation, "resource %.*s has a dependent object", SLICE_ARG(group.group_id));
    TRY(common_dry_run(c, in->dry_run));
    struct resource_list rules = resource_in(c, EC2_SQL_RESOURCE_PART_OF, group.group_id, KIND_SECURITY_GROUP_RULE);
    list_foreach (rule, &rules)
        resource_delete(c, rule);
    resource_delete(c, &resource);
    out->return_ = opt_bool(true);
    out->group_id = group.group_id;
    return 0;
}
