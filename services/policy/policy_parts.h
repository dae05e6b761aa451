/* policy_parts: what the files of the policy evaluator share. */
#pragma once

#include "services/policy/policy.h"

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

/* policy_variable.c: what one look at a request needs, and what it finds missing. */
struct policy_look {
    struct arena *arena;
    const struct policy_key_list *keys;
    struct slice_list *missing; /* without doubles */
    bool variables;             /* replace them */
};

/* The key's values, or NULL, which is noted. */
const struct slice_list *policy_look_up(const struct policy_look *look, slice key);
void policy_note_key(struct arena *arena, struct slice_list *names, slice key);

/* The text with its variables replaced. False when one has neither value nor default: then it matches nothing. */
bool policy_expand(const struct policy_look *look, slice text, struct policy_pattern *pattern);

/* policy_condition.c: whether all conditions hold. */
bool policy_conditions_hold(const struct policy_look *look, const struct val *conditions);

/* policy_principal.c: how the statement's Principal or NotPrincipal means the caller. */
enum policy_meant {
    POLICY_NOT_MEANT,
    POLICY_MEANT_BY_ACCOUNT,
    POLICY_MEANT_BY_NAME, /* or with everybody */
};
enum policy_meant policy_principal_means(const struct policy_statement *statement, const struct policy_caller *caller);

/* policy_operator.c: by its name with prefix and suffix, or NULL. */
const struct policy_operator *policy_operator_find(slice name, enum policy_quantifier *quantifier, bool *if_exists);

/* policy_locate.c: fills in where each statement begins and ends in the text, which has been parsed. */
void policy_locate(slice text, struct policy_statement_list *statements);
