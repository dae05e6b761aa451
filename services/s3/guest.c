/* guest: what nobody may do, where signatures are verified: what the bucket's policy and the ACLs allow everybody, and
 * the public access block does not take back. */
#include "services/s3/s3.h"

#include "common/err.h"
#include "common/uri.h"
#include "services/policy/policy.h"

/* What ACLs can grant. */
static const struct {
    slice action;
    slice permission;
    bool of_object; /* by the object's ACL, not the bucket's */
} grants[] = {
    {S("s3:ListBucket"), S("READ"), false},
    {S("s3:ListBucketVersions"), S("READ"), false},
    {S("s3:ListBucketMultipartUploads"), S("READ"), false},
    {S("s3:PutObject"), S("WRITE"), false},
    {S("s3:DeleteObject"), S("WRITE"), false},
    {S("s3:GetBucketAcl"), S("READ_ACP"), false},
    {S("s3:PutBucketAcl"), S("WRITE_ACP"), false},
    {S("s3:GetObject"), S("READ"), true},
    {S("s3:GetObjectVersion"), S("READ"), true},
    {S("s3:GetObjectAcl"), S("READ_ACP"), true},
    {S("s3:PutObjectAcl"), S("WRITE_ACP"), true},
};

struct guest {
    struct call *c;
    const struct bucket *bucket;
    slice action;
    slice key;
    slice version_id;
    struct s3_public_access_block_configuration block;
};

static bool acl_allows(const struct guest *guest)
{
    struct version version;
    if (opt_bool_or(guest->block.ignore_public_acls, false))
        return false;
    for (size_t i = 0; i < sizeof(grants) / sizeof(*grants); i++) {
        if (!slice_eq(grants[i].action, guest->action))
            continue;
        if (!grants[i].of_object)
            return acl_is_open(guest->c, guest->bucket, NULL, grants[i].permission);
        return version_find(guest->c, guest->bucket, guest->key, guest->version_id, &version) &&
               acl_is_open(guest->c, guest->bucket, &version, grants[i].permission);
    }
    return false;
}

/* The condition keys of a request that nobody has signed. */
static void list_keys(struct call *c, struct policy_key_list *keys)
{
    static const slice parameters[] = {S("prefix"), S("delimiter"), S("max-keys")};
    static const slice headers[] = {S("x-amz-acl"), S("x-amz-copy-source"), S("x-amz-storage-class"),
                                    S("x-amz-server-side-encryption")};
    struct pair_list query = {0};
    uri_parse_form(c->arena, c->request->query, &query);
    for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++)
        policy_key_add(c->arena, keys, arena_concat(c->arena, S("s3:"), parameters[i]),
                       pair_get(&query, parameters[i]));
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        policy_key_add(c->arena, keys, arena_concat(c->arena, S("s3:"), headers[i]),
                       msg_header(c->request, headers[i]));
    policy_key_add(c->arena, keys, S("aws:SourceIp"), S("127.0.0.1"));
    policy_key_add(c->arena, keys, S("aws:SecureTransport"), S("false"));
    policy_key_add(c->arena, keys, S("aws:Referer"), msg_header(c->request, S("referer")));
    policy_key_add(c->arena, keys, S("aws:UserAgent"), msg_header(c->request, S("user-agent")));
}

static enum policy_decision policy_decides(const struct guest *guest)
{
    struct call *c = guest->c;
    struct policy_source source = {.id = S("bucket"), .type = S("Resource Policy")};
    struct policy_set set = {.resource = {&source, 1, true}};
    struct policy_key_list keys = {0};
    struct policy_outcome outcome;
    struct policy *policy;
    slice why, text = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_CONFIG_GET, "it", guest->bucket->id, S("policy"));
    if (db_next(&rows))
        text = slice_dup(c->arena, db_text(&rows, 0));
    db_done(&rows);
    if (!text.ptr || policy_parse(c->arena, text, POLICY_RESOURCE, &policy, &why) != 0)
        return POLICY_IMPLICIT_DENY;
    source.policy = policy;
    list_keys(c, &keys);
    slice resource = arena_printf(c->arena, "arn:aws:s3:::%.*s%s%.*s", SLICE_ARG(guest->bucket->name),
                                  guest->key.len > 0 ? "/" : "", SLICE_ARG(guest->key));
    policy_evaluate(c->arena, &set,
                    &(struct policy_request){
                        .action = guest->action, .resource = resource, .owner = guest->bucket->account, .keys = &keys},
                    &outcome);
    if (outcome.decision == POLICY_ALLOWED && opt_bool_or(guest->block.restrict_public_buckets, false))
        return POLICY_IMPLICIT_DENY;
    return outcome.decision;
}

static bool may(struct guest *guest)
{
    enum policy_decision decision = policy_decides(guest);
    return decision == POLICY_ALLOWED || (decision == POLICY_IMPLICIT_DENY && acl_allows(guest));
}

static struct guest guest_of(struct call *c, const struct bucket *bucket, slice action, slice key)
{
    struct guest guest = {.c = c, .bucket = bucket, .action = action, .key = key};
    config_find(c, bucket, "publicAccessBlock", &s3_shape_public_access_block_configuration, &guest.block);
    return guest;
}

bool guest_may(struct call *c, const struct bucket *bucket, slice action, slice key)
{
    struct guest guest = guest_of(c, bucket, action, key);
    return !call_is_guest(c) || may(&guest);
}

static int deny(struct call *c)
{
    return fail(c, &s3_access_denied, "Access Denied");
}

/* "/bucket/key", of a request's path or of a copy's source. False when there is no such bucket. */
static bool find(struct call *c, slice path, struct bucket *bucket, slice *key)
{
    slice name;
    path = slice_sub(path, slice_starts(path, S("/")), path.len);
    slice_cut(path, '/', &name, key);
    if (uri_decode(c->arena, *key, false, key) != 0 || !key->ptr)
        *key = S("");
    return bucket_find(c, name, bucket);
}

/* What is copied must be readable, too. */
static int check_source(struct call *c)
{
    struct bucket bucket;
    slice key, source = msg_header(c->request, S("x-amz-copy-source"));
    if (!source.ptr || uri_decode(c->arena, source, false, &source) != 0)
        return 0;
    source = slice_sub(source, 0, slice_index(source, '?'));
    bool found = find(c, source, &bucket, &key);
    return found && guest_may(c, &bucket, S("s3:GetObject"), key) ? 0 : deny(c);
}

int guest_check(struct call *c, slice action)
{
    struct bucket bucket;
    struct version version;
    struct pair_list query = {0};
    slice key;
    bool found = find(c, c->request->path, &bucket, &key);
    if (!found) /* what there is not, the operation says; a guest gets nothing of its own */
        return slice_eq(action, S("s3:CreateBucket")) || slice_eq(action, S("s3:ListAllMyBuckets")) ? deny(c) : 0;
    uri_parse_form(c->arena, c->request->query, &query);
    struct guest guest = guest_of(c, &bucket, action, key);
    guest.version_id = pair_get(&query, S("versionId"));
    if (guest.version_id.ptr && slice_eq(action, S("s3:GetObject")))
        guest.action = S("s3:GetObjectVersion");
    if (slice_eq(action, S("s3:DeleteObject")) && key.len == 0)
        guest.key = S("*");
    if (!may(&guest))
        return deny(c);
    list_foreach (parameter, &query) {
        if (slice_starts(parameter->key, S("response-")))
            return fail(c, &s3_invalid_request,
                        "Request specific response headers cannot be used for anonymous GET requests.");
    }
    /* Who may not list learns nothing about what there is not. */
    if (slice_eq(action, S("s3:GetObject")) && !version_find(c, &bucket, key, guest.version_id, &version) &&
        !guest_may(c, &bucket, S("s3:ListBucket"), S("")))
        return deny(c);
    return check_source(c);
}
