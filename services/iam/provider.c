/* provider: OpenID Connect providers. Their name is the URL without its scheme. */
#include "services/iam/iam.h"

enum { MAX_CLIENT_IDS = 100, MAX_THUMBPRINTS = 5 };

static const slice arn_word = S(":oidc-provider/");

static slice arn_of(struct call *c, slice name)
{
    return arena_printf(c->arena, "arn:aws:iam::%.*s%.*s%.*s", SLICE_ARG(c->account), SLICE_ARG(arn_word),
                        SLICE_ARG(name));
}

int provider_get(struct call *c, slice arn, struct entity *entity)
{
    ssize_t at = slice_find(arn, arn_word);
    slice name = at < 0 ? S("") : slice_sub(arn, (size_t)at + arn_word.len, arn.len);
    if (!slice_eq(arn, arn_of(c, name)) || !entity_find(c, ENTITY_PROVIDER, name, entity))
        return fail(c, &iam_no_such_entity, "OpenIDConnect Provider not found for arn %.*s", SLICE_ARG(arn));
    return 0;
}

/* What is behind https://, without query, port or slash at the end. */
static int name_of(struct call *c, slice url, slice *name)
{
    slice rest = slice_sub(url, S("https://").len, url.len);
    if (!slice_starts(url, S("https://")) || slice_index(rest, '?') < rest.len || slice_empty(rest))
        return fail(c, &iam_validation_error, "Invalid Open ID Connect Provider URL");
    *name = slice_ends(rest, S("/")) ? slice_sub(rest, 0, rest.len - 1) : rest;
    return 0;
}

static int check_thumbprints(struct call *c, const struct iam_thumbprint_list_type *thumbprints)
{
    if (thumbprints->len > MAX_THUMBPRINTS)
        return fail(c, &iam_invalid_input, "Thumbprint list must contain fewer than %d entries.", MAX_THUMBPRINTS);
    list_foreach (one, thumbprints) {
        for (size_t i = 0; i < one->len; i++) {
            if (!strchr("0123456789abcdefABCDEF", one->ptr[i]))
                return fail(c, &iam_validation_error, "Thumbprint must be a hex-encoded SHA-1 hash value.");
        }
    }
    return 0;
}

int iam_create_open_id_connect_provider(struct call *c, const struct iam_create_open_id_connect_provider_in *in,
                                        struct iam_create_open_id_connect_provider_out *out)
{
    struct entity entity;
    slice name;
    TRY(name_of(c, in->url, &name));
    TRY(check_thumbprints(c, &in->thumbprint_list));
    TRY(tag_check(c, &in->tags));
    if (in->client_id_list.len > MAX_CLIENT_IDS)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                    MAX_CLIENT_IDS);
    TRY(entity_begin(c, ENTITY_PROVIDER, name, S("/"), &entity));
    entity.provider = (struct iam_get_open_id_connect_provider_out){
        .url = name,
        .client_id_list = in->client_id_list,
        .thumbprint_list = in->thumbprint_list,
        .create_date = opt_int(entity_now(c)),
        .tags = in->tags,
    };
    entity_add(c, &entity);
    out->open_id_connect_provider_arn = arn_of(c, name);
    out->tags = in->tags;
    return 0;
}

int iam_get_open_id_connect_provider(struct call *c, const struct iam_get_open_id_connect_provider_in *in,
                                     struct iam_get_open_id_connect_provider_out *out)
{
    struct entity entity;
    TRY(provider_get(c, in->open_id_connect_provider_arn, &entity));
    *out = entity.provider;
    return 0;
}

int iam_delete_open_id_connect_provider(struct call *c, const struct iam_delete_open_id_connect_provider_in *in,
                                        struct iam_delete_open_id_connect_provider_out *out)
{
    struct entity entity;
    TRY(provider_get(c, in->open_id_connect_provider_arn, &entity));
    entity_delete(c, &entity);
    return 0;
}

int iam_list_open_id_connect_providers(struct call *c, const struct iam_list_open_id_connect_providers_in *in,
                                       struct iam_list_open_id_connect_providers_out *out)
{
    struct entity entity;
    struct db_rows rows = db_query(c->db, IAM_SQL_ENTITY_LIST, "tit", c->account, (int64_t)ENTITY_PROVIDER, S(""));
    while (entity_next(c, &rows, ENTITY_PROVIDER, &entity))
        list_add(c->arena, &out->open_id_connect_provider_list)->arn = arn_of(c, entity.name);
    return 0;
}

int iam_update_open_id_connect_provider_thumbprint(struct call *c,
                                                   const struct iam_update_open_id_connect_provider_thumbprint_in *in,
                                                   struct iam_update_open_id_connect_provider_thumbprint_out *out)
{
    struct entity entity;
    TRY(provider_get(c, in->open_id_connect_provider_arn, &entity));
    TRY(check_thumbprints(c, &in->thumbprint_list));
    entity.provider.thumbprint_list = in->thumbprint_list;
    entity_save(c, &entity);
    return 0;
}

int iam_add_client_id_to_open_id_connect_provider(struct call *c,
                                                  const struct iam_add_client_id_to_open_id_connect_provider_in *in,
                                                  struct iam_add_client_id_to_open_id_connect_provider_out *out)
{
    struct entity entity;
    struct iam_client_id_list_type ids = {.set = true};
    TRY(provider_get(c, in->open_id_connect_provider_arn, &entity));
    list_foreach (id, &entity.provider.client_id_list) {
        if (slice_eq(*id, in->client_id))
            return 0;
        *list_add(c->arena, &ids) = *id;
    }
    if (ids.len >= MAX_CLIENT_IDS)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                    MAX_CLIENT_IDS);
    *list_add(c->arena, &ids) = in->client_id;
    entity.provider.client_id_list = ids;
    entity_save(c, &entity);
    return 0;
}

int iam_remove_client_id_from_open_id_connect_provider(
    struct call *c, const struct iam_remove_client_id_from_open_id_connect_provider_in *in,
    struct iam_remove_client_id_from_open_id_connect_provider_out *out)
{
    struct entity entity;
    struct iam_client_id_list_type ids = {.set = true};
    TRY(provider_get(c, in->open_id_connect_provider_arn, &entity));
    list_foreach (id, &entity.provider.client_id_list) {
        if (!slice_eq(*id, in->client_id))
            *list_add(c->arena, &ids) = *id;
    }
    entity.provider.client_id_list = ids;
    entity_save(c, &entity);
    return 0;
}
