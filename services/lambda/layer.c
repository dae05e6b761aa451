/* layer: layers and their versions. */
#include "services/lambda/lambda.h"

#include "common/page.h"

enum { MAX_PAGE = 50, MAX_LAYERS = 5, MAX_COMPATIBLE = 15 };

/* The name in a name or in arn:aws:lambda:R:A:layer:NAME[:VERSION]. */
struct layer_name {
    slice account, region, name;
    int64_t version; /* 0: none */
};

static void parse(struct call *c, slice text, struct layer_name *name)
{
    slice parts[8] = {0}, rest = text;
    size_t n = 0;
    *name = (struct layer_name){.account = c->account, .region = c->region, .name = text};
    if (!slice_starts(text, S("arn:")))
        return;
    while (rest.ptr && n < 8)
        slice_cut(rest, ':', &parts[n++], &rest);
    *name = (struct layer_name){.account = parts[4], .region = parts[3], .name = parts[6]};
    if (n == 8 && !slice_to_int64(parts[7], &name->version))
        name->version = 0;
}

static slice layer_arn(struct call *c, const struct layer_name *name)
{
    return arena_printf(c->arena, "arn:aws:lambda:%.*s:%.*s:layer:%.*s", SLICE_ARG(name->region),
                        SLICE_ARG(name->account), SLICE_ARG(name->name));
}

static slice version_arn(struct call *c, const struct layer_name *name)
{
    return arena_printf(c->arena, "%.*s:%lld", SLICE_ARG(layer_arn(c, name)), (long long)name->version);
}

static int64_t find_layer(struct call *c, const struct layer_name *name)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_LAYER_GET, "ttt", name->account, name->region, name->name);
    int64_t id = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return id;
}

static bool find_version(struct call *c, const struct layer_name *name, slice *code,
                         struct lambda_publish_layer_version_out *doc)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_LAYER_VERSION_GET, "ii", find_layer(c, name), name->version);
    bool found = db_next(&rows);
    if (found) {
        *code = db_text(&rows, 0);
        api_from_json(c->arena, &lambda_shape_publish_layer_version_response, db_text(&rows, 1), doc);
    }
    db_done(&rows);
    return found;
}

slice layer_code(struct call *c, slice arn)
{
    struct layer_name name;
    struct lambda_publish_layer_version_out doc = {0};
    slice code = {NULL, 0};
    parse(c, arn, &name);
    find_version(c, &name, &code, &doc);
    return code;
}

int layer_resolve(struct call *c, const struct lambda_layer_list *arns, struct lambda_layers_reference_list *out)
{
    if (arns->len > MAX_LAYERS)
        return fail(c, &lambda_invalid_parameter_value, "Cannot reference more than %d layers.", MAX_LAYERS);
    *out = (struct lambda_layers_reference_list){.set = arns->len > 0};
    list_foreach (arn, arns) {
        struct layer_name name;
        struct lambda_publish_layer_version_out doc = {0};
        slice code;
        parse(c, *arn, &name);
        if (!slice_eq(name.region, c->region))
            return fail(c, &lambda_invalid_parameter_value,
                        "Layers are not in the same region as the function. Layers are expected to be in region %.*s.",
                        SLICE_ARG(c->region));
        if (!find_version(c, &name, &code, &doc))
            return fail(c, &lambda_invalid_parameter_value, "Layer version %.*s does not exist.", SLICE_ARG(*arn));
        struct lambda_layer *layer = list_add(c->arena, out);
        layer->arn = *arn;
        layer->code_size = doc.content->code_size;
    }
    return 0;
}

static int check_publish(struct call *c, const struct lambda_publish_layer_version_in *in)
{
    if (in->compatible_runtimes.len > MAX_COMPATIBLE)
        return fail(c, &lambda_invalid_parameter_value, "Too many compatible runtimes; at most %d.", MAX_COMPATIBLE);
    if (slice_starts(in->layer_name, S("arn:")) && slice_find(in->layer_name, c->region) < 0)
        return fail(c, &lambda_invalid_parameter_value, "The layer is not in this region.");
    return 0;
}

int lambda_publish_layer_version(struct call *c, const struct lambda_publish_layer_version_in *in,
                                 struct lambda_publish_layer_version_out *out)
{
    struct layer_name name;
    struct code code;
    int64_t layer = 0;
    const struct code_source source = {
        in->content->zip_file, in->content->s3_bucket, in->content->s3_key, in->content->s3_object_version, {NULL, 0}};
    TRY(check_publish(c, in));
    TRY(code_take(c, &source, S("Zip"), &code));
    parse(c, in->layer_name, &name);
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_LAYER_NEXT, "ttt", name.account, name.region, name.name);
    if (db_next(&rows)) {
        layer = db_int(&rows, 0);
        name.version = db_int(&rows, 1);
    }
    db_done(&rows);
    out->layer_arn = layer_arn(c, &name);
    out->layer_version_arn = version_arn(c, &name);
    out->description = in->description.ptr ? in->description : S("");
    out->created_date = version_time(c);
    out->version = opt_int(name.version);
    out->compatible_runtimes = in->compatible_runtimes;
    out->compatible_architectures = in->compatible_architectures;
    out->license_info = in->license_info;
    out->content = arena_alloc(c->arena, sizeof(*out->content));
    out->content->code_sha256 = code.sha256;
    out->content->code_size = opt_int(code.bytes);
    db_run(c->db, LAMBDA_SQL_LAYER_VERSION_ADD, "iitt", layer, name.version, code.hash,
           api_to_json(c->arena, &lambda_shape_publish_layer_version_response, out));
    out->content->location = download_location(c, code.hash);
    return 0;
}

static int show(struct call *c, const struct layer_name *name, struct lambda_get_layer_version_out *out)
{
    struct lambda_publish_layer_version_out doc = {0};
    slice code;
    if (!find_version(c, name, &code, &doc))
        return fail(c, &lambda_resource_not_found, "The resource you requested does not exist.");
    *out = (struct lambda_get_layer_version_out){
        .content = doc.content,
        .layer_arn = doc.layer_arn,
        .layer_version_arn = doc.layer_version_arn,
        .description = doc.description,
        .created_date = doc.created_date,
        .version = doc.version,
        .compatible_runtimes = doc.compatible_runtimes,
        .license_info = doc.license_info,
        .compatible_architectures = doc.compatible_architectures,
    };
    out->content->location = download_location(c, code);
    return 0;
}

int lambda_get_layer_version(struct call *c, const struct lambda_get_layer_version_in *in,
                             struct lambda_get_layer_version_out *out)
{
    struct layer_name name;
    parse(c, in->layer_name, &name);
    name.version = in->version_number.v;
    return show(c, &name, out);
}

int lambda_get_layer_version_by_arn(struct call *c, const struct lambda_get_layer_version_by_arn_in *in,
                                    struct lambda_get_layer_version_by_arn_out *out)
{
    struct layer_name name;
    parse(c, in->arn, &name);
    return show(c, &name, out);
}

int layer_get_arn(struct call *c, slice layer, int64_t version, slice *arn)
{
    struct layer_name name;
    struct lambda_get_layer_version_out found;
    parse(c, layer, &name);
    name.version = version;
    TRY(show(c, &name, &found));
    *arn = found.layer_version_arn;
    return 0;
}

int lambda_delete_layer_version(struct call *c, const struct lambda_delete_layer_version_in *in,
                                struct lambda_delete_layer_version_out *out)
{
    struct layer_name name;
    struct lambda_publish_layer_version_out doc = {0};
    slice code;
    parse(c, in->layer_name, &name);
    name.version = in->version_number.v;
    if (!find_version(c, &name, &code, &doc))
        return 0;
    db_run(c->db, LAMBDA_SQL_LAYER_VERSION_DELETE, "ii", find_layer(c, &name), name.version);
    permission_delete_all(c, doc.layer_version_arn);
    code_release(c, code);
    return 0;
}

static bool includes(const struct slice_list *list, slice wanted)
{
    if (slice_empty(wanted))
        return true;
    list_foreach (one, list) {
        if (slice_eq(*one, wanted))
            return true;
    }
    return false;
}

/* Whether the version fits what is asked for; item is its entry in lists. */
static bool read_item(struct call *c, slice text, slice runtime, slice architecture,
                      struct lambda_layer_versions_list_item *item)
{
    struct lambda_publish_layer_version_out doc = {0};
    api_from_json(c->arena, &lambda_shape_publish_layer_version_response, text, &doc);
    *item = (struct lambda_layer_versions_list_item){
        .layer_version_arn = doc.layer_version_arn,
        .version = doc.version,
        .description = doc.description,
        .created_date = doc.created_date,
        .compatible_runtimes = doc.compatible_runtimes,
        .license_info = doc.license_info,
        .compatible_architectures = doc.compatible_architectures,
    };
    return includes((const struct slice_list *)(const void *)&doc.compatible_runtimes, runtime) &&
           includes((const struct slice_list *)(const void *)&doc.compatible_architectures, architecture);
}

static int64_t page_size(struct opt_int wanted)
{
    int64_t size = opt_int_or(wanted, MAX_PAGE);
    return size < MAX_PAGE ? size : MAX_PAGE;
}

int lambda_list_layer_versions(struct call *c, const struct lambda_list_layer_versions_in *in,
                               struct lambda_list_layer_versions_out *out)
{
    struct layer_name name;
    slice key;
    int64_t from = INT64_MAX, size = page_size(in->max_items);
    parse(c, in->layer_name, &name);
    if (page_key(c->arena, S("ListLayerVersions"), in->marker, &key) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    if (key.len > 0)
        slice_to_int64(key, &from);
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_LAYER_VERSION_LIST, "ii", find_layer(c, &name), from);
    while (db_next(&rows)) {
        struct lambda_layer_versions_list_item item;
        if (!read_item(c, db_text(&rows, 2), in->compatible_runtime, in->compatible_architecture, &item))
            continue;
        if ((int64_t)out->layer_versions.len == size) {
            out->next_marker =
                page_token(c->arena, S("ListLayerVersions"), arena_printf(c->arena, "%lld", (long long)item.version.v));
            break;
        }
        *list_add(c->arena, &out->layer_versions) = item;
    }
    db_done(&rows);
    return 0;
}

int lambda_list_layers(struct call *c, const struct lambda_list_layers_in *in, struct lambda_list_layers_out *out)
{
    slice from, last = {NULL, 0};
    int64_t size = page_size(in->max_items);
    if (page_key(c->arena, S("ListLayers"), in->marker, &from) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_LAYER_LIST, "ttt", c->account, c->region, from);
    while (db_next(&rows)) {
        struct lambda_layer_versions_list_item item;
        slice name = db_text(&rows, 0);
        if ((last.ptr && slice_eq(last, name)) ||
            !read_item(c, db_text(&rows, 2), in->compatible_runtime, in->compatible_architecture, &item))
            continue;
        last = name;
        if ((int64_t)out->layers.len == size) {
            out->next_marker = page_token(c->arena, S("ListLayers"), name);
            break;
        }
        struct lambda_layers_list_item *layer = list_add(c->arena, &out->layers);
        layer->layer_name = name;
        layer->layer_arn = layer_arn(c, &(struct layer_name){c->account, c->region, name, 0});
        layer->latest_matching_version = arena_alloc(c->arena, sizeof(item));
        *layer->latest_matching_version = item;
    }
    db_done(&rows);
    return 0;
}
