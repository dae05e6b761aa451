/* functions: what the files of the runner's Lambda side share. A blueprint is what environments of one configuration of
 * a function are made of; an environment is one sandboxed process tree that takes one invocation at a time; an
 * invocation waits for one of them, runs in it, and is answered to the lambda worker. */
#pragma once

#include "common/json.h"
#include "proto/bus.h"
#include "runner/http.h"
#include "runner/runner.h"

#include <ev.h>

enum { FUNCTIONS_MAX_EXTENSIONS = 10, FUNCTIONS_TAIL_BYTES = 4096, FUNCTIONS_MAX_ASKERS = 4 };

/* How the names of environments' folders in the runner's begin. */
#define FUNCTIONS_FOLDER "function-"

struct blueprint {
    struct functions *functions;
    struct arena *arena;
    slice key;
    slice function; /* ARN without qualifier */
    struct val doc; /* the plan of proto/runner.h */
    bool json;      /* log format */
    bool empty;     /* there is no code: an invocation answers null */
    bool once;      /* an environment takes one invocation only */
    bool prints;    /* a command that ends without having asked for an event answers with what it printed */
    bool retired;   /* no new environments; the idle ones are gone */
    int64_t expires_ms;
    struct environment *environments;
};

struct invocation {
    struct invocation *next; /* of the function's running ones */
    struct blueprint *blueprint;
    struct environment *environment;
    struct arena *arena;
    slice id;
    slice arn; /* as invoked */
    slice client_context;
    slice trace;
    slice payload;
    int64_t timeout_ms;
    slice streams;             /* how a response may leave while it is made: "events" or "http"; absent: it may not */
    struct response *response; /* the one that does */
    bool wants_tail;
    struct bus_from from;
    bool delivered;
    int64_t delivered_us;
    int64_t deadline_ms;
    ev_timer timer;
};

enum environment_state {
    ENVIRONMENT_INIT, /* from the start to the first wish for an event */
    ENVIRONMENT_READY,
    ENVIRONMENT_ENDING,
};

struct extension {
    char id[37];
    slice name;
    bool wants_invoke, wants_shutdown;
    struct http_conn *waits; /* for the next event */
    slice event;             /* to be given when it asks; absent: none */
};

struct environment {
    struct environment *next;
    struct blueprint *blueprint;
    struct arena *arena;
    struct container *container;
    struct http_server *server;
    uint16_t port;
    enum environment_state state;
    slice stream;
    struct invocation *invocation;
    struct http_conn *waits;   /* the runtime, for the next event */
    struct http_conn *streams; /* the runtime, which sends a response in pieces */
    bool truncated;            /* that ended before the response */
    slice last_id;             /* the invocation answered last */
    struct extension extensions[FUNCTIONS_MAX_EXTENSIONS];
    size_t n_extensions, n_expected;
    slice init_error; /* what the runtime said of its own start */
    slice init_error_type;
    int64_t init_us;  /* when it began, then how long it took */
    bool init_logged; /* the log says that it began */
    bool init_reported;
    bool runtime_done;           /* the runtime has asked for its first event, or said that it cannot */
    bool extensions_logged;      /* the log says which there are */
    struct telemetry *telemetry; /* NULL: nothing has happened yet */
    bool was_cold;               /* the first invocation is still to come */
    bool warned;                 /* of strangers at its Runtime API */
    bool answered;               /* the invocation is over, and the next event not asked for yet */
    struct buf tail;
    struct buf printed; /* before the first event was asked for, when that may be the answer */
    ev_timer timer;     /* of the start, of idleness, of the end */
};

struct functions {
    struct runner *runner;
    struct map *blueprints; /* by key */
    struct invocation *running;
    size_t n_running;
    const char *bootstraps; /* the folder */
    bool bare;              /* no sandboxes are permitted: functions run on the host's files */
    int64_t next_environment;
};

/* pool.c */
struct functions *pool_open(struct runner *runner);
void pool_close(struct functions *functions);

/* InvokeFunction: answered now or later. */
void pool_invoke(struct functions *functions, const struct bus_from *from, slice body);
void pool_retire(struct functions *functions, slice body);

/* An environment has become idle, or is gone. */
void pool_environment_free(struct environment *environment);
void pool_environment_lost(struct blueprint *blueprint);

/* The environment ended before it took the invocation. */
void pool_dispatch_again(struct invocation *invocation);

/* Answers the invocation and forgets it. error: absent, or the kind of FunctionError. */
void pool_finish(struct invocation *invocation, slice error, slice content_type, slice payload, slice tail);

/* Answers it before its end: the file that holds what it streams, and the document in front of that. */
void pool_answer_stream(struct invocation *invocation, slice file, slice content_type, slice document);

/* Refuses it: a status, a code and a text. */
void pool_refuse(struct invocation *invocation, int status, slice code, slice message);

/* environment.c */
void environment_start(struct blueprint *blueprint, struct invocation *first);
bool environment_is_free(const struct environment *environment);
void environment_give(struct environment *environment, struct invocation *invocation);

/* Something the environment waits for has come: its start may be over, the event may be delivered. */
void environment_advance(struct environment *environment);

/* The runtime's answers. */
void environment_answer(struct environment *environment, slice error_type, slice content_type, slice payload,
                        int64_t payload_bytes);

/* A response in pieces: false when it is to be collected instead. Its end is environment_answer. */
bool environment_stream_begin(struct environment *environment, slice content_type);
void environment_stream_add(struct environment *environment, slice bytes);

/* The runtime waits for the next event, but its connection ended before its response. */
void environment_truncated(struct environment *environment);
void environment_init_error(struct environment *environment, slice type, slice payload);

/* Ends it. reason: "spindown", "timeout" or "failure". */
void environment_end(struct environment *environment, const char *reason);

/* runtime_api.c: the HTTP side of one environment. */
bool runtime_api_open(struct environment *environment);
void runtime_api_deliver(struct environment *environment);
void runtime_api_accept(struct http_conn *conn);
void runtime_api_refuse(struct http_conn *conn, int status, const char *type, const char *message);

/* extensions.c: the part of it that is for extensions. what: the path behind the API's version. */
void extensions_request(struct environment *environment, struct http_conn *conn, const struct http_request *request,
                        slice what);

/* Whether it is a subscription to telemetry or logs, and that. */
bool extensions_is_subscription(const struct http_request *request);
void extensions_subscribe(struct environment *environment, struct http_conn *conn, const struct http_request *request);

/* All that are expected have registered and wait for their next event. */
bool extensions_ready(const struct environment *environment);

/* They get the invocation, or learn of the end: those that are busy when they ask next. */
void extensions_deliver(struct environment *environment);
void extensions_shutdown(struct environment *environment, const char *reason);
void extensions_gone(struct environment *environment, const struct http_conn *conn);

/* response.c: the response of an invocation while it is made. */
enum { RESPONSE_TOO_LARGE = 1 };

/* False when the caller does not want it so, or nothing can be written. */
bool response_begin(struct invocation *invocation, slice content_type);

/* Answers 0, RESPONSE_TOO_LARGE or -errno. */
int response_add(struct invocation *invocation, slice bytes);

/* Whether the lambda worker has been answered; if not, what there is belongs into its answer. */
bool response_is_told(const struct invocation *invocation);
slice response_untold(const struct invocation *invocation, slice *content_type);

/* Ends it, with the kind of FunctionError and its document if there is an error. */
void response_end(struct invocation *invocation, slice error, slice payload, slice tail);

/* Breaks it off, if there is one. */
void response_drop(struct invocation *invocation);

/* launch.c: the StartContainer of an environment; false when the runtime is not there: *why. */
bool launch_plan(struct environment *environment, slice *text, slice *why);

/* An interpreter on this machine, or absent. */
slice launch_find_program(struct arena *arena, const struct runner *runner, slice name);

/* What became of a command that did not start, as AWS says it, and the type of that error. */
slice launch_failure(struct arena *arena, slice failure, slice *type);

/* True when it did not start for want of a sandbox: the next ones do without. */
bool launch_without_sandbox(struct functions *functions, slice failure);

/* sandbox.c: where the function finds its code, its runtime and each of its layers. */
slice sandbox_task(const struct environment *environment);
slice sandbox_runtime(const struct environment *environment);
size_t sandbox_n_layers(const struct environment *environment);
slice sandbox_layer(const struct environment *environment, size_t i);
slice sandbox_layer_on_host(const struct environment *environment, size_t i);

/* What the environment may see and have, put into its StartContainer. program: the interpreter, "" for none. */
void sandbox_add(struct environment *environment, struct val *plan, slice program);

/* journal.c: what the platform writes into the function's log, and tells those who have subscribed. */
void journal_line(struct environment *environment, slice line);

/* The first line, written once: when the command runs, or when there is something to say before. */
void journal_init_start(struct environment *environment);
void journal_start(struct environment *environment, const struct invocation *invocation);

/* The runtime's own start is over. error_type: absent when all went well. */
void journal_init_runtime_done(struct environment *environment, slice error_type);

/* The whole start is. status "success" is no line of a log. */
void journal_init_report(struct environment *environment, const char *phase, const char *status, slice error_type);

/* Which extensions there are, once; kinds: of enum telemetry_kind. */
void journal_extensions(struct environment *environment);
void journal_subscription(struct environment *environment, slice extension, unsigned kinds, bool logs);

/* END and REPORT. status: NULL when all went well; error_type: of the function's or of the platform's error;
 * produced_bytes: of the answer. */
struct journal_outcome {
    const char *status;
    slice error_type;
    size_t produced_bytes;
};
void journal_end(struct environment *environment, const struct invocation *invocation,
                 const struct journal_outcome *outcome);

/* The runtime is gone: said behind the report. */
void journal_fault(struct environment *environment, slice id, slice text, slice type);

/* usage.c: the peak of the resident memory of a process and all below it. */
int64_t usage_peak_bytes(pid_t pid);
