/* plan: what the runner is told to start: the definition, the overrides, and the environment every task gets. */
#include "services/ecs/ecs.h"
#include "services/ecs/leniency.h"

#include "common/json.h"
#include "common/conf.h"

static const struct ecs_container_override *override_of(const struct task *task, slice name)
{
    if (!task->doc.overrides)
        return NULL;
    list_foreach (override, &task->doc.overrides->container_overrides) {
        if (slice_eq(override->name, name))
            return override;
    }
    return NULL;
}

slice plan_unsupported(struct call *c, const struct task *task)
{
    list_foreach (container, &task->definition.doc.container_definitions) {
        slice reason = plan_image_refusal(c, container->image);
        if (reason.ptr)
            return reason;
        if (container->secrets.len > 0 || container->repository_credentials)
            return S("ResourceInitializationError: unable to pull secrets or registry auth: awssim has no Secrets "
                     "Manager and no "
                     "Systems Manager service");
        if (container->environment_files.len > 0)
            return S("ResourceInitializationError: failed to download env files: awssim has no S3 service");
        const struct ecs_log_configuration *log = container->log_configuration;
        if (log && !slice_eq(log->log_driver, S("awslogs")))
            return arena_printf(c->arena, "CannotStartContainerError: log driver %.*s is not available; awslogs is",
                                SLICE_ARG(log->log_driver));
    }
    return mounts_refusal(c, task);
}

static void set(struct call *c, struct val *object, const char *key, slice text)
{
    if (text.ptr)
        val_set(c->arena, object, slice_of(key), val_string(text));
}

static void set_number(struct call *c, struct val *object, const char *key, struct opt_int number)
{
    if (number.set)
        val_set(c->arena, object, slice_of(key), val_int(number.v));
}

static void add_command(struct call *c, struct val *plan, const struct ecs_container_definition *definition,
                        const struct ecs_container_override *override)
{
    const struct ecs_string_list *command =
        override && override->command.len > 0 ? &override->command : &definition->command;
    struct val list = val_array();
    list_foreach (word, &definition->entry_point)
        val_push(c->arena, &list, val_string(*word));
    list_foreach (word, command)
        val_push(c->arena, &list, val_string(*word));
    if (list.array.len > 0)
        val_set(c->arena, plan, S("command"), list);
    plan_image(c, plan, definition, command);
}

/* A later variable of the same name replaces an earlier one. */
static void set_variable(struct call *c, struct pair_list *all, slice name, slice value)
{
    list_foreach (pair, all) {
        if (slice_eq(pair->key, name)) {
            pair->value = value;
            return;
        }
    }
    *list_add(c->arena, all) = (struct pair){name, value};
}

static slice endpoint(struct call *c)
{
    bool everywhere = slice_eq(c->conf->listen, S("0.0.0.0")) || slice_eq(c->conf->listen, S("::"));
    return arena_printf(c->arena, "http%s://%.*s:%lld", c->conf->tls_cert.len > 0 ? "s" : "",
                        SLICE_ARG(everywhere ? S("127.0.0.1") : c->conf->listen), (long long)c->conf->port);
}

static void add_environment(struct call *c, struct val *plan, const struct task *task,
                            const struct ecs_container_definition *definition,
                            const struct ecs_container_override *override)
{
    struct pair_list all = {0};
    struct val list = val_array();
    list_foreach (variable, &definition->environment)
        set_variable(c, &all, variable->name, variable->value.ptr ? variable->value : S(""));
    if (override) {
        list_foreach (variable, &override->environment)
            set_variable(c, &all, variable->name, variable->value.ptr ? variable->value : S(""));
    }
    bool fargate = slice_eq(task->doc.launch_type, S("FARGATE"));
    const struct pair given[] = {
        {S("AWS_EXECUTION_ENV"), fargate ? S("AWS_ECS_FARGATE") : S("AWS_ECS_EC2")},
        {S("AWS_REGION"), c->region},
        {S("AWS_DEFAULT_REGION"), c->region},
        {S("AWS_ENDPOINT_URL"), endpoint(c)},
    };
    for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
        struct slice_list own = {0};
        list_foreach (pair, &all)
            *list_add(c->arena, &own) = pair->key;
        if (!ecs_includes(&own, given[i].key))
            set_variable(c, &all, given[i].key, given[i].value);
    }
    list_foreach (pair, &all) {
        struct val variable = val_array();
        val_push(c->arena, &variable, val_string(pair->key));
        val_push(c->arena, &variable, val_string(pair->value));
        val_push(c->arena, &list, variable);
    }
    val_set(c->arena, plan, S("environment"), list);
}

/* The open files that a container may have without a ulimit: on Fargate AWS's own number, on EC2 what docker is given
 * by the machine images for ECS. */
static void add_usual_limits(struct call *c, struct val *plan, const struct task *task)
{
    static const int64_t fargate[] = {65535, 65535}, ec2[] = {32768, 65536};
    const int64_t *files = slice_eq(task->doc.launch_type, S("FARGATE")) ? fargate : ec2;
    struct val list = val_array();
    val_push(c->arena, &list, val_int(files[0]));
    val_push(c->arena, &list, val_int(files[1]));
    val_set(c->arena, plan, S("files"), list);
}

static void add_limits(struct call *c, struct val *plan, const struct ecs_container_definition *definition)
{
    struct val list = val_array();
    list_foreach (ulimit, &definition->ulimits) {
        struct val one = val_array();
        val_push(c->arena, &one, val_string(ulimit->name));
        val_push(c->arena, &one, val_int(opt_int_or(ulimit->soft_limit, 0)));
        val_push(c->arena, &one, val_int(opt_int_or(ulimit->hard_limit, 0)));
        val_push(c->arena, &list, one);
    }
    val_set(c->arena, plan, S("ulimits"), list);
}

/* What docker takes for it. */
static bool forbids_new_privileges(const struct ecs_container_definition *definition)
{
    static const slice words[] = {S("no-new-privileges"), S("no-new-privileges:true"), S("no-new-privileges=true")};
    list_foreach (option, &definition->docker_security_options) {
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
            if (slice_eq(*option, words[i]))
                return true;
        }
    }
    return false;
}

static slice option(const struct ecs_log_configuration *log, const char *name)
{
    list_foreach (entry, &log->options) {
        if (slice_eq(entry->key, slice_of(name)))
            return entry->value;
    }
    return (slice){NULL, 0};
}

/* "25m", "512k", "1000" → bytes. */
static int64_t bytes_of(slice text)
{
    int64_t number, factor = 1;
    char unit = text.len > 0 ? text.ptr[text.len - 1] : '0';
    if (unit == 'k' || unit == 'K')
        factor = 1024;
    else if (unit == 'm' || unit == 'M')
        factor = 1024 * 1024;
    else if (unit == 'g' || unit == 'G')
        factor = 1024LL * 1024 * 1024;
    if (factor > 1)
        text = slice_sub(text, 0, text.len - 1);
    return slice_to_int64(text, &number) && number > 0 ? number * factor : 0;
}

static void add_log(struct call *c, struct val *plan, const struct task *task, const struct container *container)
{
    const struct ecs_log_configuration *log = container->definition->log_configuration;
    if (!log || !slice_eq(log->log_driver, S("awslogs")))
        return;
    struct val object = val_object();
    slice prefix = option(log, "awslogs-stream-prefix"), mode = option(log, "mode");
    slice region = option(log, "awslogs-region");
    slice stream = prefix.len > 0 ? arena_printf(c->arena, "%.*s/%.*s/%.*s", SLICE_ARG(prefix),
                                                 SLICE_ARG(container->doc->name), SLICE_ARG(task->task_id))
                                  : container->doc->runtime_id;
    bool create = slice_eq(option(log, "awslogs-create-group"), S("true")) || leniency_on(c, ECS_LENIENCY_LOG_GROUPS);
    set(c, &object, "account", c->account);
    set(c, &object, "region", region.len > 0 ? region : c->region);
    set(c, &object, "group", option(log, "awslogs-group"));
    set(c, &object, "stream", stream);
    val_set(c->arena, &object, S("createGroup"), val_bool(create));
    set(c, &object, "mode", mode.ptr ? mode : S("blocking"));
    int64_t buffer = bytes_of(option(log, "max-buffer-size"));
    if (buffer > 0)
        val_set(c->arena, &object, S("maxBufferBytes"), val_int(buffer));
    val_set(c->arena, plan, S("log"), object);
}

slice plan_start(struct call *c, const struct task *task, const struct container *container)
{
    const struct ecs_container_definition *definition = container->definition;
    const struct ecs_container_override *override = override_of(task, container->doc->name);
    struct val plan = val_object();
    set(c, &plan, "task", task->task_id);
    set(c, &plan, "container", container->id);
    set(c, &plan, "name", container->doc->name);
    set(c, &plan, "image", container->doc->image);
    add_command(c, &plan, definition, override);
    add_environment(c, &plan, task, definition, override);
    set(c, &plan, "workingDirectory", definition->working_directory);
    set(c, &plan, "user", definition->user);
    add_usual_limits(c, &plan, task);
    add_limits(c, &plan, definition);
    if (forbids_new_privileges(definition))
        val_set(c->arena, &plan, S("noNewPrivileges"), val_bool(true));
    set_number(c, &plan, "cpu", override && override->cpu.set ? override->cpu : definition->cpu);
    set_number(c, &plan, "memory", override && override->memory.set ? override->memory : definition->memory);
    int64_t of_task;
    if (slice_to_int64(task->doc.memory, &of_task))
        val_set(c->arena, &plan, S("taskMemory"), val_int(of_task));
    set_number(c, &plan, "memoryReservation",
               override && override->memory_reservation.set ? override->memory_reservation
                                                            : definition->memory_reservation);
    struct val mounts = mounts_of(c, task, definition);
    if (mounts.array.len > 0)
        val_set(c->arena, &plan, S("mounts"), mounts);
    add_log(c, &plan, task, container);
    return json_text(c->arena, &plan);
}
