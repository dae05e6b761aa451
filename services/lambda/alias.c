/* alias: names for versions, with a share of the invocations for a second one. */
#include "services/lambda/lambda.h"

#include "common/ids.h"
#include "common/page.h"

enum { MAX_PAGE = 50 };

bool alias_find(struct call *c, const struct function *f, slice name, struct lambda_alias_configuration *alias)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_ALIAS_GET, "it", f->id, name);
    bool found = db_next(&rows);
    *alias = (struct lambda_alias_configuration){0};
    if (found)
        api_from_json(c->arena, &lambda_shape_alias_configuration, db_text(&rows, 0), alias);
    db_done(&rows);
    return found;
}

static int alias_get(struct call *c, const struct function *f, slice name, struct lambda_alias_configuration *alias)
{
    if (!alias_find(c, f, name, alias))
        return fail(c, &lambda_resource_not_found, "Cannot find alias arn: %.*s",
                    SLICE_ARG(name_qualified_arn(c, f, name)));
    return 0;
}

int64_t alias_choose(const struct lambda_alias_configuration *alias, uint64_t chance)
{
    double share = (double)(chance >> 32) / 4294967296.0;
    if (alias->routing_config) {
        list_foreach (entry, &alias->routing_config->additional_version_weights) {
            if (share < entry->value.v)
                return name_version_number(entry->key);
            share -= entry->value.v;
        }
    }
    return name_version_number(alias->function_version);
}

static int check_version(struct call *c, const struct function *f, slice version)
{
    struct version v;
    int64_t number = name_version_number(version);
    if (number < 0 || !version_find(c, f, number, &v))
        return fail(c, &lambda_resource_not_found, "Function not found: %.*s",
                    SLICE_ARG(name_qualified_arn(c, f, version)));
    return 0;
}

static int check_routing(struct call *c, const struct function *f, const struct lambda_alias_configuration *alias)
{
    if (!alias->routing_config)
        return 0;
    const struct lambda_additional_version_weights *weights = &alias->routing_config->additional_version_weights;
    if (weights->len > 1)
        return fail(c, &lambda_invalid_parameter_value,
                    "Number of items in AdditionalVersionWeights cannot be greater than 1");
    list_foreach (entry, weights) {
        if (entry->value.v < 0 || entry->value.v > 1)
            return fail(c, &lambda_validation,
                        "1 validation error detected: Value '{%.*s=%g}' at 'routingConfig.additionalVersionWeights' "
                        "failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less "
                        "than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be "
                        "null]",
                        SLICE_ARG(entry->key), entry->value.v);
        if (slice_eq(entry->key, alias->function_version))
            return fail(c, &lambda_invalid_parameter_value,
                        "Invalid function version %.*s. Function version %.*s is already included in routing "
                        "configuration.",
                        SLICE_ARG(entry->key), SLICE_ARG(entry->key));
        if (name_version_number(entry->key) == 0 || name_version_number(alias->function_version) == 0)
            return fail(c, &lambda_invalid_parameter_value,
                        "$LATEST is not supported for an alias pointing to more than 1 version");
        TRY(check_version(c, f, entry->key));
    }
    if (weights->len == 0) {
        struct lambda_alias_configuration *writable = (struct lambda_alias_configuration *)(uintptr_t)alias;
        writable->routing_config = NULL;
    }
    return 0;
}

static slice alias_doc(struct call *c, const struct lambda_alias_configuration *alias)
{
    return api_to_json(c->arena, &lambda_shape_alias_configuration, alias);
}

int lambda_create_alias(struct call *c, const struct lambda_create_alias_in *in, struct lambda_create_alias_out *out)
{
    struct function f;
    struct lambda_alias_configuration existing;
    int64_t ignored;
    TRY(function_get(c, in->function_name, &f));
    if (slice_to_int64(in->name, &ignored))
        return fail(c, &lambda_validation,
                    "1 validation error detected: Value '%.*s' at 'name' failed to satisfy constraint: Member must "
                    "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
                    SLICE_ARG(in->name));
    TRY(check_version(c, &f, in->function_version));
    if (alias_find(c, &f, in->name, &existing))
        return fail(c, &lambda_resource_conflict, "Alias already exists: %.*s",
                    SLICE_ARG(name_qualified_arn(c, &f, in->name)));
    *out = (struct lambda_alias_configuration){
        .alias_arn = name_qualified_arn(c, &f, in->name),
        .name = in->name,
        .function_version = in->function_version,
        .description = in->description.ptr ? in->description : S(""),
        .routing_config = in->routing_config,
        .revision_id = ids_uuid(c->arena),
    };
    TRY(check_routing(c, &f, out));
    db_run(c->db, LAMBDA_SQL_ALIAS_ADD, "itit", f.id, in->name, name_version_number(in->function_version),
           alias_doc(c, out));
    return 0;
}

int lambda_get_alias(struct call *c, const struct lambda_get_alias_in *in, struct lambda_get_alias_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    return alias_get(c, &f, in->name, out);
}

int lambda_update_alias(struct call *c, const struct lambda_update_alias_in *in, struct lambda_update_alias_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    TRY(alias_get(c, &f, in->name, out));
    if (in->revision_id.len > 0 && !slice_eq(in->revision_id, out->revision_id))
        return fail(c, &lambda_precondition_failed,
                    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API "
                    "to retrieve the latest Revision Id");
    if (in->function_version.ptr) {
        TRY(check_version(c, &f, in->function_version));
        out->function_version = in->function_version;
    }
    if (in->description.ptr)
        out->description = in->description;
    if (in->routing_config)
        out->routing_config = in->routing_config;
    out->revision_id = ids_uuid(c->arena);
    TRY(check_routing(c, &f, out));
    db_run(c->db, LAMBDA_SQL_ALIAS_SET, "itit", name_version_number(out->function_version), alias_doc(c, out), f.id,
           in->name);
    return 0;
}

int lambda_delete_alias(struct call *c, const struct lambda_delete_alias_in *in, struct lambda_delete_alias_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    db_run(c->db, LAMBDA_SQL_ALIAS_DELETE, "it", f.id, in->name);
    db_run(c->db, LAMBDA_SQL_SETTING_DELETE_QUALIFIER, "it", f.id, in->name);
    db_run(c->db, LAMBDA_SQL_URL_DELETE, "it", f.id, in->name);
    permission_delete_all(c, name_qualified_arn(c, &f, in->name));
    return 0;
}

int lambda_list_aliases(struct call *c, const struct lambda_list_aliases_in *in, struct lambda_list_aliases_out *out)
{
    struct function f;
    slice from;
    int64_t wanted = opt_int_or(in->max_items, MAX_PAGE), size = wanted < MAX_PAGE ? wanted : MAX_PAGE;
    int64_t number = in->function_version.len > 0 ? name_version_number(in->function_version) : -1;
    TRY(function_get(c, in->function_name, &f));
    if (page_key(c->arena, S("ListAliases"), in->marker, &from) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_ALIAS_LIST, "itii", f.id, from, number, size + 1);
    while (db_next(&rows)) {
        if ((int64_t)out->aliases.len == size) {
            out->next_marker = page_token(c->arena, S("ListAliases"), db_text(&rows, 0));
            break;
        }
        api_from_json(c->arena, &lambda_shape_alias_configuration, db_text(&rows, 1),
                      list_add(c->arena, &out->aliases));
    }
    db_done(&rows);
    return 0;
}
