/* role: what assuming a role needs, whoever assumes it. */
#pragma once

#include "services/sts/sts.h"
#include "services/policy/policy.h"

struct role {
    slice arn;
    slice account;
    slice name;
    bool found;
    slice id;
    slice trust;
    int64_t max_seconds;
};

/* Account and name in arn:aws:iam::ACCOUNT:role/PATH/NAME. */
int role_parse_arn(struct call *c, slice arn, struct role *role);

/* Asks iam for the rest. */
int role_find(struct call *c, struct role *role);

/* Whether its trust policy allows the request; one that does not exist trusts nobody, or everybody with leniency. */
bool role_is_trusted(struct call *c, const struct role *role, const struct policy_request *request);
int role_check_duration(struct call *c, const struct role *role, int64_t seconds);

/* The identity of a session of that role. */
void role_begin_session(struct call *c, const struct role *role, slice session_name, struct identity *session);
