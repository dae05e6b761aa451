/* pool: invocations and the environments they go to. What a function may have running at once is decided by the lambda
 * worker and counted here, where the processes are. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/ids.h"
#include "common/map.h"
#include "common/time.h"
#include "runner/trash.h"

#include <dirent.h>
#include <stdlib.h>

enum { OK = 200, BROKEN = 400, UNKNOWN = 412, THROTTLED = 429, ENDED = 503 };

static void answer(struct functions *functions, const struct bus_from *from, int status, slice body)
{
    struct msg reply = {.status = (uint16_t)status, .body = body};
    bus_answer(functions->runner->bus, from, &reply);
}

static void answer_error(struct functions *functions, const struct bus_from *from, int status, slice code,
                         slice message)
{
    struct arena *arena = arena_open();
    struct val body = val_object();
    val_set(arena, &body, S("__type"), val_string(code));
    val_set(arena, &body, S("message"), val_string(message));
    answer(functions, from, status, json_text(arena, &body));
    arena_close(arena);
}

static void forget(struct invocation *invocation)
{
    response_drop(invocation);
    struct functions *functions = invocation->blueprint->functions;
    struct invocation **link = &functions->running;
    while (*link != invocation)
        link = &(*link)->next;
    *link = invocation->next;
    functions->n_running--;
    ev_timer_stop(functions->runner->loop, &invocation->timer);
    if (invocation->environment)
        invocation->environment->invocation = NULL;
    arena_close(invocation->arena);
}

/* A line of JSON, and the payload. */
static void answer_with(struct invocation *invocation, const struct val *head, slice payload)
{
    struct buf body;
    slice line = json_text(invocation->arena, head);
    buf_init(&body, invocation->arena);
    buf_reserve(&body, line.len + payload.len + 1);
    buf_add(&body, line);
    buf_add_char(&body, '\n');
    buf_add(&body, payload);
    answer(invocation->blueprint->functions, &invocation->from, OK, buf_slice(&body));
}

void pool_finish(struct invocation *invocation, slice error, slice content_type, slice payload, slice tail)
{
    struct arena *arena = invocation->arena;
    struct val head = val_object();
    if (response_is_told(invocation)) {
        response_end(invocation, error, payload, tail);
        forget(invocation);
        return;
    }
    if (invocation->response && error.len == 0)
        payload = response_untold(invocation, &content_type);
    if (error.len > 0)
        val_set(arena, &head, S("error"), val_string(error));
    if (content_type.len > 0)
        val_set(arena, &head, S("contentType"), val_string(content_type));
    if (invocation->wants_tail)
        val_set(arena, &head, S("log"), val_string(base64_encode(arena, tail)));
    answer_with(invocation, &head, payload);
    forget(invocation);
}

void pool_answer_stream(struct invocation *invocation, slice file, slice content_type, slice document)
{
    struct val head = val_object();
    val_set(invocation->arena, &head, S("stream"), val_string(file));
    if (content_type.len > 0)
        val_set(invocation->arena, &head, S("contentType"), val_string(content_type));
    answer_with(invocation, &head, document);
}

void pool_refuse(struct invocation *invocation, int status, slice code, slice message)
{
    if (!response_is_told(invocation))
        answer_error(invocation->blueprint->functions, &invocation->from, status, code, message);
    forget(invocation);
}

/* Blueprints */

static void drop_if_unused(struct blueprint *blueprint)
{
    if (!blueprint->retired || blueprint->environments)
        return;
    for (struct invocation *one = blueprint->functions->running; one; one = one->next) {
        if (one->blueprint == blueprint)
            return;
    }
    if (map_get(blueprint->functions->blueprints, blueprint->key) == blueprint)
        map_remove(blueprint->functions->blueprints, blueprint->key);
    arena_close(blueprint->arena);
}

static void retire(struct blueprint *blueprint)
{
    struct environment *next;
    blueprint->retired = true;
    if (map_get(blueprint->functions->blueprints, blueprint->key) == blueprint)
        map_remove(blueprint->functions->blueprints, blueprint->key);
    for (struct environment *one = blueprint->environments; one; one = next) {
        next = one->next;
        if (!one->invocation)
            environment_end(one, "spindown");
    }
    drop_if_unused(blueprint);
}

static struct blueprint *add_blueprint(struct functions *functions, const struct val *head)
{
    struct arena *arena = arena_open();
    struct blueprint *blueprint = arena_alloc(arena, sizeof(*blueprint));
    struct blueprint *former = map_get(functions->blueprints, val_get_string(head, S("key")));
    slice why, text = json_text(arena, val_get(head, S("plan")));
    if (json_parse(arena, text, &blueprint->doc, &why) != 0 || blueprint->doc.type != VAL_OBJECT) {
        arena_close(arena);
        return NULL;
    }
    if (former)
        retire(former);
    blueprint->functions = functions;
    blueprint->arena = arena;
    blueprint->key = slice_dup(arena, val_get_string(head, S("key")));
    blueprint->function = slice_dup(arena, val_get_string(head, S("function")));
    blueprint->json = slice_eq(val_get_string(val_get(&blueprint->doc, S("log")), S("format")), S("JSON"));
    blueprint->empty = val_get_bool(&blueprint->doc, S("empty"), false);
    blueprint->once = val_get_bool(&blueprint->doc, S("once"), false);
    blueprint->prints = val_get_bool(&blueprint->doc, S("printsAnswer"), false);
    blueprint->expires_ms = val_get_int(&blueprint->doc, S("expiresAt"), INT64_MAX);
    map_set(functions->blueprints, blueprint->key, blueprint);
    return blueprint;
}

static struct blueprint *find_blueprint(struct functions *functions, const struct val *head)
{
    if (val_get(head, S("plan")))
        return add_blueprint(functions, head);
    struct blueprint *blueprint = map_get(functions->blueprints, val_get_string(head, S("key")));
    return blueprint && blueprint->expires_ms > time_now_ms() ? blueprint : NULL;
}

/* Invocations */

static void dispatch(struct invocation *invocation)
{
    struct blueprint *blueprint = invocation->blueprint;
    for (struct environment *one = blueprint->environments; one; one = one->next) {
        if (environment_is_free(one)) {
            environment_give(one, invocation);
            return;
        }
    }
    environment_start(blueprint, invocation);
}

static size_t count_running(const struct functions *functions, slice function)
{
    size_t n = 0;
    for (const struct invocation *one = functions->running; one; one = one->next)
        n += slice_eq(one->blueprint->function, function);
    return n;
}

/* The reason for which the function may not run now, or an absent slice. */
static slice throttle(const struct functions *functions, const struct val *head)
{
    int64_t reserved = val_get_int(head, S("reserved"), -1);
    int64_t unreserved = val_get_int(head, S("unreserved"), INT64_MAX);
    size_t running = count_running(functions, val_get_string(head, S("function")));
    if (reserved >= 0 && (int64_t)running >= reserved)
        return S("ReservedFunctionConcurrentInvocationLimitExceeded");
    if (reserved < 0 && (int64_t)functions->n_running >= unreserved)
        return S("ConcurrentInvocationLimitExceeded");
    return (slice){NULL, 0};
}

static slice trace_id(struct arena *arena)
{
    slice epoch = arena_printf(arena, "%08llx", (unsigned long long)(time_now_ms() / 1000));
    return arena_printf(arena, "Root=1-%.*s-%.*s;Parent=%.*s;Sampled=0", SLICE_ARG(epoch),
                        SLICE_ARG(ids_hex(arena, 24)), SLICE_ARG(ids_hex(arena, 16)));
}

static void begin(struct blueprint *blueprint, const struct bus_from *from, const struct val *head, slice payload)
{
    struct functions *functions = blueprint->functions;
    struct arena *arena = arena_open();
    struct invocation *invocation = arena_alloc(arena, sizeof(*invocation));
    invocation->arena = arena;
    invocation->blueprint = blueprint;
    invocation->from = *from;
    invocation->id = slice_dup(arena, val_get_string(head, S("id")));
    invocation->arn = slice_dup(arena, val_get_string(head, S("arn")));
    invocation->client_context = slice_dup(arena, val_get_string(head, S("clientContext")));
    invocation->trace = trace_id(arena);
    invocation->payload = slice_dup(arena, payload);
    invocation->timeout_ms = val_get_int(head, S("timeoutMs"), 3000);
    invocation->streams = slice_dup(arena, val_get_string(head, S("stream")));
    invocation->wants_tail = val_get_bool(head, S("tail"), false);
    ev_init(&invocation->timer, NULL);
    invocation->next = functions->running;
    functions->running = invocation;
    functions->n_running++;
    dispatch(invocation);
}

/* The same invocation, asked for again by a lambda worker that was restarted. */
static bool joins(struct functions *functions, const struct bus_from *from, slice id)
{
    for (struct invocation *one = functions->running; one; one = one->next) {
        if (slice_eq(one->id, id)) {
            one->from = *from;
            return true;
        }
    }
    return false;
}

void pool_invoke(struct functions *functions, const struct bus_from *from, slice body)
{
    struct arena *arena = arena_open();
    struct val head;
    slice line, payload, why;
    slice_cut(body, '\n', &line, &payload);
    if (json_parse(arena, line, &head, &why) != 0 || head.type != VAL_OBJECT || !payload.ptr) {
        answer(functions, from, BROKEN, S("{}"));
    } else if (!joins(functions, from, val_get_string(&head, S("id")))) {
        slice reason = throttle(functions, &head);
        struct blueprint *blueprint = reason.ptr ? NULL : find_blueprint(functions, &head);
        if (reason.ptr)
            answer_error(functions, from, THROTTLED, reason, S("Rate Exceeded."));
        else if (!blueprint)
            answer_error(functions, from, UNKNOWN, S("UnknownPlan"), S(""));
        else
            begin(blueprint, from, &head, payload);
    }
    arena_close(arena);
}

void pool_environment_free(struct environment *environment)
{
    if (environment->blueprint->once || environment->blueprint->retired ||
        environment->blueprint->expires_ms <= time_now_ms())
        environment_end(environment, "spindown");
}

void pool_environment_lost(struct blueprint *blueprint)
{
    drop_if_unused(blueprint);
}

void pool_dispatch_again(struct invocation *invocation)
{
    invocation->environment = NULL;
    if (invocation->blueprint->functions->runner->stopping)
        pool_refuse(invocation, ENDED, S("ServiceException"), S("The runner is ending."));
    else
        dispatch(invocation);
}

/* All versions of a function, or one. */
void pool_retire(struct functions *functions, slice body)
{
    struct arena *arena = arena_open();
    struct val command;
    slice why, key;
    void *value;
    struct slice_list keys = {0};
    size_t position = 0;
    if (json_parse(arena, body, &command, &why) == 0) {
        slice function = val_get_string(&command, S("function")), version = val_get_string(&command, S("version"));
        while (map_next(functions->blueprints, &position, &key, &value)) {
            struct blueprint *one = value;
            if (slice_eq(one->function, function) &&
                (!version.ptr || slice_eq(val_get_string(&one->doc, S("version")), version)))
                *list_add(arena, &keys) = slice_dup(arena, key);
        }
        list_foreach (one, &keys)
            retire(map_get(functions->blueprints, *one));
    }
    arena_close(arena);
}

/* Our runtimes are where the stub is. */
static const char *bootstraps_beside(const struct runner *runner)
{
    slice stub = slice_of(runner->stub);
    while (stub.len > 0 && stub.ptr[stub.len - 1] != '/')
        stub.len--;
    return arena_printf(runner->arena, "%.*sbootstrap", SLICE_ARG(stub)).ptr;
}

/* Folders of environments that have ended with a former runner. */
static void remove_leftovers(struct runner *runner)
{
    struct arena *arena = arena_open();
    DIR *dir = opendir(slice_cstr(arena, runner->state_dir));
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (slice_starts(slice_of(entry->d_name), S(FUNCTIONS_FOLDER)))
            trash_put(runner->trash, arena_printf(arena, "%.*s/%s", SLICE_ARG(runner->state_dir), entry->d_name).ptr);
    }
    if (dir)
        closedir(dir);
    arena_close(arena);
}

struct functions *pool_open(struct runner *runner)
{
    struct functions *functions = calloc(1, sizeof(*functions));
    if (!functions)
        abort();
    functions->runner = runner;
    functions->blueprints = map_open();
    functions->bootstraps = bootstraps_beside(runner);
    remove_leftovers(runner);
    return functions;
}

void pool_close(struct functions *functions)
{
    size_t position = 0;
    slice key;
    void *value;
    while (functions->running)
        forget(functions->running);
    while (map_next(functions->blueprints, &position, &key, &value))
        arena_close(((struct blueprint *)value)->arena);
    map_close(functions->blueprints);
    free(functions);
}
