/* task: tasks as rows: a document as AWS shows it, and what only the life cycle needs. */
#include "services/ecs/ecs.h"

static void read_containers(struct call *c, struct task *task)
{
    task->released = slice_eq(task->doc.last_status, S("STOPPED"));
    task->containers = arena_array(c->arena, task->doc.containers.len + 1, sizeof(*task->containers));
    struct db_rows rows = db_query(c->db, ECS_SQL_CONTAINER_LIST, "i", task->id);
    while (db_next(&rows) && task->n_containers < task->doc.containers.len) {
        size_t i = task->n_containers++;
        task->containers[i] = (struct container){
            .id = db_text(&rows, 0),
            .phase = (enum phase)db_int(&rows, 1),
            .ran = db_int(&rows, 2) != 0,
            .drained = db_int(&rows, 3) != 0,
            .stop_sent = db_int(&rows, 4) != 0,
            .boot = db_text(&rows, 5),
            .sent_ms = db_int(&rows, 6),
            .doc = &task->doc.containers.items[i],
        };
        task->released = task->released && task->containers[i].drained;
        if (i < task->definition.doc.container_definitions.len)
            task->containers[i].definition = &task->definition.doc.container_definitions.items[i];
    }
    db_done(&rows);
}

static void read_provisions(struct call *c, struct task *task)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_PROVISION_LIST, "i", task->id);
    while (db_next(&rows))
        *list_add(c->arena, &task->provisions) =
            (struct provision){db_text(&rows, 0), db_text(&rows, 1), db_text(&rows, 2)};
    db_done(&rows);
}

static bool read_row(struct call *c, struct db_rows *rows, struct task *task)
{
    bool found = db_next(rows);
    int64_t definition_id = 0;
    *task = (struct task){0};
    if (found) {
        task->id = db_int(rows, 0);
        task->cluster_id = db_int(rows, 1);
        definition_id = db_int(rows, 2);
        api_from_json(c->arena, &ecs_shape_task, db_text(rows, 3), &task->doc);
        task->task_id = arn_last(task->doc.task_arn);
        task->due_ms = db_int(rows, 4);
    }
    db_done(rows);
    if (!found || !definition_find_id(c, definition_id, &task->definition))
        return false;
    read_containers(c, task);
    read_provisions(c, task);
    return true;
}

bool task_find_row(struct call *c, int64_t id, struct task *task)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_TASK_GET_ID, "i", id);
    if (!read_row(c, &rows, task))
        return false;
    slice rest = slice_sub(task->doc.task_arn, sizeof("arn:aws:ecs:") - 1, task->doc.task_arn.len);
    slice_cut(rest, ':', &c->region, &rest);
    slice_cut(rest, ':', &c->account, &rest);
    return true;
}

/* The 32 digits in an id, a short or a long ARN; an ARN of another account or region names no task here. */
static slice id_of(struct call *c, slice id_or_arn)
{
    if (slice_starts(id_or_arn, S("arn:")) && !slice_starts(arn_resource(c, id_or_arn), S("task/")))
        return S("");
    return arn_last(id_or_arn);
}

/* A task of another cluster, account or region is none. */
static bool belongs(struct call *c, const struct cluster *cluster, int64_t cluster_id, const struct ecs_task *doc)
{
    return cluster ? cluster->id == cluster_id : arn_resource(c, doc->task_arn).ptr != NULL;
}

bool task_find(struct call *c, const struct cluster *cluster, slice id_or_arn, struct task *task)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_TASK_GET, "t", id_of(c, id_or_arn));
    return read_row(c, &rows, task) && belongs(c, cluster, task->cluster_id, &task->doc);
}

bool task_find_doc(struct call *c, const struct cluster *cluster, slice id_or_arn, struct ecs_task *doc)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_TASK_GET, "t", id_of(c, id_or_arn));
    bool found = db_next(&rows);
    int64_t cluster_id = 0;
    *doc = (struct ecs_task){0};
    if (found) {
        cluster_id = db_int(&rows, 1);
        api_from_json(c->arena, &ecs_shape_task, db_text(&rows, 3), doc);
    }
    db_done(&rows);
    return found && belongs(c, cluster, cluster_id, doc);
}

/* The address that ecs itself gave out, while the task needs it. */
static slice address_of(const struct task *task)
{
    if (slice_eq(task->doc.last_status, S("STOPPED")) || task->provisions.len > 0)
        return (slice){NULL, 0};
    list_foreach (container, &task->doc.containers) {
        if (container->network_interfaces.len > 0)
            return container->network_interfaces.items[0].private_ipv4_address;
    }
    return (slice){NULL, 0};
}

void task_save(struct call *c, struct task *task)
{
    for (size_t i = 0; i < task->n_containers; i++) {
        struct container *container = &task->containers[i];
        if (!container->changed)
            continue;
        db_run(c->db, ECS_SQL_CONTAINER_SET, "iiiitit", (int64_t)container->phase, (int64_t)container->ran,
               (int64_t)container->drained, (int64_t)container->stop_sent, container->boot, container->sent_ms,
               container->id);
        container->changed = false;
    }
    if (!task->changed)
        return;
    task->changed = false;
    task->doc.version = opt_int(opt_int_or(task->doc.version, 0) + 1);
    struct opt_int stopped = slice_eq(task->doc.last_status, S("STOPPED")) ? task->doc.stopped_at : (struct opt_int){0};
    db_run(c->db, ECS_SQL_TASK_SET, "tttIti", task->doc.last_status, task->doc.desired_status, address_of(task),
           stopped, api_to_json(c->arena, &ecs_shape_task, &task->doc), task->id);
}
