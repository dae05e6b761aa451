/* sweep: removes the blobs that no repository holds, the layers that no manifest names, and uploads that were left
 * alone, a few at a time, so that the loop is never kept. */
#include "services/ecr/blob.h"

#include "common/conf.h"
#include "services/worker/await.h"

#include <unistd.h>

enum { STEP_ROWS = 200 };

/* What was just pushed has its manifest still to come. */
static const int64_t grace_ms = 60 * 60 * 1000;
static const int64_t upload_life_ms = INT64_C(24) * 60 * 60 * 1000;
static const int64_t pause_ms = 10 * 60 * 1000; /* between two sweeps */
static const int64_t step_ms = 20;              /* between two steps */

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

static void remove_file(struct call *c, slice file)
{
    unlink(arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(file)).ptr);
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

/* Files of uploads that are over. True when there are more. */
static bool remove_dead_uploads(struct call *c)
{
    struct slice_list ids = {0};
    struct db_rows rows = db_query(c->db, ECR_SQL_DEAD_UPLOAD_LIST, "i", (int64_t)STEP_ROWS);
    while (db_next(&rows)) {
        slice id = db_text(&rows, 0);
        *list_add(c->arena, &ids) = id;
        for (int64_t i = 0; i <= db_int(&rows, 1); i++)
            remove_file(c, arena_printf(c->arena, "ecr/uploads/%.*s.%lld", SLICE_ARG(id), (long long)i));
        remove_file(c, arena_printf(c->arena, "ecr/uploads/%.*s.0.all", SLICE_ARG(id)));
    }
    list_foreach (id, &ids)
        db_run(c->db, ECR_SQL_DEAD_UPLOAD_DELETE, "t", *id);
    return ids.len == STEP_ROWS;
}

/* Files of blobs that have no row. One of them may just be coming back, put in place by an upload whose call has still
 * to make the row: not while calls wait. True when there are more. */
static bool remove_dead_blobs(struct call *c)
{
    struct slice_list digests = {0};
    bool busy = await_is_any(c);
    struct db_rows rows = db_query(c->db, ECR_SQL_DEAD_BLOB_LIST, "i", (int64_t)STEP_ROWS);
    while (db_next(&rows)) {
        slice digest = db_text(&rows, 0);
        *list_add(c->arena, &digests) = digest;
        if (!busy && db_int(&rows, 1) == 0)
            remove_file(c, blob_file(c->arena, digest));
    }
    if (busy)
        return digests.len > 0;
    list_foreach (digest, &digests)
        db_run(c->db, ECR_SQL_DEAD_BLOB_DELETE, "t", *digest);
    return digests.len == STEP_ROWS;
}

int blob_sweep(struct call *c, int64_t *next_due_ms)
{
    struct sweep sweep = sweep_get(c);
    bool more = remove_dead_uploads(c);
    more = remove_dead_blobs(c) || more;
    if (sweep.next_ms <= c->now_ms) {
        bury_old_uploads(c);
        more = sweep_layers(c, &sweep) || sweep_blobs(c, &sweep);
        if (!more)
            sweep = (struct sweep){.layer = S(""), .blob = S("")};
        sweep.next_ms = c->now_ms + (more ? step_ms : pause_ms);
        db_run(c->db, ECR_SQL_SWEEP_SET, "itti", sweep.repository_id, sweep.layer, sweep.blob, sweep.next_ms);
        more = true; /* what was buried */
    }
    *next_due_ms = more ? c->now_ms + step_ms : sweep.next_ms;
    return 0;
}
