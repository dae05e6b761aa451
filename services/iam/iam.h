/* iam: what the files of the iam service share. */
#pragma once

#include "iam_api.h"
#include "services/worker/call.h"
#include "services/policy/policy.h"

enum iam_sql {
#define SQL(name, text) IAM_SQL_##name,
#include "services/iam/sql.def"
#undef SQL
};

extern const struct service iam_process;

/* The numbers are stored. */
enum entity_kind { ENTITY_USER, ENTITY_ROLE, ENTITY_GROUP, ENTITY_POLICY, ENTITY_PROFILE, ENTITY_PROVIDER };

struct entity {
    int64_t id;
    enum entity_kind kind;
    slice account;
    slice name;
    slice path;
    slice boundary; /* the ARN of the policy that bounds it, or absent */
    union {
        struct iam_user user;
        struct iam_role role;
        struct iam_group group;
        struct iam_policy policy;
        struct iam_instance_profile profile;
        struct iam_get_open_id_connect_provider_out provider;
    };
};

/* entity.c: what users, roles, groups, policies, instance profiles and providers have in common. */

/* By name in the call's account. get answers NoSuchEntity, in AWS's words for that kind; find is false. */
bool entity_find(struct call *c, enum entity_kind kind, slice name, struct entity *entity);
int entity_get(struct call *c, enum entity_kind kind, slice name, struct entity *entity);

/* By row; false when it is gone. */
bool entity_find_id(struct call *c, int64_t id, struct entity *entity);

/* The next row of a query for id, name, path, boundary, doc, account of that kind; false at the end. */
bool entity_next(struct call *c, struct db_rows *rows, enum entity_kind kind, struct entity *entity);

/* Fails when the name is taken or the account has as many of that kind as AWS allows; otherwise `entity` has
 * kind, account, name and path. add stores it. */
int entity_begin(struct call *c, enum entity_kind kind, slice name, slice path, struct entity *entity);
slice entity_new_id(struct call *c, enum entity_kind kind);
void entity_add(struct call *c, struct entity *entity);

/* Another name, another path, or neither (absent); the documents' own fields are the caller's. */
int entity_rename(struct call *c, struct entity *entity, slice name, slice path);
void entity_save(struct call *c, const struct entity *entity);
void entity_delete(struct call *c, const struct entity *entity);

/* arn:aws:iam::ACCOUNT:WORD/PATH/NAME. */
slice entity_arn(struct call *c, const struct entity *entity);

/* The tags in the entity's document, or NULL for groups. */
struct iam_tag_list_type *entity_tags(struct entity *entity);

/* Now, in whole seconds, as IAM keeps time. */
int64_t entity_now(const struct call *c);

/* A number of a one-row, one-column query. */
int64_t entity_count(struct db_rows rows);

/* listing.c: pages of lists. begin reads the marker; take says whether one more item fits, key being what the next page
 * begins behind; end fills the answer. */
struct listing {
    slice kind;
    slice after;
    slice last;
    int64_t left;
    bool truncated;
};

int listing_begin(struct call *c, slice marker, struct opt_int max_items, struct listing *listing);
bool listing_take(struct listing *listing, slice key);
void listing_end(struct call *c, const struct listing *listing, struct opt_bool *is_truncated, slice *marker);

/* document.c: policy documents as IAM takes and gives them. */

/* As answers show documents: percent-encoded. */
slice document_encoded(struct call *c, slice document);

/* A role as lists show it: its trust policy encoded, without tags and boundary. */
void document_show_role(struct call *c, const struct entity *entity, struct iam_role *out);

/* Size without white space, which AWS counts against its limits. */
size_t document_size(slice document);

/* MalformedPolicyDocument unless it is a policy for an identity (no principals), or for a role's trust. */
int document_check_identity(struct call *c, slice document);
int document_check_trust(struct call *c, slice document);

/* tag.c */
enum { TAG_MAX = 50 };
int tag_check(struct call *c, const struct iam_tag_list_type *tags);

/* managed.c: managed policies, customers' and AWS's. */
struct managed {
    slice arn;
    slice name;
    bool aws;             /* one of AWS's own */
    struct entity entity; /* otherwise the customer's; of AWS's own only the document is filled, without a row */
};

/* By ARN: "Policy … was not found.", or, for attaching, "… does not exist or is not attachable.". */
int managed_get(struct call *c, slice arn, struct managed *managed);
int managed_get_attachable(struct call *c, slice arn, struct managed *managed);
bool managed_find(struct call *c, slice arn, struct managed *managed);

/* The text of the default version. */
slice managed_default_document(struct call *c, const struct managed *managed);

/* Fills the counts that answers show. */
void managed_add_counts(struct call *c, struct iam_policy *policy);

/* aws_policy.c: AWS's own policies. They exist in every account. */
struct aws_policy {
    const char *path;
    const char *name;
    const char *version; /* "v7" */
    const char *created;
    const char *updated;
    const char *description;
    const char *document;
};

const struct aws_policy *aws_policy_find(slice arn);
const struct aws_policy *aws_policy_at(size_t index); /* in order of their names; NULL behind the last */
void aws_policy_describe(struct call *c, const struct aws_policy *from, struct iam_policy *policy);

/* boundary.c */

/* Fails unless the policy exists; absent is fine. */
int boundary_check(struct call *c, slice arn);
struct iam_attached_permissions_boundary *boundary_shown(struct call *c, const struct entity *entity);

/* attached.c, inline.c: how many policies an entity has, for deletion. */
int64_t attached_count(struct call *c, const struct entity *entity);
int64_t inline_count(struct call *c, const struct entity *entity);

/* user.c: the user whose access key signed the call; or, named or not, the user an operation is about. */
bool user_of_key(struct call *c, struct entity *user);
int user_get_or_caller(struct call *c, slice name, struct entity *user);

/* account.c: PasswordPolicyViolation unless the account's policy takes the password. */
int account_check_password(struct call *c, slice password);

/* role.c, user.c, profile.c: as answers show them. */
void role_show(struct call *c, const struct entity *entity, struct iam_role *out);
void user_show(struct call *c, const struct entity *entity, struct iam_user *out);
void profile_show(struct call *c, const struct entity *entity, struct iam_instance_profile *out);

/* gather.c: a policy's text, a managed policy by ARN, everything of an entity (its groups' and its boundary too). */
void gather_text(struct call *c, slice text, slice id, slice type, struct policy_source_list *out);
void gather_managed(struct call *c, slice arn, struct policy_source_list *out);
void gather_entity(struct call *c, const struct entity *owner, struct policy_set *set);

/* The user, role or group with that ARN, or NoSuchEntity. */
int gather_find_principal(struct call *c, slice arn, struct entity *entity);

/* authorize.c: the questions of other services: {accessKey} → {found, active, arn, userId}; {account, arn, name} →
 * {found, id, trust, maxSeconds}; {accessKey} → {limited, problem, arn, account, expiresAt, keys, identity, boundary,
 * session}, where limited: false is a root, problem "inactive" or "expired", keys what conditions may ask of a caller
 * and the others lists of policies; of who verifies signatures: {accessKey} → {active, secret}. */
int authorize_secret(struct call *c, slice body, slice *reply);
int authorize_key(struct call *c, slice body, slice *reply);
int authorize_role(struct call *c, slice body, slice *reply);
int authorize_caller(struct call *c, slice body, slice *reply);

/* provider.c: by ARN. */
int provider_get(struct call *c, slice arn, struct entity *entity);

/* linked.c: service-linked roles. */
bool linked_is(const struct entity *role);
int linked_check_modifiable(struct call *c, const struct entity *role);
int linked_run_due(struct call *c, int64_t *next_due_ms);
