/* mount_target: mount targets, their interfaces in EC2 and their security groups. The interface is made and removed by
 * EC2; a mount target is available when EC2 says it has one. */
#include "services/efs/efs.h"

#include "common/buf.h"
#include "common/ids.h"
#include "common/json.h"
#include "services/efs/leniency.h"

enum { MAX_ITEMS = 100, ID_DIGITS = 17 };

struct mount_target {
    int64_t id;
    slice name;
    slice state;
    bool managed; /* has, or will have, an interface in EC2 */
    slice subnet, vpc, zone_name, zone_id, address, interface;
    slice groups; /* separated by commas */
    slice file_system;
    slice account, region;
    int64_t file_system_row;
};

struct mount_targets {
    struct mount_target *items;
    size_t len;
    bool set;
};

static bool next(struct db_rows *rows, struct mount_target *target)
{
    if (!db_next(rows))
        return false;
    *target = (struct mount_target){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .state = db_text(rows, 2),
        .managed = db_int(rows, 3) != 0,
        .subnet = db_text(rows, 4),
        .vpc = db_text(rows, 5),
        .zone_name = db_text(rows, 6),
        .zone_id = db_text(rows, 7),
        .address = db_text(rows, 8),
        .interface = db_text(rows, 9),
        .groups = db_text(rows, 10),
        .file_system = db_text(rows, 11),
        .account = db_text(rows, 12),
        .region = db_text(rows, 13),
        .file_system_row = db_int(rows, 14),
    };
    return true;
}

static struct mount_targets all(struct call *c, struct db_rows rows)
{
    struct mount_targets list = {0};
    struct mount_target target;
    while (next(&rows, &target))
        *list_add(c->arena, &list) = target;
    return list;
}

static int get(struct call *c, slice name, struct mount_target *target)
{
    struct db_rows rows = db_query(c->db, EFS_SQL_MOUNT_TARGET_GET, "ttt", name, c->account, c->region);
    bool found = next(&rows, target);
    db_done(&rows);
    if (!found)
        return fail(c, &efs_mount_target_not_found, "Mount target '%.*s' does not exist.", SLICE_ARG(name));
    return 0;
}

static void describe(struct call *c, const struct mount_target *target, struct efs_mount_target_description *out)
{
    out->owner_id = c->account;
    out->mount_target_id = target->name;
    out->file_system_id = target->file_system;
    out->subnet_id = target->subnet;
    out->life_cycle_state = target->state;
    out->ip_address = target->address;
    out->network_interface_id = target->interface;
    out->availability_zone_id = target->zone_id;
    out->availability_zone_name = target->zone_name;
    out->vpc_id = target->vpc;
}

static slice joined(struct call *c, const struct slice_list *groups)
{
    struct buf text;
    buf_init(&text, c->arena);
    list_foreach (group, groups) {
        buf_add(&text, text.len > 0 ? S(",") : S(""));
        buf_add(&text, *group);
    }
    return buf_slice(&text);
}

static void ask_for_interface(struct call *c, const struct mount_target *target)
{
    slice group, rest = target->groups;
    struct json_writer *w = json_writer_open(c->arena);
    const struct pair fields[] = {
        {S("key"), target->name},
        {S("account"), target->account},
        {S("region"), target->region},
        {S("subnetId"), target->subnet},
        {S("interfaceType"), S("efs")},
        {S("requesterId"), S("amazon-efs")},
        {S("privateIpAddress"), target->address},
    };
    json_object_begin(w);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (!fields[i].value.ptr)
            continue;
        json_key(w, fields[i].key);
        json_string(w, fields[i].value);
    }
    json_key(w, S("description"));
    json_string(w, arena_printf(c->arena, "EFS mount target for %.*s (%.*s)", SLICE_ARG(target->file_system),
                                SLICE_ARG(target->name)));
    json_key(w, S("groups"));
    json_array_begin(w);
    while (rest.len > 0) {
        slice_cut(rest, ',', &group, &rest);
        json_string(w, group);
    }
    json_array_end(w);
    json_object_end(w);
    call_effect(c, S("ec2"), S("CreateRequesterInterface"), json_writer_close(w));
}

static void give_interface_back(struct call *c, const struct mount_target *target)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("key"));
    json_string(w, target->name);
    json_key(w, S("account"));
    json_string(w, target->account);
    json_key(w, S("region"));
    json_string(w, target->region);
    json_object_end(w);
    call_effect(c, S("ec2"), S("DeleteRequesterInterface"), json_writer_close(w));
}

/* One per zone, all in one VPC. */
static int check_place(struct call *c, const struct file_system *fs, const struct placement *placement, slice place)
{
    if (efs_number(db_query(c->db, EFS_SQL_MOUNT_TARGET_PLACE, "it", fs->id, place)) > 0)
        return fail(c, &efs_mount_target_conflict, "mount target already exists in this AZ");
    if (placement->vpc.ptr &&
        efs_number(db_query(c->db, EFS_SQL_MOUNT_TARGET_OTHER_VPC, "it", fs->id, placement->vpc)) > 0)
        return fail(c, &efs_mount_target_conflict,
                    "requested subnet for new mount target is not in the same VPC as existing mount targets");
    if (fs->zone_name.ptr && placement->zone_name.ptr && !slice_eq(fs->zone_name, placement->zone_name))
        return fail(c, &efs_availability_zones_mismatch,
                    "The Availability Zone of the subnet is not that of the One Zone file system.");
    return 0;
}

static void insert(struct call *c, struct mount_target *target, slice place, struct opt_int end)
{
    db_run(c->db, EFS_SQL_MOUNT_TARGET_INSERT, "ittttIitttttttt", target->file_system_row, target->account,
           target->region, target->name, target->state, end, (int64_t)target->managed, target->subnet, target->vpc,
           target->zone_name, target->zone_id, place, target->address, target->interface, target->groups);
    target->id = db_last_id(c->db);
}

int efs_create_mount_target(struct call *c, const struct efs_create_mount_target_in *in,
                            struct efs_create_mount_target_out *out)
{
    struct file_system fs;
    struct placement placement;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    TRY(network_place(c, in, &placement));
    slice place = placement.zone_name.ptr ? placement.zone_name : placement.subnet;
    TRY(check_place(c, &fs, &placement, place));
    struct mount_target target = {
        .name = arena_printf(c->arena, "fsmt-%.*s", SLICE_ARG(ids_hex(c->arena, ID_DIGITS))),
        .state = S("creating"),
        .managed = placement.known,
        .subnet = placement.subnet,
        .vpc = placement.vpc,
        .zone_name = placement.zone_name,
        .zone_id = placement.zone_id,
        .address = placement.address,
        .groups = joined(c, &placement.groups),
        .file_system = fs.name,
        .account = c->account,
        .region = c->region,
        .file_system_row = fs.id,
    };
    struct opt_int end = {0};
    if (!target.managed) {
        target.interface = arena_printf(c->arena, "eni-%.*s", SLICE_ARG(ids_hex(c->arena, ID_DIGITS)));
        end = efs_state_end(c);
        target.state = end.set ? target.state : S("available");
    } else if (leniency_on(c, EFS_LENIENCY_EFS_AT_ONCE))
        target.state = S("available"); /* its interface comes later */
    insert(c, &target, place, end);
    if (target.managed)
        ask_for_interface(c, &target);
    describe(c, &target, out);
    return 0;
}

static void end_one(struct call *c, const struct mount_target *target)
{
    db_run(c->db, EFS_SQL_MOUNT_TARGET_DELETE, "i", target->id);
}

/* The mount target an event's request is about. */
static int of_event(struct call *c, slice body, struct val *event, struct mount_target *target)
{
    slice why;
    if (json_parse(c->arena, body, event, &why) != 0)
        return FAULT_MESSAGE;
    slice name = val_get_string(val_get(event, S("request")), S("key"));
    struct db_rows rows = db_query(c->db, EFS_SQL_MOUNT_TARGET_FIND, "t", name.ptr ? name : S(""));
    bool found = next(&rows, target);
    db_done(&rows);
    return found ? 0 : NOT_FOUND;
}

int mount_target_interface_made(struct call *c, slice body)
{
    struct val event;
    struct mount_target target;
    int result = of_event(c, body, &event, &target);
    bool waits = result == 0 && (slice_eq(target.state, S("creating")) ||
                                 (slice_eq(target.state, S("available")) && target.interface.len == 0));
    if (result == NOT_FOUND || (result == 0 && !waits))
        return 0;
    TRY(result);
    const struct val *reply = val_get(&event, S("reply"));
    slice interface = val_get_string(reply, S("networkInterfaceId"));
    if (val_get_int(&event, S("status"), 0) != 200 || !interface.ptr) {
        db_run(c->db, EFS_SQL_MOUNT_TARGET_STATE, "tIi", S("error"), (struct opt_int){0}, target.id);
        return 0;
    }
    db_run(c->db, EFS_SQL_MOUNT_TARGET_READY, "ttttti", val_get_string(reply, S("privateIpAddress")), interface,
           val_get_string(reply, S("vpcId")), val_get_string(reply, S("availabilityZone")),
           val_get_string(reply, S("availabilityZoneId")), target.id);
    return 0;
}

int mount_target_interface_gone(struct call *c, slice body)
{
    struct val event;
    struct mount_target target;
    int result = of_event(c, body, &event, &target);
    if (result == 0 && slice_eq(target.state, S("deleting")))
        end_one(c, &target);
    return result == NOT_FOUND ? 0 : result;
}

void mount_target_advance_due(struct call *c)
{
    struct mount_targets due = all(c, db_query(c->db, EFS_SQL_MOUNT_TARGET_DUE, "i", c->now_ms));
    list_foreach (target, &due) {
        if (slice_eq(target->state, S("deleting")))
            end_one(c, target);
        else
            db_run(c->db, EFS_SQL_MOUNT_TARGET_STATE, "tIi", S("available"), (struct opt_int){0}, target->id);
    }
}

void mount_target_remove_all(struct call *c, const struct file_system *fs)
{
    struct mount_targets targets = all(c, db_query(c->db, EFS_SQL_MOUNT_TARGET_LIST, "ii", fs->id, (int64_t)0));
    list_foreach (target, &targets) {
        if (target->managed && !slice_eq(target->state, S("deleting")))
            give_interface_back(c, target);
        end_one(c, target);
    }
}

int efs_delete_mount_target(struct call *c, const struct efs_delete_mount_target_in *in,
                            struct efs_delete_mount_target_out *out)
{
    struct mount_target target;
    TRY(get(c, in->mount_target_id, &target));
    if (slice_eq(target.state, S("deleting")))
        return 0;
    struct opt_int end = {0};
    if (target.managed) {
        give_interface_back(c, &target);
    } else {
        end = efs_state_end(c);
        if (!end.set) {
            end_one(c, &target);
            return 0;
        }
    }
    db_run(c->db, EFS_SQL_MOUNT_TARGET_STATE, "tIi", S("deleting"), end, target.id);
    return 0;
}

/* Which file system the list is of. */
static int scope(struct call *c, const struct efs_describe_mount_targets_in *in, struct file_system *fs)
{
    slice of;
    if (in->file_system_id.ptr)
        return file_system_get(c, in->file_system_id, fs);
    TRY(access_point_file_system(c, in->access_point_id, &of));
    return file_system_get(c, of, fs);
}

int efs_describe_mount_targets(struct call *c, const struct efs_describe_mount_targets_in *in,
                               struct efs_describe_mount_targets_out *out)
{
    struct mount_target target;
    struct file_system fs;
    int64_t after, limit = efs_limit(in->max_items, MAX_ITEMS);
    int given =
        (in->file_system_id.ptr != NULL) + (in->mount_target_id.ptr != NULL) + (in->access_point_id.ptr != NULL);
    if (given != 1)
        return fail(c, &efs_bad_request,
                    "One of the following must be specified: FileSystemId, MountTargetId or AccessPointId.");
    out->marker = in->marker;
    if (in->mount_target_id.ptr) {
        TRY(get(c, in->mount_target_id, &target));
        describe(c, &target, list_add(c->arena, &out->mount_targets));
        return 0;
    }
    TRY(scope(c, in, &fs));
    TRY(efs_page(c, S("DescribeMountTargets"), in->marker, &after));
    struct mount_targets targets = all(c, db_query(c->db, EFS_SQL_MOUNT_TARGET_LIST, "ii", fs.id, after));
    list_foreach (one, &targets) {
        if ((int64_t)out->mount_targets.len == limit) {
            out->next_marker = efs_page_token(c, S("DescribeMountTargets"), after);
            break;
        }
        describe(c, one, list_add(c->arena, &out->mount_targets));
        after = one->id;
    }
    return 0;
}

int efs_describe_mount_target_security_groups(struct call *c,
                                              const struct efs_describe_mount_target_security_groups_in *in,
                                              struct efs_describe_mount_target_security_groups_out *out)
{
    struct mount_target target;
    slice group, rest;
    TRY(get(c, in->mount_target_id, &target));
    if (slice_eq(target.state, S("deleting")))
        return fail(c, &efs_incorrect_mount_target_state, "Mount target '%.*s' is being deleted.",
                    SLICE_ARG(target.name));
    for (rest = target.groups; rest.len > 0;) {
        slice_cut(rest, ',', &group, &rest);
        *list_add(c->arena, &out->security_groups) = group;
    }
    out->security_groups.set = true;
    return 0;
}

int efs_modify_mount_target_security_groups(struct call *c, const struct efs_modify_mount_target_security_groups_in *in,
                                            struct efs_modify_mount_target_security_groups_out *out)
{
    struct mount_target target;
    struct slice_list groups = {in->security_groups.items, in->security_groups.len, true};
    TRY(get(c, in->mount_target_id, &target));
    if (slice_eq(target.state, S("deleting")))
        return fail(c, &efs_incorrect_mount_target_state, "Mount target '%.*s' is being deleted.",
                    SLICE_ARG(target.name));
    TRY(network_check_groups(c, &groups, target.vpc));
    db_run(c->db, EFS_SQL_MOUNT_TARGET_GROUPS, "ti", joined(c, &groups), target.id);
    return 0;
}
