/* authorize: what other services ask iam: whose an access key is, what a role trusts, and all that decides what a
 * caller may do. */
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
    int64_t expires_ms;         /* of a session; 0: never */
    slice problem;              /* "inactive", "expired"; absent: none */
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
    if (result == CALL_FAILED && slice_starts(refused.code, S("ExpiredToken"))) {
        caller->problem = S("expired");
        return 0;
    }
    TRY(result == CALL_FAILED ? FAULT_MESSAGE : result);
    if (json_parse(c->arena, reply, answer, &why) != 0)
        return FAULT_MESSAGE;
    if (!val_get_bool(answer, S("found"), false))
        return 0;
    slice principal = val_get_string(answer, S("principal"));
    caller->arn = val_get_string(answer, S("arn"));
    caller->account = c->account = val_get_string(answer, S("account"));
    caller->policies = val_get(answer, S("policies"));
    caller->expires_ms = val_get_int(answer, S("expiresAt"), 0);
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
        caller->problem = S("inactive");
    caller->arn = entity_arn(c, &caller->entity);
    caller->account = c->account = caller->entity.account;
    caller->limited = true;
    return 0;
}

static void write_keys(struct call *c, struct caller *caller, struct json_writer *w)
{
    const struct entity *entity = &caller->entity;
    bool user = entity->kind == ENTITY_USER;
    struct pair_list keys = {0};
    *list_add(c->arena, &keys) = (struct pair){S("aws:PrincipalAccount"), caller->account};
    if (entity->id != 0) {
        *list_add(c->arena, &keys) = (struct pair){S("aws:PrincipalArn"), entity_arn(c, entity)};
        *list_add(c->arena, &keys) = (struct pair){S("aws:PrincipalType"), user ? S("User") : S("AssumedRole")};
        if (user)
            *list_add(c->arena, &keys) = (struct pair){S("aws:username"), entity->name};
        *list_add(c->arena, &keys) = (struct pair){S("aws:userid"), user ? entity->user.user_id : entity->role.role_id};
        struct iam_tag_list_type *tags = entity_tags(&caller->entity);
        list_foreach (tag, tags)
            *list_add(c->arena, &keys) =
                (struct pair){arena_concat(c->arena, S("aws:PrincipalTag/"), tag->key), tag->value};
    }
    json_object_begin(w);
    list_foreach (key, &keys) {
        json_key(w, key->key);
        json_string(w, key->value.ptr ? key->value : S(""));
    }
    json_object_end(w);
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

static void write_sources(struct json_writer *w, slice name, const struct policy_source_list *sources)
{
    if (!sources->set)
        return;
    json_key(w, name);
    json_array_begin(w);
    list_foreach (source, sources)
        json_string(w, source->text);
    json_array_end(w);
}

static void write_caller(struct call *c, struct caller *caller, struct json_writer *w)
{
    struct policy_set set = {0};
    gather(c, caller, &set);
    json_key(w, S("arn"));
    json_string(w, caller->arn);
    json_key(w, S("account"));
    json_string(w, caller->account);
    json_key(w, S("expiresAt"));
    json_int(w, caller->expires_ms);
    json_key(w, S("keys"));
    write_keys(c, caller, w);
    write_sources(w, S("identity"), &set.identity);
    write_sources(w, S("boundary"), &set.boundary);
    write_sources(w, S("session"), &set.session);
}

static int describe(struct call *c, slice body, slice *reply)
{
    struct val question;
    struct caller caller = {.account = c->account};
    slice why;
    if (json_parse(c->arena, body, &question, &why) != 0)
        return FAULT_MESSAGE;
    TRY(find_caller(c, val_get_string(&question, S("accessKey")), &caller));
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("limited"));
    json_bool(w, caller.limited || caller.problem.ptr);
    if (caller.problem.ptr) {
        json_key(w, S("problem"));
        json_string(w, caller.problem);
    } else if (caller.limited) {
        write_caller(c, &caller, w);
    }
    json_object_end(w);
    *reply = json_writer_close(w);
    return 0;
}

/* The caller's account is the call's for as long as its policies are read. */
int authorize_caller(struct call *c, slice body, slice *reply)
{
    slice account = c->account;
    int result = describe(c, body, reply);
    c->account = account;
    return result;
}
