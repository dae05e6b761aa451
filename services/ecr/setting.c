/* setting: what is set on a whole registry: policy, scanning, replication, account settings; each a document. */
#include "services/ecr/ecr.h"

#include "common/glob.h"
#include "ecr_api.h"

slice setting_get(struct call *c, slice name)
{
    slice value = {NULL, 0};
    struct db_rows rows = db_query(c->db, ECR_SQL_SETTING_GET, "ttt", c->account, c->region, name);
    if (db_next(&rows))
        value = db_text(&rows, 0);
    db_done(&rows);
    return value;
}

void setting_set(struct call *c, slice name, slice value)
{
    db_run(c->db, ECR_SQL_SETTING_SET, "tttt", c->account, c->region, name, value);
}

static int policy_get(struct call *c, slice *text)
{
    *text = setting_get(c, S("policy"));
    if (text->ptr)
        return 0;
    return fail(c, &ecr_registry_policy_not_found, "Registry policy does not exist in the registry with id '%.*s'",
                SLICE_ARG(c->account));
}

int ecr_put_registry_policy(struct call *c, const struct ecr_put_registry_policy_in *in,
                            struct ecr_put_registry_policy_out *out)
{
    TRY(repository_policy_check(c, S("registry"), in->policy_text));
    setting_set(c, S("policy"), in->policy_text);
    out->registry_id = c->account;
    out->policy_text = in->policy_text;
    return 0;
}

int ecr_get_registry_policy(struct call *c, const struct ecr_get_registry_policy_in *in,
                            struct ecr_get_registry_policy_out *out)
{
    TRY(policy_get(c, &out->policy_text));
    out->registry_id = c->account;
    return 0;
}

int ecr_delete_registry_policy(struct call *c, const struct ecr_delete_registry_policy_in *in,
                               struct ecr_delete_registry_policy_out *out)
{
    TRY(policy_get(c, &out->policy_text));
    db_run(c->db, ECR_SQL_SETTING_DELETE, "ttt", c->account, c->region, S("policy"));
    out->registry_id = c->account;
    return 0;
}

/* A stored document, or an empty one. */
static void *document_get(struct call *c, slice name, const struct api_shape *shape)
{
    void *document = arena_alloc(c->arena, shape->size);
    slice text = setting_get(c, name);
    if (text.ptr)
        api_from_json(c->arena, shape, text, document);
    return document;
}

int ecr_describe_registry(struct call *c, const struct ecr_describe_registry_in *in,
                          struct ecr_describe_registry_out *out)
{
    out->registry_id = c->account;
    out->replication_configuration = document_get(c, S("replication"), &ecr_shape_replication_configuration);
    out->replication_configuration->rules.set = true;
    return 0;
}

int ecr_put_replication_configuration(struct call *c, const struct ecr_put_replication_configuration_in *in,
                                      struct ecr_put_replication_configuration_out *out)
{
    list_foreach (rule, &in->replication_configuration->rules) {
        list_foreach (destination, &rule->destinations) {
            if (slice_eq(destination->registry_id, c->account) && slice_eq(destination->region, c->region))
                return fail(c, &ecr_invalid_parameter,
                            "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: "
                            "'Replication destination cannot be the same as the source registry'");
        }
    }
    setting_set(c, S("replication"),
                api_to_json(c->arena, &ecr_shape_replication_configuration, in->replication_configuration));
    out->replication_configuration = in->replication_configuration;
    return 0;
}

static struct ecr_registry_scanning_configuration *scanning_get(struct call *c)
{
    struct ecr_registry_scanning_configuration *scanning =
        document_get(c, S("scanning"), &ecr_shape_registry_scanning_configuration);
    if (!scanning->scan_type.ptr)
        scanning->scan_type = S("BASIC");
    scanning->rules.set = true;
    return scanning;
}

int ecr_get_registry_scanning_configuration(struct call *c, const struct ecr_get_registry_scanning_configuration_in *in,
                                            struct ecr_get_registry_scanning_configuration_out *out)
{
    out->registry_id = c->account;
    out->scanning_configuration = scanning_get(c);
    return 0;
}

int ecr_put_registry_scanning_configuration(struct call *c, const struct ecr_put_registry_scanning_configuration_in *in,
                                            struct ecr_put_registry_scanning_configuration_out *out)
{
    struct ecr_registry_scanning_configuration *scanning = arena_alloc(c->arena, sizeof(*scanning));
    scanning->scan_type = in->scan_type.ptr ? in->scan_type : S("BASIC");
    scanning->rules = in->rules;
    list_foreach (rule, &in->rules) {
        if (slice_eq(scanning->scan_type, S("BASIC")) && slice_eq(rule->scan_frequency, S("CONTINUOUS_SCAN")))
            return fail(c, &ecr_invalid_parameter,
                        "Invalid parameter at 'rules' failed to satisfy constraint: "
                        "'CONTINUOUS_SCAN is only valid with scanType ENHANCED'");
    }
    setting_set(c, S("scanning"), api_to_json(c->arena, &ecr_shape_registry_scanning_configuration, scanning));
    scanning->rules.set = true;
    out->registry_scanning_configuration = scanning;
    return 0;
}

/* The registry's rule for the repository: its frequency and the filter that matched. */
static void apply_rules(struct call *c, const struct ecr_registry_scanning_configuration *scanning,
                        struct ecr_repository_scanning_configuration *out)
{
    list_foreach (rule, &scanning->rules) {
        list_foreach (filter, &rule->repository_filters) {
            if (!glob_match(filter->filter, out->repository_name))
                continue;
            out->scan_frequency = rule->scan_frequency;
            *list_add(c->arena, &out->applied_scan_filters) = *filter;
        }
    }
}

int ecr_batch_get_repository_scanning_configuration(struct call *c,
                                                    const struct ecr_batch_get_repository_scanning_configuration_in *in,
                                                    struct ecr_batch_get_repository_scanning_configuration_out *out)
{
    const struct ecr_registry_scanning_configuration *scanning = scanning_get(c);
    out->scanning_configurations.set = out->failures.set = true;
    list_foreach (name, &in->repository_names) {
        struct repository repository;
        if (!repository_find(c, c->account, *name, &repository)) {
            *list_add(c->arena, &out->failures) = (struct ecr_repository_scanning_configuration_failure){
                .repository_name = *name,
                .failure_code = S("REPOSITORY_NOT_FOUND"),
                .failure_reason = S("The repository does not exist"),
            };
            continue;
        }
        struct ecr_repository_scanning_configuration *one = list_add(c->arena, &out->scanning_configurations);
        one->repository_name = repository.name;
        one->repository_arn = arena_printf(c->arena, "arn:aws:ecr:%.*s:%.*s:repository/%.*s", SLICE_ARG(c->region),
                                           SLICE_ARG(c->account), SLICE_ARG(repository.name));
        one->scan_on_push = opt_bool(repository.scan_on_push);
        one->scan_frequency = repository.scan_on_push ? S("SCAN_ON_PUSH") : S("MANUAL");
        one->applied_scan_filters.set = true;
        apply_rules(c, scanning, one);
    }
    return 0;
}

static const struct {
    slice name;
    slice values[3]; /* the first is the default */
} account_settings[] = {
    {{"BASIC_SCAN_TYPE_VERSION", 23}, {{"AWS_NATIVE", 10}, {"CLAIR", 5}}},
    {{"REGISTRY_POLICY_SCOPE", 21}, {{"V2", 2}, {"V1", 2}}},
    {{"BLOB_MOUNTING", 13}, {{"ENABLED", 7}, {"DISABLED", 8}}},
};

static int find_account_setting(struct call *c, slice name, size_t *index)
{
    for (*index = 0; *index < sizeof(account_settings) / sizeof(*account_settings); ++*index) {
        if (slice_eq(account_settings[*index].name, name))
            return 0;
    }
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'name' failed to satisfy constraint: 'unknown account setting %.*s'",
                SLICE_ARG(name));
}

int ecr_get_account_setting(struct call *c, const struct ecr_get_account_setting_in *in,
                            struct ecr_get_account_setting_out *out)
{
    size_t index;
    TRY(find_account_setting(c, in->name, &index));
    slice value = setting_get(c, in->name);
    out->name = in->name;
    out->value = value.ptr ? value : account_settings[index].values[0];
    return 0;
}

int ecr_put_account_setting(struct call *c, const struct ecr_put_account_setting_in *in,
                            struct ecr_put_account_setting_out *out)
{
    size_t index;
    TRY(find_account_setting(c, in->name, &index));
    const slice *values = account_settings[index].values;
    if (!slice_eq(in->value, values[0]) && !slice_eq(in->value, values[1]))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'value' failed to satisfy constraint: 'must be one of %.*s, %.*s'",
                    SLICE_ARG(values[0]), SLICE_ARG(values[1]));
    setting_set(c, in->name, in->value);
    out->name = in->name;
    out->value = in->value;
    return 0;
}
