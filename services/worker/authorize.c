/* authorize: with --iam enforce, every call of a client is put to the iam service before its handler runs. Which
 * credentials are a user's or a role's, and what they may do, is iam's to know. Where signatures are verified, the
 * service itself judges what nobody has signed. */
#include "services/worker/impl.h"

#include "common/json.h"
#include "common/time.h"

static const struct {
    const char *service;
    const char *operation;
    const char *action;
} actions[] = {
#define ACTION(service, operation, action) {service, operation, action},
#include "services/worker/actions.def"
#undef ACTION
};

/* How a denial is called, by protocol. */
static const struct api_error denials[] = {
    [API_AWSJSON] = {S("AccessDeniedException"), S("AccessDeniedException"), 400, false, S("Message"), NULL},
    [API_QUERY] = {S("AccessDenied"), S("AccessDenied"), 403, false, S("Message"), NULL},
    [API_EC2QUERY] = {S("UnauthorizedOperation"), S("UnauthorizedOperation"), 403, false, S("Message"), NULL},
    [API_RESTJSON] = {S("AccessDeniedException"), S("AccessDeniedException"), 403, false, S("Message"), NULL},
    [API_RESTXML] = {S("AccessDenied"), S("AccessDenied"), 403, false, S("Message"), NULL},
};

static slice action_of(struct call *c)
{
    slice service = c->worker->service->api->name, operation = c->operation->name;
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        if (slice_eq(service, slice_of(actions[i].service)) && slice_eq(operation, slice_of(actions[i].operation)))
            return slice_of(actions[i].action);
    }
    slice prefix = slice_eq(service, S("efs")) ? S("elasticfilesystem") : service;
    return arena_printf(c->arena, "%.*s:%.*s", SLICE_ARG(prefix), SLICE_ARG(operation));
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
static void write_keys(struct call *c, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, S("aws:RequestedRegion"));
    json_string(w, c->region);
    json_key(w, S("aws:CurrentTime"));
    json_string(w, time_iso8601(c->arena, c->now_ms, false));
    json_key(w, S("aws:EpochTime"));
    json_string(w, arena_printf(c->arena, "%lld", (long long)(c->now_ms / 1000)));
    json_key(w, S("aws:SourceIp"));
    json_string(w, S("127.0.0.1"));
    json_key(w, S("aws:UserAgent"));
    json_string(w, msg_header(c->request, S("user-agent")).ptr ? msg_header(c->request, S("user-agent")) : S("-"));
    json_object_end(w);
}

static slice question_of(struct call *c, slice action, slice resource)
{
    struct json_writer *w = json_writer_open(c->arena);
    json_object_begin(w);
    json_key(w, S("accessKey"));
    json_string(w, c->access_key);
    json_key(w, S("action"));
    json_string(w, action);
    json_key(w, S("resource"));
    json_string(w, resource);
    json_key(w, S("keys"));
    write_keys(c, w);
    json_object_end(w);
    return json_writer_close(w);
}

/* iam itself is asked without the bus. */
static int ask(struct call *c, slice body, slice *reply)
{
    const struct service_question *own = c->worker->service->questions;
    struct call_refusal refused;
    while (own && own->name.ptr && !slice_eq(own->name, S("Authorize")))
        own++;
    if (own && own->name.ptr)
        return own->run(c, body, reply);
    int result = call_ask(c, S("iam"), S("Authorize"), body, reply, &refused);
    return result == CALL_FAILED ? FAULT_MESSAGE : result;
}

int authorize_call(struct call *c, const void *in)
{
    const struct service *service = c->worker->service;
    slice reply, why, resource = {NULL, 0};
    struct val answer;
    if (service->guest && call_is_guest(c))
        return service->guest(c, action_of(c));
    if (!slice_eq(c->conf->iam, S("enforce")) || !is_client(c) || !may_be_limited(c->access_key))
        return 0;
    slice action = action_of(c);
    if (slice_eq(action, S("sts:GetCallerIdentity"))) /* needs no permission in AWS */
        return 0;
    if (service->resource)
        resource = service->resource(c, in);
    if (!resource.ptr)
        resource = S("*");
    TRY(ask(c, question_of(c, action, resource), &reply));
    if (json_parse(c->arena, reply, &answer, &why) != 0)
        return FAULT_MESSAGE;
    if (val_get_bool(&answer, S("allowed"), false))
        return 0;
    const struct api_error *denial = &denials[service->api->protocol];
    return fail(c, denial, "%sUser: %.*s is not authorized to perform: %.*s on resource: %.*s %.*s",
                service->api->protocol == API_EC2QUERY ? "You are not authorized to perform this operation. " : "",
                SLICE_ARG(val_get_string(&answer, S("user"))), SLICE_ARG(action), SLICE_ARG(resource),
                SLICE_ARG(val_get_string(&answer, S("because"))));
}
