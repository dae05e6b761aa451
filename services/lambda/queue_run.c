/* queue_run: one asynchronous invocation: tried, tried again or given up, and who is told. The waits between tries are
 * AWS's minute and two minutes, compressed. */
#include "services/lambda/invoke.h"

#include "common/ids.h"
#include "common/json.h"
#include "common/time.h"

static const int64_t retry_ms[] = {1000, 2000};
static const int64_t throttle_retry_ms = 500;

struct queued {
    slice id;
    struct function_name name;
    slice payload;
    int64_t accepted_ms, tries;
};

static bool find(struct call *c, slice id, struct queued *queued)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_QUEUED_GET, "t", id);
    bool found = db_next(&rows);
    if (found) {
        *queued = (struct queued){
            .id = id,
            .name = {db_text(&rows, 0), db_text(&rows, 1), db_text(&rows, 2), db_text(&rows, 3)},
            .payload = db_text(&rows, 4),
            .accepted_ms = db_int(&rows, 5),
            .tries = db_int(&rows, 6),
        };
        if (queued->name.qualifier.len == 0)
            queued->name.qualifier = (slice){NULL, 0};
    }
    db_done(&rows);
    return found;
}

/* What happened, as destinations are told. */
struct outcome {
    const char *condition;
    bool success;
    int64_t invocations;
    const struct invoke_target *target;
    const struct invoke_result *result; /* NULL: it never answered */
};

static struct val json_or_text(struct call *c, slice text)
{
    struct val value;
    slice why;
    return json_parse(c->arena, text, &value, &why) == 0 ? value : val_string(text);
}

static slice record(struct call *c, const struct queued *queued, const struct outcome *outcome)
{
    struct val body = val_object(), request = val_object(), response = val_object();
    val_set(c->arena, &request, S("requestId"), val_string(queued->id));
    val_set(c->arena, &request, S("functionArn"),
            val_string(arena_printf(c->arena, "%.*s%s", SLICE_ARG(outcome->target->arn),
                                    queued->name.qualifier.ptr ? "" : ":$LATEST")));
    val_set(c->arena, &request, S("condition"), val_string(slice_of(outcome->condition)));
    val_set(c->arena, &request, S("approximateInvokeCount"), val_int(outcome->invocations));
    val_set(c->arena, &body, S("version"), val_string(S("1.0")));
    val_set(c->arena, &body, S("timestamp"), val_string(time_iso8601(c->arena, c->now_ms, true)));
    val_set(c->arena, &body, S("requestContext"), request);
    val_set(c->arena, &body, S("requestPayload"), json_or_text(c, queued->payload));
    if (outcome->result) {
        val_set(c->arena, &response, S("statusCode"), val_int(200));
        val_set(c->arena, &response, S("executedVersion"), val_string(name_version(c, outcome->target->v.number)));
        if (outcome->result->error.len > 0)
            val_set(c->arena, &response, S("functionError"), val_string(outcome->result->error));
        val_set(c->arena, &body, S("responseContext"), response);
        val_set(c->arena, &body, S("responsePayload"), json_or_text(c, outcome->result->payload));
    }
    return json_text(c->arena, &body);
}

/* Functions are queued here. No other kind of destination has a service that could take the record. */
static void send(struct call *c, slice arn, slice payload)
{
    struct invoke_target target = {0};
    if (!slice_starts(arn, S("arn:aws:lambda:")))
        return;
    if (name_parse(c, arn, (slice){NULL, 0}, &target.name) == 0 && function_find(c, &target.name, &target.f))
        queue_add(c, &target, &(struct invoke_event){.id = ids_uuid(c->arena), .payload = payload});
}

static void end(struct call *c, const struct queued *queued, const struct event_rules *rules,
                const struct outcome *outcome)
{
    const struct lambda_dead_letter_config *letters = outcome->target->v.doc.dead_letter_config;
    slice destination = outcome->success ? rules->on_success : rules->on_failure;
    db_run(c->db, LAMBDA_SQL_QUEUED_DELETE, "t", queued->id);
    call_timer_changed(c);
    send(c, destination, destination.len > 0 ? record(c, queued, outcome) : S(""));
    if (!outcome->success && letters)
        send(c, letters->target_arn, queued->payload);
}

static void retry(struct call *c, const struct queued *queued, int64_t tries, int64_t after_ms)
{
    db_run(c->db, LAMBDA_SQL_QUEUED_RETRY, "iit", tries, c->now_ms + after_ms, queued->id);
    call_timer_changed(c);
}

static void after_failure(struct call *c, const struct queued *queued, const struct event_rules *rules,
                          struct outcome *outcome)
{
    outcome->invocations = queued->tries + 1;
    if (queued->tries >= rules->max_retries) {
        outcome->condition = "RetriesExhausted";
        end(c, queued, rules, outcome);
    } else if (c->now_ms - queued->accepted_ms >= rules->max_age_ms) {
        outcome->condition = "EventAgeExceeded";
        end(c, queued, rules, outcome);
    } else
        retry(c, queued, queued->tries + 1, retry_ms[queued->tries > 0]);
}

/* The call may not start just now; it has not been tried. */
static void after_refusal(struct call *c, const struct queued *queued, const struct event_rules *rules,
                          struct outcome *outcome)
{
    outcome->invocations = queued->tries;
    if (c->now_ms - queued->accepted_ms >= rules->max_age_ms) {
        outcome->condition = "EventAgeExceeded";
        end(c, queued, rules, outcome);
    } else
        retry(c, queued, queued->tries, throttle_retry_ms);
}

static int work_on(struct call *c, const struct queued *queued)
{
    struct invoke_target target = {.name = queued->name};
    struct invoke_result result;
    struct event_rules rules;
    const struct invoke_event event = {.id = queued->id, .payload = queued->payload};
    slice arn = name_arn_of(c, &queued->name);
    c->account = queued->name.account;
    c->region = queued->name.region;
    int found = invoke_find(c, arn, (slice){NULL, 0}, queued->id, &target);
    if (found == CALL_FAILED) {
        db_run(c->db, LAMBDA_SQL_QUEUED_DELETE, "t", queued->id); /* its function is gone */
        return 0;
    }
    TRY(found);
    struct outcome outcome = {.target = &target, .invocations = queued->tries + 1};
    settings_event_rules(c, &target.f, queued->name.qualifier, &rules);
    int ran = invoke_run(c, &target, &event, &result);
    if (ran == CALL_LATER || ran < 0)
        return ran;
    outcome.result = ran == 0 ? &result : NULL;
    outcome.success = ran == 0 && result.error.len == 0;
    outcome.condition = "Success";
    if (outcome.success)
        end(c, queued, &rules, &outcome);
    else if (ran == CALL_FAILED && c->error == &lambda_too_many_requests)
        after_refusal(c, queued, &rules, &outcome);
    else
        after_failure(c, queued, &rules, &outcome);
    return 0;
}

int queue_run(struct call *c, slice body)
{
    struct val request;
    struct queued queued;
    slice why;
    if (json_parse(c->arena, body, &request, &why) != 0)
        return FAULT_MESSAGE;
    return find(c, val_get_string(&request, S("id")), &queued) ? work_on(c, &queued) : 0;
}
