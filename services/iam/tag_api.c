/* tag_api: tags of roles, users, policies, instance profiles and OIDC providers. */
#include "services/iam/iam.h"

/* Finds what the name or ARN means; the operations differ in how they name it. */
static int find(struct call *c, enum entity_kind kind, slice name, struct entity *entity)
{
    struct managed managed;
    if (kind == ENTITY_PROVIDER)
        return provider_get(c, name, entity);
    if (kind != ENTITY_POLICY)
        return entity_get(c, kind, name, entity);
    TRY(managed_get(c, name, &managed));
    *entity = managed.entity;
    return managed.aws ? fail(c, &iam_invalid_input, "AWS managed policies can not be tagged.") : 0;
}

static struct iam_tag *find_tag(struct iam_tag_list_type *tags, slice key)
{
    list_foreach (tag, tags) {
        if (slice_eq_nocase(tag->key, key))
            return tag;
    }
    return NULL;
}

static int add(struct call *c, enum entity_kind kind, slice name, const struct iam_tag_list_type *tags)
{
    struct entity entity;
    struct iam_tag_list_type merged = {.set = true};
    TRY(find(c, kind, name, &entity));
    TRY(tag_check(c, tags));
    struct iam_tag_list_type *own = entity_tags(&entity);
    list_foreach (tag, own)
        *list_add(c->arena, &merged) = *tag;
    list_foreach (tag, tags) {
        struct iam_tag *known = find_tag(&merged, tag->key);
        *(known ? known : list_add(c->arena, &merged)) = *tag;
    }
    if (merged.len > TAG_MAX)
        return fail(c, &iam_limit_exceeded, "The number of tags has reached the maximum limit.");
    *own = merged;
    entity_save(c, &entity);
    return 0;
}

static int take(struct call *c, enum entity_kind kind, slice name, const struct iam_tag_key_list_type *keys)
{
    struct entity entity;
    TRY(find(c, kind, name, &entity));
    struct iam_tag_list_type *tags = entity_tags(&entity);
    list_foreach (key, keys) {
        struct iam_tag *tag = find_tag(tags, *key);
        if (tag) {
            memmove(tag, tag + 1, (size_t)(tags->items + tags->len - (tag + 1)) * sizeof(*tag));
            tags->len--;
        }
    }
    entity_save(c, &entity);
    return 0;
}

static int list(struct call *c, enum entity_kind kind, slice name, struct listing *listing,
                struct iam_tag_list_type *out)
{
    struct entity entity;
    TRY(find(c, kind, name, &entity));
    /* The marker is the position: tags have no other order. */
    int64_t from = 0;
    slice_to_int64(listing->after, &from);
    struct iam_tag_list_type *tags = entity_tags(&entity);
    for (size_t i = (size_t)from; i < tags->len; i++) {
        if (!listing_take(listing, arena_printf(c->arena, "%zu", i + 1)))
            break;
        *list_add(c->arena, out) = tags->items[i];
    }
    return 0;
}

/* TAGGABLE(kind, word, naming member): its three operations. */
#define TAGGABLE(kind, word, member)                                                                                   \
    int iam_tag_##word(struct call *c, const struct iam_tag_##word##_in *in, struct iam_tag_##word##_out *out)         \
    {                                                                                                                  \
        return add(c, kind, in->member, &in->tags);                                                                    \
    }                                                                                                                  \
    int iam_untag_##word(struct call *c, const struct iam_untag_##word##_in *in, struct iam_untag_##word##_out *out)   \
    {                                                                                                                  \
        return take(c, kind, in->member, &in->tag_keys);                                                               \
    }                                                                                                                  \
    int iam_list_##word##_tags(struct call *c, const struct iam_list_##word##_tags_in *in,                             \
                               struct iam_list_##word##_tags_out *out)                                                 \
    {                                                                                                                  \
        struct listing listing;                                                                                        \
        TRY(listing_begin(c, in->marker, in->max_items, &listing));                                                    \
        TRY(list(c, kind, in->member, &listing, &out->tags));                                                          \
        listing_end(c, &listing, &out->is_truncated, &out->marker);                                                    \
        return 0;                                                                                                      \
    }

TAGGABLE(ENTITY_ROLE, role, role_name)
TAGGABLE(ENTITY_USER, user, user_name)
TAGGABLE(ENTITY_POLICY, policy, policy_arn)
TAGGABLE(ENTITY_PROFILE, instance_profile, instance_profile_name)
TAGGABLE(ENTITY_PROVIDER, open_id_connect_provider, open_id_connect_provider_arn)
