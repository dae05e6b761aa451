/* journal: the platform's lines in a function's log, as text or as JSON, measured. */
#include "runner/functions/functions.h"

#include "common/time.h"

enum { MIB = 1024 * 1024, KEPT_TAIL_BYTES = 64 * 1024 };

void journal_line(struct environment *environment, slice line)
{
    struct buf *tail = &environment->tail;
    journal_init_start(environment);
    if (environment->container)
        ship_line(environment->container, line);
    if (!environment->invocation || !environment->invocation->wants_tail)
        return;
    buf_add(tail, line);
    buf_add_char(tail, '\n');
    if (tail->len > KEPT_TAIL_BYTES)
        buf_consume(tail, tail->len - FUNCTIONS_TAIL_BYTES);
}

static slice doc_text(const struct environment *environment, const char *name)
{
    slice text = val_get_string(&environment->blueprint->doc, slice_of(name));
    return text.ptr ? text : S("");
}

/* {"time", "type", "record": …}: the record is written by the caller's text. */
static void json_line(struct environment *environment, const char *type, slice record)
{
    struct arena *arena = arena_open();
    slice time = time_iso8601(arena, time_now_ms(), true);
    journal_line(environment, arena_printf(arena, "{\"time\":\"%.*s\",\"type\":\"%s\",\"record\":%.*s}",
                                           SLICE_ARG(time), type, SLICE_ARG(record)));
    arena_close(arena);
}

static double ms_of(int64_t us)
{
    return (double)us / 1000;
}

void journal_init_start(struct environment *environment)
{
    if (environment->init_logged || environment->blueprint->empty)
        return;
    environment->init_logged = true;
    struct arena *arena = arena_open();
    slice version = doc_text(environment, "runtimeVersion"), arn = doc_text(environment, "runtimeVersionArn");
    if (environment->blueprint->json)
        json_line(environment, "platform.initStart",
                  arena_printf(arena,
                               "{\"initializationType\":\"on-demand\",\"phase\":\"init\",\"runtimeVersion\":\"%.*s\","
                               "\"runtimeVersionArn\":\"%.*s\",\"functionName\":\"%.*s\",\"functionVersion\":\"%.*s\"}",
                               SLICE_ARG(version), SLICE_ARG(arn), SLICE_ARG(doc_text(environment, "name")),
                               SLICE_ARG(doc_text(environment, "version"))));
    else if (version.len > 0)
        journal_line(environment, arena_printf(arena, "INIT_START Runtime Version: %.*s\tRuntime Version ARN: %.*s",
                                               SLICE_ARG(version), SLICE_ARG(arn)));
    arena_close(arena);
}

void journal_start(struct environment *environment, const struct invocation *invocation)
{
    struct arena *arena = arena_open();
    slice version = doc_text(environment, "version");
    if (environment->blueprint->json)
        json_line(environment, "platform.start",
                  arena_printf(arena, "{\"requestId\":\"%.*s\",\"version\":\"%.*s\"}", SLICE_ARG(invocation->id),
                               SLICE_ARG(version)));
    else
        journal_line(environment, arena_printf(arena, "START RequestId: %.*s Version: %.*s", SLICE_ARG(invocation->id),
                                               SLICE_ARG(version)));
    arena_close(arena);
}

void journal_init_report(struct environment *environment, const char *phase, const char *status, slice error_type)
{
    struct arena *arena = arena_open();
    double ms = ms_of(time_mono_us() - environment->init_us);
    slice error = error_type.len > 0 ? arena_printf(arena, "\tError Type: %.*s", SLICE_ARG(error_type)) : S("");
    if (environment->blueprint->json)
        json_line(environment, "platform.initReport",
                  arena_printf(arena,
                               "{\"initializationType\":\"on-demand\",\"phase\":\"%s\",\"status\":\"%s\",\"errorType\":"
                               "\"%.*s\",\"metrics\":{\"durationMs\":%.2f}}",
                               phase, status, SLICE_ARG(error_type), ms));
    else
        journal_line(environment, arena_printf(arena, "INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s%.*s",
                                               ms, phase, status, SLICE_ARG(error)));
    arena_close(arena);
}

struct figures {
    double ms, init_ms;
    int64_t billed_ms, memory_mib, used_mib;
    bool cold;
};

static struct figures measure(struct environment *environment, const struct invocation *invocation)
{
    const struct container *container = environment->container;
    int64_t us = invocation->delivered ? time_mono_us() - invocation->delivered_us : 0;
    int64_t peak = container && container->pid > 0 ? usage_peak_bytes(container->pid) : 0;
    struct figures f = {.ms = ms_of(us), .cold = environment->was_cold};
    f.memory_mib = val_get_int(&environment->blueprint->doc, S("memory"), 128);
    f.used_mib = (peak + MIB - 1) / MIB;
    if (f.used_mib < 1)
        f.used_mib = 1;
    if (f.used_mib > f.memory_mib)
        f.used_mib = f.memory_mib;
    f.init_ms = ms_of(environment->init_us);
    f.billed_ms = (us + 999) / 1000;
    if (f.cold)
        f.billed_ms = (us + environment->init_us + 999) / 1000;
    return f;
}

static void report_json(struct environment *environment, const struct invocation *invocation, const struct figures *f,
                        const char *status, slice error_type)
{
    struct arena *arena = arena_open();
    struct buf record;
    buf_init(&record, arena);
    buf_printf(&record,
               "{\"requestId\":\"%.*s\",\"metrics\":{\"durationMs\":%.3f,\"billedDurationMs\":%lld,\"memorySizeMB\":"
               "%lld,\"maxMemoryUsedMB\":%lld",
               SLICE_ARG(invocation->id), f->ms, (long long)f->billed_ms, (long long)f->memory_mib,
               (long long)f->used_mib);
    if (f->cold)
        buf_printf(&record, ",\"initDurationMs\":%.3f", f->init_ms);
    buf_printf(&record, "},\"status\":\"%s\"", status ? status : "success");
    if (error_type.len > 0)
        buf_printf(&record, ",\"errorType\":\"%.*s\"", SLICE_ARG(error_type));
    buf_add_char(&record, '}');
    json_line(environment, "platform.report", buf_slice(&record));
    arena_close(arena);
}

static void report_text(struct environment *environment, const struct invocation *invocation, const struct figures *f,
                        const char *status, slice error_type)
{
    struct arena *arena = arena_open();
    struct buf line;
    buf_init(&line, arena);
    journal_line(environment, arena_printf(arena, "END RequestId: %.*s", SLICE_ARG(invocation->id)));
    buf_printf(&line,
               "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld MB\tMax Memory "
               "Used: %lld MB\t",
               SLICE_ARG(invocation->id), f->ms, (long long)f->billed_ms, (long long)f->memory_mib,
               (long long)f->used_mib);
    if (f->cold)
        buf_printf(&line, "Init Duration: %.2f ms\t", f->init_ms);
    if (status)
        buf_printf(&line, "Status: %s", status);
    if (status && error_type.len > 0 && strcmp(status, "timeout") != 0)
        buf_printf(&line, "\tError Type: %.*s", SLICE_ARG(error_type));
    journal_line(environment, buf_slice(&line));
    arena_close(arena);
}

void journal_end(struct environment *environment, const struct invocation *invocation, const char *status,
                 slice error_type)
{
    struct figures f = measure(environment, invocation);
    if (environment->blueprint->json)
        report_json(environment, invocation, &f, status, error_type);
    else
        report_text(environment, invocation, &f, status, error_type);
    environment->was_cold = false;
}
