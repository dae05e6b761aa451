/* call: one running call, its context and what handlers may do with it. */
#pragma once

#include "common/arena.h"
#include "common/db.h"
#include "common/err.h"
#include "common/list.h"
#include "proto/api.h"
#include "proto/msg.h"

struct worker;
struct val;
struct conf;

struct call {
    struct worker *worker;
    const struct conf *conf; /* the options awssim was started with */
    struct arena *arena;
    struct db *db;
    const struct api_operation *operation; /* NULL for events and timers */
    const struct msg *request;             /* the envelope; NULL for timers */
    slice account;
    slice region;
    slice access_key; /* empty when unsigned */
    slice request_id;
    int64_t now_ms;
    int64_t deadline_ms; /* monotonic */
    slice body; /* present: in place of the request's body that came as a file; the service's raw hook says so */
    slice event_stream; /* what a handler whose answer is a stream of events has written (proto/eventstream.h) */
    /* What the codec does not know, added to the reply whatever it is: "name: value\n" lines; a status other than the
     * operation's (0: none); a file as the body, as in the envelope. */
    slice reply_headers;
    uint16_t reply_status;
    slice reply_file;
    int64_t reply_file_offset;
    int64_t reply_file_length;
    slice reply_segments; /* or parts of several files, and their lease, as in the envelope */
    slice reply_lease;
    bool reply_file_grows; /* it is still being written (MSG_FLAG_GROWING) */
    /* What fail recorded. */
    const struct api_error *error;
    slice error_message;
    const struct val *error_extra;
    slice event_reply; /* of an event: what its sender learns (JSON) */
};

/* Records an AWS error with AWS's own wording and answers CALL_FAILED. */
int fail(struct call *c, const struct api_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with values for the error's further members: an object in the call's arena. */
int fail_with(struct call *c, const struct api_error *error, const struct val *extra, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether the call comes from a client who has not signed it although signatures are verified. */
bool call_is_guest(struct call *c);

/* Asks another service: in and out are the C structures of that operation's shapes (the other service's generated
 * header). A service that dies meanwhile is asked again: the operation must be one that reads. Answers 0 with *out
 * filled; CALL_LATER the first time (the handler returns it and runs again from the top);
 * CALL_FAILED when the other service refused (4xx): c->error is not recorded, *refused has code and message;
 * FAULT_UNANSWERED when it did not answer before the call's deadline, or failed itself (5xx): no fault of the client's,
 * whose call is answered as an internal failure. All questions come before the first write. */
struct call_refusal {
    slice code;
    slice message;
};
int call_service(struct call *c, slice service, const struct api_operation *operation, const void *in, void *out,
                 struct call_refusal *refused);

/* The file that was the body of the last answer, as an object's content may be: false when there was none. */
struct call_file {
    slice path;
    int64_t offset;
    int64_t length;
    slice segments; /* present: parts of several files in place of the one, their names paths (proto/segments.h) */
};
bool call_answered_file(struct call *c, struct call_file *file);

/* Its bytes, in that arena; any thread may do so. Answers 0 or -errno. */
int call_file_read(struct arena *arena, const struct call_file *file, slice *bytes);

/* The same for a question the other service answers that is no operation of AWS (struct service_question); both texts
 * are JSON. */
int call_ask(struct call *c, slice service, slice name, slice body, slice *reply, struct call_refusal *refused);

/* The same for what iam or sts know about an access key: an answer that still holds is kept, and not asked for again
 * (services/worker/credentials.h). *answer is valid until the next question. */
struct credentials_answer;
int call_ask_credentials(struct call *c, slice service, slice name, slice body, struct credentials_answer **answer,
                         struct call_refusal *refused);

/* After this call's commit access keys may stand for something else: whoever keeps answers about them asks again. */
void call_credentials_changed(struct call *c);

/* Whether an earlier run of the call has asked its next question: then what it asks need not be composed again. */
bool call_has_asked(struct call *c);

/* The same for a process that is no AWS service: a question in its own words (proto/runner.h). Answers CALL_LATER the
 * first time, then 0 with *status (0: nobody answered, or it died) and *answer. */
int call_question(struct call *c, slice target, slice name, slice body, int *status, slice *answer);

/* Runs the service's event `name` soon after this call's commit (not at all without one), as a call of its own that
 * nobody waits for and that may ask and wait as handlers do. A fault runs it again after a moment. It is lost with the
 * process: the service begins it anew from its tables. */
void call_background(struct call *c, slice name, slice body);

/* For work whose outcome a call waits for (call_wait): begins whatever becomes of this call's writes, unless one with
 * that name and body is already under way. False, and nothing begun, when there are max with that name. */
bool call_background_once(struct call *c, slice name, slice body, size_t max);

/* Puts an effect for another process into the outbox, in the call's transaction: event `name` with a JSON body, sent at
 * least once, in order per target, and deleted when acknowledged. When the service lists an event `<name>Done`, it runs
 * with {"request": body, "status": n, "reply": …} in the transaction that deletes the row. */
void call_effect(struct call *c, slice target, slice name, slice body);

/* Makes the call wait: the transaction is undone and the handler runs again when call_wake(key) is called by another
 * call of this worker or when until_ms (wall) comes, whichever is first. Answers CALL_LATER. */
int call_wait(struct call *c, slice key, int64_t until_ms);
void call_wake(struct call *c, slice key);

/* Where the body of the request is when it came as a file (request->body_file), as a streaming payload's may; absent
 * when it is inline. A handler that keeps it renames the file away (the state directory is one file system); otherwise
 * it is removed when the request is answered. */
slice call_body_path(struct call *c);

/* A file that a request's handler has made for rows to name: it is removed when the call comes to nothing, be it that
 * it fails or that its writes cannot be kept. */
void call_made_file(struct call *c, slice path);

/* What the sender of the running event learns with the acknowledgement: JSON, in the sender's `<name>Done` event. A
 * refused event (CALL_FAILED) tells {"__type", "message"} by itself. */
void call_event_reply(struct call *c, slice json);

/* The service's timer must be asked again after this batch. */
void call_timer_changed(struct call *c);
