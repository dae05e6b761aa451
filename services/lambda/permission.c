/* permission: resource policies of functions and of what qualifies them: one row a statement. */
#include "services/lambda/lambda.h"

#include "common/buf.h"
#include "common/glob.h"
#include "common/ids.h"
#include "common/json.h"

enum { MAX_POLICY_BYTES = 20 * 1024 };

static slice policy_revision(struct call *c, slice subject)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_POLICY_GET, "t", subject);
    slice revision = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    return revision;
}

/* Policies have revisions of their own; RevisionId may also be the function's. */
static int check_revision(struct call *c, const struct function *f, slice subject, slice revision)
{
    struct version latest;
    slice now = policy_revision(c, subject);
    if (revision.len == 0 || (now.ptr && slice_eq(now, revision)))
        return 0;
    TRY(version_get(c, f, S("$LATEST"), &latest));
    return version_check_revision(c, &latest, revision);
}

static void touch(struct call *c, slice subject)
{
    db_run(c->db, LAMBDA_SQL_POLICY_SET, "tt", subject, ids_uuid(c->arena));
}

static void add_principal(struct call *c, struct val *statement, slice principal)
{
    struct val object = val_object();
    int64_t ignored;
    if (slice_eq(principal, S("*"))) {
        val_set(c->arena, statement, S("Principal"), val_string(principal));
        return;
    }
    if (principal.len == 12 && slice_to_int64(principal, &ignored))
        val_set(c->arena, &object, S("AWS"),
                val_string(arena_printf(c->arena, "arn:aws:iam::%.*s:root", SLICE_ARG(principal))));
    else if (slice_starts(principal, S("arn:")))
        val_set(c->arena, &object, S("AWS"), val_string(principal));
    else
        val_set(c->arena, &object, S("Service"), val_string(principal));
    val_set(c->arena, statement, S("Principal"), object);
}

static void add_condition(struct call *c, struct val *condition, slice operator, slice key, slice value)
{
    if (slice_empty(value))
        return;
    struct val *kind = NULL;
    for (size_t i = 0; i < condition->object.len; i++) {
        if (slice_eq(condition->object.items[i].key, operator))
            kind = &condition->object.items[i].value;
    }
    if (!kind)
        kind = val_set(c->arena, condition, operator, val_object());
    val_set(c->arena, kind, key, val_string(value));
}

static slice statement_of(struct call *c, const struct lambda_add_permission_in *in, slice subject)
{
    struct val statement = val_object(), condition = val_object();
    val_set(c->arena, &statement, S("Sid"), val_string(in->statement_id));
    val_set(c->arena, &statement, S("Effect"), val_string(S("Allow")));
    add_principal(c, &statement, in->principal);
    val_set(c->arena, &statement, S("Action"), val_string(in->action));
    val_set(c->arena, &statement, S("Resource"), val_string(subject));
    add_condition(c, &condition, S("StringEquals"), S("AWS:SourceAccount"), in->source_account);
    add_condition(c, &condition, S("StringEquals"), S("lambda:EventSourceToken"), in->event_source_token);
    add_condition(c, &condition, S("StringEquals"), S("aws:PrincipalOrgID"), in->principal_org_id);
    add_condition(c, &condition, S("StringEquals"), S("lambda:FunctionUrlAuthType"), in->function_url_auth_type);
    add_condition(c, &condition, S("ArnLike"), S("AWS:SourceArn"), in->source_arn);
    if (in->invoked_via_function_url.set)
        add_condition(c, &condition, S("Bool"), S("lambda:InvokedViaFunctionUrl"),
                      in->invoked_via_function_url.v ? S("true") : S("false"));
    if (condition.object.len > 0)
        val_set(c->arena, &statement, S("Condition"), condition);
    return json_text(c->arena, &statement);
}

static bool policy_text(struct call *c, slice subject, struct buf *out)
{
    size_t n = 0;
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_STATEMENT_LIST, "t", subject);
    buf_add(out, S("{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":["));
    while (db_next(&rows)) {
        buf_add(out, n++ > 0 ? S(",") : S(""));
        buf_add(out, db_text(&rows, 0));
    }
    buf_add(out, S("]}"));
    return n > 0;
}

/* Stores the statement, unless the policy has one of that name or becomes too long. */
static int add_statement(struct call *c, slice subject, slice sid, slice statement)
{
    struct buf policy;
    buf_init(&policy, c->arena);
    if (db_run(c->db, LAMBDA_SQL_STATEMENT_ADD, "ttt", subject, sid, statement) == 0)
        return fail(c, &lambda_resource_conflict,
                    "The statement id (%.*s) provided already exists. Please provide a new statement id, or remove the "
                    "existing statement.",
                    SLICE_ARG(sid));
    policy_text(c, subject, &policy);
    if (policy.len > MAX_POLICY_BYTES)
        return fail(c, &lambda_policy_length_exceeded, "The final policy size (%zu) is bigger than the limit (%d).",
                    policy.len, MAX_POLICY_BYTES);
    touch(c, subject);
    return 0;
}

/* The ARN that the policy is about; $LATEST is the function itself. */
static int get_subject(struct call *c, slice text, slice qualifier, struct function *f, slice *subject)
{
    struct function_name name;
    slice stored;
    TRY(name_parse(c, text, qualifier, &name));
    if (slice_eq(name.qualifier, S("$LATEST")))
        return fail(c, &lambda_invalid_parameter_value, "We currently do not support adding policies for $LATEST.");
    TRY(function_get_qualified(c, text, qualifier, f, &stored));
    *subject = name_qualified_arn(c, f, name.qualifier);
    return 0;
}

int lambda_add_permission(struct call *c, const struct lambda_add_permission_in *in,
                          struct lambda_add_permission_out *out)
{
    struct function f;
    slice subject;
    TRY(get_subject(c, in->function_name, in->qualifier, &f, &subject));
    TRY(check_revision(c, &f, subject, in->revision_id));
    out->statement = statement_of(c, in, subject);
    return add_statement(c, subject, in->statement_id, out->statement);
}

int lambda_get_policy(struct call *c, const struct lambda_get_policy_in *in, struct lambda_get_policy_out *out)
{
    struct function f;
    slice subject;
    struct buf policy;
    buf_init(&policy, c->arena);
    TRY(get_subject(c, in->function_name, in->qualifier, &f, &subject));
    if (!policy_text(c, subject, &policy))
        return fail(c, &lambda_resource_not_found, "The resource you requested does not exist.");
    out->policy = buf_slice(&policy);
    out->revision_id = policy_revision(c, subject);
    return 0;
}

int lambda_remove_permission(struct call *c, const struct lambda_remove_permission_in *in,
                             struct lambda_remove_permission_out *out)
{
    struct function f;
    slice subject;
    struct buf policy;
    buf_init(&policy, c->arena);
    TRY(get_subject(c, in->function_name, in->qualifier, &f, &subject));
    if (!policy_text(c, subject, &policy))
        return fail(c, &lambda_resource_not_found, "No policy is associated with the given resource.");
    TRY(check_revision(c, &f, subject, in->revision_id));
    if (db_run(c->db, LAMBDA_SQL_STATEMENT_DELETE, "tt", subject, in->statement_id) == 0)
        return fail(c, &lambda_resource_not_found, "Statement %.*s is not found in resource policy.",
                    SLICE_ARG(in->statement_id));
    touch(c, subject);
    return 0;
}

/* Layer versions */

static int check_layer_revision(struct call *c, slice subject, slice revision)
{
    slice now = policy_revision(c, subject);
    if (revision.len == 0 || (now.ptr && slice_eq(now, revision)))
        return 0;
    return fail(c, &lambda_precondition_failed,
                "The Revision Id provided does not match the latest Revision Id. Call "
                "the GetLayerVersionPolicy API to retrieve the latest Revision Id");
}

int lambda_add_layer_version_permission(struct call *c, const struct lambda_add_layer_version_permission_in *in,
                                        struct lambda_add_layer_version_permission_out *out)
{
    slice subject;
    TRY(layer_get_arn(c, in->layer_name, in->version_number.v, &subject));
    TRY(check_layer_revision(c, subject, in->revision_id));
    const struct lambda_add_permission_in statement = {.statement_id = in->statement_id,
                                                       .action = in->action,
                                                       .principal = in->principal,
                                                       .principal_org_id = in->organization_id};
    out->statement = statement_of(c, &statement, subject);
    TRY(add_statement(c, subject, in->statement_id, out->statement));
    out->revision_id = policy_revision(c, subject);
    return 0;
}

int lambda_get_layer_version_policy(struct call *c, const struct lambda_get_layer_version_policy_in *in,
                                    struct lambda_get_layer_version_policy_out *out)
{
    slice subject;
    struct buf policy;
    buf_init(&policy, c->arena);
    TRY(layer_get_arn(c, in->layer_name, in->version_number.v, &subject));
    if (!policy_text(c, subject, &policy))
        return fail(c, &lambda_resource_not_found, "No policy is associated with the given resource.");
    out->policy = buf_slice(&policy);
    out->revision_id = policy_revision(c, subject);
    return 0;
}

int lambda_remove_layer_version_permission(struct call *c, const struct lambda_remove_layer_version_permission_in *in,
                                           struct lambda_remove_layer_version_permission_out *out)
{
    slice subject;
    TRY(layer_get_arn(c, in->layer_name, in->version_number.v, &subject));
    TRY(check_layer_revision(c, subject, in->revision_id));
    if (db_run(c->db, LAMBDA_SQL_STATEMENT_DELETE, "tt", subject, in->statement_id) == 0)
        return fail(c, &lambda_resource_not_found, "Statement %.*s is not found in resource policy.",
                    SLICE_ARG(in->statement_id));
    touch(c, subject);
    return 0;
}

void permission_delete_all(struct call *c, slice subject)
{
    db_run(c->db, LAMBDA_SQL_STATEMENT_DELETE_ALL, "t", subject);
    db_run(c->db, LAMBDA_SQL_POLICY_DELETE_ALL, "t", subject);
}

static bool principal_matches(const struct val *principal, slice wanted)
{
    if (!principal)
        return false;
    if (principal->type == VAL_STRING)
        return slice_eq(principal->string, S("*")) || slice_eq(principal->string, wanted);
    slice service = val_get_string(principal, S("Service")), account = val_get_string(principal, S("AWS"));
    return slice_eq(service, wanted) || (account.ptr && slice_eq(account, wanted));
}

static bool conditions_hold(const struct val *statement, const struct permission_request *request)
{
    const struct val *condition = val_get(statement, S("Condition"));
    slice arn = val_get_string(val_get(condition, S("ArnLike")), S("AWS:SourceArn"));
    slice account = val_get_string(val_get(condition, S("StringEquals")), S("AWS:SourceAccount"));
    return (!arn.ptr || (request->source_arn.ptr && glob_match(arn, request->source_arn))) &&
           (!account.ptr || slice_eq(account, request->source_account));
}

static bool statement_allows(struct call *c, slice text, const struct permission_request *request)
{
    struct val statement;
    slice why;
    if (json_parse(c->arena, text, &statement, &why) != 0)
        return false;
    slice action = val_get_string(&statement, S("Action"));
    return (slice_eq(action, S("*")) || glob_match(action, request->action)) &&
           principal_matches(val_get(&statement, S("Principal")), request->principal) &&
           conditions_hold(&statement, request);
}

bool permission_allows(struct call *c, slice subject, const struct permission_request *request)
{
    struct db_rows rows = db_query(c->db, LAMBDA_SQL_STATEMENT_LIST, "t", subject);
    bool allows = false;
    while (!allows && db_next(&rows))
        allows = statement_allows(c, db_text(&rows, 0), request);
    db_done(&rows);
    return allows;
}
