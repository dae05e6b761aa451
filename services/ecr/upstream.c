/* upstream: see upstream.h. Registries ask for a token first: the answer 401 names where to get one. */
#include "services/ecr/upstream.h"

#include "common/conf.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/uri.h"
#include "ecr_api.h"
#include "services/ecr/blob.h"
#include "services/ecr/fetch.h"
#include "services/ecr/manifest.h"
#include "services/ecr/template.h"

#include <unistd.h>

static const int64_t tag_fresh_ms = INT64_C(24) * 60 * 60 * 1000;

static const char accept_manifests[] =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json";

/* What is asked of which registry. */
struct question {
    const struct cache_rule *rule;
    slice rest; /* the name behind the rule's prefix */
    slice path; /* "manifests/TAG", "blobs/DIGEST" */
    slice accept;
    slice file;
};

/* Registries of this machine speak plain HTTP. */
static slice base_of(struct call *c, slice url)
{
    if (slice_starts(url, S("http://")) || slice_starts(url, S("https://")))
        return url;
    bool local = slice_starts(url, S("127.")) || slice_starts(url, S("localhost"));
    return arena_concat(c->arena, local ? S("http://") : S("https://"), url);
}

static slice name_of(struct call *c, const struct question *q)
{
    if (!q->rule->upstream_prefix.ptr || slice_eq(q->rule->upstream_prefix, S("ROOT")))
        return q->rest;
    return arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(q->rule->upstream_prefix), SLICE_ARG(q->rest));
}

/* name="value" in a challenge. */
static slice parameter(struct call *c, slice challenge, slice name)
{
    slice mark = arena_printf(c->arena, "%.*s=\"", SLICE_ARG(name));
    ssize_t at = slice_find(challenge, mark);
    if (at < 0)
        return (slice){NULL, 0};
    slice rest = slice_sub(challenge, (size_t)at + mark.len, challenge.len);
    return slice_sub(rest, 0, slice_index(rest, '"'));
}

/* Asks where the challenge says. Answers 0 with the header's value, CALL_LATER, or NOT_FOUND. */
static int get_token(struct call *c, const struct question *q, slice challenge, slice *authorization)
{
    struct fetch_reply reply;
    struct val document;
    slice why, realm = parameter(c, challenge, S("realm")), service = parameter(c, challenge, S("service"));
    if (!slice_starts(challenge, S("Bearer ")) || !realm.ptr)
        return NOT_FOUND;
    slice scope = arena_printf(c->arena, "repository:%.*s:pull", SLICE_ARG(name_of(c, q)));
    struct fetch_request request = {
        .url = arena_printf(c->arena, "%.*s%sservice=%.*s&scope=%.*s", SLICE_ARG(realm),
                            slice_index(realm, '?') < realm.len ? "&" : "?",
                            SLICE_ARG(uri_encode(c->arena, service.ptr ? service : S(""), false)),
                            SLICE_ARG(uri_encode(c->arena, scope, false)))};
    TRY(fetch_get(c, &request, &reply));
    if (reply.status != 200 || json_parse(c->arena, reply.body, &document, &why) != 0)
        return NOT_FOUND;
    slice token = val_get_string(&document, S("token"));
    if (!token.ptr)
        token = val_get_string(&document, S("access_token"));
    *authorization = arena_printf(c->arena, "Bearer %.*s", SLICE_ARG(token));
    return token.ptr ? 0 : NOT_FOUND;
}

/* Answers 0 with a reply, CALL_LATER, or NOT_FOUND with reply->why when the registry cannot be reached. */
static int ask(struct call *c, const struct question *q, struct fetch_reply *reply)
{
    struct fetch_request request = {
        .url = arena_printf(c->arena, "%.*s/v2/%.*s/%.*s", SLICE_ARG(base_of(c, q->rule->url)),
                            SLICE_ARG(name_of(c, q)), SLICE_ARG(q->path)),
        .accept = q->accept,
        .file = q->file,
    };
    TRY(fetch_get(c, &request, reply));
    if (reply->status != 401)
        return 0;
    int result = get_token(c, q, reply->challenge, &request.authorization);
    return result == NOT_FOUND ? 0 : result != 0 ? result : fetch_get(c, &request, reply);
}

static int fail_upstream(struct call *c, const struct api_error *error, const struct cache_rule *rule,
                         const struct fetch_reply *reply)
{
    slice why = reply->status == 0 ? reply->why : arena_printf(c->arena, "it answered %lld", (long long)reply->status);
    return fail(c, error,
                "Unable to get the %s from the upstream registry %.*s by the pull through cache rule with prefix "
                "'%.*s': %.*s",
                error == &ecr_unable_to_get_upstream_layer ? "layer" : "image", SLICE_ARG(rule->url),
                SLICE_ARG(rule->prefix), SLICE_ARG(why));
}

static bool is_here(struct call *c, const struct upstream_want *want)
{
    struct repository repository;
    struct image image;
    return repository_find(c, want->account, want->name, &repository) &&
           image_find(c, repository.id, want->tag, want->digest, &image);
}

/* Whether what is here will do, without a look at what the tag is there. */
static bool is_cached(struct call *c, const struct upstream_want *want)
{
    struct repository repository;
    if (!is_here(c, want))
        return false;
    if (!want->tag.ptr || !repository_find(c, want->account, want->name, &repository))
        return true;
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_TAG_CHECKED, "it", repository.id, want->tag);
    int64_t checked_ms = db_next(&rows) && !db_is_null(&rows, 0) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return checked_ms == 0 || c->now_ms - checked_ms < tag_fresh_ms;
}

/* Everything an image's manifest names. */
static int get_blobs(struct call *c, const struct upstream_want *want, slice text)
{
    struct manifest manifest;
    slice why;
    if (manifest_parse(c->arena, text, (slice){NULL, 0}, &manifest, &why) != 0 ||
        manifest_is_index(manifest.media_type))
        return 0;
    list_foreach (ref, &manifest.refs) {
        if (!ref->foreign)
            TRY(upstream_blob(c, want->account, want->name, ref->digest));
    }
    return 0;
}

static int store(struct call *c, const struct upstream_want *want, const struct fetch_reply *reply)
{
    struct repository repository;
    struct image image;
    bool repeated;
    struct image_push push = {.manifest = reply->body,
                              .media_type = slice_sub(reply->content_type, 0, slice_index(reply->content_type, ';')),
                              .tag = want->tag,
                              .digest = want->digest,
                              .cached = true};
    if (!repository_find(c, want->account, want->name, &repository))
        TRY(template_make(c, want->account, want->name, S("PULL_THROUGH_CACHE"), &repository));
    TRY(image_push(c, &repository, &push, &image, &repeated));
    if (want->tag.ptr)
        db_run(c->db, ECR_SQL_IMAGE_TAG_CHECK, "iit", c->now_ms, repository.id, want->tag);
    return 0;
}

/* The blobs of an image that is here. */
static int complete(struct call *c, const struct upstream_want *want)
{
    struct repository repository;
    struct image image;
    if (!want->deep || !repository_find(c, want->account, want->name, &repository) ||
        !image_find(c, repository.id, want->tag, want->digest, &image))
        return 0;
    return get_blobs(c, want, image.manifest);
}

int upstream_image(struct call *c, const struct upstream_want *want)
{
    struct cache_rule rule;
    struct fetch_reply reply;
    slice rest, reference = want->digest.ptr ? want->digest : want->tag;
    if (!reference.ptr || !cache_rule_for(c, want->account, want->name, &rule, &rest))
        return 0;
    if (is_cached(c, want))
        return complete(c, want);
    struct question q = {.rule = &rule,
                         .rest = rest,
                         .path = arena_concat(c->arena, S("manifests/"), reference),
                         .accept = slice_of(accept_manifests)};
    int result = ask(c, &q, &reply);
    if (result == CALL_LATER)
        return result;
    if (result == 0 && reply.status == 404)
        return 0;
    if (result == 0 && reply.status == 200)
        TRY(store(c, want, &reply));
    else if (!is_here(c, want))
        return fail_upstream(c, &ecr_unable_to_get_upstream_image, &rule, &reply);
    return complete(c, want);
}

int upstream_blob(struct call *c, slice account, slice name, slice digest)
{
    struct cache_rule rule;
    struct repository repository;
    struct fetch_reply reply;
    int64_t bytes;
    slice rest;
    if (!cache_rule_for(c, account, name, &rule, &rest) || !repository_find(c, account, name, &repository) ||
        blob_find(c, repository.id, digest, &bytes))
        return 0;
    slice file = arena_printf(c->arena, "%.*s/ecr/uploads/fetch-%.*s-%.*s", SLICE_ARG(c->conf->state_dir),
                              SLICE_ARG(c->request_id), SLICE_ARG(slice_sub(digest, 7, digest.len)));
    struct question q = {&rule, rest, arena_concat(c->arena, S("blobs/"), digest), {NULL, 0}, file};
    int result = ask(c, &q, &reply);
    if (result == CALL_LATER)
        return result;
    if (result == 0 && reply.status == 200)
        result = blob_adopt(c, repository.id, file, digest);
    if (result == BAD_INPUT)
        reply = (struct fetch_reply){.why = S("what it sent is not what the digest says")};
    if (result == CALL_LATER || (result == 0 && reply.status == 200))
        return result;
    unlink(file.ptr);
    if (result == 0 && reply.status == 404)
        return 0;
    return result < 0 ? result : fail_upstream(c, &ecr_unable_to_get_upstream_layer, &rule, &reply);
}

/* Whether the upstream answers: *why stays absent when it does. 0 or CALL_LATER. */
static int check(struct call *c, const struct cache_rule *rule, slice *why)
{
    struct fetch_reply reply;
    struct fetch_request request = {.url = arena_concat(c->arena, base_of(c, rule->url), S("/v2/"))};
    int result = fetch_get(c, &request, &reply);
    if (result == CALL_LATER)
        return result;
    if (result == NOT_FOUND)
        *why = arena_printf(c->arena, "The upstream registry could not be reached: %.*s", SLICE_ARG(reply.why));
    else if (reply.status != 200 && reply.status != 401)
        *why = arena_printf(c->arena, "The upstream registry answered %lld to /v2/", (long long)reply.status);
    return 0;
}

int ecr_validate_pull_through_cache_rule(struct call *c, const struct ecr_validate_pull_through_cache_rule_in *in,
                                         struct ecr_validate_pull_through_cache_rule_out *out)
{
    struct cache_rule rule;
    slice why = {NULL, 0};
    TRY(cache_rule_get(c, in->registry_id, in->ecr_repository_prefix, &rule));
    TRY(check(c, &rule, &why));
    *out = (struct ecr_validate_pull_through_cache_rule_out){
        .ecr_repository_prefix = rule.prefix,
        .registry_id = in->registry_id.ptr ? in->registry_id : c->account,
        .upstream_registry_url = rule.url,
        .credential_arn = rule.credential,
        .custom_role_arn = rule.role,
        .upstream_repository_prefix = rule.upstream_prefix,
        .is_valid = opt_bool(why.ptr == NULL),
        .failure = why,
    };
    return 0;
}
