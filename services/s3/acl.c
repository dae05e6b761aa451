/* acl: access control lists: canned ones, grants in headers, and whole policies. They are kept and given back. */
#include "services/s3/s3.h"

#include <ctype.h>

#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"
#define AUTHENTICATED "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define LOG_DELIVERY "http://acs.amazonaws.com/groups/s3/LogDelivery"

static const struct {
    slice name;
    slice group;
    slice permission;
} canned[] = {
#define CANNED(name, group, permission)                                                                                \
    {{name, sizeof name - 1}, {group, sizeof group - 1}, {permission, sizeof permission - 1}},
    CANNED("private", "", "") CANNED("public-read", ALL_USERS, "READ") CANNED("public-read-write", ALL_USERS, "READ")
        CANNED("public-read-write", ALL_USERS, "WRITE") CANNED("authenticated-read", AUTHENTICATED, "READ")
            CANNED("log-delivery-write", LOG_DELIVERY, "WRITE") CANNED("log-delivery-write", LOG_DELIVERY, "READ_ACP")
                CANNED("bucket-owner-read", "", "") CANNED("bucket-owner-full-control", "", "")
                    CANNED("aws-exec-read", "", "")
#undef CANNED
};

static const struct {
    const char *header;
    const char *permission;
} grant_headers[] = {
    {"x-amz-grant-full-control", "FULL_CONTROL"},
    {"x-amz-grant-read", "READ"},
    {"x-amz-grant-write", "WRITE"},
    {"x-amz-grant-read-acp", "READ_ACP"},
    {"x-amz-grant-write-acp", "WRITE_ACP"},
};

static struct s3_grantee *grantee(struct call *c, slice kind, slice value)
{
    struct s3_grantee *grantee = arena_alloc(c->arena, sizeof(*grantee));
    grantee->type = kind;
    if (slice_eq(kind, S("Group")))
        grantee->uri = value;
    else
        grantee->id = value;
    return grantee;
}

static void add_owner_grant(struct call *c, const struct bucket *bucket, struct s3_access_control_policy *policy)
{
    policy->owner = bucket_owner(c, bucket);
    struct s3_grant *grant = list_add(c->arena, &policy->grants);
    grant->grantee = grantee(c, S("CanonicalUser"), policy->owner->id);
    grant->grantee->display_name = policy->owner->display_name;
    grant->permission = S("FULL_CONTROL");
}

static int add_canned(struct call *c, slice name, struct s3_access_control_policy *policy)
{
    bool known = false;
    for (size_t i = 0; i < sizeof(canned) / sizeof(*canned); i++) {
        if (!slice_eq(canned[i].name, name))
            continue;
        known = true;
        if (canned[i].group.len == 0)
            continue;
        struct s3_grant *grant = list_add(c->arena, &policy->grants);
        grant->grantee = grantee(c, S("Group"), canned[i].group);
        grant->permission = canned[i].permission;
    }
    return known ? 0 : fail(c, &s3_invalid_argument, "Argument format not recognized");
}

static int fail_grantee(struct call *c, const char *message, const char *name, slice value)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ArgumentName"), val_string(slice_of(name)));
    val_set(c->arena, extra, S("ArgumentValue"), val_string(value));
    return fail_with(c, &s3_invalid_argument, extra, "%s", message);
}

/* Canonical ids are 64 hex digits; there are three groups. */
static int check_grantee(struct call *c, const struct s3_grantee *grantee, const char *id_name)
{
    static const slice groups[] = {S(ALL_USERS), S(AUTHENTICATED), S(LOG_DELIVERY)};
    enum { ID_DIGITS = 64 };
    for (size_t i = 0; i < grantee->id.len; i++) {
        if (grantee->id.len != ID_DIGITS || !isxdigit((unsigned char)grantee->id.ptr[i]))
            return fail_grantee(c, "Invalid id", id_name, grantee->id);
    }
    if (!grantee->uri.ptr)
        return 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        if (slice_eq(groups[i], grantee->uri))
            return 0;
    }
    return fail_grantee(c, "Invalid group uri", "uri", grantee->uri);
}

/* id="…", uri="…", emailAddress="…" */
static int add_grants(struct call *c, slice list, const char *permission, struct s3_access_control_policy *policy)
{
    slice one, kind, value, rest = list;
    while (rest.ptr) {
        slice_cut(rest, ',', &one, &rest);
        if (!slice_cut(slice_trim(one), '=', &kind, &value))
            return fail(c, &s3_invalid_argument, "Argument format not recognized");
        if (value.len >= 2 && value.ptr[0] == '"')
            value = slice_sub(value, 1, value.len - 1);
        struct s3_grant *grant = list_add(c->arena, &policy->grants);
        grant->permission = slice_of(permission);
        if (slice_eq(kind, S("uri")))
            grant->grantee = grantee(c, S("Group"), value);
        else if (slice_eq(kind, S("id")))
            grant->grantee = grantee(c, S("CanonicalUser"), value);
        else
            return fail(c, &s3_invalid_argument, "Argument format not recognized");
        TRY(check_grantee(c, grant->grantee, "id"));
    }
    return 0;
}

static bool is_enforced(struct call *c, const struct bucket *bucket)
{
    struct s3_ownership_controls controls = {0};
    return config_find(c, bucket, "ownership", &s3_shape_ownership_controls, &controls) && controls.rules.len > 0 &&
           slice_eq(controls.rules.items[0].object_ownership, S("BucketOwnerEnforced"));
}

static bool is_public(const struct s3_access_control_policy *policy)
{
    list_foreach (grant, &policy->grants) {
        if (grant->grantee &&
            (slice_eq(grant->grantee->uri, S(ALL_USERS)) || slice_eq(grant->grantee->uri, S(AUTHENTICATED))))
            return true;
    }
    return false;
}

/* Ownership may forbid ACLs, and the public access block public ones. */
static int check_allowed(struct call *c, const struct bucket *bucket, const struct s3_access_control_policy *policy)
{
    struct s3_public_access_block_configuration block = {0};
    if (policy->grants.len > 1 && is_enforced(c, bucket))
        return fail(c, &s3_access_control_list_not_supported, "The bucket does not allow ACLs");
    if (is_public(policy) &&
        config_find(c, bucket, "publicAccessBlock", &s3_shape_public_access_block_configuration, &block) &&
        opt_bool_or(block.block_public_acls, false))
        return fail(c, &s3_access_denied, "Access Denied");
    return 0;
}

int acl_read_headers(struct call *c, const struct bucket *bucket, slice *json)
{
    struct s3_access_control_policy policy = {0};
    slice name = msg_header(c->request, S("x-amz-acl"));
    bool given = name.ptr != NULL;
    *json = (slice){NULL, 0};
    for (size_t i = 0; i < sizeof(grant_headers) / sizeof(*grant_headers); i++) {
        slice list = msg_header(c->request, slice_of(grant_headers[i].header));
        if (!list.ptr)
            continue;
        if (name.ptr)
            return fail(c, &s3_invalid_request, "Specifying both Canned ACLs and Header Grants is not allowed");
        given = true;
        TRY(add_grants(c, list, grant_headers[i].permission, &policy));
    }
    if (!given)
        return 0;
    if (name.ptr) {
        add_owner_grant(c, bucket, &policy);
        TRY(add_canned(c, name, &policy));
    } else {
        policy.owner = bucket_owner(c, bucket);
    }
    TRY(check_allowed(c, bucket, &policy));
    *json = api_to_json(c->arena, &s3_shape_access_control_policy, &policy);
    return 0;
}

/* From the headers, else from the document. */
static int read_request(struct call *c, const struct bucket *bucket, const struct s3_access_control_policy *document,
                        slice *json)
{
    struct checksum checksum;
    TRY(checksum_verify(c, &checksum));
    TRY(acl_read_headers(c, bucket, json));
    if (json->ptr && document)
        return fail(c, &s3_unexpected_content, "This request does not support content");
    if (json->ptr)
        return 0;
    if (!document)
        return fail(c, &s3_missing_security_header, "Your request was missing a required header");
    if (!document->owner || slice_empty(document->owner->id))
        return fail(c, &s3_malformed_acl_error,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    list_foreach (grant, &document->grants) {
        if (grant->grantee)
            TRY(check_grantee(c, grant->grantee, "CanonicalUser/ID"));
    }
    TRY(check_allowed(c, bucket, document));
    *json = api_to_json(c->arena, &s3_shape_access_control_policy, document);
    return 0;
}

static void give_back(struct call *c, const struct bucket *bucket, slice json, struct s3_access_control_policy *policy)
{
    if (!json.ptr || api_from_json(c->arena, &s3_shape_access_control_policy, json, policy) != 0)
        add_owner_grant(c, bucket, policy);
    policy->grants.set = true;
}

bool acl_is_open(struct call *c, const struct bucket *bucket, const struct version *version, slice permission)
{
    struct s3_access_control_policy policy = {0};
    bool known = version ? version->acl.ptr &&
                               api_from_json(c->arena, &s3_shape_access_control_policy, version->acl, &policy) == 0
                         : config_find(c, bucket, "acl", &s3_shape_access_control_policy, &policy);
    if (!known || is_enforced(c, bucket))
        return false;
    list_foreach (grant, &policy.grants) {
        if (grant->grantee && slice_eq(grant->grantee->uri, S(ALL_USERS)) &&
            (slice_eq(grant->permission, permission) || slice_eq(grant->permission, S("FULL_CONTROL"))))
            return true;
    }
    return false;
}

int s3_get_bucket_acl(struct call *c, const struct s3_get_bucket_acl_in *in, struct s3_get_bucket_acl_out *out)
{
    struct bucket bucket;
    struct s3_access_control_policy policy = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!config_find(c, &bucket, "acl", &s3_shape_access_control_policy, &policy))
        add_owner_grant(c, &bucket, &policy);
    out->owner = policy.owner;
    out->grants = policy.grants;
    return 0;
}

int s3_put_bucket_acl(struct call *c, const struct s3_put_bucket_acl_in *in, struct s3_put_bucket_acl_out *out)
{
    struct bucket bucket;
    slice json;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(read_request(c, &bucket, in->access_control_policy, &json));
    db_run(c->db, S3_SQL_CONFIG_SET, "itt", bucket.id, S("acl"), json);
    return 0;
}

int s3_get_object_acl(struct call *c, const struct s3_get_object_acl_in *in, struct s3_get_object_acl_out *out)
{
    struct bucket bucket;
    struct version version;
    struct s3_access_control_policy policy = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    give_back(c, &bucket, version.acl, &policy);
    out->owner = policy.owner;
    out->grants = policy.grants;
    return 0;
}

int s3_put_object_acl(struct call *c, const struct s3_put_object_acl_in *in, struct s3_put_object_acl_out *out)
{
    struct bucket bucket;
    struct version version;
    slice json;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    TRY(read_request(c, &bucket, in->access_control_policy, &json));
    db_run(c->db, S3_SQL_VERSION_SET_ACL, "ti", json, version.id);
    notify_event(c, &bucket, "ObjectAcl:Put", &version);
    return 0;
}
