/* tags: tags of resources as rows, by ARN. The operations are in tags_api.c. */
#include "services/ecs/ecs.h"

int tags_check(struct call *c, const struct ecs_tags *tags)
{
    list_foreach (tag, tags) {
        if (tag->key.len == 0)
            return fail(c, &ecs_invalid_parameter, "Tag keys can not be empty.");
        if (slice_starts(tag->key, S("aws:")))
            return fail(c, &ecs_invalid_parameter, "Tag keys can not begin with aws:.");
        for (const struct ecs_tag *other = tags->items; other < tag; other++) {
            if (slice_eq(other->key, tag->key))
                return fail(c, &ecs_invalid_parameter, "Duplicate tag keys are not allowed: %.*s", SLICE_ARG(tag->key));
        }
    }
    return 0;
}

void tags_set(struct call *c, slice arn, const struct ecs_tags *tags)
{
    list_foreach (tag, tags)
        db_run(c->db, ECS_SQL_TAG_SET, "ttt", arn, tag->key, tag->value.ptr ? tag->value : S(""));
}

void tags_list(struct call *c, slice arn, struct ecs_tags *out)
{
    struct db_rows rows = db_query(c->db, ECS_SQL_TAG_LIST, "t", arn);
    *out = (struct ecs_tags){.set = true};
    while (db_next(&rows)) {
        struct ecs_tag *tag = list_add(c->arena, out);
        tag->key = db_text(&rows, 0);
        tag->value = db_text(&rows, 1);
    }
}

void tags_delete_all(struct call *c, slice arn)
{
    db_run(c->db, ECS_SQL_TAG_DELETE_ALL, "t", arn);
}
