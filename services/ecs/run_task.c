/* run_task: RunTask: checks what is asked for, makes the tasks, and starts what can be started, all in one transaction.
 */
#include "services/ecs/ecs.h"
#include "services/ecs/leniency.h"

#include "common/hash.h"
#include "common/ids.h"
#include "common/json.h"
#include "ecs_ec2_client.h"

enum { MAX_COUNT = 10, MAX_STARTED_BY = 128, MAX_TOKEN = 64, MAX_OVERRIDES_BYTES = 8192, FARGATE_STORAGE_GIB = 20 };

/* What all tasks of one call share. */
struct order {
    const struct ecs_run_task_in *in;
    struct cluster cluster;
    struct definition definition;
    slice launch_type;
    slice provider;                              /* absent without a capacity provider strategy */
    slice cpu, memory;                           /* the task's, with overrides */
    const struct ecs_aws_vpc_configuration *vpc; /* NULL unless awsvpc */
    slice zone;                                  /* of the subnet */
    bool local_address;                          /* no subnet is known: the address is one of this machine */
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

static slice joined(struct call *c, const struct ecs_string_list *words)
{
    slice text = S("");
    list_foreach (word, words)
        text = arena_printf(c->arena, "%.*s%s%.*s", SLICE_ARG(text), text.len > 0 ? ", " : "", SLICE_ARG(*word));
    return text;
}

/* ec2 knows the subnets and groups; its refusal is the caller's fault. */
static int check_subnets(struct call *c, struct order *order, const struct ecs_aws_vpc_configuration *vpc)
{
    struct ec2_describe_subnets_in in = {.subnet_ids = {vpc->subnets.items, vpc->subnets.len, true}};
    struct ec2_describe_subnets_out out = {0};
    struct call_refusal refusal;
    int result = call_service(c, S("ec2"), &ec2_op_describe_subnets, &in, &out, &refusal);
    if (result != CALL_FAILED) {
        if (result == 0 && out.subnets.len > 0)
            order->zone = out.subnets.items[0].availability_zone;
        return result;
    }
    if (leniency_on(c, ECS_LENIENCY_UNKNOWN_NETWORKS)) {
        order->local_address = true;
        return 0;
    }
    return fail(c, &ecs_invalid_parameter, "Error retrieving subnet information for [%.*s]: %.*s (ErrorCode: %.*s)",
                SLICE_ARG(joined(c, &vpc->subnets)), SLICE_ARG(refusal.message), SLICE_ARG(refusal.code));
}

static int check_groups(struct call *c, const struct order *order, const struct ecs_aws_vpc_configuration *vpc)
{
    struct ec2_describe_security_groups_in in = {
        .group_ids = {vpc->security_groups.items, vpc->security_groups.len, true}};
    struct ec2_describe_security_groups_out out = {0};
    struct call_refusal refusal;
    if (vpc->security_groups.len == 0 || order->local_address)
        return 0;
    int result = call_service(c, S("ec2"), &ec2_op_describe_security_groups, &in, &out, &refusal);
    if (result != CALL_FAILED || leniency_on(c, ECS_LENIENCY_UNKNOWN_NETWORKS))
        return result == CALL_FAILED ? 0 : result;
    return fail(c, &ecs_invalid_parameter,
                "Error retrieving security group information for [%.*s]: %.*s (ErrorCode: %.*s)",
                SLICE_ARG(joined(c, &vpc->security_groups)), SLICE_ARG(refusal.message), SLICE_ARG(refusal.code));
}

/* The leniency's answer to a missing network: the subnet that ec2 has with unknown-networks. */
static const struct ecs_aws_vpc_configuration *usual_network(struct call *c)
{
    struct ecs_aws_vpc_configuration *vpc = arena_alloc(c->arena, sizeof(*vpc));
    *list_add(c->arena, &vpc->subnets) = S("subnet-0123456789abcdef0");
    return vpc;
}

static int check_network(struct call *c, struct order *order)
{
    const struct ecs_network_configuration *network = order->in->network_configuration;
    const struct ecs_aws_vpc_configuration *vpc = network ? network->awsvpc_configuration : NULL;
    bool awsvpc = slice_eq(order->definition.doc.network_mode, S("awsvpc"));
    if (!awsvpc && vpc)
        return fail(c, &ecs_invalid_parameter,
                    "Network Configuration is not valid for the given networkMode of this task definition.");
    if (!awsvpc)
        return 0;
    if (!vpc && leniency_on(c, ECS_LENIENCY_NO_NETWORK))
        vpc = usual_network(c);
    if (!vpc)
        return fail(c, &ecs_invalid_parameter,
                    "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    if (vpc->subnets.len == 0)
        return fail(c, &ecs_invalid_parameter, "subnets can not be empty.");
    order->vpc = vpc;
    TRY(check_subnets(c, order, vpc));
    return check_groups(c, order, vpc);
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

static void add_attachment(struct call *c, const struct order *order, struct ecs_task *doc)
{
    struct ecs_attachment *attachment = list_add(c->arena, &doc->attachments);
    attachment->id = ids_uuid(c->arena);
    attachment->type = S("ElasticNetworkInterface");
    attachment->status = S("PRECREATED");
    struct ecs_key_value_pair *detail = list_add(c->arena, &attachment->details);
    detail->name = S("subnetId");
    detail->value = order->vpc->subnets.items[0];
}

/* An interface that only this task knows of. */
static void attach_local(struct call *c, struct ecs_task *doc)
{
    slice address = free_address(c), dashed = slice_dup(c->arena, address);
    uint8_t b[4];
    ids_bytes(b, sizeof(b));
    for (size_t i = 0; i < dashed.len; i++) {
        if (dashed.ptr[i] == '.')
            ((char *)(uintptr_t)dashed.ptr)[i] = '-';
    }
    bool first_region = slice_eq(c->region, S("us-east-1"));
    struct provision_interface interface = {
        .id = arena_concat(c->arena, S("eni-0"), ids_hex(c->arena, 16)),
        .mac_address = arena_printf(c->arena, "0a:ff:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]),
        .private_dns_name = first_region ? arena_printf(c->arena, "ip-%.*s.ec2.internal", SLICE_ARG(dashed))
                                         : arena_printf(c->arena, "ip-%.*s.%.*s.compute.internal", SLICE_ARG(dashed),
                                                        SLICE_ARG(c->region)),
        .private_ip_address = address,
    };
    provision_attach(c, doc, &interface);
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
    container->network_bindings.set = doc->attachments.len == 0;
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
        .availability_zone = order->zone.ptr ? order->zone : arena_concat(c->arena, c->region, S("a")),
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
        add_attachment(c, order, doc);
    if (slice_eq(order->launch_type, S("FARGATE")))
        fill_fargate(c, order, doc);
    struct ecs_attribute *architecture = list_add(c->arena, &doc->attributes);
    architecture->name = S("ecs.cpu-architecture");
    architecture->value = definition->runtime_platform && definition->runtime_platform->cpu_architecture.ptr
                              ? definition->runtime_platform->cpu_architecture
                              : S("x86_64");
    list_foreach (container, &definition->container_definitions)
        add_container(c, order, container, task_id, doc);
    if (order->local_address)
        attach_local(c, doc);
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
    slice address = order->local_address ? doc->containers.items[0].network_interfaces.items[0].private_ipv4_address
                                         : (slice){NULL, 0};
    db_run(c->db, ECS_SQL_TASK_ADD, "ititttttttttt", order->cluster.id, task_id, order->definition.id, c->account,
           c->region, order->definition.doc.family, doc->started_by, doc->group, doc->launch_type, doc->last_status,
           doc->desired_status, address, api_to_json(c->arena, &ecs_shape_task, doc));
    int64_t row = db_last_id(c->db);
    for (size_t i = 0; i < doc->containers.len; i++)
        db_run(c->db, ECS_SQL_CONTAINER_ADD, "tii", arn_last(doc->containers.items[i].container_arn), row, (int64_t)i);
    provision_begin(c, row, doc, &order->definition.doc, order->local_address ? NULL : order->vpc);
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
