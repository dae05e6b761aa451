/* fuzz_pattern: CloudWatch Logs' filter patterns. The first line is the pattern, the rest is the message. */
#include "tests/fuzz/fuzz.h"

#include "services/logs/pattern.h"

static void fuzz_one(struct arena *arena, slice bytes)
{
    slice text, message, why = S("");
    struct pattern *pattern;
    slice_cut(bytes, '\n', &text, &message);
    if (!slice_is_utf8(bytes))
        return;
    if (pattern_parse(arena, text, &pattern, &why) != 0) {
        fuzz_check(!slice_empty(why));
        return;
    }
    if (!message.ptr)
        message = S("");
    bool matched = pattern_match(arena, pattern, message);
    fuzz_check(matched == pattern_match(arena, pattern, message));
    struct pair_list values = {0};
    if (matched)
        pattern_extract(arena, pattern, message, &values);
}
