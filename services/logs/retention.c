/* retention: how long events are kept, and the timer that removes expired ones and the leavings of deleted streams. */
#include "services/logs/store.h"

#include "logs_api.h"

static const int64_t day_ms = 24 * 3600 * 1000LL;
static const int64_t sweep_ms = 3600 * 1000LL;

static const int16_t allowed_days[] = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                                       365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};

static bool allowed(int64_t days)
{
    for (size_t i = 0; i < sizeof(allowed_days) / sizeof(*allowed_days); i++) {
        if (allowed_days[i] == days)
            return true;
    }
    return false;
}

int logs_put_retention_policy(struct call *c, const struct logs_put_retention_policy_in *in,
                              struct logs_put_retention_policy_out *out)
{
    struct log_group group;
    if (!allowed(in->retention_in_days.v))
        return fail(
            c, &logs_invalid_parameter,
            "1 validation error detected: Value '%lld' at 'retentionInDays' failed to satisfy constraint: Member "
            "must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, "
            "1827, 2192, 2557, 2922, 3288, 3653]",
            (long long)in->retention_in_days.v);
    TRY(group_get(c, in->log_group_name, &group));
    db_run(c->db, LOGS_SQL_GROUP_SET_RETENTION, "Ii", in->retention_in_days, group.id);
    db_run(c->db, LOGS_SQL_WALK_SET, "ii", (int64_t)0, c->now_ms);
    call_timer_changed(c);
    return 0;
}

int logs_delete_retention_policy(struct call *c, const struct logs_delete_retention_policy_in *in,
                                 struct logs_delete_retention_policy_out *out)
{
    struct log_group group;
    TRY(group_get(c, in->log_group_name, &group));
    db_run(c->db, LOGS_SQL_GROUP_SET_RETENTION, "Ii", (struct opt_int){0}, group.id);
    return 0;
}

enum { TURN_BLOCKS = 200, TURN_BYTES = 2 * 1024 * 1024 };

struct blocks {
    struct block_of {
        struct store_block block;
        int64_t stream_id;
        int64_t bytes;
    } * items;
    size_t len;
    bool set;
};

/* Some blocks of one deleted stream. True when there may be more. */
static bool bury_some(struct call *c)
{
    struct blocks blocks = {0};
    int64_t bytes = 0;
    struct db_rows rows = db_query(c->db, LOGS_SQL_DEAD_FIRST, "");
    bool found = db_next(&rows);
    int64_t id = found ? db_int(&rows, 0) : 0, group_id = found ? db_int(&rows, 1) : 0;
    db_done(&rows);
    if (!found)
        return false;
    rows = db_query(c->db, LOGS_SQL_BLOCKS_SOME, "i", id);
    while (bytes < TURN_BYTES && db_next(&rows)) {
        bytes += db_int(&rows, 3);
        list_add(c->arena, &blocks)->block = (struct store_block){db_int(&rows, 0), db_int(&rows, 1), db_int(&rows, 2)};
    }
    db_done(&rows);
    list_foreach (one, &blocks)
        store_remove(c, group_id, &one->block);
    if (blocks.len == 0)
        db_run(c->db, LOGS_SQL_DEAD_DELETE, "i", id);
    return true;
}

/* Some streams of one deleted group. True when there may be more. */
static bool bury_streams(struct call *c)
{
    int64_t ids[100];
    size_t n = 0;
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUP_DEAD, "");
    bool found = db_next(&rows);
    int64_t group_id = found ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (!found)
        return false;
    rows = db_query(c->db, LOGS_SQL_STREAMS_SOME, "i", group_id);
    while (n < sizeof(ids) / sizeof(*ids) && db_next(&rows))
        ids[n++] = db_int(&rows, 0);
    db_done(&rows);
    for (size_t i = 0; i < n; i++) {
        db_run(c->db, LOGS_SQL_DEAD_INSERT, "ii", ids[i], group_id);
        db_run(c->db, LOGS_SQL_STREAM_DELETE, "i", ids[i]);
    }
    if (n == 0)
        db_run(c->db, LOGS_SQL_GROUP_DELETE, "i", group_id);
    return true;
}

/* Some expired blocks of a group. True when there were any. */
static bool expire_some(struct call *c, int64_t group_id, int64_t before_ms)
{
    struct blocks blocks = {0};
    int64_t bytes = 0;
    for (int64_t span = 0; span < STORE_SPANS; span++) {
        struct db_rows rows = db_query(c->db, LOGS_SQL_TIME_EXPIRED, "iii", group_id, span, before_ms);
        while (blocks.len < TURN_BLOCKS && bytes < TURN_BYTES && db_next(&rows)) {
            struct block_of *one = list_add(c->arena, &blocks);
            *one = (struct block_of){
                {db_int(&rows, 2), db_int(&rows, 0), db_int(&rows, 1)}, db_int(&rows, 3), db_int(&rows, 4)};
            bytes += one->bytes;
        }
        db_done(&rows);
    }
    list_foreach (one, &blocks) {
        store_remove(c, group_id, &one->block);
        db_run(c->db, LOGS_SQL_STREAM_EXPIRED, "ii", one->stream_id, one->bytes);
    }
    return blocks.len > 0;
}

/* Some groups from where the walk is. Answers when to go on; 0: no group has a retention. */
static int64_t expire(struct call *c)
{
    struct {
        int64_t id;
        int64_t days;
    } groups[50];
    size_t n = 0;
    struct db_rows rows = db_query(c->db, LOGS_SQL_WALK_GET, "");
    bool found = db_next(&rows);
    int64_t from = found ? db_int(&rows, 0) : 0, due_ms = found ? db_int(&rows, 1) : 0;
    db_done(&rows);
    if (due_ms > c->now_ms)
        return due_ms;
    rows = db_query(c->db, LOGS_SQL_GROUPS_WITH_RETENTION, "i", from);
    while (n < sizeof(groups) / sizeof(*groups) && db_next(&rows)) {
        groups[n].id = db_int(&rows, 0);
        groups[n++].days = db_int(&rows, 1);
    }
    db_done(&rows);
    if (n == 0 && from == 0)
        return 0;
    if (n == 0) {
        db_run(c->db, LOGS_SQL_WALK_SET, "ii", (int64_t)0, c->now_ms + sweep_ms);
        return c->now_ms + sweep_ms;
    }
    int64_t next = groups[n - 1].id + 1;
    for (size_t i = 0; i < n; i++) {
        if (!expire_some(c, groups[i].id, c->now_ms - groups[i].days * day_ms))
            continue;
        next = groups[i].id; /* there may be more */
        break;
    }
    db_run(c->db, LOGS_SQL_WALK_SET, "ii", next, (int64_t)0);
    return c->now_ms;
}

int retention_run(struct call *c, int64_t *next_due_ms)
{
    bool streams = bury_streams(c), blocks = bury_some(c);
    int64_t due_ms = expire(c);
    *next_due_ms = streams || blocks ? c->now_ms : due_ms;
    return 0;
}
