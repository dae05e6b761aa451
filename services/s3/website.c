/* website: what a bucket answers as a website: index and error documents, redirections. */
#include "services/s3/s3.h"

#include "common/buf.h"
#include "common/time.h"
#include "common/uri.h"
#include "common/xml.h"

/* An error as a page, as the website endpoints answer it. */
static void answer_page(struct call *c, uint16_t status, const char *phrase, struct msg *reply)
{
    struct buf html;
    buf_init(&html, c->arena);
    buf_printf(&html, "<html>\n<head><title>%u %s</title></head>\n<body>\n<h1>%u %s</h1>\n<ul>\n<li>Code: ", status,
               phrase, status, phrase);
    xml_text(&html, c->error ? c->error->code : S("AccessDenied"));
    buf_add(&html, S("</li>\n<li>Message: "));
    xml_text(&html, c->error ? c->error_message : S("Access Denied"));
    buf_printf(&html, "</li>\n<li>RequestId: %.*s</li>\n</ul>\n<hr/>\n</body>\n</html>\n", SLICE_ARG(c->request_id));
    *reply = (struct msg){.status = status, .content_type = S("text/html; charset=utf-8"), .body = buf_slice(&html)};
}

static void answer_redirect(struct call *c, uint16_t status, slice to, struct msg *reply)
{
    *reply = (struct msg){.status = status, .headers = arena_printf(c->arena, "Location: %.*s\n", SLICE_ARG(to))};
}

/* What of the object is answered, by the request's conditions and range. */
static uint16_t choose(struct call *c, const struct version *version, int64_t *at, int64_t *length)
{
    int64_t ms;
    bool not_modified, partial;
    struct condition condition = {.if_match = msg_header(c->request, S("if-match")),
                                  .if_none_match = msg_header(c->request, S("if-none-match"))};
    if (time_parse(msg_header(c->request, S("if-modified-since")), &ms))
        condition.if_modified_since = opt_int(ms);
    if (time_parse(msg_header(c->request, S("if-unmodified-since")), &ms))
        condition.if_unmodified_since = opt_int(ms);
    *at = 0;
    *length = version->size;
    if (condition_check_read(c, &condition, version, &not_modified) != 0)
        return 412;
    if (not_modified)
        return 304;
    if (condition_range(c, msg_header(c->request, S("range")), version->size, at, length, &partial) != 0)
        return 416;
    return partial ? 206 : 200;
}

static void answer_object(struct call *c, uint16_t status, const struct version *version, struct msg *reply)
{
    struct s3_head_object_out attributes = {0};
    int64_t at = 0, length = version->size;
    char modified[30];
    api_from_json(c->arena, &s3_shape_head_object_output, version->attributes, &attributes);
    if (attributes.website_redirect_location.ptr && status == 200) {
        answer_redirect(c, 301, attributes.website_redirect_location, reply);
        return;
    }
    if (status == 200)
        status = choose(c, version, &at, &length);
    if (status == 412 || status == 416) {
        answer_page(c, status, status == 412 ? "Precondition Failed" : "Requested Range Not Satisfiable", reply);
        return;
    }
    time_rfc1123(version->modified_ms, modified);
    *reply = (struct msg){.status = status,
                          .content_type = attributes.content_type,
                          .headers = arena_printf(c->arena, "ETag: %.*s\nLast-Modified: %s\nAccept-Ranges: bytes\n",
                                                  SLICE_ARG(version->etag), modified)};
    if (status == 206)
        reply->headers = arena_printf(c->arena, "%.*sContent-Range: bytes %lld-%lld/%lld\n", SLICE_ARG(reply->headers),
                                      (long long)at, (long long)(at + length - 1), (long long)version->size);
    if (status == 304)
        return;
    content_answer(c, &(struct content_range){version, at, length, 0}, reply);
}

static bool find(struct call *c, const struct bucket *bucket, slice key, struct version *version)
{
    return version_find(c, bucket, key, (slice){NULL, 0}, version) && !version->is_marker;
}

/* The first routing rule for the key, before or after it was looked for. */
static const struct s3_redirect *rule_for(const struct s3_get_bucket_website_out *site, slice key, bool missing,
                                          const struct s3_condition **condition)
{
    list_foreach (rule, &site->routing_rules) {
        *condition = rule->condition;
        slice code = rule->condition ? rule->condition->http_error_code_returned_equals : (slice){NULL, 0};
        slice prefix = rule->condition ? rule->condition->key_prefix_equals : (slice){NULL, 0};
        if (slice_starts(key, prefix) && (code.ptr ? missing && slice_eq(code, S("404")) : !missing))
            return rule->redirect;
    }
    return NULL;
}

static void redirect_by_rule(struct call *c, const struct s3_redirect *redirect, const struct s3_condition *condition,
                             slice key, struct msg *reply)
{
    int64_t status = 301;
    if (redirect->http_redirect_code.ptr)
        slice_to_int64(redirect->http_redirect_code, &status);
    if (redirect->replace_key_with.ptr) {
        key = redirect->replace_key_with;
    } else if (redirect->replace_key_prefix_with.ptr) {
        size_t cut = condition ? condition->key_prefix_equals.len : 0;
        key = arena_concat(c->arena, redirect->replace_key_prefix_with, slice_sub(key, cut, key.len));
    }
    slice host = redirect->host_name.ptr ? redirect->host_name : c->request->host;
    slice protocol = redirect->protocol.ptr ? redirect->protocol : S("http");
    answer_redirect(c, (uint16_t)status,
                    arena_printf(c->arena, "%.*s://%.*s/%.*s", SLICE_ARG(protocol), SLICE_ARG(host),
                                 SLICE_ARG(uri_encode(c->arena, key, true))),
                    reply);
}

static void answer_missing(struct call *c, const struct bucket *bucket, const struct s3_get_bucket_website_out *site,
                           slice key, struct msg *reply)
{
    struct version version;
    const struct s3_condition *condition;
    const struct s3_redirect *redirect = rule_for(site, key, true, &condition);
    fail(c, &s3_no_such_key, "The specified key does not exist.");
    if (redirect)
        redirect_by_rule(c, redirect, condition, key, reply);
    else if (site->error_document && find(c, bucket, site->error_document->key, &version))
        answer_object(c, 404, &version, reply);
    else
        answer_page(c, 404, "Not Found", reply);
}

static void answer(struct call *c, const struct bucket *bucket, const struct s3_get_bucket_website_out *site, slice key,
                   struct msg *reply)
{
    struct version version;
    const struct s3_condition *condition;
    slice suffix = site->index_document ? site->index_document->suffix : S("");
    const struct s3_redirect *redirect = rule_for(site, key, false, &condition);
    if (redirect) {
        redirect_by_rule(c, redirect, condition, key, reply);
        return;
    }
    bool folder = key.len == 0 || slice_ends(key, S("/"));
    slice page = folder ? arena_concat(c->arena, key, suffix) : key;
    if (!guest_may(c, bucket, S("s3:GetObject"), page))
        answer_page(c, 403, "Forbidden", reply);
    else if (find(c, bucket, page, &version))
        answer_object(c, 200, &version, reply);
    else if (!folder &&
             find(c, bucket, arena_printf(c->arena, "%.*s/%.*s", SLICE_ARG(key), SLICE_ARG(suffix)), &version))
        answer_redirect(c, 302, arena_printf(c->arena, "/%.*s/", SLICE_ARG(uri_encode(c->arena, key, true))), reply);
    else
        answer_missing(c, bucket, site, key, reply);
}

int website_run(struct call *c, struct msg *reply)
{
    struct bucket bucket;
    struct s3_get_bucket_website_out site = {0};
    slice name, key;
    slice_cut(slice_sub(c->request->path, 1, c->request->path.len), '/', &name, &key);
    if (uri_decode(c->arena, key, false, &key) != 0)
        key = S("");
    if (bucket_get(c, name, (slice){NULL, 0}, &bucket) != 0) {
        answer_page(c, 404, "Not Found", reply);
    } else if (!config_find(c, &bucket, "website", &s3_shape_get_bucket_website_output, &site)) {
        fail(c, &s3_no_such_website_configuration, "The specified bucket does not have a website configuration");
        answer_page(c, 404, "Not Found", reply);
    } else if (!slice_eq(c->request->method, S("GET")) && !slice_eq(c->request->method, S("HEAD"))) {
        fail(c, &s3_method_not_allowed, "The specified method is not allowed against this resource.");
        answer_page(c, 405, "Method Not Allowed", reply);
    } else if (site.redirect_all_requests_to) {
        const struct s3_redirect_all_requests_to *all = site.redirect_all_requests_to;
        slice protocol = all->protocol.ptr ? all->protocol : S("http");
        answer_redirect(c, 301,
                        arena_printf(c->arena, "%.*s://%.*s/%.*s", SLICE_ARG(protocol), SLICE_ARG(all->host_name),
                                     SLICE_ARG(uri_encode(c->arena, key, true))),
                        reply);
    } else {
        answer(c, &bucket, &site, key, reply);
    }
    return 0;
}
