/* journal: the platform's lines in a function's log, as text or as JSON, measured, and the same as telemetry. */
#include "runner/functions/functions.h"

#include "common/time.h"
#include "runner/functions/telemetry.h"

#include <string.h>

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

static void json_line(struct environment *environment, slice type, slice record)
{
    struct arena *arena = arena_open();
    slice time = time_iso8601(arena, time_now_ms(), true);
    journal_line(environment, arena_printf(arena, "{\"time\":\"%.*s\",\"type\":\"%.*s\",\"record\":%.*s}",
                                           SLICE_ARG(time), SLICE_ARG(type), SLICE_ARG(record)));
    arena_close(arena);
}

/* Records */

static struct json_writer *record_begin(struct arena *arena)
{
    struct json_writer *w = json_writer_open(arena);
    json_object_begin(w);
    return w;
}

static slice record_end(struct json_writer *w)
{
    json_object_end(w);
    return json_writer_close(w);
}

static void member(struct json_writer *w, const char *name, slice text)
{
    if (!text.ptr)
        return;
    json_key(w, slice_of(name));
    json_string(w, text);
}

static double rounded(int64_t us)
{
    return (double)us / 1000;
}

static void member_number(struct json_writer *w, const char *name, double value)
{
    json_key(w, slice_of(name));
    json_double(w, value);
}

static void member_integer(struct json_writer *w, const char *name, int64_t value)
{
    json_key(w, slice_of(name));
    json_int(w, value);
}

/* The parent in "Root=…;Parent=…;Sampled=…" is the invocation's own span. */
static void member_tracing(struct json_writer *w, slice trace)
{
    static const slice parent = S("Parent=");
    ssize_t at = slice_find(trace, parent);
    slice span = at < 0 ? S("") : slice_sub(trace, (size_t)at + parent.len, trace.len);
    json_key(w, S("tracing"));
    json_object_begin(w);
    member(w, "spanId", slice_sub(span, 0, slice_index(span, ';')));
    member(w, "type", S("X-Amzn-Trace-Id"));
    member(w, "value", trace);
    json_object_end(w);
}

/* The start */

void journal_init_start(struct environment *environment)
{
    if (environment->init_logged || environment->blueprint->empty)
        return;
    environment->init_logged = true;
    struct arena *arena = arena_open();
    slice version = doc_text(environment, "runtimeVersion"), arn = doc_text(environment, "runtimeVersionArn");
    struct json_writer *w = record_begin(arena);
    member(w, "initializationType", S("on-demand"));
    member(w, "phase", S("init"));
    member(w, "runtimeVersion", version);
    member(w, "runtimeVersionArn", arn);
    member(w, "functionName", doc_text(environment, "name"));
    member(w, "functionVersion", doc_text(environment, "version"));
    slice record = record_end(w);
    telemetry_platform(environment, S("platform.initStart"), record);
    if (environment->blueprint->json)
        json_line(environment, S("platform.initStart"), record);
    else if (version.len > 0)
        journal_line(environment, arena_printf(arena, "INIT_START Runtime Version: %.*s\tRuntime Version ARN: %.*s",
                                               SLICE_ARG(version), SLICE_ARG(arn)));
    arena_close(arena);
}

void journal_init_runtime_done(struct environment *environment, slice error_type)
{
    if (environment->runtime_done || !telemetry_wanted(environment))
        return;
    environment->runtime_done = true;
    struct arena *arena = arena_open();
    struct json_writer *w = record_begin(arena);
    member(w, "initializationType", S("on-demand"));
    member(w, "phase", S("init"));
    member(w, "status", error_type.ptr ? S("error") : S("success"));
    member(w, "errorType", error_type);
    telemetry_platform(environment, S("platform.initRuntimeDone"), record_end(w));
    arena_close(arena);
}

void journal_init_report(struct environment *environment, const char *phase, const char *status, slice error_type)
{
    static const slice type = S("platform.initReport");
    struct arena *arena = arena_open();
    int64_t us = environment->state == ENVIRONMENT_INIT ? time_mono_us() - environment->init_us : environment->init_us;
    slice error = error_type.len > 0 ? arena_printf(arena, "\tError Type: %.*s", SLICE_ARG(error_type)) : S("");
    bool success = strcmp(status, "success") == 0;
    struct json_writer *w = record_begin(arena);
    member(w, "initializationType", S("on-demand"));
    member(w, "phase", slice_of(phase));
    member(w, "status", slice_of(status));
    member(w, "errorType", error_type);
    json_key(w, S("metrics"));
    json_object_begin(w);
    member_number(w, "durationMs", rounded(us));
    json_object_end(w);
    slice record = record_end(w);
    journal_init_start(environment);
    telemetry_platform(environment, type, record);
    if (!success && environment->blueprint->json)
        json_line(environment, type, record);
    else if (!success)
        journal_line(environment, arena_printf(arena, "INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s%.*s",
                                               rounded(us), phase, status, SLICE_ARG(error)));
    arena_close(arena);
}

/* Extensions */

/* A list of words as text and as JSON. */
struct words {
    struct buf text, json;
};

static void add_word(struct words *words, const char *shown, const char *value)
{
    const char *comma = words->text.len > 0 ? ", " : "";
    buf_printf(&words->text, "%s%s", comma, shown);
    buf_printf(&words->json, "%s\"%s\"", *comma ? "," : "", value);
}

/* What is said of an extension: "KIND\tName: N\tState: S\tLIST: [a, b]", and {"name", "state", "list": [...]}. */
struct announcement {
    const char *kind;
    slice type, name;
    const char *state, *list, *member;
};

static void announce(struct environment *environment, const struct announcement *what, const struct words *words)
{
    struct arena *arena = arena_open();
    struct val name = val_string(what->name);
    slice list = buf_slice(&words->json), quoted = json_text(arena, &name);
    slice record = arena_printf(arena, "{\"name\":%.*s,\"state\":\"%s\",\"%s\":[%.*s]}", SLICE_ARG(quoted), what->state,
                                what->member, SLICE_ARG(list));
    telemetry_platform(environment, what->type, record);
    if (environment->blueprint->json)
        json_line(environment, what->type, record);
    else
        journal_line(environment,
                     arena_printf(arena, "%s\tName: %.*s\tState: %s\t%s: [%.*s]", what->kind, SLICE_ARG(what->name),
                                  what->state, what->list, SLICE_ARG(buf_slice(&words->text))));
    arena_close(arena);
}

void journal_extensions(struct environment *environment)
{
    if (environment->extensions_logged)
        return;
    environment->extensions_logged = true;
    for (size_t i = 0; i < environment->n_extensions; i++) {
        const struct extension *one = &environment->extensions[i];
        struct arena *arena = arena_open();
        struct announcement what = {"EXTENSION", S("platform.extension"), one->name, "Registered", "Events", "events"};
        struct words words;
        what.state = one->waits ? "Ready" : "Registered";
        buf_init(&words.text, arena);
        buf_init(&words.json, arena);
        if (one->wants_invoke)
            add_word(&words, "INVOKE", "INVOKE");
        if (one->wants_shutdown)
            add_word(&words, "SHUTDOWN", "SHUTDOWN");
        announce(environment, &what, &words);
        arena_close(arena);
    }
}

void journal_subscription(struct environment *environment, slice extension, unsigned kinds, bool logs)
{
    static const struct announcement telemetry = {.kind = "TELEMETRY",
                                                  .type = S("platform.telemetrySubscription"),
                                                  .state = "Subscribed",
                                                  .list = "Types",
                                                  .member = "types"};
    static const struct {
        enum telemetry_kind kind;
        const char *shown, *value;
    } names[] = {{TELEMETRY_PLATFORM, "Platform", "platform"},
                 {TELEMETRY_FUNCTION, "Function", "function"},
                 {TELEMETRY_EXTENSION, "Extension", "extension"}};
    struct arena *arena = arena_open();
    struct announcement what = telemetry;
    struct words words;
    what.name = extension;
    if (logs) {
        what.kind = "LOGS";
        what.type = S("platform.logsSubscription");
    }
    buf_init(&words.text, arena);
    buf_init(&words.json, arena);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (kinds & names[i].kind)
            add_word(&words, names[i].shown, names[i].value);
    }
    announce(environment, &what, &words);
    arena_close(arena);
}

/* Invocations */

static slice start_record(struct arena *arena, const struct invocation *invocation, slice version, bool tracing)
{
    struct json_writer *w = record_begin(arena);
    member(w, "requestId", invocation->id);
    member(w, "version", version);
    if (tracing)
        member_tracing(w, invocation->trace);
    return record_end(w);
}

void journal_start(struct environment *environment, const struct invocation *invocation)
{
    static const slice type = S("platform.start");
    struct arena *arena = arena_open();
    slice version = doc_text(environment, "version");
    journal_init_start(environment);
    journal_extensions(environment);
    if (telemetry_wanted(environment))
        telemetry_platform(environment, type, start_record(arena, invocation, version, true));
    if (environment->blueprint->json)
        json_line(environment, type, start_record(arena, invocation, version, false));
    else
        journal_line(environment, arena_printf(arena, "START RequestId: %.*s Version: %.*s", SLICE_ARG(invocation->id),
                                               SLICE_ARG(version)));
    arena_close(arena);
}

struct figures {
    int64_t us, init_us;
    int64_t billed_ms, memory_mib, used_mib;
    bool cold;
};

static struct figures measure(struct environment *environment, const struct invocation *invocation)
{
    const struct container *container = environment->container;
    int64_t us = invocation->delivered ? time_mono_us() - invocation->delivered_us : 0;
    int64_t peak = container && container->pid > 0 ? usage_peak_bytes(container->pid) : 0;
    struct figures f = {.us = us, .init_us = environment->init_us, .cold = environment->was_cold};
    f.memory_mib = val_get_int(&environment->blueprint->doc, S("memory"), 128);
    f.used_mib = (peak + MIB - 1) / MIB;
    if (f.used_mib < 1)
        f.used_mib = 1;
    if (f.used_mib > f.memory_mib)
        f.used_mib = f.memory_mib;
    f.billed_ms = (us + (f.cold ? environment->init_us : 0) + 999) / 1000;
    return f;
}

/* What the platform calls an end without a status of its own. */
static slice status_of(const struct journal_outcome *outcome)
{
    return outcome->status ? slice_of(outcome->status) : outcome->error_type.len > 0 ? S("error") : S("success");
}

static void tell_done(struct environment *environment, const struct invocation *invocation, const struct figures *f,
                      const struct journal_outcome *outcome)
{
    struct arena *arena = arena_open();
    struct json_writer *w = record_begin(arena);
    member(w, "requestId", invocation->id);
    member(w, "status", status_of(outcome));
    if (outcome->error_type.len > 0)
        member(w, "errorType", outcome->error_type);
    json_key(w, S("metrics"));
    json_object_begin(w);
    member_number(w, "durationMs", rounded(f->us));
    member_integer(w, "producedBytes", (int64_t)outcome->produced_bytes);
    json_object_end(w);
    member_tracing(w, invocation->trace);
    telemetry_platform(environment, S("platform.runtimeDone"), record_end(w));
    w = record_begin(arena);
    member(w, "requestId", invocation->id);
    telemetry_platform(environment, S("platform.end"), record_end(w));
    arena_close(arena);
}

static slice report_record(struct arena *arena, const struct invocation *invocation, const struct figures *f,
                           const struct journal_outcome *outcome, bool tracing)
{
    struct json_writer *w = record_begin(arena);
    member(w, "requestId", invocation->id);
    json_key(w, S("metrics"));
    json_object_begin(w);
    member_number(w, "durationMs", rounded(f->us));
    member_integer(w, "billedDurationMs", f->billed_ms);
    member_integer(w, "memorySizeMB", f->memory_mib);
    member_integer(w, "maxMemoryUsedMB", f->used_mib);
    if (f->cold)
        member_number(w, "initDurationMs", rounded(f->init_us));
    json_object_end(w);
    member(w, "status", status_of(outcome));
    if (outcome->error_type.len > 0)
        member(w, "errorType", outcome->error_type);
    if (tracing)
        member_tracing(w, invocation->trace);
    return record_end(w);
}

static void report_text(struct environment *environment, const struct invocation *invocation, const struct figures *f,
                        const struct journal_outcome *outcome)
{
    const char *status = outcome->status;
    struct arena *arena = arena_open();
    struct buf line;
    buf_init(&line, arena);
    journal_line(environment, arena_printf(arena, "END RequestId: %.*s", SLICE_ARG(invocation->id)));
    buf_printf(&line,
               "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld MB\tMax Memory "
               "Used: %lld MB\t",
               SLICE_ARG(invocation->id), rounded(f->us), (long long)f->billed_ms, (long long)f->memory_mib,
               (long long)f->used_mib);
    if (f->cold)
        buf_printf(&line, "Init Duration: %.2f ms\t", rounded(f->init_us));
    if (status)
        buf_printf(&line, "Status: %s", status);
    if (status && outcome->error_type.len > 0 && strcmp(status, "timeout") != 0)
        buf_printf(&line, "\tError Type: %.*s", SLICE_ARG(outcome->error_type));
    journal_line(environment, buf_slice(&line));
    arena_close(arena);
}

void journal_end(struct environment *environment, const struct invocation *invocation,
                 const struct journal_outcome *outcome)
{
    static const slice type = S("platform.report");
    struct figures f = measure(environment, invocation);
    struct arena *arena = arena_open();
    if (telemetry_wanted(environment)) {
        tell_done(environment, invocation, &f, outcome);
        telemetry_platform(environment, type, report_record(arena, invocation, &f, outcome, true));
    }
    if (environment->blueprint->json)
        json_line(environment, type, report_record(arena, invocation, &f, outcome, false));
    else
        report_text(environment, invocation, &f, outcome);
    environment->was_cold = false;
    arena_close(arena);
}

void journal_fault(struct environment *environment, slice id, slice text, slice type)
{
    struct arena *arena = arena_open();
    slice line = arena_printf(arena, "RequestId: %.*s Error: %.*s", SLICE_ARG(id), SLICE_ARG(text));
    struct val both = val_string(arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(line), SLICE_ARG(type)));
    telemetry_platform(environment, S("platform.fault"), json_text(arena, &both));
    journal_line(environment, line);
    journal_line(environment, type);
    arena_close(arena);
}
