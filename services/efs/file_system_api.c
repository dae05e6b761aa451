/* file_system_api: file systems: create, describe, delete. */
#include "services/efs/efs.h"

#include "common/hash.h"
#include "common/ids.h"
#include "common/json.h"
#include "services/efs/leniency.h"

enum { MAX_ITEMS = 100, MAX_FILE_SYSTEMS = 1000, ID_DIGITS = 17 };

static const int64_t measure_again_ms = 3 * 1000;

/* A key's ARN. Without a key the account's default one for EFS, which is always the same. */
static slice key_arn(struct call *c, slice key)
{
    if (slice_starts(key, S("arn:")))
        return key;
    slice prefix = arena_printf(c->arena, "arn:aws:kms:%.*s:%.*s:", SLICE_ARG(c->region), SLICE_ARG(c->account));
    if (slice_starts(key, S("alias/")))
        return arena_concat(c->arena, prefix, key);
    if (!key.ptr) {
        uint64_t a = hash_bytes(prefix), b = hash_bytes(arena_concat(c->arena, prefix, S("efs")));
        key = arena_printf(c->arena, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a & 0xffffffff),
                           (unsigned)(a >> 32 & 0xffff), (unsigned)(a >> 48 & 0xfff), (unsigned)(b >> 48 & 0xfff),
                           (unsigned long long)(b & 0xffffffffffff));
    }
    return arena_printf(c->arena, "%.*skey/%.*s", SLICE_ARG(prefix), SLICE_ARG(key));
}

static int already_exists(struct call *c, const struct file_system *fs)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("FileSystemId"), val_string(fs->name));
    return fail_with(c, &efs_file_system_already_exists, extra,
                     "File system '%.*s' already exists with creation token '%.*s'", SLICE_ARG(fs->name),
                     SLICE_ARG(fs->token));
}

static int check_create(struct call *c, const struct efs_create_file_system_in *in, const struct file_system *fs)
{
    if (in->kms_key_id.ptr && !opt_bool_or(in->encrypted, false))
        return fail(c, &efs_bad_request, "You must set Encrypted to true to specify a KmsKeyId.");
    if (in->availability_zone_name.ptr && slice_eq(fs->performance_mode, S("maxIO")))
        return fail(c, &efs_bad_request, "The maxIO performance mode is not supported on One Zone file systems.");
    TRY(throughput_check(c, fs->throughput_mode, in->provisioned_throughput_in_mibps, fs->performance_mode));
    TRY(tags_check(c, &in->tags));
    if (efs_number(db_query(c->db, EFS_SQL_FILE_SYSTEM_COUNT, "tt", c->account, c->region)) >= MAX_FILE_SYSTEMS)
        return fail(c, &efs_file_system_limit_exceeded, "You have reached the limit of %d file systems.",
                    MAX_FILE_SYSTEMS);
    return 0;
}

static void insert(struct call *c, struct file_system *fs, struct opt_int end)
{
    db_run(c->db, EFS_SQL_FILE_SYSTEM_INSERT, "ttttitItittdttt", c->account, c->region, fs->name, fs->token,
           fs->created_ms, fs->state, end, fs->performance_mode, (int64_t)fs->encrypted, fs->kms_key,
           fs->throughput_mode, fs->throughput, fs->zone_name, fs->zone_id, fs->backup);
    fs->id = db_last_id(c->db);
}

int efs_create_file_system(struct call *c, const struct efs_create_file_system_in *in,
                           struct efs_create_file_system_out *out)
{
    struct file_system fs;
    if (file_system_find(c, EFS_SQL_FILE_SYSTEM_BY_TOKEN, in->creation_token, &fs))
        return already_exists(c, &fs);
    fs = (struct file_system){
        .name = arena_printf(c->arena, "fs-%.*s", SLICE_ARG(ids_hex(c->arena, ID_DIGITS))),
        .token = in->creation_token,
        .created_ms = c->now_ms,
        .performance_mode = in->performance_mode.ptr ? in->performance_mode : S("generalPurpose"),
        .encrypted = opt_bool_or(in->encrypted, false),
        .throughput_mode = in->throughput_mode.ptr ? in->throughput_mode : S("bursting"),
        .throughput = in->provisioned_throughput_in_mibps.set ? in->provisioned_throughput_in_mibps.v : 0,
        .zone_name = in->availability_zone_name,
        .protection = S("ENABLED"),
        .backup = opt_bool_or(in->backup, in->availability_zone_name.ptr != NULL) ? S("ENABLED") : S("DISABLED"),
        .bytes = 6144,
    };
    TRY(check_create(c, in, &fs));
    if (in->availability_zone_name.ptr)
        TRY(network_zone_id(c, in->availability_zone_name, &fs.zone_id));
    if (fs.encrypted)
        fs.kms_key = key_arn(c, in->kms_key_id);
    struct opt_int end = efs_state_end(c);
    fs.state = end.set ? S("creating") : S("available");
    TRY(directory_make(c, fs.name));
    insert(c, &fs, end);
    tags_set(c, fs.name, &in->tags);
    file_system_describe(c, &fs, out);
    return 0;
}

/* Sizes are found out in the background, now and then, when somebody looks. */
static void look_again(struct call *c, const struct file_system *fs)
{
    if (fs->measuring || c->now_ms < fs->measured_ms + measure_again_ms)
        return;
    db_run(c->db, EFS_SQL_FILE_SYSTEM_MEASURE, "i", fs->id);
    call_timer_changed(c);
}

static void add(struct call *c, const struct file_system *fs, struct efs_describe_file_systems_out *out)
{
    look_again(c, fs);
    file_system_describe(c, fs, list_add(c->arena, &out->file_systems));
}

static int describe_one(struct call *c, const struct efs_describe_file_systems_in *in,
                        struct efs_describe_file_systems_out *out)
{
    struct file_system fs;
    if (in->file_system_id.ptr) {
        int result = file_system_get(c, in->file_system_id, &fs);
        if (result == CALL_FAILED && leniency_on(c, EFS_LENIENCY_EFS_GONE_IS_EMPTY))
            return 0;
        TRY(result);
    } else if (!file_system_find(c, EFS_SQL_FILE_SYSTEM_BY_TOKEN, in->creation_token, &fs)) {
        return 0;
    }
    if (!in->creation_token.ptr || slice_eq(in->creation_token, fs.token))
        add(c, &fs, out);
    return 0;
}

int efs_describe_file_systems(struct call *c, const struct efs_describe_file_systems_in *in,
                              struct efs_describe_file_systems_out *out)
{
    int64_t after, limit = efs_limit(in->max_items, MAX_ITEMS);
    struct {
        struct file_system *items;
        size_t len;
        bool set;
    } found = {0};
    struct file_system fs;
    out->marker = in->marker;
    if (in->file_system_id.ptr || in->creation_token.ptr)
        return describe_one(c, in, out);
    TRY(efs_page(c, S("DescribeFileSystems"), in->marker, &after));
    struct db_rows rows = db_query(c->db, EFS_SQL_FILE_SYSTEM_LIST, "ttii", c->account, c->region, after, limit + 1);
    while (file_system_next(c, &rows, &fs))
        *list_add(c->arena, &found) = fs;
    list_foreach (one, &found) {
        if ((int64_t)out->file_systems.len == limit) {
            out->next_marker = efs_page_token(c, S("DescribeFileSystems"), after);
            break;
        }
        add(c, one, out);
        after = one->id;
    }
    return 0;
}

void file_system_remove(struct call *c, const struct file_system *fs)
{
    directory_discard(c, fs->account, fs->region, fs->name);
    db_run(c->db, EFS_SQL_TAG_DELETE_POINTS, "i", fs->id);
    db_run(c->db, EFS_SQL_TAG_DELETE_ALL, "t", fs->name);
    db_run(c->db, EFS_SQL_ACCESS_POINT_DELETE_OF, "i", fs->id);
    db_run(c->db, EFS_SQL_FILE_SYSTEM_DELETE, "i", fs->id);
    call_timer_changed(c);
}

int efs_delete_file_system(struct call *c, const struct efs_delete_file_system_in *in,
                           struct efs_delete_file_system_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    if (slice_eq(fs.state, S("deleting")))
        return 0;
    if (efs_number(db_query(c->db, EFS_SQL_MOUNT_TARGET_COUNT, "i", fs.id)) > 0) {
        if (!leniency_on(c, EFS_LENIENCY_EFS_IN_USE))
            return fail(c, &efs_file_system_in_use, "File system '%.*s' is in use: it has mount targets.",
                        SLICE_ARG(fs.name));
        mount_target_remove_all(c, &fs);
    }
    struct opt_int end = efs_state_end(c);
    if (end.set)
        db_run(c->db, EFS_SQL_FILE_SYSTEM_STATE, "tIi", S("deleting"), end, fs.id);
    else
        file_system_remove(c, &fs);
    return 0;
}
