/* update: changes to $LATEST: its code, its configuration, its runtime's management. */
#include "services/lambda/lambda.h"

static int get_latest(struct call *c, slice name, slice revision, struct function *f, struct version *latest)
{
    TRY(function_get(c, name, f));
    TRY(version_get(c, f, S("$LATEST"), latest));
    TRY(version_check_revision(c, latest, revision));
    if (version_is_settled(c, latest))
        return 0;
    if (slice_eq(latest->doc.state, S("Pending")))
        return fail(c, &lambda_resource_conflict,
                    "The operation cannot be performed at this time. The function is currently in the following state: "
                    "Pending");
    return fail(c, &lambda_resource_conflict,
                "The operation cannot be performed at this time. An update is in progress for resource: %.*s",
                SLICE_ARG(name_arn(c, f)));
}

/* Environments of the former code or configuration take no more invocations. */
static void retire(struct call *c, const struct function *f)
{
    call_effect(c, S("runner"), S("RetireEnvironments"),
                arena_printf(c->arena, "{\"function\":\"%.*s\",\"version\":\"$LATEST\"}", SLICE_ARG(name_arn(c, f))));
}

static int answer(struct call *c, struct function *f, struct version *latest, bool publish, configuration *out)
{
    struct version published;
    if (!publish) {
        version_show(c, f, latest, (slice){NULL, 0}, out);
        return 0;
    }
    TRY(version_publish(c, f, latest, (slice){NULL, 0}, &published));
    version_show(c, f, &published, name_version(c, published.number), out);
    return 0;
}

int lambda_update_function_code(struct call *c, const struct lambda_update_function_code_in *in,
                                struct lambda_update_function_code_out *out)
{
    struct function f;
    struct version latest;
    struct code code;
    const struct code_source source = {in->zip_file, in->s3_bucket, in->s3_key, in->s3_object_version, in->image_uri};
    TRY(get_latest(c, in->function_name, in->revision_id, &f, &latest));
    TRY(code_take(c, &source, latest.doc.package_type, &code));
    slice former = latest.code;
    latest.code = code.hash;
    latest.image = code.image;
    latest.doc.code_size = opt_int(code.bytes);
    latest.doc.code_sha256 = code.sha256;
    if (in->architectures.len > 0)
        latest.doc.architectures = in->architectures;
    version_touch(c, &latest);
    version_begin(c, &latest, false);
    if (opt_bool_or(in->dry_run, false)) {
        version_show(c, &f, &latest, (slice){NULL, 0}, out);
        return 0;
    }
    version_save(c, &f, &latest);
    retire(c, &f);
    code_release(c, former);
    return answer(c, &f, &latest, opt_bool_or(in->publish, false), out);
}

int lambda_update_function_configuration(struct call *c, const struct lambda_update_function_configuration_in *in,
                                         struct lambda_update_function_configuration_out *out)
{
    struct function f;
    struct version latest;
    TRY(get_latest(c, in->function_name, in->revision_id, &f, &latest));
    latest.doc.function_name = f.name;
    TRY(configure_update(c, in, &latest.doc));
    if (in->role.ptr)
        TRY(plan_check_role(c, in->role));
    version_touch(c, &latest);
    version_begin(c, &latest, false);
    version_save(c, &f, &latest);
    retire(c, &f);
    return answer(c, &f, &latest, false, out);
}

int lambda_get_function_code_signing_config(struct call *c, const struct lambda_get_function_code_signing_config_in *in,
                                            struct lambda_get_function_code_signing_config_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    out->function_name = f.name;
    out->code_signing_config_arn = S("");
    return 0;
}

/* The ARN only says something when it is pinned. */
static slice runtime_arn(const struct version *v)
{
    return v->doc.runtime_version_config ? v->doc.runtime_version_config->runtime_version_arn : (slice){NULL, 0};
}

int lambda_get_runtime_management_config(struct call *c, const struct lambda_get_runtime_management_config_in *in,
                                         struct lambda_get_runtime_management_config_out *out)
{
    struct function f;
    struct version v;
    TRY(function_get_version(c, in->function_name, in->qualifier, &f, &v));
    out->update_runtime_on = f.update_runtime_on;
    out->function_arn = name_qualified_arn(c, &f, name_version(c, v.number));
    if (slice_eq(f.update_runtime_on, S("Manual")))
        out->runtime_version_arn = runtime_arn(&v);
    return 0;
}

int lambda_put_runtime_management_config(struct call *c, const struct lambda_put_runtime_management_config_in *in,
                                         struct lambda_put_runtime_management_config_out *out)
{
    struct function f;
    struct version v;
    bool manual = slice_eq(in->update_runtime_on, S("Manual"));
    TRY(function_get_version(c, in->function_name, in->qualifier, &f, &v));
    if (manual != (in->runtime_version_arn.len > 0))
        return fail(c, &lambda_invalid_parameter_value,
                    manual ? "When UpdateRuntimeOn is Manual, RuntimeVersionArn must be provided."
                           : "RuntimeVersionArn can only be provided when UpdateRuntimeOn is Manual.");
    db_run(c->db, LAMBDA_SQL_FUNCTION_SET_RUNTIME_UPDATE, "ti", in->update_runtime_on, f.id);
    out->update_runtime_on = in->update_runtime_on;
    out->function_arn = name_qualified_arn(c, &f, name_version(c, v.number));
    out->runtime_version_arn = manual ? in->runtime_version_arn : (slice){NULL, 0};
    return 0;
}
