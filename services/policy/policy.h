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

/* What a request says about itself: condition keys with their values; names are compared without case. */
struct policy_key {
    slice name;
    struct slice_list values;
};

struct policy_key_list {
    struct policy_key *items;
    size_t len;
    bool set;
};

/* Adds a value, to the key's others when it has some. An absent value adds nothing. */
void policy_key_add(struct arena *arena, struct policy_key_list *keys, slice name, slice value);

/* Who asks: one of arn, service and federated, or nobody (anonymous). */
struct policy_caller {
    slice account;
    slice arn;       /* of a user, the root, a role or a role's session */
    slice role;      /* of a session: the ARN of its role */
    slice service;   /* "ecs-tasks.amazonaws.com" */
    slice federated; /* the ARN of an identity provider */
};

struct policy_request {
    slice action;   /* "s3:GetObject" */
    slice resource; /* an ARN or "*" */
    slice owner;    /* the account the resource belongs to; absent: the caller's */
    struct policy_caller caller;
    const struct policy_key_list *keys;
};

/* A policy, and what to call it in results. */
struct policy_source {
    const struct policy *policy;
    slice text; /* what it was parsed from */
    slice id;
    slice type;
};

struct policy_source_list {
    struct policy_source *items;
    size_t len;
    bool set;
};

/* All policies that bear on a request. Boundary and session limit only when they are set. */
struct policy_set {
    struct policy_source_list identity;
    struct policy_source_list boundary;
    struct policy_source_list session;
    struct policy_source_list resource;
};

enum policy_decision { POLICY_ALLOWED, POLICY_EXPLICIT_DENY, POLICY_IMPLICIT_DENY };

struct policy_match {
    const struct policy_source *source;
    const struct policy_statement *statement;
};

struct policy_match_list {
    struct policy_match *items;
    size_t len;
    bool set;
};

struct policy_outcome {
    enum policy_decision decision;
    slice because; /* of a denial, in AWS's words: "no identity-based policy allows the s3:GetObject action" */
    struct policy_match_list matched; /* the denying statements, or the allowing ones */
    struct slice_list missing;        /* condition keys that were asked for and not given */
    bool identity_allows, resource_allows, boundary_allows;
};

/* AWS's evaluation: an explicit deny anywhere wins; within one account identity or resource policies allow, across
 * accounts both must; boundary and session must allow as well. */
void policy_evaluate(struct arena *arena, const struct policy_set *set, const struct policy_request *request,
                     struct policy_outcome *outcome);

/* Whether the one policy allows and does not deny the request: trust policies. */
bool policy_allows(struct arena *arena, const struct policy *policy, const struct policy_request *request);

/* The condition keys that the policy's conditions and variables ask for, added to names without doubles. */
void policy_list_keys(struct arena *arena, const struct policy *policy, struct slice_list *names);
