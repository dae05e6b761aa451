/* zone: regions and their availability zones. AWS gives each account its own order of zones; here it is always the
 * same.
 */
#include "services/ec2/ec2.h"

struct region {
    const char *name;
    const char *zone_prefix; /* of zone ids */
    const char *zones;       /* letter and number of each zone */
    bool opt_in;
};

static const struct region regions[] = {
    {"us-east-1", "use1", "a1b2c4d6e3f5", false}, {"us-east-2", "use2", "a1b2c3", false},
    {"us-west-1", "usw1", "a1c3", false},         {"us-west-2", "usw2", "a2b1c3d4", false},
    {"af-south-1", "afs1", "a1b2c3", true},       {"ap-east-1", "ape1", "a1b2c3", true},
    {"ap-northeast-1", "apne1", "a4c1d2", false}, {"ap-northeast-2", "apne2", "a1b2c3d4", false},
    {"ap-northeast-3", "apne3", "a3b1c2", false}, {"ap-south-1", "aps1", "a1b3c2", false},
    {"ap-south-2", "aps2", "a1b2c3", true},       {"ap-southeast-1", "apse1", "a1b2c3", false},
    {"ap-southeast-2", "apse2", "a1b3c2", false}, {"ap-southeast-3", "apse3", "a1b2c3", true},
    {"ap-southeast-4", "apse4", "a1b2c3", true},  {"ca-central-1", "cac1", "a1b2d4", false},
    {"ca-west-1", "caw1", "a1b2c3", true},        {"eu-central-1", "euc1", "a2b3c1", false},
    {"eu-central-2", "euc2", "a1b2c3", true},     {"eu-north-1", "eun1", "a1b2c3", false},
    {"eu-south-1", "eus1", "a1b2c3", true},       {"eu-south-2", "eus2", "a1b2c3", true},
    {"eu-west-1", "euw1", "a1b2c3", false},       {"eu-west-2", "euw2", "a2b3c1", false},
    {"eu-west-3", "euw3", "a1b2c3", false},       {"il-central-1", "ilc1", "a1b2c3", true},
    {"me-central-1", "mec1", "a1b2c3", true},     {"me-south-1", "mes1", "a1b2c3", true},
    {"sa-east-1", "sae1", "a1b2c3", false},
};

enum { N_REGIONS = sizeof(regions) / sizeof(*regions) };

/* A region that AWS does not have has three zones. */
static const struct region *region_of(slice name)
{
    static const struct region unknown = {"", "zone1", "a1b2c3", false};
    for (size_t i = 0; i < N_REGIONS; i++) {
        if (slice_eq(slice_of(regions[i].name), name))
            return &regions[i];
    }
    return &unknown;
}

struct zone_list zone_list(struct call *c)
{
    struct zone_list list = {0};
    const struct region *region = region_of(c->region);
    for (const char *at = region->zones; *at; at += 2)
        *list_add(c->arena, &list) = (struct zone){arena_printf(c->arena, "%.*s%c", SLICE_ARG(c->region), at[0]),
                                                   arena_printf(c->arena, "%s-az%c", region->zone_prefix, at[1])};
    return list;
}

int zone_get(struct call *c, slice name, slice id, struct zone *zone)
{
    struct zone_list all = zone_list(c);
    slice names = S("");
    list_foreach (one, &all) {
        bool first = !name.ptr && !id.ptr;
        if (first || (name.ptr && slice_eq(one->name, name)) || (id.ptr && slice_eq(one->id, id))) {
            *zone = *one;
            return 0;
        }
        names = arena_printf(c->arena, "%.*s%s%.*s", SLICE_ARG(names), names.len > 0 ? ", " : "", SLICE_ARG(one->name));
    }
    return fail(c, &ec2_invalid_parameter_value,
                "Value (%.*s) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
                "following availability zones: %.*s.",
                SLICE_ARG(name.ptr ? name : id), SLICE_ARG(names));
}

static bool zone_value(const void *item, slice filter, slice *value)
{
    const struct ec2_availability_zone *zone = item;
    const struct {
        slice name, value;
    } values[] = {{S("zone-name"), zone->zone_name},         {S("zone-id"), zone->zone_id},
                  {S("zone-type"), zone->zone_type},         {S("state"), zone->state},
                  {S("region-name"), zone->region_name},     {S("group-name"), zone->group_name},
                  {S("opt-in-status"), zone->opt_in_status}, {S("message"), {NULL, 0}},
                  {S("parent-zone-id"), {NULL, 0}},          {S("parent-zone-name"), {NULL, 0}}};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        if (slice_eq(values[i].name, filter)) {
            *value = values[i].value;
            return true;
        }
    }
    return false;
}

static bool includes(const slice *items, size_t len, slice text)
{
    for (size_t i = 0; i < len; i++) {
        if (slice_eq(items[i], text))
            return true;
    }
    return len == 0;
}

/* Every zone that was named must exist. */
static int check_zones(struct call *c, const struct zone_list *all, const struct ec2_describe_availability_zones_in *in)
{
    list_foreach (name, &in->zone_names) {
        bool known = false;
        list_foreach (zone, all)
            known = known || slice_eq(zone->name, *name);
        if (!known)
            return fail(c, &ec2_invalid_parameter_value, "Invalid availability zone: [%.*s]", SLICE_ARG(*name));
    }
    list_foreach (id, &in->zone_ids) {
        bool known = false;
        list_foreach (zone, all)
            known = known || slice_eq(zone->id, *id);
        if (!known)
            return fail(c, &ec2_invalid_parameter_value, "Invalid availability zone-id: [%.*s]", SLICE_ARG(*id));
    }
    return 0;
}

int ec2_describe_availability_zones(struct call *c, const struct ec2_describe_availability_zones_in *in,
                                    struct ec2_describe_availability_zones_out *out)
{
    struct zone_list all = zone_list(c);
    TRY(check_zones(c, &all, in));
    TRY(common_dry_run(c, in->dry_run));
    out->availability_zones.set = true;
    list_foreach (zone, &all) {
        bool matches;
        struct ec2_availability_zone shown = {
            .opt_in_status = S("opt-in-not-required"),
            .region_name = c->region,
            .zone_name = zone->name,
            .zone_id = zone->id,
            .group_name = arena_concat(c->arena, c->region, S("-zg-1")),
            .network_border_group = c->region,
            .zone_type = S("availability-zone"),
            .state = S("available"),
            .messages = {.set = true},
        };
        TRY(listing_check(c, &in->filters, zone_value, &shown, &matches));
        if (matches && includes(in->zone_names.items, in->zone_names.len, zone->name) &&
            includes(in->zone_ids.items, in->zone_ids.len, zone->id))
            *list_add(c->arena, &out->availability_zones) = shown;
    }
    return 0;
}

static bool region_value(const void *item, slice filter, slice *value)
{
    const struct ec2_region *region = item;
    bool name = slice_eq(filter, S("region-name")), endpoint = slice_eq(filter, S("endpoint"));
    *value = name ? region->region_name : endpoint ? region->endpoint : region->opt_in_status;
    return name || endpoint || slice_eq(filter, S("opt-in-status"));
}

int ec2_describe_regions(struct call *c, const struct ec2_describe_regions_in *in, struct ec2_describe_regions_out *out)
{
    list_foreach (name, &in->region_names) {
        if (!region_of(*name)->name[0])
            return fail(c, &ec2_invalid_parameter_value, "Invalid region provided: %.*s", SLICE_ARG(*name));
    }
    TRY(common_dry_run(c, in->dry_run));
    out->regions.set = true;
    for (size_t i = 0; i < N_REGIONS; i++) {
        bool matches;
        slice name = slice_of(regions[i].name);
        struct ec2_region shown = {
            .region_name = name,
            .endpoint = arena_printf(c->arena, "ec2.%.*s.amazonaws.com", SLICE_ARG(name)),
            .opt_in_status = regions[i].opt_in ? S("not-opted-in") : S("opt-in-not-required"),
        };
        TRY(listing_check(c, &in->filters, region_value, &shown, &matches));
        bool wanted = in->region_names.len > 0 || !regions[i].opt_in || opt_bool_or(in->all_regions, false);
        if (matches && wanted && includes(in->region_names.items, in->region_names.len, name))
            *list_add(c->arena, &out->regions) = shown;
    }
    return 0;
}
