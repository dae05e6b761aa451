/* ecr: what the files of the registry share: repositories and images as rows, the look-ups that answer by themselves.
 * The registry's own protocol is in registry.h, blobs on disk in blob.h, manifests in manifest.h. */
#pragma once

#include "common/opt.h"
#include "services/worker/call.h"

enum ecr_sql {
#define SQL(name, text) ECR_SQL_##name,
#include "services/ecr/sql.def"
#undef SQL
};

extern const struct service ecr_process;

struct repository {
    int64_t id;
    slice account;
    slice region;
    slice name;
    int64_t created_ms;
    slice mutability;
    slice exclusions; /* wildcards, one a line */
    bool scan_on_push;
    slice encryption;
    slice kms_key;
    slice policy;
    slice lifecycle;
    struct opt_int evaluated_ms;
    slice preview;
};

struct image {
    int64_t id;
    slice digest;
    slice media_type;
    slice artifact_type;
    slice subject;
    int64_t bytes;
    int64_t pushed_ms;
    struct opt_int pulled_ms;
    struct opt_int scanned_ms;
    slice manifest; /* absent in lists */
};

/* The repository of that name in the account's registry (absent: the caller's); false when there is none. */
bool repository_find(struct call *c, slice account, slice name, struct repository *repository);

/* The same, or RepositoryNotFoundException. */
int repository_get(struct call *c, slice account, slice name, struct repository *repository);

/* The repository that an ARN names. */
int repository_of_arn(struct call *c, slice arn, struct repository *repository);

/* Reads one row of the REPOSITORY_… queries. */
void repository_read(struct db_rows *rows, struct repository *repository);

/* Stores a new one (all members but id and created_ms) and sets its id. */
void repository_add(struct call *c, struct repository *repository);

/* Gives a repository a lifecycle policy; it is evaluated soon, and then every hour. */
void repository_set_lifecycle(struct call *c, int64_t repository_id, slice text);

/* Whether the tag, once set, must stay where it is. */
bool repository_freezes(const struct repository *repository, slice tag);

/* What clients call the repository: HOST/NAME by the host the client used, or AWS's own form. */
slice repository_uri(struct call *c, const struct repository *repository);

/* Mutability with its wildcards, as it is stored. InvalidParameterException when they do not go together. */
struct ecr_image_tag_mutability_exclusion_filters;
int repository_check_exclusions(struct call *c, slice mutability,
                                const struct ecr_image_tag_mutability_exclusion_filters *filters, slice *lines);

/* The stored wildcards as the API shows them. */
void repository_show_exclusions(struct call *c, slice lines, struct ecr_image_tag_mutability_exclusion_filters *out);

/* The registry of another account cannot be changed: InvalidParameterException unless registry_id is absent or the
 * caller's. */
int repository_check_own(struct call *c, slice registry_id);

/* Sets tags of a repository, at most 50 in all. */
struct ecr_tag_list;
int tags_set(struct call *c, int64_t repository_id, const struct ecr_tag_list *tags);

/* The first host a client can reach this registry by: the Host of the request, or localhost and the port. */
slice token_host(struct call *c);

/* A new authorization token's password for the registry of an account; it ends at until_ms. */
slice token_make(struct call *c, slice account, int64_t until_ms);

/* Reads a password: 0 with account and region, NOT_FOUND when it is none of ours, BAD_INPUT when it has expired. */
int token_read(struct call *c, slice password, slice *account, slice *region);

/* Makes the key of tokens if there is none. */
int token_prepare(struct call *c);

/* A setting of the registry (account and region of the call), or an absent slice. */
slice setting_get(struct call *c, slice name);
void setting_set(struct call *c, slice name, slice value);

/* Checks a policy document's form; what: which parameter it is in. */
int repository_policy_check(struct call *c, slice what, slice text);

/* One image by tag or digest; false when there is none. */
bool image_find(struct call *c, int64_t repository_id, slice tag, slice digest, struct image *image);
void image_read(struct db_rows *rows, struct image *image, bool with_manifest);

/* Fails with ImageNotFoundException, in AWS's words. */
int image_fail_missing(struct call *c, const struct repository *repository, slice tag, slice digest);

/* One image by an identifier of the API: InvalidParameterException when it names nothing, ImageNotFoundException. */
struct ecr_image_identifier;
int image_get(struct call *c, const struct repository *repository, const struct ecr_image_identifier *id,
              struct image *image);

/* A manifest that is pushed. */
struct image_push {
    slice manifest;
    slice media_type; /* as the client says; absent: the manifest's own */
    slice tag;        /* absent: none */
    slice digest;     /* as the client says; absent: not said */
    bool cached;      /* from another registry: what it names is fetched when it is asked for, tags move */
};

/* Stores the manifest as an image and sets its tag; CALL_LATER while it is read. *repeated: it was there with that tag
 * already. Fails with AWS's
 * errors for digests, layers, referenced images and frozen tags. */
int image_push(struct call *c, const struct repository *repository, const struct image_push *push, struct image *image,
               bool *repeated);

/* Removes the image with its tags; its layers go when the sweep finds that nothing else names them. */
void image_delete(struct call *c, const struct repository *repository, int64_t image_id);

/* The digest of an index that names the image: such an image stays as long as the index does. Absent: none. */
slice image_parent(struct call *c, const struct repository *repository, slice digest);

/* Notes that the image was pulled, now and then. */
void image_note_pull(struct call *c, const struct image *image);

/* The names of its tags. */
struct slice_list image_tags(struct call *c, int64_t image_id);

/* Before the codec reads a request: a long part of a layer becomes a file, which ecr_upload_layer_part finds. Answers
 * 0, CALL_LATER or a fault. */
int layer_take_part(struct call *c);

/* Lifecycle policies: checks a policy's text. */
int lifecycle_check(struct call *c, slice text);

/* Removes what the policies of repositories say, those that are due. */
int lifecycle_run(struct call *c, int64_t *next_due_ms);
