/* tags: tags of log groups as rows. The operations are in tags_api.c. */
#include "services/logs/logs.h"

#include "logs_api.h"

enum { MAX_TAGS = 50, MAX_KEY = 128, MAX_VALUE = 256 };

static int64_t count(struct call *c, int64_t group_id)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_TAG_COUNT, "i", group_id);
    int64_t n = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return n;
}

int tags_set(struct call *c, int64_t group_id, const struct pair_list *tags)
{
    list_foreach (tag, tags) {
        if (slice_utf8_len(tag->key) > MAX_KEY || slice_utf8_len(tag->value) > MAX_VALUE || tag->key.len == 0)
            return fail(c, &logs_invalid_parameter, "Tag keys have 1 to %d characters, tag values at most %d.", MAX_KEY,
                        MAX_VALUE);
        if (slice_starts(tag->key, S("aws:")))
            return fail(c, &logs_invalid_parameter, "aws: prefixed tag key names are not allowed for external use.");
        db_run(c->db, LOGS_SQL_TAG_SET, "itt", group_id, tag->key, tag->value.ptr ? tag->value : S(""));
    }
    if (tags->len > 0 && count(c, group_id) > MAX_TAGS)
        return fail(c, &logs_too_many_tags, "The resource has more than %d tags.", MAX_TAGS);
    return 0;
}

void tags_list(struct call *c, int64_t group_id, struct logs_tags *out)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_TAG_LIST, "i", group_id);
    while (db_next(&rows)) {
        struct logs_tags_entry *entry = list_add(c->arena, out);
        entry->key = db_text(&rows, 0);
        entry->value = db_text(&rows, 1);
    }
    out->set = true;
}
