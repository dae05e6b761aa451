/* settings: small documents that hang on a function, a version or an alias: what is configured for asynchronous
 * invocation and provisioned concurrency; and the function's reserved concurrency. */
#include "services/lambda/lambda.h"

#include "common/page.h"

enum { MAX_PAGE = 50, MAX_RETRIES = 2, DEFAULT_AGE_SECONDS = 21600 };

bool settings_get(struct call *c, const struct function *f, const char *kind, slice qualifier,
                  const struct api_shape *shape, void *doc)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_SETTING_GET, "itt", f->id, slice_of(kind), qualifier);
    bool found = db_next(&rows);
    if (found)
        api_from_json(c->arena, shape, db_text(&rows, 0), doc);
    db_done(&rows);
    return found;
}

void settings_set(struct call *c, const struct function *f, const char *kind, slice qualifier,
                  const struct api_shape *shape, const void *doc)
{
    db_run(c->db, LAMBDA_SQL_SETTING_SET, "ittt", f->id, slice_of(kind), qualifier, api_to_json(c->arena, shape, doc));
}

bool settings_delete(struct call *c, const struct function *f, const char *kind, slice qualifier)
{
    return db_run(c->db, LAMBDA_SQL_SETTING_DELETE, "itt", f->id, slice_of(kind), qualifier) > 0;
}

/* Reserved concurrency */

static int64_t reserved_sum(struct call *c)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_RESERVED_SUM, "tt", c->account, c->region);
    int64_t sum = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return sum;
}

int64_t settings_unreserved(struct call *c)
{
    return LAMBDA_ACCOUNT_CONCURRENCY - reserved_sum(c);
}

int lambda_put_function_concurrency(struct call *c, const struct lambda_put_function_concurrency_in *in,
                                    struct lambda_put_function_concurrency_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    int64_t wanted = in->reserved_concurrent_executions.v;
    int64_t others = reserved_sum(c) - opt_int_or(f.reserved, 0);
    if (wanted > 0 && LAMBDA_ACCOUNT_CONCURRENCY - others - wanted < LAMBDA_UNRESERVED_MINIMUM)
        return fail(c, &lambda_invalid_parameter_value,
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    "UnreservedConcurrentExecution below its minimum value of [%d].",
                    LAMBDA_UNRESERVED_MINIMUM);
    db_run(c->db, LAMBDA_SQL_FUNCTION_SET_RESERVED, "Ii", in->reserved_concurrent_executions, f.id);
    out->reserved_concurrent_executions = in->reserved_concurrent_executions;
    return 0;
}

int lambda_get_function_concurrency(struct call *c, const struct lambda_get_function_concurrency_in *in,
                                    struct lambda_get_function_concurrency_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    out->reserved_concurrent_executions = f.reserved;
    return 0;
}

int lambda_delete_function_concurrency(struct call *c, const struct lambda_delete_function_concurrency_in *in,
                                       struct lambda_delete_function_concurrency_out *out)
{
    struct function f;
    TRY(function_get(c, in->function_name, &f));
    db_run(c->db, LAMBDA_SQL_FUNCTION_SET_RESERVED, "Ii", (struct opt_int){0}, f.id);
    return 0;
}

int lambda_get_account_settings(struct call *c, const struct lambda_get_account_settings_in *in,
                                struct lambda_get_account_settings_out *out)
{
    out->account_limit = arena_alloc(c->arena, sizeof(*out->account_limit));
    out->account_usage = arena_alloc(c->arena, sizeof(*out->account_usage));
    *out->account_limit = (struct lambda_account_limit){
        .total_code_size = opt_int(80530636800),
        .code_size_unzipped = opt_int(262144000),
        .code_size_zipped = opt_int(52428800),
        .concurrent_executions = opt_int(LAMBDA_ACCOUNT_CONCURRENCY),
        .unreserved_concurrent_executions = opt_int(settings_unreserved(c)),
    };
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_FUNCTION_COUNT, "tt", c->account, c->region);
    if (db_next(&rows))
        out->account_usage->function_count = opt_int(db_int(&rows, 0));
    db_done(&rows);
    rows = db_query(c->db, LAMBDA_SQL_CODE_TOTAL, "tt", c->account, c->region);
    if (db_next(&rows))
        out->account_usage->total_code_size = opt_int(db_int(&rows, 0));
    db_done(&rows);
    return 0;
}

/* Provisioned concurrency: environments are started on demand within a millisecond's overhead, so what is asked for
 * counts as allocated. */

static int get_provisioned_target(struct call *c, slice text, slice qualifier, struct function *f)
{
    slice stored;
    if (slice_eq(qualifier, S("$LATEST")))
        return fail(c, &lambda_invalid_parameter_value,
                    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
    return function_get_qualified(c, text, qualifier, f, &stored);
}

static void allocate(slice *status, struct opt_int requested, struct opt_int *allocated, struct opt_int *available)
{
    *status = S("READY");
    *allocated = *available = requested;
}

int lambda_put_provisioned_concurrency_config(struct call *c,
                                              const struct lambda_put_provisioned_concurrency_config_in *in,
                                              struct lambda_put_provisioned_concurrency_config_out *out)
{
    struct function f;
    TRY(get_provisioned_target(c, in->function_name, in->qualifier, &f));
    if (in->provisioned_concurrent_executions.v > opt_int_or(f.reserved, settings_unreserved(c)))
        return fail(
            c, &lambda_invalid_parameter_value,
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%lld].",
            (long long)settings_unreserved(c));
    out->requested_provisioned_concurrent_executions = in->provisioned_concurrent_executions;
    out->allocated_provisioned_concurrent_executions = opt_int(0);
    out->available_provisioned_concurrent_executions = opt_int(0);
    out->status = S("IN_PROGRESS");
    out->last_modified = version_time(c);
    settings_set(c, &f, "provisioned", in->qualifier, &lambda_shape_put_provisioned_concurrency_config_response, out);
    return 0;
}

int lambda_get_provisioned_concurrency_config(struct call *c,
                                              const struct lambda_get_provisioned_concurrency_config_in *in,
                                              struct lambda_get_provisioned_concurrency_config_out *out)
{
    struct function f;
    TRY(get_provisioned_target(c, in->function_name, in->qualifier, &f));
    if (!settings_get(c, &f, "provisioned", in->qualifier, &lambda_shape_get_provisioned_concurrency_config_response,
                      out))
        return fail(c, &lambda_provisioned_concurrency_config_not_found,
                    "No Provisioned Concurrency Config found for this function");
    allocate(&out->status, out->requested_provisioned_concurrent_executions,
             &out->allocated_provisioned_concurrent_executions, &out->available_provisioned_concurrent_executions);
    return 0;
}

int lambda_delete_provisioned_concurrency_config(struct call *c,
                                                 const struct lambda_delete_provisioned_concurrency_config_in *in,
                                                 struct lambda_delete_provisioned_concurrency_config_out *out)
{
    struct function f;
    TRY(get_provisioned_target(c, in->function_name, in->qualifier, &f));
    settings_delete(c, &f, "provisioned", in->qualifier);
    return 0;
}

/* The page's rows from the marker on, one more than fits. */
static int open_page(struct call *c, const char *kind, const struct function *f, slice marker, int64_t size,
                     struct db_rows *rows)
{
    slice from;
    if (page_key(c->arena, slice_of(kind), marker, &from) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    *rows = db_query(c->db, LAMBDA_SQL_SETTING_LIST, "itti", f->id, slice_of(kind), from, size + 1);
    return 0;
}

static int64_t page_size(struct opt_int max_items)
{
    int64_t wanted = opt_int_or(max_items, MAX_PAGE);
    return wanted < MAX_PAGE ? wanted : MAX_PAGE;
}

int lambda_list_provisioned_concurrency_configs(struct call *c,
                                                const struct lambda_list_provisioned_concurrency_configs_in *in,
                                                struct lambda_list_provisioned_concurrency_configs_out *out)
{
    struct function f;
    struct db_rows rows;
    int64_t size = page_size(in->max_items);
    TRY(function_get(c, in->function_name, &f));
    TRY(open_page(c, "provisioned", &f, in->marker, size, &rows));
    while (db_next(&rows)) {
        slice qualifier = db_text(&rows, 0);
        if ((int64_t)out->provisioned_concurrency_configs.len == size) {
            out->next_marker = page_token(c->arena, S("provisioned"), qualifier);
            break;
        }
        struct lambda_provisioned_concurrency_config_list_item *one =
            list_add(c->arena, &out->provisioned_concurrency_configs);
        api_from_json(c->arena, &lambda_shape_provisioned_concurrency_config_list_item, db_text(&rows, 1), one);
        one->function_arn = name_qualified_arn(c, &f, qualifier);
        allocate(&one->status, one->requested_provisioned_concurrent_executions,
                 &one->allocated_provisioned_concurrent_executions, &one->available_provisioned_concurrent_executions);
    }
    db_done(&rows);
    return 0;
}

int lambda_list_function_event_invoke_configs(struct call *c,
                                              const struct lambda_list_function_event_invoke_configs_in *in,
                                              struct lambda_list_function_event_invoke_configs_out *out)
{
    struct function f;
    struct db_rows rows;
    int64_t size = page_size(in->max_items);
    TRY(function_get(c, in->function_name, &f));
    TRY(open_page(c, "events", &f, in->marker, size, &rows));
    while (db_next(&rows)) {
        if ((int64_t)out->function_event_invoke_configs.len == size) {
            out->next_marker = page_token(c->arena, S("events"), db_text(&rows, 0));
            break;
        }
        api_from_json(c->arena, &lambda_shape_function_event_invoke_config, db_text(&rows, 1),
                      list_add(c->arena, &out->function_event_invoke_configs));
    }
    db_done(&rows);
    return 0;
}

/* Asynchronous invocation */

static int check_destination(struct call *c, slice arn)
{
    static const slice kinds[] = {S("arn:aws:lambda:"), S("arn:aws:sqs:"), S("arn:aws:sns:"), S("arn:aws:events:"),
                                  S("arn:aws:s3:")};
    if (slice_empty(arn))
        return 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_starts(arn, kinds[i]))
            return 0;
    }
    return fail(c, &lambda_invalid_parameter_value, "The provided destination config DestinationConfig is invalid.");
}

static int check_destinations(struct call *c, const struct lambda_destination_config *config)
{
    if (config && config->on_success)
        TRY(check_destination(c, config->on_success->destination));
    if (config && config->on_failure)
        TRY(check_destination(c, config->on_failure->destination));
    return 0;
}

static int save_event_config(struct call *c, const struct function *f, slice qualifier,
                             struct lambda_function_event_invoke_config *doc)
{
    TRY(check_destinations(c, doc->destination_config));
    if (!doc->destination_config)
        doc->destination_config = arena_alloc(c->arena, sizeof(*doc->destination_config));
    if (!doc->destination_config->on_success)
        doc->destination_config->on_success = arena_alloc(c->arena, sizeof(*doc->destination_config->on_success));
    if (!doc->destination_config->on_failure)
        doc->destination_config->on_failure = arena_alloc(c->arena, sizeof(*doc->destination_config->on_failure));
    doc->last_modified = opt_int(c->now_ms);
    doc->function_arn = name_qualified_arn(c, f, qualifier);
    settings_set(c, f, "events", qualifier, &lambda_shape_function_event_invoke_config, doc);
    return 0;
}

int lambda_put_function_event_invoke_config(struct call *c, const struct lambda_put_function_event_invoke_config_in *in,
                                            struct lambda_put_function_event_invoke_config_out *out)
{
    struct function f;
    slice qualifier;
    TRY(function_get_qualified(c, in->function_name, in->qualifier, &f, &qualifier));
    if (!in->maximum_retry_attempts.set && !in->maximum_event_age_in_seconds.set && !in->destination_config)
        return fail(c, &lambda_invalid_parameter_value,
                    "You must specify at least one of error handling or destination setting.");
    out->maximum_retry_attempts = in->maximum_retry_attempts;
    out->maximum_event_age_in_seconds = in->maximum_event_age_in_seconds;
    out->destination_config = in->destination_config;
    return save_event_config(c, &f, qualifier, out);
}

static int get_event_config(struct call *c, slice name, slice wanted, struct function *f, slice *qualifier,
                            struct lambda_function_event_invoke_config *doc)
{
    TRY(function_get_qualified(c, name, wanted, f, qualifier));
    if (!settings_get(c, f, "events", *qualifier, &lambda_shape_function_event_invoke_config, doc))
        return fail(c, &lambda_resource_not_found, "The function %.*s doesn't have an EventInvokeConfig",
                    SLICE_ARG(name_qualified_arn(c, f, *qualifier)));
    return 0;
}

int lambda_update_function_event_invoke_config(struct call *c,
                                               const struct lambda_update_function_event_invoke_config_in *in,
                                               struct lambda_update_function_event_invoke_config_out *out)
{
    struct function f;
    slice qualifier;
    TRY(get_event_config(c, in->function_name, in->qualifier, &f, &qualifier, out));
    if (in->maximum_retry_attempts.set)
        out->maximum_retry_attempts = in->maximum_retry_attempts;
    if (in->maximum_event_age_in_seconds.set)
        out->maximum_event_age_in_seconds = in->maximum_event_age_in_seconds;
    if (in->destination_config)
        out->destination_config = in->destination_config;
    return save_event_config(c, &f, qualifier, out);
}

int lambda_get_function_event_invoke_config(struct call *c, const struct lambda_get_function_event_invoke_config_in *in,
                                            struct lambda_get_function_event_invoke_config_out *out)
{
    struct function f;
    slice qualifier;
    return get_event_config(c, in->function_name, in->qualifier, &f, &qualifier, out);
}

int lambda_delete_function_event_invoke_config(struct call *c,
                                               const struct lambda_delete_function_event_invoke_config_in *in,
                                               struct lambda_delete_function_event_invoke_config_out *out)
{
    struct function f;
    slice qualifier;
    struct lambda_function_event_invoke_config doc = {0};
    TRY(get_event_config(c, in->function_name, in->qualifier, &f, &qualifier, &doc));
    settings_delete(c, &f, "events", qualifier);
    return 0;
}

void settings_event_rules(struct call *c, const struct function *f, slice qualifier, struct event_rules *rules)
{
    struct lambda_function_event_invoke_config doc = {0};
    settings_get(c, f, "events", qualifier.len > 0 ? qualifier : S("$LATEST"),
                 &lambda_shape_function_event_invoke_config, &doc);
    *rules = (struct event_rules){
        .max_retries = opt_int_or(doc.maximum_retry_attempts, MAX_RETRIES),
        .max_age_ms = opt_int_or(doc.maximum_event_age_in_seconds, DEFAULT_AGE_SECONDS) * 1000,
    };
    if (doc.destination_config && doc.destination_config->on_success)
        rules->on_success = doc.destination_config->on_success->destination;
    if (doc.destination_config && doc.destination_config->on_failure)
        rules->on_failure = doc.destination_config->on_failure->destination;
}
