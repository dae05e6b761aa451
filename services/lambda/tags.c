/* tags: of functions, event source mappings and layers, by ARN. */
#include "services/lambda/lambda.h"

enum { MAX_TAGS = 50, MAX_KEY = 128, MAX_VALUE = 256 };

int tags_check(struct call *c, const struct lambda_tags *tags)
{
    list_foreach (tag, tags) {
        if (slice_starts(tag->key, S("aws:")))
            return fail(c, &lambda_invalid_parameter_value, "System tags cannot be added/updated by requester: %.*s",
                        SLICE_ARG(tag->key));
        if (tag->key.len == 0 || slice_utf8_len(tag->key) > MAX_KEY || slice_utf8_len(tag->value) > MAX_VALUE)
            return fail(c, &lambda_invalid_parameter_value,
                        "Tag keys must have 1 to %d characters and tag values at most %d: %.*s", MAX_KEY, MAX_VALUE,
                        SLICE_ARG(tag->key));
    }
    if (tags->len > MAX_TAGS)
        return fail(c, &lambda_invalid_parameter_value, "Number of tags exceeds resource tag limit.");
    return 0;
}

void tags_set(struct call *c, slice arn, const struct lambda_tags *tags)
{
    list_foreach (tag, tags)
        db_run(c->db, LAMBDA_SQL_TAG_SET, "ttt", arn, tag->key, tag->value.ptr ? tag->value : S(""));
}

void tags_list(struct call *c, slice arn, struct lambda_tags *out)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_TAG_LIST, "t", arn);
    *out = (struct lambda_tags){.set = true};
    while (db_next(&rows)) {
        struct lambda_tags_entry *tag = list_add(c->arena, out);
        tag->key = db_text(&rows, 0);
        tag->value = db_text(&rows, 1);
    }
}

static bool mapping_exists(struct call *c, slice arn)
{
    slice id = arn;
    while (slice_index(id, ':') < id.len)
        id = slice_sub(id, slice_index(id, ':') + 1, id.len);
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_MAPPING_GET, "ttt", id, c->account, c->region);
    bool found = db_next(&rows);
    db_done(&rows);
    return found;
}

static int check_resource(struct call *c, slice arn)
{
    struct function f;
    struct function_name name;
    if (slice_find(arn, S(":event-source-mapping:")) >= 0)
        return mapping_exists(c, arn)
                   ? 0
                   : fail(c, &lambda_resource_not_found, "The resource you requested does not exist.");
    TRY(name_parse(c, arn, (slice){NULL, 0}, &name));
    if (name.qualifier.len > 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "Tags on function aliases and versions are not supported. Please specify a function ARN.");
    return function_get_named(c, &name, &f);
}

int lambda_tag_resource(struct call *c, const struct lambda_tag_resource_in *in, struct lambda_tag_resource_out *out)
{
    TRY(check_resource(c, in->resource));
    TRY(tags_check(c, &in->tags));
    if (in->tags.len == 0)
        return fail(c, &lambda_invalid_parameter_value, "An error occurred and the request cannot be processed.");
    tags_set(c, in->resource, &in->tags);
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_TAG_COUNT, "t", in->resource);
    bool too_many = db_next(&rows) && db_int(&rows, 0) > MAX_TAGS;
    db_done(&rows);
    return too_many ? fail(c, &lambda_invalid_parameter_value, "Number of tags exceeds resource tag limit.") : 0;
}

int lambda_untag_resource(struct call *c, const struct lambda_untag_resource_in *in,
                          struct lambda_untag_resource_out *out)
{
    TRY(check_resource(c, in->resource));
    list_foreach (key, &in->tag_keys)
        db_run(c->db, LAMBDA_SQL_TAG_DELETE, "tt", in->resource, *key);
    return 0;
}

int lambda_list_tags(struct call *c, const struct lambda_list_tags_in *in, struct lambda_list_tags_out *out)
{
    TRY(check_resource(c, in->resource));
    tags_list(c, in->resource, &out->tags);
    return 0;
}
