/* registry_route: requests below /v2/: who asks, and which handler answers. */
#include "services/ecr/registry.h"

#include "common/base64.h"
#include "common/uri.h"
#include "ecr_api.h"

/* What AWS's errors are here. */
static const struct {
    const struct api_error *error;
    enum registry_error code;
} translations[] = {
    {&ecr_repository_not_found, REGISTRY_NAME_UNKNOWN},
    {&ecr_image_not_found, REGISTRY_MANIFEST_UNKNOWN},
    {&ecr_layers_not_found, REGISTRY_MANIFEST_BLOB_UNKNOWN},
    {&ecr_referenced_images_not_found, REGISTRY_MANIFEST_BLOB_UNKNOWN},
    {&ecr_image_tag_already_exists, REGISTRY_TAG_INVALID},
    {&ecr_image_digest_does_not_match, REGISTRY_DIGEST_INVALID},
    {&ecr_invalid_parameter, REGISTRY_MANIFEST_INVALID},
    {&ecr_unable_to_get_upstream_image, REGISTRY_MANIFEST_UNKNOWN},
    {&ecr_unable_to_get_upstream_layer, REGISTRY_BLOB_UNKNOWN},
};

static const struct {
    enum registry_kind kind;
    const char *method;
    registry_handler_fn *run;
} handlers[] = {
    {REGISTRY_CATALOG, "GET", registry_list_repositories},
    {REGISTRY_TAGS, "GET", registry_list_tags},
    {REGISTRY_BLOB, "GET", registry_blob_get},
    {REGISTRY_BLOB, "HEAD", registry_blob_get},
    {REGISTRY_BLOB, "DELETE", registry_blob_delete},
    {REGISTRY_UPLOADS, "POST", registry_upload_post},
    {REGISTRY_UPLOAD, "GET", registry_upload_get},
    {REGISTRY_UPLOAD, "PATCH", registry_upload_patch},
    {REGISTRY_UPLOAD, "PUT", registry_upload_put},
    {REGISTRY_UPLOAD, "DELETE", registry_upload_delete},
    {REGISTRY_MANIFEST, "GET", registry_manifest_get},
    {REGISTRY_MANIFEST, "HEAD", registry_manifest_get},
    {REGISTRY_MANIFEST, "PUT", registry_manifest_put},
    {REGISTRY_MANIFEST, "DELETE", registry_manifest_delete},
    {REGISTRY_REFERRERS, "GET", registry_list_referrers},
};

static int fail_unauthorized(struct registry *r, const char *message)
{
    slice host = token_host(r->c);
    registry_header(
        r, S("WWW-Authenticate"),
        arena_printf(r->c->arena, "Basic realm=\"http://%.*s/\",service=\"ecr.amazonaws.com\"", SLICE_ARG(host)));
    return registry_fail(r, REGISTRY_UNAUTHORIZED, "%s", message);
}

/* The password of Basic credentials whose user is AWS, or of a download URL. */
static slice password_of(struct registry *r)
{
    slice scheme, rest, user, password, text;
    slice token = pair_get(&r->query, S("token"));
    if (token.ptr && r->path.kind == REGISTRY_BLOB && !slice_eq(r->method, S("DELETE")))
        return token;
    slice_cut(msg_header(r->c->request, S("authorization")), ' ', &scheme, &rest);
    if (!slice_eq_nocase(scheme, S("basic")) || base64_decode(r->c->arena, slice_trim(rest), &text) != 0)
        return (slice){NULL, 0};
    return slice_cut(text, ':', &user, &password) && slice_eq(user, S("AWS")) ? password : (slice){NULL, 0};
}

/* The host ACCOUNT.dkr.ecr.REGION.amazonaws.com names the registry, whoever asks. */
static void follow_host(struct call *c)
{
    slice account, rest = slice_sub(c->request->host, 0, slice_index(c->request->host, ':'));
    slice end = S(".amazonaws.com");
    if (!slice_cut(rest, '.', &account, &rest) || account.len != 12 || !slice_starts(rest, S("dkr.ecr.")) ||
        !slice_ends(rest, end))
        return;
    c->account = account;
    c->region = slice_sub(rest, sizeof("dkr.ecr.") - 1, rest.len - end.len);
}

static int authenticate(struct registry *r)
{
    slice account, region;
    slice password = password_of(r);
    if (!password.ptr)
        return fail_unauthorized(r, "Not Authorized");
    int result = token_read(r->c, password, &account, &region);
    if (result == BAD_INPUT)
        return registry_fail(r, REGISTRY_DENIED, "Your authorization token has expired. Reauthenticate and try again.");
    if (result != 0)
        return fail_unauthorized(r, "Your authorization token is invalid.");
    r->c->account = account;
    r->c->region = region;
    follow_host(r->c);
    return 0;
}

static int dispatch(struct registry *r)
{
    if (r->path.kind == REGISTRY_ROOT)
        return registry_reply(r, 200, S("application/json"), S("{}"));
    if (r->path.kind != REGISTRY_CATALOG && !registry_path_is_name(r->path.name))
        return registry_fail(r, REGISTRY_NAME_INVALID, "'%.*s' is not a valid repository name",
                             SLICE_ARG(r->path.name));
    for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
        if (handlers[i].kind == r->path.kind && slice_eq(slice_of(handlers[i].method), r->method))
            return handlers[i].run(r);
    }
    return registry_fail(r, REGISTRY_UNSUPPORTED, "The operation is unsupported.");
}

/* A handler may have failed in AWS's words. */
static void translate(struct registry *r)
{
    for (size_t i = 0; i < sizeof(translations) / sizeof(*translations); i++) {
        if (translations[i].error == r->c->error) {
            registry_fail(r, translations[i].code, "%.*s", SLICE_ARG(r->c->error_message));
            return;
        }
    }
    registry_fail(r, REGISTRY_UNSUPPORTED, "%.*s", SLICE_ARG(r->c->error_message));
}

static int run(struct registry *r)
{
    if (!registry_path_parse(r->c->arena, r->c->request->path, &r->path)) {
        registry_fail(r, REGISTRY_NAME_UNKNOWN, "The path names nothing in a registry.");
        return CALL_FAILED;
    }
    if (uri_parse_form(r->c->arena, r->c->request->query, &r->query) != 0)
        return registry_fail(r, REGISTRY_UNSUPPORTED, "The query does not parse.");
    TRY(authenticate(r));
    return dispatch(r);
}

int registry_route_answer(struct call *call, struct msg *reply, bool *taken)
{
    struct registry r = {.c = call, .reply = reply, .method = call->request->method};
    slice path = call->request->path;
    *taken = slice_eq(path, S("/v2")) || slice_starts(path, S("/v2/"));
    if (!*taken)
        return 0;
    slice account = call->account, region = call->region;
    int result = run(&r);
    if (result == CALL_FAILED && reply->status == 0)
        translate(&r);
    call->account = account;
    call->region = region;
    /* Errors are replies like others; what was written before one stays. */
    return result == CALL_FAILED ? 0 : result;
}
