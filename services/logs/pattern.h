/* pattern: CloudWatch Logs' filter patterns: terms, JSON selectors, space-delimited fields, regular expressions. */
#pragma once

#include "common/list.h"

struct pattern;

/* Compiles a filter pattern into the arena. An empty one matches everything. Answers 0, or BAD_INPUT with a reason. */
int pattern_parse(struct arena *arena, slice text, struct pattern **out, slice *why);

/* Whether the message matches. Uses the arena as scratch space. */
bool pattern_match(struct arena *arena, const struct pattern *pattern, slice message);

/* The named fields of a matching message, as TestMetricFilter shows them: "$name" or "$.selector" → value. Terms give
 * none. */
void pattern_extract(struct arena *arena, const struct pattern *pattern, slice message, struct pair_list *values);
