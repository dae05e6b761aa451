/* file_system: finding file systems by id or ARN, and what the operations of the service share. The operations on file
 * systems are in file_system_api.c. */
#include "services/efs/efs.h"

#include "common/page.h"
#include "services/efs/leniency.h"

struct opt_int efs_state_end(struct call *c)
{
    if (leniency_on(c, EFS_LENIENCY_EFS_AT_ONCE))
        return (struct opt_int){0};
    call_timer_changed(c);
    return opt_int(c->now_ms + EFS_STATE_MS);
}

int64_t efs_limit(struct opt_int wanted, int64_t most)
{
    return wanted.set && wanted.v < most ? wanted.v : most;
}

int efs_page(struct call *c, slice kind, slice token, int64_t *after)
{
    slice key;
    *after = 0;
    if (page_key(c->arena, kind, token, &key) != 0 || (key.len > 0 && !slice_to_int64(key, after)))
        return fail(c, &efs_bad_request, "Invalid token: '%.*s'", SLICE_ARG(token));
    return 0;
}

slice efs_page_token(struct call *c, slice kind, int64_t last)
{
    return page_token(c->arena, kind, arena_printf(c->arena, "%lld", (long long)last));
}

int64_t efs_number(struct db_rows rows)
{
    int64_t number = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return number;
}

slice file_system_id(slice id_or_arn)
{
    slice head, tail;
    return slice_cut(id_or_arn, '/', &head, &tail) ? tail : id_or_arn;
}

bool file_system_next(struct call *c, struct db_rows *rows, struct file_system *fs)
{
    if (!db_next(rows))
        return false;
    *fs = (struct file_system){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .token = db_text(rows, 2),
        .created_ms = db_int(rows, 3),
        .state = db_text(rows, 4),
        .performance_mode = db_text(rows, 5),
        .encrypted = db_int(rows, 6) != 0,
        .kms_key = db_text(rows, 7),
        .throughput_mode = db_text(rows, 8),
        .throughput = db_double(rows, 9),
        .eased_ms = db_int(rows, 10),
        .zone_name = db_text(rows, 11),
        .zone_id = db_text(rows, 12),
        .protection = db_text(rows, 13),
        .backup = db_text(rows, 14),
        .lifecycle = db_text(rows, 15),
        .policy = db_text(rows, 16),
        .bytes = db_int(rows, 17),
        .measured_ms = db_int(rows, 18),
        .measuring = db_int(rows, 19) != 0,
        .account = db_text(rows, 20),
        .region = db_text(rows, 21),
    };
    return true;
}

bool file_system_find(struct call *c, enum efs_sql statement, slice key, struct file_system *fs)
{
    struct db_rows rows = db_query(c->db, statement, "ttt", c->account, c->region, key);
    bool found = file_system_next(c, &rows, fs);
    db_done(&rows);
    return found;
}

static slice arn(struct call *c, slice name)
{
    return arena_printf(c->arena, "arn:aws:elasticfilesystem:%.*s:%.*s:file-system/%.*s", SLICE_ARG(c->region),
                        SLICE_ARG(c->account), SLICE_ARG(name));
}

int file_system_get(struct call *c, slice id, struct file_system *fs)
{
    slice name = file_system_id(id);
    bool foreign = name.ptr != id.ptr && !slice_eq(id, arn(c, name));
    if (foreign || !file_system_find(c, EFS_SQL_FILE_SYSTEM_GET, name, fs))
        return fail(c, &efs_file_system_not_found, "File system '%.*s' does not exist.", SLICE_ARG(name));
    return 0;
}

int file_system_get_available(struct call *c, slice id, struct file_system *fs)
{
    TRY(file_system_get(c, id, fs));
    if (!slice_eq(fs->state, S("available")))
        return fail(c, &efs_incorrect_file_system_life_cycle_state,
                    "File system '%.*s' is not in the correct state: its life cycle state is %.*s.",
                    SLICE_ARG(fs->name), SLICE_ARG(fs->state));
    return 0;
}

static struct efs_file_system_size *size_of(struct call *c, const struct file_system *fs)
{
    struct efs_file_system_size *size = arena_alloc(c->arena, sizeof(*size));
    size->value = size->value_in_standard = opt_int(fs->bytes);
    size->value_in_ia = size->value_in_archive = opt_int(0);
    if (fs->measured_ms > 0)
        size->timestamp = opt_int(fs->measured_ms);
    return size;
}

void file_system_describe(struct call *c, const struct file_system *fs, struct efs_file_system_description *out)
{
    out->owner_id = c->account;
    out->creation_token = fs->token;
    out->file_system_id = fs->name;
    out->file_system_arn = arn(c, fs->name);
    out->creation_time = opt_int(fs->created_ms);
    out->life_cycle_state = fs->state;
    out->number_of_mount_targets = opt_int(efs_number(db_query(c->db, EFS_SQL_MOUNT_TARGET_COUNT, "i", fs->id)));
    out->size_in_bytes = size_of(c, fs);
    out->performance_mode = fs->performance_mode;
    out->encrypted = opt_bool(fs->encrypted);
    out->kms_key_id = fs->kms_key;
    out->throughput_mode = fs->throughput_mode;
    if (fs->throughput > 0)
        out->provisioned_throughput_in_mibps = opt_double(fs->throughput);
    out->availability_zone_name = fs->zone_name;
    out->availability_zone_id = fs->zone_id;
    tags_list(c, fs->name, &out->tags);
    out->name = tags_name(&out->tags);
    out->file_system_protection = arena_alloc(c->arena, sizeof(*out->file_system_protection));
    out->file_system_protection->replication_overwrite_protection = fs->protection;
}
