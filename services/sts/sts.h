/* sts: what the files of the sts service share: who a caller is, and temporary credentials. */
#pragma once

#include "services/worker/call.h"
#include "sts_api.h"

enum sts_sql {
#define SQL(name, text) STS_SQL_##name,
#include "services/sts/sql.def"
#undef SQL
};

extern const struct service sts_process;

struct identity {
    slice account;
    slice arn;
    slice user_id;
    slice principal; /* the ARN of the role, user or root whose permissions it has */
    slice policies;  /* of a session: the JSON array of what narrows it; absent: nothing */
    bool is_role;    /* a role's session */
    bool is_session; /* of credentials handed out here */
};

/* Who signed the call. Expired credentials fail. */
int session_caller(struct call *c, struct identity *identity);

/* The question Session of the iam service: {accessKey} → {found, arn, account, principal, policies}. */
int session_answer(struct call *c, slice body, slice *reply);

/* The question Secret of who verifies signatures: {accessKey} → {active, expired, secret, token, expiresAt}. */
int session_secret(struct call *c, slice body, slice *reply);

/* The question ServiceRole: {role, service: "lambda.amazonaws.com", session, seconds} → {accessKeyId, secretAccessKey,
 * sessionToken, expiresAt}. Without seconds only whether the role trusts the service: {}. AccessDenied when not. */
int service_role_answer(struct call *c, slice body, slice *reply);

/* Session policies: their form and size; *packed_size when there are any. */
int session_check_policies(struct call *c, slice policy, const struct sts_policy_descriptor_list_type *arns,
                           struct opt_int *packed_size);

/* They as the JSON array that is kept. */
slice session_policies(struct call *c, slice policy, const struct sts_policy_descriptor_list_type *arns);

/* role.c: the role a call is about. */
slice role_resource(struct call *c, const void *in);

/* The tags of a session: none reserved, none twice. */
int role_check_tags(struct call *c, const struct sts_tag_list_type *tags);

/* Makes and keeps credentials for an identity. */
struct sts_credentials *session_create(struct call *c, const struct identity *identity, int64_t seconds);

/* The timer: forgets sessions a day behind their end, until when they are answered with "expired". */
int session_expire(struct call *c, int64_t *next_due_ms);

/* There are none any more. */
int session_reset(struct call *c);
