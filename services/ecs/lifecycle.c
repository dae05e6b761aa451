/* lifecycle: what happens to a task: which containers start when, what stops it, and the statuses it goes through. It
 * only looks at the task's rows and puts commands for the runner into the outbox, so it can be run after any event, in
 * any order, any number of times. */
#include "services/ecs/ecs.h"
#include "services/ecs/leniency.h"

#include "common/json.h"

enum { DEFAULT_STOP_TIMEOUT_S = 30, LINGER_MS = 600 };

enum dependency { MET, OPEN, IMPOSSIBLE };

static struct container *find_container(const struct task *task, slice name)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        if (slice_eq(task->containers[i].doc->name, name))
            return &task->containers[i];
    }
    return NULL;
}

static enum dependency judge(const struct ecs_container_dependency *dependency, const struct container *other)
{
    bool ended = other->phase == PHASE_STOPPED;
    if (slice_eq(dependency->condition, S("START")))
        return other->ran ? MET : ended ? IMPOSSIBLE : OPEN;
    if (!ended)
        return OPEN;
    if (slice_eq(dependency->condition, S("COMPLETE")))
        return other->ran ? MET : IMPOSSIBLE;
    if (slice_eq(dependency->condition, S("SUCCESS")))
        return other->ran && opt_int_or(other->doc->exit_code, -1) == 0 ? MET : IMPOSSIBLE;
    return IMPOSSIBLE;
}

/* When the other container's startTimeout is over: until then it must have ended as required. 0: it may take any time.
 */
static int64_t patience_ends_ms(const struct ecs_container_dependency *dependency, const struct container *other)
{
    if (slice_eq(dependency->condition, S("START")) || !other->definition->start_timeout.set || other->sent_ms == 0)
        return 0;
    return other->sent_ms + other->definition->start_timeout.v * 1000;
}

static enum dependency dependencies(struct call *c, const struct task *task, const struct container *container)
{
    enum dependency worst = MET;
    list_foreach (dependency, &container->definition->depends_on) {
        const struct container *other = find_container(task, dependency->container_name);
        enum dependency one = other ? judge(dependency, other) : IMPOSSIBLE;
        int64_t until_ms = one == OPEN ? patience_ends_ms(dependency, other) : 0;
        if (until_ms > 0 && until_ms <= c->now_ms)
            one = IMPOSSIBLE;
        worst = one > worst ? one : worst;
    }
    return worst;
}

static void set_status(struct task *task, slice status)
{
    task->doc.last_status = status;
    task->changed = true;
}

void lifecycle_stop(struct call *c, struct task *task, slice code, slice reason)
{
    if (slice_eq(task->doc.desired_status, S("STOPPED")))
        return;
    task->doc.desired_status = S("STOPPED");
    task->doc.stop_code = code;
    task->doc.stopped_reason = reason;
    task->doc.stopping_at = opt_int(c->now_ms);
    set_status(task, slice_eq(task->doc.last_status, S("RUNNING")) ? S("DEACTIVATING") : S("STOPPING"));
}

static void start_container(struct call *c, const struct task *task, struct container *container)
{
    container->phase = PHASE_SENT;
    container->sent_ms = c->now_ms;
    container->changed = true;
    call_effect(c, S("runner"), S("StartContainer"), plan_start(c, task, container));
}

/* Starts what can be started; a dependency that can never be met ends the task. */
static void start_ready(struct call *c, struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        struct container *container = &task->containers[i];
        if (container->phase != PHASE_WAITING)
            continue;
        enum dependency state = dependencies(c, task, container);
        if (state == IMPOSSIBLE) {
            lifecycle_stop(
                c, task, S("TaskFailedToStart"),
                arena_printf(c->arena,
                             "Container %.*s could not start: a container it depends on did not end as required",
                             SLICE_ARG(container->doc->name)));
            return;
        }
        if (state == MET)
            start_container(c, task, container);
    }
}

/* A container that could not start, an essential one that ended, or the end of all of them ends the task. */
static void judge_ends(struct call *c, struct task *task)
{
    size_t ended = 0;
    for (size_t i = 0; i < task->n_containers; i++) {
        const struct container *container = &task->containers[i];
        if (container->phase != PHASE_STOPPED)
            continue;
        ended++;
        if (!container->ran) {
            slice reason = container->doc->reason.ptr ? container->doc->reason : S("Task failed to start");
            lifecycle_stop(c, task, S("TaskFailedToStart"), reason);
        } else if (opt_bool_or(container->definition->essential, true))
            lifecycle_stop(c, task, S("EssentialContainerExited"), S("Essential container in task exited"));
    }
    if (ended == task->n_containers)
        lifecycle_stop(c, task, S("EssentialContainerExited"), S("Essential container in task exited"));
}

/* As on AWS a task is PENDING while a container still waits for another one to end. */
static bool all_have_run(const struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        if (!task->containers[i].ran)
            return false;
    }
    return true;
}

static void note_running(struct call *c, struct task *task)
{
    if (slice_eq(task->doc.last_status, S("RUNNING")) || !all_have_run(task))
        return;
    task->doc.started_at = opt_int(c->now_ms);
    set_status(task, S("RUNNING"));
}

/* Stop order is the reverse of start order: whoever depends on a container ends before it. */
static bool is_needed(const struct task *task, const struct container *container)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        const struct container *other = &task->containers[i];
        if (other->phase == PHASE_STOPPED)
            continue;
        list_foreach (dependency, &other->definition->depends_on) {
            if (slice_eq(dependency->container_name, container->doc->name))
                return true;
        }
    }
    return false;
}

static void send_stop(struct call *c, const struct task *task, struct container *container)
{
    struct val body = val_object();
    int64_t timeout = opt_int_or(container->definition->stop_timeout, DEFAULT_STOP_TIMEOUT_S);
    val_set(c->arena, &body, S("task"), val_string(task->task_id));
    val_set(c->arena, &body, S("container"), val_string(container->id));
    val_set(c->arena, &body, S("signal"), val_string(S("SIGTERM")));
    val_set(c->arena, &body, S("killAfterMs"), val_int(timeout * 1000));
    call_effect(c, S("runner"), S("StopContainer"), json_text(c->arena, &body));
    container->stop_sent = true;
    container->changed = true;
}

/* True when every container has ended. */
static bool stop_containers(struct call *c, struct task *task)
{
    bool ended = true;
    for (size_t i = 0; i < task->n_containers; i++) {
        struct container *container = &task->containers[i];
        if (container->phase != PHASE_WAITING)
            continue;
        container->phase = PHASE_STOPPED;
        container->drained = true;
        container->changed = true;
        container->doc->last_status = S("STOPPED");
        task->changed = true;
    }
    for (size_t i = 0; i < task->n_containers; i++) {
        struct container *container = &task->containers[i];
        if (container->phase == PHASE_STOPPED)
            continue;
        ended = false;
        if (!container->stop_sent && !is_needed(task, container))
            send_stop(c, task, container);
    }
    return ended;
}

static bool all_drained(const struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        if (!task->containers[i].drained)
            return false;
    }
    return true;
}

/* What the task had is given back. */
static void release(struct call *c, struct task *task)
{
    struct val body = val_object();
    val_set(c->arena, &body, S("task"), val_string(task->task_id));
    call_effect(c, S("runner"), S("RemoveTask"), json_text(c->arena, &body));
    provision_end(c, task);
    task->released = true;
}

static void show_stopped(struct call *c, struct task *task)
{
    list_foreach (attachment, &task->doc.attachments)
        attachment->status = S("DELETED");
    task->doc.stopped_at = opt_int(c->now_ms);
    set_status(task, S("STOPPED"));
    call_timer_changed(c);
}

static void wind_down(struct call *c, struct task *task)
{
    if (task->released)
        return;
    if (slice_eq(task->doc.last_status, S("DEACTIVATING")))
        set_status(task, S("STOPPING"));
    if (!stop_containers(c, task))
        return;
    if (!task->doc.execution_stopped_at.set) {
        task->doc.execution_stopped_at = opt_int(c->now_ms);
        set_status(task, S("DEPROVISIONING"));
    }
    if (!all_drained(task))
        return;
    release(c, task);
    if (!slice_eq(task->doc.last_status, S("STOPPED")))
        show_stopped(c, task);
}

void lifecycle_stop_at_once(struct call *c, struct task *task)
{
    list_foreach (container, &task->doc.containers) {
        container->last_status = S("STOPPED");
        if (!container->exit_code.set)
            container->exit_code = opt_int(0);
    }
    if (!task->doc.execution_stopped_at.set)
        task->doc.execution_stopped_at = opt_int(c->now_ms);
    show_stopped(c, task);
}

static void note_provisioned(struct task *task)
{
    if (!slice_eq(task->doc.last_status, S("PROVISIONING")) || !provision_is_done(task))
        return;
    list_foreach (attachment, &task->doc.attachments)
        attachment->status = S("ATTACHED");
    set_status(task, S("PENDING"));
}

/* Until when a task that has ended is still shown RUNNING, for clients that look now and then; 0: it is not. */
static int64_t lingers_until_ms(struct call *c, const struct task *task)
{
    if (!slice_eq(task->doc.last_status, S("RUNNING")) || !leniency_on(c, ECS_LENIENCY_RUNNING_LINGERS))
        return 0;
    int64_t until_ms = opt_int_or(task->doc.started_at, 0) + LINGER_MS;
    return until_ms > c->now_ms ? until_ms : 0;
}

static bool has_ended_container(const struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        if (task->containers[i].phase == PHASE_STOPPED)
            return true;
    }
    return false;
}

/* When the first patience with a container that others wait for ends, or the task has lingered enough; or 0. */
static int64_t next_due_ms(struct call *c, const struct task *task)
{
    int64_t due_ms = has_ended_container(task) ? lingers_until_ms(c, task) : 0;
    for (size_t i = 0; i < task->n_containers; i++) {
        if (task->containers[i].phase != PHASE_WAITING)
            continue;
        list_foreach (dependency, &task->containers[i].definition->depends_on) {
            const struct container *other = find_container(task, dependency->container_name);
            int64_t until_ms = other && judge(dependency, other) == OPEN ? patience_ends_ms(dependency, other) : 0;
            if (until_ms > 0 && (due_ms == 0 || until_ms < due_ms))
                due_ms = until_ms;
        }
    }
    return due_ms;
}

static void save(struct call *c, struct task *task)
{
    int64_t due_ms = next_due_ms(c, task);
    task_save(c, task);
    if (due_ms == task->due_ms)
        return;
    task->due_ms = due_ms;
    db_run(c->db, ECS_SQL_TASK_SET_DUE, "ii", due_ms, task->id);
    call_timer_changed(c);
}

void lifecycle_advance(struct call *c, struct task *task)
{
    if (!slice_eq(task->doc.desired_status, S("STOPPED"))) {
        note_provisioned(task);
        note_running(c, task);
        if (lingers_until_ms(c, task) == 0)
            judge_ends(c, task);
        if (!slice_eq(task->doc.desired_status, S("STOPPED")) && provision_is_done(task))
            start_ready(c, task);
    }
    if (slice_eq(task->doc.desired_status, S("STOPPED")))
        wind_down(c, task);
    save(c, task);
}
