/* compute: what there is of instances and what belongs to them: nothing. Asking for all of them answers that; asking
 * for one by its id is AWS's error. */
#include "services/ec2/ec2.h"

static int refuse_id(struct call *c, const struct api_error *error, const char *what, slice id)
{
    return fail(c, error, "The %s '%.*s' does not exist", what, SLICE_ARG(id));
}

int ec2_describe_instances(struct call *c, const struct ec2_describe_instances_in *in,
                           struct ec2_describe_instances_out *out)
{
    TRY(common_dry_run(c, in->dry_run));
    if (in->instance_ids.len > 0)
        return refuse_id(c, &ec2_invalid_instance_id_not_found, "instance ID", in->instance_ids.items[0]);
    out->reservations.set = true;
    return 0;
}

int ec2_describe_images(struct call *c, const struct ec2_describe_images_in *in, struct ec2_describe_images_out *out)
{
    TRY(common_dry_run(c, in->dry_run));
    if (in->image_ids.len > 0)
        return fail(c, &ec2_invalid_amiid_not_found, "The image id '[%.*s]' does not exist",
                    SLICE_ARG(in->image_ids.items[0]));
    out->images.set = true;
    return 0;
}

int ec2_describe_key_pairs(struct call *c, const struct ec2_describe_key_pairs_in *in,
                           struct ec2_describe_key_pairs_out *out)
{
    TRY(common_dry_run(c, in->dry_run));
    if (in->key_names.len > 0)
        return refuse_id(c, &ec2_invalid_key_pair_not_found, "key pair", in->key_names.items[0]);
    if (in->key_pair_ids.len > 0)
        return refuse_id(c, &ec2_invalid_key_pair_not_found, "key pair", in->key_pair_ids.items[0]);
    out->key_pairs.set = true;
    return 0;
}

int ec2_describe_volumes(struct call *c, const struct ec2_describe_volumes_in *in, struct ec2_describe_volumes_out *out)
{
    TRY(common_dry_run(c, in->dry_run));
    if (in->volume_ids.len > 0)
        return refuse_id(c, &ec2_invalid_volume_not_found, "volume", in->volume_ids.items[0]);
    out->volumes.set = true;
    return 0;
}

static slice attribute_of(struct call *c, slice name)
{
    static const struct {
        slice name, value;
    } fixed[] = {{S("supported-platforms"), S("VPC")},
                 {S("vpc-max-security-groups-per-interface"), S("5")},
                 {S("max-elastic-ips"), S("5")},
                 {S("max-instances"), S("20")},
                 {S("vpc-max-elastic-ips"), S("5")}};
    if (slice_eq(name, S("default-vpc"))) {
        slice id = resource_with(c, KIND_VPC, "is-default", S("true"));
        return id.ptr ? id : S("none");
    }
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        if (slice_eq(fixed[i].name, name))
            return fixed[i].value;
    }
    return (slice){NULL, 0};
}

int ec2_describe_account_attributes(struct call *c, const struct ec2_describe_account_attributes_in *in,
                                    struct ec2_describe_account_attributes_out *out)
{
    static const slice all[] = {S("supported-platforms"), S("vpc-max-security-groups-per-interface"),
                                S("max-elastic-ips"),     S("max-instances"),
                                S("vpc-max-elastic-ips"), S("default-vpc")};
    size_t count = in->attribute_names.len > 0 ? in->attribute_names.len : sizeof(all) / sizeof(*all);
    TRY(common_dry_run(c, in->dry_run));
    out->account_attributes.set = true;
    for (size_t i = 0; i < count; i++) {
        slice name = in->attribute_names.len > 0 ? in->attribute_names.items[i] : all[i], value = attribute_of(c, name);
        if (!value.ptr)
            return fail(c, &ec2_invalid_parameter_value, "Value (%.*s) for parameter attribute is invalid.",
                        SLICE_ARG(name));
        struct ec2_account_attribute *shown = list_add(c->arena, &out->account_attributes);
        shown->attribute_name = name;
        list_add(c->arena, &shown->attribute_values)->attribute_value = value;
    }
    return 0;
}
