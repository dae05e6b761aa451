/* service: EFS as the worker library sees it. */
#include "services/efs/efs.h"

#include "proto/codec.h"
#include "services/efs/leniency.h"
#include "services/worker/worker.h"

extern const char *const efs_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/efs/sql.def"
#undef SQL
};

static const struct service_event events[] = {
    {S("CreateRequesterInterfaceDone"), mount_target_interface_made},
    {S("DeleteRequesterInterfaceDone"), mount_target_interface_gone},
    {S("ResolveMount"), resolve_mount},
    {S("MeasureFileSystem"), due_measure},
    {S("RemoveDirectories"), due_remove},
    {{NULL, 0}, NULL},
};

static const struct service_question questions[] = {
    {S("ResolveMount"), resolve_mount_asked},
    {{NULL, 0}, NULL},
};

static int reset(struct call *c)
{
    directory_discard_all(c);
    return 0;
}

enum { MAX_NETWORK_ID = 64 };

/* Ids of subnets and groups that AWS never gives: shorter ones, or with other letters. */
static bool tolerates(struct call *c, const struct violation *violation)
{
    bool groups = slice_eq(violation->path, S("securityGroups"));
    bool subnet =
        slice_eq(violation->path, S("subnetId")) && violation->value.len > 0 && violation->value.len <= MAX_NETWORK_ID;
    return (groups || subnet) && leniency_on(c, EFS_LENIENCY_UNKNOWN_NETWORKS);
}

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/efs/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service efs_process = {
    .api = &efs_api,
    .migrations = efs_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .questions = questions,
    .timer = due_run,
    .reset = reset,
    .tolerates = tolerates,
    .action_prefix = S("elasticfilesystem"),
    .leniencies = leniencies,
};
