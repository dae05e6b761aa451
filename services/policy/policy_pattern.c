/* policy_pattern: texts with wildcards, some of whose characters may come from policy variables. */
#include "services/policy/policy_parts.h"

static char lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch;
}

/* One star is remembered at a time; going back to the newest is enough. */
bool policy_pattern_match(const struct policy_pattern *pattern, slice text, bool nocase)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        bool inside = p < pattern->text.len;
        bool wild = inside && pattern->wild[p];
        if (wild && pattern->text.ptr[p] == '*') {
            star = p++;
            from = t;
        } else if (inside && (wild || pattern->text.ptr[p] == text.ptr[t] ||
                              (nocase && lower(pattern->text.ptr[p]) == lower(text.ptr[t])))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else
            return false;
    }
    while (p < pattern->text.len && pattern->wild[p] && pattern->text.ptr[p] == '*')
        p++;
    return p == pattern->text.len;
}
