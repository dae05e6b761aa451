/* managed: managed policies: customers' own with their versions, and reading AWS's. */
#include "services/iam/iam.h"

enum { MAX_POLICY_BYTES = 6144, MAX_VERSIONS = 5 };

/* The name at the end of an ARN of a policy of this account; absent when it is none. */
static slice own_name(struct call *c, slice arn)
{
    slice prefix = arena_printf(c->arena, "arn:aws:iam::%.*s:policy/", SLICE_ARG(c->account));
    slice name = slice_sub(arn, prefix.len, arn.len);
    if (!slice_starts(arn, prefix))
        return (slice){NULL, 0};
    while (slice_index(name, '/') < name.len)
        name = slice_sub(name, slice_index(name, '/') + 1, name.len);
    return name;
}

bool managed_find(struct call *c, slice arn, struct managed *managed)
{
    const struct aws_policy *aws = aws_policy_find(arn);
    *managed = (struct managed){.arn = arn};
    if (aws) {
        managed->aws = true;
        managed->name = slice_of(aws->name);
        aws_policy_describe(c, aws, &managed->entity.policy);
        return true;
    }
    slice name = own_name(c, arn);
    if (!name.ptr || !entity_find(c, ENTITY_POLICY, name, &managed->entity) ||
        !slice_eq(managed->entity.policy.arn, arn))
        return false;
    managed->name = managed->entity.name;
    return true;
}

static int check_arn(struct call *c, slice arn)
{
    slice rest = arn;
    for (size_t i = 0; i < 5; i++) {
        if (!slice_cut(rest, ':', &(slice){0}, &rest))
            return fail(c, &iam_validation_error, "Invalid ARN:  Could not be parsed!");
    }
    return slice_starts(arn, S("arn:")) ? 0 : fail(c, &iam_validation_error, "Invalid ARN:  Could not be parsed!");
}

int managed_get(struct call *c, slice arn, struct managed *managed)
{
    TRY(check_arn(c, arn));
    return managed_find(c, arn, managed) ? 0
                                         : fail(c, &iam_no_such_entity, "Policy %.*s was not found.", SLICE_ARG(arn));
}

int managed_get_attachable(struct call *c, slice arn, struct managed *managed)
{
    TRY(check_arn(c, arn));
    return managed_find(c, arn, managed)
               ? 0
               : fail(c, &iam_no_such_entity, "Policy %.*s does not exist or is not attachable.", SLICE_ARG(arn));
}

static int get_own(struct call *c, slice arn, struct managed *managed)
{
    TRY(managed_get(c, arn, managed));
    return managed->aws ? fail(c, &iam_access_denied,
                               "User: arn:aws:iam::%.*s:root is not authorized to perform this "
                               "operation on resource: policy %.*s",
                               SLICE_ARG(c->account), SLICE_ARG(arn))
                        : 0;
}

static int64_t number_of(slice version)
{
    int64_t number;
    return slice_starts(version, S("v")) && slice_to_int64(slice_sub(version, 1, version.len), &number) ? number : -1;
}

/* The version's text; false when there is none of that number. */
static bool version_find(struct call *c, const struct entity *policy, slice id, struct iam_policy_version *version)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_VERSION_GET, "ii", policy->id, number_of(id));
    bool found = db_next(&rows);
    if (found)
        *version = (struct iam_policy_version){
            .version_id = id,
            .document = db_text(&rows, 1),
            .create_date = opt_int(db_int(&rows, 2)),
            .is_default_version = opt_bool(slice_eq(id, policy->policy.default_version_id)),
        };
    db_done(&rows);
    return found;
}

static int version_not_found(struct call *c, slice arn, slice id)
{
    return fail(c, &iam_no_such_entity, "Policy %.*s version %.*s does not exist or is not attachable.", SLICE_ARG(arn),
                SLICE_ARG(id));
}

slice managed_default_document(struct call *c, const struct managed *managed)
{
    struct iam_policy_version version;
    if (managed->aws)
        return slice_of(aws_policy_find(managed->arn)->document);
    return version_find(c, &managed->entity, managed->entity.policy.default_version_id, &version) ? version.document
                                                                                                  : S("{}");
}

void managed_add_counts(struct call *c, struct iam_policy *policy)
{
    policy->attachment_count =
        opt_int(entity_count(db_query(c->db, IAM_SQL_POLICY_ATTACHMENTS, "tt", c->account, policy->arn)));
    policy->permissions_boundary_usage_count =
        opt_int(entity_count(db_query(c->db, IAM_SQL_POLICY_BOUNDED, "tt", c->account, policy->arn)));
    policy->is_attachable = opt_bool(true);
}

static int check_document(struct call *c, slice document)
{
    TRY(document_check_identity(c, document));
    if (document_size(document) > MAX_POLICY_BYTES)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for PolicySize: %d", MAX_POLICY_BYTES);
    return 0;
}

static slice version_add(struct call *c, const struct entity *policy, slice document)
{
    int64_t number = entity_count(db_query(c->db, IAM_SQL_VERSION_NEXT, "i", policy->id));
    db_run(c->db, IAM_SQL_VERSION_ADD, "iiti", policy->id, number, document, entity_now(c));
    return arena_printf(c->arena, "v%lld", (long long)number);
}

int iam_create_policy(struct call *c, const struct iam_create_policy_in *in, struct iam_create_policy_out *out)
{
    struct entity entity;
    TRY(tag_check(c, &in->tags));
    TRY(check_document(c, in->policy_document));
    TRY(entity_begin(c, ENTITY_POLICY, in->policy_name, in->path, &entity));
    entity.policy = (struct iam_policy){
        .policy_name = entity.name,
        .policy_id = entity_new_id(c, ENTITY_POLICY),
        .arn = entity_arn(c, &entity),
        .path = entity.path,
        .default_version_id = S("v1"),
        .description = in->description,
        .create_date = opt_int(entity_now(c)),
        .update_date = opt_int(entity_now(c)),
        .tags = in->tags,
    };
    entity_add(c, &entity);
    version_add(c, &entity, in->policy_document);
    out->policy = arena_copy(c->arena, &entity.policy, sizeof(entity.policy));
    managed_add_counts(c, out->policy);
    out->policy->description = (slice){NULL, 0};
    return 0;
}

int iam_get_policy(struct call *c, const struct iam_get_policy_in *in, struct iam_get_policy_out *out)
{
    struct managed managed;
    TRY(managed_get(c, in->policy_arn, &managed));
    out->policy = arena_copy(c->arena, &managed.entity.policy, sizeof(managed.entity.policy));
    managed_add_counts(c, out->policy);
    return 0;
}

int iam_delete_policy(struct call *c, const struct iam_delete_policy_in *in, struct iam_delete_policy_out *out)
{
    struct managed managed;
    TRY(get_own(c, in->policy_arn, &managed));
    managed_add_counts(c, &managed.entity.policy);
    if (managed.entity.policy.attachment_count.v > 0 || managed.entity.policy.permissions_boundary_usage_count.v > 0)
        return fail(c, &iam_delete_conflict, "Cannot delete a policy attached to entities.");
    if (entity_count(db_query(c->db, IAM_SQL_VERSION_COUNT, "i", managed.entity.id)) > 1)
        return fail(c, &iam_delete_conflict,
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                    "versions. The default version is deleted with the policy.");
    db_run(c->db, IAM_SQL_VERSION_DELETE_ALL, "i", managed.entity.id);
    entity_delete(c, &managed.entity);
    return 0;
}

int iam_create_policy_version(struct call *c, const struct iam_create_policy_version_in *in,
                              struct iam_create_policy_version_out *out)
{
    struct managed managed;
    TRY(get_own(c, in->policy_arn, &managed));
    TRY(check_document(c, in->policy_document));
    if (entity_count(db_query(c->db, IAM_SQL_VERSION_COUNT, "i", managed.entity.id)) >= MAX_VERSIONS)
        return fail(c, &iam_limit_exceeded,
                    "A managed policy can have up to %d versions. Before you create a new version, you must delete an "
                    "existing version.",
                    MAX_VERSIONS);
    slice id = version_add(c, &managed.entity, in->policy_document);
    if (opt_bool_or(in->set_as_default, false))
        managed.entity.policy.default_version_id = id;
    managed.entity.policy.update_date = opt_int(entity_now(c));
    entity_save(c, &managed.entity);
    out->policy_version = arena_alloc(c->arena, sizeof(*out->policy_version));
    out->policy_version->version_id = id;
    out->policy_version->is_default_version = opt_bool(opt_bool_or(in->set_as_default, false));
    out->policy_version->create_date = opt_int(entity_now(c));
    return 0;
}

int iam_get_policy_version(struct call *c, const struct iam_get_policy_version_in *in,
                           struct iam_get_policy_version_out *out)
{
    struct managed managed;
    struct iam_policy_version *version = out->policy_version = arena_alloc(c->arena, sizeof(*version));
    TRY(managed_get(c, in->policy_arn, &managed));
    if (managed.aws) {
        if (!slice_eq(in->version_id, managed.entity.policy.default_version_id))
            return version_not_found(c, in->policy_arn, in->version_id);
        version->document = managed_default_document(c, &managed);
        version->version_id = in->version_id;
        version->is_default_version = opt_bool(true);
        version->create_date = managed.entity.policy.update_date;
    } else if (!version_find(c, &managed.entity, in->version_id, version))
        return version_not_found(c, in->policy_arn, in->version_id);
    version->document = document_encoded(c, version->document);
    return 0;
}

/* Newest first. The marker is the last number given out. */
static void list_versions(struct call *c, const struct entity *policy, struct listing *listing,
                          struct iam_policy_document_version_list_type *out)
{
    int64_t below = INT64_MAX;
    slice_to_int64(listing->after, &below);
    struct db_rows rows = db_query(c->db, IAM_SQL_VERSION_LIST, "ii", policy->id, below);
    while (db_next(&rows)) {
        slice number = arena_printf(c->arena, "%lld", (long long)db_int(&rows, 0));
        if (!listing_take(listing, number))
            break;
        struct iam_policy_version *version = list_add(c->arena, out);
        version->version_id = arena_concat(c->arena, S("v"), number);
        version->is_default_version = opt_bool(slice_eq(version->version_id, policy->policy.default_version_id));
        version->create_date = opt_int(db_int(&rows, 1));
    }
    db_done(&rows);
}

int iam_list_policy_versions(struct call *c, const struct iam_list_policy_versions_in *in,
                             struct iam_list_policy_versions_out *out)
{
    struct managed managed;
    struct listing listing;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(managed_get(c, in->policy_arn, &managed));
    if (managed.aws) {
        struct iam_policy_version *version = list_add(c->arena, &out->versions);
        version->version_id = managed.entity.policy.default_version_id;
        version->is_default_version = opt_bool(true);
        version->create_date = managed.entity.policy.update_date;
    } else
        list_versions(c, &managed.entity, &listing, &out->versions);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

int iam_delete_policy_version(struct call *c, const struct iam_delete_policy_version_in *in,
                              struct iam_delete_policy_version_out *out)
{
    struct managed managed;
    struct iam_policy_version version;
    TRY(get_own(c, in->policy_arn, &managed));
    if (!version_find(c, &managed.entity, in->version_id, &version))
        return version_not_found(c, in->policy_arn, in->version_id);
    if (version.is_default_version.v)
        return fail(c, &iam_delete_conflict, "Cannot delete the default version of a policy.");
    db_run(c->db, IAM_SQL_VERSION_DELETE, "ii", managed.entity.id, number_of(in->version_id));
    return 0;
}

int iam_set_default_policy_version(struct call *c, const struct iam_set_default_policy_version_in *in,
                                   struct iam_set_default_policy_version_out *out)
{
    struct managed managed;
    struct iam_policy_version version;
    TRY(get_own(c, in->policy_arn, &managed));
    if (!version_find(c, &managed.entity, in->version_id, &version))
        return version_not_found(c, in->policy_arn, in->version_id);
    managed.entity.policy.default_version_id = in->version_id;
    managed.entity.policy.update_date = opt_int(entity_now(c));
    entity_save(c, &managed.entity);
    return 0;
}
