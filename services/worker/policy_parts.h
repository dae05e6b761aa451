/* policy_parts: what the files of the policy evaluator share. */
#pragma once

#include "services/worker/policy.h"

/* A text with wildcards. What a policy variable brought in has none: only the marked `*` and `?` are. */
struct policy_pattern {
    slice text;
    const char *wild; /* as long as text: not 0 where a character is a wildcard */
};

bool policy_pattern_match(const struct policy_pattern *pattern, slice text, bool nocase);

enum policy_quantifier { POLICY_ONE_VALUE, POLICY_ALL_VALUES, POLICY_ANY_VALUE };

struct policy_operator {
    slice name;
    bool (*matches)(const struct policy_pattern *pattern, slice value); /* NULL: Null, which looks at no value */
    bool negated;
};

/* policy_operator.c: by its name with prefix and suffix, or NULL. */
const struct policy_operator *policy_operator_find(slice name, enum policy_quantifier *quantifier, bool *if_exists);

/* policy_locate.c: fills in where each statement begins and ends in the text, which has been parsed. */
void policy_locate(slice text, struct policy_statement_list *statements);
