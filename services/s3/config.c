/* config: a bucket's sub-resources that are stored and given back: each is one row with the JSON form of its shape. */
#include "services/s3/s3.h"

#include "common/ids.h"

bool config_find(struct call *c, const struct bucket *bucket, const char *kind, const struct api_shape *shape,
                 void *object)
{
    slice body = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_CONFIG_GET, "it", bucket->id, slice_of(kind));
    if (db_next(&rows))
        body = db_text(&rows, 0);
    db_done(&rows);
    return body.ptr && api_from_json(c->arena, shape, body, object) == 0;
}

void config_set(struct call *c, const struct bucket *bucket, const char *kind, const struct api_shape *shape,
                const void *object)
{
    db_run(c->db, S3_SQL_CONFIG_SET, "itt", bucket->id, slice_of(kind), api_to_json(c->arena, shape, object));
}

static int fail_xml(struct call *c)
{
    return fail(c, &s3_malformed_xml,
                "The XML you provided was not well-formed or did not validate against our published schema");
}

/* Stores what the request's payload has; NULL is no document at all. */
static int put(struct call *c, const struct bucket *bucket, const char *kind, const struct api_shape *shape,
               const void *object)
{
    struct checksum checksum;
    if (!object)
        return fail_xml(c);
    TRY(checksum_verify(c, &checksum));
    config_set(c, bucket, kind, shape, object);
    return 0;
}

static int fail_missing(struct call *c, const struct api_error *error, const struct bucket *bucket, const char *text)
{
    return bucket_fail(c, error, bucket->name, text);
}

/* The three handlers of a sub-resource. GET writes its members into the output itself or into one member of it. */
#define DELETE(name, kind)                                                                                             \
    int s3_##name(struct call *c, const struct s3_##name##_in *in, struct s3_##name##_out *out)                        \
    {                                                                                                                  \
        struct bucket bucket;                                                                                          \
        TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));                                            \
        db_run(c->db, S3_SQL_CONFIG_DELETE, "it", bucket.id, S(kind));                                                 \
        return 0;                                                                                                      \
    }

#define GET(name, kind, missing, text)                                                                                 \
    int s3_##name(struct call *c, const struct s3_##name##_in *in, struct s3_##name##_out *out)                        \
    {                                                                                                                  \
        struct bucket bucket;                                                                                          \
        TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));                                            \
        return config_find(c, &bucket, kind, c->operation->out, out) ? 0 : fail_missing(c, &missing, &bucket, text);   \
    }

#define GET_OR_EMPTY(name, kind)                                                                                       \
    int s3_##name(struct call *c, const struct s3_##name##_in *in, struct s3_##name##_out *out)                        \
    {                                                                                                                  \
        struct bucket bucket;                                                                                          \
        TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));                                            \
        config_find(c, &bucket, kind, c->operation->out, out);                                                         \
        return 0;                                                                                                      \
    }

#define GET_MEMBER(name, kind, member, shape, missing, text)                                                           \
    int s3_##name(struct call *c, const struct s3_##name##_in *in, struct s3_##name##_out *out)                        \
    {                                                                                                                  \
        struct bucket bucket;                                                                                          \
        TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));                                            \
        out->member = arena_alloc(c->arena, sizeof(*out->member));                                                     \
        return config_find(c, &bucket, kind, &shape, out->member) ? 0 : fail_missing(c, &missing, &bucket, text);      \
    }

DELETE(delete_bucket_cors, "cors")
GET(get_bucket_cors, "cors", s3_no_such_cors_configuration, "The CORS configuration does not exist")
DELETE(delete_bucket_website, "website")
GET(get_bucket_website, "website", s3_no_such_website_configuration,
    "The specified bucket does not have a website configuration")
DELETE(delete_bucket_lifecycle, "lifecycle")
GET(get_bucket_lifecycle_configuration, "lifecycle", s3_no_such_lifecycle_configuration,
    "The lifecycle configuration does not exist")
DELETE(delete_bucket_replication, "replication")
GET_MEMBER(get_bucket_replication, "replication", replication_configuration, s3_shape_replication_configuration,
           s3_replication_configuration_not_found_error, "The replication configuration was not found")
DELETE(delete_bucket_ownership_controls, "ownership")
GET_MEMBER(get_bucket_ownership_controls, "ownership", ownership_controls, s3_shape_ownership_controls,
           s3_ownership_controls_not_found_error, "The bucket ownership controls were not found")
DELETE(delete_public_access_block, "publicAccessBlock")
GET_MEMBER(get_public_access_block, "publicAccessBlock", public_access_block_configuration,
           s3_shape_public_access_block_configuration, s3_no_such_public_access_block_configuration,
           "The public access block configuration was not found")
DELETE(delete_bucket_tagging, "tagging")
GET(get_bucket_tagging, "tagging", s3_no_such_tag_set, "The TagSet does not exist")
DELETE(delete_bucket_encryption, "encryption")
GET_OR_EMPTY(get_bucket_accelerate_configuration, "accelerate")
GET_OR_EMPTY(get_bucket_logging, "logging")
GET_OR_EMPTY(get_bucket_notification_configuration, "notification")

#define GIVEN(in) TRY(bucket_get(c, (in)->bucket, (in)->expected_bucket_owner, &bucket))

int s3_get_bucket_request_payment(struct call *c, const struct s3_get_bucket_request_payment_in *in,
                                  struct s3_get_bucket_request_payment_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (!config_find(c, &bucket, "requestPayment", c->operation->out, out))
        out->payer = S("BucketOwner");
    return 0;
}

int s3_put_bucket_request_payment(struct call *c, const struct s3_put_bucket_request_payment_in *in,
                                  struct s3_put_bucket_request_payment_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    return put(c, &bucket, "requestPayment", &s3_shape_request_payment_configuration,
               in->request_payment_configuration);
}

int s3_put_bucket_accelerate_configuration(struct call *c, const struct s3_put_bucket_accelerate_configuration_in *in,
                                           struct s3_put_bucket_accelerate_configuration_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (slice_index(bucket.name, '.') < bucket.name.len)
        return fail(c, &s3_invalid_request,
                    "S3 Transfer Acceleration is not supported for buckets with periods (.) in "
                    "their names");
    return put(c, &bucket, "accelerate", &s3_shape_accelerate_configuration, in->accelerate_configuration);
}

int s3_put_bucket_logging(struct call *c, const struct s3_put_bucket_logging_in *in,
                          struct s3_put_bucket_logging_out *out)
{
    struct bucket bucket, target;
    GIVEN(in);
    const struct s3_logging_enabled *logging =
        in->bucket_logging_status ? in->bucket_logging_status->logging_enabled : NULL;
    if (logging && !bucket_find(c, logging->target_bucket, &target))
        return fail(c, &s3_invalid_target_bucket_for_logging, "The target bucket for logging does not exist");
    return put(c, &bucket, "logging", &s3_shape_bucket_logging_status, in->bucket_logging_status);
}

static bool is_method(slice word)
{
    static const slice methods[] = {{"GET", 3}, {"PUT", 3}, {"POST", 4}, {"DELETE", 6}, {"HEAD", 4}};
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (slice_eq(methods[i], word))
            return true;
    }
    return false;
}

static int check_wildcards(struct call *c, const char *name, const slice *items, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        slice rest = slice_sub(items[i], slice_index(items[i], '*') + 1, items[i].len);
        if (slice_index(rest, '*') < rest.len)
            return fail(c, &s3_invalid_request, "%s \"%.*s\" can not have more than one wildcard.", name,
                        SLICE_ARG(items[i]));
    }
    return 0;
}

int s3_put_bucket_cors(struct call *c, const struct s3_put_bucket_cors_in *in, struct s3_put_bucket_cors_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    enum { MAX_RULES = 100 };
    if (!in->cors_configuration || in->cors_configuration->cors_rules.len == 0 ||
        in->cors_configuration->cors_rules.len > MAX_RULES)
        return fail_xml(c);
    list_foreach (rule, &in->cors_configuration->cors_rules) {
        list_foreach (method, &rule->allowed_methods) {
            if (!is_method(*method))
                return fail(c, &s3_invalid_request,
                            "Found unsupported HTTP method in CORS config. Unsupported method is %.*s",
                            SLICE_ARG(*method));
        }
        TRY(check_wildcards(c, "AllowedOrigin", rule->allowed_origins.items, rule->allowed_origins.len));
        TRY(check_wildcards(c, "AllowedHeader", rule->allowed_headers.items, rule->allowed_headers.len));
    }
    return put(c, &bucket, "cors", &s3_shape_cors_configuration, in->cors_configuration);
}

int s3_put_bucket_website(struct call *c, const struct s3_put_bucket_website_in *in,
                          struct s3_put_bucket_website_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    const struct s3_website_configuration *site = in->website_configuration;
    if (!site || (!site->redirect_all_requests_to && !site->index_document))
        return fail(c, &s3_invalid_argument,
                    "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo "
                    "is empty");
    if (site->redirect_all_requests_to && (site->index_document || site->error_document || site->routing_rules.len > 0))
        return fail(c, &s3_invalid_argument,
                    "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
    if (site->index_document && (slice_empty(site->index_document->suffix) ||
                                 slice_index(site->index_document->suffix, '/') < site->index_document->suffix.len))
        return fail(c, &s3_invalid_argument, "The IndexDocument Suffix is not well formed");
    return put(c, &bucket, "website", &s3_shape_website_configuration, site);
}

int s3_put_bucket_replication(struct call *c, const struct s3_put_bucket_replication_in *in,
                              struct s3_put_bucket_replication_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (!slice_eq(bucket.versioning, S("Enabled")))
        return fail(c, &s3_invalid_request,
                    "Versioning must be 'Enabled' on the bucket to apply a replication configuration");
    if (!in->replication_configuration)
        return fail_xml(c);
    list_foreach (rule, &in->replication_configuration->rules) {
        if (slice_empty(rule->id))
            rule->id = ids_uuid(c->arena);
    }
    return put(c, &bucket, "replication", &s3_shape_replication_configuration, in->replication_configuration);
}

int s3_put_bucket_ownership_controls(struct call *c, const struct s3_put_bucket_ownership_controls_in *in,
                                     struct s3_put_bucket_ownership_controls_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (!in->ownership_controls || in->ownership_controls->rules.len != 1)
        return fail_xml(c);
    slice word = in->ownership_controls->rules.items[0].object_ownership;
    if (!slice_eq(word, S("BucketOwnerEnforced")) && !slice_eq(word, S("BucketOwnerPreferred")) &&
        !slice_eq(word, S("ObjectWriter")))
        return fail_xml(c);
    return put(c, &bucket, "ownership", &s3_shape_ownership_controls, in->ownership_controls);
}

int s3_put_public_access_block(struct call *c, const struct s3_put_public_access_block_in *in,
                               struct s3_put_public_access_block_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (!in->public_access_block_configuration)
        return fail_xml(c);
    struct s3_public_access_block_configuration block = *in->public_access_block_configuration;
    struct opt_bool *all[] = {&block.block_public_acls, &block.ignore_public_acls, &block.block_public_policy,
                              &block.restrict_public_buckets};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        *all[i] = opt_bool(opt_bool_or(*all[i], false));
    return put(c, &bucket, "publicAccessBlock", &s3_shape_public_access_block_configuration, &block);
}

int s3_put_bucket_tagging(struct call *c, const struct s3_put_bucket_tagging_in *in,
                          struct s3_put_bucket_tagging_out *out)
{
    enum { MAX_TAGS = 50 };
    struct bucket bucket;
    GIVEN(in);
    if (!in->tagging)
        return fail_xml(c);
    TRY(tags_check(c, &in->tagging->tag_set, MAX_TAGS));
    c->reply_status = 204;
    if (in->tagging->tag_set.len == 0) {
        db_run(c->db, S3_SQL_CONFIG_DELETE, "it", bucket.id, S("tagging"));
        return 0;
    }
    return put(c, &bucket, "tagging", &s3_shape_tagging, in->tagging);
}

int s3_put_bucket_encryption(struct call *c, const struct s3_put_bucket_encryption_in *in,
                             struct s3_put_bucket_encryption_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (!in->server_side_encryption_configuration || in->server_side_encryption_configuration->rules.len != 1)
        return fail_xml(c);
    const struct s3_server_side_encryption_by_default *rule =
        in->server_side_encryption_configuration->rules.items[0].apply_server_side_encryption_by_default;
    if (rule && slice_eq(rule->sse_algorithm, S("AES256")) && rule->kms_master_key_id.ptr)
        return fail(c, &s3_invalid_argument,
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
    return put(c, &bucket, "encryption", &s3_shape_server_side_encryption_configuration,
               in->server_side_encryption_configuration);
}

/* Every bucket of AWS has one since 2023. */
int s3_get_bucket_encryption(struct call *c, const struct s3_get_bucket_encryption_in *in,
                             struct s3_get_bucket_encryption_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    struct s3_server_side_encryption_configuration *config = arena_alloc(c->arena, sizeof(*config));
    out->server_side_encryption_configuration = config;
    if (config_find(c, &bucket, "encryption", &s3_shape_server_side_encryption_configuration, config))
        return 0;
    struct s3_server_side_encryption_rule *rule = list_add(c->arena, &config->rules);
    rule->apply_server_side_encryption_by_default =
        arena_alloc(c->arena, sizeof(*rule->apply_server_side_encryption_by_default));
    rule->apply_server_side_encryption_by_default->sse_algorithm = S("AES256");
    rule->bucket_key_enabled = opt_bool(false);
    return 0;
}

int s3_get_bucket_versioning(struct call *c, const struct s3_get_bucket_versioning_in *in,
                             struct s3_get_bucket_versioning_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    if (bucket.versioning.len > 0)
        out->status = bucket.versioning;
    return 0;
}

int s3_put_bucket_versioning(struct call *c, const struct s3_put_bucket_versioning_in *in,
                             struct s3_put_bucket_versioning_out *out)
{
    struct bucket bucket;
    GIVEN(in);
    slice status = in->versioning_configuration ? in->versioning_configuration->status : S("");
    if (slice_empty(status))
        return fail(c, &s3_illegal_versioning_configuration, "The Versioning element must be specified");
    if (bucket.locks && !slice_eq(status, S("Enabled")))
        return fail(c, &s3_invalid_bucket_state,
                    "An Object Lock configuration is present on this bucket, so the "
                    "versioning state cannot be changed.");
    db_run(c->db, S3_SQL_BUCKET_SET_VERSIONING, "ti", status, bucket.id);
    return 0;
}
