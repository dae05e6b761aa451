/* repository: repositories: create, describe, delete, what is set on them, and finding one by name or ARN. */
#include "services/ecr/ecr.h"

#include "common/buf.h"
#include "common/conf.h"
#include "common/glob.h"
#include "common/page.h"
#include "ecr_api.h"

enum { DESCRIBE_LIMIT = 100 };

static const int64_t first_evaluation_ms = 5000; /* behind a new lifecycle policy */

void repository_read(struct db_rows *rows, struct repository *repository)
{
    *repository = (struct repository){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .created_ms = db_int(rows, 2),
        .mutability = db_text(rows, 3),
        .exclusions = db_text(rows, 4),
        .scan_on_push = db_int(rows, 5) != 0,
        .encryption = db_text(rows, 6),
        .kms_key = db_text(rows, 7),
        .policy = db_text(rows, 8),
        .lifecycle = db_text(rows, 9),
        .preview = db_text(rows, 11),
        .account = db_text(rows, 12),
        .region = db_text(rows, 13),
    };
    if (!db_is_null(rows, 10))
        repository->evaluated_ms = opt_int(db_int(rows, 10));
}

bool repository_find(struct call *c, slice account, slice name, struct repository *repository)
{
    struct db_rows rows =
        db_query(c->db, ECR_SQL_REPOSITORY_GET, "ttt", account.ptr ? account : c->account, c->region, name);
    bool found = db_next(&rows);
    if (found)
        repository_read(&rows, repository);
    db_done(&rows);
    return found;
}

int repository_get(struct call *c, slice account, slice name, struct repository *repository)
{
    if (repository_find(c, account, name, repository))
        return 0;
    return fail(c, &ecr_repository_not_found,
                "The repository with name '%.*s' does not exist in the registry with id '%.*s'", SLICE_ARG(name),
                SLICE_ARG(account.ptr ? account : c->account));
}

static slice arn_of(struct call *c, const struct repository *repository)
{
    return arena_printf(c->arena, "arn:aws:ecr:%.*s:%.*s:repository/%.*s", SLICE_ARG(repository->region),
                        SLICE_ARG(repository->account), SLICE_ARG(repository->name));
}

int repository_of_arn(struct call *c, slice arn, struct repository *repository)
{
    slice prefix = arena_printf(c->arena, "arn:aws:ecr:%.*s:", SLICE_ARG(c->region));
    slice account, name;
    if (!slice_starts(arn, prefix) || !slice_cut(slice_sub(arn, prefix.len, arn.len), ':', &account, &name) ||
        account.len != 12 || !slice_starts(name, S("repository/")))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'");
    return repository_get(c, account, slice_sub(name, sizeof("repository/") - 1, name.len), repository);
}

int repository_check_own(struct call *c, slice registry_id)
{
    if (!registry_id.ptr || slice_eq(registry_id, c->account))
        return 0;
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'registryId' failed to satisfy constraint: 'must be the registry of the caller'");
}

slice repository_uri(struct call *c, const struct repository *repository)
{
    slice host = token_host(c);
    if (slice_eq(c->conf->ecr_uri, S("aws")) || slice_ends(host, S(".amazonaws.com")))
        return arena_printf(c->arena, "%.*s.dkr.ecr.%.*s.amazonaws.com/%.*s", SLICE_ARG(repository->account),
                            SLICE_ARG(repository->region), SLICE_ARG(repository->name));
    return arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(host), SLICE_ARG(repository->name));
}

static bool excluded(const struct repository *repository, slice tag)
{
    slice line, rest = repository->exclusions;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        if (glob_match(line, tag))
            return true;
    }
    return false;
}

bool repository_freezes(const struct repository *repository, slice tag)
{
    bool immutable = slice_starts(repository->mutability, S("IMMUTABLE"));
    return excluded(repository, tag) ? !immutable : immutable;
}

int repository_check_exclusions(struct call *c, slice mutability,
                                const struct ecr_image_tag_mutability_exclusion_filters *filters, slice *lines)
{
    struct buf text;
    bool wanted = slice_ends(mutability, S("_WITH_EXCLUSION"));
    if (wanted != (filters->len > 0))
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '%s'",
                    wanted ? "must be given with imageTagMutability IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION"
                           : "is only valid with imageTagMutability IMMUTABLE_WITH_EXCLUSION or "
                             "MUTABLE_WITH_EXCLUSION");
    buf_init(&text, c->arena);
    list_foreach (filter, filters) {
        size_t stars = 0;
        for (size_t i = 0; i < filter->filter.len; i++)
            stars += filter->filter.ptr[i] == '*';
        if (stars > 2)
            return fail(c, &ecr_invalid_parameter,
                        "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: "
                        "'a filter must have at most two wildcards'");
        buf_add(&text, filter->filter);
        buf_add_char(&text, '\n');
    }
    *lines = buf_slice(&text);
    return 0;
}

void repository_show_exclusions(struct call *c, slice lines, struct ecr_image_tag_mutability_exclusion_filters *out)
{
    slice line;
    while (lines.len > 0) {
        slice_cut(lines, '\n', &line, &lines);
        *list_add(c->arena, out) =
            (struct ecr_image_tag_mutability_exclusion_filter){.filter_type = S("WILDCARD"), .filter = line};
    }
}

static void show(struct call *c, const struct repository *repository, struct ecr_repository *out)
{
    *out = (struct ecr_repository){
        .repository_arn = arn_of(c, repository),
        .registry_id = repository->account,
        .repository_name = repository->name,
        .repository_uri = repository_uri(c, repository),
        .created_at = opt_int(repository->created_ms),
        .image_tag_mutability = repository->mutability,
        .image_scanning_configuration = arena_alloc(c->arena, sizeof(*out->image_scanning_configuration)),
        .encryption_configuration = arena_alloc(c->arena, sizeof(*out->encryption_configuration)),
    };
    repository_show_exclusions(c, repository->exclusions, &out->image_tag_mutability_exclusion_filters);
    out->image_scanning_configuration->scan_on_push = opt_bool(repository->scan_on_push);
    out->encryption_configuration->encryption_type = repository->encryption;
    out->encryption_configuration->kms_key = repository->kms_key;
}

void repository_set_lifecycle(struct call *c, int64_t repository_id, slice text)
{
    db_run(c->db, ECR_SQL_REPOSITORY_SET_LIFECYCLE, "tii", text, c->now_ms + first_evaluation_ms, repository_id);
    call_timer_changed(c);
}

void repository_add(struct call *c, struct repository *repository)
{
    repository->created_ms = c->now_ms;
    db_run(c->db, ECR_SQL_REPOSITORY_INSERT, "tttittitttt", repository->account, repository->region, repository->name,
           repository->created_ms, repository->mutability, repository->exclusions, (int64_t)repository->scan_on_push,
           repository->encryption, repository->kms_key, repository->policy, repository->lifecycle);
    repository->id = db_last_id(c->db);
    if (repository->lifecycle.ptr)
        repository_set_lifecycle(c, repository->id, repository->lifecycle);
}

static int check_encryption(struct call *c, const struct ecr_encryption_configuration *wanted,
                            struct repository *repository)
{
    repository->encryption = wanted ? wanted->encryption_type : S("AES256");
    if (!wanted || slice_eq(wanted->encryption_type, S("AES256"))) {
        if (wanted && wanted->kms_key.ptr)
            return fail(c, &ecr_invalid_parameter,
                        "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint: "
                        "'kmsKey is only valid with encryptionType KMS or KMS_DSSE'");
        return 0;
    }
    repository->kms_key = wanted->kms_key.ptr ? wanted->kms_key
                                              : arena_printf(c->arena, "arn:aws:kms:%.*s:%.*s:alias/aws/ecr",
                                                             SLICE_ARG(c->region), SLICE_ARG(c->account));
    return 0;
}

int ecr_create_repository(struct call *c, const struct ecr_create_repository_in *in,
                          struct ecr_create_repository_out *out)
{
    struct repository repository = {
        .account = c->account,
        .region = c->region,
        .name = in->repository_name,
        .mutability = in->image_tag_mutability.ptr ? in->image_tag_mutability : S("MUTABLE"),
        .scan_on_push =
            in->image_scanning_configuration && opt_bool_or(in->image_scanning_configuration->scan_on_push, false),
    };
    struct repository known;
    TRY(repository_check_own(c, in->registry_id));
    TRY(repository_check_exclusions(c, repository.mutability, &in->image_tag_mutability_exclusion_filters,
                                    &repository.exclusions));
    TRY(check_encryption(c, in->encryption_configuration, &repository));
    if (repository_find(c, c->account, in->repository_name, &known))
        return fail(c, &ecr_repository_already_exists,
                    "The repository with name '%.*s' already exists in the registry with id '%.*s'",
                    SLICE_ARG(in->repository_name), SLICE_ARG(c->account));
    repository_add(c, &repository);
    TRY(tags_set(c, repository.id, &in->tags));
    out->repository = arena_alloc(c->arena, sizeof(*out->repository));
    show(c, &repository, out->repository);
    return 0;
}

static bool has_images(struct call *c, int64_t repository_id)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_ANY, "i", repository_id);
    bool any = db_next(&rows);
    db_done(&rows);
    return any;
}

int ecr_delete_repository(struct call *c, const struct ecr_delete_repository_in *in,
                          struct ecr_delete_repository_out *out)
{
    struct repository repository;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (!opt_bool_or(in->force, false) && has_images(c, repository.id))
        return fail(c, &ecr_repository_not_empty,
                    "The repository with name '%.*s' in registry with id '%.*s' cannot be deleted because it still "
                    "contains images",
                    SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    out->repository = arena_alloc(c->arena, sizeof(*out->repository));
    show(c, &repository, out->repository);
    db_run(c->db, ECR_SQL_BLOB_TOUCH_REPOSITORY, "ii", c->now_ms, repository.id);
    db_run(c->db, ECR_SQL_UPLOAD_BURY_OF, "i", repository.id);
    db_run(c->db, ECR_SQL_REPOSITORY_DELETE, "i", repository.id);
    call_timer_changed(c);
    return 0;
}

static int describe_named(struct call *c, const struct ecr_describe_repositories_in *in,
                          struct ecr_describe_repositories_out *out)
{
    struct repository repository;
    if (in->next_token.ptr || in->max_results.set)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'repositoryNames' failed to satisfy constraint: "
                    "'must not be given together with nextToken or maxResults'");
    list_foreach (name, &in->repository_names) {
        TRY(repository_get(c, in->registry_id, *name, &repository));
        show(c, &repository, list_add(c->arena, &out->repositories));
    }
    return 0;
}

int ecr_describe_repositories(struct call *c, const struct ecr_describe_repositories_in *in,
                              struct ecr_describe_repositories_out *out)
{
    slice after, account = in->registry_id.ptr ? in->registry_id : c->account;
    int64_t limit = opt_int_or(in->max_results, DESCRIBE_LIMIT);
    struct repository repository = {0};
    slice last = {0};
    if (in->repository_names.set)
        return describe_named(c, in, out);
    if (page_key(c->arena, S("DescribeRepositories"), in->next_token, &after) != 0)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
    out->repositories.set = true;
    struct db_rows rows = db_query(c->db, ECR_SQL_REPOSITORY_LIST, "ttti", account, c->region, after, limit + 1);
    while (db_next(&rows)) {
        if ((int64_t)out->repositories.len == limit) {
            out->next_token = page_token(c->arena, S("DescribeRepositories"), last);
            break;
        }
        repository_read(&rows, &repository);
        show(c, &repository, list_add(c->arena, &out->repositories));
        last = repository.name;
    }
    db_done(&rows);
    return 0;
}

int ecr_put_image_tag_mutability(struct call *c, const struct ecr_put_image_tag_mutability_in *in,
                                 struct ecr_put_image_tag_mutability_out *out)
{
    struct repository repository;
    slice lines;
    TRY(repository_check_exclusions(c, in->image_tag_mutability, &in->image_tag_mutability_exclusion_filters, &lines));
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    db_run(c->db, ECR_SQL_REPOSITORY_SET_MUTABILITY, "tti", in->image_tag_mutability, lines, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->image_tag_mutability = in->image_tag_mutability;
    repository_show_exclusions(c, lines, &out->image_tag_mutability_exclusion_filters);
    return 0;
}

int ecr_put_image_scanning_configuration(struct call *c, const struct ecr_put_image_scanning_configuration_in *in,
                                         struct ecr_put_image_scanning_configuration_out *out)
{
    struct repository repository;
    bool scan = opt_bool_or(in->image_scanning_configuration->scan_on_push, false);
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    db_run(c->db, ECR_SQL_REPOSITORY_SET_SCANNING, "ii", (int64_t)scan, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->image_scanning_configuration = arena_alloc(c->arena, sizeof(*out->image_scanning_configuration));
    out->image_scanning_configuration->scan_on_push = opt_bool(scan);
    return 0;
}
