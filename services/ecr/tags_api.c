/* tags_api: the operations on tags of repositories. */
#include "services/ecr/ecr.h"

#include "ecr_api.h"

int ecr_tag_resource(struct call *c, const struct ecr_tag_resource_in *in, struct ecr_tag_resource_out *out)
{
    struct repository repository;
    TRY(repository_of_arn(c, in->resource_arn, &repository));
    return tags_set(c, repository.id, &in->tags);
}

int ecr_untag_resource(struct call *c, const struct ecr_untag_resource_in *in, struct ecr_untag_resource_out *out)
{
    struct repository repository;
    TRY(repository_of_arn(c, in->resource_arn, &repository));
    list_foreach (key, &in->tag_keys)
        db_run(c->db, ECR_SQL_TAG_DELETE, "it", repository.id, *key);
    return 0;
}

int ecr_list_tags_for_resource(struct call *c, const struct ecr_list_tags_for_resource_in *in,
                               struct ecr_list_tags_for_resource_out *out)
{
    struct repository repository;
    TRY(repository_of_arn(c, in->resource_arn, &repository));
    out->tags.set = true;
    struct db_rows rows = db_query(c->db, ECR_SQL_TAG_LIST, "i", repository.id);
    while (db_next(&rows))
        *list_add(c->arena, &out->tags) = (struct ecr_tag){.key = db_text(&rows, 0), .value = db_text(&rows, 1)};
    return 0;
}
