/* authorize: what other services ask iam: whose an access key is, what a role trusts, and whether a call is allowed. */
#include "services/iam/iam.h"

#include "common/json.h"

/* Uses of a key are noted at most once a minute: a note is a write. */
enum { USE_NOTED_MS = 60 * 1000 };

struct caller {
    slice arn; /* as denials name it */
    slice account;
    bool limited;               /* false: the root, who may do anything */
    struct entity entity;       /* user or role */
    const struct val *policies; /* of the session: an array, or NULL */
    bool is_root;               /* limited all the same, by a session's policies */
};

static slice write_bool(struct call *c, const char *name, bool value)
{
    return arena_printf(c->arena, "{\"%s\":%s}", name, value ? "true" : "false");
}

static bool find_key(struct call *c, slice id, struct entity *user, slice *status)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_KEY_GET, "t", id);
    bool found = db_next(&rows);
    int64_t owner = found ? db_int(&rows, 0) : 0, used_ms = 0;
    if (found) {
        *status = db_text(&rows, 1);
        used_ms = db_is_null(&rows, 2) ? 0 : db_int(&rows, 2);
    }
    db_done(&rows);
    if (!found || !entity_find_id(c, owner, user))
        return false;
    if (c->now_ms - used_ms > USE_NOTED_MS)
        db_run(c->db, IAM_SQL_KEY_USED, "ittt", entity_now(c), c->request->origin, c->region, id);
    return true;
}

int authorize_key(struct call *c, slice body, slice *reply)
{
    struct val question;
    struct entity user;
    slice why, status;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    if (!find_key(c, val_get_string(&question, S("accessKey")), &user, &status)) {
        *reply = write_bool(c, "found", false);
        return 0;
    }
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("found"));
    json_bool(w, true);
    json_key(w, S("active"));
    json_bool(w, slice_eq(status, S("Active")));
    json_key(w, S("arn"));
    json_string(w, entity_arn(c, &user));
    json_key(w, S("userId"));
    json_string(w, user.user.user_id);
    json_object_end(w);
    *reply = json_writer_close(w);
    return 0;
}

int authorize_secret(struct call *c, slice body, slice *reply)
{
    struct val question;
    slice why;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    struct db_rows rows = db_query(c->db, IAM_SQL_KEY_GET, "t", val_get_string(&question, S("accessKey")));
    bool active = db_next(&rows) && slice_eq(db_text(&rows, 1), S("Active"));
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("active"));
    json_bool(w, active);
    if (active) {
        json_key(w, S("secret"));
        json_string(w, db_text(&rows, 5));
    }
    json_object_end(w);
    db_done(&rows);
    *reply = json_writer_close(w);
    return 0;
}

int authorize_role(struct call *c, slice body, slice *reply)
{
    struct val question;
    struct entity role;
    slice why;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    c->account = val_get_string(&question, S("account"));
    slice arn = val_get_string(&question, S("arn"));
    if (!entity_find(c, ENTITY_ROLE, val_get_string(&question, S("name")), &role) ||
        !slice_eq(entity_arn(c, &role), arn)) {
        *reply = write_bool(c, "found", false);
        return 0;
    }
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("found"));
    json_bool(w, true);
    json_key(w, S("id"));
    json_string(w, role.role.role_id);
    json_key(w, S("trust"));
    json_string(w, role.role.assume_role_policy_document);
    json_key(w, S("maxSeconds"));
    json_int(w, role.role.max_session_duration.v);
    json_object_end(w);
    *reply = json_writer_close(w);
    return 0;
}

/* A session is what sts says it is. One that sts does not know is nobody's: the root, as everywhere. */
static int find_session(struct call *c, slice key, struct caller *caller)
{
    struct call_refusal refused;
    struct val *answer = arena_alloc(c->arena, sizeof(*answer));
    slice reply, why, body = arena_printf(c->arena, "{\"accessKey\":\"%.*s\"}", SLICE_ARG(key));
    int result = call_ask(c, S("sts"), S("Session"), body, &reply, &refused);
    TRY(result == CALL_FAILED ? FAULT_MESSAGE : result);
    if (json_parse(c->arena, reply, answer, &why) != 0)
        return FAULT_MESSAGE;
    if (!val_get_bool(answer, S("found"), false))
        return 0;
    slice principal = val_get_string(answer, S("principal"));
    caller->arn = val_get_string(answer, S("arn"));
    caller->account = c->account = val_get_string(answer, S("account"));
    caller->policies = val_get(answer, S("policies"));
    caller->limited = true;
    caller->is_root = slice_find(principal, S(":root")) >= 0;
    if (caller->is_root)
        caller->limited = caller->policies && caller->policies->type == VAL_ARRAY && caller->policies->array.len > 0;
    else if (gather_find_principal(c, principal, &caller->entity) != 0)
        caller->entity = (struct entity){.kind = ENTITY_ROLE}; /* deleted meanwhile: it has no rights */
    return 0;
}

static int find_caller(struct call *c, slice key, struct caller *caller)
{
    slice status = S("");
    if (slice_starts(key, S("ASIA")))
        return find_session(c, key, caller);
    if (!find_key(c, key, &caller->entity, &status))
        return 0;
    if (!slice_eq(status, S("Active")))
        return fail(c, &iam_invalid_client_token_id, "The security token included in the request is invalid.");
    caller->arn = entity_arn(c, &caller->entity);
    caller->account = c->account = caller->entity.account;
    caller->limited = true;
    return 0;
}

static void add_keys(struct call *c, struct caller *caller, const struct val *given, struct policy_key_list *keys)
{
    for (size_t i = 0; given && given->type == VAL_OBJECT && i < given->object.len; i++)
        policy_key_add(c->arena, keys, given->object.items[i].key, val_get_string(given, given->object.items[i].key));
    bool user = caller->entity.kind == ENTITY_USER;
    policy_key_add(c->arena, keys, S("aws:PrincipalAccount"), caller->account);
    if (caller->entity.id == 0)
        return;
    policy_key_add(c->arena, keys, S("aws:PrincipalArn"), entity_arn(c, &caller->entity));
    policy_key_add(c->arena, keys, S("aws:PrincipalType"), user ? S("User") : S("AssumedRole"));
    if (user)
        policy_key_add(c->arena, keys, S("aws:username"), caller->entity.name);
    policy_key_add(c->arena, keys, S("aws:userid"), user ? caller->entity.user.user_id : caller->entity.role.role_id);
    struct iam_tag_list_type *tags = entity_tags(&caller->entity);
    list_foreach (tag, tags)
        policy_key_add(c->arena, keys, arena_concat(c->arena, S("aws:PrincipalTag/"), tag->key), tag->value);
}

static void gather(struct call *c, const struct caller *caller, struct policy_set *set)
{
    if (caller->entity.id > 0)
        gather_entity(c, &caller->entity, set);
    else if (caller->is_root)
        gather_managed(c, S("arn:aws:iam::aws:policy/AdministratorAccess"), &set->identity);
    const struct val *policies = caller->policies;
    for (size_t i = 0; policies && policies->type == VAL_ARRAY && i < policies->array.len; i++) {
        slice text = policies->array.items[i].string;
        set->session.set = true;
        if (slice_starts(text, S("arn:")))
            gather_managed(c, text, &set->session);
        else
            gather_text(c, text, S("session"), S("none"), &set->session);
    }
}

static int decide(struct call *c, slice body, slice *reply)
{
    struct val *question = arena_alloc(c->arena, sizeof(*question));
    struct caller caller = {.account = c->account};
    struct policy_set set = {0};
    struct policy_key_list keys = {0};
    struct policy_outcome outcome;
    slice why;
    if (json_parse(c->arena, body, question, &why) != 0)
        return FAULT_MESSAGE;
    TRY(find_caller(c, val_get_string(question, S("accessKey")), &caller));
    if (!caller.limited) {
        *reply = write_bool(c, "allowed", true);
        return 0;
    }
    gather(c, &caller, &set);
    add_keys(c, &caller, val_get(question, S("keys")), &keys);
    struct policy_request request = {
        .action = val_get_string(question, S("action")),
        .resource = val_get_string(question, S("resource")),
        .caller = {.account = caller.account, .arn = caller.arn},
        .keys = &keys,
    };
    policy_evaluate(c->arena, &set, &request, &outcome);
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("allowed"));
    json_bool(w, outcome.decision == POLICY_ALLOWED);
    json_key(w, S("user"));
    json_string(w, caller.arn);
    json_key(w, S("because"));
    json_string(w, outcome.because);
    json_object_end(w);
    *reply = json_writer_close(w);
    return 0;
}

/* The caller's account is the call's for as long as its policies are read. */
int authorize_decide(struct call *c, slice body, slice *reply)
{
    slice account = c->account;
    int result = decide(c, body, reply);
    c->account = account;
    return result;
}
