/* lock_config: a bucket's object lock configuration. */
#include "services/s3/s3.h"

int s3_get_object_lock_configuration(struct call *c, const struct s3_get_object_lock_configuration_in *in,
                                     struct s3_get_object_lock_configuration_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!bucket.locks)
        return fail(c, &s3_object_lock_configuration_not_found_error,
                    "Object Lock configuration does not exist for this bucket");
    out->object_lock_configuration = arena_alloc(c->arena, sizeof(*out->object_lock_configuration));
    if (!config_find(c, &bucket, "object-lock", &s3_shape_object_lock_configuration, out->object_lock_configuration))
        out->object_lock_configuration->object_lock_enabled = S("Enabled");
    return 0;
}

int s3_put_object_lock_configuration(struct call *c, const struct s3_put_object_lock_configuration_in *in,
                                     struct s3_put_object_lock_configuration_out *out)
{
    struct bucket bucket;
    const struct s3_object_lock_configuration *config = in->object_lock_configuration;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!slice_eq(bucket.versioning, S("Enabled")))
        return fail(c, &s3_invalid_bucket_state,
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    if (!config)
        return fail(c, &s3_missing_request_body_error, "Request Body is empty");
    const struct s3_default_retention *rule = config->rule ? config->rule->default_retention : NULL;
    if (!slice_eq(config->object_lock_enabled, S("Enabled")) ||
        (config->rule && (!rule || !rule->mode.ptr || rule->days.set == rule->years.set)))
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    if (rule && (opt_int_or(rule->days, 1) < 1 || opt_int_or(rule->years, 1) < 1))
        return fail(c, &s3_invalid_argument, "Default retention period must be a positive integer value.");
    config_set(c, &bucket, "object-lock", &s3_shape_object_lock_configuration, config);
    db_run(c->db, S3_SQL_BUCKET_SET_LOCKS, "i", bucket.id);
    return 0;
}
