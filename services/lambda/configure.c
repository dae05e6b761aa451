/* configure: what a caller wants of a function, checked and put into its document. AWS's defaults are filled in here.
 * Creating and updating share everything: what a caller leaves out of an update stays as it is. */
#include "services/lambda/lambda.h"

#include "common/buf.h"
#include "common/hash.h"
#include "lambda_ec2_client.h"
#include "lambda_efs_client.h"
#include "services/lambda/leniency.h"

enum {
    MAX_TIMEOUT = 900,
    MAX_MEMORY = 10240,
    MIN_STORAGE = 512,
    MAX_STORAGE = 10240,
    MAX_ENVIRONMENT_BYTES = 4096,
    MAX_SUBNETS = 16,
    MAX_GROUPS = 5,
};

/* What both operations carry. */
struct wanted {
    slice role, handler, description, runtime, kms_key_arn;
    struct opt_int timeout, memory_size;
    const struct lambda_vpc_config *vpc_config;
    const struct lambda_environment *environment;
    const struct lambda_dead_letter_config *dead_letter_config;
    const struct lambda_tracing_config *tracing_config;
    const struct lambda_layer_list *layers;
    const struct lambda_file_system_config_list *file_system_configs;
    struct lambda_image_config *image_config;
    struct lambda_ephemeral_storage *ephemeral_storage;
    const struct lambda_snap_start *snap_start;
    const struct lambda_logging_config *logging_config;
};

/* What the environment sets itself. */
static const slice reserved_names[] = {
    S("_HANDLER"),
    S("_X_AMZN_TRACE_ID"),
    S("AWS_DEFAULT_REGION"),
    S("AWS_REGION"),
    S("AWS_EXECUTION_ENV"),
    S("AWS_LAMBDA_FUNCTION_NAME"),
    S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    S("AWS_LAMBDA_FUNCTION_VERSION"),
    S("AWS_LAMBDA_INITIALIZATION_TYPE"),
    S("AWS_LAMBDA_LOG_GROUP_NAME"),
    S("AWS_LAMBDA_LOG_STREAM_NAME"),
    S("AWS_ACCESS_KEY"),
    S("AWS_ACCESS_KEY_ID"),
    S("AWS_SECRET_ACCESS_KEY"),
    S("AWS_SESSION_TOKEN"),
    S("AWS_LAMBDA_RUNTIME_API"),
    S("LAMBDA_TASK_ROOT"),
    S("LAMBDA_RUNTIME_DIR"),
};

static bool is_reserved(slice name)
{
    for (size_t i = 0; i < sizeof(reserved_names) / sizeof(*reserved_names); i++) {
        if (slice_eq(reserved_names[i], name))
            return true;
    }
    return false;
}

static int set_environment(struct call *c, const struct lambda_environment *wanted, configuration *doc)
{
    size_t bytes = 0;
    struct buf used;
    if (!wanted)
        return 0;
    buf_init(&used, c->arena);
    list_foreach (variable, &wanted->variables) {
        bytes += variable->key.len + variable->value.len;
        if (is_reserved(variable->key))
            buf_printf(&used, "%s%.*s", used.len > 0 ? ", " : "", SLICE_ARG(variable->key));
    }
    if (used.len > 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "Lambda was unable to configure your environment variables because the environment variables you "
                    "have provided contains reserved keys that are currently not supported for modification. Reserved "
                    "keys used in this request: %.*s",
                    SLICE_ARG(buf_slice(&used)));
    if (bytes > MAX_ENVIRONMENT_BYTES)
        return fail(c, &lambda_invalid_parameter_value,
                    "Lambda was unable to configure your environment variables because the environment variables you "
                    "have provided exceeded the 4KB limit. String measured: %zu bytes",
                    bytes);
    doc->environment = NULL;
    if (wanted->variables.len > 0) {
        doc->environment = arena_alloc(c->arena, sizeof(*doc->environment));
        doc->environment->variables = wanted->variables;
    }
    return 0;
}

static int check_range(struct call *c, struct opt_int value, const char *member, int64_t min, int64_t max)
{
    if (!value.set || (value.v >= min && value.v <= max))
        return 0;
    return fail(c, &lambda_invalid_parameter_value,
                "1 validation error detected: Value '%lld' at '%s' failed to satisfy constraint: Member must have "
                "value %s than or equal to %lld",
                (long long)value.v, member, value.v < min ? "greater" : "less", (long long)(value.v < min ? min : max));
}

static int set_sizes(struct call *c, const struct wanted *in, configuration *doc)
{
    TRY(check_range(c, in->timeout, "timeout", 1, MAX_TIMEOUT));
    TRY(check_range(c, in->memory_size, "memorySize", 128, MAX_MEMORY));
    if (in->ephemeral_storage)
        TRY(check_range(c, in->ephemeral_storage->size, "ephemeralStorage.size", MIN_STORAGE, MAX_STORAGE));
    if (in->timeout.set)
        doc->timeout = in->timeout;
    if (in->memory_size.set)
        doc->memory_size = in->memory_size;
    if (in->ephemeral_storage)
        doc->ephemeral_storage = in->ephemeral_storage;
    return 0;
}

static const struct api_constraint *runtime_constraint(void)
{
    for (size_t i = 0; i < lambda_shape_create_function_request.n_members; i++) {
        const struct api_member *member = &lambda_shape_create_function_request.members[i];
        if (slice_eq(member->name, S("Runtime")))
            return member->shape->constraint;
    }
    return NULL;
}

static int check_runtime(struct call *c, slice runtime)
{
    const struct api_constraint *constraint = runtime_constraint();
    struct buf set;
    buf_init(&set, c->arena);
    for (size_t i = 0; constraint && i < constraint->n_enums; i++) {
        if (slice_eq(constraint->enums[i], runtime))
            return 0;
        buf_printf(&set, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(constraint->enums[i]));
    }
    return fail(c, &lambda_invalid_parameter_value,
                "Value %.*s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%.*s] or "
                "be a valid ARN",
                SLICE_ARG(runtime), SLICE_ARG(buf_slice(&set)));
}

static void set_runtime_version(struct call *c, configuration *doc)
{
    doc->runtime_version_config = arena_alloc(c->arena, sizeof(*doc->runtime_version_config));
    doc->runtime_version_config->runtime_version_arn =
        arena_printf(c->arena, "arn:aws:lambda:%.*s::runtime:%.*s", SLICE_ARG(c->region),
                     SLICE_ARG(hash_sha256_hex(c->arena, doc->runtime)));
}

static int set_program(struct call *c, const struct wanted *in, configuration *doc)
{
    bool image = slice_eq(doc->package_type, S("Image"));
    if (image && (in->runtime.ptr || in->handler.ptr))
        return fail(c, &lambda_invalid_parameter_value,
                    "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image");
    if (!image && in->image_config && !slice_empty(in->image_config->working_directory))
        return fail(c, &lambda_invalid_parameter_value,
                    "Please don't provide ImageConfig when the intended function PackageType is Zip");
    if (in->image_config &&
        slice_index(in->image_config->working_directory, '\0') < in->image_config->working_directory.len)
        return fail(c, &lambda_invalid_parameter_value, "ImageConfig.WorkingDirectory contains invalid characters.");
    if (in->runtime.ptr)
        TRY(check_runtime(c, in->runtime));
    if (in->runtime.ptr)
        doc->runtime = in->runtime;
    if (in->handler.ptr)
        doc->handler = in->handler;
    if (!image && (slice_empty(doc->runtime) || slice_empty(doc->handler)))
        return fail(c, &lambda_invalid_parameter_value,
                    "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
    if (!image)
        set_runtime_version(c, doc);
    if (image && in->image_config) {
        doc->image_config_response = arena_alloc(c->arena, sizeof(*doc->image_config_response));
        doc->image_config_response->image_config = in->image_config;
    }
    return 0;
}

static int set_layers(struct call *c, const struct lambda_layer_list *layers, configuration *doc)
{
    if (!layers->set)
        return 0;
    if (layers->len > 0 && slice_eq(doc->package_type, S("Image")))
        return fail(c, &lambda_invalid_parameter_value,
                    "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image");
    return layer_resolve(c, layers, &doc->layers);
}

static int refused_network(struct call *c, const char *operation, const struct call_refusal *refusal)
{
    if (leniency_on(c, LAMBDA_LENIENCY_UNKNOWN_NETWORKS))
        return 0;
    return fail(c, &lambda_invalid_parameter_value,
                "Error occurred while %s. EC2 Error Code: %.*s. EC2 Error Message: %.*s", operation,
                SLICE_ARG(refusal->code), SLICE_ARG(refusal->message));
}

/* ec2 knows the subnets and groups, and their VPC. */
static int find_network(struct call *c, const struct lambda_vpc_config *vpc, slice *vpc_id)
{
    const struct ec2_describe_subnets_in subnets = {.subnet_ids = {vpc->subnet_ids.items, vpc->subnet_ids.len, true}};
    const struct ec2_describe_security_groups_in groups = {
        .group_ids = {vpc->security_group_ids.items, vpc->security_group_ids.len, true}};
    struct ec2_describe_subnets_out found = {0};
    struct ec2_describe_security_groups_out ignored = {0};
    struct call_refusal refusal;
    int result = call_service(c, S("ec2"), &ec2_op_describe_subnets, &subnets, &found, &refusal);
    TRY(result == CALL_FAILED ? refused_network(c, "DescribeSubnets", &refusal) : result);
    result = call_service(c, S("ec2"), &ec2_op_describe_security_groups, &groups, &ignored, &refusal);
    TRY(result == CALL_FAILED ? refused_network(c, "DescribeSecurityGroups", &refusal) : result);
    if (found.subnets.len > 0)
        *vpc_id = found.subnets.items[0].vpc_id;
    return 0;
}

static int set_vpc(struct call *c, const struct lambda_vpc_config *vpc, configuration *doc)
{
    if (!vpc)
        return 0;
    bool none = vpc->subnet_ids.len == 0 && vpc->security_group_ids.len == 0;
    if (!none && (vpc->subnet_ids.len == 0 || vpc->security_group_ids.len == 0))
        return fail(c, &lambda_invalid_parameter_value, "SubnetIds and SecurityIds must coexist or be both empty list");
    if (vpc->subnet_ids.len > MAX_SUBNETS || vpc->security_group_ids.len > MAX_GROUPS)
        return fail(c, &lambda_invalid_parameter_value, "Too many subnets or security groups in VpcConfig.");
    slice vpc_id = S("");
    if (!none)
        TRY(find_network(c, vpc, &vpc_id));
    doc->vpc_config = arena_alloc(c->arena, sizeof(*doc->vpc_config));
    doc->vpc_config->subnet_ids = vpc->subnet_ids;
    doc->vpc_config->security_group_ids = vpc->security_group_ids;
    doc->vpc_config->subnet_ids.set = doc->vpc_config->security_group_ids.set = true;
    doc->vpc_config->vpc_id = vpc_id;
    doc->vpc_config->ipv6_allowed_for_dual_stack = opt_bool(opt_bool_or(vpc->ipv6_allowed_for_dual_stack, false));
    return 0;
}

static int set_logging(struct call *c, const struct lambda_logging_config *in, configuration *doc)
{
    struct lambda_logging_config *logging = arena_alloc(c->arena, sizeof(*logging));
    if (!in && doc->logging_config)
        return 0;
    if (in)
        *logging = *in;
    bool json = slice_eq(logging->log_format, S("JSON"));
    if (!json && (logging->application_log_level.len > 0 || logging->system_log_level.len > 0))
        return fail(c, &lambda_invalid_parameter_value,
                    "Invalid config: to configure log levels, set LogFormat to JSON.");
    if (slice_empty(logging->log_format))
        logging->log_format = S("Text");
    if (json && slice_empty(logging->application_log_level))
        logging->application_log_level = S("INFO");
    if (json && slice_empty(logging->system_log_level))
        logging->system_log_level = S("INFO");
    if (slice_empty(logging->log_group))
        logging->log_group = arena_printf(c->arena, "/aws/lambda/%.*s", SLICE_ARG(doc->function_name));
    doc->logging_config = logging;
    return 0;
}

/* It must be there; whether it can be mounted turns out when the function is invoked. */
static int find_access_point(struct call *c, slice arn)
{
    const struct efs_describe_access_points_in in = {.access_point_id = name_access_point(arn)};
    struct efs_describe_access_points_out out = {0};
    struct call_refusal refused;
    int result = call_service(c, S("efs"), &efs_op_describe_access_points, &in, &out, &refused);
    if (result == CALL_FAILED || (result == 0 && out.access_points.len == 0))
        return fail(c, &lambda_invalid_parameter_value,
                    "EFS access point %.*s is not valid. EFS Error Code: %.*s. EFS Error Message: %.*s", SLICE_ARG(arn),
                    SLICE_ARG(result ? refused.code : S("AccessPointNotFound")),
                    SLICE_ARG(result ? refused.message : S("Access point does not exist.")));
    return result;
}

static int set_file_systems(struct call *c, const struct lambda_file_system_config_list *in, configuration *doc)
{
    if (!in->set)
        return 0;
    if (in->len > 1)
        return fail(c, &lambda_invalid_parameter_value,
                    "1 validation error detected: Value at 'fileSystemConfigs' failed to satisfy constraint: Member "
                    "must have length less than or equal to 1");
    if (in->len > 0 && (!doc->vpc_config || doc->vpc_config->subnet_ids.len == 0))
        return fail(c, &lambda_invalid_parameter_value,
                    "Function must be configured to execute in a VPC to reference access point %.*s",
                    SLICE_ARG(in->items[0].arn));
    if (in->len > 0)
        TRY(find_access_point(c, in->items[0].arn));
    doc->file_system_configs = *in;
    return 0;
}

static void set_rest(struct call *c, const struct wanted *in, configuration *doc)
{
    if (in->role.ptr)
        doc->role = in->role;
    if (in->description.ptr)
        doc->description = in->description;
    if (in->kms_key_arn.ptr)
        doc->kms_key_arn = in->kms_key_arn.len > 0 ? in->kms_key_arn : (slice){NULL, 0};
    if (in->dead_letter_config) {
        struct lambda_dead_letter_config *letters = arena_alloc(c->arena, sizeof(*letters));
        *letters = *in->dead_letter_config;
        doc->dead_letter_config = letters->target_arn.len > 0 ? letters : NULL;
    }
    if (in->tracing_config) {
        doc->tracing_config = arena_alloc(c->arena, sizeof(*doc->tracing_config));
        doc->tracing_config->mode = in->tracing_config->mode;
    }
    if (in->snap_start) {
        doc->snap_start = arena_alloc(c->arena, sizeof(*doc->snap_start));
        doc->snap_start->apply_on = in->snap_start->apply_on;
        doc->snap_start->optimization_status = S("Off");
    }
}

static int apply(struct call *c, const struct wanted *in, configuration *doc)
{
    TRY(set_program(c, in, doc));
    TRY(set_sizes(c, in, doc));
    TRY(set_environment(c, in->environment, doc));
    TRY(set_layers(c, in->layers, doc));
    TRY(set_vpc(c, in->vpc_config, doc));
    TRY(set_file_systems(c, in->file_system_configs, doc));
    TRY(set_logging(c, in->logging_config, doc));
    set_rest(c, in, doc);
    return 0;
}

static void set_defaults(struct call *c, configuration *doc)
{
    doc->description = S("");
    doc->timeout = opt_int(3);
    doc->memory_size = opt_int(128);
    doc->tracing_config = arena_alloc(c->arena, sizeof(*doc->tracing_config));
    doc->tracing_config->mode = S("PassThrough");
    doc->ephemeral_storage = arena_alloc(c->arena, sizeof(*doc->ephemeral_storage));
    doc->ephemeral_storage->size = opt_int(MIN_STORAGE);
    doc->snap_start = arena_alloc(c->arena, sizeof(*doc->snap_start));
    doc->snap_start->apply_on = S("None");
    doc->snap_start->optimization_status = S("Off");
}

static int set_architectures(struct call *c, const struct lambda_architectures_list *in, configuration *doc)
{
    if (in->len > 1)
        return fail(c, &lambda_invalid_parameter_value,
                    "1 validation error detected: Value at 'architectures' failed to satisfy constraint: Member must "
                    "have length less than or equal to 1");
    if (in->len == 1)
        doc->architectures = *in;
    else
        *list_add(c->arena, &doc->architectures) = S("x86_64");
    doc->architectures.set = true;
    return 0;
}

int configure_create(struct call *c, const struct lambda_create_function_in *in, configuration *doc)
{
    const struct wanted wanted = {
        .role = in->role,
        .handler = in->handler,
        .description = in->description,
        .runtime = in->runtime,
        .kms_key_arn = in->kms_key_arn,
        .timeout = in->timeout,
        .memory_size = in->memory_size,
        .vpc_config = in->vpc_config,
        .environment = in->environment,
        .dead_letter_config = in->dead_letter_config,
        .tracing_config = in->tracing_config,
        .layers = &in->layers,
        .file_system_configs = &in->file_system_configs,
        .image_config = in->image_config,
        .ephemeral_storage = in->ephemeral_storage,
        .snap_start = in->snap_start,
        .logging_config = in->logging_config,
    };
    set_defaults(c, doc);
    doc->package_type = in->package_type.len > 0 ? in->package_type : S("Zip");
    TRY(set_architectures(c, &in->architectures, doc));
    return apply(c, &wanted, doc);
}

int configure_update(struct call *c, const struct lambda_update_function_configuration_in *in, configuration *doc)
{
    const struct wanted wanted = {
        .role = in->role,
        .handler = in->handler,
        .description = in->description,
        .runtime = in->runtime,
        .kms_key_arn = in->kms_key_arn,
        .timeout = in->timeout,
        .memory_size = in->memory_size,
        .vpc_config = in->vpc_config,
        .environment = in->environment,
        .dead_letter_config = in->dead_letter_config,
        .tracing_config = in->tracing_config,
        .layers = &in->layers,
        .file_system_configs = &in->file_system_configs,
        .image_config = in->image_config,
        .ephemeral_storage = in->ephemeral_storage,
        .snap_start = in->snap_start,
        .logging_config = in->logging_config,
    };
    return apply(c, &wanted, doc);
}
