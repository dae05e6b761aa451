/* runner_events: what the runner reports (proto/runner.h). Events may come late, twice or for tasks that are gone. */
#include "services/ecs/ecs.h"

#include "common/json.h"

enum { EXIT_KILLED = 137 };

static int parse(struct call *c, slice body, struct val *event)
{
    slice why;
    return json_parse(c->arena, body, event, &why) == 0 && event->type == VAL_OBJECT ? 0 : FAULT_MESSAGE;
}

/* The task and container an event is about; false when they are gone. */
static bool find(struct call *c, const struct val *event, struct task *task, struct container **container)
{
    int64_t task_row = 0;
    slice id = val_get_string(event, S("container"));
    struct db_rows rows = db_query(c->db, ECS_SQL_CONTAINER_TASK, "t", id);
    if (db_next(&rows))
        task_row = db_int(&rows, 0);
    db_done(&rows);
    if (!task_row || !task_find_row(c, task_row, task))
        return false;
    /* Everything below happens in the task's own account and region. */
    slice rest = slice_sub(task->doc.task_arn, sizeof("arn:aws:ecs:") - 1, task->doc.task_arn.len);
    slice_cut(rest, ':', &c->region, &rest);
    slice_cut(rest, ':', &c->account, &rest);
    for (size_t i = 0; i < task->n_containers; i++) {
        *container = &task->containers[i];
        if (slice_eq((*container)->id, id))
            return true;
    }
    return false;
}

static void note_pull(const struct val *event, struct task *task)
{
    int64_t started = val_get_int(event, S("pullStartedAt"), 0), stopped = val_get_int(event, S("pullStoppedAt"), 0);
    if (started && (!task->doc.pull_started_at.set || started < task->doc.pull_started_at.v))
        task->doc.pull_started_at = opt_int(started);
    if (stopped && (!task->doc.pull_stopped_at.set || stopped > task->doc.pull_stopped_at.v))
        task->doc.pull_stopped_at = opt_int(stopped);
}

static void note_boot(struct call *c, const struct container *container, const struct val *event)
{
    db_run(c->db, ECS_SQL_CONTAINER_SET_BOOT, "tt", val_get_string(event, S("boot")), container->id);
}

int runner_events_container_started(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(parse(c, body, &event));
    if (!find(c, &event, &task, &container) || container->phase >= PHASE_RUNNING)
        return 0;
    note_boot(c, container, &event);
    note_pull(&event, &task);
    container->phase = PHASE_RUNNING;
    container->ran = container->changed = true;
    container->doc->last_status = S("RUNNING");
    if (!task.doc.connectivity_at.set) {
        task.doc.connectivity = S("CONNECTED");
        task.doc.connectivity_at = opt_int(c->now_ms);
    }
    task.changed = true;
    lifecycle_advance(c, &task);
    return 0;
}

static void note_stopped(struct task *task, struct container *container, const struct val *event)
{
    slice reason = val_get_string(event, S("reason"));
    container->phase = PHASE_STOPPED;
    container->ran = val_get_bool(event, S("started"), false);
    container->changed = true;
    container->doc->last_status = S("STOPPED");
    if (container->ran)
        container->doc->exit_code = opt_int(val_get_int(event, S("exitCode"), 0));
    if (reason.len > 0)
        container->doc->reason = reason;
    task->changed = true;
}

int runner_events_container_stopped(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(parse(c, body, &event));
    if (!find(c, &event, &task, &container) || container->phase == PHASE_STOPPED)
        return 0;
    note_boot(c, container, &event);
    note_stopped(&task, container, &event);
    lifecycle_advance(c, &task);
    return 0;
}

int runner_events_container_drained(struct call *c, slice body)
{
    struct val event;
    struct task task;
    struct container *container;
    TRY(parse(c, body, &event));
    if (!find(c, &event, &task, &container) || container->drained)
        return 0;
    container->drained = container->changed = true;
    lifecycle_advance(c, &task);
    return 0;
}

/* The runner has taken a container: from now on it lives and dies with that runner process. */
int runner_events_start_done(struct call *c, slice body)
{
    struct val event;
    TRY(parse(c, body, &event));
    db_run(c->db, ECS_SQL_CONTAINER_SET_BOOT, "tt", val_get_string(val_get(&event, S("reply")), S("boot")),
           val_get_string(val_get(&event, S("request")), S("container")));
    return 0;
}

struct id_list {
    int64_t *items;
    size_t len;
    bool set;
};

static struct id_list tasks_of(struct call *c, int statement, slice boot)
{
    struct id_list ids = {0};
    struct db_rows rows = db_query(c->db, statement, "t", boot);
    while (db_next(&rows))
        *list_add(c->arena, &ids) = db_int(&rows, 0);
    return ids;
}

/* A container of a runner that is gone: its process was killed with it, and nothing more comes. */
static void bury(struct task *task, struct container *container)
{
    if (container->phase == PHASE_WAITING)
        return;
    if (container->phase != PHASE_STOPPED) {
        container->phase = PHASE_STOPPED;
        container->ran = true;
        container->doc->last_status = S("STOPPED");
        container->doc->exit_code = opt_int(EXIT_KILLED);
        container->doc->reason = S("The runner that held the container's process has ended");
    }
    container->drained = container->changed = true;
    task->changed = true;
}

int runner_events_started(struct call *c, slice body)
{
    struct val event;
    TRY(parse(c, body, &event));
    slice boot = val_get_string(&event, S("boot"));
    static const int statements[] = {ECS_SQL_CONTAINER_OTHER_BOOTS, ECS_SQL_CONTAINER_UNDRAINED};
    for (size_t i = 0; i < 2; i++) {
        struct id_list ids = tasks_of(c, statements[i], boot);
        list_foreach (id, &ids) {
            struct task task;
            if (!task_find_row(c, *id, &task))
                continue;
            lifecycle_stop(c, &task, S("TerminationNotice"), S("The runner was restarted; the task's processes ended with it"));
            for (size_t n = 0; n < task.n_containers; n++)
                bury(&task, &task.containers[n]);
            lifecycle_advance(c, &task);
        }
    }
    return 0;
}
