/* notify: notification configurations, and S3's event documents for the functions they name. Queues and topics are
 * kept, not served. */
#include "services/s3/s3.h"

#include "common/buf.h"
#include "common/glob.h"
#include "common/ids.h"
#include "common/time.h"
#include "common/uri.h"

static bool wants_event(const struct s3_event_list *events, const char *event)
{
    list_foreach (one, events) {
        slice name = slice_starts(*one, S("s3:")) ? slice_sub(*one, 3, one->len) : *one;
        if (glob_match(name, slice_of(event)))
            return true;
    }
    return false;
}

static bool wants_key(const struct s3_notification_configuration_filter *filter, slice key)
{
    if (!filter || !filter->key)
        return true;
    list_foreach (rule, &filter->key->filter_rules) {
        if (slice_eq_nocase(rule->name, S("prefix")) && !slice_starts(key, rule->value))
            return false;
        if (slice_eq_nocase(rule->name, S("suffix")) && !slice_ends(key, rule->value))
            return false;
    }
    return true;
}

static void add_text(struct json_writer *w, const char *key, slice value)
{
    json_key(w, slice_of(key));
    json_string(w, value);
}

static void add_begin(struct json_writer *w, const char *key)
{
    json_key(w, slice_of(key));
    json_object_begin(w);
}

static slice unquoted(slice etag)
{
    return etag.len >= 2 ? slice_sub(etag, 1, etag.len - 1) : etag;
}

/* As a form has it: a space is a plus. */
static slice form_key(struct call *c, slice key)
{
    struct buf text;
    slice rest = uri_encode(c->arena, key, true);
    buf_init(&text, c->arena);
    for (ssize_t at = slice_find(rest, S("%20")); at >= 0; at = slice_find(rest, S("%20"))) {
        buf_add(&text, slice_sub(rest, 0, (size_t)at));
        buf_add_char(&text, '+');
        rest = slice_sub(rest, (size_t)at + 3, rest.len);
    }
    buf_add(&text, rest);
    return buf_slice(&text);
}

static void add_s3(struct call *c, struct json_writer *w, slice id, const struct bucket *bucket,
                   const struct version *version)
{
    add_begin(w, "s3");
    add_text(w, "s3SchemaVersion", S("1.0"));
    add_text(w, "configurationId", id);
    add_begin(w, "bucket");
    add_text(w, "name", bucket->name);
    add_begin(w, "ownerIdentity");
    add_text(w, "principalId", bucket_canonical_id(c, bucket->account));
    json_object_end(w);
    add_text(w, "arn", bucket_arn(c, bucket->name));
    json_object_end(w);
    add_begin(w, "object");
    add_text(w, "key", form_key(c, version->key));
    if (!version->is_marker) {
        json_key(w, S("size"));
        json_int(w, version->size);
    }
    if (version->etag.len > 0)
        add_text(w, "eTag", unquoted(version->etag));
    if (version_numbered(bucket))
        add_text(w, "versionId", version->version_id);
    add_text(w, "sequencer", arena_printf(c->arena, "%016llX", (unsigned long long)c->now_ms));
    json_object_end(w);
    json_object_end(w);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
static void add_document(struct call *c, struct json_writer *w, slice id, const struct bucket *bucket,
                         const char *event, const struct version *version)
{
    json_object_begin(w);
    json_key(w, S("Records"));
    json_array_begin(w);
    json_object_begin(w);
    add_text(w, "eventVersion", S("2.1"));
    add_text(w, "eventSource", S("aws:s3"));
    add_text(w, "awsRegion", bucket->region);
    add_text(w, "eventTime", time_iso8601(c->arena, c->now_ms, true));
    add_text(w, "eventName", slice_of(event));
    add_begin(w, "userIdentity");
    add_text(w, "principalId",
             arena_concat(c->arena, S("AWS:"), c->access_key.len > 0 ? c->access_key : S("anonymous")));
    json_object_end(w);
    add_begin(w, "requestParameters");
    add_text(w, "sourceIPAddress", S("127.0.0.1"));
    json_object_end(w);
    add_begin(w, "responseElements");
    add_text(w, "x-amz-request-id", c->request_id.ptr ? c->request_id : S(""));
    add_text(w, "x-amz-id-2", c->request_id.ptr ? c->request_id : S(""));
    json_object_end(w);
    add_s3(c, w, id, bucket, version);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
}

/* What lambda is told of a notification, or asked about (services/lambda/invoke.h), but for the payload. */
static struct json_writer *begin_message(struct call *c, slice function_arn, const struct bucket *bucket)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    add_text(w, "account", bucket->account);
    add_text(w, "region", bucket->region);
    add_text(w, "functionArn", function_arn);
    add_text(w, "sourceArn", bucket_arn(c, bucket->name));
    return w;
}

static void send(struct call *c, const struct s3_lambda_function_configuration *to, const struct bucket *bucket,
                 const char *event, const struct version *version)
{
    struct json_writer *w = begin_message(c, to->lambda_function_arn, bucket);
    json_key(w, S("payload"));
    add_document(c, w, to->id.ptr ? to->id : S(""), bucket, event, version);
    json_object_end(w);
    call_effect(c, S("lambda"), S("S3Notification"), json_writer_close(w));
}

void notify_event(struct call *c, const struct bucket *bucket, const char *event, const struct version *version)
{
    struct s3_notification_configuration config = {0};
    if (!config_find(c, bucket, "notification", &s3_shape_notification_configuration, &config))
        return;
    list_foreach (to, &config.lambda_function_configurations) {
        if (wants_event(&to->events, event) && wants_key(to->filter, version->key))
            send(c, to, bucket, event, version);
    }
}

static int check_events(struct call *c, const struct s3_event_list *events)
{
    list_foreach (event, events) {
        if (!slice_starts(*event, S("s3:")))
            return fail(c, &s3_invalid_argument, "The event '%.*s' is not supported for notifications",
                        SLICE_ARG(*event));
    }
    return 0;
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE */
static bool is_arn(slice text)
{
    enum { COLONS = 5 };
    size_t colons = 0;
    for (size_t i = 0; i < text.len; i++)
        colons += text.ptr[i] == ':';
    return slice_starts(text, S("arn:")) && colons >= COLONS && !slice_ends(text, S(":"));
}

/* A configuration without an id gets one. */
static int check_destination(struct call *c, slice arn, const struct s3_event_list *events, slice *id)
{
    TRY(check_events(c, events));
    if (!is_arn(arn)) {
        struct val *extra = arena_alloc(c->arena, sizeof(*extra));
        *extra = val_object();
        val_set(c->arena, extra, S("ArgumentName"), val_string(S("ARN")));
        val_set(c->arena, extra, S("ArgumentValue"), val_string(arn));
        return fail_with(c, &s3_invalid_argument, extra, "The ARN is not well formed");
    }
    if (slice_empty(*id))
        *id = ids_uuid(c->arena);
    return 0;
}

/* The function must be there and let S3 call it. */
static int check_function(struct call *c, slice arn, const struct bucket *bucket)
{
    struct call_refusal refused;
    struct val extra = val_object();
    struct json_writer *w = begin_message(c, arn, bucket);
    slice reply;
    json_object_end(w);
    int result = call_ask(c, S("lambda"), S("S3Destination"), json_writer_close(w), &reply, &refused);
    if (result != CALL_FAILED)
        return result;
    val_set(c->arena, &extra, S("ArgumentName1"), val_string(arena_concat(c->arena, arn, S(", null"))));
    val_set(c->arena, &extra, S("ArgumentValue1"), val_string(refused.message));
    return fail_with(c, &s3_invalid_argument, arena_copy(c->arena, &extra, sizeof(extra)),
                     "Unable to validate the following destination configurations");
}

int s3_put_bucket_notification_configuration(struct call *c,
                                             const struct s3_put_bucket_notification_configuration_in *in,
                                             struct s3_put_bucket_notification_configuration_out *out)
{
    struct bucket bucket;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    if (!in->notification_configuration)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    struct s3_notification_configuration config = *in->notification_configuration;
    list_foreach (to, &config.lambda_function_configurations) {
        TRY(check_destination(c, to->lambda_function_arn, &to->events, &to->id));
        if (!opt_bool_or(in->skip_destination_validation, false))
            TRY(check_function(c, to->lambda_function_arn, &bucket));
    }
    list_foreach (to, &config.queue_configurations)
        TRY(check_destination(c, to->queue_arn, &to->events, &to->id));
    list_foreach (to, &config.topic_configurations)
        TRY(check_destination(c, to->topic_arn, &to->events, &to->id));
    config_set(c, &bucket, "notification", &s3_shape_notification_configuration, &config);
    return 0;
}
