/* upstream: see upstream.h. */
#include "services/ecr/upstream.h"

#include "ecr_api.h"

int upstream_image(struct call *c, const struct upstream_want *want)
{
    struct cache_rule rule;
    struct repository repository;
    struct image image;
    slice rest;
    if (!cache_rule_for(c, want->account, want->name, &rule, &rest))
        return 0;
    if (repository_find(c, want->account, want->name, &repository) &&
        image_find(c, repository.id, want->tag, want->digest, &image))
        return 0;
    return fail(c, &ecr_unable_to_get_upstream_image, "The upstream registry %.*s could not be reached.",
                SLICE_ARG(rule.url));
}

int upstream_blob(struct call *c, slice account, slice name, slice digest)
{
    return 0;
}

int upstream_check(struct call *c, const struct cache_rule *rule, slice *why)
{
    *why = S("The upstream registry could not be reached.");
    return 0;
}
