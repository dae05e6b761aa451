/* lifecycle: lifecycle configurations, and what they say done by time, some keys a turn; RestoreObject; removal of
 * files that nobody needs any more. */
#include "services/s3/multipart.h"

#include "common/time.h"
#include "common/uri.h"

enum { HOUR_MS = 3600 * 1000, TURN_ROWS = 100, MAX_RULES = 1000 };
static const int64_t day_ms = 86400000;

static bool has_tags(const struct s3_lifecycle_rule *rule)
{
    const struct s3_lifecycle_rule_filter *filter = rule->filter;
    return filter && (filter->tag || (filter->and &&filter->and->tags.len > 0));
}

static int check_tags(struct call *c, const struct s3_lifecycle_rule *rule)
{
    if (!has_tags(rule))
        return 0;
    if (rule->abort_incomplete_multipart_upload)
        return fail(c, &s3_invalid_request, "AbortIncompleteMultipartUpload cannot be specified with Tags.");
    if (rule->expiration && opt_bool_or(rule->expiration->expired_object_delete_marker, false))
        return fail(c, &s3_invalid_request, "ExpiredObjectDeleteMarker cannot be specified with Tags.");
    return 0;
}

static bool is_infrequent(slice storage_class)
{
    return slice_eq(storage_class, S("STANDARD_IA")) || slice_eq(storage_class, S("ONEZONE_IA"));
}

static int check_transitions(struct call *c, const struct s3_lifecycle_rule *rule)
{
    enum { LEAST_DAYS = 30 };
    const struct s3_lifecycle_expiration *expiration = rule->expiration;
    list_foreach (one, &rule->transitions) {
        if (one->days.set && one->days.v < LEAST_DAYS && is_infrequent(one->storage_class))
            return fail(c, &s3_invalid_argument,
                        "'Days' in Transition action must be greater than or equal to 30 for storageClass '%.*s'",
                        SLICE_ARG(one->storage_class));
        if (one->days.set && expiration && expiration->days.set && expiration->days.v <= one->days.v)
            return fail(c, &s3_invalid_argument,
                        "'Days' in the Expiration action for filter '(prefix=%.*s)' must be greater than 'Days' in the "
                        "Transition action",
                        SLICE_ARG(rule->filter && rule->filter->prefix.ptr ? rule->filter->prefix : rule->prefix));
    }
    list_foreach (one, &rule->noncurrent_version_transitions) {
        if (one->noncurrent_days.set && one->noncurrent_days.v < LEAST_DAYS && is_infrequent(one->storage_class))
            return fail(
                c, &s3_invalid_argument,
                "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30 for "
                "storageClass '%.*s'",
                SLICE_ARG(one->storage_class));
    }
    return 0;
}

static int check_rule(struct call *c, const struct s3_lifecycle_rule *rule)
{
    const struct s3_lifecycle_expiration *expiration = rule->expiration;
    bool scoped = rule->filter || rule->prefix.ptr;
    if (!scoped || (!slice_eq(rule->status, S("Enabled")) && !slice_eq(rule->status, S("Disabled"))))
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    if (rule->id.len > 255)
        return fail(c, &s3_invalid_argument, "ID length should not exceed allowed limit of 255");
    if (!expiration && rule->transitions.len == 0 && rule->noncurrent_version_transitions.len == 0 &&
        !rule->noncurrent_version_expiration && !rule->abort_incomplete_multipart_upload)
        return fail(c, &s3_invalid_request, "At least one action needs to be specified in a rule");
    if (expiration && opt_int_or(expiration->days, 1) < 1)
        return fail(c, &s3_invalid_argument, "'Days' for Expiration action must be a positive integer");
    if (expiration && expiration->date.set && expiration->date.v % day_ms != 0)
        return fail(c, &s3_invalid_argument, "'Date' must be at midnight GMT");
    TRY(check_tags(c, rule));
    return check_transitions(c, rule);
}

int s3_put_bucket_lifecycle_configuration(struct call *c, const struct s3_put_bucket_lifecycle_configuration_in *in,
                                          struct s3_put_bucket_lifecycle_configuration_out *out)
{
    struct bucket bucket;
    struct s3_bucket_lifecycle_configuration *config = in->lifecycle_configuration;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!config || config->rules.len == 0 || config->rules.len > MAX_RULES)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    list_foreach (rule, &config->rules) {
        TRY(check_rule(c, rule));
        if (slice_empty(rule->id))
            rule->id = arena_printf(c->arena, "rule-%zu", (size_t)(rule - config->rules.items) + 1);
        list_foreach (other, &config->rules) {
            if (other < rule && slice_eq(other->id, rule->id))
                return fail(c, &s3_invalid_argument, "Rule ID must be unique. Found same ID for more than one rule");
        }
    }
    out->transition_default_minimum_object_size = in->transition_default_minimum_object_size.ptr
                                                      ? in->transition_default_minimum_object_size
                                                      : S("all_storage_classes_128K");
    struct s3_get_bucket_lifecycle_configuration_out kept = {
        .rules = config->rules, .transition_default_minimum_object_size = out->transition_default_minimum_object_size};
    config_set(c, &bucket, "lifecycle", &s3_shape_get_bucket_lifecycle_configuration_output, &kept);
    db_run(c->db, S3_SQL_WALK_SET, "iti", (int64_t)0, S(""), c->now_ms);
    call_timer_changed(c);
    return 0;
}

static bool has_tag(struct call *c, const struct version *version, const struct s3_tag *wanted)
{
    struct s3_tag_set tags;
    tags_list(c, version->tags, &tags);
    list_foreach (tag, &tags) {
        if (slice_eq(tag->key, wanted->key) && slice_eq(tag->value, wanted->value))
            return true;
    }
    return false;
}

static bool has_size(struct opt_int greater, struct opt_int less, int64_t size)
{
    return (!greater.set || size > greater.v) && (!less.set || size < less.v);
}

static bool applies(struct call *c, const struct s3_lifecycle_rule *rule, const struct version *version)
{
    const struct s3_lifecycle_rule_filter *filter = rule->filter;
    if (!slice_eq(rule->status, S("Enabled")) || !slice_starts(version->key, rule->prefix))
        return false;
    if (!filter)
        return true;
    if (!slice_starts(version->key, filter->prefix) || (filter->tag && !has_tag(c, version, filter->tag)) ||
        !has_size(filter->object_size_greater_than, filter->object_size_less_than, version->size))
        return false;
    if (!filter->and)
        return true;
    list_foreach (tag, &filter->and->tags) {
        if (!has_tag(c, version, tag))
            return false;
    }
    return slice_starts(version->key, filter->and->prefix) &&
           has_size(filter->and->object_size_greater_than, filter->and->object_size_less_than, version->size);
}

/* S3 counts days to the midnight that follows. */
static bool is_due(struct call *c, int64_t since_ms, int64_t days)
{
    int64_t at = since_ms + days * day_ms;
    return (at + day_ms - 1) / day_ms * day_ms <= c->now_ms;
}

static bool is_expired(struct call *c, const struct s3_lifecycle_expiration *expiration, const struct version *version)
{
    if (!expiration)
        return false;
    return (expiration->days.set && is_due(c, version->modified_ms, expiration->days.v)) ||
           (expiration->date.set && expiration->date.v <= c->now_ms);
}

static void expire(struct call *c, const struct bucket *bucket, const struct version *version)
{
    struct version marker;
    if (!version_numbered(bucket)) {
        version_remove(c, bucket, version);
        notify_event(c, bucket, "LifecycleExpiration:Delete", version);
    } else {
        version_mark(c, bucket, version->key, &marker);
        notify_event(c, bucket, "LifecycleExpiration:DeleteMarkerCreated", &marker);
    }
}

/* One version with what its neighbours of the same key tell. */
struct place {
    int64_t newer_ms; /* since when there is a newer one; 0: it is the latest */
    int64_t newer;    /* noncurrent ones newer than it */
    bool alone;       /* there is no other */
};

static void apply(struct call *c, const struct bucket *bucket, const struct s3_lifecycle_rule *rule,
                  const struct version *version, const struct place *place)
{
    const struct s3_noncurrent_version_expiration *old = rule->noncurrent_version_expiration;
    if (!applies(c, rule, version))
        return;
    if (place->newer_ms == 0 && !version->is_marker) {
        if (is_expired(c, rule->expiration, version))
            expire(c, bucket, version);
    } else if (place->newer_ms == 0) {
        if (place->alone && rule->expiration && opt_bool_or(rule->expiration->expired_object_delete_marker, false))
            version_remove(c, bucket, version);
    } else if (old && old->noncurrent_days.set && is_due(c, place->newer_ms, old->noncurrent_days.v) &&
               place->newer >= opt_int_or(old->newer_noncurrent_versions, 0) &&
               lock_check_delete(c, version, false) == 0) {
        version_remove(c, bucket, version);
    }
}

struct versions {
    struct version *items;
    size_t len;
    bool set;
};

/* Versions of whole keys from a key on, about TURN_ROWS. Answers the key to go on with; absent: that was all. */
static slice load(struct call *c, const struct bucket *bucket, slice from, struct versions *versions)
{
    struct version version;
    slice next = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_VERSION_LIST, "it", bucket->id, from);
    while (db_next(&rows)) {
        version_read(&rows, &version);
        bool new_key = versions->len == 0 || !slice_eq(version.key, versions->items[versions->len - 1].key);
        if (new_key && versions->len >= TURN_ROWS) {
            next = version.key;
            break;
        }
        *list_add(c->arena, versions) = version;
    }
    db_done(&rows);
    return next;
}

static slice run_turn(struct call *c, const struct bucket *bucket,
                      const struct s3_get_bucket_lifecycle_configuration_out *config, slice from)
{
    struct versions versions = {0};
    struct place place = {0};
    slice next = load(c, bucket, from, &versions);
    for (size_t i = 0; i < versions.len; i++) {
        const struct version *version = &versions.items[i];
        bool same = i > 0 && slice_eq(version[-1].key, version->key);
        bool followed = i + 1 < versions.len && slice_eq(version[1].key, version->key);
        place.newer = same && place.newer_ms != 0 ? place.newer + 1 : 0;
        place.newer_ms = same ? version[-1].modified_ms : 0;
        place.alone = !same && !followed;
        list_foreach (rule, &config->rules)
            apply(c, bucket, rule, version, &place);
    }
    return next;
}

slice lifecycle_expiration(struct call *c, const struct bucket *bucket, const struct version *version)
{
    struct s3_get_bucket_lifecycle_configuration_out config = {0};
    int64_t earliest = 0;
    slice id = S("");
    char date[30];
    if (!config_find(c, bucket, "lifecycle", &s3_shape_get_bucket_lifecycle_configuration_output, &config))
        return (slice){NULL, 0};
    list_foreach (rule, &config.rules) {
        const struct s3_lifecycle_expiration *expiration = rule->expiration;
        if (!expiration || !(expiration->days.set || expiration->date.set) || !applies(c, rule, version))
            continue;
        int64_t at = expiration->date.set ? expiration->date.v
                                          : (version->modified_ms / day_ms + 1 + expiration->days.v) * day_ms;
        if (earliest != 0 && at >= earliest)
            continue;
        earliest = at;
        id = rule->id;
    }
    if (earliest == 0)
        return (slice){NULL, 0};
    time_rfc1123(earliest, date);
    return arena_printf(c->arena, "expiry-date=\"%s\", rule-id=\"%.*s\"", date,
                        SLICE_ARG(uri_encode(c->arena, id, false)));
}

static void abort_uploads(struct call *c, const struct bucket *bucket, const struct s3_lifecycle_rule *rule)
{
    struct upload upload;
    struct {
        struct upload *items;
        size_t len;
        bool set;
    } old = {0};
    if (!slice_eq(rule->status, S("Enabled")) || !rule->abort_incomplete_multipart_upload)
        return;
    slice prefix = rule->filter ? rule->filter->prefix : rule->prefix;
    struct db_rows rows = db_query(c->db, S3_SQL_UPLOAD_LIST, "itt", bucket->id, prefix.ptr ? prefix : S(""), S(""));
    while (db_next(&rows)) {
        multipart_read_upload(&rows, &upload);
        if (slice_starts(upload.key, prefix) &&
            is_due(c, upload.created_ms, opt_int_or(rule->abort_incomplete_multipart_upload->days_after_initiation, 0)))
            *list_add(c->arena, &old) = upload;
    }
    list_foreach (one, &old)
        multipart_remove(c, one);
}

/* Where the walk through all buckets is: in the bucket of that id or the first behind it, at that key. */
struct walk {
    int64_t bucket_id;
    slice key;
    int64_t due_ms;
};

static struct walk walk_of(struct call *c)
{
    struct walk walk = {.key = S("")};
    struct db_rows rows = db_query(c->db, S3_SQL_WALK_GET, "");
    if (db_next(&rows))
        walk = (struct walk){db_int(&rows, 0), db_text(&rows, 1), db_int(&rows, 2)};
    db_done(&rows);
    return walk;
}

/* Some keys of one bucket. Answers when to go on; 0: no bucket has a lifecycle. */
static int64_t walk_on(struct call *c)
{
    struct walk walk = walk_of(c);
    struct bucket bucket;
    struct s3_get_bucket_lifecycle_configuration_out config = {0};
    if (walk.due_ms > c->now_ms)
        return walk.due_ms;
    struct db_rows rows = db_query(c->db, S3_SQL_CONFIG_BEHIND, "it", walk.bucket_id, S("lifecycle"));
    bool found = db_next(&rows);
    int64_t id = found ? db_int(&rows, 0) : 0;
    slice json = found ? db_text(&rows, 1) : S(""), next = {NULL, 0};
    db_done(&rows);
    if (!found) {
        if (walk.bucket_id == 0)
            return 0;
        db_run(c->db, S3_SQL_WALK_SET, "iti", (int64_t)0, S(""), c->now_ms + HOUR_MS);
        return c->now_ms + HOUR_MS;
    }
    if (id != walk.bucket_id)
        walk.key = S("");
    if (bucket_find_id(c, id, &bucket) &&
        api_from_json(c->arena, &s3_shape_get_bucket_lifecycle_configuration_output, json, &config) == 0) {
        if (walk.key.len == 0) {
            list_foreach (rule, &config.rules)
                abort_uploads(c, &bucket, rule);
        }
        next = run_turn(c, &bucket, &config, walk.key);
    }
    db_run(c->db, S3_SQL_WALK_SET, "iti", next.ptr ? id : id + 1, next.ptr ? next : S(""), (int64_t)0);
    return c->now_ms;
}

int lifecycle_run(struct call *c, int64_t *next_due_ms)
{
    const int64_t due[] = {
        walk_on(c),
        multipart_clean(c) ? c->now_ms : 0,
        content_clean(c),
        content_hash_expire(c),
        multipart_expire_completed(c),
    };
    *next_due_ms = 0;
    for (size_t i = 0; i < sizeof(due) / sizeof(*due); i++) {
        if (due[i] != 0 && (*next_due_ms == 0 || due[i] < *next_due_ms))
            *next_due_ms = due[i];
    }
    return 0;
}

int s3_restore_object(struct call *c, const struct s3_restore_object_in *in, struct s3_restore_object_out *out)
{
    struct bucket bucket;
    struct version version;
    struct s3_head_object_out attributes = {0};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    if (!slice_eq(version.storage_class, S("GLACIER")) && !slice_eq(version.storage_class, S("DEEP_ARCHIVE")))
        return fail(c, &s3_invalid_object_state, "Restore is not allowed for the object's current storage class");
    if (!in->restore_request || !in->restore_request->days.set || in->restore_request->days.v < 1)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    if (api_from_json(c->arena, &s3_shape_head_object_output, version.attributes, &attributes) != 0)
        return FAULT_INTERNAL;
    char until[30];
    time_rfc1123((c->now_ms / day_ms + in->restore_request->days.v + 1) * day_ms, until);
    c->reply_status = attributes.restore.ptr ? 200 : 202;
    attributes.restore = arena_printf(c->arena, "ongoing-request=\"false\", expiry-date=\"%s\"", until);
    db_run(c->db, S3_SQL_VERSION_SET_ATTRIBUTES, "ti", api_to_json(c->arena, &s3_shape_head_object_output, &attributes),
           version.id);
    notify_event(c, &bucket, "ObjectRestore:Completed", &version);
    return 0;
}
