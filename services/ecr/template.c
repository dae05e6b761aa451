/* template: repository creation templates: what repositories get that are made by the registry itself, on a pull
 * through the cache or on a first push. */
#include "services/ecr/template.h"

#include "common/page.h"
#include "ecr_api.h"

enum { LIST_LIMIT = 100 };

static bool find(struct call *c, slice prefix, struct ecr_repository_creation_template *out)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_TEMPLATE_GET, "ttt", c->account, c->region, prefix);
    bool found = db_next(&rows);
    slice document = found ? db_text(&rows, 0) : S("{}");
    db_done(&rows);
    return found && api_from_json(c->arena, &ecr_shape_repository_creation_template, document, out) == 0;
}

static int get(struct call *c, slice prefix, struct ecr_repository_creation_template **out)
{
    *out = arena_alloc(c->arena, sizeof(**out));
    if (find(c, prefix, *out))
        return 0;
    return fail(c, &ecr_template_not_found,
                "The repository creation template with prefix '%.*s' does not exist in the registry with id '%.*s'",
                SLICE_ARG(prefix), SLICE_ARG(c->account));
}

static int check(struct call *c, const struct ecr_repository_creation_template *template)
{
    slice lines;
    if (template->image_tag_mutability.ptr)
        TRY(repository_check_exclusions(c, template->image_tag_mutability,
                                        &template->image_tag_mutability_exclusion_filters, &lines));
    if (template->repository_policy.len > 0)
        TRY(repository_policy_check(c, S("repository"), template->repository_policy));
    if (template->lifecycle_policy.len > 0)
        TRY(lifecycle_check(c, template->lifecycle_policy));
    return 0;
}

int ecr_create_repository_creation_template(struct call *c, const struct ecr_create_repository_creation_template_in *in,
                                            struct ecr_create_repository_creation_template_out *out)
{
    struct ecr_repository_creation_template *template = arena_alloc(c->arena, sizeof(*template)), known = {0};
    *template = (struct ecr_repository_creation_template){
        .prefix = in->prefix,
        .description = in->description,
        .encryption_configuration = in->encryption_configuration,
        .resource_tags = in->resource_tags,
        .image_tag_mutability = in->image_tag_mutability.ptr ? in->image_tag_mutability : S("MUTABLE"),
        .image_tag_mutability_exclusion_filters = in->image_tag_mutability_exclusion_filters,
        .repository_policy = in->repository_policy,
        .lifecycle_policy = in->lifecycle_policy,
        .applied_for = in->applied_for,
        .custom_role_arn = in->custom_role_arn,
        .created_at = opt_int(c->now_ms),
        .updated_at = opt_int(c->now_ms),
    };
    TRY(check(c, template));
    if (find(c, in->prefix, &known))
        return fail(c, &ecr_template_already_exists,
                    "The repository creation template with prefix '%.*s' already exists in the registry with id '%.*s'",
                    SLICE_ARG(in->prefix), SLICE_ARG(c->account));
    db_run(c->db, ECR_SQL_TEMPLATE_INSERT, "tttt", c->account, c->region, in->prefix,
           api_to_json(c->arena, &ecr_shape_repository_creation_template, template));
    out->registry_id = c->account;
    out->repository_creation_template = template;
    return 0;
}

static int describe_named(struct call *c, const struct ecr_describe_repository_creation_templates_in *in,
                          struct ecr_describe_repository_creation_templates_out *out)
{
    list_foreach (prefix, &in->prefixes) {
        struct ecr_repository_creation_template *template;
        TRY(get(c, *prefix, &template));
        *list_add(c->arena, &out->repository_creation_templates) = *template;
    }
    return 0;
}

int ecr_describe_repository_creation_templates(struct call *c,
                                               const struct ecr_describe_repository_creation_templates_in *in,
                                               struct ecr_describe_repository_creation_templates_out *out)
{
    slice after, last = {0};
    int64_t limit = opt_int_or(in->max_results, LIST_LIMIT);
    out->registry_id = c->account;
    out->repository_creation_templates.set = true;
    if (in->prefixes.len > 0)
        return describe_named(c, in, out);
    if (page_key(c->arena, S("DescribeRepositoryCreationTemplates"), in->next_token, &after) != 0)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
    struct db_rows rows = db_query(c->db, ECR_SQL_TEMPLATE_LIST, "ttti", c->account, c->region, after, limit + 1);
    while (db_next(&rows)) {
        if ((int64_t)out->repository_creation_templates.len == limit) {
            out->next_token = page_token(c->arena, S("DescribeRepositoryCreationTemplates"), last);
            break;
        }
        last = db_text(&rows, 0);
        api_from_json(c->arena, &ecr_shape_repository_creation_template, db_text(&rows, 1),
                      list_add(c->arena, &out->repository_creation_templates));
    }
    db_done(&rows);
    return 0;
}

/* What the request names replaces what was there. */
static void change(const struct ecr_update_repository_creation_template_in *in,
                   struct ecr_repository_creation_template *template)
{
    if (in->description.ptr)
        template->description = in->description;
    if (in->encryption_configuration)
        template->encryption_configuration = in->encryption_configuration;
    if (in->resource_tags.set)
        template->resource_tags = in->resource_tags;
    if (in->image_tag_mutability.ptr) {
        template->image_tag_mutability = in->image_tag_mutability;
        template->image_tag_mutability_exclusion_filters = in->image_tag_mutability_exclusion_filters;
    }
    if (in->repository_policy.ptr)
        template->repository_policy = in->repository_policy;
    if (in->lifecycle_policy.ptr)
        template->lifecycle_policy = in->lifecycle_policy;
    if (in->applied_for.set)
        template->applied_for = in->applied_for;
    if (in->custom_role_arn.ptr)
        template->custom_role_arn = in->custom_role_arn;
}

int ecr_update_repository_creation_template(struct call *c, const struct ecr_update_repository_creation_template_in *in,
                                            struct ecr_update_repository_creation_template_out *out)
{
    struct ecr_repository_creation_template *template;
    TRY(get(c, in->prefix, &template));
    change(in, template);
    TRY(check(c, template));
    template->updated_at = opt_int(c->now_ms);
    db_run(c->db, ECR_SQL_TEMPLATE_UPDATE, "tttt",
           api_to_json(c->arena, &ecr_shape_repository_creation_template, template), c->account, c->region, in->prefix);
    out->registry_id = c->account;
    out->repository_creation_template = template;
    return 0;
}

int ecr_delete_repository_creation_template(struct call *c, const struct ecr_delete_repository_creation_template_in *in,
                                            struct ecr_delete_repository_creation_template_out *out)
{
    TRY(get(c, in->prefix, &out->repository_creation_template));
    db_run(c->db, ECR_SQL_TEMPLATE_DELETE, "ttt", c->account, c->region, in->prefix);
    out->registry_id = c->account;
    return 0;
}

static bool applies(const struct ecr_repository_creation_template *template, slice reason)
{
    list_foreach (word, &template->applied_for) {
        if (slice_eq(*word, reason))
            return true;
    }
    return false;
}

/* The template with the longest prefix of the name; ROOT is for all. */
static bool find_for(struct call *c, slice name, slice reason, struct ecr_repository_creation_template *template)
{
    for (size_t end = name.len; end > 0; end--) {
        *template = (struct ecr_repository_creation_template){0};
        bool whole = end == name.len || name.ptr[end] == '/';
        if (whole && find(c, slice_sub(name, 0, end), template) && applies(template, reason))
            return true;
    }
    *template = (struct ecr_repository_creation_template){0};
    return find(c, S("ROOT"), template) && applies(template, reason);
}

int template_make(struct call *c, slice account, slice name, slice reason, struct repository *repository)
{
    struct ecr_repository_creation_template template;
    bool found = find_for(c, name, reason, &template);
    if (!found && !slice_eq(reason, S("PULL_THROUGH_CACHE")))
        return NOT_FOUND;
    *repository = (struct repository){
        .account = account.ptr ? account : c->account,
        .region = c->region,
        .name = name,
        .mutability = found && template.image_tag_mutability.ptr ? template.image_tag_mutability : S("MUTABLE"),
        .exclusions = S(""),
        .encryption = S("AES256"),
        .policy = template.repository_policy.len > 0 ? template.repository_policy : (slice){NULL, 0},
        .lifecycle = template.lifecycle_policy.len > 0 ? template.lifecycle_policy : (slice){NULL, 0},
    };
    TRY(repository_check_exclusions(c, repository->mutability, &template.image_tag_mutability_exclusion_filters,
                                    &repository->exclusions));
    if (template.encryption_configuration) {
        repository->encryption = template.encryption_configuration->encryption_type;
        repository->kms_key = template.encryption_configuration->kms_key;
    }
    repository_add(c, repository);
    return tags_set(c, repository->id, &template.resource_tags);
}
