/* tags: tags of log groups, by the operations that take an ARN and by the older ones that take a name. */
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

static int group_of_arn(struct call *c, slice arn, struct log_group *group)
{
    slice name = group_name_of(arn);
    if (!name.ptr || !slice_starts(arn, S("arn:")))
        return fail(c, &logs_invalid_parameter, "The ARN %.*s is not the ARN of a log group.", SLICE_ARG(arn));
    return group_get(c, name, group);
}

static void list(struct call *c, int64_t group_id, struct logs_tags *out)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_TAG_LIST, "i", group_id);
    while (db_next(&rows)) {
        struct logs_tags_entry *entry = list_add(c->arena, out);
        entry->key = db_text(&rows, 0);
        entry->value = db_text(&rows, 1);
    }
    out->set = true;
}

static struct pair_list pairs_of(struct call *c, const struct logs_tags *tags)
{
    struct pair_list pairs = {0};
    list_foreach (tag, tags)
        *list_add(c->arena, &pairs) = (struct pair){tag->key, tag->value};
    return pairs;
}

int logs_tag_resource(struct call *c, const struct logs_tag_resource_in *in, struct logs_tag_resource_out *out)
{
    struct log_group group;
    struct pair_list tags = pairs_of(c, &in->tags);
    TRY(group_of_arn(c, in->resource_arn, &group));
    return tags_set(c, group.id, &tags);
}

int logs_untag_resource(struct call *c, const struct logs_untag_resource_in *in, struct logs_untag_resource_out *out)
{
    struct log_group group;
    TRY(group_of_arn(c, in->resource_arn, &group));
    list_foreach (key, &in->tag_keys)
        db_run(c->db, LOGS_SQL_TAG_DELETE, "it", group.id, *key);
    return 0;
}

int logs_list_tags_for_resource(struct call *c, const struct logs_list_tags_for_resource_in *in,
                                struct logs_list_tags_for_resource_out *out)
{
    struct log_group group;
    TRY(group_of_arn(c, in->resource_arn, &group));
    list(c, group.id, &out->tags);
    return 0;
}

int logs_tag_log_group(struct call *c, const struct logs_tag_log_group_in *in, struct logs_tag_log_group_out *out)
{
    struct log_group group;
    struct pair_list tags = pairs_of(c, &in->tags);
    TRY(group_get(c, in->log_group_name, &group));
    return tags_set(c, group.id, &tags);
}

int logs_untag_log_group(struct call *c, const struct logs_untag_log_group_in *in, struct logs_untag_log_group_out *out)
{
    struct log_group group;
    TRY(group_get(c, in->log_group_name, &group));
    list_foreach (key, &in->tags)
        db_run(c->db, LOGS_SQL_TAG_DELETE, "it", group.id, *key);
    return 0;
}

int logs_list_tags_log_group(struct call *c, const struct logs_list_tags_log_group_in *in,
                             struct logs_list_tags_log_group_out *out)
{
    struct log_group group;
    TRY(group_get(c, in->log_group_name, &group));
    list(c, group.id, &out->tags);
    return 0;
}
