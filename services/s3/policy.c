/* policy: bucket policies: checked, kept, and asked whether they are public. */
#include "services/s3/s3.h"

#include "common/err.h"

static int fail_policy(struct call *c, const char *text)
{
    return fail(c, &s3_malformed_policy, "%s", text);
}

static const struct val *at(const struct val *list, size_t index)
{
    if (list->type != VAL_ARRAY)
        return index == 0 ? list : NULL;
    return index < list->array.len ? &list->array.items[index] : NULL;
}

/* Resources must be this bucket or in it. */
static bool is_own(const struct bucket *bucket, slice resource)
{
    static const slice prefix = {"arn:aws:s3:::", 13};
    if (!slice_starts(resource, prefix))
        return slice_eq(resource, S("*"));
    slice name = slice_sub(resource, prefix.len, resource.len);
    return slice_eq(slice_sub(name, 0, slice_index(name, '/')), bucket->name);
}

static int check_statement(struct call *c, const struct bucket *bucket, const struct val *statement)
{
    slice effect = val_get_string(statement, S("Effect"));
    const struct val *resource = val_get(statement, S("Resource"));
    if (statement->type != VAL_OBJECT)
        return fail_policy(c, "Invalid policy syntax.");
    if (!slice_eq(effect, S("Allow")) && !slice_eq(effect, S("Deny")))
        return fail_policy(c, effect.ptr ? "Invalid effect" : "Missing required field Effect");
    if (!val_get(statement, S("Principal")) && !val_get(statement, S("NotPrincipal")))
        return fail_policy(c, "Missing required field Principal");
    if (!val_get(statement, S("Action")) && !val_get(statement, S("NotAction")))
        return fail_policy(c, "Missing required field Action");
    if (!resource)
        return val_get(statement, S("NotResource")) ? 0 : fail_policy(c, "Missing required field Resource");
    for (size_t i = 0; at(resource, i); i++) {
        if (at(resource, i)->type != VAL_STRING || !is_own(bucket, at(resource, i)->string))
            return fail_policy(c, "Policy has invalid resource");
    }
    return 0;
}

static bool names_everybody(const struct val *principal)
{
    if (!principal)
        return false;
    if (principal->type == VAL_STRING)
        return slice_eq(principal->string, S("*"));
    const struct val *aws = val_get(principal, S("AWS"));
    for (size_t i = 0; aws && at(aws, i); i++) {
        if (at(aws, i)->type == VAL_STRING && slice_eq(at(aws, i)->string, S("*")))
            return true;
    }
    return false;
}

/* Allowed to everybody without a condition. */
static bool is_public(const struct val *policy)
{
    const struct val *statements = val_get(policy, S("Statement"));
    for (size_t i = 0; statements && at(statements, i); i++) {
        const struct val *statement = at(statements, i);
        if (slice_eq(val_get_string(statement, S("Effect")), S("Allow")) && !val_get(statement, S("Condition")) &&
            names_everybody(val_get(statement, S("Principal"))))
            return true;
    }
    return false;
}

static int check(struct call *c, const struct bucket *bucket, slice text, struct val *policy)
{
    enum { POLICY_BYTES = 20 * 1024 };
    slice why;
    if (text.len > POLICY_BYTES)
        return fail(c, &s3_invalid_argument, "The maximum size of a bucket policy is 20 KB");
    if (json_parse(c->arena, text, policy, &why) != 0 || policy->type != VAL_OBJECT)
        return fail_policy(c, "Policies must be valid JSON and the first byte must be '{'");
    const struct val *statements = val_get(policy, S("Statement"));
    if (!statements || !at(statements, 0))
        return fail_policy(c, "Missing required field Statement");
    slice version = val_get_string(policy, S("Version"));
    if (version.ptr && !slice_eq(version, S("2012-10-17")) && !slice_eq(version, S("2008-10-17")))
        return fail_policy(c, "The policy must contain a valid version string");
    for (size_t i = 0; at(statements, i); i++)
        TRY(check_statement(c, bucket, at(statements, i)));
    return 0;
}

int s3_put_bucket_policy(struct call *c, const struct s3_put_bucket_policy_in *in, struct s3_put_bucket_policy_out *out)
{
    struct bucket bucket;
    struct val policy;
    struct checksum checksum;
    struct s3_public_access_block_configuration block = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(checksum_verify(c, &checksum));
    TRY(check(c, &bucket, in->policy, &policy));
    if (is_public(&policy) &&
        config_find(c, &bucket, "publicAccessBlock", &s3_shape_public_access_block_configuration, &block) &&
        opt_bool_or(block.block_public_policy, false))
        return fail(c, &s3_access_denied,
                    "User is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::%.*s\" because "
                    "public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                    SLICE_ARG(bucket.name));
    db_run(c->db, S3_SQL_CONFIG_SET, "itt", bucket.id, S("policy"), in->policy);
    c->reply_status = 204;
    return 0;
}

static int find(struct call *c, slice name, slice owner, struct bucket *bucket, slice *text)
{
    *text = (slice){NULL, 0};
    TRY(bucket_get(c, name, owner, bucket));
    struct db_rows rows = db_query(c->db, S3_SQL_CONFIG_GET, "it", bucket->id, S("policy"));
    if (db_next(&rows))
        *text = db_text(&rows, 0);
    db_done(&rows);
    if (text->ptr)
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("BucketName"), val_string(name));
    return fail_with(c, &s3_no_such_bucket_policy, extra, "The bucket policy does not exist");
}

int s3_get_bucket_policy(struct call *c, const struct s3_get_bucket_policy_in *in, struct s3_get_bucket_policy_out *out)
{
    struct bucket bucket;
    return find(c, in->bucket, in->expected_bucket_owner, &bucket, &out->policy);
}

int s3_get_bucket_policy_status(struct call *c, const struct s3_get_bucket_policy_status_in *in,
                                struct s3_get_bucket_policy_status_out *out)
{
    struct bucket bucket;
    struct val policy;
    slice text, why;
    TRY(find(c, in->bucket, in->expected_bucket_owner, &bucket, &text));
    if (json_parse(c->arena, text, &policy, &why) != 0)
        return FAULT_INTERNAL;
    out->policy_status = arena_alloc(c->arena, sizeof(*out->policy_status));
    out->policy_status->is_public = opt_bool(is_public(&policy));
    return 0;
}

int s3_delete_bucket_policy(struct call *c, const struct s3_delete_bucket_policy_in *in,
                            struct s3_delete_bucket_policy_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    db_run(c->db, S3_SQL_CONFIG_DELETE, "it", bucket.id, S("policy"));
    return 0;
}
