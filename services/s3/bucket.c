/* bucket: buckets: create, delete, list, and finding one. Their names are one space for all accounts. */
#include "services/s3/s3.h"

#include <ctype.h>

#include "common/hash.h"
#include "common/page.h"

enum { BUCKETS_PER_ACCOUNT = 10000, MAX_BUCKETS = 10000 };

static void read_row(struct db_rows *rows, struct bucket *bucket)
{
    *bucket = (struct bucket){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .account = db_text(rows, 2),
        .region = db_text(rows, 3),
        .created_ms = db_int(rows, 4),
        .versioning = db_text(rows, 5),
        .locks = db_int(rows, 6) != 0,
    };
}

static bool read_one(struct db_rows rows, struct bucket *bucket)
{
    bool found = db_next(&rows);
    if (found)
        read_row(&rows, bucket);
    db_done(&rows);
    return found;
}

bool bucket_find(struct call *c, slice name, struct bucket *bucket)
{
    return read_one(db_query(c->db, S3_SQL_BUCKET_GET, "t", name), bucket);
}

bool bucket_find_id(struct call *c, int64_t id, struct bucket *bucket)
{
    return read_one(db_query(c->db, S3_SQL_BUCKET_BY_ID, "i", id), bucket);
}

int bucket_fail(struct call *c, const struct api_error *error, slice name, const char *text)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("BucketName"), val_string(name));
    return fail_with(c, error, extra, "%s", text);
}

int bucket_get(struct call *c, slice name, slice expected_owner, struct bucket *bucket)
{
    if (!bucket_find(c, name, bucket))
        return bucket_fail(c, &s3_no_such_bucket, name, "The specified bucket does not exist");
    if (expected_owner.ptr && !slice_eq(expected_owner, bucket->account))
        return fail(c, &s3_access_denied, "Access Denied");
    return 0;
}

slice bucket_arn(struct call *c, slice name)
{
    return arena_concat(c->arena, S("arn:aws:s3:::"), name);
}

slice bucket_canonical_id(struct call *c, slice account)
{
    return hash_sha256_hex(c->arena, arena_concat(c->arena, S("canonical user of "), account));
}

struct s3_owner *bucket_owner(struct call *c, const struct bucket *bucket)
{
    struct s3_owner *owner = arena_alloc(c->arena, sizeof(*owner));
    owner->id = bucket_canonical_id(c, bucket->account);
    owner->display_name = arena_printf(c->arena, "account-%.*s", SLICE_ARG(bucket->account));
    return owner;
}

static bool is_address(slice name)
{
    int dots = 0;
    for (size_t i = 0; i < name.len; i++) {
        dots += name.ptr[i] == '.';
        if (name.ptr[i] != '.' && !isdigit((unsigned char)name.ptr[i]))
            return false;
    }
    return dots == 3;
}

/* Kept for AWS's own names. */
static bool is_reserved(slice name)
{
    static const slice prefixes[] = {S("xn--"), S("sthree-"), S("amzn-s3-demo-")};
    static const slice suffixes[] = {S("-s3alias"), S("--ol-s3"), S(".mrap"), S("--x-s3"), S("--table-s3")};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (slice_starts(name, prefixes[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        if (slice_ends(name, suffixes[i]))
            return true;
    }
    return false;
}

static bool is_valid_name(slice name)
{
    if (slice_find(name, S(".-")) >= 0 || slice_find(name, S("-.")) >= 0 || is_reserved(name))
        return false;
    if (name.len < 3 || name.len > 63 || slice_find(name, S("..")) >= 0 || is_address(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool inner = i > 0 && i + 1 < name.len;
        if (!islower((unsigned char)byte) && !isdigit((unsigned char)byte) && !(inner && (byte == '-' || byte == '.')))
            return false;
    }
    return true;
}

/* One that the model lists. */
static bool is_region(slice name)
{
    const struct api_shape *shape = &s3_shape_create_bucket_configuration;
    const struct api_constraint *known = NULL;
    for (size_t i = 0; i < shape->n_members; i++) {
        if (slice_eq(shape->members[i].name, S("LocationConstraint")))
            known = shape->members[i].shape->constraint;
    }
    for (size_t i = 0; known && i < known->n_enums; i++) {
        if (slice_eq(known->enums[i], name))
            return true;
    }
    return false;
}

/* us-east-1 has no constraint, others must say where they are. */
static int check_location(struct call *c, const struct s3_create_bucket_in *in, slice *region)
{
    slice wanted = in->create_bucket_configuration ? in->create_bucket_configuration->location_constraint : S("");
    bool home = slice_eq(c->region, S("us-east-1"));
    *region = c->region;
    if (home && !slice_empty(wanted) && (slice_eq(wanted, S("us-east-1")) || !is_region(wanted)))
        return fail(c, &s3_invalid_location_constraint, "The specified location-constraint is not valid");
    if (slice_eq(wanted, S("EU")))
        wanted = S("eu-west-1");
    if (slice_empty(wanted) && !home)
        return fail(c, &s3_illegal_location_constraint,
                    "The unspecified location constraint is incompatible for the region specific endpoint this request "
                    "was sent to.");
    if (!slice_empty(wanted) && !home && !slice_eq(wanted, c->region))
        return fail(c, &s3_illegal_location_constraint,
                    "The %.*s location constraint is incompatible for the region specific endpoint this request was "
                    "sent to.",
                    SLICE_ARG(wanted));
    if (!slice_empty(wanted))
        *region = wanted;
    return 0;
}

/* A name that is taken: in us-east-1 its owner may create it again. */
static int check_taken(struct call *c, slice name, bool *again)
{
    struct bucket bucket;
    *again = bucket_find(c, name, &bucket);
    if (!*again)
        return 0;
    if (!slice_eq(bucket.account, c->account))
        return bucket_fail(c, &s3_bucket_already_exists, name,
                           "The requested bucket name is not available. The bucket namespace is shared by all users of "
                           "the system. Please select a different name and try again.");
    if (!slice_eq(c->region, S("us-east-1")) || !slice_eq(bucket.region, c->region))
        return bucket_fail(c, &s3_bucket_already_owned_by_you, name,
                           "Your previous request to create the named bucket succeeded and you already own it.");
    return 0;
}

static int check_count(struct call *c)
{
    struct db_rows rows = db_query(c->db, S3_SQL_BUCKET_COUNT, "t", c->account);
    int64_t count = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (count >= BUCKETS_PER_ACCOUNT)
        return fail(c, &s3_too_many_buckets, "You have attempted to create more buckets than allowed");
    return 0;
}

/* What every new bucket of AWS has since 2023. */
static void add_defaults(struct call *c, const struct bucket *bucket, const struct s3_create_bucket_in *in)
{
    struct s3_ownership_controls controls = {0};
    list_add(c->arena, &controls.rules)->object_ownership =
        in->object_ownership.ptr ? in->object_ownership : S("BucketOwnerEnforced");
    config_set(c, bucket, "ownership", &s3_shape_ownership_controls, &controls);
    struct s3_public_access_block_configuration block = {opt_bool(true), opt_bool(true), opt_bool(true),
                                                         opt_bool(true)};
    config_set(c, bucket, "publicAccessBlock", &s3_shape_public_access_block_configuration, &block);
    struct s3_create_bucket_configuration *more = in->create_bucket_configuration;
    struct s3_tagging tagging = {0};
    if (more && more->tags.len > 0) {
        tagging.tag_set = more->tags;
        config_set(c, bucket, "tagging", &s3_shape_tagging, &tagging);
    }
}

int s3_create_bucket(struct call *c, const struct s3_create_bucket_in *in, struct s3_create_bucket_out *out)
{
    bool again;
    slice region, acl;
    struct bucket bucket;
    if (!is_valid_name(in->bucket))
        return bucket_fail(c, &s3_invalid_bucket_name, in->bucket, "The specified bucket is not valid.");
    TRY(check_location(c, in, &region));
    TRY(check_taken(c, in->bucket, &again));
    out->location = arena_printf(c->arena, "/%.*s", SLICE_ARG(in->bucket));
    out->bucket_arn = bucket_arn(c, in->bucket);
    if (again)
        return 0;
    TRY(check_count(c));
    bool locks = opt_bool_or(in->object_lock_enabled_for_bucket, false);
    db_run(c->db, S3_SQL_BUCKET_ADD, "tttiit", in->bucket, c->account, region, c->now_ms, (int64_t)locks,
           locks ? S("Enabled") : S(""));
    if (!bucket_find(c, in->bucket, &bucket))
        return FAULT_SQL;
    add_defaults(c, &bucket, in);
    TRY(acl_read_headers(c, &bucket, &acl));
    if (acl.ptr)
        db_run(c->db, S3_SQL_CONFIG_SET, "itt", bucket.id, S("acl"), acl);
    return 0;
}

int s3_delete_bucket(struct call *c, const struct s3_delete_bucket_in *in, struct s3_delete_bucket_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    struct db_rows rows = db_query(c->db, S3_SQL_BUCKET_USED, "i", bucket.id);
    bool used = db_next(&rows) && db_int(&rows, 0) != 0;
    db_done(&rows);
    if (used)
        return bucket_fail(c, &s3_bucket_not_empty, in->bucket, "The bucket you tried to delete is not empty");
    /* Unfinished uploads do not keep a bucket; their parts go some at a time. */
    db_run(c->db, S3_SQL_BUCKET_DEAD, "i", bucket.id);
    call_timer_changed(c);
    db_run(c->db, S3_SQL_CONFIG_DELETE_ALL, "i", bucket.id);
    db_run(c->db, S3_SQL_BUCKET_DELETE, "i", bucket.id);
    return 0;
}

int s3_head_bucket(struct call *c, const struct s3_head_bucket_in *in, struct s3_head_bucket_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    out->bucket_region = bucket.region;
    out->bucket_arn = bucket_arn(c, bucket.name);
    out->access_point_alias = opt_bool(false);
    return 0;
}

int s3_get_bucket_location(struct call *c, const struct s3_get_bucket_location_in *in,
                           struct s3_get_bucket_location_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!slice_eq(bucket.region, S("us-east-1")))
        out->location_constraint = bucket.region;
    return 0;
}

static bool is_wanted(const struct s3_list_buckets_in *in, const struct bucket *bucket)
{
    return slice_starts(bucket->name, in->prefix) &&
           (!in->bucket_region.ptr || slice_eq(in->bucket_region, bucket->region));
}

int s3_list_buckets(struct call *c, const struct s3_list_buckets_in *in, struct s3_list_buckets_out *out)
{
    slice after;
    struct bucket bucket = {.account = c->account};
    int64_t limit = opt_int_or(in->max_buckets, MAX_BUCKETS);
    if (limit < 1 || limit > MAX_BUCKETS)
        return fail(c, &s3_invalid_argument, "Argument maxBuckets must be an integer between 1 and 10000.");
    if (page_key(c->arena, S("ListBuckets"), in->continuation_token, &after) != 0)
        return fail(c, &s3_invalid_argument, "The continuation token provided is incorrect");
    out->owner = bucket_owner(c, &bucket);
    out->prefix = in->prefix;
    out->buckets.set = true;
    struct db_rows rows = db_query(c->db, S3_SQL_BUCKET_LIST, "tt", c->account, after);
    while (db_next(&rows)) {
        read_row(&rows, &bucket);
        if (!is_wanted(in, &bucket))
            continue;
        if ((int64_t)out->buckets.len == limit) {
            out->continuation_token =
                page_token(c->arena, S("ListBuckets"), out->buckets.items[out->buckets.len - 1].name);
            break;
        }
        struct s3_bucket *one = list_add(c->arena, &out->buckets);
        one->name = bucket.name;
        one->creation_date = opt_int(bucket.created_ms);
        one->bucket_arn = bucket_arn(c, bucket.name);
        if (in->max_buckets.set || in->bucket_region.ptr || in->prefix.ptr)
            one->bucket_region = bucket.region;
    }
    db_done(&rows);
    return 0;
}
