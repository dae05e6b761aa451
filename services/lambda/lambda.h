/* lambda: what the files of the lambda service share: names, functions and their versions, code, policies. */
#pragma once

#include "lambda_api.h"
#include "services/worker/call.h"

enum lambda_sql {
#define SQL(name, text) LAMBDA_SQL_##name,
#include "services/lambda/sql.def"
#undef SQL
};

extern const struct service lambda_process;

enum { LAMBDA_ACCOUNT_CONCURRENCY = 1000, LAMBDA_UNRESERVED_MINIMUM = 100 };

/* A function as a caller named it: a name, a partial or a whole ARN, with or without a qualifier. */
struct function_name {
    slice account;
    slice region;
    slice name;
    slice qualifier; /* absent: none given */
};

struct function {
    int64_t id;
    slice account, region, name;
    int64_t last_version;
    struct opt_int reserved;
    slice update_runtime_on;
};

typedef struct lambda_function_configuration configuration;

/* $LATEST (number 0) or a published version. */
struct version {
    int64_t id; /* 0: not stored yet */
    int64_t number;
    slice code;  /* SHA-256 of the zip, 64 hex digits; empty for images */
    slice image; /* as given; empty for zips */
    int64_t settled_ms;
    configuration doc; /* as stored: read it through version_show */
};

/* name.c */

/* Reads a name and the qualifier beside it. */
int name_parse(struct call *c, slice text, slice qualifier, struct function_name *name);
slice name_arn(struct call *c, const struct function *f);
slice name_arn_of(struct call *c, const struct function_name *name);
slice name_qualified_arn(struct call *c, const struct function *f, slice qualifier);

/* "$LATEST" or decimal; the number of a qualifier, or -1 when it is an alias. */
slice name_version(struct call *c, int64_t number);
int64_t name_version_number(slice qualifier);

/* The id in the ARN of an access point. */
slice name_access_point(slice arn);

/* function.c: look-ups that fail with ResourceNotFoundException by themselves */
int function_get(struct call *c, slice name, struct function *f);
int function_get_named(struct call *c, const struct function_name *name, struct function *f);
bool function_find(struct call *c, const struct function_name *name, struct function *f);

/* The same with the version or alias that the qualifier names. */
int function_get_version(struct call *c, slice name, slice qualifier, struct function *f, struct version *v);

/* Only what carries configurations of its own: a version or an alias that exists; *stored is $LATEST, the number or the
 * alias' name. */
int function_get_qualified(struct call *c, slice name, slice qualifier, struct function *f, slice *stored);

/* version.c */
int version_get(struct call *c, const struct function *f, slice qualifier, struct version *v);
bool version_find(struct call *c, const struct function *f, int64_t number, struct version *v);
void version_read_row(struct call *c, struct db_rows *rows, struct version *v);

/* Stores the version as it is in v. */
void version_save(struct call *c, const struct function *f, struct version *v);

/* The document as callers see it now, with its ARN; in lists AWS leaves the states out. */
void version_show(struct call *c, const struct function *f, const struct version *v, slice qualifier,
                  configuration *out);
void version_show_listed(struct call *c, const struct function *f, const struct version *v, configuration *out);

/* A new revision: fresh RevisionId and LastModified. */
void version_touch(struct call *c, struct version *v);

/* Starts Pending (of a new function) or InProgress (of an update). */
void version_begin(struct call *c, struct version *v, bool created);
bool version_is_settled(struct call *c, const struct version *v);
int version_check_revision(struct call *c, const struct version *v, slice revision);

/* Makes the next version of $LATEST, or finds that nothing has changed; *published is it. */
int version_publish(struct call *c, struct function *f, struct version *latest, slice description,
                    struct version *published);

/* "2024-01-31T10:00:00.000+0000" */
slice version_time(struct call *c);

/* alias.c */
bool alias_find(struct call *c, const struct function *f, slice name, struct lambda_alias_configuration *alias);

/* The version an invocation through the alias goes to, by its weights; chance is random and the same for the same
 * invocation. */
int64_t alias_choose(const struct lambda_alias_configuration *alias, uint64_t chance);

/* configure.c: checks what a caller wants and puts it into the document. */
int configure_create(struct call *c, const struct lambda_create_function_in *in, configuration *doc);
int configure_update(struct call *c, const struct lambda_update_function_configuration_in *in, configuration *doc);

/* plan.c: whether Lambda may assume the role. Asks STS: before the first write. */
int plan_check_role(struct call *c, slice role);

/* code.c */
struct code {
    slice hash; /* 64 hex digits; empty for images */
    slice image;
    int64_t bytes;
    slice sha256; /* base64 */
};

/* Where code comes from: a zip in the request, an object in S3 or an image. */
struct code_source {
    slice zip, s3_bucket, s3_key, s3_version, image;
};
int code_take(struct call *c, const struct code_source *source, slice package_type, struct code *code);

/* Where the zip is, and where its unpacked tree is. */
slice code_zip_path(struct call *c, slice hash);
slice code_tree_path(struct call *c, slice hash);

/* The image of a version, as it was when the version was made: by its digest. False for one that is not of our own
 * registry. */
struct image_ref;
bool code_image(struct call *c, const struct version *v, struct image_ref *ref);

/* Its name with the digest. */
slice code_resolved_image(struct call *c, const struct version *v);

/* Whether it is what leniency made of bytes that are no archive: a function without anything in it. */
bool code_is_empty(struct call *c, slice hash);

/* When no version and no layer refers to it any more, its files go after the longest invocation could have ended. */
void code_release(struct call *c, slice hash);

/* Everything, when the service is emptied. */
void code_remove_all(struct call *c);

/* Before a request is decoded: reads a long body beside the loop (c->body), an archive in it into a file. */
int code_read_body(struct call *c);

/* Whether that has been done with the call's body, and it is JSON. */
bool code_body_is_json(struct call *c);

/* The background event RemoveFiles: removes what was put aside. At start: begins it for what a former process left. */
int code_sweep(struct call *c, slice body);
void code_recover(struct call *c);

/* The timer's part: removes what is due; *next_due_ms is left alone when there is nothing more. */
void code_collect(struct call *c, int64_t *next_due_ms);

/* download.c */

/* An address on our own port from which that very zip can be fetched for ten minutes. */
slice download_location(struct call *c, slice hash);
bool download_serve(struct call *c, struct msg *reply);

/* tags.c */
int tags_check(struct call *c, const struct lambda_tags *tags);
void tags_set(struct call *c, slice arn, const struct lambda_tags *tags);
void tags_list(struct call *c, slice arn, struct lambda_tags *out);

/* permission.c */
void permission_delete_all(struct call *c, slice subject);

/* Whether the policy of that ARN lets the principal ("s3.amazonaws.com", "*") do it. What is absent is not known, and a
 * condition on it does not hold. */
struct permission_request {
    slice action;
    slice principal;
    slice source_arn;
    slice source_account;
};
bool permission_allows(struct call *c, slice subject, const struct permission_request *request);

/* settings.c: small documents for a function, a version or an alias */
bool settings_get(struct call *c, const struct function *f, const char *kind, slice qualifier,
                  const struct api_shape *shape, void *doc);
void settings_set(struct call *c, const struct function *f, const char *kind, slice qualifier,
                  const struct api_shape *shape, const void *doc);
bool settings_delete(struct call *c, const struct function *f, const char *kind, slice qualifier);

/* What the account's functions without reserved concurrency share. */
int64_t settings_unreserved(struct call *c);

/* How asynchronous invocations of a function, a version or an alias are treated. */
struct event_rules {
    int64_t max_retries;
    int64_t max_age_ms;
    slice on_success, on_failure; /* ARNs; empty: none */
};
void settings_event_rules(struct call *c, const struct function *f, slice qualifier, struct event_rules *rules);

/* layer.c */

/* The layers of a function by their version ARNs: checked, with their sizes. */
int layer_resolve(struct call *c, const struct lambda_layer_list *arns, struct lambda_layers_reference_list *out);

/* The ARN of a layer version that must exist. */
int layer_get_arn(struct call *c, slice layer, int64_t version, slice *arn);

/* The hash of the layer version of that ARN, or an absent slice. */
slice layer_code(struct call *c, slice arn);
