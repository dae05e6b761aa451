/* plan: what an environment of a version is made of, as the runner is told (proto/runner.h). */
#include "services/lambda/invoke.h"

#include "common/conf.h"
#include "common/json.h"
#include "services/image/image_ref.h"
#include "services/lambda/leniency.h"

/* Environments get new credentials before these end. */
enum { CREDENTIALS_SECONDS = 3600, CREDENTIALS_MARGIN_SECONDS = 960 };

static void add_variable(struct call *c, struct val *list, slice name, slice value)
{
    struct val pair = val_array();
    val_push(c->arena, &pair, val_string(name));
    val_push(c->arena, &pair, val_string(value));
    val_push(c->arena, list, pair);
}

static slice role_question(struct call *c, slice role, slice session, int64_t seconds)
{
    struct val question = val_object();
    val_set(c->arena, &question, S("role"), val_string(role));
    val_set(c->arena, &question, S("service"), val_string(S("lambda.amazonaws.com")));
    val_set(c->arena, &question, S("session"), val_string(session));
    val_set(c->arena, &question, S("seconds"), val_int(seconds));
    return json_text(c->arena, &question);
}

int plan_check_role(struct call *c, slice role)
{
    slice reply;
    struct call_refusal refused;
    int result = call_ask(c, S("sts"), S("ServiceRole"), role_question(c, role, S("-"), 0), &reply, &refused);
    if (result == CALL_FAILED)
        return fail(c, &lambda_invalid_parameter_value,
                    "The role defined for the function cannot be assumed by Lambda.");
    return result;
}

/* The role's, from our own STS: nothing of the machine's gets into a function. */
static int add_credentials(struct call *c, const struct function *f, const configuration *doc, struct val *list,
                           int64_t *expires_ms)
{
    static const slice names[] = {S("AWS_ACCESS_KEY_ID"), S("AWS_SECRET_ACCESS_KEY"), S("AWS_SESSION_TOKEN")};
    static const slice members[] = {S("accessKeyId"), S("secretAccessKey"), S("sessionToken")};
    struct val credentials;
    struct call_refusal refused;
    slice reply, why, session = f->name.len > 1 ? f->name : arena_concat(c->arena, f->name, S("-lambda"));
    int result = call_ask(c, S("sts"), S("ServiceRole"), role_question(c, doc->role, session, CREDENTIALS_SECONDS),
                          &reply, &refused);
    if (result == CALL_FAILED)
        return fail(c, &lambda_service, "The role defined for the function cannot be assumed by Lambda: %.*s",
                    SLICE_ARG(refused.message));
    TRY(result);
    if (json_parse(c->arena, reply, &credentials, &why) != 0)
        return FAULT_MESSAGE;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        add_variable(c, list, names[i], val_get_string(&credentials, members[i]));
    *expires_ms = c->now_ms + (CREDENTIALS_SECONDS - CREDENTIALS_MARGIN_SECONDS) * 1000LL;
    return 0;
}

static slice log_format(const configuration *doc)
{
    return doc->logging_config && doc->logging_config->log_format.ptr ? doc->logging_config->log_format : S("Text");
}

static slice log_group(struct call *c, const struct function *f, const configuration *doc)
{
    if (doc->logging_config && doc->logging_config->log_group.len > 0)
        return doc->logging_config->log_group;
    return arena_printf(c->arena, "/aws/lambda/%.*s", SLICE_ARG(f->name));
}

static slice endpoint(struct call *c)
{
    return arena_printf(c->arena, "http://127.0.0.1:%lld", (long long)c->conf->port);
}

/* The function's own come first: the environment's standard ones do not replace them, except those it may not set. */
static void add_variables(struct call *c, const struct function *f, const struct version *v, struct val *list)
{
    const configuration *doc = &v->doc;
    const struct pair given[] = {
        {S("AWS_LAMBDA_FUNCTION_NAME"), f->name},
        {S("AWS_LAMBDA_FUNCTION_VERSION"), name_version(c, v->number)},
        {S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
         arena_printf(c->arena, "%lld", (long long)opt_int_or(doc->memory_size, 128))},
        {S("AWS_LAMBDA_LOG_GROUP_NAME"), log_group(c, f, doc)},
        {S("AWS_LAMBDA_LOG_FORMAT"), log_format(doc)},
        {S("AWS_REGION"), f->region},
        {S("AWS_DEFAULT_REGION"), f->region},
    };
    for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
        add_variable(c, list, given[i].key, given[i].value);
    if (doc->runtime.len > 0)
        add_variable(c, list, S("AWS_EXECUTION_ENV"), arena_concat(c->arena, S("AWS_Lambda_"), doc->runtime));
    if (doc->logging_config && doc->logging_config->application_log_level.len > 0)
        add_variable(c, list, S("AWS_LAMBDA_LOG_LEVEL"), doc->logging_config->application_log_level);
    bool has_endpoint = false;
    for (size_t i = 0; doc->environment && i < doc->environment->variables.len; i++) {
        const struct lambda_environment_variables_entry *own = &doc->environment->variables.items[i];
        has_endpoint = has_endpoint || slice_eq(own->key, S("AWS_ENDPOINT_URL"));
        add_variable(c, list, own->key, own->value);
    }
    if (!has_endpoint)
        add_variable(c, list, S("AWS_ENDPOINT_URL"), endpoint(c));
}

static struct val log_of(struct call *c, const struct function *f, const configuration *doc)
{
    struct val log = val_object();
    val_set(c->arena, &log, S("account"), val_string(f->account));
    val_set(c->arena, &log, S("region"), val_string(f->region));
    val_set(c->arena, &log, S("group"), val_string(log_group(c, f, doc)));
    val_set(c->arena, &log, S("format"), val_string(log_format(doc)));
    return log;
}

static void set_text(struct call *c, struct val *plan, const char *name, slice text)
{
    if (text.len > 0)
        val_set(c->arena, plan, slice_of(name), val_string(text));
}

static void set_texts(struct call *c, struct val *plan, const char *name, const struct lambda_string_list *texts)
{
    struct val list = val_array();
    list_foreach (text, texts)
        val_push(c->arena, &list, val_string(*text));
    if (texts->len > 0)
        val_set(c->arena, plan, slice_of(name), list);
}

static void add_image(struct call *c, const struct version *v, struct val *plan)
{
    struct image_ref ref;
    struct val reference = val_object();
    set_text(c, plan, "image", v->image);
    val_set(c->arena, plan, S("printsAnswer"), val_bool(leniency_on(c, LAMBDA_LENIENCY_IMAGE_OUTPUT)));
    if (!code_image(c, v, &ref))
        return;
    set_text(c, &reference, "account", ref.account);
    set_text(c, &reference, "region", ref.region);
    set_text(c, &reference, "repository", ref.repository);
    set_text(c, &reference, "tag", ref.tag);
    set_text(c, &reference, "digest", ref.digest);
    val_set(c->arena, plan, S("ecr"), reference);
}

/* {"path", "uid", "gid"} of an access point, as efs says. */
static int ask_file_system(struct call *c, slice access_point, struct val *place, struct call_refusal *refused)
{
    struct val question = val_object();
    slice reply, why;
    set_text(c, &question, "account", c->account);
    set_text(c, &question, "region", c->region);
    set_text(c, &question, "accessPointId", name_access_point(access_point));
    TRY(call_ask(c, S("efs"), S("ResolveMount"), json_text(c->arena, &question), &reply, refused));
    return json_parse(c->arena, reply, place, &why) == 0 && place->type == VAL_OBJECT ? 0 : FAULT_MESSAGE;
}

static int add_file_system(struct call *c, const configuration *doc, struct val *plan)
{
    struct val place;
    struct call_refusal refused;
    if (doc->file_system_configs.len == 0)
        return 0;
    const struct lambda_file_system_config *config = &doc->file_system_configs.items[0];
    int result = ask_file_system(c, config->arn, &place, &refused);
    if (result == CALL_FAILED)
        return fail(c, &lambda_efs_mount_failure, "The function couldn't mount the Amazon EFS access point %.*s: %.*s",
                    SLICE_ARG(config->arn), SLICE_ARG(refused.message));
    TRY(result);
    set_text(c, &place, "target", config->local_mount_path);
    val_set(c->arena, plan, S("fileSystem"), place);
    return 0;
}

static void add_code(struct call *c, const struct version *v, struct val *plan)
{
    const configuration *doc = &v->doc;
    struct val layers = val_array();
    if (v->image.len > 0)
        add_image(c, v, plan);
    if (doc->image_config_response && doc->image_config_response->image_config) {
        const struct lambda_image_config *image = doc->image_config_response->image_config;
        set_texts(c, plan, "entryPoint", &image->entry_point);
        set_texts(c, plan, "command", &image->command);
        set_text(c, plan, "workingDirectory", image->working_directory);
    }
    if (v->code.len > 0)
        set_text(c, plan, "code", code_tree_path(c, v->code));
    list_foreach (layer, &doc->layers) {
        slice code = layer_code(c, layer->arn);
        if (code.ptr)
            val_push(c->arena, &layers, val_string(code_tree_path(c, code)));
    }
    val_set(c->arena, plan, S("layers"), layers);
    val_set(c->arena, plan, S("empty"), val_bool(code_is_empty(c, v->code)));
    val_set(c->arena, plan, S("once"), val_bool(leniency_on(c, LAMBDA_LENIENCY_STREAM_PER_INVOCATION)));
}

int plan_of(struct call *c, const struct function *f, const struct version *v, slice *text)
{
    const configuration *doc = &v->doc;
    struct val plan = val_object(), variables = val_array();
    int64_t expires_ms = 0;
    TRY(add_credentials(c, f, doc, &variables, &expires_ms));
    TRY(add_file_system(c, doc, &plan));
    add_variables(c, f, v, &variables);
    set_text(c, &plan, "name", f->name);
    set_text(c, &plan, "version", name_version(c, v->number));
    set_text(c, &plan, "runtime", doc->runtime);
    set_text(c, &plan, "handler", doc->handler);
    if (doc->runtime_version_config) {
        set_text(c, &plan, "runtimeVersion", arena_printf(c->arena, "%.*s.v1", SLICE_ARG(doc->runtime)));
        set_text(c, &plan, "runtimeVersionArn", doc->runtime_version_config->runtime_version_arn);
    }
    val_set(c->arena, &plan, S("memory"), val_int(opt_int_or(doc->memory_size, 128)));
    val_set(c->arena, &plan, S("storage"),
            val_int(doc->ephemeral_storage ? opt_int_or(doc->ephemeral_storage->size, 512) : 512));
    val_set(c->arena, &plan, S("environment"), variables);
    val_set(c->arena, &plan, S("log"), log_of(c, f, doc));
    val_set(c->arena, &plan, S("expiresAt"), val_int(expires_ms));
    add_code(c, v, &plan);
    *text = json_text(c->arena, &plan);
    return 0;
}
