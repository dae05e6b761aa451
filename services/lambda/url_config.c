/* url_config: function URLs: made, shown, changed, listed. What answers on them is url.c. */
#include "services/lambda/lambda.h"

#include "common/conf.h"
#include "common/ids.h"
#include "common/page.h"
#include "common/time.h"

enum { ID_LENGTH = 32, MAX_PAGE = 50 };

/* What the operations of URLs have in common. */
typedef struct lambda_get_function_url_config_out url_doc;

static slice address(struct call *c, slice id)
{
    return arena_printf(c->arena, "http://%.*s.lambda-url.%.*s.localhost:%lld/", SLICE_ARG(id), SLICE_ARG(c->region),
                        (long long)c->conf->port);
}

/* URLs belong to a function or to an alias. */
static int get_place(struct call *c, slice name, slice qualifier, struct function *f, slice *stored)
{
    TRY(function_get_qualified(c, name, qualifier, f, stored));
    if (name_version_number(*stored) > 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "Function URLs can be made for functions and aliases, not for versions.");
    return 0;
}

static bool find(struct call *c, const struct function *f, slice qualifier, url_doc *doc)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_URL_GET, "it", f->id, qualifier);
    bool found = db_next(&rows);
    if (found)
        api_from_json(c->arena, &lambda_shape_get_function_url_config_response, db_text(&rows, 1), doc);
    db_done(&rows);
    return found;
}

static int get(struct call *c, slice name, slice qualifier, struct function *f, slice *stored, url_doc *doc)
{
    TRY(get_place(c, name, qualifier, f, stored));
    if (!find(c, f, *stored, doc))
        return fail(c, &lambda_resource_not_found, "The resource you requested does not exist.");
    return 0;
}

static slice text_of(struct call *c, const url_doc *doc)
{
    return api_to_json(c->arena, &lambda_shape_get_function_url_config_response, doc);
}

int lambda_create_function_url_config(struct call *c, const struct lambda_create_function_url_config_in *in,
                                      struct lambda_create_function_url_config_out *out)
{
    struct function f;
    slice stored, id = ids_alnum(c->arena, ID_LENGTH);
    url_doc doc = {0};
    TRY(get_place(c, in->function_name, in->qualifier, &f, &stored));
    if (find(c, &f, stored, &doc))
        return fail(c, &lambda_resource_conflict,
                    "Failed to create function url config for [functionArn = %.*s]. Error message:  FunctionUrlConfig "
                    "exists for this Lambda function",
                    SLICE_ARG(name_arn(c, &f)));
    doc = (url_doc){
        .function_url = address(c, id),
        .function_arn = name_qualified_arn(c, &f, in->qualifier),
        .auth_type = in->auth_type,
        .cors = in->cors,
        .creation_time = time_iso8601(c->arena, c->now_ms, true),
        .last_modified_time = time_iso8601(c->arena, c->now_ms, true),
        .invoke_mode = in->invoke_mode.len > 0 ? in->invoke_mode : S("BUFFERED"),
    };
    db_run(c->db, LAMBDA_SQL_URL_ADD, "titt", id, f.id, stored, text_of(c, &doc));
    *out = (struct lambda_create_function_url_config_out){doc.function_url, doc.function_arn,  doc.auth_type,
                                                          doc.cors,         doc.creation_time, doc.invoke_mode};
    return 0;
}

int lambda_get_function_url_config(struct call *c, const struct lambda_get_function_url_config_in *in,
                                   struct lambda_get_function_url_config_out *out)
{
    struct function f;
    slice stored;
    return get(c, in->function_name, in->qualifier, &f, &stored, out);
}

int lambda_update_function_url_config(struct call *c, const struct lambda_update_function_url_config_in *in,
                                      struct lambda_update_function_url_config_out *out)
{
    struct function f;
    slice stored;
    url_doc doc = {0};
    TRY(get(c, in->function_name, in->qualifier, &f, &stored, &doc));
    if (in->auth_type.len > 0)
        doc.auth_type = in->auth_type;
    if (in->invoke_mode.len > 0)
        doc.invoke_mode = in->invoke_mode;
    if (in->cors)
        doc.cors = in->cors;
    doc.last_modified_time = time_iso8601(c->arena, c->now_ms, true);
    db_run(c->db, LAMBDA_SQL_URL_SET, "tit", text_of(c, &doc), f.id, stored);
    *out = (struct lambda_update_function_url_config_out){doc.function_url, doc.function_arn,  doc.auth_type,
                                                          doc.cors,         doc.creation_time, doc.last_modified_time,
                                                          doc.invoke_mode};
    return 0;
}

int lambda_list_function_url_configs(struct call *c, const struct lambda_list_function_url_configs_in *in,
                                     struct lambda_list_function_url_configs_out *out)
{
    struct function f;
    slice from;
    int64_t wanted = opt_int_or(in->max_items, MAX_PAGE), size = wanted < MAX_PAGE ? wanted : MAX_PAGE;
    TRY(function_get(c, in->function_name, &f));
    if (page_key(c->arena, S("ListFunctionUrlConfigs"), in->marker, &from) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_URL_LIST, "iti", f.id, from, size + 1);
    while (db_next(&rows)) {
        if ((int64_t)out->function_url_configs.len == size) {
            out->next_marker = page_token(c->arena, S("ListFunctionUrlConfigs"), db_text(&rows, 0));
            break;
        }
        api_from_json(c->arena, &lambda_shape_function_url_config, db_text(&rows, 1),
                      list_add(c->arena, &out->function_url_configs));
    }
    db_done(&rows);
    return 0;
}

int lambda_delete_function_url_config(struct call *c, const struct lambda_delete_function_url_config_in *in,
                                      struct lambda_delete_function_url_config_out *out)
{
    struct function f;
    slice stored;
    url_doc doc = {0};
    TRY(get(c, in->function_name, in->qualifier, &f, &stored, &doc));
    db_run(c->db, LAMBDA_SQL_URL_DELETE, "it", f.id, stored);
    return 0;
}
