/* impl: what the files of the worker library share. */
#pragma once

#include "common/conf.h"
#include "proto/bus.h"
#include "proto/codec.h"
#include "services/worker/await.h"
#include "services/worker/worker.h"

#include <ev.h>

enum worker_sql {
#define SQL(name, text) WORKER_SQL_##name,
#include "services/worker/sql.def"
#undef SQL
    WORKER_N_SQL,
};

struct credentials;
struct generation;
struct later;
struct outbox;
struct work;

/* Seconds until the next try; twice as many each time. */
static inline double impl_back_off(double *seconds, double first, double longest)
{
    *seconds = *seconds < first ? first : *seconds * 2 > longest ? longest : *seconds * 2;
    return *seconds;
}

struct worker {
    const struct worker_program *program;
    const struct service *service;
    const struct codec *codec; /* NULL: the protocol is not spoken yet */
    struct conf conf;
    struct arena *arena; /* the process's */
    struct arena *batch; /* of the batch being run; reset behind it */
    struct db *db;
    struct ev_loop *loop; /* NULL in service tests */
    struct bus *bus;
    struct later *waiting; /* calls that will run again, newest first */
    struct outbox *outbox;
    struct work *work; /* the helper thread; NULL until it is needed */
    slice stream;      /* of the events sent from this database: the first half of their ids */
    ev_timer due;
    ev_timer idle;
    ev_timer restart;       /* of the database's log */
    double retry_seconds;   /* of the timer; 0: it did not fail */
    struct slice_list made; /* files of the batch's calls; in the batch's arena */
    size_t call_made;       /* how many there were when the running call began */
    struct later *planned;  /* background calls of the batch's calls, newest first */
    struct later *call_planned;
    struct generation *generation;   /* of what access keys stand for; NULL: not opened */
    struct credentials *credentials; /* what is known of them; NULL: nothing yet */
    bool no_credentials;             /* and there will be nothing */
    bool credentials_changed;        /* since the last commit */
    bool timer_changed;
    bool effects_added;
    int64_t test_now_ms;                 /* in tests, what time it is */
    int64_t next_due_ms;                 /* in tests, when the timer would run */
    worker_test_answer_fn *test_answers; /* in tests, NULL: nobody answers */
};

/* A call while it runs. */
struct running {
    struct call call;
    struct later *later;    /* what it has learned in earlier runs; NULL in the first */
    size_t questions;       /* asked so far in this run */
    struct slice_list kept; /* of these, the first ones, that needed not be sent: their answers; while later is NULL */
    const struct bus_from *from;
};

/* Statement numbers of the library's own SQL. */
static inline int worker_sql(const struct worker *worker, enum worker_sql sql)
{
    return (int)(worker->service->n_statements + sql);
}

int64_t worker_now_ms(const struct worker *worker);

/* Opens the database and prepares everything that needs no sockets. Answers 0, DB_NEWER or a fault, with *why. */
int worker_set_up(struct worker *worker, const struct service *service, const char *path, slice *why);
void worker_tear_down(struct worker *worker);

/* batch.c */

/* A context for a call that belongs to no request. */
struct running batch_internal_call(struct worker *worker);

/* Runs one envelope to its reply, in a savepoint; the reply's texts are in the batch's arena. False when there is
 * nothing to answer (yet). */
bool batch_run(struct worker *worker, struct running *running, struct msg *reply);

/* A call's savepoint. With another result than 0, and when a statement failed, nothing is left of it: no writes, no
 * files it made, no background calls. Answers the call's result; a fault instead of any other when a statement failed,
 * because what the call made of missing rows is worth nothing. */
void batch_begin_call(struct worker *worker, struct arena *arena);
int batch_end_call(struct worker *worker, int result);

/* Commits; background calls begin. Answers 0, FAULT_SQL or FAULT_FULL: nothing is left of any call since the last
 * commit. */
int batch_commit(struct worker *worker);

/* Behind a commit, when the answers have been handed over: what has become sendable or due is done. */
void batch_after_commit(struct worker *worker);
void batch_on_messages(void *context, const struct bus_item *items, size_t count);

/* The reply to a fault, instead of any other: of an internal failure, or of a full disk. */
void batch_fault(struct worker *worker, const struct running *running, int fault, struct msg *reply);

/* The call's transaction is lost. Who wrote is told so; who only read may have read what was lost, and reads again; and
 * what makes room on a full disk is tried once more with the space kept in reserve. False when nothing is to be
 * answered (yet). */
bool batch_run_lost(struct worker *worker, struct running *running, int fault, struct msg *reply);

/* The reply to who may try again: 503. */
void batch_unavailable(struct worker *worker, const struct running *running, slice message, struct msg *reply);

/* Tells loop_watch what has run. */
void batch_note_step(const struct running *running);

/* authorize.c: with --iam enforce, whether IAM lets the caller do this. 0, CALL_FAILED (recorded), CALL_LATER. */
int authorize_call(struct call *call, const void *in);

/* events.c */

/* Runs an event once, however often it comes; fills in the acknowledgement. */
void events_run(struct worker *worker, struct running *running, struct msg *reply);

/* Empties everything. */
void events_reset(struct worker *worker, struct msg *reply);

/* Runs the service's event of that name, if it has one. */
int events_dispatch(struct worker *worker, struct running *running, slice name, slice body, bool *known);

/* Runs a background call's event; CALL_LATER when it waits. */
int events_run_background(struct worker *worker, struct running *running);

/* outbox.c */
struct outbox *outbox_open(struct worker *worker);
void outbox_close(struct outbox *outbox);

/* Sends what has been added since, to peers that are up. */
void outbox_pump(struct outbox *outbox);
void outbox_on_peer(struct outbox *outbox, struct bus_peer *peer, bool up);

/* Deletes an acknowledged effect and runs `<name>Done`, in one transaction. Answers 0, OUTBOX_UNKEPT when it could not
 * be committed, or the fault of `<name>Done`: then nothing has happened, and it must be tried again. */
enum { OUTBOX_UNKEPT = 10 };
int outbox_acknowledge(struct worker *worker, int64_t id, int status, slice reply_body);

/* later.c */

/* Keeps the request of a call that answered CALL_LATER. */
void later_keep(struct worker *worker, struct running *running);

/* In tests: whether the newest waiting call has all its answers and may run again, with *running prepared. */
bool later_is_answered(struct worker *worker, struct running *running);

/* In tests: how many calls wait that somebody waits for. */
size_t later_count(const struct worker *worker);

/* In tests: runs one background call that does not wait for a time; false when there is none. */
bool later_run_background(struct worker *worker);

/* The waiting call is over: it has been answered or nobody waits. */
void later_forget(struct worker *worker, struct later *later);
void later_cancel(struct worker *worker, const struct bus_from *from);
void later_close(struct worker *worker);

/* The same, and whoever waits for an answer gets one: 503 with this message. */
void later_refuse_all(struct worker *worker, slice message);

/* Begins the background calls of a batch that was committed; forgets those that were planned since `until`. */
void later_begin_planned(struct worker *worker);
void later_drop_planned(struct worker *worker, const struct later *until);

/* work.c */
void work_add(struct await *await, await_work_fn *run);
void work_close(struct work *work);

/* faults.c: for service tests, with AWSSIM_TEST_FAULTS in the environment: what can fail in a request (each statement,
 * each commit, each new descriptor or name of a file), and each moment at which it waits and can be cancelled, does so
 * once. After each such attempt nothing may be left of the request; then it is run once more, with the next one.
 *
 * faults_begin: before a request's first attempt; faults_try_again: after each, whether another one follows (the last
 * one counts, as if there had been no other). faults_answered: the request is over, what follows are timers and
 * background calls; false when the attempt has failed, and nothing follows. faults_cancel: whether the attempt is to be
 * cancelled now. */
void faults_begin(struct worker *worker, const struct msg *request);
bool faults_try_again(struct worker *worker, const struct msg *request, const struct msg *reply);
bool faults_answered(void);
bool faults_cancel(void);

/* timers.c */
void timers_start(struct worker *worker);
void timers_run(struct worker *worker);
void timers_stop(struct worker *worker);

/* There was work: the database is tidied up when there has been none for a while. */
void timers_note_work(struct worker *worker);
