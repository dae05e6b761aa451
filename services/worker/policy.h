/* policy: IAM policy documents: parsed and checked, and evaluated as AWS does: identity, resource, session and boundary
 * policies, with conditions. Needs no call: services use it on any document. */
#pragma once

#include "common/list.h"

struct arena;
struct val;

/* What a document is for: it decides which elements it must and must not have, and the words of a refusal. */
enum policy_use {
    POLICY_IDENTITY, /* of a user, role or group, a boundary or a session: no principals */
    POLICY_TRUST,    /* of a role: who may assume it; no resources */
    POLICY_RESOURCE, /* of a bucket, a key, a repository …: with principals */
};

enum policy_effect { POLICY_ALLOW, POLICY_DENY };

/* Where something begins or ends in the text, both counted from 1. */
struct policy_position {
    int64_t line;
    int64_t column;
};

struct policy_statement {
    slice sid;
    enum policy_effect effect;
    struct slice_list actions; /* or NotAction */
    struct slice_list resources;
    const struct val *principal;  /* or NotPrincipal; NULL: none */
    const struct val *conditions; /* operator → key → values; NULL: none */
    bool not_action, not_resource, not_principal;
    struct policy_position start, end;
};

struct policy_statement_list {
    struct policy_statement *items;
    size_t len;
    bool set;
};

struct policy {
    bool variables; /* version 2012-10-17: ${…} is replaced */
    struct policy_statement_list statements;
};

/* Parses and checks one document; the text must outlive the policy. Answers 0, or BAD_INPUT with AWS's text of
 * MalformedPolicyDocument in *why. */
int policy_parse(struct arena *arena, slice text, enum policy_use use, struct policy **policy, slice *why);
