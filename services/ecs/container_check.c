/* container_check: what AWS refuses in one container of a task definition. What concerns all of them together, and the
 * defaults, are in definition_check.c. */
#include "services/ecs/ecs.h"
#include "services/ecs/leniency.h"

enum { MAX_STOP_TIMEOUT = 120, MIN_START_TIMEOUT = 2, MAX_PORT = 65535, MIN_MEMORY_MIB = 4, MAX_IGNORED_CODES = 50 };

static bool is_fargate(const struct ecs_task_definition *doc)
{
    struct slice_list wanted = {doc->requires_compatibilities.items, doc->requires_compatibilities.len, true};
    return ecs_includes(&wanted, S("FARGATE"));
}

static const struct ecs_container_definition *find_container(const struct ecs_task_definition *doc, slice name)
{
    list_foreach (container, &doc->container_definitions) {
        if (slice_eq(container->name, name))
            return container;
    }
    return NULL;
}

static int check_range(struct call *c, slice name, const char *setting, struct opt_int value, int64_t min, int64_t max)
{
    if (!value.set || (value.v >= min && value.v <= max))
        return 0;
    return fail(c, &ecs_client, "Invalid '%s' setting for container '%.*s': it must be between %lld and %lld.", setting,
                SLICE_ARG(name), (long long)min, (long long)max);
}

static int check_memory(struct call *c, const struct ecs_task_definition *doc,
                        const struct ecs_container_definition *container)
{
    bool unlimited = !doc->memory.ptr && !container->memory.set && !container->memory_reservation.set;
    if (container->memory.set && container->memory.v < MIN_MEMORY_MIB)
        return fail(c, &ecs_client, "Invalid setting for container '%.*s'. 'memory' must be at least %d.",
                    SLICE_ARG(container->name), MIN_MEMORY_MIB);
    if (unlimited && !leniency_on(c, ECS_LENIENCY_NO_MEMORY))
        return fail(
            c, &ecs_client,
            "Invalid setting for container '%.*s'. At least one of 'memory' or 'memoryReservation' must be specified.",
            SLICE_ARG(container->name));
    if (container->memory.set && container->memory_reservation.set &&
        container->memory.v < container->memory_reservation.v)
        return fail(
            c, &ecs_client,
            "Invalid setting for container '%.*s'. The 'memory' must be greater than or equal to 'memoryReservation'.",
            SLICE_ARG(container->name));
    return 0;
}

static int check_times(struct call *c, const struct ecs_container_definition *container)
{
    const struct ecs_container_restart_policy *restart = container->restart_policy;
    TRY(check_range(c, container->name, "stopTimeout", container->stop_timeout, 0, MAX_STOP_TIMEOUT));
    TRY(check_range(c, container->name, "startTimeout", container->start_timeout, MIN_START_TIMEOUT, INT32_MAX));
    if (!restart)
        return 0;
    if (restart->ignored_exit_codes.len > MAX_IGNORED_CODES)
        return fail(c, &ecs_client, "Invalid 'ignoredExitCodes' setting for container '%.*s': there are more than %d.",
                    SLICE_ARG(container->name), MAX_IGNORED_CODES);
    return check_range(c, container->name, "restartAttemptPeriod", restart->restart_attempt_period, 60, 1800);
}

static int check_health(struct call *c, const struct ecs_container_definition *container)
{
    const struct ecs_health_check *health = container->health_check;
    static const slice kinds[] = {S("CMD"), S("CMD-SHELL"), S("NONE")};
    if (!health)
        return 0;
    bool known = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && health->command.len > 0; i++)
        known = known || slice_eq(health->command.items[0], kinds[i]);
    if (!known)
        return fail(
            c, &ecs_client,
            "Invalid 'healthCheck' setting for container '%.*s': the command must begin with CMD, CMD-SHELL or NONE.",
            SLICE_ARG(container->name));
    TRY(check_range(c, container->name, "healthCheck.interval", health->interval, 5, 300));
    TRY(check_range(c, container->name, "healthCheck.timeout", health->timeout, 2, 60));
    TRY(check_range(c, container->name, "healthCheck.retries", health->retries, 1, 10));
    return check_range(c, container->name, "healthCheck.startPeriod", health->start_period, 0, 300);
}

static int check_ports(struct call *c, const struct ecs_task_definition *doc,
                       const struct ecs_container_definition *container)
{
    bool own_address = slice_eq(doc->network_mode, S("awsvpc"));
    if (own_address && container->links.len > 0)
        return fail(c, &ecs_client, "Links are not supported when networkMode=awsvpc.");
    list_foreach (port, &container->port_mappings) {
        TRY(check_range(c, container->name, "containerPort", port->container_port, 0, MAX_PORT));
        TRY(check_range(c, container->name, "hostPort", port->host_port, 0, MAX_PORT));
        if (own_address && port->host_port.set &&
            port->host_port.v != opt_int_or(port->container_port, port->host_port.v))
            return fail(c, &ecs_client,
                        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.");
    }
    return 0;
}

static bool has_option(const struct ecs_log_configuration *log, const char *name)
{
    list_foreach (option, &log->options) {
        if (slice_eq(option->key, slice_of(name)))
            return true;
    }
    return false;
}

static int check_log(struct call *c, const struct ecs_task_definition *doc,
                     const struct ecs_container_definition *container)
{
    static const slice fargate_drivers[] = {S("awslogs"), S("splunk"), S("awsfirelens")};
    static const char *const required[] = {"awslogs-group", "awslogs-region", "awslogs-stream-prefix"};
    const struct ecs_log_configuration *log = container->log_configuration;
    bool fargate = is_fargate(doc), able = !fargate;
    if (!log)
        return 0;
    for (size_t i = 0; i < sizeof(fargate_drivers) / sizeof(*fargate_drivers); i++)
        able = able || slice_eq(log->log_driver, fargate_drivers[i]);
    if (!able)
        return fail(c, &ecs_client,
                    "Fargate only supports the log drivers awslogs, splunk and awsfirelens, not '%.*s'.",
                    SLICE_ARG(log->log_driver));
    if (!slice_eq(log->log_driver, S("awslogs")))
        return 0;
    for (size_t i = 0; i < (fargate ? 3 : 2); i++) {
        bool may_lack = i == 1 && leniency_on(c, ECS_LENIENCY_NO_LOG_REGION);
        if (!has_option(log, required[i]) && !may_lack)
            return fail(c, &ecs_client, "Log driver awslogs requires options: %s", required[i]);
    }
    return 0;
}

/* A path is a C string to whoever opens it: what it says behind a NUL would not count. */
static int check_path(struct call *c, const struct ecs_container_definition *container, const char *member, slice path)
{
    if (slice_index(path, '\0') == path.len)
        return 0;
    return fail(c, &ecs_client, "Invalid '%s' setting for container '%.*s': it contains invalid characters.", member,
                SLICE_ARG(container->name));
}

static int check_paths(struct call *c, const struct ecs_container_definition *container)
{
    TRY(check_path(c, container, "workingDirectory", container->working_directory));
    list_foreach (mount, &container->mount_points)
        TRY(check_path(c, container, "mountPoints", mount->container_path));
    if (!container->linux_parameters)
        return 0;
    list_foreach (memory, &container->linux_parameters->tmpfs)
        TRY(check_path(c, container, "tmpfs", memory->container_path));
    return 0;
}

static int check_volumes(struct call *c, const struct ecs_task_definition *doc,
                         const struct ecs_container_definition *container)
{
    TRY(check_paths(c, container));
    list_foreach (mount, &container->mount_points) {
        bool known = false;
        list_foreach (volume, &doc->volumes)
            known = known || slice_eq(volume->name, mount->source_volume);
        if (!known)
            return fail(c, &ecs_client, "Unknown volume '%.*s'.", SLICE_ARG(mount->source_volume));
        if (slice_empty(mount->container_path))
            return fail(c, &ecs_client, "Invalid 'mountPoints' setting for container '%.*s': containerPath is missing.",
                        SLICE_ARG(container->name));
    }
    list_foreach (from, &container->volumes_from) {
        const struct ecs_container_definition *other = find_container(doc, from->source_container);
        if (!other || other == container)
            return fail(c, &ecs_client,
                        "Invalid 'volumesFrom' setting for container '%.*s': there is no other container '%.*s'.",
                        SLICE_ARG(container->name), SLICE_ARG(from->source_container));
    }
    return 0;
}

static int check_dependencies(struct call *c, const struct ecs_task_definition *doc,
                              const struct ecs_container_definition *container)
{
    list_foreach (dependency, &container->depends_on) {
        const struct ecs_container_definition *other = find_container(doc, dependency->container_name);
        if (!other || other == container)
            return fail(c, &ecs_client,
                        "Invalid 'dependsOn' setting for container '%.*s': there is no other container '%.*s'.",
                        SLICE_ARG(container->name), SLICE_ARG(dependency->container_name));
        if (slice_eq(dependency->condition, S("HEALTHY")) && !other->health_check)
            return fail(c, &ecs_client, "Container '%.*s' depends on '%.*s' being HEALTHY, which has no health check.",
                        SLICE_ARG(container->name), SLICE_ARG(other->name));
        bool ends = slice_eq(dependency->condition, S("COMPLETE")) || slice_eq(dependency->condition, S("SUCCESS"));
        if (ends && opt_bool_or(other->essential, true))
            return fail(c, &ecs_client, "A container that others wait for to end ('%.*s') must not be essential.",
                        SLICE_ARG(other->name));
    }
    return 0;
}

static int check_environment(struct call *c, const struct ecs_container_definition *container)
{
    list_foreach (variable, &container->environment) {
        if (slice_empty(variable->name) || slice_index(variable->name, '=') < variable->name.len)
            return fail(c, &ecs_client,
                        "Invalid 'environment' setting for container '%.*s': '%.*s' is no name of a variable.",
                        SLICE_ARG(container->name), SLICE_ARG(variable->name));
    }
    return 0;
}

/* On Fargate nothing gives a container more rights, but for what a debugger needs. */
slice container_check_fargate(struct arena *arena, const struct ecs_container_definition *container)
{
    const struct ecs_linux_parameters *parameters = container->linux_parameters;
    const struct ecs_kernel_capabilities *capabilities = parameters ? parameters->capabilities : NULL;
    const struct {
        const char *name;
        bool given;
    } members[] = {
        {"'privileged'", opt_bool_or(container->privileged, false)},
        {"dockerSecurityOptions", container->docker_security_options.len > 0},
        {"devices", parameters && parameters->devices.len > 0},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (members[i].given)
            return arena_printf(arena, "Fargate compatible task definitions do not support %s.", members[i].name);
    }
    for (size_t i = 0; capabilities && i < capabilities->add.len; i++) {
        slice name = capabilities->add.items[i];
        if (!slice_eq(name, S("SYS_PTRACE")))
            return arena_printf(arena, "%.*s is not allowed on Fargate.", SLICE_ARG(name));
    }
    return (slice){NULL, 0};
}

int container_check(struct call *c, const struct ecs_task_definition *doc,
                    const struct ecs_container_definition *container)
{
    if (slice_empty(container->image))
        return fail(c, &ecs_client, "Container.image should not be null or empty.");
    if (find_container(doc, container->name) != container)
        return fail(c, &ecs_client, "Container names must be unique: '%.*s'.", SLICE_ARG(container->name));
    slice refused = is_fargate(doc) ? container_check_fargate(c->arena, container) : (slice){NULL, 0};
    if (refused.ptr)
        return fail(c, &ecs_client, "%.*s", SLICE_ARG(refused));
    TRY(check_memory(c, doc, container));
    TRY(check_times(c, container));
    TRY(check_health(c, container));
    TRY(check_ports(c, doc, container));
    TRY(check_log(c, doc, container));
    TRY(check_environment(c, container));
    TRY(check_volumes(c, doc, container));
    return check_dependencies(c, doc, container);
}
