/* lock: object lock: retention and legal holds of versions. */
#include "services/s3/s3.h"

int lock_check_delete(struct call *c, const struct version *version, bool bypass)
{
    bool retained = version->retain_ms.set && version->retain_ms.v > c->now_ms;
    bool governed = slice_eq(version->lock_mode, S("GOVERNANCE"));
    if (version->legal_hold || (retained && !(governed && bypass)))
        return fail(c, &s3_access_denied, "Access Denied because object protected by object lock.");
    return 0;
}

static int get(struct call *c, slice bucket_name, slice owner, struct bucket *bucket)
{
    TRY(bucket_get(c, bucket_name, owner, bucket));
    if (!bucket->locks)
        return fail(c, &s3_invalid_request, "Bucket is missing Object Lock Configuration");
    return 0;
}

int s3_get_object_retention(struct call *c, const struct s3_get_object_retention_in *in,
                            struct s3_get_object_retention_out *out)
{
    struct bucket bucket;
    struct version version;
    TRY(get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    if (!version.lock_mode.ptr)
        return fail(c, &s3_no_such_object_lock_configuration,
                    "The specified object does not have a ObjectLock configuration");
    out->retention = arena_alloc(c->arena, sizeof(*out->retention));
    out->retention->mode = version.lock_mode;
    out->retention->retain_until_date = version.retain_ms;
    return 0;
}

/* A running retention can be lengthened by anybody, shortened only where governance is bypassed. */
static int check_change(struct call *c, const struct version *version, const struct s3_object_lock_retention *wanted,
                        bool bypass)
{
    bool running = version->retain_ms.set && version->retain_ms.v > c->now_ms;
    bool compliance = slice_eq(version->lock_mode, S("COMPLIANCE"));
    bool weaker = !wanted || !wanted->retain_until_date.set || wanted->retain_until_date.v < version->retain_ms.v ||
                  (compliance && !slice_eq(wanted->mode, S("COMPLIANCE")));
    if (running && weaker && (compliance || !bypass))
        return fail(c, &s3_access_denied, "Access Denied because object protected by object lock.");
    return 0;
}

int s3_put_object_retention(struct call *c, const struct s3_put_object_retention_in *in,
                            struct s3_put_object_retention_out *out)
{
    struct bucket bucket;
    struct version version;
    const struct s3_object_lock_retention *wanted = in->retention;
    TRY(get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    bool mode = wanted && wanted->mode.ptr, until = wanted && wanted->retain_until_date.set;
    if (mode != until)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    if (mode && !slice_eq(wanted->mode, S("GOVERNANCE")) && !slice_eq(wanted->mode, S("COMPLIANCE")))
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    if (until && wanted->retain_until_date.v <= c->now_ms)
        return fail(c, &s3_invalid_argument, "The retain until date must be in the future!");
    TRY(check_change(c, &version, wanted, opt_bool_or(in->bypass_governance_retention, false)));
    db_run(c->db, S3_SQL_VERSION_SET_LOCK, "tIi", mode ? wanted->mode : (slice){NULL, 0},
           until ? wanted->retain_until_date : (struct opt_int){0}, version.id);
    return 0;
}

int s3_get_object_legal_hold(struct call *c, const struct s3_get_object_legal_hold_in *in,
                             struct s3_get_object_legal_hold_out *out)
{
    struct bucket bucket;
    struct version version;
    TRY(get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    out->legal_hold = arena_alloc(c->arena, sizeof(*out->legal_hold));
    out->legal_hold->status = version.legal_hold ? S("ON") : S("OFF");
    return 0;
}

int s3_put_object_legal_hold(struct call *c, const struct s3_put_object_legal_hold_in *in,
                             struct s3_put_object_legal_hold_out *out)
{
    struct bucket bucket;
    struct version version;
    TRY(get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    slice status = in->legal_hold ? in->legal_hold->status : S("");
    if (!slice_eq(status, S("ON")) && !slice_eq(status, S("OFF")))
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    db_run(c->db, S3_SQL_VERSION_SET_HOLD, "ii", (int64_t)slice_eq(status, S("ON")), version.id);
    return 0;
}
