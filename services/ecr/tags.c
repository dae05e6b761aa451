/* tags: tags of repositories as rows. The operations are in tags_api.c. */
#include "services/ecr/ecr.h"

#include "ecr_api.h"

enum { MAX_TAGS = 50, MAX_KEY = 128, MAX_VALUE = 256 };

static int64_t count(struct call *c, int64_t repository_id)
{
    struct db_rows rows = db_query(c->db, ECR_SQL_TAG_COUNT, "i", repository_id);
    int64_t n = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return n;
}

int tags_set(struct call *c, int64_t repository_id, const struct ecr_tag_list *tags)
{
    list_foreach (tag, tags) {
        if (slice_utf8_len(tag->key) > MAX_KEY || slice_utf8_len(tag->value) > MAX_VALUE || tag->key.len == 0)
            return fail(c, &ecr_invalid_tag_parameter,
                        "Invalid parameter at 'tags' failed to satisfy constraint: 'Tag keys have 1 to %d characters, "
                        "tag values at most %d'",
                        MAX_KEY, MAX_VALUE);
        if (slice_starts(tag->key, S("aws:")))
            return fail(c, &ecr_invalid_tag_parameter,
                        "Invalid parameter at 'tags' failed to satisfy constraint: 'aws: prefixed tag key names are "
                        "not allowed for external use'");
        db_run(c->db, ECR_SQL_TAG_SET, "itt", repository_id, tag->key, tag->value.ptr ? tag->value : S(""));
    }
    if (tags->len > 0 && count(c, repository_id) > MAX_TAGS)
        return fail(c, &ecr_too_many_tags, "The resource has more than %d tags", MAX_TAGS);
    return 0;
}
