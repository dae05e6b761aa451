/* function: functions found by name, and made, shown, listed and deleted as a whole. */
#include "services/lambda/lambda.h"

#include "common/page.h"
#include "services/lambda/leniency.h"

enum { MAX_PAGE = 50, MAX_TAGS_BYTES = 0 };

bool function_find(struct call *c, const struct function_name *name, struct function *f)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_FUNCTION_GET, "ttt", name->account, name->region, name->name);
    bool found = db_next(&rows);
    if (found) {
        *f = (struct function){
            .id = db_int(&rows, 0),
            .account = name->account,
            .region = name->region,
            .name = name->name,
            .last_version = db_int(&rows, 1),
            .reserved = db_is_null(&rows, 2) ? (struct opt_int){0} : opt_int(db_int(&rows, 2)),
            .update_runtime_on = db_text(&rows, 3),
        };
    }
    db_done(&rows);
    return found;
}

static int not_found(struct call *c, const struct function_name *name)
{
    return fail(c, &lambda_resource_not_found, "Function not found: %.*s", SLICE_ARG(name_arn_of(c, name)));
}

int function_get_named(struct call *c, const struct function_name *name, struct function *f)
{
    return function_find(c, name, f) ? 0 : not_found(c, name);
}

int function_get(struct call *c, slice text, struct function *f)
{
    struct function_name name;
    TRY(name_parse(c, text, (slice){NULL, 0}, &name));
    name.qualifier = (slice){NULL, 0};
    return function_get_named(c, &name, f);
}

int function_get_version(struct call *c, slice text, slice qualifier, struct function *f, struct version *v)
{
    struct function_name name;
    TRY(name_parse(c, text, qualifier, &name));
    TRY(function_get_named(c, &name, f));
    return version_get(c, f, name.qualifier, v);
}

int function_get_qualified(struct call *c, slice text, slice qualifier, struct function *f, slice *stored)
{
    struct function_name name;
    struct version v;
    TRY(name_parse(c, text, qualifier, &name));
    TRY(function_get_named(c, &name, f));
    TRY(version_get(c, f, name.qualifier, &v));
    *stored = name.qualifier.len > 0 ? name.qualifier : S("$LATEST");
    return 0;
}

static int publish_created(struct call *c, struct function *f, struct version *latest,
                           struct lambda_function_configuration *out)
{
    struct version published;
    TRY(version_publish(c, f, latest, (slice){NULL, 0}, &published));
    version_show(c, f, &published, name_version(c, published.number), out);
    return 0;
}

static int check_new(struct call *c, const struct function_name *name)
{
    struct function existing;
    if (name->qualifier.len > 0)
        return fail(c, &lambda_invalid_parameter_value,
                    "1 validation error detected: Value '%.*s:%.*s' at 'functionName' failed to satisfy constraint: "
                    "Member must not have a qualifier",
                    SLICE_ARG(name->name), SLICE_ARG(name->qualifier));
    if (function_find(c, name, &existing))
        return fail(c, &lambda_resource_conflict, "Function already exist: %.*s", SLICE_ARG(name->name));
    return 0;
}

static void add(struct call *c, const struct function_name *name, struct function *f)
{
    db_run(c->db, LAMBDA_SQL_FUNCTION_ADD, "ttt", name->account, name->region, name->name);
    *f = (struct function){
        .id = db_last_id(c->db), .account = name->account, .region = name->region, .name = name->name};
}

int lambda_create_function(struct call *c, const struct lambda_create_function_in *in,
                           struct lambda_create_function_out *out)
{
    struct function_name name;
    struct function f;
    struct version v = {0};
    struct code code;
    const struct code_source source = {in->code->zip_file, in->code->s3_bucket, in->code->s3_key,
                                       in->code->s3_object_version, in->code->image_uri};
    TRY(name_parse(c, in->function_name, (slice){NULL, 0}, &name));
    TRY(check_new(c, &name));
    TRY(tags_check(c, &in->tags));
    v.doc.function_name = name.name;
    TRY(configure_create(c, in, &v.doc));
    TRY(plan_check_role(c, v.doc.role));
    TRY(code_take(c, &source, v.doc.package_type, &code));
    add(c, &name, &f);
    v.code = code.hash;
    v.image = code.image;
    v.doc.code_size = opt_int(code.bytes);
    v.doc.code_sha256 = code.sha256;
    version_touch(c, &v);
    version_begin(c, &v, true);
    version_save(c, &f, &v);
    tags_set(c, name_arn(c, &f), &in->tags);
    if (opt_bool_or(in->publish, false))
        return publish_created(c, &f, &v, out);
    version_show(c, &f, &v, (slice){NULL, 0}, out);
    return 0;
}

static struct lambda_function_code_location *location_of(struct call *c, const struct version *v)
{
    struct lambda_function_code_location *location = arena_alloc(c->arena, sizeof(*location));
    bool zip = v->code.len > 0;
    location->repository_type = zip ? S("S3") : S("ECR");
    if (zip) {
        location->location = download_location(c, v->code);
    } else {
        location->image_uri = v->image;
        location->resolved_image_uri = code_resolved_image(c, v);
    }
    return location;
}

int lambda_get_function(struct call *c, const struct lambda_get_function_in *in, struct lambda_get_function_out *out)
{
    struct function f;
    struct version v;
    struct function_name name;
    TRY(name_parse(c, in->function_name, in->qualifier, &name));
    TRY(function_get_version(c, in->function_name, in->qualifier, &f, &v));
    out->configuration = arena_alloc(c->arena, sizeof(*out->configuration));
    version_show(c, &f, &v, name.qualifier, out->configuration);
    out->code = location_of(c, &v);
    tags_list(c, name_arn(c, &f), &out->tags);
    out->tags.set = out->tags.len > 0;
    if (f.reserved.set) {
        out->concurrency = arena_alloc(c->arena, sizeof(*out->concurrency));
        out->concurrency->reserved_concurrent_executions = f.reserved;
    }
    return 0;
}

int lambda_get_function_configuration(struct call *c, const struct lambda_get_function_configuration_in *in,
                                      struct lambda_get_function_configuration_out *out)
{
    struct function f;
    struct version v;
    struct function_name name;
    TRY(name_parse(c, in->function_name, in->qualifier, &name));
    TRY(function_get_version(c, in->function_name, in->qualifier, &f, &v));
    version_show(c, &f, &v, name.qualifier, out);
    return 0;
}

static int delete_version(struct call *c, const struct function *f, slice qualifier)
{
    struct version v;
    int64_t number = name_version_number(qualifier);
    if (number < 1)
        return fail(c, &lambda_invalid_parameter_value,
                    "Deletion of aliases is not currently supported, and $LATEST version cannot be deleted without "
                    "deleting the function.");
    TRY(version_get(c, f, qualifier, &v));
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_ALIAS_OF_VERSION, "ii", f->id, number);
    slice alias = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    if (alias.ptr)
        return fail(c, &lambda_resource_conflict,
                    "Version \"%lld\" could not be deleted because the following aliases reference it: [%.*s]",
                    (long long)number, SLICE_ARG(alias));
    db_run(c->db, LAMBDA_SQL_VERSION_DELETE, "i", v.id);
    db_run(c->db, LAMBDA_SQL_SETTING_DELETE_QUALIFIER, "it", f->id, qualifier);
    permission_delete_all(c, name_qualified_arn(c, f, qualifier));
    code_release(c, v.code);
    return 0;
}

static void release_all_code(struct call *c, const struct function *f)
{
    struct slice_list codes = {0};
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_VERSION_LIST, "iii", f->id, (int64_t)0, INT64_MAX);
    while (db_next(&rows))
        *list_add(c->arena, &codes) = db_text(&rows, 2);
    db_run(c->db, LAMBDA_SQL_FUNCTION_DELETE, "i", f->id);
    list_foreach (code, &codes)
        code_release(c, *code);
}

int lambda_delete_function(struct call *c, const struct lambda_delete_function_in *in,
                           struct lambda_delete_function_out *out)
{
    struct function f;
    struct function_name name;
    TRY(name_parse(c, in->function_name, in->qualifier, &name));
    TRY(function_get_named(c, &name, &f));
    out->status_code = opt_int(204);
    if (name.qualifier.len > 0)
        return delete_version(c, &f, name.qualifier);
    slice arn = name_arn(c, &f);
    call_effect(c, S("runner"), S("RetireEnvironments"),
                arena_printf(c->arena, "{\"function\":\"%.*s\"}", SLICE_ARG(arn)));
    db_run(c->db, LAMBDA_SQL_TAG_DELETE_ALL, "t", arn);
    db_run(c->db, LAMBDA_SQL_QUEUED_DELETE_FUNCTION, "ttt", f.account, f.region, f.name);
    permission_delete_all(c, arn);
    release_all_code(c, &f);
    return 0;
}

/* The key of a page: "NAME NUMBER". */
static int page_start(struct call *c, slice marker, slice *name, int64_t *number)
{
    slice key, digits;
    *number = 0;
    if (page_key(c->arena, S("ListFunctions"), marker, &key) != 0)
        return fail(c, &lambda_invalid_parameter_value, "Invalid Marker");
    slice_cut(key, ' ', name, &digits);
    if (digits.ptr)
        slice_to_int64(digits, number);
    return 0;
}

static int64_t page_size(struct opt_int max_items)
{
    int64_t wanted = opt_int_or(max_items, MAX_PAGE);
    return wanted < MAX_PAGE ? wanted : MAX_PAGE;
}

int lambda_list_functions(struct call *c, const struct lambda_list_functions_in *in,
                          struct lambda_list_functions_out *out)
{
    slice name;
    int64_t number, size = page_size(in->max_items);
    TRY(page_start(c, in->marker, &name, &number));
    bool all = slice_eq(in->function_version, S("ALL"));
    struct db_rows rows =
        all ? db_query(c->db, LAMBDA_SQL_VERSION_LIST_ALL, "tttii", c->account, c->region, name, number, size + 1)
            : db_query(c->db, LAMBDA_SQL_LATEST_LIST, "ttti", c->account, c->region, name, size + 1);
    while (db_next(&rows)) {
        struct version v;
        struct function f = {.account = c->account, .region = c->region, .name = db_text(&rows, 6)};
        version_read_row(c, &rows, &v);
        if ((int64_t)out->functions.len == size) {
            out->next_marker = page_token(c->arena, S("ListFunctions"),
                                          arena_printf(c->arena, "%.*s %lld", SLICE_ARG(f.name), (long long)v.number));
            break;
        }
        version_show_listed(c, &f, &v, list_add(c->arena, &out->functions));
    }
    db_done(&rows);
    return 0;
}

int lambda_list_versions_by_function(struct call *c, const struct lambda_list_versions_by_function_in *in,
                                     struct lambda_list_versions_by_function_out *out)
{
    struct function f;
    slice name;
    int64_t number, size = page_size(in->max_items);
    TRY(function_get(c, in->function_name, &f));
    TRY(page_start(c, in->marker, &name, &number));
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_VERSION_LIST, "iii", f.id, number, size + 1);
    while (db_next(&rows)) {
        struct version v;
        version_read_row(c, &rows, &v);
        if ((int64_t)out->versions.len == size) {
            out->next_marker =
                page_token(c->arena, S("ListFunctions"), arena_printf(c->arena, "- %lld", (long long)v.number));
            break;
        }
        version_show_listed(c, &f, &v, list_add(c->arena, &out->versions));
    }
    db_done(&rows);
    return 0;
}
