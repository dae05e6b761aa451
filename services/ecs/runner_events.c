/* runner_events: what the runner reports (proto/runner.h). Events may come late, twice or for tasks that are gone. */
#include "services/ecs/ecs.h"

#include "common/json.h"

enum { EXIT_KILLED = 137, KEPT_BOOTS = 16, OK_STATUS = 200 };

/* The task and container an event is about; false when they are gone. */
static bool find(struct call *c, const struct val *event, struct task *task, struct container **container)
{
    int64_t row = 0;
    slice id = val_get_string(event, S("container"));
    struct db_rows rows = db_query(c->db, ECS_SQL_CONTAINER_TASK, "t", id);
    if (db_next(&rows))
        row = db_int(&rows, 0);
    db_done(&rows);
    if (!row || !task_find_row(c, row, task))
        return false;
    for (size_t i = 0; i < task->n_containers; i++) {
        *container = &task->containers[i];
        if (slice_eq((*container)->id, id))
            return true;
    }
    return false;
}

static bool is_old(struct call *c, slice boot)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_BOOT_IS_OLD, "t", boot);
    bool old = db_next(&rows);
    db_done(&rows);
    return old;
}

/* The document of a task that was shown STOPPED before its end does not change any more. */
static bool is_shown_stopped(const struct task *task)
{
    return slice_eq(task->doc.last_status, S("STOPPED"));
}

static void show_end(struct task *task, struct container *container, struct opt_int exit_code, slice reason)
{
    if (is_shown_stopped(task))
        return;
    container->doc->last_status = S("STOPPED");
    container->doc->exit_code = exit_code;
    if (reason.len > 0)
        container->doc->reason = reason;
    task->changed = true;
}

/* Its process was killed together with its runner, and nothing more will be heard of it. */
static void bury(struct task *task, struct container *container)
{
    if (container->phase != PHASE_STOPPED) {
        container->phase = PHASE_STOPPED;
        container->ran = true;
        show_end(task, container, opt_int(EXIT_KILLED), S("The runner that held the container's process has ended"));
    }
    container->drained = container->changed = true;
}

static void bury_lost(struct call *c, struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        struct container *container = &task->containers[i];
        if (container->drained || slice_empty(container->boot) || !is_old(c, container->boot))
            continue;
        lifecycle_stop(c, task, S("TerminationNotice"),
                       S("The runner was restarted; the task's processes ended with it"));
        bury(task, container);
    }
}

/* From now on the container lives and dies with that runner process, which may have died already. */
static void note_boot(struct call *c, struct task *task, struct container *container, slice boot)
{
    if (boot.len > 0 && !slice_eq(boot, container->boot)) {
        container->boot = boot;
        container->changed = true;
    }
    bury_lost(c, task);
}

static void note_pull(const struct val *event, struct task *task)
{
    int64_t started = val_get_int(event, S("pullStartedAt"), 0), stopped = val_get_int(event, S("pullStoppedAt"), 0);
    if (started && (!task->doc.pull_started_at.set || started < task->doc.pull_started_at.v))
        task->doc.pull_started_at = opt_int(started);
    if (stopped && (!task->doc.pull_stopped_at.set || stopped > task->doc.pull_stopped_at.v))
        task->doc.pull_stopped_at = opt_int(stopped);
}

static void note_started(struct call *c, struct task *task, struct container *container)
{
    container->phase = PHASE_RUNNING;
    container->ran = container->changed = true;
    if (is_shown_stopped(task))
        return;
    container->doc->last_status = S("RUNNING");
    if (!task->doc.connectivity_at.set) {
        task->doc.connectivity = S("CONNECTED");
        task->doc.connectivity_at = opt_int(c->now_ms);
    }
    task->changed = true;
}

int runner_events_container_started(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, &event, &task, &container) || container->phase >= PHASE_RUNNING)
        return 0;
    note_pull(&event, &task);
    note_started(c, &task, container);
    if (val_get_string(&event, S("imageDigest")).len > 0)
        container->doc->image_digest = val_get_string(&event, S("imageDigest"));
    note_boot(c, &task, container, val_get_string(&event, S("boot")));
    lifecycle_advance(c, &task);
    return 0;
}

static void note_stopped(struct call *c, struct task *task, struct container *container, const struct val *event)
{
    slice reason = val_get_string(event, S("reason"));
    bool ran = val_get_bool(event, S("started"), false);
    if (ran && !container->ran)
        note_started(c, task, container);
    container->phase = PHASE_STOPPED;
    container->ran = ran;
    container->changed = true;
    show_end(task, container, ran ? opt_int(val_get_int(event, S("exitCode"), 0)) : container->doc->exit_code, reason);
}

int runner_events_container_stopped(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, &event, &task, &container) || container->phase == PHASE_STOPPED)
        return 0;
    note_stopped(c, &task, container, &event);
    note_boot(c, &task, container, val_get_string(&event, S("boot")));
    lifecycle_advance(c, &task);
    return 0;
}

int runner_events_container_drained(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, &event, &task, &container) || container->drained)
        return 0;
    container->drained = container->changed = true;
    lifecycle_advance(c, &task);
    return 0;
}

/* The runner does not want it: it will never start. */
static void note_refused(struct task *task, struct container *container)
{
    if (container->phase != PHASE_SENT)
        return;
    container->phase = PHASE_STOPPED;
    container->drained = container->changed = true;
    show_end(task, container, container->doc->exit_code,
             S("CannotStartContainerError: the runner refused to start the container"));
}

int runner_events_start_done(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(ecs_read_event(c, body, &event));
    if (!find(c, val_get(&event, S("request")), &task, &container))
        return 0;
    if (val_get_int(&event, S("status"), OK_STATUS) != OK_STATUS)
        note_refused(&task, container);
    note_boot(c, &task, container, val_get_string(val_get(&event, S("reply")), S("boot")));
    lifecycle_advance(c, &task);
    return 0;
}

int runner_events_started(struct call *c, slice body)
{
    struct val event;
    struct {
        int64_t *items;
        size_t len;
        bool set;
    } lost = {0};
    TRY(ecs_read_event(c, body, &event));
    slice boot = val_get_string(&event, S("boot"));
    if (slice_empty(boot))
        return FAULT_MESSAGE;
    db_run(c->db, ECS_SQL_BOOT_ADD_UNKNOWN, "t", boot);
    db_run(c->db, ECS_SQL_BOOT_ADD, "t", boot);
    db_run(c->db, ECS_SQL_BOOT_PRUNE, "i", (int64_t)KEPT_BOOTS);
    struct db_rows rows = db_query(c->db, ECS_SQL_CONTAINER_LOST, "t", boot);
    while (db_next(&rows))
        *list_add(c->arena, &lost) = db_int(&rows, 0);
    list_foreach (row, &lost) {
        struct task task;
        if (!task_find_row(c, *row, &task))
            continue;
        bury_lost(c, &task);
        lifecycle_advance(c, &task);
    }
    return 0;
}
