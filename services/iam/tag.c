/* tag: what tags may be. The operations on them are in tag_api.c. */
#include "services/iam/iam.h"

int tag_check(struct call *c, const struct iam_tag_list_type *tags)
{
    if (tags->len > TAG_MAX)
        return fail(c, &iam_validation_error,
                    "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have "
                    "length less than or equal to %d",
                    TAG_MAX);
    list_foreach (tag, tags) {
        if (slice_starts(tag->key, S("aws:")))
            return fail(c, &iam_invalid_input, "Tag keys that begin with aws: are reserved for system use.");
        for (const struct iam_tag *other = tags->items; other < tag; other++) {
            if (slice_eq_nocase(other->key, tag->key))
                return fail(c, &iam_invalid_input,
                            "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        }
    }
    return 0;
}
