/* upstream: images of other registries, fetched by pull-through cache rules when they are first asked for. */
#pragma once

#include "services/ecr/cache_rule.h"

struct upstream_want {
    slice account; /* absent: the caller's */
    slice name;    /* of our repository */
    slice tag;     /* one of both */
    slice digest;
    bool deep; /* with everything it names, for whoever reads the files */
};

/* When a rule stands for the repository and the image is not here (or a tag was last looked at a day ago), fetches its
 * manifest, and makes the repository. Answers 0 (also when there is no rule), CALL_LATER, or CALL_FAILED with
 * UnableToGetUpstreamImageException. */
int upstream_image(struct call *c, const struct upstream_want *want);

/* The same for a blob of a repository that has a rule. */
int upstream_blob(struct call *c, slice account, slice name, slice digest);
