/* compute: what there is of images: none, in words of their own; and the attributes of an account, which are about
 * instances. */
#include "services/ec2/ec2.h"

int ec2_describe_images(struct call *c, const struct ec2_describe_images_in *in, struct ec2_describe_images_out *out)
{
    (void)out;
    TRY(common_dry_run(c, in->dry_run));
    if (in->image_ids.len == 0)
        return 0;
    return fail(c, &ec2_invalid_amiid_not_found, "The image id '[%.*s]' does not exist",
                SLICE_ARG(in->image_ids.items[0]));
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
