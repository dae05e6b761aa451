/* tags_api: tags of log groups, by the operations that take an ARN and by the older ones that take a name. */
#include "services/logs/logs.h"

#include "logs_api.h"

static int group_of_arn(struct call *c, slice arn, struct log_group *group)
{
    slice name = group_name_of(arn);
    if (!name.ptr || !slice_starts(arn, S("arn:")))
        return fail(c, &logs_invalid_parameter, "The ARN %.*s is not the ARN of a log group.", SLICE_ARG(arn));
    return group_get(c, name, group);
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
    tags_list(c, group.id, &out->tags);
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
    tags_list(c, group.id, &out->tags);
    return 0;
}
