/* repository_policy: resource policies of repositories; and the form every policy document must have. */
#include "services/ecr/ecr.h"

#include "common/json.h"
#include "ecr_api.h"

static bool is_statement(const struct val *statement)
{
    if (statement->type != VAL_OBJECT)
        return false;
    slice effect = val_get_string(statement, S("Effect"));
    bool acts = val_get(statement, S("Action")) || val_get(statement, S("NotAction"));
    bool names = val_get(statement, S("Principal")) || val_get(statement, S("NotPrincipal"));
    return acts && names && (slice_eq(effect, S("Allow")) || slice_eq(effect, S("Deny")));
}

static bool is_policy(struct arena *arena, slice text)
{
    struct val document;
    slice why;
    if (json_parse(arena, text, &document, &why) != 0)
        return false;
    const struct val *statements = val_get(&document, S("Statement"));
    if (!statements)
        return false;
    if (statements->type == VAL_OBJECT)
        return is_statement(statements);
    if (statements->type != VAL_ARRAY || statements->array.len == 0)
        return false;
    list_foreach (statement, &statements->array) {
        if (!is_statement(statement))
            return false;
    }
    return true;
}

int repository_policy_check(struct call *c, slice what, slice text)
{
    if (is_policy(c->arena, text))
        return 0;
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid %.*s policy provided'",
                SLICE_ARG(what));
}

static int get(struct call *c, slice registry_id, slice name, struct repository *repository)
{
    TRY(repository_get(c, registry_id, name, repository));
    if (repository->policy.ptr)
        return 0;
    return fail(c, &ecr_repository_policy_not_found,
                "Repository policy does not exist for the repository with name '%.*s' in the registry with id '%.*s'",
                SLICE_ARG(repository->name), SLICE_ARG(repository->account));
}

int ecr_set_repository_policy(struct call *c, const struct ecr_set_repository_policy_in *in,
                              struct ecr_set_repository_policy_out *out)
{
    struct repository repository;
    TRY(repository_policy_check(c, S("repository"), in->policy_text));
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    db_run(c->db, ECR_SQL_REPOSITORY_SET_POLICY, "ti", in->policy_text, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->policy_text = in->policy_text;
    return 0;
}

int ecr_get_repository_policy(struct call *c, const struct ecr_get_repository_policy_in *in,
                              struct ecr_get_repository_policy_out *out)
{
    struct repository repository;
    TRY(get(c, in->registry_id, in->repository_name, &repository));
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->policy_text = repository.policy;
    return 0;
}

int ecr_delete_repository_policy(struct call *c, const struct ecr_delete_repository_policy_in *in,
                                 struct ecr_delete_repository_policy_out *out)
{
    struct repository repository;
    TRY(get(c, in->registry_id, in->repository_name, &repository));
    db_run(c->db, ECR_SQL_REPOSITORY_SET_POLICY, "ti", (slice){NULL, 0}, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->policy_text = repository.policy;
    return 0;
}
