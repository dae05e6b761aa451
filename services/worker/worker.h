/* worker: what every AWS service process is made of. A service fills in struct service and calls worker_main; the
 * library opens the database, listens on the bus, decodes, validates, runs handlers in savepoints of one transaction
 * per batch, commits, and answers. */
#pragma once

#include "common/db.h"
#include "common/list.h"
#include "proto/api.h"
#include "services/worker/call.h"

struct msg;
struct worker;

/* An event from another process (the runner's reports, another service's effects). body is JSON. Runs like a handler,
 * in its own savepoint; acknowledged after commit; a repeated event id does not arrive again.
 * 0: stored. CALL_FAILED: refused for good (acknowledged with the recorded error). A fault: not acknowledged. */
typedef int service_event_fn(struct call *call, slice body);

struct service_event {
    slice name;
    service_event_fn *run;
    bool needs_room; /* refused while the disk is full: its sender keeps it meanwhile */
};

/* What other workers ask that is no operation of AWS (call_ask). body and *reply are JSON. Runs like a handler. */
typedef int service_question_fn(struct call *call, slice body, slice *reply);

struct service_question {
    slice name;
    service_question_fn *run;
};

/* The ARN of what a call is about, for authorization; absent: "*". in is the decoded input. */
typedef slice service_resource_fn(struct call *call, const void *in);

/* Whether nobody may do this: a call of a client that no one has signed, where signatures are verified. Answers 0 or
 * CALL_FAILED. */
typedef int service_guest_fn(struct call *call, slice action);

/* The IAM action of an operation that is not called as the operation is; absent: it needs no permission. */
struct service_action {
    slice operation;
    slice action;
};

/* Run in the call's savepoint before each handler of an operation, when the caller may do it: what every call of the
 * service takes for granted is there. Answers as a handler does. */
typedef int service_prepare_fn(struct call *call);

/* A due-time source. run does what is due now and answers when it is next due (wall ms), or 0 for never. It is called
 * at start, when armed time comes, and after every batch in which call_timer_changed was called. */
typedef int service_timer_fn(struct call *call, int64_t *next_due_ms);

/* Asked before the codec about every request of a client, for those that are no operation of the model: the registry's
 * /v2/, a form upload, a function's own URL. With *taken it has filled the reply (status, content_type, headers and
 * body or body_file) and answers as a handler does, CALL_LATER included; CALL_FAILED and faults are encoded by the
 * codec. Without it nothing has happened, and the codec goes on. The body is inline or a file (call_body_path). */
typedef int service_raw_fn(struct call *call, struct msg *reply, bool *taken);

/* Sockets of the service's own, beside the bus, in the worker's loop. Opened before the process says it is ready; what
 * open answers is what close gets, when the loop has ended. */
struct ev_loop;
typedef void *service_open_fn(struct worker *worker, struct ev_loop *loop, const struct conf *conf);
typedef void service_close_fn(void *opened);

/* Whether an input that violates the model so may pass all the same (a leniency). */
struct violation;
typedef bool service_tolerates_fn(struct call *call, const struct violation *violation);

struct service {
    const struct api_service *api;
    const char *const *migrations; /* schema.sql, migrate_2.sql, …, NULL */
    const char *const *statements; /* sql.def */
    size_t n_statements;
    const struct service_event *events;       /* terminated by an absent name; NULL: none */
    service_timer_fn *timer;                  /* NULL: none */
    int (*start)(struct call *call);          /* once, when the database is open, before the first call; NULL: none */
    int (*reset)(struct call *call);          /* after the tables were emptied; NULL: none */
    service_raw_fn *raw;                      /* NULL: none */
    const struct service_question *questions; /* terminated by an absent name; NULL: none */
    slice action_prefix;                      /* of its IAM actions, without ':'; absent: the service's name */
    const struct service_action *actions; /* terminated by an absent operation; NULL: all are called as operations */
    service_resource_fn *resource;        /* NULL: every call is about "*" */
    service_prepare_fn *prepare;          /* NULL: there is nothing to prepare */
    service_guest_fn *guest;              /* NULL: what comes unsigned may do all it can */
    service_open_fn *open;                /* NULL: none; close belongs to it */
    service_close_fn *close;
    service_tolerates_fn *tolerates; /* NULL: nothing */
    const slice *leniencies;         /* words of --lenient that it knows, terminated by an absent one; NULL: none */
    bool keeps_credentials;          /* every write may change what access keys stand for (call_credentials_changed) */
};

/* Runs fn as a call that belongs to no request, between batches: for what arrives at the service's own sockets. Memory
 * of the call's arena lives until the next call. Answers fn's result, or FAULT_SQL when its writes could not be kept.
 */
typedef int worker_run_fn(struct call *call, void *context);
int worker_run(struct worker *worker, worker_run_fn *fn, void *context);

/* What a worker is one of. */
struct worker_program {
    const struct service *const *services; /* terminated by NULL */
    slice credentials;                     /* the service that answers Caller: whose an access key is */
};

/* The whole process of one of the program's services. Answers the exit code. */
int worker_main(int argc, char *argv[], const struct worker_program *program, const struct service *service);

/* For service tests: a worker without process, sockets or clock. The database is in memory, time is what the test sets,
 * what leaves through the outbox is kept for the test. */
struct worker *worker_open_test(const struct service *service);
struct worker *worker_open_test_in(const struct service *service, slice state_dir); /* for services that keep files */
void worker_close(struct worker *worker);
void worker_test_enforce(struct worker *worker);                  /* as --iam enforce */
void worker_test_set_lenient(struct worker *worker, slice words); /* as --lenient */
void worker_test_set_state_dir(struct worker *worker,
                               slice path);                       /* for services that keep files; there is none else */
void worker_test_set_time(struct worker *worker, int64_t now_ms); /* runs what becomes due */

void worker_test_keep_credentials(struct worker *worker);   /* answers about them, as in a process */
void worker_test_change_credentials(struct worker *worker); /* as iam does: they hold no longer */

/* How questions to other services (call_service) are answered: with a status and *reply, the JSON form of the output or
 * {"__type", "message"}. Without it nobody answers. */
typedef int worker_test_answer_fn(slice service, slice operation, slice body, slice *reply);
void worker_test_set_answers(struct worker *worker, worker_test_answer_fn *answers);

/* One request as bytes in, answer as bytes out (wire level). The reply lives until the next call. */
void worker_test_request(struct worker *worker, const struct msg *request, struct msg *reply);

/* An event as another process would send it. Answers the acknowledgement's status (200, or 4xx/5xx); *reply_body (may
 * be NULL) lives until the next call. */
int worker_test_event_reply(struct worker *worker, slice origin, slice name, slice body, slice *reply_body);
int worker_test_event(struct worker *worker, slice origin, slice name, slice body);

/* What the outbox has for other processes, oldest first; taking one acknowledges it with the given reply body, which
 * runs the service's <operation>Done event, if it lists one. False when empty. */
struct worker_effect {
    slice target;
    slice name;
    slice body;
};
bool worker_test_take_effect(struct worker *worker, struct worker_effect *effect, slice reply_body);

/* The same, acknowledged with another status than 200. */
bool worker_test_refuse_effect(struct worker *worker, struct worker_effect *effect, int status, slice reply_body);
