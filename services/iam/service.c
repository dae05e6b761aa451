/* service: IAM as the worker library sees it. */
#include "services/iam/iam.h"

#include "services/worker/worker.h"

extern const char *const iam_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/iam/sql.def"
#undef SQL
};

static const struct service_question questions[] = {
    {S("Caller"), authorize_caller}, {S("Key"), authorize_key}, {S("Role"), authorize_role},
    {S("Secret"), authorize_secret}, {{NULL, 0}, NULL},
};

const struct service iam_process = {
    .api = &iam_api,
    .migrations = iam_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .timer = linked_run_due,
    .questions = questions,
    .keeps_credentials = true,
};
