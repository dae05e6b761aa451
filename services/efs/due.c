/* due: what happens because time has passed: states that end, directories that are measured and removed. */
#include "services/efs/efs.h"

#include "common/json.h"
#include "services/worker/await.h"

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

/* One after the other. */
static void measure_next(struct call *c)
{
    struct file_system fs;
    struct val body = val_object();
    struct db_rows rows = db_query(c->db, EFS_SQL_FILE_SYSTEM_TO_MEASURE, "");
    bool found = file_system_next(c, &rows, &fs);
    db_done(&rows);
    if (!found)
        return;
    slice path = slice_of(directory_path(c, fs.account, fs.region, fs.name));
    val_set(c->arena, &body, S("id"), val_int(fs.id));
    val_set(c->arena, &body, S("path"), val_string(path));
    call_background_once(c, S("MeasureFileSystem"), json_text(c->arena, &body), 1);
}

/* On the helper thread, like the next. */
static int measure_path(struct await *await)
{
    int64_t bytes = directory_measure(slice_cstr(await->arena, await->input));
    await->output = arena_printf(await->arena, "%lld", (long long)bytes);
    return 0;
}

static int remove_path(struct await *await)
{
    size_t removed = directory_remove_gone(slice_cstr(await->arena, await->input));
    await->output = removed > 0 ? S("some") : S("");
    return 0;
}

int due_measure(struct call *c, slice body)
{
    struct val order;
    slice why, text;
    int64_t bytes;
    TRY(json_parse(c->arena, body, &order, &why));
    TRY(await_work(c, S("measure"), measure_path, val_get_string(&order, S("path")), &text));
    if (slice_to_int64(text, &bytes))
        db_run(c->db, EFS_SQL_FILE_SYSTEM_MEASURED, "iii", bytes, c->now_ms, val_get_int(&order, S("id"), 0));
    call_timer_changed(c);
    return 0;
}

int due_remove(struct call *c, slice body)
{
    slice removed;
    (void)body;
    TRY(await_work(c, S("remove"), remove_path, slice_of(directory_gone(c)), &removed));
    /* What cannot be removed is not tried again at once. */
    if (removed.len > 0)
        call_timer_changed(c);
    return 0;
}

int due_run(struct call *c, int64_t *next_due_ms)
{
    advance_file_systems(c);
    mount_target_advance_due(c);
    access_point_advance_due(c);
    measure_next(c);
    if (directory_any_gone(c))
        call_background_once(c, S("RemoveDirectories"), S("{}"), 1);
    struct db_rows rows = db_query(c->db, EFS_SQL_NEXT_DUE, "");
    if (db_next(&rows) && !db_is_null(&rows, 0))
        *next_due_ms = db_int(&rows, 0);
    db_done(&rows);
    return 0;
}
