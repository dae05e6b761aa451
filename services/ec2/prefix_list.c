/* prefix_list: the prefix lists that AWS keeps for its gateway endpoints. */
#include "services/ec2/ec2.h"

static const struct {
    const char *service;
    const char *id;
    const char *cidrs[2];
} lists[] = {
    {"s3", "pl-63a5400a", {"52.216.0.0/15", "54.231.0.0/16"}},
    {"dynamodb", "pl-02cd2c6b", {"52.94.0.0/22", "52.119.224.0/20"}},
};

enum { N_LISTS = sizeof(lists) / sizeof(*lists) };

static slice name_of(struct call *c, size_t i)
{
    return arena_printf(c->arena, "com.amazonaws.%.*s.%s", SLICE_ARG(c->region), lists[i].service);
}

slice prefix_list_of_service(struct call *c, slice service_name)
{
    for (size_t i = 0; i < N_LISTS; i++) {
        if (slice_eq(name_of(c, i), service_name))
            return slice_of(lists[i].id);
    }
    return (slice){NULL, 0};
}

void prefix_list_make_all(struct call *c)
{
    for (size_t i = 0; i < N_LISTS; i++) {
        struct resource resource = {.kind = KIND_PREFIX_LIST, .id = slice_of(lists[i].id)};
        struct ec2_managed_prefix_list list = {
            .prefix_list_id = resource.id,
            .address_family = S("IPv4"),
            .state = S("create-complete"),
            .prefix_list_arn =
                arena_printf(c->arena, "arn:aws:ec2:%.*s:aws:prefix-list/%s", SLICE_ARG(c->region), lists[i].id),
            .prefix_list_name = name_of(c, i),
            .owner_id = S("AWS"),
            .tags = {.set = true},
        };
        resource_save(c, &resource, &list);
    }
}

int ec2_describe_managed_prefix_lists(struct call *c, const struct ec2_describe_managed_prefix_lists_in *in,
                                      struct ec2_describe_managed_prefix_lists_out *out)
{
    struct listing listing = {.kind = KIND_PREFIX_LIST,
                              .ids = &in->prefix_list_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    return listing_run(c, &listing, &out->prefix_lists, &out->next_token);
}

/* The ranges of a list of AWS's. */
static void add_cidrs(struct call *c, slice id, struct ec2_value_string_list *cidrs)
{
    for (size_t i = 0; i < N_LISTS; i++) {
        for (size_t j = 0; j < 2 && slice_eq(slice_of(lists[i].id), id); j++)
            *list_add(c->arena, cidrs) = slice_of(lists[i].cidrs[j]);
    }
}

int ec2_describe_prefix_lists(struct call *c, const struct ec2_describe_prefix_lists_in *in,
                              struct ec2_describe_prefix_lists_out *out)
{
    struct ec2_managed_prefix_list_set found = {0};
    struct listing listing = {.kind = KIND_PREFIX_LIST,
                              .ids = &in->prefix_list_ids,
                              .filters = &in->filters,
                              .max_results = in->max_results,
                              .next_token = in->next_token,
                              .dry_run = in->dry_run};
    TRY(listing_run(c, &listing, &found, &out->next_token));
    out->prefix_lists.set = true;
    list_foreach (list, &found) {
        if (!slice_eq(list->owner_id, S("AWS")))
            continue;
        struct ec2_prefix_list *shown = list_add(c->arena, &out->prefix_lists);
        shown->prefix_list_id = list->prefix_list_id;
        shown->prefix_list_name = list->prefix_list_name;
        add_cidrs(c, list->prefix_list_id, &shown->cidrs);
    }
    return 0;
}

int ec2_get_managed_prefix_list_entries(struct call *c, const struct ec2_get_managed_prefix_list_entries_in *in,
                                        struct ec2_get_managed_prefix_list_entries_out *out)
{
    struct resource resource;
    struct ec2_managed_prefix_list list = {0};
    struct ec2_value_string_list cidrs = {0};
    TRY(resource_get(c, KIND_PREFIX_LIST, in->prefix_list_id, &resource, &list));
    TRY(common_dry_run(c, in->dry_run));
    out->entries.set = true;
    add_cidrs(c, list.prefix_list_id, &cidrs);
    list_foreach (cidr, &cidrs)
        list_add(c->arena, &out->entries)->cidr = *cidr;
    return 0;
}
