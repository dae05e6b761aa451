/* settings: what a file system has one of: policy, lifecycle, backup, protection, replication; and the account's
 * preferences. */
#include "services/efs/efs.h"

#include "common/json.h"

int efs_put_file_system_policy(struct call *c, const struct efs_put_file_system_policy_in *in,
                               struct efs_put_file_system_policy_out *out)
{
    struct file_system fs;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    TRY(policy_check(c, &fs, in->policy));
    db_run(c->db, EFS_SQL_FILE_SYSTEM_POLICY, "ti", in->policy, fs.id);
    out->file_system_id = fs.name;
    out->policy = in->policy;
    return 0;
}

int efs_describe_file_system_policy(struct call *c, const struct efs_describe_file_system_policy_in *in,
                                    struct efs_describe_file_system_policy_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    if (!fs.policy.ptr)
        return fail(c, &efs_policy_not_found, "File system policy does not exist for file system '%.*s'.",
                    SLICE_ARG(fs.name));
    out->file_system_id = fs.name;
    out->policy = fs.policy;
    return 0;
}

int efs_delete_file_system_policy(struct call *c, const struct efs_delete_file_system_policy_in *in,
                                  struct efs_delete_file_system_policy_out *out)
{
    struct file_system fs;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    db_run(c->db, EFS_SQL_FILE_SYSTEM_POLICY, "ti", (slice){NULL, 0}, fs.id);
    return 0;
}

/* "AFTER_30_DAYS" → 30. */
static int64_t days_of(slice rule)
{
    slice head, tail;
    int64_t days = 0;
    slice_cut(rule, '_', &head, &tail);
    slice_cut(tail, '_', &head, &tail);
    slice_to_int64(head, &days);
    return days;
}

static int check_lifecycle(struct call *c, const struct file_system *fs, const struct efs_lifecycle_policies *policies)
{
    slice ia = {NULL, 0}, archive = {NULL, 0}, primary = {NULL, 0};
    list_foreach (policy, policies) {
        int given = (policy->transition_to_ia.ptr != NULL) + (policy->transition_to_archive.ptr != NULL) +
                    (policy->transition_to_primary_storage_class.ptr != NULL);
        if (given != 1)
            return fail(c, &efs_bad_request, "Each LifecyclePolicy object must have exactly one transition.");
        if ((policy->transition_to_ia.ptr && ia.ptr) || (policy->transition_to_archive.ptr && archive.ptr) ||
            (policy->transition_to_primary_storage_class.ptr && primary.ptr))
            return fail(c, &efs_bad_request, "A transition must not be given twice in LifecyclePolicies.");
        ia = policy->transition_to_ia.ptr ? policy->transition_to_ia : ia;
        archive = policy->transition_to_archive.ptr ? policy->transition_to_archive : archive;
        primary =
            policy->transition_to_primary_storage_class.ptr ? policy->transition_to_primary_storage_class : primary;
    }
    if (!archive.ptr)
        return 0;
    if (!slice_eq(fs->throughput_mode, S("elastic")))
        return fail(c, &efs_bad_request,
                    "TransitionToArchive is only available for file systems that use the Elastic throughput mode.");
    if (ia.ptr && days_of(archive) <= days_of(ia))
        return fail(c, &efs_bad_request, "TransitionToArchive must be later than TransitionToIA.");
    return 0;
}

int efs_put_lifecycle_configuration(struct call *c, const struct efs_put_lifecycle_configuration_in *in,
                                    struct efs_put_lifecycle_configuration_out *out)
{
    struct file_system fs;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    TRY(check_lifecycle(c, &fs, &in->lifecycle_policies));
    out->lifecycle_policies = in->lifecycle_policies;
    slice text = api_to_json(c->arena, &efs_shape_lifecycle_configuration_description, out);
    db_run(c->db, EFS_SQL_FILE_SYSTEM_LIFECYCLE, "ti", text, fs.id);
    return 0;
}

int efs_describe_lifecycle_configuration(struct call *c, const struct efs_describe_lifecycle_configuration_in *in,
                                         struct efs_describe_lifecycle_configuration_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    if (fs.lifecycle.ptr)
        api_from_json(c->arena, &efs_shape_lifecycle_configuration_description, fs.lifecycle, out);
    out->lifecycle_policies.set = true;
    return 0;
}

static void answer_backup(struct call *c, slice status, struct efs_backup_policy_description *out)
{
    out->backup_policy = arena_alloc(c->arena, sizeof(*out->backup_policy));
    out->backup_policy->status = status;
}

int efs_put_backup_policy(struct call *c, const struct efs_put_backup_policy_in *in,
                          struct efs_put_backup_policy_out *out)
{
    struct file_system fs;
    slice status = in->backup_policy->status;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    if (!slice_eq(status, S("ENABLED")) && !slice_eq(status, S("DISABLED")))
        return fail(c, &efs_bad_request, "Status must be ENABLED or DISABLED.");
    db_run(c->db, EFS_SQL_FILE_SYSTEM_BACKUP, "ti", status, fs.id);
    answer_backup(c, status, out);
    return 0;
}

int efs_describe_backup_policy(struct call *c, const struct efs_describe_backup_policy_in *in,
                               struct efs_describe_backup_policy_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    answer_backup(c, fs.backup, out);
    return 0;
}

int efs_update_file_system_protection(struct call *c, const struct efs_update_file_system_protection_in *in,
                                      struct efs_update_file_system_protection_out *out)
{
    struct file_system fs;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    slice wanted = in->replication_overwrite_protection.ptr ? in->replication_overwrite_protection : fs.protection;
    if (slice_eq(wanted, S("REPLICATING")))
        return fail(c, &efs_bad_request, "ReplicationOverwriteProtection cannot be set to REPLICATING.");
    db_run(c->db, EFS_SQL_FILE_SYSTEM_PROTECTION, "ti", wanted, fs.id);
    out->replication_overwrite_protection = wanted;
    return 0;
}

/* Replications cannot be made, so a file system has none. */
int efs_describe_replication_configurations(struct call *c, const struct efs_describe_replication_configurations_in *in,
                                            struct efs_describe_replication_configurations_out *out)
{
    struct file_system fs;
    int64_t after;
    TRY(efs_page(c, S("DescribeReplicationConfigurations"), in->next_token, &after));
    if (!in->file_system_id.ptr)
        return 0;
    TRY(file_system_get(c, in->file_system_id, &fs));
    return fail(c, &efs_replication_not_found, "Replication configuration for file system '%.*s' does not exist.",
                SLICE_ARG(fs.name));
}

/* Ids are long, as they are for every account since 2021. */
int efs_describe_account_preferences(struct call *c, const struct efs_describe_account_preferences_in *in,
                                     struct efs_describe_account_preferences_out *out)
{
    int64_t after;
    TRY(efs_page(c, S("DescribeAccountPreferences"), in->next_token, &after));
    out->resource_id_preference = arena_alloc(c->arena, sizeof(*out->resource_id_preference));
    out->resource_id_preference->resource_id_type = S("LONG_ID");
    *list_add(c->arena, &out->resource_id_preference->resources) = S("FILE_SYSTEM");
    *list_add(c->arena, &out->resource_id_preference->resources) = S("MOUNT_TARGET");
    out->resource_id_preference->resources.set = true;
    return 0;
}
