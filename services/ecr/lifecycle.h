/* lifecycle: lifecycle policies as rules, and what they say about the images of a repository. */
#pragma once

#include "common/opt.h"
#include "services/ecr/ecr.h"

struct lifecycle_rule {
    int64_t priority;
    slice tag_status;           /* tagged, untagged, any */
    struct slice_list prefixes; /* of tags: all must match some tag */
    struct slice_list patterns;
    slice count_type; /* imageCountMoreThan, sinceImagePushed, … */
    int64_t count;    /* images, or days */
};

struct lifecycle_rules {
    struct lifecycle_rule *items;
    size_t len;
    bool set;
};

/* An image that expires, and by which rule. */
struct expiry {
    struct image image;
    struct slice_list tags;
    int64_t priority;
};

struct expiry_list {
    struct expiry *items;
    size_t len;
    bool set;
};

/* Reads a policy's text, rules by priority. Answers 0, or BAD_INPUT with a reason. */
int lifecycle_parse(struct arena *arena, slice text, struct lifecycle_rules *rules, slice *why);

/* What the rules say now, newest image first. */
struct expiry_list lifecycle_evaluate(struct call *c, const struct repository *repository,
                                      const struct lifecycle_rules *rules);
