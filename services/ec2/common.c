/* common: what many operations check alike: dry runs, tags of new resources, client tokens. */
#include "services/ec2/ec2.h"

#include "common/hash.h"

enum { MAX_TAGS = 50, MAX_KEY = 127, MAX_VALUE = 255, MAX_TOKEN = 64 };

int common_dry_run(struct call *c, struct opt_bool dry_run)
{
    if (!opt_bool_or(dry_run, false))
        return 0;
    return fail(c, &ec2_dry_run_operation, "Request would have succeeded, but DryRun flag is set.");
}

int common_missing(struct call *c, const char *parameter)
{
    return fail(c, &ec2_missing_parameter, "The request must contain the parameter %s", parameter);
}

int common_check_tags(struct call *c, const struct ec2_tag_list *tags)
{
    if (tags->len > MAX_TAGS)
        return fail(c, &ec2_tag_limit_exceeded, "The maximum number of Tags for a resource has been reached.");
    for (size_t i = 0; i < tags->len; i++) {
        slice key = tags->items[i].key;
        if (key.len == 0)
            return fail(c, &ec2_invalid_parameter_value, "Tag key cannot be null or empty.");
        if (slice_starts(key, S("aws:")))
            return fail(c, &ec2_invalid_parameter_value, "Tag keys starting with 'aws:' are reserved for internal use");
        if (slice_utf8_len(key) > MAX_KEY + 1)
            return fail(c, &ec2_invalid_parameter_value, "Tag key exceeds the maximum length of %d characters",
                        MAX_KEY);
        if (slice_utf8_len(tags->items[i].value) > MAX_VALUE + 1)
            return fail(c, &ec2_invalid_parameter_value, "Tag value exceeds the maximum length of %d characters",
                        MAX_VALUE);
        for (size_t j = 0; j < i; j++) {
            if (slice_eq(tags->items[j].key, key))
                return fail(c, &ec2_invalid_parameter_value, "Duplicate tag key '%.*s' specified.", SLICE_ARG(key));
        }
    }
    return 0;
}

int common_tags(struct call *c, enum kind kind, const struct ec2_tag_specification_list *specifications,
                struct ec2_tag_list *tags)
{
    *tags = (struct ec2_tag_list){.set = true};
    list_foreach (specification, specifications) {
        if (!slice_eq(specification->resource_type, kinds[kind].type))
            return fail(c, &ec2_invalid_parameter_value,
                        "'%.*s' is not a valid taggable resource type for this operation.",
                        SLICE_ARG(specification->resource_type));
        if (specification->tags.len == 0)
            return fail(c, &ec2_invalid_parameter_value, "Tag specification must have at least one tag");
        list_foreach (tag, &specification->tags) {
            struct ec2_tag *added = list_add(c->arena, tags);
            added->key = tag->key;
            added->value = tag->value.ptr ? tag->value : S("");
        }
    }
    return common_check_tags(c, tags);
}

static slice request_hash(struct call *c, const struct api_shape *shape, const void *in)
{
    return hash_sha256_hex(c->arena, api_to_json(c->arena, shape, in));
}

int common_token(struct call *c, slice token, const struct api_shape *shape, const void *in, slice *id)
{
    slice request = {NULL, 0};
    *id = (slice){NULL, 0};
    if (token.len == 0)
        return 0;
    if (token.len > MAX_TOKEN)
        return fail(c, &ec2_invalid_parameter_value, "Invalid value for parameter ClientToken: more than %d characters",
                    MAX_TOKEN);
    struct db_rows rows = db_query(c->db, EC2_SQL_TOKEN_GET, "itt", resource_scope(c), c->operation->name, token);
    if (db_next(&rows)) {
        request = db_text(&rows, 0);
        *id = db_text(&rows, 1);
    }
    db_done(&rows);
    if (id->ptr && !slice_eq(request, request_hash(c, shape, in)))
        return fail(
            c, &ec2_idempotent_parameter_mismatch,
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).");
    return 0;
}

void common_remember(struct call *c, slice token, const struct api_shape *shape, const void *in, slice id)
{
    if (token.len > 0)
        db_run(c->db, EC2_SQL_TOKEN_ADD, "itttt", resource_scope(c), c->operation->name, token,
               request_hash(c, shape, in), id);
}
