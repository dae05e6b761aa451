/* retention: how long events are kept, and the timer that removes expired ones and the leavings of deleted streams. */
#include "services/logs/logs.h"

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

/* A few thousand rows of one deleted stream. True when more is left. */
static bool bury_some(struct call *c)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_DEAD_FIRST, "");
    bool found = db_next(&rows);
    int64_t id = found ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (!found)
        return false;
    if (db_run(c->db, LOGS_SQL_DEAD_BLOCKS, "i", id) == 0)
        db_run(c->db, LOGS_SQL_DEAD_DELETE, "i", id);
    return true;
}

static void expire_stream(struct call *c, int64_t stream_id, int64_t before_ms)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_BLOCK_EXPIRED_BYTES, "iii", stream_id, before_ms, before_ms);
    int64_t bytes = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    if (bytes == 0)
        return;
    db_run(c->db, LOGS_SQL_BLOCK_EXPIRE, "iii", stream_id, before_ms, before_ms);
    db_run(c->db, LOGS_SQL_STREAM_EXPIRED, "ii", stream_id, bytes);
}

static void expire_group(struct call *c, int64_t group_id, int64_t before_ms)
{
    struct {
        int64_t *items;
        size_t len;
        bool set;
    } streams = {0};
    struct db_rows rows = db_query(c->db, LOGS_SQL_STREAMS_OLD, "ii", group_id, before_ms);
    while (db_next(&rows))
        *list_add(c->arena, &streams) = db_int(&rows, 0);
    list_foreach (id, &streams)
        expire_stream(c, *id, before_ms);
}

int retention_run(struct call *c, int64_t *next_due_ms)
{
    bool any = false;
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUPS_WITH_RETENTION, "");
    while (db_next(&rows)) {
        any = true;
        expire_group(c, db_int(&rows, 0), c->now_ms - db_int(&rows, 1) * day_ms);
    }
    bool more = bury_some(c);
    *next_due_ms = more ? c->now_ms : any ? c->now_ms + sweep_ms : 0;
    return 0;
}
