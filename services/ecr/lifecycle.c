/* lifecycle: the operations on lifecycle policies, their previews, and the timer that carries them out. */
#include "services/ecr/lifecycle.h"

#include "common/log.h"
#include "common/page.h"
#include "ecr_api.h"

enum { PREVIEW_LIMIT = 100 };

static const int64_t period_ms = INT64_C(60) * 60 * 1000;

int lifecycle_check(struct call *c, slice text)
{
    struct lifecycle_rules rules;
    slice why;
    if (lifecycle_parse(c->arena, text, &rules, &why) == 0)
        return 0;
    return fail(c, &ecr_invalid_parameter,
                "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation "
                "failure: %.*s'",
                SLICE_ARG(why));
}

static int get(struct call *c, slice registry_id, slice name, struct repository *repository)
{
    TRY(repository_get(c, registry_id, name, repository));
    if (repository->lifecycle.ptr)
        return 0;
    return fail(c, &ecr_lifecycle_policy_not_found,
                "Lifecycle policy does not exist for the repository with name '%.*s' in the registry with id '%.*s'",
                SLICE_ARG(repository->name), SLICE_ARG(repository->account));
}

int ecr_put_lifecycle_policy(struct call *c, const struct ecr_put_lifecycle_policy_in *in,
                             struct ecr_put_lifecycle_policy_out *out)
{
    struct repository repository;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    TRY(lifecycle_check(c, in->lifecycle_policy_text));
    repository_set_lifecycle(c, repository.id, in->lifecycle_policy_text);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->lifecycle_policy_text = in->lifecycle_policy_text;
    return 0;
}

int ecr_get_lifecycle_policy(struct call *c, const struct ecr_get_lifecycle_policy_in *in,
                             struct ecr_get_lifecycle_policy_out *out)
{
    struct repository repository;
    TRY(get(c, in->registry_id, in->repository_name, &repository));
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->lifecycle_policy_text = repository.lifecycle;
    out->last_evaluated_at = repository.evaluated_ms;
    return 0;
}

int ecr_delete_lifecycle_policy(struct call *c, const struct ecr_delete_lifecycle_policy_in *in,
                                struct ecr_delete_lifecycle_policy_out *out)
{
    struct repository repository;
    TRY(get(c, in->registry_id, in->repository_name, &repository));
    db_run(c->db, ECR_SQL_REPOSITORY_SET_LIFECYCLE, "tIi", (slice){NULL, 0}, (struct opt_int){0}, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->lifecycle_policy_text = repository.lifecycle;
    out->last_evaluated_at = repository.evaluated_ms;
    return 0;
}

int ecr_start_lifecycle_policy_preview(struct call *c, const struct ecr_start_lifecycle_policy_preview_in *in,
                                       struct ecr_start_lifecycle_policy_preview_out *out)
{
    struct repository repository;
    slice text = in->lifecycle_policy_text;
    if (text.ptr) {
        TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
        TRY(lifecycle_check(c, text));
    } else {
        TRY(get(c, in->registry_id, in->repository_name, &repository));
        text = repository.lifecycle;
    }
    db_run(c->db, ECR_SQL_REPOSITORY_SET_PREVIEW, "ti", text, repository.id);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->lifecycle_policy_text = text;
    out->status = S("IN_PROGRESS");
    return 0;
}

static bool has_tag(const struct slice_list *tags, slice tag)
{
    list_foreach (one, tags) {
        if (slice_eq(*one, tag))
            return true;
    }
    return false;
}

static bool asked_for(const struct ecr_get_lifecycle_policy_preview_in *in, const struct expiry *expiry)
{
    slice status = in->filter ? in->filter->tag_status : (slice){NULL, 0};
    if (status.ptr && !slice_eq(status, S("ANY")) && slice_eq(status, S("TAGGED")) != (expiry->tags.len > 0))
        return false;
    list_foreach (id, &in->image_ids) {
        bool digest = !id->image_digest.ptr || slice_eq(id->image_digest, expiry->image.digest);
        if (digest && (!id->image_tag.ptr || has_tag(&expiry->tags, id->image_tag)))
            return true;
    }
    return in->image_ids.len == 0;
}

static void show(struct call *c, const struct expiry *expiry, struct ecr_lifecycle_policy_preview_result *out)
{
    out->image_tags.items = expiry->tags.items;
    out->image_tags.len = expiry->tags.len;
    out->image_tags.set = true;
    out->image_digest = expiry->image.digest;
    out->image_pushed_at = opt_int(expiry->image.pushed_ms);
    out->action = arena_alloc(c->arena, sizeof(*out->action));
    out->action->type = S("EXPIRE");
    out->applied_rule_priority = opt_int(expiry->priority);
    out->storage_class = S("STANDARD");
}

/* The results from the image behind `after` on. */
static void show_page(struct call *c, const struct ecr_get_lifecycle_policy_preview_in *in,
                      const struct expiry_list *expiring, slice after, struct ecr_get_lifecycle_policy_preview_out *out)
{
    size_t limit = (size_t)opt_int_or(in->max_results, PREVIEW_LIMIT);
    bool begun = after.len == 0;
    slice last = {0};
    out->preview_results.set = true;
    list_foreach (expiry, expiring) {
        bool was_begun = begun;
        begun = begun || slice_eq(expiry->image.digest, after);
        if (!was_begun || !asked_for(in, expiry))
            continue;
        if (out->preview_results.len == limit) {
            out->next_token = page_token(c->arena, S("GetLifecyclePolicyPreview"), last);
            return;
        }
        show(c, expiry, list_add(c->arena, &out->preview_results));
        last = expiry->image.digest;
    }
}

int ecr_get_lifecycle_policy_preview(struct call *c, const struct ecr_get_lifecycle_policy_preview_in *in,
                                     struct ecr_get_lifecycle_policy_preview_out *out)
{
    struct repository repository;
    struct lifecycle_rules rules;
    slice after, why;
    TRY(repository_get(c, in->registry_id, in->repository_name, &repository));
    if (page_key(c->arena, S("GetLifecyclePolicyPreview"), in->next_token, &after) != 0)
        return fail(c, &ecr_invalid_parameter,
                    "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
    if (!repository.preview.ptr)
        return fail(c, &ecr_lifecycle_policy_preview_not_found,
                    "Lifecycle policy preview does not exist for the repository with name '%.*s' in the registry with "
                    "id '%.*s'",
                    SLICE_ARG(repository.name), SLICE_ARG(repository.account));
    TRY(lifecycle_parse(c->arena, repository.preview, &rules, &why));
    struct expiry_list expiring = lifecycle_evaluate(c, &repository, &rules);
    show_page(c, in, &expiring, after, out);
    out->registry_id = repository.account;
    out->repository_name = repository.name;
    out->lifecycle_policy_text = repository.preview;
    out->status = S("COMPLETE");
    out->summary = arena_alloc(c->arena, sizeof(*out->summary));
    out->summary->expiring_image_total_count = opt_int((int64_t)expiring.len);
    return 0;
}

static void carry_out(struct call *c, const struct repository *repository)
{
    struct lifecycle_rules rules;
    slice why;
    if (lifecycle_parse(c->arena, repository->lifecycle, &rules, &why) != 0)
        return;
    struct expiry_list expiring = lifecycle_evaluate(c, repository, &rules);
    list_foreach (expiry, &expiring)
        image_delete(c, repository, expiry->image.id);
    if (expiring.len > 0)
        log_info("the lifecycle policy of %.*s expired %zu images", SLICE_ARG(repository->name), expiring.len);
}

/* One repository at a time: the next comes in the next turn. */
int lifecycle_run(struct call *c, int64_t *next_due_ms)
{
    struct repository repository;
    int64_t due_ms = 0;
    struct db_rows rows = db_query(c->db, ECR_SQL_REPOSITORY_LIFECYCLE_NEXT, "");
    if (db_next(&rows)) {
        repository_read(&rows, &repository);
        due_ms = db_int(&rows, 14);
    }
    db_done(&rows);
    *next_due_ms = due_ms;
    if (due_ms == 0 || due_ms > c->now_ms)
        return 0;
    carry_out(c, &repository);
    db_run(c->db, ECR_SQL_REPOSITORY_SET_EVALUATED, "iii", c->now_ms, c->now_ms + period_ms, repository.id);
    *next_due_ms = c->now_ms + 1;
    return 0;
}
