/* container: the containers the runner has been given: what becomes of each, and the commands of their owners. */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/log.h"
#include "common/map.h"
#include "common/time.h"
#include "runner/exec.h"
#include "runner/stop_signal.h"
#include "runner/trash.h"

#include <signal.h>
#include <stdlib.h>

enum { EXIT_KILLED = 137 };

static struct val base_of(struct container *container)
{
    struct val body = val_object();
    val_set(container->arena, &body, S("boot"), val_string(container->runner->boot));
    val_set(container->arena, &body, S("task"), val_string(container->task));
    val_set(container->arena, &body, S("container"), val_string(container->id));
    return body;
}

static void report(struct container *container, slice name, const struct val *body)
{
    if (container->removed || container->runner->n_resets > 0)
        return; /* its owner has forgotten it */
    reports_send(container->runner->reports, container->owner, name, body);
}

static void report_started(struct container *container)
{
    if (container->hooks) {
        if (container->hooks->started)
            container->hooks->started(container);
        return;
    }
    struct val body = base_of(container);
    val_set(container->arena, &body, S("pid"), val_int(container->pid));
    bool image = container->image_config != NULL;
    val_set(container->arena, &body, S("driver"), val_string(image ? S("image") : S("process")));
    val_set(container->arena, &body, S("pullStartedAt"), val_int(container->pull_started_ms));
    val_set(container->arena, &body, S("pullStoppedAt"),
            val_int(image ? container->image.pulled_ms : container->pull_started_ms));
    if (image)
        val_set(container->arena, &body, S("imageDigest"), val_string(container->image.manifest));
    val_set(container->arena, &body, S("startedAt"), val_int(time_now_ms()));
    report(container, S("ContainerStarted"), &body);
}

static void report_stopped(struct container *container, bool started, int code)
{
    if (container->hooks) {
        container->hooks->stopped(container, started, code);
        return;
    }
    struct val body = base_of(container);
    val_set(container->arena, &body, S("started"), val_bool(started));
    if (started)
        val_set(container->arena, &body, S("exitCode"), val_int(code));
    if (started && code > 128)
        val_set(container->arena, &body, S("signal"), val_int(code - 128));
    if (container->failure.len > 0)
        val_set(container->arena, &body, S("reason"), val_string(container->failure));
    val_set(container->arena, &body, S("stoppedAt"), val_int(time_now_ms()));
    report(container, S("ContainerStopped"), &body);
}

void container_forget(struct container *container, bool keep_output)
{
    map_remove(container->runner->containers, container->id);
    reap_unwatch(container);
    output_close(container);
    if (container->hooks)
        container->hooks->forgotten(container);
    ship_deinit(container, keep_output);
    template_release(container->template);
    cgroup_remove(container);
    buf_deinit(&container->status_text);
    arena_close(container->arena);
}

void container_check_drained(struct container *container)
{
    if (container->drained || container->state != STATE_EXITED || !output_ended(container) || !ship_empty(container))
        return;
    container->drained = true;
    if (container->leftover) {
        container_forget(container, false);
        return;
    }
    if (container->hooks) {
        container->hooks->drained(container);
        return;
    }
    struct val body = base_of(container);
    report(container, S("ContainerDrained"), &body);
}

/* It never ran. */
static void give_up(struct container *container, slice failure)
{
    container->failure = failure;
    container->state = STATE_EXITED;
    report_stopped(container, false, 0);
    ship_kick(container);
}

static void start(struct container *container)
{
    container->state = STATE_STARTING;
    if (spawn_stub(container) != 0)
        give_up(container, container->failure);
}

void container_stream_ready(struct container *container, slice failure)
{
    if (container->state != STATE_STREAM)
        return;
    if (failure.ptr)
        give_up(container, failure);
    else if (container->hooks && container->hooks->ready) {
        container->state = STATE_EXITED;
        container->hooks->ready(container);
    } else
        start(container);
}

void container_command_runs(struct container *container)
{
    slice text = buf_slice(&container->status_text);
    if (container->state != STATE_STARTING)
        return;
    if (text.len > 0) {
        container->failure = arena_printf(container->arena, "CannotStartContainerError: %.*s", SLICE_ARG(text));
        return; /* the stub ends now */
    }
    container->state = STATE_RUNNING;
    report_started(container);
}

static bool none_runs(const struct runner *runner)
{
    size_t position = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value)) {
        if (((struct container *)value)->state != STATE_EXITED)
            return false;
    }
    return true;
}

/* Whoever waits until nothing runs learns it. */
static void check_end(struct runner *runner)
{
    if ((runner->n_resets == 0 && !runner->stopping) || !none_runs(runner))
        return;
    if (runner->n_resets > 0) {
        container_forget_all(runner, false);
        layers_tidy(runner, 0);
    }
    struct msg reply = {.status = 200, .body = S("{}")};
    while (runner->n_resets > 0)
        bus_answer(runner->bus, &runner->resets[--runner->n_resets], &reply);
    if (runner->stopping)
        ev_break(runner->loop, EVBREAK_ALL);
}

void container_exited(struct container *container, int code)
{
    struct runner *runner = container->runner;
    bool started = container->state == STATE_RUNNING;
    container->state = STATE_EXITED;
    if (started && code == EXIT_KILLED && cgroup_was_out_of_memory(container))
        container->failure = S("OutOfMemoryError: Container killed due to memory usage");
    cgroup_remove(container);
    report_stopped(container, started, code);
    if (container->removed)
        container_forget(container, false);
    else {
        output_finish(container);
        ship_kick(container);
    }
    check_end(runner);
}

static int parse(struct arena *arena, slice body, struct val *value)
{
    slice why;
    return json_parse(arena, slice_dup(arena, body), value, &why) == 0 && value->type == VAL_OBJECT ? 0 : 400;
}

/* The container's task must be usable as a folder's name. */
static bool is_id(slice text)
{
    return text.len > 0 && text.len <= 64 && slice_index(text, '/') == text.len && text.ptr[0] != '.' &&
           slice_index(text, '\0') == text.len;
}

static bool has_command(const struct container *container)
{
    const struct val *command = val_get(&container->plan, S("command"));
    return command && command->type == VAL_ARRAY && command->array.len > 0;
}

/* What it runs is known. */
static void prepare_output(struct container *container)
{
    bool runs = !container->hooks || !container->hooks->ready;
    if (runs && !has_command(container))
        give_up(
            container,
            arena_printf(container->arena,
                         "CannotPullContainerError: pull image manifest has been retried 1 time(s): image %.*s is not "
                         "available here and the container names no command",
                         SLICE_ARG(val_get_string(&container->plan, S("image")))));
    else if (container->ship.wanted)
        streams_prepare(container);
    else
        start(container);
}

/* A task's command whose image is nowhere. Functions have said themselves what they run in. */
static void begin_without_image(struct container *container)
{
    const struct fallback *fallback = &container->runner->fallback;
    slice image = val_get_string(&container->plan, S("image"));
    if (!container->hooks && fallback->kind == FALLBACK_STRICT)
        give_up(container, arena_printf(container->arena,
                                        "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                                        "failed to resolve ref %.*s: only images of awssim's own registry can be had",
                                        SLICE_ARG(image)));
    else if (!container->hooks && fallback->kind == FALLBACK_NONE)
        give_up(container, arena_printf(container->arena,
                                        "CannotStartContainerError: image %.*s is not available here, and this machine "
                                        "permits no sandbox for its command (%.*s); awssim's option --images host "
                                        "runs it on the machine's files",
                                        SLICE_ARG(image), SLICE_ARG(fallback->why)));
    else {
        container->mirrors = !container->hooks && fallback->kind == FALLBACK_SANDBOX;
        if (!container->hooks)
            log_info("container %.*s: image %.*s is nowhere; its command runs %s", SLICE_ARG(container->id),
                     SLICE_ARG(image), container->mirrors ? "in a sandbox" : "on the host's files");
        prepare_output(container);
    }
}

void container_image_ready(struct container *container, slice failure, bool nowhere)
{
    if (container->state != STATE_PULLING)
        return;
    container->state = STATE_STREAM;
    if (nowhere && container->runner->fallback.kind != FALLBACK_STRICT && has_command(container))
        begin_without_image(container);
    else if (failure.ptr)
        give_up(container, failure);
    else {
        combine_image(container);
        prepare_output(container);
    }
}

static void begin(struct container *container)
{
    container->pull_started_ms = time_now_ms();
    if (container->image.wanted) {
        container->state = STATE_PULLING;
        image_prepare(container);
    } else {
        container->state = STATE_STREAM;
        begin_without_image(container);
    }
}

static int create(struct runner *runner, slice owner, slice body, struct container **created)
{
    if (runner->n_resets > 0 || runner->stopping)
        return 503;
    struct arena *arena = arena_open();
    struct container *container = arena_alloc(arena, sizeof(*container));
    *created = NULL;
    int status = parse(arena, body, &container->plan);
    container->runner = runner;
    container->arena = arena;
    container->owner = slice_dup(arena, owner);
    container->id = val_get_string(&container->plan, S("container"));
    container->task = val_get_string(&container->plan, S("task"));
    container->pidfd.fd = container->status.fd = container->outputs[0].io.fd = container->outputs[1].io.fd = -1;
    if (status == 0 && (!is_id(container->id) || !is_id(container->task) ||
                        !image_init(container, val_get(&container->plan, S("ecr"))) ||
                        ship_init(container, val_get(&container->plan, S("log"))) != 0))
        status = 400;
    if (status != 0 || map_get(runner->containers, container->id)) { /* the same command again is no new container */
        arena_close(arena);
        return status ? status : 200;
    }
    map_set(runner->containers, container->id, container);
    *created = container;
    return 200;
}

int container_start(struct runner *runner, slice owner, slice body)
{
    struct container *container = NULL;
    int status = create(runner, owner, body, &container);
    if (container)
        begin(container);
    return status;
}

int container_start_owned(struct runner *runner, const struct container_hooks *hooks, void *context, slice body,
                          struct container **container)
{
    int status = create(runner, S("runner"), body, container);
    if (status != 200 || !*container)
        return status == 200 ? 400 : status;
    (*container)->hooks = hooks;
    (*container)->hook_context = context;
    begin(*container);
    return 200;
}

/* True when it had not been started yet; it will not be. */
static bool cancel_preparation(struct container *container)
{
    if (container->state == STATE_PULLING)
        image_cancel(container);
    else if (container->state == STATE_STREAM)
        streams_cancel(container);
    else
        return false;
    return true;
}

/* A command that is repeated does not postpone the end. */
void container_end(struct container *container, int number, int64_t kill_after_ms)
{
    if (container->stop_asked && number != SIGKILL)
        return;
    container->stop_asked = true;
    if (cancel_preparation(container)) {
        give_up(container, (slice){NULL, 0});
        return;
    }
    reap_signal(container, number);
    if (number != SIGKILL)
        reap_kill_after(container, kill_after_ms > 0 ? kill_after_ms : 0);
}

/* The image's own, when the command is the usual one. */
static slice stop_signal(const struct container *container, const struct val *command)
{
    slice asked = val_get_string(command, S("signal")), own = val_get_string(&container->plan, S("stopSignal"));
    return own.len > 0 && slice_eq(asked, S("SIGTERM")) ? own : asked;
}

int container_stop(struct runner *runner, slice body)
{
    struct arena *arena = arena_open();
    struct val command;
    int status = parse(arena, body, &command);
    struct container *container =
        status == 0 ? map_get(runner->containers, val_get_string(&command, S("container"))) : NULL;
    if (container && container->state != STATE_EXITED)
        container_end(container, stop_signal_number(stop_signal(container, &command)),
                      val_get_int(&command, S("killAfterMs"), 30000));
    arena_close(arena);
    return status ? status : 200;
}

/* One container of the task, or one at all, that is not being removed. */
static struct container *find(const struct runner *runner, slice task)
{
    size_t position = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value)) {
        struct container *container = value;
        if (!container->removed && (!task.ptr || slice_eq(container->task, task)))
            return container;
    }
    return NULL;
}

static void remove_folder(const struct runner *runner, slice task)
{
    struct arena *arena = arena_open();
    trash_put(runner->trash, arena_printf(arena, "%.*s/%.*s", SLICE_ARG(runner->state_dir), SLICE_ARG(task)).ptr);
    arena_close(arena);
}

/* Stops it by force; true when there is nothing to wait for. */
static bool end_now(struct container *container)
{
    container->stop_asked = true;
    if (cancel_preparation(container))
        container->state = STATE_EXITED;
    reap_signal(container, SIGKILL);
    return container->state == STATE_EXITED;
}

int container_remove_task(struct runner *runner, slice body)
{
    struct arena *arena = arena_open();
    struct val command;
    int status = parse(arena, body, &command);
    slice task = status == 0 ? val_get_string(&command, S("task")) : S("");
    if (status == 0 && is_id(task)) {
        for (struct container *container = find(runner, task); container; container = find(runner, task)) {
            if (end_now(container))
                container_forget(container, false);
            else
                container->removed = true;
        }
        remove_folder(runner, task);
    }
    arena_close(arena);
    return status ? status : 200;
}

void container_kill_all(struct runner *runner)
{
    size_t position = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value))
        end_now(value);
    check_end(runner);
}

void container_forget_all(struct runner *runner, bool keep_output)
{
    for (struct container *container = find(runner, (slice){NULL, 0}); container;
         container = find(runner, (slice){NULL, 0})) {
        if (!keep_output && container->task.len > 0)
            remove_folder(runner, container->task);
        container_forget(container, keep_output);
    }
}

slice container_find_running(void *context, slice task, slice name, struct exec_target *target)
{
    const struct runner *runner = context;
    const struct container *found = NULL;
    size_t position = 0, n_of_task = 0, n_of_name = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value)) {
        const struct container *container = value;
        if (container->hooks || container->removed || container->leftover || !slice_eq(container->task, task))
            continue;
        bool named = !name.ptr || slice_eq(val_get_string(&container->plan, S("name")), name);
        n_of_task++;
        n_of_name += named;
        found = named ? container : found;
    }
    if (n_of_task == 0)
        return S("there is no such task here, or it has stopped");
    if (n_of_name == 0)
        return S("the task has no container of that name");
    if (n_of_name > 1)
        return S("the task has several containers: name one");
    if (found->state != STATE_RUNNING)
        return found->state == STATE_EXITED ? S("the container has stopped") : S("the container does not run yet");
    *target = (struct exec_target){found->pid, found->launched};
    return (slice){NULL, 0};
}
