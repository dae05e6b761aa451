/* aws_policy: AWS's own managed policies, from the table that the build makes of aws_policies.json. */
#include "services/iam/iam.h"

#include "common/hash.h"
#include "common/time.h"

#include <stdlib.h>

extern const struct aws_policy aws_policy_table[];
extern const size_t aws_policy_count;

static const slice arn_prefix = S("arn:aws:iam::aws:policy");

static int compare(const void *key, const void *element)
{
    const struct aws_policy *policy = element;
    return slice_cmp(*(const slice *)key, slice_of(policy->name));
}

const struct aws_policy *aws_policy_find(slice arn)
{
    slice rest = slice_sub(arn, arn_prefix.len, arn.len), name = rest;
    if (!slice_starts(arn, arn_prefix))
        return NULL;
    while (slice_index(name, '/') < name.len)
        name = slice_sub(name, slice_index(name, '/') + 1, name.len);
    const struct aws_policy *found =
        bsearch(&name, aws_policy_table, aws_policy_count, sizeof(*aws_policy_table), compare);
    return found && slice_eq(slice_sub(rest, 0, rest.len - name.len), slice_of(found->path)) ? found : NULL;
}

const struct aws_policy *aws_policy_at(size_t index)
{
    return index < aws_policy_count ? &aws_policy_table[index] : NULL;
}

/* The unique ids of AWS's own are theirs to know; ours follow from the name. */
static slice unique_id(struct call *c, slice name)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t digest[32];
    char id[17];
    hash_sha256(name, digest);
    for (size_t i = 0; i < sizeof(id); i++)
        id[i] = alphabet[digest[i] & 31];
    return arena_printf(c->arena, "ANPA%.17s", id);
}

void aws_policy_describe(struct call *c, const struct aws_policy *from, struct iam_policy *policy)
{
    int64_t created_ms = 0, updated_ms = 0;
    time_parse(slice_of(from->created), &created_ms);
    time_parse(slice_of(from->updated), &updated_ms);
    *policy = (struct iam_policy){
        .policy_name = slice_of(from->name),
        .policy_id = unique_id(c, slice_of(from->name)),
        .arn = arena_printf(c->arena, "%.*s%s%s", SLICE_ARG(arn_prefix), from->path, from->name),
        .path = slice_of(from->path),
        .default_version_id = slice_of(from->version),
        .description = slice_of(from->description),
        .create_date = opt_int(created_ms),
        .update_date = opt_int(updated_ms),
        .is_attachable = opt_bool(true),
    };
}
