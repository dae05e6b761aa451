/* absent: what clusters do not have here: services and their deployments, container instances and their attributes,
 * daemons, capacity providers but Fargate's two. Programs that list or clean up an account are told that there are
 * none. */
#include "services/ecs/ecs.h"

enum { MAX_SERVICES = 10, MAX_INSTANCES = 100, MAX_DEPLOYMENTS = 20 };

static int cluster_has_none(struct call *c, slice cluster_name)
{
    struct cluster cluster;
    return cluster_get(c, cluster_name, &cluster);
}

#define ABSENT(operation, cluster_member)                                                                              \
    int ecs_##operation(struct call *c, const struct ecs_##operation##_in *in, struct ecs_##operation##_out *out)      \
    {                                                                                                                  \
        (void)out;                                                                                                     \
        return cluster_has_none(c, in->cluster_member);                                                                \
    }
ABSENT(list_services, cluster)
ABSENT(list_container_instances, cluster)
ABSENT(list_attributes, cluster)

/* Daemons are those of all clusters when none is named. */
int ecs_list_daemons(struct call *c, const struct ecs_list_daemons_in *in, struct ecs_list_daemons_out *out)
{
    (void)out;
    return in->cluster_arn.ptr ? cluster_has_none(c, in->cluster_arn) : 0;
}

int ecs_list_daemon_task_definitions(struct call *c, const struct ecs_list_daemon_task_definitions_in *in,
                                     struct ecs_list_daemon_task_definitions_out *out)
{
    (void)c, (void)in, (void)out;
    return 0;
}

static void add_missing(struct call *c, slice arn, struct ecs_failures *failures)
{
    struct ecs_failure *failure = list_add(c->arena, failures);
    failure->arn = arn;
    failure->reason = S("MISSING");
}

static void add_all_missing(struct call *c, const char *kind, slice cluster, const struct ecs_string_list *names,
                            struct ecs_failures *failures)
{
    list_foreach (name, names) {
        slice rest = cluster.ptr ? arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(cluster), SLICE_ARG(*name)) : *name;
        add_missing(c, slice_starts(*name, S("arn:")) ? *name : arn_make(c, kind, rest), failures);
    }
}

static int check_count(struct call *c, const char *what, size_t count, size_t most)
{
    if (count == 0)
        return fail(c, &ecs_invalid_parameter, "%s cannot be empty.", what);
    return count <= most ? 0 : fail(c, &ecs_invalid_parameter, "%s cannot have more than %zu elements", what, most);
}

int ecs_describe_services(struct call *c, const struct ecs_describe_services_in *in,
                          struct ecs_describe_services_out *out)
{
    struct cluster cluster;
    TRY(check_count(c, "Services", in->services.len, MAX_SERVICES));
    TRY(cluster_get(c, in->cluster, &cluster));
    add_all_missing(c, "service", cluster.name, &in->services, &out->failures);
    return 0;
}

int ecs_describe_container_instances(struct call *c, const struct ecs_describe_container_instances_in *in,
                                     struct ecs_describe_container_instances_out *out)
{
    struct cluster cluster;
    TRY(check_count(c, "Container instances", in->container_instances.len, MAX_INSTANCES));
    TRY(cluster_get(c, in->cluster, &cluster));
    add_all_missing(c, "container-instance", cluster.name, &in->container_instances, &out->failures);
    return 0;
}

int ecs_describe_task_sets(struct call *c, const struct ecs_describe_task_sets_in *in,
                           struct ecs_describe_task_sets_out *out)
{
    (void)out;
    TRY(cluster_has_none(c, in->cluster));
    return fail(c, &ecs_service_not_found, "Service not found.");
}

int ecs_list_service_deployments(struct call *c, const struct ecs_list_service_deployments_in *in,
                                 struct ecs_list_service_deployments_out *out)
{
    (void)out;
    TRY(cluster_has_none(c, in->cluster));
    return fail(c, &ecs_service_not_found, "Service not found.");
}

int ecs_describe_service_deployments(struct call *c, const struct ecs_describe_service_deployments_in *in,
                                     struct ecs_describe_service_deployments_out *out)
{
    TRY(check_count(c, "Service deployments", in->service_deployment_arns.len, MAX_DEPLOYMENTS));
    list_foreach (arn, &in->service_deployment_arns)
        add_missing(c, *arn, &out->failures);
    return 0;
}

int ecs_describe_service_revisions(struct call *c, const struct ecs_describe_service_revisions_in *in,
                                   struct ecs_describe_service_revisions_out *out)
{
    if (in->service_revision_arns.len == 0)
        return fail(c, &ecs_invalid_parameter, "The Service ARN provided is invalid.");
    if (in->service_revision_arns.len > MAX_DEPLOYMENTS)
        return fail(c, &ecs_invalid_parameter, "Service Revision ARN count cannot exceed %d", MAX_DEPLOYMENTS);
    list_foreach (arn, &in->service_revision_arns)
        add_missing(c, *arn, &out->failures);
    return 0;
}

static const slice fargate[] = {S("FARGATE"), S("FARGATE_SPOT")};
enum { N_FARGATE = sizeof(fargate) / sizeof(*fargate) };

static void show_fargate(struct call *c, slice name, struct ecs_capacity_providers *out)
{
    struct ecs_capacity_provider *provider = list_add(c->arena, out);
    provider->capacity_provider_arn = arn_make(c, "capacity-provider", name);
    provider->name = name;
    provider->status = S("ACTIVE");
    provider->type = name;
    provider->tags.set = true;
}

static bool is_fargate(slice name_or_arn, slice *name)
{
    *name = slice_starts(name_or_arn, S("arn:")) ? arn_last(name_or_arn) : name_or_arn;
    for (size_t i = 0; i < N_FARGATE; i++) {
        if (slice_eq(fargate[i], *name))
            return true;
    }
    return false;
}

/* Without names, all: Fargate's two are in every account. */
int ecs_describe_capacity_providers(struct call *c, const struct ecs_describe_capacity_providers_in *in,
                                    struct ecs_describe_capacity_providers_out *out)
{
    slice name;
    if (in->cluster.ptr)
        TRY(cluster_has_none(c, in->cluster));
    if (in->capacity_providers.len == 0) {
        for (size_t i = 0; i < N_FARGATE; i++)
            show_fargate(c, fargate[i], &out->capacity_providers);
        return 0;
    }
    list_foreach (given, &in->capacity_providers) {
        if (is_fargate(*given, &name))
            show_fargate(c, name, &out->capacity_providers);
        else
            add_missing(c, arn_make(c, "capacity-provider", name), &out->failures);
    }
    return 0;
}
