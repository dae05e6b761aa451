/* sweep: removes the blobs that no repository holds, the layers that no manifest names, and uploads that were left
 * alone, a few at a time; their files go on the helper thread: the loop is never kept. */
#include "services/ecr/blob.h"

#include "common/buf.h"
#include "common/conf.h"
#include "common/fdio.h"
#include "services/worker/await.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

enum { STEP_ROWS = 200, STEP_UPLOADS = 20 };

/* What was just pushed has its manifest still to come. */
static const int64_t grace_ms = 60 * 60 * 1000;
static const int64_t upload_life_ms = INT64_C(24) * 60 * 60 * 1000;
static const int64_t pause_ms = 10 * 60 * 1000; /* between two sweeps */
static const int64_t step_ms = 20;              /* between two steps */
static const int64_t retry_ms = 1000;           /* until what is dead is looked at again */

struct sweep {
    int64_t repository_id;
    slice layer;
    slice blob;
    int64_t next_ms;
};

static struct sweep sweep_get(struct call *c)
{
    struct sweep sweep = {.layer = S(""), .blob = S("")};
    struct db_rows rows = db_query(c->db, ECR_SQL_SWEEP_GET, "");
    if (db_next(&rows))
        sweep = (struct sweep){db_int(&rows, 0), db_text(&rows, 1), db_text(&rows, 2), db_int(&rows, 3)};
    db_done(&rows);
    return sweep;
}

/* The next layers. True when there are more. */
static bool sweep_layers(struct call *c, struct sweep *sweep)
{
    int64_t n = 0;
    struct db_rows rows =
        db_query(c->db, ECR_SQL_LAYER_SWEEP, "iti", sweep->repository_id, sweep->layer, (int64_t)STEP_ROWS);
    while (db_next(&rows)) {
        bool named = db_int(&rows, 3) != 0;
        sweep->repository_id = db_int(&rows, 0);
        sweep->layer = db_text(&rows, 1);
        n++;
        if (named || c->now_ms - db_int(&rows, 2) < grace_ms)
            continue;
        db_run(c->db, ECR_SQL_LAYER_DELETE, "it", sweep->repository_id, sweep->layer);
        db_run(c->db, ECR_SQL_BLOB_TOUCH, "it", c->now_ms, sweep->layer);
    }
    db_done(&rows);
    return n == STEP_ROWS;
}

/* The next blobs. The row goes first, the file when that is committed: a row without a file would be a lie. */
static bool sweep_blobs(struct call *c, struct sweep *sweep)
{
    int64_t n = 0;
    struct db_rows rows = db_query(c->db, ECR_SQL_BLOB_SWEEP, "ti", sweep->blob, (int64_t)STEP_ROWS);
    while (db_next(&rows)) {
        bool held = db_int(&rows, 2) != 0;
        sweep->blob = db_text(&rows, 0);
        n++;
        if (held || c->now_ms - db_int(&rows, 1) < grace_ms)
            continue;
        db_run(c->db, ECR_SQL_BLOB_BURY, "t", sweep->blob);
        db_run(c->db, ECR_SQL_BLOB_DELETE, "t", sweep->blob);
    }
    db_done(&rows);
    return n == STEP_ROWS;
}

static void bury_old_uploads(struct call *c)
{
    struct slice_list ids = {0};
    struct db_rows rows = db_query(c->db, ECR_SQL_UPLOAD_OLD, "ii", c->now_ms - upload_life_ms, (int64_t)STEP_ROWS);
    while (db_next(&rows))
        *list_add(c->arena, &ids) = db_text(&rows, 0);
    list_foreach (id, &ids)
        blob_upload_cancel(c, *id);
}

static bool has_row(struct call *c, enum ecr_sql list)
{
    struct db_rows rows = db_query(c->db, list, "i", (int64_t)1);
    bool found = db_next(&rows);
    db_done(&rows);
    return found;
}

/* The files of blobs that have no row are put aside. One of them may just be coming back, put in place by an upload
 * whose call has still to make the row: not while calls wait. */
static void put_dead_blobs_aside(struct call *c, struct buf *plan)
{
    if (await_is_any(c))
        return;
    struct db_rows rows = db_query(c->db, ECR_SQL_DEAD_BLOB_LIST, "i", (int64_t)STEP_ROWS);
    while (db_next(&rows)) {
        slice digest = db_text(&rows, 0);
        if (db_int(&rows, 1) == 0)
            blob_put_aside(c, blob_file(c->arena, digest));
        buf_printf(plan, "%.*s\n", SLICE_ARG(digest));
    }
    db_done(&rows);
}

static void list_dead_uploads(struct call *c, struct buf *plan)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_DEAD_UPLOAD_LIST, "i", (int64_t)STEP_UPLOADS);
    while (db_next(&rows))
        buf_printf(plan, "%.*s %lld\n", SLICE_ARG(db_text(&rows, 0)), (long long)db_int(&rows, 1));
    db_done(&rows);
}

static void remove_parts(struct arena *arena, slice folder, slice id, int64_t parts)
{
    for (int64_t i = 0; i <= parts; i++)
        unlink(arena_printf(arena, "%.*s/uploads/%.*s.%lld", SLICE_ARG(folder), SLICE_ARG(id), (long long)i).ptr);
    unlink(arena_printf(arena, "%.*s/uploads/%.*s.0.all", SLICE_ARG(folder), SLICE_ARG(id)).ptr);
}

static void remove_aside(struct arena *arena, slice folder)
{
    DIR *entries = opendir(arena_printf(arena, "%.*s/removed", SLICE_ARG(folder)).ptr);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fdio_remove_tree(arena_printf(arena, "%.*s/removed/%s", SLICE_ARG(folder), entry->d_name).ptr);
    }
    if (entries)
        closedir(entries);
}

/* The helper thread's part. input: the folder on a line, then what is dead: digests, and uploads with how many parts
 * they have. The outcome is all but the folder. */
static int remove_files(struct await *await)
{
    slice folder, line, id, number, rest;
    int64_t parts;
    slice_cut(await->input, '\n', &folder, &rest);
    await->output = rest;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (slice_cut(line, ' ', &id, &number) && slice_to_int64(number, &parts))
            remove_parts(await->arena, folder, id, parts);
    }
    remove_aside(await->arena, folder);
    return 0;
}

int blob_remove_run(struct call *c, slice body)
{
    static const slice key = S("remove");
    struct buf plan;
    slice done, line, id, parts;
    buf_init(&plan, c->arena);
    buf_printf(&plan, "%.*s/ecr\n", SLICE_ARG(c->conf->state_dir));
    if (!await_is_known(c, key)) {
        put_dead_blobs_aside(c, &plan);
        list_dead_uploads(c, &plan);
    }
    TRY(await_work(c, key, remove_files, buf_slice(&plan), &done));
    if (done.len > 0)
        call_timer_changed(c); /* there may be more */
    while (done.len > 0) {
        slice_cut(done, '\n', &line, &done);
        bool upload = slice_cut(line, ' ', &id, &parts);
        db_run(c->db, upload ? ECR_SQL_DEAD_UPLOAD_DELETE : ECR_SQL_DEAD_BLOB_DELETE, "t", upload ? id : line);
    }
    return 0;
}

int blob_sweep(struct call *c, int64_t *next_due_ms)
{
    struct sweep sweep = sweep_get(c);
    if (sweep.next_ms <= c->now_ms) {
        bury_old_uploads(c);
        bool more = sweep_layers(c, &sweep) || sweep_blobs(c, &sweep);
        if (!more)
            sweep = (struct sweep){.layer = S(""), .blob = S("")};
        sweep.next_ms = c->now_ms + (more ? step_ms : pause_ms);
        db_run(c->db, ECR_SQL_SWEEP_SET, "itti", sweep.repository_id, sweep.layer, sweep.blob, sweep.next_ms);
    }
    *next_due_ms = sweep.next_ms;
    if (!has_row(c, ECR_SQL_DEAD_UPLOAD_LIST) && !has_row(c, ECR_SQL_DEAD_BLOB_LIST))
        return 0;
    call_background_once(c, S("RemoveFiles"), S(""), 1);
    if (*next_due_ms > c->now_ms + retry_ms)
        *next_due_ms = c->now_ms + retry_ms;
    return 0;
}
