/* invoke: what invocations through the API, the queue and function URLs share. */
#pragma once

#include "services/lambda/lambda.h"

/* The function and the version an invocation goes to. */
struct invoke_target {
    struct function_name name; /* as invoked */
    slice arn;                 /* of it */
    struct function f;
    struct version v;
};

struct invoke_event {
    slice id; /* of the invocation: asked twice with the same id, the runner runs it once */
    slice payload;
    slice client_context; /* as client_context_read gives it; absent: none. Synchronous invocations only, as on AWS */
    bool tail;            /* the end of the log is wanted */
    slice streams;        /* how the answer may begin before its end: "events" or "http"; absent: it may not */
};

struct invoke_result {
    slice error;        /* absent, or X-Amz-Function-Error */
    slice content_type; /* as the function said */
    slice log;          /* base64, when wanted */
    slice payload;      /* with stream: the document in front of an HTTP body */
    slice stream;       /* the spool file in which the answer grows (proto/runner.h); absent: it is whole */
};

/* Finds the target; waits (CALL_LATER) while the function is Pending. */
int invoke_find(struct call *c, slice text, slice qualifier, slice id, struct invoke_target *target);

/* Runs the invocation to its end: restartable, before the first write. */
int invoke_run(struct call *c, const struct invoke_target *target, const struct invoke_event *event,
               struct invoke_result *result);
int invoke_throttled(struct call *c, slice reason);
int invoke_check_payload(struct call *c, slice payload, int64_t limit);

/* client_context.c: what a caller says of itself in base64: a JSON object, or InvalidRequestContentException. *context
 * is the same document on one line of ASCII, as it fits into a header; absent when there is none. */
int client_context_read(struct call *c, slice base64, slice *context);

/* plan.c: the plan of the version's environments. Asks STS. */
int plan_of(struct call *c, const struct function *f, const struct version *v, slice *text);

/* queue.c: asynchronous invocations */
void queue_add(struct call *c, const struct invoke_target *target, const struct invoke_event *event);

/* The timer's part: begins what is due. */
void queue_run_due(struct call *c, int64_t *next_due_ms);

/* At start: what a former process had begun is begun again. */
void queue_recover(struct call *c);

/* The background event RunQueued: {"id"}. */
int queue_run(struct call *c, slice body);

/* url.c: requests to functions' own URLs. */
int url_serve(struct call *c, struct msg *reply, bool *taken);

/* incoming.c: what other services send, S3Notification and InvokeFunctionAsync, and what S3 asks before: S3Destination,
 * refused where the notification would be. */
int incoming_s3_notification(struct call *c, slice body);
int incoming_s3_destination(struct call *c, slice body, slice *reply);
int incoming_invoke(struct call *c, slice body);
