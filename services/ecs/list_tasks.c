/* list_tasks: ListTasks, DescribeTasks and StopTask. */
#include "services/ecs/ecs.h"
#include "services/ecs/leniency.h"

#include "common/page.h"

enum { MAX_RESULTS = 100, MAX_REASON = 255 };

static bool matches(const struct ecs_list_tasks_in *in, struct db_rows *rows)
{
    if (in->family.ptr && !slice_eq(db_text(rows, 2), in->family))
        return false;
    if (in->started_by.ptr && !slice_eq(db_text(rows, 3), in->started_by))
        return false;
    if (in->service_name.ptr) {
        slice group = db_text(rows, 4);
        if (!slice_starts(group, S("service:")) ||
            !slice_eq(slice_sub(group, 8, group.len), arn_last(in->service_name)))
            return false;
    }
    return !in->launch_type.ptr || slice_eq(db_text(rows, 5), in->launch_type);
}

static int check_list(struct call *c, const struct ecs_list_tasks_in *in, int64_t *after)
{
    slice key;
    int64_t limit = opt_int_or(in->max_results, MAX_RESULTS);
    *after = 0;
    if (limit < 1 || limit > MAX_RESULTS)
        return fail(c, &ecs_invalid_parameter, "maxResults must be between 1 and %d.", MAX_RESULTS);
    if (page_key(c->arena, S("ListTasks"), in->next_token, &key) != 0 || (key.len > 0 && !slice_to_int64(key, after)))
        return fail(c, &ecs_invalid_parameter, "Invalid token");
    bool others = in->family.ptr || in->service_name.ptr || in->launch_type.ptr || in->container_instance.ptr;
    if (in->started_by.ptr && others)
        return fail(c, &ecs_invalid_parameter, "startedBy must be the only filter that is used.");
    if (in->container_instance.ptr)
        return fail(c, &ecs_invalid_parameter, "The referenced container instance was not found.");
    return 0;
}

int ecs_list_tasks(struct call *c, const struct ecs_list_tasks_in *in, struct ecs_list_tasks_out *out)
{
    struct cluster cluster;
    int64_t after, last = 0;
    TRY(cluster_get(c, in->cluster, &cluster));
    TRY(check_list(c, in, &after));
    struct db_rows rows = db_query(c->db, ECS_SQL_TASK_LIST, "iti", cluster.id,
                                   slice_eq(in->desired_status, S("STOPPED")) ? S("STOPPED") : S("RUNNING"), after);
    /* No task is ever meant to stay PENDING: AWS answers that filter with nothing. */
    bool none = slice_eq(in->desired_status, S("PENDING"));
    while (db_next(&rows)) {
        if (none || !matches(in, &rows))
            continue;
        if ((int64_t)out->task_arns.len == opt_int_or(in->max_results, MAX_RESULTS)) {
            out->next_token = page_token(c->arena, S("ListTasks"), arena_printf(c->arena, "%lld", (long long)last));
            break;
        }
        last = db_int(&rows, 0);
        slice name = arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(cluster.name), SLICE_ARG(db_text(&rows, 1)));
        *list_add(c->arena, &out->task_arns) = arn_make(c, "task", name);
    }
    db_done(&rows);
    return 0;
}

int ecs_describe_tasks(struct call *c, const struct ecs_describe_tasks_in *in, struct ecs_describe_tasks_out *out)
{
    struct cluster cluster;
    struct slice_list include = {in->include.items, in->include.len, true};
    TRY(cluster_get(c, in->cluster, &cluster));
    if (in->tasks.len == 0)
        return fail(c, &ecs_invalid_parameter, "Tasks cannot be empty.");
    if (in->tasks.len > MAX_RESULTS)
        return fail(c, &ecs_invalid_parameter, "Tasks cannot have more than %d elements.", MAX_RESULTS);
    list_foreach (name, &in->tasks) {
        struct ecs_task doc;
        if (task_find_doc(c, &cluster, *name, &doc)) {
            doc.tags = (struct ecs_tags){.set = true};
            if (ecs_includes(&include, S("TAGS")))
                tags_list(c, doc.task_arn, &doc.tags);
            *list_add(c->arena, &out->tasks) = doc;
            continue;
        }
        struct ecs_failure *failure = list_add(c->arena, &out->failures);
        slice full = arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(cluster.name), SLICE_ARG(*name));
        failure->arn = slice_starts(*name, S("arn:")) ? *name : arn_make(c, "task", full);
        failure->reason = S("MISSING");
    }
    return 0;
}

int ecs_stop_task(struct call *c, const struct ecs_stop_task_in *in, struct ecs_stop_task_out *out)
{
    struct cluster cluster;
    struct task *task = arena_alloc(c->arena, sizeof(*task));
    TRY(cluster_get(c, in->cluster, &cluster));
    if (in->reason.len > MAX_REASON)
        return fail(c, &ecs_invalid_parameter, "The reason can not be longer than %d characters.", MAX_REASON);
    if (!task_find(c, &cluster, in->task, task))
        return fail(c, &ecs_invalid_parameter, "The referenced task was not found.");
    if (!slice_eq(task->doc.last_status, S("STOPPED"))) {
        lifecycle_stop(c, task, S("UserInitiated"), in->reason.len > 0 ? in->reason : S("Task stopped by user"));
        if (leniency_on(c, ECS_LENIENCY_STOP_AT_ONCE))
            lifecycle_stop_at_once(c, task);
        lifecycle_advance(c, task);
    }
    out->task = &task->doc;
    tags_list(c, task->doc.task_arn, &out->task->tags);
    return 0;
}
