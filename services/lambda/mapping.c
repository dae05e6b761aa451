/* mapping: event source mappings. The sources they name are services that awssim does not have, so a mapping is kept
 * Disabled and says why; nothing is polled. */
#include "services/lambda/lambda.h"

#include "common/ids.h"
#include "common/page.h"

enum { MAX_PAGE = 100 };

typedef struct lambda_event_source_mapping_configuration mapping;

struct source_kind {
    slice service; /* in the ARN */
    slice title;
    bool stream;
    int64_t batch, max_batch;
};

static const struct source_kind kinds[] = {
    {S("sqs"), S("Amazon SQS"), false, 10, 10000},
    {S("kinesis"), S("Amazon Kinesis"), true, 100, 10000},
    {S("dynamodb"), S("DynamoDB Streams"), true, 100, 10000},
    {S("kafka"), S("Amazon MSK"), true, 100, 10000},
    {S("mq"), S("Amazon MQ"), false, 100, 10000},
    {S("rds"), S("DocumentDB"), true, 100, 10000},
};

static const struct source_kind *kind_of(slice arn)
{
    slice parts[3] = {0}, rest = arn;
    for (size_t i = 0; i < 3; i++)
        slice_cut(rest, ':', &parts[i], &rest);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_eq(kinds[i].service, parts[2]))
            return &kinds[i];
    }
    return NULL;
}

static slice text_of(struct call *c, const mapping *doc)
{
    return api_to_json(c->arena, &lambda_shape_event_source_mapping_configuration, doc);
}

static void disable(struct call *c, const struct source_kind *kind, bool wanted, mapping *doc)
{
    doc->state = S("Disabled");
    doc->state_transition_reason = !wanted
                                       ? S("USER_INITIATED")
                                       : arena_printf(c->arena, "awssim has no %.*s to read events from",
                                                      SLICE_ARG(kind ? kind->title : S("self-managed event source")));
    doc->last_modified = opt_int(c->now_ms);
}

static int check_new(struct call *c, const struct lambda_create_event_source_mapping_in *in,
                     const struct source_kind *kind)
{
    if (!in->event_source_arn.ptr && !in->self_managed_event_source)
        return fail(c, &lambda_invalid_parameter_value, "Unrecognized event source.");
    if (in->event_source_arn.ptr && !kind)
        return fail(c, &lambda_invalid_parameter_value,
                    "Unrecognized event source, must be kinesis, dynamodb stream, "
                    "sqs, kafka, mq or documentdb. Unsupported source arn %.*s",
                    SLICE_ARG(in->event_source_arn));
    if (kind && kind->stream && slice_empty(in->starting_position))
        return fail(
            c, &lambda_invalid_parameter_value,
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member "
            "must not be null.");
    if (kind && !kind->stream && in->starting_position.len > 0)
        return fail(c, &lambda_invalid_parameter_value, "StartingPosition is not valid for %.*s event sources.",
                    SLICE_ARG(kind->title));
    if (slice_eq(in->starting_position, S("AT_TIMESTAMP")) && !in->starting_position_timestamp.set)
        return fail(c, &lambda_invalid_parameter_value,
                    "1 validation error detected: Value null at 'startingPositionTimestamp' failed to satisfy "
                    "constraint: Member must not be null when 'startingPosition' is AT_TIMESTAMP.");
    return 0;
}

/* How many records one invocation may get. */
static int check_batch(struct call *c, const struct source_kind *kind, const mapping *doc)
{
    bool queue = kind && slice_eq(kind->service, S("sqs")), ordered = slice_ends(doc->event_source_arn, S(".fifo"));
    int64_t size = doc->batch_size.v, window = opt_int_or(doc->maximum_batching_window_in_seconds, 0);
    int64_t most = queue && ordered ? kind->batch : kind ? kind->max_batch : size;
    if (size > most)
        return fail(c, &lambda_invalid_parameter_value, "Batch size must be at most %lld.", (long long)most);
    if (queue && ordered && window > 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "Batching window is not supported for FIFO queues. Remove MaximumBatchingWindowInSeconds.");
    if (queue && size > kind->batch && window == 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than %lld",
                    (long long)kind->batch);
    return 0;
}

static int check_same(struct call *c, slice function_arn, slice source)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_MAPPING_SAME, "tttt", c->account, c->region, function_arn, source);
    slice id = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    if (!id.ptr || source.len == 0)
        return 0;
    return fail(c, &lambda_resource_conflict,
                "The event source arn (\" %.*s \") and function (\" %.*s \") provided mapping already exists. Please "
                "update or delete the existing mapping with UUID %.*s",
                SLICE_ARG(source), SLICE_ARG(function_arn), SLICE_ARG(id));
}

static void fill(struct call *c, const struct lambda_create_event_source_mapping_in *in, const struct source_kind *kind,
                 mapping *out)
{
    bool stream = kind && kind->stream;
    out->uuid = ids_uuid(c->arena);
    out->event_source_mapping_arn = arena_printf(c->arena, "arn:aws:lambda:%.*s:%.*s:event-source-mapping:%.*s",
                                                 SLICE_ARG(c->region), SLICE_ARG(c->account), SLICE_ARG(out->uuid));
    out->event_source_arn = in->event_source_arn;
    out->batch_size = in->batch_size.set ? in->batch_size : opt_int(kind ? kind->batch : 100);
    out->maximum_batching_window_in_seconds = opt_int(opt_int_or(in->maximum_batching_window_in_seconds, 0));
    out->starting_position = in->starting_position;
    out->starting_position_timestamp = in->starting_position_timestamp;
    out->filter_criteria = in->filter_criteria;
    out->destination_config = in->destination_config;
    out->topics = in->topics;
    out->queues = in->queues;
    out->source_access_configurations = in->source_access_configurations;
    out->self_managed_event_source = in->self_managed_event_source;
    out->function_response_types = in->function_response_types;
    out->scaling_config = in->scaling_config;
    out->kms_key_arn = in->kms_key_arn;
    out->metrics_config = in->metrics_config;
    out->amazon_managed_kafka_event_source_config = in->amazon_managed_kafka_event_source_config;
    out->self_managed_kafka_event_source_config = in->self_managed_kafka_event_source_config;
    out->document_db_event_source_config = in->document_db_event_source_config;
    out->provisioned_poller_config = in->provisioned_poller_config;
    if (!stream)
        return;
    out->parallelization_factor = opt_int(opt_int_or(in->parallelization_factor, 1));
    out->maximum_record_age_in_seconds = opt_int(opt_int_or(in->maximum_record_age_in_seconds, -1));
    out->maximum_retry_attempts = opt_int(opt_int_or(in->maximum_retry_attempts, -1));
    out->bisect_batch_on_function_error = opt_bool(opt_bool_or(in->bisect_batch_on_function_error, false));
    out->tumbling_window_in_seconds = opt_int(opt_int_or(in->tumbling_window_in_seconds, 0));
    out->last_processing_result = S("No records processed");
}

int lambda_create_event_source_mapping(struct call *c, const struct lambda_create_event_source_mapping_in *in,
                                       struct lambda_create_event_source_mapping_out *out)
{
    struct function f;
    struct function_name name;
    slice stored, source = in->event_source_arn.ptr ? in->event_source_arn : S("");
    const struct source_kind *kind = kind_of(source);
    TRY(check_new(c, in, kind));
    TRY(tags_check(c, &in->tags));
    TRY(name_parse(c, in->function_name, (slice){NULL, 0}, &name));
    TRY(function_get_qualified(c, in->function_name, (slice){NULL, 0}, &f, &stored));
    out->function_arn = name_arn_of(c, &name);
    TRY(check_same(c, out->function_arn, source));
    fill(c, in, kind, out);
    TRY(check_batch(c, kind, out));
    disable(c, kind, opt_bool_or(in->enabled, true), out);
    db_run(c->db, LAMBDA_SQL_MAPPING_ADD, "tttttt", out->uuid, c->account, c->region, out->function_arn, source,
           text_of(c, out));
    tags_set(c, out->event_source_mapping_arn, &in->tags);
    return 0;
}

static int get(struct call *c, slice id, mapping *doc)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_MAPPING_GET, "ttt", id, c->account, c->region);
    bool found = db_next(&rows);
    if (found)
        api_from_json(c->arena, &lambda_shape_event_source_mapping_configuration, db_text(&rows, 0), doc);
    db_done(&rows);
    return found ? 0 : fail(c, &lambda_resource_not_found, "The resource you requested does not exist.");
}

int lambda_get_event_source_mapping(struct call *c, const struct lambda_get_event_source_mapping_in *in,
                                    struct lambda_get_event_source_mapping_out *out)
{
    return get(c, in->uuid, out);
}

static void change(const struct lambda_update_event_source_mapping_in *in, mapping *doc)
{
    const struct {
        const struct opt_int *from;
        struct opt_int *to;
    } numbers[] = {
        {&in->batch_size, &doc->batch_size},
        {&in->maximum_batching_window_in_seconds, &doc->maximum_batching_window_in_seconds},
        {&in->maximum_record_age_in_seconds, &doc->maximum_record_age_in_seconds},
        {&in->maximum_retry_attempts, &doc->maximum_retry_attempts},
        {&in->parallelization_factor, &doc->parallelization_factor},
        {&in->tumbling_window_in_seconds, &doc->tumbling_window_in_seconds},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        if (numbers[i].from->set)
            *numbers[i].to = *numbers[i].from;
    }
    if (in->filter_criteria)
        doc->filter_criteria = in->filter_criteria;
    if (in->destination_config)
        doc->destination_config = in->destination_config;
    if (in->bisect_batch_on_function_error.set)
        doc->bisect_batch_on_function_error = in->bisect_batch_on_function_error;
    if (in->source_access_configurations.set)
        doc->source_access_configurations = in->source_access_configurations;
    if (in->function_response_types.set)
        doc->function_response_types = in->function_response_types;
    if (in->scaling_config)
        doc->scaling_config = in->scaling_config;
}

int lambda_update_event_source_mapping(struct call *c, const struct lambda_update_event_source_mapping_in *in,
                                       struct lambda_update_event_source_mapping_out *out)
{
    struct function f;
    struct function_name name;
    slice stored;
    TRY(get(c, in->uuid, out));
    if (in->function_name.len > 0) {
        TRY(name_parse(c, in->function_name, (slice){NULL, 0}, &name));
        TRY(function_get_qualified(c, in->function_name, (slice){NULL, 0}, &f, &stored));
        out->function_arn = name_arn_of(c, &name);
    }
    change(in, out);
    TRY(check_batch(c, kind_of(out->event_source_arn), out));
    bool was_wanted = !slice_eq(out->state_transition_reason, S("USER_INITIATED"));
    disable(c, kind_of(out->event_source_arn), opt_bool_or(in->enabled, was_wanted), out);
    db_run(c->db, LAMBDA_SQL_MAPPING_SET, "ttt", out->function_arn, text_of(c, out), out->uuid);
    return 0;
}

int lambda_delete_event_source_mapping(struct call *c, const struct lambda_delete_event_source_mapping_in *in,
                                       struct lambda_delete_event_source_mapping_out *out)
{
    TRY(get(c, in->uuid, out));
    db_run(c->db, LAMBDA_SQL_MAPPING_DELETE, "t", out->uuid);
    db_run(c->db, LAMBDA_SQL_TAG_DELETE_ALL, "t", out->event_source_mapping_arn);
    out->state = S("Deleting");
    return 0;
}

int lambda_list_event_source_mappings(struct call *c, const struct lambda_list_event_source_mappings_in *in,
                                      struct lambda_list_event_source_mappings_out *out)
{
    struct function_name name;
    slice from, function = {NULL, 0};
    int64_t wanted = opt_int_or(in->max_items, MAX_PAGE), size = wanted < MAX_PAGE ? wanted : MAX_PAGE;
    if (in->function_name.len > 0) {
        TRY(name_parse(c, in->function_name, (slice){NULL, 0}, &name));
        function = name_arn_of(c, &name);
    }
    if (page_key(c->arena, S("ListEventSourceMappings"), in->marker, &from) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_MAPPING_LIST, "ttttti", c->account, c->region, from, function,
                                   in->event_source_arn, size + 1);
    while (db_next(&rows)) {
        if ((int64_t)out->event_source_mappings.len == size) {
            out->next_marker = page_token(c->arena, S("ListEventSourceMappings"), db_text(&rows, 0));
            break;
        }
        api_from_json(c->arena, &lambda_shape_event_source_mapping_configuration, db_text(&rows, 1),
                      list_add(c->arena, &out->event_source_mappings));
    }
    db_done(&rows);
    return 0;
}
