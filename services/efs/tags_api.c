/* tags_api: tags of file systems and access points, by the operations that take any resource and the older ones that
 * take a file system. */
#include "services/efs/efs.h"

#include "common/page.h"

enum { MAX_RESULTS = 100 };

/* A page of tags; *next continues it. */
static int list_page(struct call *c, slice resource, slice token, struct opt_int wanted, struct efs_tags *out,
                     slice *next)
{
    slice after;
    int64_t limit = efs_limit(wanted, MAX_RESULTS);
    if (page_key(c->arena, S("Tags"), token, &after) != 0)
        return fail(c, &efs_bad_request, "Invalid token.");
    tags_page(c, resource, after, limit + 1, out);
    if ((int64_t)out->len > limit) {
        out->len--;
        *next = page_token(c->arena, S("Tags"), out->items[out->len - 1].key);
    }
    return 0;
}

static int add(struct call *c, slice resource, const struct efs_tags *tags)
{
    TRY(tags_check(c, tags));
    tags_set(c, resource, tags);
    if (efs_number(db_query(c->db, EFS_SQL_TAG_COUNT, "t", resource)) > TAGS_MAX)
        return fail(c, &efs_bad_request, "The resource would have more than %d tags.", TAGS_MAX);
    return 0;
}

static void drop(struct call *c, slice resource, const struct efs_tag_keys *keys)
{
    list_foreach (key, keys)
        db_run(c->db, EFS_SQL_TAG_DELETE, "tt", resource, *key);
}

static int resource_get(struct call *c, slice id, slice *resource)
{
    struct file_system fs;
    *resource = file_system_id(id);
    return slice_starts(*resource, S("fsap-")) ? access_point_exists(c, id) : file_system_get(c, id, &fs);
}

int efs_tag_resource(struct call *c, const struct efs_tag_resource_in *in, struct efs_tag_resource_out *out)
{
    slice resource;
    TRY(resource_get(c, in->resource_id, &resource));
    return add(c, resource, &in->tags);
}

int efs_untag_resource(struct call *c, const struct efs_untag_resource_in *in, struct efs_untag_resource_out *out)
{
    slice resource;
    TRY(resource_get(c, in->resource_id, &resource));
    drop(c, resource, &in->tag_keys);
    return 0;
}

int efs_list_tags_for_resource(struct call *c, const struct efs_list_tags_for_resource_in *in,
                               struct efs_list_tags_for_resource_out *out)
{
    slice resource;
    TRY(resource_get(c, in->resource_id, &resource));
    return list_page(c, resource, in->next_token, in->max_results, &out->tags, &out->next_token);
}

int efs_create_tags(struct call *c, const struct efs_create_tags_in *in, struct efs_create_tags_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    return add(c, fs.name, &in->tags);
}

int efs_delete_tags(struct call *c, const struct efs_delete_tags_in *in, struct efs_delete_tags_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    drop(c, fs.name, &in->tag_keys);
    return 0;
}

int efs_describe_tags(struct call *c, const struct efs_describe_tags_in *in, struct efs_describe_tags_out *out)
{
    struct file_system fs;
    TRY(file_system_get(c, in->file_system_id, &fs));
    out->marker = in->marker;
    return list_page(c, fs.name, in->marker, in->max_items, &out->tags, &out->next_marker);
}
