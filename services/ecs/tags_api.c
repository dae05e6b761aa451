/* tags_api: the operations on tags of clusters, tasks and task definitions. */
#include "services/ecs/ecs.h"

enum { MAX_TAGS = 50 };

static int resource_exists(struct call *c, slice arn, bool writing)
{
    struct cluster cluster;
    struct definition definition;
    struct ecs_task task;
    slice resource = arn_resource(c, arn);
    if (slice_starts(resource, S("cluster/")))
        return cluster_get(c, arn, &cluster);
    if (slice_starts(resource, S("task-definition/"))) {
        if (!definition_find(c, arn, &definition))
            return fail(c, &ecs_invalid_parameter,
                        "The specified task definition is not found. Verify the task definition and try again.");
        return 0;
    }
    if (slice_starts(resource, S("task/"))) {
        if (!task_find_doc(c, NULL, arn, &task))
            return fail(c, &ecs_invalid_parameter, "The specified task is not found. Verify the task and try again.");
        if (writing && slice_eq(task.last_status, S("STOPPED")))
            return fail(c, &ecs_invalid_parameter,
                        "The specified task is stopped. Specify a running task and try again.");
        return 0;
    }
    return fail(c, &ecs_invalid_parameter, "Invalid ARN: %.*s does not name a resource that can be tagged.",
                SLICE_ARG(arn));
}

int ecs_tag_resource(struct call *c, const struct ecs_tag_resource_in *in, struct ecs_tag_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn, true));
    TRY(tags_check(c, &in->tags));
    tags_set(c, in->resource_arn, &in->tags);
    struct db_rows rows = db_query(c->db, ECS_SQL_TAG_COUNT, "t", in->resource_arn);
    bool too_many = db_next(&rows) && db_int(&rows, 0) > MAX_TAGS;
    db_done(&rows);
    return too_many ? fail(c, &ecs_invalid_parameter, "The number of tags exceeds the limit of %d.", MAX_TAGS) : 0;
}

int ecs_untag_resource(struct call *c, const struct ecs_untag_resource_in *in, struct ecs_untag_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn, true));
    list_foreach (key, &in->tag_keys)
        db_run(c->db, ECS_SQL_TAG_DELETE, "tt", in->resource_arn, *key);
    return 0;
}

int ecs_list_tags_for_resource(struct call *c, const struct ecs_list_tags_for_resource_in *in,
                               struct ecs_list_tags_for_resource_out *out)
{
    TRY(resource_exists(c, in->resource_arn, false));
    tags_list(c, in->resource_arn, &out->tags);
    return 0;
}
