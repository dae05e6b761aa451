/* authorize: with --iam enforce, every call of a client is judged before its handler runs. Which credentials are a
 * user's or a role's, and what policies bear on them, is iam's to know, and kept here for as long as it holds; they are
 * evaluated here. Where signatures are verified, the service itself judges what nobody has signed. */
#include "services/worker/credentials.h"
#include "services/worker/impl.h"
#include "services/policy/policy.h"

#include "common/json.h"
#include "common/time.h"

/* How a denial is called, by protocol. */
static const struct api_error denials[] = {
    [API_AWSJSON] = {S("AccessDeniedException"), S("AccessDeniedException"), 400, false, S("Message"), NULL},
    [API_QUERY] = {S("AccessDenied"), S("AccessDenied"), 403, false, S("Message"), NULL},
    [API_EC2QUERY] = {S("UnauthorizedOperation"), S("UnauthorizedOperation"), 403, false, S("Message"), NULL},
    [API_RESTJSON] = {S("AccessDeniedException"), S("AccessDeniedException"), 403, false, S("Message"), NULL},
    [API_RESTXML] = {S("AccessDenied"), S("AccessDenied"), 403, false, S("Message"), NULL},
};

/* What is said of an access key that is inactive, and of credentials that have ended. */
static const struct api_error inactive[] = {
    [API_AWSJSON] = {S("UnrecognizedClientException"), S("UnrecognizedClientException"), 400, false, S("message"),
                     NULL},
    [API_QUERY] = {S("InvalidClientTokenId"), S("InvalidClientTokenId"), 403, false, S("Message"), NULL},
    [API_EC2QUERY] = {S("AuthFailure"), S("AuthFailure"), 401, false, S("Message"), NULL},
    [API_RESTJSON] = {S("UnrecognizedClientException"), S("UnrecognizedClientException"), 403, false, S("Message"),
                      NULL},
    [API_RESTXML] = {S("InvalidAccessKeyId"), S("InvalidAccessKeyId"), 403, false, S("Message"), NULL},
};
static const struct api_error expired[] = {
    [API_AWSJSON] = {S("ExpiredTokenException"), S("ExpiredTokenException"), 400, false, S("message"), NULL},
    [API_QUERY] = {S("ExpiredToken"), S("ExpiredToken"), 403, false, S("Message"), NULL},
    [API_EC2QUERY] = {S("RequestExpired"), S("RequestExpired"), 400, false, S("Message"), NULL},
    [API_RESTJSON] = {S("ExpiredTokenException"), S("ExpiredTokenException"), 403, false, S("Message"), NULL},
    [API_RESTXML] = {S("ExpiredToken"), S("ExpiredToken"), 400, false, S("Message"), NULL},
};

/* Whose an access key is, as iam tells it. */
struct principal {
    bool limited; /* false: a root, who may do anything */
    slice problem;
    slice arn;
    slice account;
    int64_t expires_ms; /* 0: never */
    struct pair_list keys;
    struct policy_set set;
};

/* Absent: the operation needs no permission. */
static slice action_of(struct call *c)
{
    const struct service *service = c->worker->service;
    slice prefix = service->action_prefix.ptr ? service->action_prefix : service->api->name;
    for (const struct service_action *one = service->actions; one && one->operation.ptr; one++) {
        if (slice_eq(one->operation, c->operation->name))
            return one->action;
    }
    return arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(prefix), SLICE_ARG(c->operation->name));
}

/* Only such keys can be a user's or a session's; all others are their account's root. */
static bool may_be_limited(slice key)
{
    return key.len == 20 && (slice_starts(key, S("AKIA")) || slice_starts(key, S("ASIA")));
}

static bool is_client(const struct call *c)
{
    return slice_eq(c->request->origin, S("router")) && !slice_eq(c->request->protocol, S("internal"));
}

bool call_is_guest(struct call *c)
{
    return c->conf->verify_signatures && is_client(c) && c->access_key.len == 0;
}

/* The condition keys that every request has. */
static void add_keys(struct call *c, const struct principal *principal, struct policy_key_list *keys)
{
    slice agent = msg_header(c->request, S("user-agent"));
    policy_key_add(c->arena, keys, S("aws:RequestedRegion"), c->region);
    policy_key_add(c->arena, keys, S("aws:CurrentTime"), time_iso8601(c->arena, c->now_ms, false));
    policy_key_add(c->arena, keys, S("aws:EpochTime"), arena_printf(c->arena, "%lld", (long long)(c->now_ms / 1000)));
    policy_key_add(c->arena, keys, S("aws:SourceIp"), S("127.0.0.1"));
    policy_key_add(c->arena, keys, S("aws:UserAgent"), agent.ptr ? agent : S("-"));
    list_foreach (key, &principal->keys)
        policy_key_add(c->arena, keys, key->key, key->value);
}

/* What cannot be parsed allows nothing; iam has checked it when it was stored. */
static void read_sources(struct arena *arena, const struct val *list, struct policy_source_list *sources)
{
    struct policy *policy;
    slice why;
    sources->set = list != NULL;
    for (size_t i = 0; list && list->type == VAL_ARRAY && i < list->array.len; i++) {
        if (policy_parse(arena, list->array.items[i].string, POLICY_IDENTITY, &policy, &why) == 0)
            list_add(arena, sources)->policy = policy;
    }
}

static void read_keys(struct arena *arena, const struct val *object, struct pair_list *keys)
{
    for (size_t i = 0; object && object->type == VAL_OBJECT && i < object->object.len; i++) {
        slice name = object->object.items[i].key;
        *list_add(arena, keys) = (struct pair){name, val_get_string(object, name)};
    }
}

/* NULL: it is no answer of iam's. */
static struct principal *read_principal(struct arena *arena, slice text)
{
    struct principal *principal = arena_alloc(arena, sizeof(*principal));
    struct val *answer = arena_alloc(arena, sizeof(*answer));
    slice why;
    if (json_parse(arena, text, answer, &why) != 0)
        return NULL;
    *principal = (struct principal){
        .limited = val_get_bool(answer, S("limited"), true),
        .problem = val_get_string(answer, S("problem")),
        .arn = val_get_string(answer, S("arn")),
        .account = val_get_string(answer, S("account")),
        .expires_ms = val_get_int(answer, S("expiresAt"), 0),
    };
    read_keys(arena, val_get(answer, S("keys")), &principal->keys);
    read_sources(arena, val_get(answer, S("identity")), &principal->set.identity);
    read_sources(arena, val_get(answer, S("boundary")), &principal->set.boundary);
    read_sources(arena, val_get(answer, S("session")), &principal->set.session);
    return principal;
}

/* iam itself is asked without the bus. */
static int ask_oneself(struct call *c, const struct service_question *own, slice body,
                       const struct principal **principal)
{
    slice reply;
    TRY(own->run(c, body, &reply));
    *principal = read_principal(c->arena, reply);
    return *principal ? 0 : FAULT_MESSAGE;
}

static int find_principal(struct call *c, const struct principal **principal)
{
    const struct service_question *own = c->worker->service->questions;
    struct credentials_answer *answer;
    struct call_refusal refused;
    slice body = arena_printf(c->arena, "{\"accessKey\":\"%.*s\"}", SLICE_ARG(c->access_key));
    while (own && own->name.ptr && !slice_eq(own->name, S("Caller")))
        own++;
    if (own && own->name.ptr)
        return ask_oneself(c, own, body, principal);
    int result = call_ask_credentials(c, c->worker->program->credentials, S("Caller"), body, &answer, &refused);
    TRY(result == CALL_FAILED ? FAULT_MESSAGE : result);
    if (!answer->parsed)
        answer->parsed = read_principal(answer->arena, answer->text);
    *principal = answer->parsed;
    return *principal ? 0 : FAULT_MESSAGE;
}

static int refuse_credentials(struct call *c, const struct principal *principal)
{
    const char *invalid = c->worker->service->api->protocol == API_RESTXML
                              ? "The AWS Access Key Id you provided does not exist in our records."
                              : "The security token included in the request is invalid.";
    uint8_t protocol = c->worker->service->api->protocol;
    if (slice_eq(principal->problem, S("inactive")))
        return fail(c, &inactive[protocol], "%s", invalid);
    return fail(c, &expired[protocol], "The security token included in the request is expired");
}

static int judge(struct call *c, const struct principal *principal, slice action, slice resource)
{
    struct policy_key_list keys = {0};
    struct policy_outcome outcome;
    uint8_t protocol = c->worker->service->api->protocol;
    add_keys(c, principal, &keys);
    policy_evaluate(c->arena, &principal->set,
                    &(struct policy_request){.action = action,
                                             .resource = resource,
                                             .caller = {.account = principal->account, .arn = principal->arn},
                                             .keys = &keys},
                    &outcome);
    if (outcome.decision == POLICY_ALLOWED)
        return 0;
    return fail(c, &denials[protocol], "%sUser: %.*s is not authorized to perform: %.*s on resource: %.*s %.*s",
                protocol == API_EC2QUERY ? "You are not authorized to perform this operation. " : "",
                SLICE_ARG(principal->arn), SLICE_ARG(action), SLICE_ARG(resource), SLICE_ARG(outcome.because));
}

int authorize_call(struct call *c, const void *in)
{
    const struct service *service = c->worker->service;
    const struct principal *principal;
    slice resource = {NULL, 0};
    if (service->guest && call_is_guest(c))
        return service->guest(c, action_of(c));
    if (!slice_eq(c->conf->iam, S("enforce")) || !is_client(c) || !may_be_limited(c->access_key))
        return 0;
    slice action = action_of(c);
    if (!action.ptr)
        return 0;
    TRY(find_principal(c, &principal));
    if (principal->problem.ptr || (principal->expires_ms > 0 && principal->expires_ms <= c->now_ms))
        return refuse_credentials(c, principal);
    if (!principal->limited)
        return 0;
    if (service->resource)
        resource = service->resource(c, in);
    return judge(c, principal, action, resource.ptr ? resource : S("*"));
}
