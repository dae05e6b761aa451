/* test: a worker without process, sockets and clock, for service tests. */
#include "services/worker/impl.h"

#include "common/generation.h"

#include <assert.h>
#include <stdlib.h>

/* Nobody can make a folder there, not even root: a test that means to write names a folder of its own. */
#define NOWHERE "/proc/nowhere"

static const struct service *const no_services[] = {NULL};
static const struct worker_program program = {.services = no_services, .credentials = S("credentials")};

struct worker *worker_open_test_in(const struct service *service, slice state_dir)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    slice why = S("");
    assert(worker);
    worker->conf = (struct conf){
        .port = 4566,
        .listen = S("127.0.0.1"),
        .state_dir = state_dir,
        .run_dir = S(NOWHERE),
        .profile = S("aws"),
        .ecr_uri = S("host"),
        .log_level = S("info"),
    };
    worker->program = &program;
    worker->test_now_ms = 1700000000000;
    int result = worker_set_up(worker, service, ":memory:", &why);
    if (result != 0)
        abort();
    timers_run(worker);
    return worker;
}

struct worker *worker_open_test(const struct service *service)
{
    return worker_open_test_in(service, S(NOWHERE));
}

void worker_close(struct worker *worker)
{
    worker_tear_down(worker);
    free(worker);
}

void worker_test_enforce(struct worker *worker)
{
    worker->conf.iam = S("enforce");
}

void worker_test_keep_credentials(struct worker *worker)
{
    worker->generation = generation_open_private();
}

void worker_test_change_credentials(struct worker *worker)
{
    generation_advance(worker->generation);
}

void worker_test_set_lenient(struct worker *worker, slice words)
{
    worker->conf.lenient = words;
}

void worker_test_set_state_dir(struct worker *worker, slice path)
{
    worker->conf.state_dir = path;
}

static void run_due(struct worker *worker)
{
    do {
        if (worker->timer_changed)
            timers_run(worker);
        while (worker->next_due_ms > 0 && worker->next_due_ms <= worker->test_now_ms)
            timers_run(worker);
    } while (worker->timer_changed || later_run_background(worker)); /* a timer that failed runs again */
}

void worker_test_set_time(struct worker *worker, int64_t now_ms)
{
    worker->test_now_ms = now_ms;
    run_due(worker);
}

static struct running call_of(struct worker *worker, const struct msg *request)
{
    arena_reset(worker->batch);
    struct running running = batch_internal_call(worker);
    running.call.request = request;
    running.call.account = request->account;
    running.call.region = request->region;
    running.call.access_key = request->access_key;
    running.call.request_id = request->request_id;
    return running;
}

static void run_request(struct worker *worker, const struct msg *request, struct msg *reply)
{
    struct running running = call_of(worker, request);
    *reply = (struct msg){0};
    bool due = batch_run(worker, &running, reply);
    while (!due) {
        /* What it waits for may be what it has begun in the background. */
        while (!later_is_answered(worker, &running) && later_run_background(worker))
            ;
        if (!later_is_answered(worker, &running))
            break;
        if (faults_cancel()) {
            later_forget(worker, running.later);
            running.later = NULL;
            break;
        }
        due = batch_run(worker, &running, reply);
    }
    if (due && running.later) {
        /* These may be what another process answered. */
        reply->body = slice_dup(worker->batch, reply->body);
        reply->body_file = slice_dup(worker->batch, reply->body_file);
        reply->segments = slice_dup(worker->batch, reply->segments);
        later_forget(worker, running.later);
        running.later = NULL;
    }
    int fault = batch_commit(worker);
    if (fault != 0 && due)
        batch_run_lost(worker, &running, fault, reply);
    if (faults_answered() || reply->status < 500)
        run_due(worker);
}

void worker_test_request(struct worker *worker, const struct msg *request, struct msg *reply)
{
    faults_begin(worker, request);
    do
        run_request(worker, request, reply);
    while (faults_try_again(worker, request, reply));
}

int worker_test_event(struct worker *worker, slice origin, slice name, slice body)
{
    return worker_test_event_reply(worker, origin, name, body, NULL);
}

static void run_event(struct worker *worker, const struct msg *request, struct msg *reply)
{
    struct running running = call_of(worker, request);
    *reply = (struct msg){0};
    if (slice_eq(request->operation, S("Reset")))
        events_reset(worker, reply);
    else
        events_run(worker, &running, reply);
    if (batch_commit(worker) != 0)
        reply->status = 500;
    if (faults_answered() && reply->status < 500)
        run_due(worker);
}

int worker_test_event_reply(struct worker *worker, slice origin, slice name, slice body, slice *reply_body)
{
    struct msg request = {.kind = MSG_EVENT, .origin = origin, .operation = name, .body = body};
    struct msg reply;
    faults_begin(worker, &request);
    do
        run_event(worker, &request, &reply);
    while (faults_try_again(worker, &request, &reply));
    if (reply_body)
        *reply_body = reply.body;
    return reply.status;
}

void worker_test_set_answers(struct worker *worker, worker_test_answer_fn *answers)
{
    worker->test_answers = answers;
}

bool worker_test_take_effect(struct worker *worker, struct worker_effect *effect, slice reply_body)
{
    return worker_test_refuse_effect(worker, effect, 200, reply_body);
}

bool worker_test_refuse_effect(struct worker *worker, struct worker_effect *effect, int status, slice reply_body)
{
    int64_t id = 0;
    arena_reset(worker->batch);
    db_call_begin(worker->db, worker->batch);
    struct db_rows rows = db_query(worker->db, worker_sql(worker, WORKER_SQL_OUTBOX_NEXT), "i", (int64_t)0);
    if (db_next(&rows)) {
        id = db_int(&rows, 0);
        *effect = (struct worker_effect){db_text(&rows, 1), db_text(&rows, 2), db_text(&rows, 3)};
    }
    db_done(&rows);
    db_call_end(worker->db, true);
    if (id == 0)
        return false;
    outbox_acknowledge(worker, id, status, reply_body);
    run_due(worker);
    return true;
}
