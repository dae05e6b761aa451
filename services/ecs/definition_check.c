/* definition_check: what AWS refuses when a task definition is registered, and the defaults it adds. */
#include "services/ecs/ecs.h"

#include "common/conf.h"

#include <math.h>

enum { MAX_NAME = 255, MAX_CONTAINERS = 10, MAX_STOP_TIMEOUT = 120, MIB_PER_GIB = 1024, UNITS_PER_VCPU = 1024 };

static bool is_name(slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!letter && !(ch >= '0' && ch <= '9') && ch != '-' && ch != '_')
            return false;
    }
    return name.len > 0 && name.len <= MAX_NAME;
}

/* "1 vCPU", "1vcpu" → 1024; "2 GB" → 2048; plain numbers stay. */
static int normalise(struct call *c, const char *what, slice unit, int64_t factor, slice *text)
{
    double value;
    slice number = slice_trim(*text);
    int64_t scale = 1;
    if (!text->ptr)
        return 0;
    if (number.len > unit.len && slice_eq_nocase(slice_sub(number, number.len - unit.len, number.len), unit)) {
        number = slice_trim(slice_sub(number, 0, number.len - unit.len));
        scale = factor;
    }
    if (!slice_to_double(number, &value) || value <= 0 || value > 1e7 || value * (double)scale != floor(value * (double)scale))
        return fail(c, &ecs_client, "Invalid '%s' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.", what);
    *text = arena_printf(c->arena, "%lld", (long long)(value * (double)scale));
    return 0;
}

static bool fargate_fits(int64_t cpu, int64_t memory)
{
    static const struct {
        int16_t cpu;
        int32_t low, high, step;
    } table[] = {
        {512, 1024, 4096, 1024},     {1024, 2048, 8192, 1024},   {2048, 4096, 16384, 1024},
        {4096, 8192, 30720, 1024},   {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
    };
    if (cpu == 256)
        return memory == 512 || memory == 1024 || memory == 2048;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (table[i].cpu == cpu)
            return memory >= table[i].low && memory <= table[i].high && memory % table[i].step == 0;
    }
    return false;
}

static bool is_fargate(const struct ecs_task_definition *doc)
{
    int64_t cpu, memory;
    return slice_eq(doc->network_mode, S("awsvpc")) && slice_to_int64(doc->cpu, &cpu) && slice_to_int64(doc->memory, &memory) &&
           fargate_fits(cpu, memory);
}

static int check_fargate(struct call *c, const struct ecs_task_definition *doc)
{
    struct slice_list wanted = {doc->requires_compatibilities.items, doc->requires_compatibilities.len, true};
    if (!ecs_includes(&wanted, S("FARGATE")))
        return 0;
    if (!slice_eq(doc->network_mode, S("awsvpc")))
        return fail(c, &ecs_client, "Fargate only supports network mode 'awsvpc'.");
    if (!doc->cpu.ptr || !doc->memory.ptr)
        return fail(c, &ecs_client, "Fargate requires that '%s' be defined at the task level.", doc->cpu.ptr ? "memory" : "cpu");
    if (!is_fargate(doc))
        return fail(c, &ecs_client, "No Fargate configuration exists for given values: %.*s CPU, %.*s memory. See the Amazon ECS documentation for the valid values.",
                    SLICE_ARG(doc->cpu), SLICE_ARG(doc->memory));
    return 0;
}

static const struct ecs_container_definition *find_container(const struct ecs_task_definition *doc, slice name)
{
    list_foreach (container, &doc->container_definitions) {
        if (slice_eq(container->name, name))
            return container;
    }
    return NULL;
}

static int check_resources(struct call *c, const struct ecs_task_definition *doc, const struct ecs_container_definition *container)
{
    if (container->memory.set && container->memory.v < 4)
        return fail(c, &ecs_client, "Invalid setting for container '%.*s'. 'memory' must be at least 4.", SLICE_ARG(container->name));
    if (!doc->memory.ptr && !container->memory.set && !container->memory_reservation.set && !slice_eq(c->conf->profile, S("sockerless")))
        return fail(c, &ecs_client,
                    "Invalid setting for container '%.*s'. At least one of 'memory' or 'memoryReservation' must be specified.",
                    SLICE_ARG(container->name));
    if (container->memory.set && container->memory_reservation.set && container->memory.v < container->memory_reservation.v)
        return fail(c, &ecs_client, "Invalid setting for container '%.*s'. The 'memory' must be greater than or equal to 'memoryReservation'.",
                    SLICE_ARG(container->name));
    if (container->stop_timeout.set && (container->stop_timeout.v < 0 || container->stop_timeout.v > MAX_STOP_TIMEOUT))
        return fail(c, &ecs_client, "Invalid 'stopTimeout' setting for container '%.*s': it must be between 0 and %d seconds.",
                    SLICE_ARG(container->name), MAX_STOP_TIMEOUT);
    return 0;
}

static int check_log(struct call *c, const struct ecs_container_definition *container)
{
    const struct ecs_log_configuration *log = container->log_configuration;
    bool group = false, region = false;
    if (!log || !slice_eq(log->log_driver, S("awslogs")))
        return 0;
    list_foreach (option, &log->options) {
        group = group || slice_eq(option->key, S("awslogs-group"));
        region = region || slice_eq(option->key, S("awslogs-region"));
    }
    if (!group || !region)
        return fail(c, &ecs_client, "Log driver awslogs requires options: %s", group ? "awslogs-region" : "awslogs-group");
    return 0;
}

static int check_references(struct call *c, const struct ecs_task_definition *doc, const struct ecs_container_definition *container)
{
    list_foreach (mount, &container->mount_points) {
        bool known = false;
        list_foreach (volume, &doc->volumes)
            known = known || slice_eq(volume->name, mount->source_volume);
        if (!known)
            return fail(c, &ecs_client, "Unknown volume '%.*s'.", SLICE_ARG(mount->source_volume));
    }
    list_foreach (dependency, &container->depends_on) {
        const struct ecs_container_definition *other = find_container(doc, dependency->container_name);
        if (!other || other == container)
            return fail(c, &ecs_client, "Invalid 'dependsOn' setting for container '%.*s': there is no other container '%.*s'.",
                        SLICE_ARG(container->name), SLICE_ARG(dependency->container_name));
        if (slice_eq(dependency->condition, S("HEALTHY")) && !other->health_check)
            return fail(c, &ecs_client, "Container '%.*s' depends on '%.*s' being HEALTHY, which has no health check.",
                        SLICE_ARG(container->name), SLICE_ARG(other->name));
        bool ends = slice_eq(dependency->condition, S("COMPLETE")) || slice_eq(dependency->condition, S("SUCCESS"));
        if (ends && opt_bool_or(other->essential, true))
            return fail(c, &ecs_client, "A container that others wait for to end ('%.*s') must not be essential.", SLICE_ARG(other->name));
    }
    return 0;
}

static int check_container(struct call *c, const struct ecs_task_definition *doc, const struct ecs_container_definition *container)
{
    if (!container->name.ptr || !is_name(container->name))
        return fail(c, &ecs_client, container->name.len ? "Container.name contains invalid characters." : "Container.name should not be null or empty.");
    if (slice_empty(container->image))
        return fail(c, &ecs_client, "Container.image should not be null or empty.");
    if (find_container(doc, container->name) != container)
        return fail(c, &ecs_client, "Container names must be unique: '%.*s'.", SLICE_ARG(container->name));
    TRY(check_resources(c, doc, container));
    TRY(check_log(c, container));
    return check_references(c, doc, container);
}

/* Whether following dependsOn from `from` leads to `to` within as many steps as there are containers. */
static bool leads_to(const struct ecs_task_definition *doc, const struct ecs_container_definition *from, slice to, size_t steps)
{
    if (!from || steps == 0)
        return false;
    list_foreach (dependency, &from->depends_on) {
        if (slice_eq(dependency->container_name, to) ||
            leads_to(doc, find_container(doc, dependency->container_name), to, steps - 1))
            return true;
    }
    return false;
}

static int check_containers(struct call *c, const struct ecs_task_definition *doc)
{
    bool essential = false;
    if (doc->container_definitions.len == 0)
        return fail(c, &ecs_client, "Container list cannot be empty.");
    if (doc->container_definitions.len > MAX_CONTAINERS)
        return fail(c, &ecs_client, "A task definition has at most %d containers.", MAX_CONTAINERS);
    list_foreach (container, &doc->container_definitions) {
        TRY(check_container(c, doc, container));
        if (leads_to(doc, container, container->name, doc->container_definitions.len))
            return fail(c, &ecs_client, "Container '%.*s' depends on itself: the dependencies form a cycle.", SLICE_ARG(container->name));
        essential = essential || opt_bool_or(container->essential, true);
    }
    return essential ? 0 : fail(c, &ecs_client, "At least one container must be marked as essential.");
}

static void add_port_defaults(const struct ecs_task_definition *doc, struct ecs_container_definition *container)
{
    list_foreach (port, &container->port_mappings) {
        bool own_address = slice_eq(doc->network_mode, S("awsvpc")) || slice_eq(doc->network_mode, S("host"));
        if (!port->protocol.ptr)
            port->protocol = S("tcp");
        if (!port->host_port.set && port->container_port.set)
            port->host_port = opt_int(own_address ? port->container_port.v : 0);
    }
}

static void add_defaults(struct call *c, struct ecs_task_definition *doc)
{
    list_foreach (container, &doc->container_definitions) {
        container->essential = opt_bool(opt_bool_or(container->essential, true));
        container->cpu = opt_int(opt_int_or(container->cpu, 0));
        container->environment.set = container->mount_points.set = container->volumes_from.set = true;
        container->port_mappings.set = container->system_controls.set = true;
        add_port_defaults(doc, container);
    }
    doc->volumes.set = doc->placement_constraints.set = true;
    *list_add(c->arena, &doc->compatibilities) = S("EC2");
    if (is_fargate(doc))
        *list_add(c->arena, &doc->compatibilities) = S("FARGATE");
    else if (!doc->network_mode.ptr)
        *list_add(c->arena, &doc->compatibilities) = S("EXTERNAL");
}

static void require(struct call *c, struct ecs_task_definition *doc, slice name)
{
    list_foreach (known, &doc->requires_attributes) {
        if (slice_eq(known->name, name))
            return;
    }
    struct ecs_attribute *attribute = list_add(c->arena, &doc->requires_attributes);
    attribute->name = name;
}

static void add_attributes(struct call *c, struct ecs_task_definition *doc)
{
    list_foreach (container, &doc->container_definitions) {
        if (container->log_configuration && slice_eq(container->log_configuration->log_driver, S("awslogs"))) {
            require(c, doc, S("com.amazonaws.ecs.capability.logging-driver.awslogs"));
            if (doc->execution_role_arn.ptr)
                require(c, doc, S("ecs.capability.execution-role-awslogs"));
        }
        if (container->depends_on.len > 0)
            require(c, doc, S("ecs.capability.container-ordering"));
        if (container->health_check)
            require(c, doc, S("ecs.capability.container-health-check"));
        if (container->secrets.len > 0)
            require(c, doc, S("ecs.capability.secrets.asm.environment-variables"));
    }
    if (doc->task_role_arn.ptr)
        require(c, doc, S("com.amazonaws.ecs.capability.task-iam-role"));
    if (slice_eq(doc->network_mode, S("awsvpc")))
        require(c, doc, S("ecs.capability.task-eni"));
    require(c, doc, S("com.amazonaws.ecs.capability.docker-remote-api.1.18"));
}

int definition_check(struct call *c, struct ecs_task_definition *doc)
{
    if (!is_name(doc->family))
        return fail(c, &ecs_client, "Family contains invalid characters.");
    TRY(normalise(c, "cpu", S("vCPU"), UNITS_PER_VCPU, &doc->cpu));
    TRY(normalise(c, "memory", S("GB"), MIB_PER_GIB, &doc->memory));
    TRY(check_fargate(c, doc));
    TRY(check_containers(c, doc));
    add_defaults(c, doc);
    add_attributes(c, doc);
    return 0;
}
