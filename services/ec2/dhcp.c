/* dhcp: DHCP option sets. */
#include "services/ec2/ec2.h"

static bool is_known_key(slice key)
{
    static const slice keys[] = {S("domain-name"),       S("domain-name-servers"),
                                 S("ntp-servers"),       S("netbios-name-servers"),
                                 S("netbios-node-type"), S("ipv6-address-preferred-lease-time")};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (slice_eq(keys[i], key))
            return true;
    }
    return false;
}

int ec2_create_dhcp_options(struct call *c, const struct ec2_create_dhcp_options_in *in,
                            struct ec2_create_dhcp_options_out *out)
{
    struct resource resource = {.kind = KIND_DHCP_OPTIONS};
    struct ec2_dhcp_options *options = out->dhcp_options = arena_alloc(c->arena, sizeof(*options));
    if (in->dhcp_configurations.len == 0)
        return common_missing(c, "dhcpConfiguration");
    list_foreach (given, &in->dhcp_configurations) {
        if (!given->key.ptr || !is_known_key(given->key))
            return fail(c, &ec2_invalid_parameter_value,
                        "Value (%.*s) for parameter name is invalid. Unknown DHCP option", SLICE_ARG(given->key));
        if (given->values.len == 0)
            return fail(c, &ec2_invalid_parameter_value, "Value () for parameter %.*s is invalid.",
                        SLICE_ARG(given->key));
        struct ec2_dhcp_configuration *shown = list_add(c->arena, &options->dhcp_configurations);
        shown->key = given->key;
        list_foreach (value, &given->values)
            list_add(c->arena, &shown->values)->value = *value;
    }
    TRY(common_tags(c, KIND_DHCP_OPTIONS, &in->tag_specifications, &options->tags));
    TRY(common_dry_run(c, in->dry_run));
    resource.id = options->dhcp_options_id = resource_new_id(c, KIND_DHCP_OPTIONS);
    options->owner_id = c->account;
    resource_save(c, &resource, options);
    return 0;
}

int ec2_describe_dhcp_options(struct call *c, const struct ec2_describe_dhcp_options_in *in,
                              struct ec2_describe_dhcp_options_out *out)
{
    struct listing listing = {.kind = KIND_DHCP_OPTIONS,
                              .ids = &in->dhcp_options_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->dhcp_options, &out->next_token);
}

int ec2_delete_dhcp_options(struct call *c, const struct ec2_delete_dhcp_options_in *in,
                            struct ec2_delete_dhcp_options_out *out)
{
    struct resource resource;
    struct ec2_dhcp_options options = {0};
    (void)out;
    TRY(resource_get(c, KIND_DHCP_OPTIONS, in->dhcp_options_id, &resource, &options));
    if (resource_with(c, KIND_VPC, "dhcp-options-id", in->dhcp_options_id).ptr)
        return fail(c, &ec2_dependency_violation, "The dhcpOptions '%.*s' has dependencies and cannot be deleted.",
                    SLICE_ARG(in->dhcp_options_id));
    TRY(common_dry_run(c, in->dry_run));
    resource_delete(c, &resource);
    return 0;
}

int ec2_associate_dhcp_options(struct call *c, const struct ec2_associate_dhcp_options_in *in,
                               struct ec2_associate_dhcp_options_out *out)
{
    struct resource resource, options_resource;
    struct ec2_vpc vpc = {0};
    struct ec2_dhcp_options options = {0};
    (void)out;
    TRY(resource_get(c, KIND_VPC, in->vpc_id, &resource, &vpc));
    slice id = slice_eq(in->dhcp_options_id, S("default")) ? vpc_default_dhcp_options(c) : in->dhcp_options_id;
    TRY(resource_get(c, KIND_DHCP_OPTIONS, id, &options_resource, &options));
    TRY(common_dry_run(c, in->dry_run));
    vpc.dhcp_options_id = id;
    resource_save(c, &resource, &vpc);
    return 0;
}
