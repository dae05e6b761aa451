/* incoming: invocations that other services ask for through their outboxes. */
#include "services/lambda/invoke.h"

#include "common/ids.h"
#include "common/json.h"
#include "common/limits.h"

/* The function the event is for, if its policy lets the principal call it; an absent principal is not asked about. */
static int find_target(struct call *c, const struct val *event, slice principal, struct invoke_target *target)
{
    c->account = val_get_string(event, S("account"));
    c->region = val_get_string(event, S("region"));
    slice arn = val_get_string(event, S("functionArn"));
    const struct permission_request request = {
        .action = S("lambda:InvokeFunction"),
        .principal = principal,
        .source_arn = val_get_string(event, S("sourceArn")),
        .source_account = c->account,
    };
    TRY(name_parse(c, arn, (slice){NULL, 0}, &target->name));
    TRY(function_get_named(c, &target->name, &target->f));
    if (principal.ptr && !permission_allows(c, name_arn_of(c, &target->name), &request))
        return fail(c, &lambda_access_denied, "%.*s is not allowed to invoke %.*s by its policy.", SLICE_ARG(principal),
                    SLICE_ARG(arn));
    return 0;
}

static int enqueue(struct call *c, slice body, slice principal)
{
    struct val event;
    struct invoke_target target = {0};
    slice why;
    if (json_parse(c->arena, body, &event, &why) != 0)
        return FAULT_MESSAGE;
    TRY(find_target(c, &event, principal.ptr ? principal : val_get_string(&event, S("principal")), &target));
    const struct val *payload = val_get(&event, S("payload"));
    struct invoke_event queued = {.id = ids_uuid(c->arena), .payload = S("{}")};
    if (payload)
        queued.payload = payload->type == VAL_STRING ? payload->string : json_text(c->arena, payload);
    TRY(invoke_check_payload(c, queued.payload, LIMIT_LAMBDA_ASYNC_PAYLOAD_BYTES));
    queue_add(c, &target, &queued);
    return 0;
}

int incoming_s3_notification(struct call *c, slice body)
{
    return enqueue(c, body, S("s3.amazonaws.com"));
}

int incoming_s3_destination(struct call *c, slice body, slice *reply)
{
    struct val event;
    struct invoke_target target = {0};
    slice why;
    if (json_parse(c->arena, body, &event, &why) != 0)
        return FAULT_MESSAGE;
    *reply = S("{}");
    return find_target(c, &event, S("s3.amazonaws.com"), &target);
}

int incoming_invoke(struct call *c, slice body)
{
    return enqueue(c, body, (slice){NULL, 0});
}
