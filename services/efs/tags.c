/* tags: tags of file systems and access points as rows. The operations are in tags_api.c. */
#include "services/efs/efs.h"

int tags_check(struct call *c, const struct efs_tags *tags)
{
    if (tags->len > TAGS_MAX)
        return fail(c, &efs_bad_request, "One or more tags are invalid: at most %d tags are allowed.", TAGS_MAX);
    list_foreach (tag, tags) {
        for (const struct efs_tag *other = tags->items; other < tag; other++) {
            if (slice_eq(other->key, tag->key))
                return fail(c, &efs_bad_request, "Duplicate tag key: %.*s", SLICE_ARG(tag->key));
        }
    }
    return 0;
}

void tags_set(struct call *c, slice resource, const struct efs_tags *tags)
{
    list_foreach (tag, tags)
        db_run(c->db, EFS_SQL_TAG_SET, "ttt", resource, tag->key, tag->value.ptr ? tag->value : S(""));
}

void tags_page(struct call *c, slice resource, slice after, int64_t limit, struct efs_tags *out)
{
    struct db_rows rows = db_query(c->db, EFS_SQL_TAG_LIST, "tti", resource, after, limit);
    out->set = true;
    while (db_next(&rows)) {
        struct efs_tag *tag = list_add(c->arena, out);
        tag->key = db_text(&rows, 0);
        tag->value = db_text(&rows, 1);
    }
}

void tags_list(struct call *c, slice resource, struct efs_tags *out)
{
    tags_page(c, resource, S(""), TAGS_MAX, out);
}

slice tags_name(const struct efs_tags *tags)
{
    list_foreach (tag, tags) {
        if (slice_eq(tag->key, S("Name")))
            return tag->value;
    }
    return (slice){NULL, 0};
}
