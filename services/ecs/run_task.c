/* run_task: RunTask: checks what is asked for, makes the tasks, and starts what can be started, all in one transaction.
 */
#include "services/ecs/ecs.h"
#include "services/worker/leniency.h"

#include "common/hash.h"
#include "common/ids.h"
#include "common/json.h"

enum { MAX_COUNT = 10, MAX_STARTED_BY = 128, MAX_TOKEN = 64, MAX_OVERRIDES_BYTES = 8192, FARGATE_STORAGE_GIB = 20 };

/* What all tasks of one call share. */
struct order {
    const struct ecs_run_task_in *in;
    struct cluster cluster;
    struct definition definition;
    slice launch_type;
    slice provider;    /* absent without a capacity provider strategy */
    slice cpu, memory; /* the task's, with overrides */
};

static int choose_launch_type(struct call *c, struct order *order)
{
    const struct ecs_run_task_in *in = order->in;
    const struct ecs_capacity_provider_strategy *strategy = &in->capacity_provider_strategy;
    if (in->launch_type.ptr && strategy->len > 0)
        return fail(
            c, &ecs_invalid_parameter,
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.");
    if (!in->launch_type.ptr && strategy->len == 0)
        strategy = &order->cluster.doc.default_capacity_provider_strategy;
    if (!in->launch_type.ptr && strategy->len > 0) {
        order->provider = strategy->items[0].capacity_provider;
        if (!slice_eq(order->provider, S("FARGATE")) && !slice_eq(order->provider, S("FARGATE_SPOT")))
            return fail(
                c, &ecs_invalid_parameter,
                "The specified capacity provider '%.*s' was not found. Specify a valid name or ARN and try again.",
                SLICE_ARG(order->provider));
        order->launch_type = S("FARGATE");
    } else
        order->launch_type = in->launch_type.ptr ? in->launch_type : S("EC2");
    struct slice_list able = {order->definition.doc.compatibilities.items, order->definition.doc.compatibilities.len,
                              true};
    if (slice_eq(order->launch_type, S("FARGATE")) && !ecs_includes(&able, S("FARGATE")))
        return fail(c, &ecs_invalid_parameter, "Task definition does not support launch_type FARGATE.");
    return 0;
}

/* PREFIX followed by 8 to 17 hexadecimal digits. */
static bool is_id(slice text, slice prefix)
{
    slice digits = slice_sub(text, prefix.len, text.len);
    if (!slice_starts(text, prefix) || digits.len < 8 || digits.len > 17)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        char ch = digits.ptr[i];
        if (!(ch >= '0' && ch <= '9') && !(ch >= 'a' && ch <= 'f'))
            return false;
    }
    return true;
}

static int check_network(struct call *c, const struct order *order)
{
    const struct ecs_network_configuration *network = order->in->network_configuration;
    const struct ecs_aws_vpc_configuration *vpc = network ? network->awsvpc_configuration : NULL;
    bool awsvpc = slice_eq(order->definition.doc.network_mode, S("awsvpc"));
    if (!awsvpc && vpc)
        return fail(c, &ecs_invalid_parameter,
                    "Network Configuration is not valid for the given networkMode of this task definition.");
    if (!awsvpc)
        return 0;
    if (!vpc)
        return fail(c, &ecs_invalid_parameter,
                    "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    if (vpc->subnets.len == 0)
        return fail(c, &ecs_invalid_parameter, "subnets can not be empty.");
    if (leniency_on(c, LENIENCY_UNKNOWN_NETWORKS))
        return 0;
    list_foreach (subnet, &vpc->subnets) {
        if (!is_id(*subnet, S("subnet-")))
            return fail(c, &ecs_invalid_parameter,
                        "Error retrieving subnet information for [%.*s]: The subnet ID '%.*s' does not exist "
                        "(ErrorCode: InvalidSubnetID.NotFound)",
                        SLICE_ARG(*subnet), SLICE_ARG(*subnet));
    }
    list_foreach (group, &vpc->security_groups) {
        if (!is_id(*group, S("sg-")))
            return fail(c, &ecs_invalid_parameter,
                        "Error retrieving security group information for [%.*s]: The security group '%.*s' does not "
                        "exist (ErrorCode: InvalidGroup.NotFound)",
                        SLICE_ARG(*group), SLICE_ARG(*group));
    }
    return 0;
}

static int check_overrides(struct call *c, const struct order *order)
{
    if (!order->in->overrides)
        return 0;
    if (api_to_json(c->arena, &ecs_shape_task_override, order->in->overrides).len > MAX_OVERRIDES_BYTES)
        return fail(c, &ecs_invalid_parameter, "Container Overrides length must be at most %d.", MAX_OVERRIDES_BYTES);
    list_foreach (override, &order->in->overrides->container_overrides) {
        bool known = false;
        list_foreach (container, &order->definition.doc.container_definitions)
            known = known || slice_eq(container->name, override->name);
        if (!known)
            return fail(c, &ecs_invalid_parameter,
                        "Override for container named %.*s is not a container in the TaskDefinition.",
                        SLICE_ARG(override->name));
    }
    return 0;
}

static int check_dependencies(struct call *c, const struct order *order)
{
    list_foreach (container, &order->definition.doc.container_definitions) {
        list_foreach (dependency, &container->depends_on) {
            if (slice_eq(dependency->condition, S("HEALTHY")))
                return fail(
                    c, &ecs_client,
                    "Container '%.*s' waits for '%.*s' to be HEALTHY, but awssim does not execute health checks.",
                    SLICE_ARG(container->name), SLICE_ARG(dependency->container_name));
        }
    }
    return 0;
}

static int choose_sizes(struct call *c, struct order *order)
{
    const struct ecs_task_override *overrides = order->in->overrides;
    order->cpu = overrides && overrides->cpu.len > 0 ? overrides->cpu : order->definition.doc.cpu;
    order->memory = overrides && overrides->memory.len > 0 ? overrides->memory : order->definition.doc.memory;
    return definition_check_sizes(c, slice_eq(order->launch_type, S("FARGATE")), &order->cpu, &order->memory);
}

static bool is_version(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!(text.ptr[i] >= '0' && text.ptr[i] <= '9') && text.ptr[i] != '.')
            return slice_eq(text, S("LATEST"));
    }
    return text.len > 0;
}

static int check_texts(struct call *c, const struct ecs_run_task_in *in)
{
    if (in->started_by.len > MAX_STARTED_BY)
        return fail(c, &ecs_invalid_parameter, "startedBy can not be longer than %d characters.", MAX_STARTED_BY);
    if (in->client_token.len > MAX_TOKEN)
        return fail(c, &ecs_invalid_parameter, "clientToken can not be longer than %d characters.", MAX_TOKEN);
    if (in->platform_version.ptr && !is_version(in->platform_version))
        return fail(c, &ecs_platform_unknown, "The specified platform does not exist.");
    return tags_check(c, &in->tags);
}

static int check(struct call *c, struct order *order)
{
    const struct ecs_run_task_in *in = order->in;
    TRY(cluster_get(c, in->cluster, &order->cluster));
    if (!definition_find(c, in->task_definition, &order->definition))
        return fail(c, &ecs_client, "TaskDefinition not found.");
    if (!slice_eq(order->definition.status, S("ACTIVE")))
        return fail(c, &ecs_client, "TaskDefinition is inactive");
    if (in->count.set && (in->count.v < 1 || in->count.v > MAX_COUNT))
        return fail(c, &ecs_invalid_parameter, "The number of tasks must be between 1 and %d.", MAX_COUNT);
    TRY(check_texts(c, in));
    TRY(choose_launch_type(c, order));
    TRY(check_network(c, order));
    TRY(check_overrides(c, order));
    TRY(choose_sizes(c, order));
    return check_dependencies(c, order);
}

/* An address of its own in 127/8, which the task's processes can bind, for as long as it lives. */
static slice free_address(struct call *c)
{
    for (;;) {
        uint8_t b[3];
        ids_bytes(b, sizeof(b));
        slice address = arena_printf(c->arena, "127.%d.%d.%d", 64 + b[0] % 64, b[1], 1 + b[2] % 254);
        struct db_rows rows = db_query(c->db, ECS_SQL_TASK_ADDRESS_USED, "t", address);
        bool used = db_next(&rows);
        db_done(&rows);
        if (!used)
            return address;
    }
}

static void add_detail(struct call *c, struct ecs_attachment *attachment, const char *name, slice value)
{
    struct ecs_key_value_pair *detail = list_add(c->arena, &attachment->details);
    detail->name = slice_of(name);
    detail->value = value;
}

static void attach(struct call *c, const struct order *order, struct ecs_task *doc, slice address)
{
    struct ecs_attachment *attachment = list_add(c->arena, &doc->attachments);
    uint8_t b[4];
    ids_bytes(b, sizeof(b));
    slice dashed = slice_dup(c->arena, address);
    for (size_t i = 0; i < dashed.len; i++) {
        if (dashed.ptr[i] == '.')
            ((char *)(uintptr_t)dashed.ptr)[i] = '-';
    }
    attachment->id = ids_uuid(c->arena);
    attachment->type = S("ElasticNetworkInterface");
    attachment->status = S("PRECREATED");
    add_detail(c, attachment, "subnetId", order->in->network_configuration->awsvpc_configuration->subnets.items[0]);
    add_detail(c, attachment, "networkInterfaceId", arena_concat(c->arena, S("eni-0"), ids_hex(c->arena, 16)));
    add_detail(c, attachment, "macAddress",
               arena_printf(c->arena, "0a:ff:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]));
    bool first_region = slice_eq(c->region, S("us-east-1"));
    add_detail(c, attachment, "privateDnsName",
               first_region
                   ? arena_printf(c->arena, "ip-%.*s.ec2.internal", SLICE_ARG(dashed))
                   : arena_printf(c->arena, "ip-%.*s.%.*s.compute.internal", SLICE_ARG(dashed), SLICE_ARG(c->region)));
    add_detail(c, attachment, "privateIPv4Address", address);
}

static const struct ecs_container_override *override_of(const struct order *order, slice name)
{
    if (!order->in->overrides)
        return NULL;
    list_foreach (override, &order->in->overrides->container_overrides) {
        if (slice_eq(override->name, name))
            return override;
    }
    return NULL;
}

static slice number_text(struct call *c, struct opt_int override, struct opt_int definition)
{
    struct opt_int number = override.set ? override : definition;
    return number.set ? arena_printf(c->arena, "%lld", (long long)number.v) : (slice){NULL, 0};
}

static void add_container(struct call *c, const struct order *order, const struct ecs_container_definition *definition,
                          slice task_id, struct ecs_task *doc)
{
    static const struct ecs_container_override none;
    const struct ecs_container_override *found = override_of(order, definition->name),
                                        *override = found ? found : &none;
    struct ecs_container *container = list_add(c->arena, &doc->containers);
    slice uuid = ids_uuid(c->arena);
    container->container_arn = arn_make(
        c, "container",
        arena_printf(c->arena, "%.*s/%.*s/%.*s", SLICE_ARG(order->cluster.name), SLICE_ARG(task_id), SLICE_ARG(uuid)));
    container->task_arn = doc->task_arn;
    container->name = definition->name;
    container->image = definition->image;
    container->last_status = S("PENDING");
    container->health_status = S("UNKNOWN");
    container->runtime_id =
        arena_printf(c->arena, "%.*s-%.*s", SLICE_ARG(task_id), SLICE_ARG(ids_digits(c->arena, 10)));
    container->cpu = number_text(c, override->cpu, definition->cpu);
    container->memory = number_text(c, override->memory, definition->memory);
    container->memory_reservation = number_text(c, override->memory_reservation, definition->memory_reservation);
    container->network_interfaces.set = true;
    if (doc->attachments.len > 0) {
        struct ecs_network_interface *interface = list_add(c->arena, &container->network_interfaces);
        interface->attachment_id = doc->attachments.items[0].id;
        interface->private_ipv4_address = doc->attachments.items[0].details.items[4].value;
    } else
        container->network_bindings.set = true;
}

/* Overrides come back with their lists, even empty ones. */
static struct ecs_task_override *normalised(struct call *c, const struct order *order)
{
    struct ecs_task_override *overrides = arena_alloc(c->arena, sizeof(*overrides));
    if (order->in->overrides)
        *overrides = *order->in->overrides;
    overrides->container_overrides.set = overrides->inference_accelerator_overrides.set = true;
    return overrides;
}

static void fill_fargate(struct call *c, const struct order *order, struct ecs_task *doc)
{
    doc->platform_version = order->in->platform_version.ptr && !slice_eq(order->in->platform_version, S("LATEST"))
                                ? order->in->platform_version
                                : S("1.4.0");
    doc->platform_family = S("Linux");
    doc->ephemeral_storage = order->definition.doc.ephemeral_storage;
    if (order->in->overrides && order->in->overrides->ephemeral_storage)
        doc->ephemeral_storage = order->in->overrides->ephemeral_storage;
    if (!doc->ephemeral_storage) {
        doc->ephemeral_storage = arena_alloc(c->arena, sizeof(*doc->ephemeral_storage));
        doc->ephemeral_storage->size_in_gi_b = opt_int(FARGATE_STORAGE_GIB);
    }
    doc->fargate_ephemeral_storage = arena_alloc(c->arena, sizeof(*doc->fargate_ephemeral_storage));
    doc->fargate_ephemeral_storage->size_in_gi_b = doc->ephemeral_storage->size_in_gi_b;
}

static void fill(struct call *c, const struct order *order, slice task_id, struct ecs_task *doc)
{
    const struct ecs_run_task_in *in = order->in;
    const struct ecs_task_definition *definition = &order->definition.doc;
    bool awsvpc = slice_eq(definition->network_mode, S("awsvpc"));
    *doc = (struct ecs_task){
        .task_arn = arn_make(c, "task",
                             arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(order->cluster.name), SLICE_ARG(task_id))),
        .cluster_arn = cluster_arn(c, order->cluster.name),
        .task_definition_arn = definition->task_definition_arn,
        .availability_zone = arena_concat(c->arena, c->region, S("a")),
        .capacity_provider_name = order->provider,
        .cpu = order->cpu,
        .memory = order->memory,
        .created_at = opt_int(c->now_ms),
        .desired_status = S("RUNNING"),
        .last_status = awsvpc ? S("PROVISIONING") : S("PENDING"),
        .enable_execute_command = opt_bool(opt_bool_or(in->enable_execute_command, false)),
        .group = in->group.ptr ? in->group : arena_concat(c->arena, S("family:"), definition->family),
        .health_status = S("UNKNOWN"),
        .launch_type = order->launch_type,
        .overrides = normalised(c, order),
        .started_by = in->started_by,
        .version = opt_int(1),
    };
    doc->attachments.set = true;
    if (awsvpc)
        attach(c, order, doc, free_address(c));
    if (slice_eq(order->launch_type, S("FARGATE")))
        fill_fargate(c, order, doc);
    struct ecs_attribute *architecture = list_add(c->arena, &doc->attributes);
    architecture->name = S("ecs.cpu-architecture");
    architecture->value = definition->runtime_platform && definition->runtime_platform->cpu_architecture.ptr
                              ? definition->runtime_platform->cpu_architecture
                              : S("x86_64");
    list_foreach (container, &definition->container_definitions)
        add_container(c, order, container, task_id, doc);
}

static void tag_task(struct call *c, const struct order *order, slice arn)
{
    struct ecs_tags inherited;
    if (slice_eq(order->in->propagate_tags, S("TASK_DEFINITION"))) {
        tags_list(c, order->definition.doc.task_definition_arn, &inherited);
        tags_set(c, arn, &inherited);
    }
    if (opt_bool_or(order->in->enable_ecs_managed_tags, false)) {
        struct ecs_tag managed = {.key = S("aws:ecs:clusterName"), .value = order->cluster.name};
        tags_set(c, arn, &(struct ecs_tags){&managed, 1, true});
    }
    tags_set(c, arn, &order->in->tags);
}

static void add_rows(struct call *c, const struct order *order, slice task_id, const struct ecs_task *doc)
{
    slice address = doc->attachments.len > 0 ? doc->attachments.items[0].details.items[4].value : (slice){NULL, 0};
    db_run(c->db, ECS_SQL_TASK_ADD, "ititttttttttt", order->cluster.id, task_id, order->definition.id, c->account,
           c->region, order->definition.doc.family, doc->started_by, doc->group, doc->launch_type, doc->last_status,
           doc->desired_status, address, api_to_json(c->arena, &ecs_shape_task, doc));
    int64_t row = db_last_id(c->db);
    for (size_t i = 0; i < doc->containers.len; i++)
        db_run(c->db, ECS_SQL_CONTAINER_ADD, "tii", arn_last(doc->containers.items[i].container_arn), row, (int64_t)i);
}

/* One task: the answer shows it as it is before anything has been started. */
static void run_one(struct call *c, const struct order *order, struct ecs_task *shown)
{
    struct task task;
    slice task_id = ids_hex(c->arena, 32);
    fill(c, order, task_id, shown);
    tag_task(c, order, shown->task_arn);
    add_rows(c, order, task_id, shown);
    if (!task_find(c, &order->cluster, task_id, &task))
        return;
    slice reason = plan_unsupported(c, &task);
    if (reason.ptr)
        lifecycle_stop(c, &task, S("TaskFailedToStart"), reason);
    lifecycle_advance(c, &task);
    tags_list(c, shown->task_arn, &shown->tags);
}

/* A token that has been used answers the same tasks for the same request, and a conflict for another. */
static int repeat(struct call *c, const struct order *order, slice request, struct ecs_run_task_out *out,
                  bool *repeated)
{
    slice former = {NULL, 0}, tasks = {NULL, 0};
    struct db_rows rows = db_query(c->db, ECS_SQL_TOKEN_GET, "ttt", c->account, c->region, order->in->client_token);
    *repeated = db_next(&rows);
    if (*repeated) {
        former = db_text(&rows, 0);
        tasks = db_text(&rows, 1);
    }
    db_done(&rows);
    if (!*repeated)
        return 0;
    struct val ids = val_array();
    for (slice rest = tasks; rest.len > 0;) {
        slice id;
        slice_cut(rest, ' ', &id, &rest);
        struct ecs_task doc;
        if (!task_find_doc(c, NULL, id, &doc))
            continue;
        tags_list(c, doc.task_arn, &doc.tags);
        *list_add(c->arena, &out->tasks) = doc;
        val_push(c->arena, &ids, val_string(doc.task_arn));
    }
    if (slice_eq(former, request))
        return 0;
    struct val extra = val_object();
    val_set(c->arena, &extra, S("resourceIds"), ids);
    return fail_with(c, &ecs_conflict, arena_copy(c->arena, &extra, sizeof(extra)),
                     "The RunTask request could not be processed due to conflicts. The provided clientToken is already "
                     "in use with a different RunTask request.");
}

static void remember(struct call *c, const struct order *order, slice request, const struct ecs_run_task_out *out)
{
    slice ids = S("");
    list_foreach (task, &out->tasks)
        ids = arena_printf(c->arena, "%.*s%s%.*s", SLICE_ARG(ids), ids.len > 0 ? " " : "",
                           SLICE_ARG(arn_last(task->task_arn)));
    db_run(c->db, ECS_SQL_TOKEN_ADD, "tttttI", c->account, c->region, order->in->client_token, request, ids,
           opt_int(c->now_ms));
}

int ecs_run_task(struct call *c, const struct ecs_run_task_in *in, struct ecs_run_task_out *out)
{
    struct order order = {.in = in};
    bool repeated = false;
    TRY(check(c, &order));
    slice request = hash_sha256_hex(c->arena, api_to_json(c->arena, &ecs_shape_run_task_request, in));
    if (in->client_token.len > 0)
        TRY(repeat(c, &order, request, out, &repeated));
    if (repeated)
        return 0;
    for (int64_t n = opt_int_or(in->count, 1); n > 0; n--) {
        struct ecs_task shown;
        run_one(c, &order, &shown);
        *list_add(c->arena, &out->tasks) = shown;
    }
    if (in->client_token.len > 0)
        remember(c, &order, request, out);
    return 0;
}
