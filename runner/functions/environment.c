/* environment: one execution environment from its start to its end. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/loop_watch.h"
#include "common/time.h"
#include "runner/functions/telemetry.h"
#include "runner/trash.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double init_seconds = 10;
static const double idle_seconds = 300;
static const int64_t shutdown_ms = 2000;

static struct ev_loop *loop_of(const struct environment *environment)
{
    return environment->blueprint->functions->runner->loop;
}

static slice stream_name(struct environment *environment)
{
    time_t now = (time_t)(time_now_ms() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    return arena_printf(environment->arena, "%04d/%02d/%02d/[%.*s]%.*s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        SLICE_ARG(val_get_string(&environment->blueprint->doc, S("version"))),
                        SLICE_ARG(ids_hex(environment->arena, 32)));
}

static void set_timer(struct environment *environment, double seconds,
                      void (*on_time)(struct ev_loop *, ev_timer *, int))
{
    ev_timer_stop(loop_of(environment), &environment->timer);
    ev_timer_init(&environment->timer, on_time, seconds, 0);
    environment->timer.data = environment;
    ev_now_update(loop_of(environment));
    ev_timer_start(loop_of(environment), &environment->timer);
}

static void unlink_environment(struct environment *environment)
{
    struct environment **link = &environment->blueprint->environments;
    while (*link != environment)
        link = &(*link)->next;
    *link = environment->next;
}

static void close_environment(struct environment *environment)
{
    struct blueprint *blueprint = environment->blueprint;
    unlink_environment(environment);
    ev_timer_stop(loop_of(environment), &environment->timer);
    if (environment->server)
        http_close(environment->server);
    telemetry_close(environment);
    buf_deinit(&environment->tail);
    buf_deinit(&environment->printed);
    arena_close(environment->arena);
    pool_environment_lost(blueprint);
}

/* What the pipes hold belongs before the platform's own lines. */
static void flush_output(struct environment *environment)
{
    if (environment->container)
        output_drain(environment->container);
}

static slice tail_of(const struct environment *environment)
{
    slice tail = buf_slice(&environment->tail);
    return tail.len > FUNCTIONS_TAIL_BYTES ? slice_sub(tail, tail.len - FUNCTIONS_TAIL_BYTES, tail.len) : tail;
}

/* The invocation is over. status: of the report, NULL when all went well. */
static void finish(struct environment *environment, const char *status, slice error_type, slice error,
                   slice content_type, slice payload)
{
    struct invocation *invocation = environment->invocation;
    const struct journal_outcome outcome = {status, error_type, payload.len};
    flush_output(environment);
    journal_end(environment, invocation, &outcome);
    environment->last_id = slice_dup(environment->arena, invocation->id);
    environment->answered = true;
    environment->streams = NULL;
    environment->truncated = false;
    pool_finish(invocation, error, content_type, payload, tail_of(environment));
    buf_clear(&environment->tail);
    if (environment->container)
        ship_kick(environment->container);
}

/* The platform's own verdict, as the caller gets it. */
static void fail_invocation(struct environment *environment, const char *status, slice type, slice message)
{
    struct invocation *invocation = environment->invocation;
    struct arena *arena = arena_open();
    struct val body = val_object();
    val_set(arena, &body, S("errorType"), val_string(type));
    val_set(
        arena, &body, S("errorMessage"),
        val_string(arena_printf(arena, "RequestId: %.*s Error: %.*s", SLICE_ARG(invocation->id), SLICE_ARG(message))));
    slice text = json_text(arena, &body);
    if (!invocation->delivered)
        journal_start(environment, invocation);
    if (environment->state == ENVIRONMENT_INIT)
        environment->was_cold = false; /* a start that has not come to its end has no duration */
    finish(environment, status, type, S("Unhandled"), S("application/json"), text);
    arena_close(arena);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct invocation *invocation = timer->data;
    struct environment *environment = invocation->environment;
    struct arena *arena = arena_open();
    slice time = time_iso8601(arena, time_now_ms(), true);
    slice message = arena_printf(arena, "Task timed out after %.2f seconds", (double)invocation->timeout_ms / 1000);
    (void)loop;
    (void)events;
    flush_output(environment);
    journal_line(environment,
                 arena_printf(arena, "%.*s %.*s %.*s", SLICE_ARG(time), SLICE_ARG(invocation->id), SLICE_ARG(message)));
    fail_invocation(environment, "timeout", S("Sandbox.Timedout"), message);
    arena_close(arena);
    environment_end(environment, "timeout");
    loop_watch_did(S("a function's time limit"));
}

static void deliver(struct environment *environment)
{
    struct invocation *invocation = environment->invocation;
    struct ev_loop *loop = loop_of(environment);
    ev_timer_stop(loop, &environment->timer);
    journal_start(environment, invocation);
    invocation->delivered = true;
    invocation->delivered_us = time_mono_us();
    invocation->deadline_ms = time_now_ms() + invocation->timeout_ms;
    ev_timer_init(&invocation->timer, on_timeout, (double)invocation->timeout_ms / 1000, 0);
    invocation->timer.data = invocation;
    ev_now_update(loop);
    ev_timer_start(loop, &invocation->timer);
    environment->answered = false;
    runtime_api_deliver(environment);
}

static void on_idle(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    environment_end(timer->data, "spindown");
    loop_watch_did(S("an idle environment"));
}

static void become_ready(struct environment *environment)
{
    environment->state = ENVIRONMENT_READY;
    environment->init_us = time_mono_us() - environment->init_us;
    flush_output(environment);
    if (!environment->init_reported)
        journal_init_report(environment, "init", "success", (slice){NULL, 0});
    journal_extensions(environment);
    telemetry_begun(environment);
}

void environment_advance(struct environment *environment)
{
    if (environment->state == ENVIRONMENT_INIT && environment->waits)
        journal_init_runtime_done(environment, (slice){NULL, 0});
    if (environment->state == ENVIRONMENT_ENDING || !environment->waits || !extensions_ready(environment))
        return;
    if (environment->state == ENVIRONMENT_INIT)
        become_ready(environment);
    environment->answered = false;
    if (environment->invocation) {
        deliver(environment);
        return;
    }
    set_timer(environment, idle_seconds, on_idle);
    if (environment->container)
        ship_kick(environment->container);
    pool_environment_free(environment);
}

bool environment_is_free(const struct environment *environment)
{
    return environment->state == ENVIRONMENT_READY && !environment->invocation && !environment->blueprint->once;
}

void environment_give(struct environment *environment, struct invocation *invocation)
{
    environment->invocation = invocation;
    invocation->environment = environment;
    environment_advance(environment);
}

static void fail_too_large(struct environment *environment, int limit)
{
    struct arena *arena = arena_open();
    slice text = arena_printf(arena,
                              "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload "
                              "size exceeded maximum allowed payload size (%d bytes).\"}",
                              limit);
    finish(environment, "error", S("Function.ResponseSizeTooLarge"), S("Unhandled"), S("application/json"), text);
    arena_close(arena);
}

void environment_answer(struct environment *environment, slice error_type, slice content_type, slice payload,
                        int64_t payload_bytes)
{
    struct invocation *invocation = environment->invocation;
    if (payload_bytes > LIMIT_LAMBDA_PAYLOAD_BYTES) {
        fail_too_large(environment, LIMIT_LAMBDA_PAYLOAD_BYTES);
        return;
    }
    ev_timer_stop(loop_of(environment), &invocation->timer);
    finish(environment, NULL, error_type, error_type.ptr ? S("Unhandled") : (slice){NULL, 0}, content_type, payload);
    environment_advance(environment); /* it may have asked for the next event already, on another connection */
}

bool environment_stream_begin(struct environment *environment, slice content_type)
{
    return response_begin(environment->invocation, content_type);
}

void environment_stream_add(struct environment *environment, slice bytes)
{
    int result = response_add(environment->invocation, bytes);
    if (result == RESPONSE_TOO_LARGE)
        fail_too_large(environment, LIMIT_LAMBDA_STREAM_BYTES);
    else if (result < 0)
        fail_invocation(environment, "error", S("Sandbox.Failure"), slice_of(strerror(-result)));
}

void environment_truncated(struct environment *environment)
{
    fail_invocation(environment, "error", S("Runtime.TruncatedResponse"), S("The response ended before its end"));
    environment_advance(environment);
}

void environment_init_error(struct environment *environment, slice type, slice payload)
{
    flush_output(environment);
    environment->init_error = slice_dup(environment->arena, payload);
    environment->init_error_type = slice_dup(environment->arena, type.len > 0 ? type : S("Runtime.Unknown"));
    journal_init_runtime_done(environment, environment->init_error_type);
    if (environment->state == ENVIRONMENT_INIT)
        journal_extensions(environment);
    if (!environment->init_reported)
        journal_init_report(environment, "init", "error", environment->init_error_type);
    environment->init_reported = true;
    if (environment->invocation) {
        journal_start(environment, environment->invocation);
        environment->was_cold = false;
        finish(environment, "error", environment->init_error_type, S("Unhandled"), S("application/json"),
               environment->init_error);
    }
    environment_end(environment, "failure");
}

/* How the runtime's process ended, as Go says it. */
static slice exit_text(struct arena *arena, int code)
{
    if (code == 0)
        return S("Runtime exited without providing a reason");
    if (code <= 128)
        return arena_printf(arena, "Runtime exited with error: exit status %d", code);
    char name[64];
    snprintf(name, sizeof(name), "%s", strsignal(code - 128));
    for (char *at = name; *at; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    return arena_printf(arena, "Runtime exited with error: signal: %s", name);
}

static void report_exit(struct environment *environment, bool started, int code)
{
    struct arena *arena = arena_open();
    slice failure = environment->container ? environment->container->failure : (slice){NULL, 0};
    slice type = S("Runtime.ExitError");
    slice text = started ? exit_text(arena, code) : launch_failure(arena, failure, &type);
    slice id = slice_dup(arena, environment->invocation->id);
    if (environment->state == ENVIRONMENT_INIT && !environment->init_reported) {
        journal_init_runtime_done(environment, type);
        journal_init_report(environment, "init", "error", type);
    }
    fail_invocation(environment, "error", type, text);
    journal_fault(environment, id, text, type);
    arena_close(arena);
}

/* A command that knows no Runtime API has done its work, or has failed, by itself. */
static void end_by_itself(struct environment *environment, int code)
{
    struct arena *arena = arena_open();
    slice printed = slice_trim(buf_slice(&environment->printed));
    if (code == 0) {
        environment->was_cold = false;
        journal_start(environment, environment->invocation);
        environment->invocation->delivered = true;
        environment->invocation->delivered_us = environment->init_us;
        finish(environment, NULL, (slice){NULL, 0}, (slice){NULL, 0}, S("application/json"), printed);
    } else {
        journal_line(environment, arena_printf(arena, "[ERROR] %.*s", SLICE_ARG(exit_text(arena, code))));
        report_exit(environment, true, code);
    }
    arena_close(arena);
}

static void on_stopped(struct container *container, bool started, int code)
{
    struct environment *environment = container->hook_context;
    struct invocation *invocation = environment->invocation;
    bool was_ready = environment->state == ENVIRONMENT_READY;
    flush_output(environment);
    bool bare = !started && launch_without_sandbox(environment->blueprint->functions, container->failure);
    if (invocation && !invocation->delivered && (was_ready || bare)) {
        environment->invocation = NULL;
        environment->state = ENVIRONMENT_ENDING;
        pool_dispatch_again(invocation);
    } else if (invocation && container->runner->stopping)
        pool_refuse(invocation, 503, S("ServiceException"), S("The runner is ending.")); /* it is not to blame */
    else if (invocation && started && environment->blueprint->prints && environment->state == ENVIRONMENT_INIT)
        end_by_itself(environment, code);
    else if (invocation)
        report_exit(environment, started, code);
    environment->state = ENVIRONMENT_ENDING;
    ev_timer_stop(loop_of(environment), &environment->timer);
    if (environment->server)
        http_close(environment->server);
    environment->server = NULL;
    environment->waits = environment->streams = NULL;
}

/* Extensions have the standard error for themselves, where there are any (launch.c). */
static void on_line(struct container *container, int which, slice line)
{
    struct environment *environment = container->hook_context;
    struct buf *printed = &environment->printed;
    bool of_extension = which == 1 && environment->n_expected > 0;
    journal_line(environment, line);
    telemetry_line(environment, of_extension ? TELEMETRY_EXTENSION : TELEMETRY_FUNCTION, line);
    if (environment->blueprint->prints && environment->state == ENVIRONMENT_INIT &&
        printed->len + line.len < LIMIT_LAMBDA_PAYLOAD_BYTES) {
        buf_add(printed, line);
        buf_add_char(printed, '\n');
    }
}

static void on_drained(struct container *container)
{
    container_forget(container, false);
}

static void on_forgotten(struct container *container)
{
    struct environment *environment = container->hook_context;
    slice folder = arena_printf(environment->arena, "%.*s/%.*s", SLICE_ARG(container->runner->state_dir),
                                SLICE_ARG(container->task));
    trash_put(container->runner->trash, folder.ptr);
    environment->container = NULL;
    if (environment->invocation)
        pool_refuse(environment->invocation, 503, S("ServiceException"), S("The environment was removed."));
    close_environment(environment);
}

/* Bytes that are no archive, accepted leniently: nothing runs, and the log says so with START, END and REPORT. */
static void on_ready(struct container *container)
{
    struct environment *environment = container->hook_context;
    struct invocation *invocation = environment->invocation;
    environment->state = ENVIRONMENT_ENDING;
    ev_timer_stop(loop_of(environment), &environment->timer);
    environment->was_cold = false;
    journal_start(environment, invocation);
    invocation->delivered = true;
    invocation->delivered_us = time_mono_us();
    finish(environment, NULL, (slice){NULL, 0}, (slice){NULL, 0}, S("application/json"), S("null"));
}

static void on_init_late(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct environment *environment = timer->data;
    (void)loop;
    (void)events;
    struct invocation *invocation = environment->invocation;
    if (environment->init_reported || !invocation) {
        if (invocation) {
            invocation->timer.data = invocation;
            on_timeout(loop, &invocation->timer, 0);
        } else
            environment_end(environment, "timeout");
        return;
    }
    /* Behind its ten seconds the start goes on at the expense of the invocation. */
    journal_init_report(environment, "init", "timeout", S("Sandbox.Timedout"));
    environment->init_reported = true;
    set_timer(environment, (double)invocation->timeout_ms / 1000, on_init_late);
}

/* What comes before, such as an image's layers being unpacked, is no part of the start. */
static void on_started(struct container *container)
{
    struct environment *environment = container->hook_context;
    journal_init_start(environment);
    if (environment->state != ENVIRONMENT_INIT || !val_get(&environment->blueprint->doc, S("ecr")))
        return;
    environment->init_us = time_mono_us();
    set_timer(environment, init_seconds, on_init_late);
}

static const struct container_hooks hooks = {
    .started = on_started, .stopped = on_stopped, .line = on_line, .drained = on_drained, .forgotten = on_forgotten};
static const struct container_hooks empty_hooks = {
    .stopped = on_stopped, .line = on_line, .drained = on_drained, .forgotten = on_forgotten, .ready = on_ready};

static void refuse_start(struct environment *environment, slice why)
{
    struct invocation *invocation = environment->invocation;
    struct arena *arena = environment->arena;
    struct val body = val_object();
    val_set(arena, &body, S("errorType"), val_string(S("Runtime.InvalidEntrypoint")));
    val_set(arena, &body, S("errorMessage"),
            val_string(arena_printf(arena, "RequestId: %.*s Error: %.*s", SLICE_ARG(invocation->id), SLICE_ARG(why))));
    pool_finish(invocation, S("Unhandled"), S("application/json"), json_text(arena, &body), S(""));
    close_environment(environment);
}

void environment_start(struct blueprint *blueprint, struct invocation *first)
{
    struct arena *arena = arena_open();
    struct environment *environment = arena_alloc(arena, sizeof(*environment));
    slice plan, why = S("");
    environment->arena = arena;
    environment->blueprint = blueprint;
    environment->next = blueprint->environments;
    blueprint->environments = environment;
    environment->invocation = first;
    first->environment = environment;
    environment->stream = stream_name(environment);
    environment->init_us = time_mono_us();
    environment->was_cold = true;
    ev_init(&environment->timer, NULL);
    if (!runtime_api_open(environment)) {
        refuse_start(environment, S("The runtime API cannot listen"));
        return;
    }
    if (!launch_plan(environment, &plan, &why) && !blueprint->empty) {
        refuse_start(environment, why);
        return;
    }
    if (!val_get(&blueprint->doc, S("ecr")))
        set_timer(environment, init_seconds, on_init_late);
    if (container_start_owned(blueprint->functions->runner, blueprint->empty ? &empty_hooks : &hooks, environment, plan,
                              &environment->container) != 200)
        refuse_start(environment, S("The runner is being reset"));
}

void environment_end(struct environment *environment, const char *reason)
{
    if (environment->state == ENVIRONMENT_ENDING)
        return;
    bool gently = environment->n_extensions > 0;
    environment->state = ENVIRONMENT_ENDING;
    ev_timer_stop(loop_of(environment), &environment->timer);
    telemetry_flush(environment);
    if (gently)
        extensions_shutdown(environment, reason);
    if (environment->container)
        container_end(environment->container, gently ? SIGTERM : SIGKILL, shutdown_ms);
}
