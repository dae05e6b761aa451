/* key: access keys and console passwords of users. */
#include "services/iam/iam.h"

#include "common/hash.h"
#include "common/ids.h"
#include "proto/access_key.h"

enum { MAX_KEYS = 2, SECRET_LENGTH = 40 };

int iam_create_access_key(struct call *c, const struct iam_create_access_key_in *in,
                          struct iam_create_access_key_out *out)
{
    struct entity user;
    TRY(user_get_or_caller(c, in->user_name, &user));
    if (entity_count(db_query(c->db, IAM_SQL_KEY_COUNT, "i", user.id)) >= MAX_KEYS)
        return fail(c, &iam_limit_exceeded, "Cannot exceed quota for AccessKeysPerUser: %d", MAX_KEYS);
    struct iam_access_key *key = out->access_key = arena_alloc(c->arena, sizeof(*key));
    key->user_name = user.name;
    key->access_key_id = access_key_new(c->arena, S("AKIA"), c->account);
    key->secret_access_key = ids_alnum(c->arena, SECRET_LENGTH);
    key->status = S("Active");
    key->create_date = opt_int(entity_now(c));
    db_run(c->db, IAM_SQL_KEY_ADD, "titi", key->access_key_id, user.id, key->secret_access_key, entity_now(c));
    return 0;
}

int iam_list_access_keys(struct call *c, const struct iam_list_access_keys_in *in, struct iam_list_access_keys_out *out)
{
    struct listing listing;
    struct entity user;
    TRY(listing_begin(c, in->marker, in->max_items, &listing));
    TRY(user_get_or_caller(c, in->user_name, &user));
    struct db_rows rows = db_query(c->db, IAM_SQL_KEY_LIST, "i", user.id);
    while (db_next(&rows)) {
        slice id = db_text(&rows, 0);
        if (slice_eq(id, listing.after)) { /* at most two: the page begins behind the marker */
            out->access_key_metadata.len = 0;
            listing.left = opt_int_or(in->max_items, 100);
            continue;
        }
        if (!listing_take(&listing, id))
            break;
        struct iam_access_key_metadata *shown = list_add(c->arena, &out->access_key_metadata);
        shown->user_name = user.name;
        shown->access_key_id = id;
        shown->status = db_text(&rows, 1);
        shown->create_date = opt_int(db_int(&rows, 2));
    }
    db_done(&rows);
    listing_end(c, &listing, &out->is_truncated, &out->marker);
    return 0;
}

static int key_not_found(struct call *c, slice id)
{
    return fail(c, &iam_no_such_entity, "The Access Key with id %.*s cannot be found.", SLICE_ARG(id));
}

int iam_update_access_key(struct call *c, const struct iam_update_access_key_in *in,
                          struct iam_update_access_key_out *out)
{
    struct entity user;
    TRY(user_get_or_caller(c, in->user_name, &user));
    return db_run(c->db, IAM_SQL_KEY_SET_STATUS, "tti", in->status, in->access_key_id, user.id) > 0
               ? 0
               : key_not_found(c, in->access_key_id);
}

int iam_delete_access_key(struct call *c, const struct iam_delete_access_key_in *in,
                          struct iam_delete_access_key_out *out)
{
    struct entity user;
    TRY(user_get_or_caller(c, in->user_name, &user));
    return db_run(c->db, IAM_SQL_KEY_DELETE, "ti", in->access_key_id, user.id) > 0
               ? 0
               : key_not_found(c, in->access_key_id);
}

/* Uses are known only while the calls are authorized here; a key never used is N/A, as in AWS. */
int iam_get_access_key_last_used(struct call *c, const struct iam_get_access_key_last_used_in *in,
                                 struct iam_get_access_key_last_used_out *out)
{
    struct entity user;
    struct iam_access_key_last_used *used = out->access_key_last_used = arena_alloc(c->arena, sizeof(*used));
    struct db_rows rows = db_query(c->db, IAM_SQL_KEY_GET, "t", in->access_key_id);
    int64_t owner = 0;
    if (db_next(&rows)) {
        owner = db_int(&rows, 0);
        if (!db_is_null(&rows, 2))
            used->last_used_date = opt_int(db_int(&rows, 2));
        used->service_name = db_is_null(&rows, 3) ? S("N/A") : db_text(&rows, 3);
        used->region = db_is_null(&rows, 4) ? S("N/A") : db_text(&rows, 4);
    }
    db_done(&rows);
    if (!entity_find_id(c, owner, &user) || !slice_eq(user.account, c->account))
        return fail(c, &iam_access_denied,
                    "User: arn:aws:iam::%.*s:root is not authorized to perform: iam:GetAccessKeyLastUsed on resource: "
                    "access key %.*s",
                    SLICE_ARG(c->account), SLICE_ARG(in->access_key_id));
    out->user_name = user.name;
    return 0;
}

static bool login_find(struct call *c, const struct entity *user, struct iam_login_profile *profile)
{
    struct db_rows rows = db_query(c->db, IAM_SQL_LOGIN_GET, "i", user->id);
    bool found = db_next(&rows);
    if (found)
        *profile = (struct iam_login_profile){
            .user_name = user->name,
            .password_reset_required = opt_bool(db_int(&rows, 0) != 0),
            .create_date = opt_int(db_int(&rows, 1)),
        };
    db_done(&rows);
    return found;
}

static int login_get(struct call *c, slice name, struct entity *user, struct iam_login_profile *profile)
{
    TRY(user_get_or_caller(c, name, user));
    return login_find(c, user, profile)
               ? 0
               : fail(c, &iam_no_such_entity, "Login Profile for User %.*s cannot be found.", SLICE_ARG(user->name));
}

static slice digest_of(struct call *c, slice password)
{
    slice salt = ids_hex(c->arena, 16);
    return arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(salt),
                        SLICE_ARG(hash_sha256_hex(c->arena, arena_concat(c->arena, salt, password))));
}

int iam_create_login_profile(struct call *c, const struct iam_create_login_profile_in *in,
                             struct iam_create_login_profile_out *out)
{
    struct entity user;
    struct iam_login_profile *profile = out->login_profile = arena_alloc(c->arena, sizeof(*profile));
    TRY(user_get_or_caller(c, in->user_name, &user));
    if (login_find(c, &user, profile))
        return fail(c, &iam_entity_already_exists, "Login Profile for user %.*s already exists.", SLICE_ARG(user.name));
    TRY(account_check_password(c, in->password));
    bool reset = opt_bool_or(in->password_reset_required, false);
    db_run(c->db, IAM_SQL_LOGIN_ADD, "itii", user.id, digest_of(c, in->password), (int64_t)reset, entity_now(c));
    login_find(c, &user, profile);
    return 0;
}

int iam_get_login_profile(struct call *c, const struct iam_get_login_profile_in *in,
                          struct iam_get_login_profile_out *out)
{
    struct entity user;
    out->login_profile = arena_alloc(c->arena, sizeof(*out->login_profile));
    return login_get(c, in->user_name, &user, out->login_profile);
}

int iam_update_login_profile(struct call *c, const struct iam_update_login_profile_in *in,
                             struct iam_update_login_profile_out *out)
{
    struct entity user;
    struct iam_login_profile profile = {0};
    TRY(login_get(c, in->user_name, &user, &profile));
    if (in->password.ptr)
        TRY(account_check_password(c, in->password));
    struct db_rows rows = db_query(c->db, IAM_SQL_LOGIN_GET, "i", user.id);
    slice digest = db_next(&rows) ? db_text(&rows, 2) : S("");
    db_done(&rows);
    bool reset = opt_bool_or(in->password_reset_required, profile.password_reset_required.v);
    db_run(c->db, IAM_SQL_LOGIN_SET, "tii", in->password.ptr ? digest_of(c, in->password) : digest, (int64_t)reset,
           user.id);
    return 0;
}

int iam_delete_login_profile(struct call *c, const struct iam_delete_login_profile_in *in,
                             struct iam_delete_login_profile_out *out)
{
    struct entity user;
    struct iam_login_profile profile = {0};
    TRY(login_get(c, in->user_name, &user, &profile));
    db_run(c->db, IAM_SQL_LOGIN_DELETE, "i", user.id);
    return 0;
}
