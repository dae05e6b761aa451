/* instance_type: what instance types there are: a table of common ones, since no instance is ever started. */
#include "services/ec2/ec2.h"

#include "common/page.h"

enum { MAX_PAGE = 100, MIN_PAGE = 5 };

struct type {
    slice name;
    slice architecture;
    slice hypervisor;
    slice network;
    int64_t cpus, threads_per_core, memory_mib, interfaces, addresses_per_interface;
    bool free_tier, burstable;
};

#define LOW S("Low to Moderate")
#define UP_TO_5 S("Up to 5 Gigabit")
#define UP_TO_10 S("Up to 10 Gigabit")
#define UP_TO_12 S("Up to 12.5 Gigabit")
#define X86 S("x86_64")
#define ARM S("arm64")
#define NITRO S("nitro")
#define XEN S("xen")

/* By name, which is the order of pages. */
static const struct type types[] = {
    {S("c5.2xlarge"), X86, NITRO, UP_TO_10, 8, 2, 16384, 4, 15, false, false},
    {S("c5.large"), X86, NITRO, UP_TO_10, 2, 2, 4096, 3, 10, false, false},
    {S("c5.xlarge"), X86, NITRO, UP_TO_10, 4, 2, 8192, 4, 15, false, false},
    {S("c6g.large"), ARM, NITRO, UP_TO_10, 2, 1, 4096, 3, 10, false, false},
    {S("c6i.large"), X86, NITRO, UP_TO_12, 2, 2, 4096, 3, 10, false, false},
    {S("c7g.large"), ARM, NITRO, UP_TO_12, 2, 1, 4096, 3, 10, false, false},
    {S("m5.2xlarge"), X86, NITRO, UP_TO_10, 8, 2, 32768, 4, 15, false, false},
    {S("m5.4xlarge"), X86, NITRO, UP_TO_10, 16, 2, 65536, 8, 30, false, false},
    {S("m5.large"), X86, NITRO, UP_TO_10, 2, 2, 8192, 3, 10, false, false},
    {S("m5.xlarge"), X86, NITRO, UP_TO_10, 4, 2, 16384, 4, 15, false, false},
    {S("m6g.large"), ARM, NITRO, UP_TO_10, 2, 1, 8192, 3, 10, false, false},
    {S("m6i.large"), X86, NITRO, UP_TO_12, 2, 2, 8192, 3, 10, false, false},
    {S("m6i.xlarge"), X86, NITRO, UP_TO_12, 4, 2, 16384, 4, 15, false, false},
    {S("m7g.large"), ARM, NITRO, UP_TO_12, 2, 1, 8192, 3, 10, false, false},
    {S("r5.large"), X86, NITRO, UP_TO_10, 2, 2, 16384, 3, 10, false, false},
    {S("r5.xlarge"), X86, NITRO, UP_TO_10, 4, 2, 32768, 4, 15, false, false},
    {S("r6i.large"), X86, NITRO, UP_TO_12, 2, 2, 16384, 3, 10, false, false},
    {S("t2.large"), X86, XEN, LOW, 2, 1, 8192, 3, 12, false, true},
    {S("t2.medium"), X86, XEN, LOW, 2, 1, 4096, 3, 6, false, true},
    {S("t2.micro"), X86, XEN, LOW, 1, 1, 1024, 2, 2, true, true},
    {S("t2.nano"), X86, XEN, LOW, 1, 1, 512, 2, 2, false, true},
    {S("t2.small"), X86, XEN, LOW, 1, 1, 2048, 3, 4, false, true},
    {S("t3.2xlarge"), X86, NITRO, UP_TO_5, 8, 2, 32768, 4, 15, false, true},
    {S("t3.large"), X86, NITRO, UP_TO_5, 2, 2, 8192, 3, 12, false, true},
    {S("t3.medium"), X86, NITRO, UP_TO_5, 2, 2, 4096, 3, 6, false, true},
    {S("t3.micro"), X86, NITRO, UP_TO_5, 2, 2, 1024, 2, 2, true, true},
    {S("t3.nano"), X86, NITRO, UP_TO_5, 2, 2, 512, 2, 2, false, true},
    {S("t3.small"), X86, NITRO, UP_TO_5, 2, 2, 2048, 3, 4, false, true},
    {S("t3.xlarge"), X86, NITRO, UP_TO_5, 4, 2, 16384, 4, 15, false, true},
    {S("t4g.large"), ARM, NITRO, UP_TO_5, 2, 1, 8192, 3, 12, false, true},
    {S("t4g.medium"), ARM, NITRO, UP_TO_5, 2, 1, 4096, 3, 6, false, true},
    {S("t4g.micro"), ARM, NITRO, UP_TO_5, 2, 1, 1024, 2, 2, false, true},
    {S("t4g.nano"), ARM, NITRO, UP_TO_5, 2, 1, 512, 2, 2, false, true},
    {S("t4g.small"), ARM, NITRO, UP_TO_5, 2, 1, 2048, 3, 4, false, true},
};

enum { N_TYPES = sizeof(types) / sizeof(*types) };

static void show(struct call *c, const struct type *type, struct ec2_instance_type_info *info)
{
    info->instance_type = type->name;
    info->current_generation = opt_bool(true);
    info->free_tier_eligible = opt_bool(type->free_tier);
    *list_add(c->arena, &info->supported_usage_classes) = S("on-demand");
    *list_add(c->arena, &info->supported_usage_classes) = S("spot");
    *list_add(c->arena, &info->supported_root_device_types) = S("ebs");
    *list_add(c->arena, &info->supported_virtualization_types) = S("hvm");
    info->bare_metal = info->instance_storage_supported = opt_bool(false);
    info->hypervisor = type->hypervisor;
    info->processor_info = arena_alloc(c->arena, sizeof(*info->processor_info));
    *list_add(c->arena, &info->processor_info->supported_architectures) = type->architecture;
    info->v_cpu_info = arena_alloc(c->arena, sizeof(*info->v_cpu_info));
    info->v_cpu_info->default_v_cpus = opt_int(type->cpus);
    info->v_cpu_info->default_cores = opt_int(type->cpus / type->threads_per_core);
    info->v_cpu_info->default_threads_per_core = opt_int(type->threads_per_core);
    info->memory_info = arena_alloc(c->arena, sizeof(*info->memory_info));
    info->memory_info->size_in_mi_b = opt_int(type->memory_mib);
    info->network_info = arena_alloc(c->arena, sizeof(*info->network_info));
    info->network_info->network_performance = type->network;
    info->network_info->maximum_network_interfaces = opt_int(type->interfaces);
    info->network_info->ipv4_addresses_per_interface = opt_int(type->addresses_per_interface);
    info->network_info->ipv6_addresses_per_interface = opt_int(type->addresses_per_interface);
    info->network_info->ipv6_supported = opt_bool(true);
    info->network_info->ena_support = slice_eq(type->hypervisor, NITRO) ? S("required") : S("unsupported");
    info->burstable_performance_supported = opt_bool(type->burstable);
    info->dedicated_hosts_supported = opt_bool(slice_eq(type->hypervisor, NITRO));
    info->auto_recovery_supported = opt_bool(true);
}

struct candidate {
    struct call *c;
    const struct type *type;
};

static slice number(struct call *c, int64_t n)
{
    return arena_printf(c->arena, "%lld", (long long)n);
}

static slice flag(bool value)
{
    return value ? S("true") : S("false");
}

static bool value_of(const void *item, slice filter, slice *value)
{
    const struct candidate *candidate = item;
    const struct type *type = candidate->type;
    struct call *c = candidate->c;
    const struct {
        slice filter, value;
    } values[] = {
        {S("instance-type"), type->name},
        {S("hypervisor"), type->hypervisor},
        {S("processor-info.supported-architecture"), type->architecture},
        {S("network-info.network-performance"), type->network},
        {S("supported-virtualization-type"), S("hvm")},
        {S("supported-root-device-type"), S("ebs")},
        {S("bare-metal"), S("false")},
        {S("instance-storage-supported"), S("false")},
        {S("current-generation"), S("true")},
        {S("free-tier-eligible"), flag(type->free_tier)},
        {S("burstable-performance-supported"), flag(type->burstable)},
        {S("vcpu-info.default-vcpus"), number(c, type->cpus)},
        {S("vcpu-info.default-cores"), number(c, type->cpus / type->threads_per_core)},
        {S("vcpu-info.default-threads-per-core"), number(c, type->threads_per_core)},
        {S("memory-info.size-in-mib"), number(c, type->memory_mib)},
        {S("network-info.maximum-network-interfaces"), number(c, type->interfaces)},
        {S("network-info.ipv4-addresses-per-interface"), number(c, type->addresses_per_interface)},
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        if (slice_eq(values[i].filter, filter)) {
            *value = values[i].value;
            return true;
        }
    }
    return false;
}

static bool is_asked(const struct ec2_describe_instance_types_in *in, slice name)
{
    list_foreach (asked, &in->instance_types) {
        if (slice_eq(*asked, name))
            return true;
    }
    return in->instance_types.len == 0;
}

static int check_names(struct call *c, const struct ec2_describe_instance_types_in *in)
{
    list_foreach (asked, &in->instance_types) {
        size_t i = 0;
        while (i < N_TYPES && !slice_eq(types[i].name, *asked))
            i++;
        if (i == N_TYPES)
            return fail(c, &ec2_invalid_instance_type, "The following supplied instance types do not exist: [%.*s]",
                        SLICE_ARG(*asked));
    }
    return 0;
}

static int check_page(struct call *c, const struct ec2_describe_instance_types_in *in, slice *after)
{
    if (in->max_results.set && in->instance_types.len > 0)
        return fail(c, &ec2_invalid_parameter_combination,
                    "The parameter instanceTypes cannot be used with the parameter maxResults");
    if (in->max_results.set && (in->max_results.v < MIN_PAGE || in->max_results.v > MAX_PAGE))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value ( %lld ) for parameter maxResults is invalid. Expecting a value between %d and %d.",
                    (long long)in->max_results.v, MIN_PAGE, MAX_PAGE);
    if (page_key(c->arena, c->operation->name, in->next_token, after) != 0)
        return fail(c, &ec2_invalid_next_token, "The token '%.*s' is invalid", SLICE_ARG(in->next_token));
    return 0;
}

int ec2_describe_instance_types(struct call *c, const struct ec2_describe_instance_types_in *in,
                                struct ec2_describe_instance_types_out *out)
{
    slice after;
    size_t limit = (size_t)opt_int_or(in->max_results, MAX_PAGE);
    TRY(check_names(c, in));
    TRY(check_page(c, in, &after));
    TRY(common_dry_run(c, in->dry_run));
    out->instance_types.set = true;
    for (size_t i = 0; i < N_TYPES; i++) {
        struct candidate candidate = {c, &types[i]};
        bool matches;
        TRY(listing_check(c, &in->filters, value_of, &candidate, &matches));
        if (!matches || !is_asked(in, types[i].name) || (after.len > 0 && slice_cmp(types[i].name, after) <= 0))
            continue;
        if (out->instance_types.len == limit) {
            out->next_token = page_token(c->arena, c->operation->name,
                                         out->instance_types.items[out->instance_types.len - 1].instance_type);
            break;
        }
        show(c, &types[i], list_add(c->arena, &out->instance_types));
    }
    return 0;
}
