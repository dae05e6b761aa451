/* due: what happens because time has passed: states that end, directories that are measured and removed. */
#include "services/efs/efs.h"

enum { SWEEP_PAUSE_MS = 5 };

struct file_systems {
    struct file_system *items;
    size_t len;
    bool set;
};

static void advance_file_systems(struct call *c)
{
    struct file_system fs;
    struct file_systems due = {0};
    struct db_rows rows = db_query(c->db, EFS_SQL_FILE_SYSTEM_DUE, "i", c->now_ms);
    while (file_system_next(c, &rows, &fs))
        *list_add(c->arena, &due) = fs;
    list_foreach (one, &due) {
        if (slice_eq(one->state, S("deleting")))
            file_system_remove(c, one);
        else
            db_run(c->db, EFS_SQL_FILE_SYSTEM_STATE, "tIi", S("available"), (struct opt_int){0}, one->id);
    }
}

/* True when another one is waiting. */
static bool measure_one(struct call *c)
{
    struct file_system fs;
    struct db_rows rows = db_query(c->db, EFS_SQL_FILE_SYSTEM_TO_MEASURE, "");
    bool found = file_system_next(c, &rows, &fs);
    db_done(&rows);
    if (found)
        db_run(c->db, EFS_SQL_FILE_SYSTEM_MEASURED, "iii", directory_measure(c, fs.account, fs.region, fs.name),
               c->now_ms, fs.id);
    return found;
}

int due_run(struct call *c, int64_t *next_due_ms)
{
    advance_file_systems(c);
    mount_target_advance_due(c);
    access_point_advance_due(c);
    bool more = measure_one(c);
    more = directory_sweep(c) || more;
    struct db_rows rows = db_query(c->db, EFS_SQL_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
    if (more && (*next_due_ms == 0 || *next_due_ms > c->now_ms + SWEEP_PAUSE_MS))
        *next_due_ms = c->now_ms + SWEEP_PAUSE_MS;
    return 0;
}
