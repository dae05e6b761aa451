/* version: $LATEST and published versions: stored, shown, settled, published. */
#include "services/lambda/lambda.h"

#include "common/ids.h"
#include "common/time.h"
#include "services/lambda/leniency.h"

/* How long a function stays Pending and an update InProgress. */
static const int64_t settle_ms = 50;

void version_read_row(struct call *c, struct db_rows *rows, struct version *v)
{
    *v = (struct version){.id = db_int(rows, 0),
                          .number = db_int(rows, 1),
                          .code = db_text(rows, 2),
                          .image = db_text(rows, 3),
                          .settled_ms = db_int(rows, 4)};
    api_from_json(c->arena, &lambda_shape_function_configuration, db_text(rows, 5), &v->doc);
}

bool version_find(struct call *c, const struct function *f, int64_t number, struct version *v)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_VERSION_GET, "ii", f->id, number);
    bool found = db_next(&rows);
    if (found)
        version_read_row(c, &rows, v);
    db_done(&rows);
    return found;
}

int version_get(struct call *c, const struct function *f, slice qualifier, struct version *v)
{
    struct lambda_alias_configuration alias;
    int64_t number = name_version_number(qualifier);
    if (number < 0 && alias_find(c, f, qualifier, &alias))
        number = name_version_number(alias.function_version);
    else if (number < 0)
        return fail(c, &lambda_resource_not_found, "Cannot find alias arn: %.*s",
                    SLICE_ARG(name_qualified_arn(c, f, qualifier)));
    if (!version_find(c, f, number, v))
        return fail(c, &lambda_resource_not_found, "Function not found: %.*s",
                    SLICE_ARG(name_qualified_arn(c, f, qualifier)));
    return 0;
}

void version_save(struct call *c, const struct function *f, struct version *v)
{
    slice doc = api_to_json(c->arena, &lambda_shape_function_configuration, &v->doc);
    if (v->id) {
        db_run(c->db, LAMBDA_SQL_VERSION_SET, "ttiti", v->code, v->image, v->settled_ms, doc, v->id);
        return;
    }
    db_run(c->db, LAMBDA_SQL_VERSION_ADD, "iittit", f->id, v->number, v->code, v->image, v->settled_ms, doc);
    v->id = db_last_id(c->db);
}

bool version_is_settled(struct call *c, const struct version *v)
{
    return c->now_ms >= v->settled_ms;
}

/* A new function is Pending without a LastUpdateStatus; an update is InProgress while Active. */
static void show_states(struct call *c, const struct version *v, configuration *out)
{
    if (version_is_settled(c, v)) {
        out->state = S("Active");
        out->last_update_status = S("Successful");
        out->state_reason = out->state_reason_code = (slice){NULL, 0};
        out->last_update_status_reason = out->last_update_status_reason_code = (slice){NULL, 0};
    }
}

void version_show(struct call *c, const struct function *f, const struct version *v, slice qualifier,
                  configuration *out)
{
    *out = v->doc;
    out->version = name_version(c, v->number);
    out->function_name = f->name;
    out->function_arn = name_qualified_arn(c, f, qualifier);
    show_states(c, v, out);
}

void version_show_listed(struct call *c, const struct function *f, const struct version *v, configuration *out)
{
    version_show(c, f, v, name_version(c, v->number), out);
    if (v->number == 0 && slice_eq(c->operation->name, S("ListFunctions")))
        out->function_arn = name_arn(c, f);
    out->state = out->state_reason = out->state_reason_code = (slice){NULL, 0};
    out->last_update_status = out->last_update_status_reason = out->last_update_status_reason_code = (slice){NULL, 0};
    out->runtime_version_config = NULL;
}

slice version_time(struct call *c)
{
    slice time = time_iso8601(c->arena, c->now_ms, true);
    return arena_printf(c->arena, "%.*s+0000", (int)time.len - 1, time.ptr);
}

void version_touch(struct call *c, struct version *v)
{
    v->doc.revision_id = ids_uuid(c->arena);
    v->doc.last_modified = version_time(c);
}

void version_begin(struct call *c, struct version *v, bool created)
{
    bool at_once = leniency_on(c, LAMBDA_LENIENCY_FUNCTION_AT_ONCE);
    v->settled_ms = at_once ? 0 : c->now_ms + settle_ms;
    v->doc.state = created ? S("Pending") : S("Active");
    v->doc.state_reason = created ? S("The function is being created.") : (slice){NULL, 0};
    v->doc.state_reason_code = created ? S("Creating") : (slice){NULL, 0};
    v->doc.last_update_status = created ? (slice){NULL, 0} : S("InProgress");
    v->doc.last_update_status_reason = created ? (slice){NULL, 0} : S("The function is being created.");
    v->doc.last_update_status_reason_code = created ? (slice){NULL, 0} : S("Creating");
}

int version_check_revision(struct call *c, const struct version *v, slice revision)
{
    if (revision.len == 0 || slice_eq(revision, v->doc.revision_id))
        return 0;
    return fail(c, &lambda_precondition_failed,
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id");
}

/* Publishing the same again gives the version there is. */
static bool is_published(struct call *c, const struct function *f, const struct version *latest, struct version *last)
{
    if (f->last_version == 0 || !version_find(c, f, f->last_version, last))
        return false;
    configuration was = last->doc, is = latest->doc;
    was.revision_id = is.revision_id = was.last_modified = is.last_modified = S("");
    was.description = is.description = was.version = is.version = S("");
    was.state = is.state = was.state_reason = is.state_reason = S("");
    was.state_reason_code = is.state_reason_code = S("");
    was.last_update_status = is.last_update_status = S("");
    was.last_update_status_reason = is.last_update_status_reason = S("");
    was.last_update_status_reason_code = is.last_update_status_reason_code = S("");
    return slice_eq(last->image, latest->image) &&
           slice_eq(api_to_json(c->arena, &lambda_shape_function_configuration, &was),
                    api_to_json(c->arena, &lambda_shape_function_configuration, &is));
}

int version_publish(struct call *c, struct function *f, struct version *latest, slice description,
                    struct version *published)
{
    if (is_published(c, f, latest, published))
        return 0;
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_FUNCTION_NEXT_VERSION, "i", f->id);
    if (db_next(&rows))
        f->last_version = db_int(&rows, 0);
    db_done(&rows);
    *published = *latest;
    published->id = 0;
    published->number = f->last_version;
    if (description.ptr)
        published->doc.description = description;
    published->doc.revision_id = ids_uuid(c->arena);
    published->doc.last_modified = latest->doc.last_modified;
    version_begin(c, published, true);
    version_save(c, f, published);
    return 0;
}

int lambda_publish_version(struct call *c, const struct lambda_publish_version_in *in,
                           struct lambda_publish_version_out *out)
{
    struct function f;
    struct version latest, published;
    TRY(function_get(c, in->function_name, &f));
    TRY(version_get(c, &f, S("$LATEST"), &latest));
    TRY(version_check_revision(c, &latest, in->revision_id));
    if (in->code_sha256.len > 0 && !slice_eq(in->code_sha256, latest.doc.code_sha256))
        return fail(c, &lambda_invalid_parameter_value,
                    "CodeSHA256 (%.*s) is different from current CodeSHA256 in $LATEST (%.*s). Please try again with "
                    "the CodeSHA256 in $LATEST.",
                    SLICE_ARG(in->code_sha256), SLICE_ARG(latest.doc.code_sha256));
    TRY(version_publish(c, &f, &latest, in->description, &published));
    version_show(c, &f, &published, name_version(c, published.number), out);
    return 0;
}
