/* secrets: see secrets.h. What is remembered stands in a table with one place a key, by its hash: a newer key takes the
 * place of an older one. */
#include "router/secrets.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/generation.h"
#include "common/hash.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/time.h"
#include "proto/access_key.h"
#include "proto/bus.h"

enum {
    PLACES = 1024,
    HOLDS_MS = 5000,   /* how long an answer is believed */
    ANSWER_MS = 10000, /* to wait for one */
    TRIES = 3,         /* of a question whose worker dies */
};

struct known {
    struct arena *arena; /* NULL: the place is free */
    slice access_key;
    struct verify_secret secret;
    int64_t expires_ms; /* the credentials' own end; 0: none */
    int64_t until_ms;
    uint64_t generation;
};

struct secrets {
    struct bus *bus;
    slice root_keys;
    struct generation *generation;
    struct known places[PLACES];
};

struct secrets_question {
    struct secrets *secrets;
    struct bus_peer *peer;
    struct arena *arena;
    slice access_key;
    uint64_t call_id;
    uint64_t generation; /* when it was asked */
    int64_t deadline_ms;
    unsigned tries;
    secrets_answer_fn *on_answer;
    void *context;
};

static bool is_root_list(slice text)
{
    slice one, key, secret;
    while (text.len > 0) {
        slice_cut(text, ',', &one, &text);
        slice_cut(one, ':', &key, &secret);
        if (key.len == 0 || slice_empty(secret))
            return false;
    }
    return true;
}

int secrets_open(struct bus *bus, struct arena *arena, const struct conf *conf, struct secrets **secrets, slice *why)
{
    slice path = arena_printf(arena, "%.*s/credentials", SLICE_ARG(conf->run_dir));
    struct generation *generation;
    if (!is_root_list(conf->root_keys)) {
        *why = S("--root-keys takes KEY:SECRET pairs, separated by commas");
        return BAD_INPUT;
    }
    int result = generation_open(path.ptr, &generation);
    if (result != 0) {
        *why = arena_printf(arena, "cannot open %.*s: %s", SLICE_ARG(path), strerror(-result));
        return BAD_INPUT;
    }
    *secrets = calloc(1, sizeof **secrets);
    if (!*secrets)
        abort();
    (*secrets)->bus = bus;
    (*secrets)->root_keys = conf->root_keys;
    (*secrets)->generation = generation;
    return 0;
}

static void clear_place(struct known *known)
{
    if (known->arena)
        arena_close(known->arena);
    *known = (struct known){0};
}

void secrets_close(struct secrets *secrets)
{
    for (size_t i = 0; i < PLACES; i++)
        clear_place(&secrets->places[i]);
    generation_close(secrets->generation);
    free(secrets);
}

static struct known *place_of(struct secrets *secrets, slice access_key)
{
    return &secrets->places[hash_bytes(access_key) % PLACES];
}

bool secrets_find_root(const struct secrets *secrets, slice access_key, struct verify_secret *secret)
{
    *secret = (struct verify_secret){.secret = access_key_root_secret(secrets->root_keys, access_key)};
    return secret->secret.ptr != NULL;
}

/* The service that knows the secrets of such keys, by its question Secret; absent: none does. */
static slice keeper_of(slice access_key)
{
    static const slice keepers[] = {
        [ACCESS_KEY_OTHER] = {NULL, 0}, [ACCESS_KEY_USER] = S("iam"), [ACCESS_KEY_SESSION] = S("sts")};
    return keepers[access_key_kind(access_key)];
}

enum secrets_outcome secrets_find(struct secrets *secrets, slice access_key, int64_t now_ms,
                                  struct verify_secret *secret)
{
    if (secrets_find_root(secrets, access_key, secret))
        return SECRETS_FOUND;
    if (!keeper_of(access_key).ptr)
        return SECRETS_UNKNOWN;
    const struct known *known = place_of(secrets, access_key);
    if (!known->arena || known->until_ms < time_mono_ms() || !slice_eq(known->access_key, access_key) ||
        known->generation != generation_now(secrets->generation))
        return SECRETS_NOT_HERE;
    if (known->expires_ms > 0 && known->expires_ms <= now_ms)
        return SECRETS_EXPIRED;
    *secret = known->secret;
    return SECRETS_FOUND;
}

static void remember(struct secrets_question *question, const struct val *answer)
{
    struct known *known = place_of(question->secrets, question->access_key);
    slice token = val_get_string(answer, S("token"));
    clear_place(known);
    known->arena = arena_open();
    known->access_key = slice_dup(known->arena, question->access_key);
    known->secret.secret = slice_dup(known->arena, val_get_string(answer, S("secret")));
    if (token.len > 0)
        known->secret.token = slice_dup(known->arena, token);
    known->expires_ms = val_get_int(answer, S("expiresAt"), 0);
    known->until_ms = time_mono_ms() + HOLDS_MS;
    known->generation = generation_now(question->secrets->generation);
}

static enum secrets_outcome outcome_of(struct secrets_question *question, const struct msg *reply)
{
    struct val answer;
    slice why;
    if (json_parse(question->arena, reply->body, &answer, &why) != 0 || reply->status != 200)
        return SECRETS_NOBODY;
    if (!val_get_bool(&answer, S("active"), false))
        return val_get_bool(&answer, S("expired"), false) ? SECRETS_EXPIRED : SECRETS_UNKNOWN;
    remember(question, &answer);
    return SECRETS_FOUND;
}

static void send(struct secrets_question *question);

static void on_reply(void *context, enum bus_outcome result, const struct msg *reply)
{
    struct secrets_question *question = context;
    struct secrets *secrets = question->secrets;
    if (result == BUS_GONE && question->tries < TRIES) {
        send(question);
        return;
    }
    enum secrets_outcome outcome = result == BUS_REPLIED ? outcome_of(question, reply) : SECRETS_NOBODY;
    question->on_answer(question->context, outcome);
    /* Something has changed since it was asked: good for the one who asked, not for those who come. */
    if (outcome == SECRETS_FOUND && question->generation != generation_now(secrets->generation))
        clear_place(place_of(secrets, question->access_key));
    arena_close(question->arena);
}

static void send(struct secrets_question *question)
{
    char id[37];
    ids_uuid_to(id);
    struct msg request = {
        .kind = MSG_REQUEST,
        .flags = MSG_FLAG_READONLY,
        .deadline_ms = question->deadline_ms,
        .request_id = {id, 36},
        .origin = S("router"),
        .service = keeper_of(question->access_key),
        .protocol = S("internal"),
        .operation = S("Secret"),
        .body = arena_printf(question->arena, "{\"accessKey\":\"%.*s\"}", SLICE_ARG(question->access_key)),
    };
    question->tries++;
    question->call_id = bus_send(question->peer, &request, on_reply, question);
}

struct secrets_question *secrets_ask(struct secrets *secrets, slice access_key, secrets_answer_fn *on_answer,
                                     void *context)
{
    struct arena *arena = arena_open();
    struct secrets_question *question = arena_alloc(arena, sizeof *question);
    *question = (struct secrets_question){.secrets = secrets,
                                          .peer = bus_peer(secrets->bus, keeper_of(access_key)),
                                          .arena = arena,
                                          .access_key = slice_dup(arena, access_key),
                                          .generation = generation_now(secrets->generation),
                                          .deadline_ms = time_mono_ms() + ANSWER_MS,
                                          .on_answer = on_answer,
                                          .context = context};
    send(question);
    return question;
}

void secrets_forget(struct secrets_question *question)
{
    bus_forget(question->peer, question->call_id);
    arena_close(question->arena);
}
