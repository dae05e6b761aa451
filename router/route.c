/* route: from what a request carries to a service and, where the head tells, an operation. The tables of the services
 * with workers come from their models, those of the others from known.def. */
#include "router/route.h"

#include "common/err.h"
#include "proto/api.h"
#include "router/http1.h"
#include "router/known.h"
#include "router/route_table.h"
#include "router/sigv4.h"

/* Paths that no other service uses, for requests without credentials: a bucket may have such a name. */
static const struct {
    slice prefix;
    const char *signing_name;
} path_prefixes[] = {
#define PATH(prefix, signing_name) {{prefix, sizeof prefix - 1}, signing_name},
    PATH("/2015-02-01/", "elasticfilesystem") PATH("/v2/", "ecr") PATH("/v20180820/", "s3")
        PATH("/2014-11-13/", "lambda") PATH("/2015-03-31/", "lambda") PATH("/2016-08-19/", "lambda")
            PATH("/2017-03-31/", "lambda") PATH("/2017-10-31/", "lambda") PATH("/2018-10-31/", "lambda")
                PATH("/2019-09-25/", "lambda") PATH("/2019-09-30/", "lambda") PATH("/2020-04-22/", "lambda")
                    PATH("/2020-06-30/", "lambda") PATH("/2021-07-20/", "lambda") PATH("/2021-10-31/", "lambda")
                        PATH("/2021-11-15/", "lambda") PATH("/2024-08-31/", "lambda") PATH("/2025-11-30/", "lambda")
                            PATH("/2025-12-01/", "lambda")
#undef PATH
};

/* X-Amz-Target is PREFIX.Operation. */
static void split_target(slice target, slice *prefix, slice *operation)
{
    size_t dot = target.len;
    while (dot > 0 && target.ptr[dot - 1] != '.')
        dot--;
    *prefix = dot > 0 ? slice_sub(target, 0, dot - 1) : (slice){0};
    *operation = dot > 0 ? slice_sub(target, dot, target.len) : (slice){0};
}

static bool is_form(const struct http1_request *request)
{
    return slice_starts(request->known[HTTP1_CONTENT_TYPE], S("application/x-www-form-urlencoded"));
}

/* A parameter's raw value in a form or query string; the names looked for need no decoding. */
static slice form_value(slice form, slice name)
{
    slice part, key, value, rest = form;
    while (rest.ptr) {
        slice_cut(rest, '&', &part, &rest);
        if (!slice_starts(part, name))
            continue;
        slice_cut(part, '=', &key, &value);
        if (slice_eq(key, name))
            return value.ptr ? value : S("");
    }
    return (slice){0};
}

/* Query protocols put parameters in the body of a POST or in the query string of either method. */
static slice parameter(const struct http1_request *request, slice body, slice name)
{
    slice value = form_value(request->query, name);
    if (!value.ptr && is_form(request))
        value = form_value(body, name);
    return value;
}

static const struct route_service *by_signing_name(slice name, slice target_prefix)
{
    const struct route_service *service = route_table_signing(name);
    return service ? service : known_find(name, target_prefix);
}

static const struct route_service *by_target(slice prefix)
{
    const struct route_service *service = route_table_target(prefix);
    return service ? service : known_target(prefix);
}

static const struct route_service *by_path(slice path)
{
    for (size_t i = 0; i < sizeof path_prefixes / sizeof path_prefixes[0]; i++)
        if (slice_starts(path, path_prefixes[i].prefix))
            return by_signing_name(slice_of(path_prefixes[i].signing_name), (slice){0});
    return slice_eq(path, S("/v2")) ? by_signing_name(S("ecr"), (slice){0}) : NULL;
}

/* Without credentials, by the first thing that tells. */
static void find_unsigned(const struct http1_request *request, slice body, slice target_prefix, struct route *route)
{
    if (target_prefix.ptr) {
        route->service = by_target(target_prefix);
        route->said = target_prefix;
        return;
    }
    slice action = parameter(request, body, S("Action"));
    if (action.ptr) {
        route->said = parameter(request, body, S("Version"));
        route->service = route_table_version(route->said, action);
        return;
    }
    route->service = by_path(request->path);
    if (!route->service)
        route->service = by_signing_name(S("s3"), (slice){0});
}

/* What the head tells about the operation: repeatable ones may be sent to a restarted worker again. What names no
 * operation goes by its method: REST, and the registry. */
static void find_operation(const struct http1_request *request, slice body, slice target_operation, struct route *route)
{
    switch (route->service->protocol) {
    case API_AWSJSON:
        route->operation = target_operation;
        break;
    case API_QUERY:
    case API_EC2QUERY:
        route->operation = parameter(request, body, S("Action"));
        break;
    default:
        break;
    }
    if (slice_empty(route->operation))
        route->readonly = slice_eq(request->method, S("GET")) || slice_eq(request->method, S("HEAD"));
    else
        route->readonly = route_table_readonly(route->service, route->operation);
}

/* AWS_ENDPOINT_URL_S3=http://host/s3: no bucket can have so short a name. */
static slice s3_path(slice path)
{
    if (slice_eq(path, S("/s3")))
        return S("/");
    return slice_starts(path, S("/s3/")) ? slice_sub(path, 3, path.len) : path;
}

/* http://ID.lambda-url.REGION.ANYTHING, or /lambda-url/ID/… where such names do not resolve. */
static bool is_function(const struct http1_request *request)
{
    slice label, rest;
    slice_cut(request->host, '.', &label, &rest);
    return slice_starts(rest, S("lambda-url.")) || slice_starts(request->path, S("/lambda-url/"));
}

void route_find(const struct http1_request *request, const struct sigv4_scope *scope, slice body, struct route *route)
{
    slice target_prefix, target_operation;
    *route = (struct route){.path = request->path};
    if (is_function(request)) {
        route->service = route_named(S("lambda"));
        route->is_function = true;
    }
    if (route->service)
        return;
    split_target(request->known[HTTP1_TARGET], &target_prefix, &target_operation);
    if (scope->present) {
        route->said = scope->service;
        route->service = by_signing_name(scope->service, target_prefix);
    } else {
        find_unsigned(request, body, target_prefix, route);
    }
    if (!route->service)
        return;
    find_operation(request, body, target_operation, route);
    if (route->service->is_s3)
        route->path = s3_path(request->path);
}
