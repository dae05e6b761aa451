/* due: what happens because time has passed: dependencies that were not met in time, tasks and client tokens that are
 * forgotten. */
#include "services/ecs/ecs.h"

static const int64_t task_kept_ms = 3600 * 1000LL;
static const int64_t token_kept_ms = 24 * 3600 * 1000LL;

struct row {
    int64_t id;
    slice arn;
};

struct row_list {
    struct row *items;
    size_t len;
    bool set;
};

/* The statement's columns are a task's row and, where needed, its ARN. */
static struct row_list rows_until(struct call *c, int statement, bool with_arn, int64_t until_ms)
{
    struct row_list list = {0};
    struct db_rows rows = db_query(c->db, statement, "i", until_ms);
    while (db_next(&rows))
        *list_add(c->arena, &list) = (struct row){db_int(&rows, 0), with_arn ? db_text(&rows, 1) : (slice){NULL, 0}};
    return list;
}

static void look_at_due(struct call *c)
{
    struct row_list list = rows_until(c, ECS_SQL_TASK_DUE, false, c->now_ms);
    list_foreach (row, &list) {
        struct task task;
        if (task_find_row(c, row->id, &task))
            lifecycle_advance(c, &task);
    }
}

static void forget_ended(struct call *c)
{
    struct row_list list = rows_until(c, ECS_SQL_TASK_ENDED, true, c->now_ms - task_kept_ms);
    list_foreach (row, &list) {
        tags_delete_all(c, row->arn);
        db_run(c->db, ECS_SQL_TASK_DELETE, "i", row->id);
    }
    db_run(c->db, ECS_SQL_TOKEN_EXPIRE, "i", c->now_ms - token_kept_ms);
}

/* The earlier of *due_ms and what the statement answers, plus later_ms. */
static void note_next(struct call *c, int statement, int64_t later_ms, int64_t *due_ms)
{
    struct db_rows rows = db_query(c->db, statement, "");
    if (db_next(&rows) && !db_is_null(&rows, 0)) {
        int64_t one = db_int(&rows, 0) + later_ms;
        if (*due_ms == 0 || one < *due_ms)
            *due_ms = one;
    }
    db_done(&rows);
}

int due_run(struct call *c, int64_t *next_due_ms)
{
    look_at_due(c);
    forget_ended(c);
    note_next(c, ECS_SQL_TASK_NEXT_DUE, 0, next_due_ms);
    note_next(c, ECS_SQL_TASK_NEXT_END, task_kept_ms + 1, next_due_ms);
    return 0;
}
