/* sts: what the files of the sts service share: who a caller is, and temporary credentials. */
#pragma once

#include "services/worker/call.h"

enum sts_sql {
#define SQL(name, text) STS_SQL_##name,
#include "services/sts/sql.def"
#undef SQL
};

extern const struct service sts_service;

struct identity {
    slice account;
    slice arn;
    slice user_id;
    bool is_role;    /* a role's session */
    bool is_session; /* of credentials handed out here */
};

/* Who signed the call. Expired credentials fail. */
int session_caller(struct call *c, struct identity *identity);

/* Makes and keeps credentials for an identity. */
struct sts_credentials *session_create(struct call *c, const struct identity *identity, int64_t seconds);

/* The timer: forgets sessions a day behind their end, until when they are answered with "expired". */
int session_expire(struct call *c, int64_t *next_due_ms);
