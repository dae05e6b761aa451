/* service: STS as the worker library sees it. */
#include "services/sts/sts.h"

#include "services/worker/worker.h"
#include "sts_api.h"

extern const char *const sts_migrations[];

static const char *const statements[] = {
#define SQL(name, text) text,
#include "services/sts/sql.def"
#undef SQL
};

static const struct service_question questions[] = {
    {S("Session"), session_answer},
    {S("ServiceRole"), service_role_answer},
    {S("Secret"), session_secret},
    {{NULL, 0}, NULL},
};

static const struct service_action actions[] = {{S("GetCallerIdentity"), {NULL, 0}}, {{NULL, 0}, {NULL, 0}}};

static const slice leniencies[] = {
#define LENIENCY(name, word, what) S(word),
#include "services/sts/leniency.def"
#undef LENIENCY
    {NULL, 0},
};

const struct service sts_process = {
    .api = &sts_api,
    .migrations = sts_migrations,
    .statements = statements,
    .n_statements = sizeof(statements) / sizeof(*statements),
    .timer = session_expire,
    .reset = session_reset,
    .questions = questions,
    .resource = role_resource,
    .actions = actions,
    .leniencies = leniencies,
};
