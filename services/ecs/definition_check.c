/* definition_check: what AWS refuses when a task definition is registered, and the defaults it adds. */
#include "services/ecs/ecs.h"

#include <math.h>

enum {
    MAX_NAME = 255,
    MAX_CONTAINERS = 10,
    MIN_STORAGE_GIB = 21,
    MAX_STORAGE_GIB = 200,
    MIB_PER_GIB = 1024,
    UNITS_PER_VCPU = 1024
};

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
    if (!slice_to_double(number, &value) || value <= 0 || value > 1e7 ||
        value * (double)scale != floor(value * (double)scale))
        return fail(c, &ecs_client,
                    "Invalid '%s' setting for task. For more information, see the Troubleshooting section of the "
                    "Amazon ECS Developer Guide.",
                    what);
    *text = arena_printf(c->arena, "%lld", (long long)(value * (double)scale));
    return 0;
}

static bool fargate_fits(int64_t cpu, int64_t memory)
{
    static const struct {
        int16_t cpu;
        int32_t low, high, step;
    } table[] = {
        {512, 1024, 4096, 1024},   {1024, 2048, 8192, 1024},   {2048, 4096, 16384, 1024},
        {4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
    };
    if (cpu == 256)
        return memory == 512 || memory == 1024 || memory == 2048;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (table[i].cpu == cpu)
            return memory >= table[i].low && memory <= table[i].high && memory % table[i].step == 0;
    }
    return false;
}

static bool fits(slice cpu, slice memory)
{
    int64_t units, mib;
    return slice_to_int64(cpu, &units) && slice_to_int64(memory, &mib) && fargate_fits(units, mib);
}

int definition_check_sizes(struct call *c, bool fargate, slice *cpu, slice *memory)
{
    TRY(normalise(c, "cpu", S("vCPU"), UNITS_PER_VCPU, cpu));
    TRY(normalise(c, "memory", S("GB"), MIB_PER_GIB, memory));
    if (fargate && !fits(*cpu, *memory))
        return fail(c, &ecs_client,
                    "No Fargate configuration exists for given values: %.*s CPU, %.*s memory. See the Amazon ECS "
                    "documentation for the valid values.",
                    SLICE_ARG(*cpu), SLICE_ARG(*memory));
    return 0;
}

static int check_sizes(struct call *c, struct ecs_task_definition *doc)
{
    struct slice_list wanted = {doc->requires_compatibilities.items, doc->requires_compatibilities.len, true};
    if (!ecs_includes(&wanted, S("FARGATE")))
        return definition_check_sizes(c, false, &doc->cpu, &doc->memory);
    if (!slice_eq(doc->network_mode, S("awsvpc")))
        return fail(c, &ecs_client, "Fargate only supports network mode 'awsvpc'.");
    if (!doc->cpu.ptr || !doc->memory.ptr)
        return fail(c, &ecs_client, "Fargate requires that '%s' be defined at the task level.",
                    doc->cpu.ptr ? "memory" : "cpu");
    return definition_check_sizes(c, true, &doc->cpu, &doc->memory);
}

static int check_container(struct call *c, const struct ecs_task_definition *doc,
                           const struct ecs_container_definition *container)
{
    if (!is_name(container->name))
        return fail(c, &ecs_client,
                    container->name.len ? "Container.name contains invalid characters."
                                        : "Container.name should not be null or empty.");
    return container_check(c, doc, container);
}

/* Whether everything the container waits for is among those that can start. */
static bool can_start(const struct ecs_task_definition *doc, const struct ecs_container_definition *container,
                      const bool *starts)
{
    list_foreach (dependency, &container->depends_on) {
        for (size_t i = 0; i < doc->container_definitions.len; i++) {
            if (!starts[i] && slice_eq(doc->container_definitions.items[i].name, dependency->container_name))
                return false;
        }
    }
    return true;
}

/* Round by round those start that wait for nothing any more; who is left waits for itself. */
static int check_cycles(struct call *c, const struct ecs_task_definition *doc)
{
    bool starts[MAX_CONTAINERS] = {false}, progress = true;
    const struct ecs_container_definition *left = NULL;
    while (progress) {
        progress = false;
        left = NULL;
        for (size_t i = 0; i < doc->container_definitions.len; i++) {
            if (starts[i])
                continue;
            left = &doc->container_definitions.items[i];
            progress = starts[i] = can_start(doc, left, starts);
            if (progress)
                break;
        }
    }
    return left ? fail(c, &ecs_client, "Container '%.*s' depends on itself: the dependencies form a cycle.",
                       SLICE_ARG(left->name))
                : 0;
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
        essential = essential || opt_bool_or(container->essential, true);
    }
    TRY(check_cycles(c, doc));
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

static void add_health_defaults(struct ecs_health_check *health)
{
    health->interval = opt_int(opt_int_or(health->interval, 30));
    health->timeout = opt_int(opt_int_or(health->timeout, 5));
    health->retries = opt_int(opt_int_or(health->retries, 3));
}

static bool suits_fargate(struct call *c, const struct ecs_task_definition *doc)
{
    list_foreach (container, &doc->container_definitions) {
        if (container_check_fargate(c->arena, container).ptr)
            return false;
    }
    return slice_eq(doc->network_mode, S("awsvpc")) && fits(doc->cpu, doc->memory);
}

static void add_defaults(struct call *c, struct ecs_task_definition *doc)
{
    list_foreach (container, &doc->container_definitions) {
        container->essential = opt_bool(opt_bool_or(container->essential, true));
        container->cpu = opt_int(opt_int_or(container->cpu, 0));
        container->environment.set = container->mount_points.set = container->volumes_from.set = true;
        container->port_mappings.set = container->system_controls.set = true;
        add_port_defaults(doc, container);
        if (container->health_check)
            add_health_defaults(container->health_check);
    }
    doc->volumes.set = doc->placement_constraints.set = true;
    *list_add(c->arena, &doc->compatibilities) = S("EC2");
    if (suits_fargate(c, doc))
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

/* A path is a C string to whoever opens it: what it says behind a NUL would not count. */
static int check_path(struct call *c, const struct ecs_volume *volume, slice path)
{
    if (slice_index(path, '\0') == path.len)
        return 0;
    return fail(c, &ecs_client, "Invalid path for volume '%.*s': it contains invalid characters.",
                SLICE_ARG(volume->name));
}

static int check_volumes(struct call *c, const struct ecs_task_definition *doc)
{
    struct slice_list wanted = {doc->requires_compatibilities.items, doc->requires_compatibilities.len, true};
    bool fargate = ecs_includes(&wanted, S("FARGATE"));
    list_foreach (volume, &doc->volumes) {
        if (!is_name(volume->name))
            return fail(c, &ecs_client, "Invalid volume name '%.*s'.", SLICE_ARG(volume->name));
        for (const struct ecs_volume *other = doc->volumes.items; other < volume; other++) {
            if (slice_eq(other->name, volume->name))
                return fail(c, &ecs_client, "Volume names must be unique: '%.*s'.", SLICE_ARG(volume->name));
        }
        if (volume->host)
            TRY(check_path(c, volume, volume->host->source_path));
        if (volume->efs_volume_configuration)
            TRY(check_path(c, volume, volume->efs_volume_configuration->root_directory));
        if (fargate && volume->host && volume->host->source_path.len > 0)
            return fail(c, &ecs_client,
                        "Fargate compatible task definitions do not support 'sourcePath' for host volumes.");
        if (fargate && volume->docker_volume_configuration)
            return fail(c, &ecs_client,
                        "Fargate compatible task definitions do not support 'dockerVolumeConfiguration'.");
    }
    return 0;
}

static int check_storage(struct call *c, const struct ecs_task_definition *doc)
{
    int64_t size = doc->ephemeral_storage ? opt_int_or(doc->ephemeral_storage->size_in_gi_b, 0) : MIN_STORAGE_GIB;
    if (size < MIN_STORAGE_GIB || size > MAX_STORAGE_GIB)
        return fail(c, &ecs_client, "Ephemeral storage must be between %d and %d GiB.", MIN_STORAGE_GIB,
                    MAX_STORAGE_GIB);
    return 0;
}

int definition_check(struct call *c, struct ecs_task_definition *doc)
{
    if (!is_name(doc->family))
        return fail(c, &ecs_client, "Family contains invalid characters.");
    TRY(check_sizes(c, doc));
    TRY(check_storage(c, doc));
    TRY(check_volumes(c, doc));
    TRY(check_containers(c, doc));
    add_defaults(c, doc);
    add_attributes(c, doc);
    return 0;
}
