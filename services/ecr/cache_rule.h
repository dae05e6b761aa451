/* cache_rule: pull-through cache rules as rows. */
#pragma once

#include "services/ecr/ecr.h"

struct cache_rule {
    slice prefix; /* of our repository names; ROOT: all */
    slice url;
    slice upstream;        /* AWS's word for the registry; may be absent */
    slice upstream_prefix; /* of the names there; ROOT or absent: none */
    slice credential;
    slice role;
    int64_t created_ms;
    int64_t updated_ms;
};

/* get: or fails with PullThroughCacheRuleNotFoundException. account: absent, the caller's. */
int cache_rule_get(struct call *c, slice account, slice prefix, struct cache_rule *rule);
bool cache_rule_find(struct call *c, slice account, slice prefix, struct cache_rule *rule);

/* The rule that a repository's name falls under, and the name behind its prefix. */
bool cache_rule_for(struct call *c, slice account, slice name, struct cache_rule *rule, slice *rest);
