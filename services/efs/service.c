/* service: EFS as the worker library sees it. */
#include "services/efs/efs.h"

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
    {{NULL, 0}, NULL},
};

static int reset(struct call *c)
{
    directory_discard_all(c);
    return 0;
}

const struct service efs_process = {
    .api = &efs_api,
    .migrations = efs_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .events = events,
    .timer = due_run,
    .reset = reset,
};
