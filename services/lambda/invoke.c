/* invoke: invocations, synchronous, asynchronous and dry. The runner has the environments; what it is asked and what it
 * answers is in proto/runner.h. */
#include "services/lambda/invoke.h"

#include "common/buf.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/limits.h"

/* The version an invocation goes to: the same each time the call runs again. */
static int choose(struct call *c, const struct function_name *name, slice id, struct invoke_target *target)
{
    struct lambda_alias_configuration alias;
    int64_t number = name_version_number(name->qualifier);
    TRY(function_get_named(c, name, &target->f));
    target->arn = name_arn_of(c, name);
    if (number < 0) {
        if (!alias_find(c, &target->f, name->qualifier, &alias))
            return fail(c, &lambda_resource_not_found, "Cannot find alias arn: %.*s", SLICE_ARG(target->arn));
        number = alias_choose(&alias, hash_bytes(id));
    }
    return version_get(c, &target->f, name_version(c, number), &target->v);
}

int invoke_find(struct call *c, slice text, slice qualifier, slice id, struct invoke_target *target)
{
    TRY(name_parse(c, text, qualifier, &target->name));
    TRY(choose(c, &target->name, id, target));
    if (!version_is_settled(c, &target->v) && slice_eq(target->v.doc.state, S("Pending")))
        return call_wait(c, S("settled"), target->v.settled_ms);
    return 0;
}

static slice question(struct call *c, const struct invoke_target *target, const struct invoke_event *event, slice plan)
{
    const struct version *v = &target->v;
    struct buf text;
    if (call_has_asked(c))
        return S("");
    struct json_writer *w = json_writer_open(c->arena);
    slice function = name_arn(c, &target->f);
    const struct pair texts[] = {
        {S("id"), event->id},
        {S("function"), function},
        {S("key"), arena_printf(c->arena, "%.*s:%lld:%.*s", SLICE_ARG(function), (long long)v->number,
                                SLICE_ARG(v->doc.revision_id))},
        {S("arn"), target->arn},
        {S("clientContext"), event->client_context},
        {S("stream"), event->streams},
    };
    json_object_begin(w);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!texts[i].value.ptr)
            continue;
        json_key(w, texts[i].key);
        json_string(w, texts[i].value);
    }
    json_key(w, S("timeoutMs"));
    json_int(w, opt_int_or(v->doc.timeout, 3) * 1000);
    json_key(w, target->f.reserved.set ? S("reserved") : S("unreserved"));
    json_int(w, target->f.reserved.set ? target->f.reserved.v : settings_unreserved(c));
    json_key(w, S("tail"));
    json_bool(w, event->tail);
    json_object_end(w);
    slice head = json_writer_close(w);
    buf_init(&text, c->arena);
    buf_reserve(&text, head.len + plan.len + event->payload.len + 16);
    buf_add(&text, head);
    if (plan.len > 0) {
        text.len--;
        buf_printf(&text, ",\"plan\":%.*s}", SLICE_ARG(plan));
    }
    buf_add_char(&text, '\n');
    buf_add(&text, event->payload);
    return buf_slice(&text);
}

/* {"error", "contentType", "log", "stream"} on a line of its own, and the payload behind it. */
static int read_answer(struct call *c, slice answer, struct invoke_result *result)
{
    slice line, why;
    struct val head;
    slice_cut(answer, '\n', &line, &result->payload);
    if (!result->payload.ptr || json_parse(c->arena, line, &head, &why) != 0)
        return FAULT_MESSAGE;
    result->error = val_get_string(&head, S("error"));
    result->content_type = val_get_string(&head, S("contentType"));
    result->log = val_get_string(&head, S("log"));
    result->stream = val_get_string(&head, S("stream"));
    return 0;
}

int invoke_throttled(struct call *c, slice reason)
{
    struct val extra = val_object();
    val_set(c->arena, &extra, S("Reason"), val_string(reason));
    return fail_with(c, &lambda_too_many_requests, arena_copy(c->arena, &extra, sizeof(extra)), "Rate Exceeded.");
}

static int refused_by_runner(struct call *c, const struct call_refusal *refused)
{
    if (slice_ends(refused->code, S("ConcurrentInvocationLimitExceeded")))
        return invoke_throttled(c, refused->code);
    return fail(c, &lambda_service, "The execution environment ended before it answered.");
}

/* The runner has never had the plan, or its credentials end: it gets a new one. */
static int ask_with_plan(struct call *c, const struct invoke_target *target, const struct invoke_event *event,
                         slice *answer, struct call_refusal *refused)
{
    slice plan;
    TRY(plan_of(c, &target->f, &target->v, &plan));
    return call_ask(c, S("runner"), S("InvokeFunction"), question(c, target, event, plan), answer, refused);
}

int invoke_run(struct call *c, const struct invoke_target *target, const struct invoke_event *event,
               struct invoke_result *result)
{
    slice answer;
    struct call_refusal refused;
    int asked = call_ask(c, S("runner"), S("InvokeFunction"), question(c, target, event, S("")), &answer, &refused);
    if (asked == CALL_FAILED && slice_eq(refused.code, S("UnknownPlan"))) {
        c->error = NULL;
        asked = ask_with_plan(c, target, event, &answer, &refused);
        if (asked == CALL_FAILED && c->error)
            return CALL_FAILED;
    }
    if (asked == CALL_FAILED || asked == FAULT_UNANSWERED)
        return refused_by_runner(c, &refused);
    TRY(asked);
    return read_answer(c, answer, result);
}

int invoke_check_payload(struct call *c, slice payload, int64_t limit)
{
    struct val ignored;
    slice why;
    if ((int64_t)payload.len > limit)
        return fail(c, &lambda_request_entity_too_large,
                    "%zu byte payload is too large for the %s invocation type (limit %lld bytes)", payload.len,
                    limit == LIMIT_LAMBDA_PAYLOAD_BYTES ? "RequestResponse" : "Event", (long long)limit);
    if (payload.len > 0 && !code_body_is_json(c) && json_parse(c->arena, payload, &ignored, &why) != 0)
        return fail(c, &lambda_invalid_request_content, "Could not parse request body into json: %.*s", SLICE_ARG(why));
    return 0;
}

static int run_now(struct call *c, const struct lambda_invoke_in *in, struct invoke_event *event,
                   struct lambda_invoke_out *out)
{
    struct invoke_target target;
    struct invoke_result result;
    TRY(invoke_check_payload(c, event->payload, LIMIT_LAMBDA_PAYLOAD_BYTES));
    TRY(invoke_find(c, in->function_name, in->qualifier, event->id, &target));
    event->tail = slice_eq(in->log_type, S("Tail"));
    TRY(invoke_run(c, &target, event, &result));
    out->status_code = opt_int(200);
    out->executed_version = name_version(c, target.v.number);
    out->function_error = result.error;
    out->log_result = result.log;
    out->payload = result.payload;
    return 0;
}

int lambda_invoke(struct call *c, const struct lambda_invoke_in *in, struct lambda_invoke_out *out)
{
    struct invoke_target target;
    struct invoke_event event = {.id = c->request_id, .payload = in->payload.len > 0 ? in->payload : S("{}")};
    TRY(client_context_read(c, in->client_context, &event.client_context));
    if (slice_empty(in->invocation_type) || slice_eq(in->invocation_type, S("RequestResponse")))
        return run_now(c, in, &event, out);
    TRY(invoke_find(c, in->function_name, in->qualifier, event.id, &target));
    out->payload = S("");
    if (slice_eq(in->invocation_type, S("DryRun"))) {
        out->status_code = opt_int(204);
        return 0;
    }
    TRY(invoke_check_payload(c, event.payload, LIMIT_LAMBDA_ASYNC_PAYLOAD_BYTES));
    queue_add(c, &target, &event);
    out->status_code = opt_int(202);
    return 0;
}

int lambda_invoke_async(struct call *c, const struct lambda_invoke_async_in *in, struct lambda_invoke_async_out *out)
{
    struct invoke_target target;
    struct invoke_event event = {.id = c->request_id, .payload = in->invoke_args.len > 0 ? in->invoke_args : S("{}")};
    TRY(invoke_check_payload(c, event.payload, LIMIT_LAMBDA_ASYNC_PAYLOAD_BYTES));
    TRY(invoke_find(c, in->function_name, (slice){NULL, 0}, event.id, &target));
    queue_add(c, &target, &event);
    out->status = opt_int(202);
    return 0;
}
