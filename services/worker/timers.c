/* timers: one timer per worker, armed to the earliest thing due, and one for idle moments. */
#include "services/worker/impl.h"

#include "common/log.h"
#include "common/loop_watch.h"

static const double idle_seconds = 0.25;
static const double first_retry_seconds = 0.2, longest_retry_seconds = 10;

static double seconds_until(const struct worker *worker, int64_t ms)
{
    int64_t left = ms - worker_now_ms(worker);
    return left > 0 ? (double)left / 1000 : 0;
}

static void arm(struct worker *worker, double seconds)
{
    if (!worker->loop)
        return;
    ev_timer_stop(worker->loop, &worker->due);
    ev_timer_set(&worker->due, seconds, 0);
    ev_timer_start(worker->loop, &worker->due);
}

void timers_run(struct worker *worker)
{
    int64_t next_due_ms = 0;
    worker->timer_changed = false;
    worker->next_due_ms = 0;
    if (!worker->service->timer)
        return;
    struct running running = batch_internal_call(worker);
    worker->credentials_changed |= worker->service->keeps_credentials;
    batch_begin_call(worker, worker->batch);
    int result = worker->service->timer(&running.call, &next_due_ms);
    result = batch_end_call(worker, result);
    bool done = batch_commit(worker) == 0 && result == 0;
    if (worker->loop)
        arena_reset(worker->batch);
    loop_watch_did(S("the timer"));
    if (!done) {
        log_error("the timer failed (%d): %s", result, db_error(worker->db));
        worker->timer_changed = worker->timer_changed || !worker->loop;
        arm(worker, impl_back_off(&worker->retry_seconds, first_retry_seconds, longest_retry_seconds));
        return;
    }
    worker->retry_seconds = 0;
    if (next_due_ms > 0) {
        worker->next_due_ms = next_due_ms;
        arm(worker, seconds_until(worker, next_due_ms));
    }
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    timers_run(timer->data);
}

static void on_idle(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *worker = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    db_rest(worker->db);
    loop_watch_did(S("an idle checkpoint"));
}

static void on_restart(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *worker = timer->data;
    (void)loop;
    (void)events;
    db_restart_log(worker->db);
    loop_watch_did(S("the restart of the database's log"));
}

void timers_start(struct worker *worker)
{
    ev_init(&worker->due, on_due);
    ev_init(&worker->idle, on_idle);
    ev_timer_init(&worker->restart, on_restart, 0, 0);
    worker->due.data = worker->idle.data = worker->restart.data = worker;
    worker->idle.repeat = idle_seconds;
    timers_run(worker);
}

void timers_stop(struct worker *worker)
{
    if (!worker->loop)
        return;
    ev_timer_stop(worker->loop, &worker->due);
    ev_timer_stop(worker->loop, &worker->idle);
    ev_timer_stop(worker->loop, &worker->restart);
}

void timers_note_work(struct worker *worker)
{
    if (!worker->loop)
        return;
    ev_timer_again(worker->loop, &worker->idle);
    /* In the loop's next turn: the answers leave at the end of this one. */
    if (db_tend(worker->db))
        ev_timer_start(worker->loop, &worker->restart);
}
