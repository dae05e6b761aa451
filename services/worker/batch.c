/* batch: all envelopes of one bus message: each runs in a savepoint, all share a commit, and only then answers leave.
 */
#include "services/worker/impl.h"

#include "common/fdio.h"
#include "common/generation.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/reserve.h"

#include <string.h>
#include <unistd.h>

struct answer {
    struct running running;
    struct msg reply;
    bool due;
};

struct running batch_internal_call(struct worker *worker)
{
    return (struct running){.call = {
                                .worker = worker,
                                .conf = &worker->conf,
                                .arena = worker->batch,
                                .db = worker->db,
                                .account = S("123456789012"),
                                .region = S("us-east-1"),
                                .now_ms = worker_now_ms(worker),
                            }};
}

static void fill_call(struct worker *worker, struct running *running, const struct msg *request, int64_t now_ms)
{
    *running = (struct running){.call = {
                                    .worker = worker,
                                    .conf = &worker->conf,
                                    .arena = worker->batch,
                                    .db = worker->db,
                                    .request = request,
                                    .account = request->account,
                                    .region = request->region,
                                    .access_key = request->access_key,
                                    .request_id = request->request_id,
                                    .now_ms = now_ms,
                                    .deadline_ms = request->deadline_ms,
                                }};
}

static const struct codec *codec_of(const struct worker *worker, const struct msg *request)
{
    return slice_eq(request->protocol, S("internal")) ? &codec_internal : worker->codec;
}

static void encode_failure(struct worker *worker, const struct running *running, const struct codec_failure *failure,
                           struct msg *reply)
{
    const struct call *call = &running->call;
    codec_of(worker, call->request)
        ->encode_error(call->arena, worker->service->api, call->operation, call->request_id, failure, reply);
}

static void answer_failure(struct worker *worker, const struct running *running, const struct api_error *error,
                           slice message, struct msg *reply)
{
    struct codec_failure failure = {.error = error, .message = message};
    encode_failure(worker, running, &failure, reply);
}

static bool is_full(int fault)
{
    return fault == FAULT_FULL || (fault < 0 && fault > FAULT_SQL && reserve_is_full(-fault));
}

/* Whoever makes room, or needs none, goes on when the disk is full. */
static bool needs_room(const struct call *call)
{
    if (call->operation)
        return !call->operation->readonly && !call->operation->on_full_disk;
    return !(call->request->flags & MSG_FLAG_READONLY) && !slice_eq(call->request->method, S("DELETE"));
}

static slice damage_advice(struct worker *worker, struct arena *arena)
{
    slice path =
        arena_printf(arena, "%.*s/%.*s.db", SLICE_ARG(worker->conf.state_dir), SLICE_ARG(worker->service->api->name));
    return db_damage_advice(arena, path.ptr);
}

static void answer_full(struct worker *worker, const struct running *running, struct msg *reply)
{
    const struct api_service *api = worker->service->api;
    slice message = arena_printf(running->call.arena,
                                 "The disk that holds awssim's state is full (%.*s). Deleting works, and so will "
                                 "everything else once there is room.",
                                 SLICE_ARG(worker->conf.state_dir));
    answer_failure(worker, running, api->full_disk ? api->full_disk : api->internal_failure, message, reply);
}

void batch_fault(struct worker *worker, const struct running *running, int fault, struct msg *reply)
{
    *reply = (struct msg){.status = 500};
    if (is_full(fault) && fault != FAULT_FULL)
        db_note_full(worker->db); /* of a file: the database knows of its own */
    if (running->call.request->kind != MSG_REQUEST || !codec_of(worker, running->call.request))
        return;
    if (is_full(fault)) {
        answer_full(worker, running, reply);
        return;
    }
    slice message = arena_printf(running->call.arena, "An internal error occurred (request id %.*s).",
                                 SLICE_ARG(running->call.request_id));
    if (fault == FAULT_DAMAGED)
        message = damage_advice(worker, running->call.arena);
    answer_failure(worker, running, worker->service->api->internal_failure, message, reply);
}

void batch_unavailable(struct worker *worker, const struct running *running, slice message, struct msg *reply)
{
    const struct api_service *api = worker->service->api;
    bool json = api->protocol == API_AWSJSON || api->protocol == API_RESTJSON;
    struct api_error error = *api->internal_failure;
    error.name = error.code = json ? S("ServiceUnavailableException") : S("ServiceUnavailable");
    error.status = 503;
    answer_failure(worker, running, &error, message, reply);
}

static void forgive(struct worker *worker, struct call *call, struct violation_list *violations)
{
    size_t kept = 0;
    if (!worker->service->tolerates)
        return;
    list_foreach (violation, violations) {
        if (!worker->service->tolerates(call, violation))
            violations->items[kept++] = *violation;
    }
    violations->len = kept;
}

/* The operation, its body read and decoded and valid; or false, with the reply filled. */
static bool prepare(struct worker *worker, struct running *running, void **in, struct msg *reply)
{
    struct call *call = &running->call;
    const struct api_service *api = worker->service->api;
    const struct codec *codec = codec_of(worker, call->request);
    struct violation_list violations = {0};
    slice name, why = S("");
    call->operation = codec->operation(call->arena, api, call->request, &name);
    if (!call->operation) {
        slice message = arena_printf(call->arena, "Could not find operation %.*s for version %.*s", SLICE_ARG(name),
                                     SLICE_ARG(api->api_version));
        answer_failure(worker, running, api->unknown_operation, message, reply);
        return false;
    }
    if (!call->operation->handler) {
        slice message = arena_printf(call->arena, "%.*s of %.*s is not implemented by awssim",
                                     SLICE_ARG(call->operation->name), SLICE_ARG(api->title));
        answer_failure(worker, running, api->not_implemented, message, reply);
        return false;
    }
    *in = arena_alloc(call->arena, call->operation->in ? call->operation->in->size : 1);
    int result = codec->decode(call->arena, api, call->operation, call->request, *in, &why);
    if (result != 0) {
        answer_failure(worker, running, codec_decoding_error(api, result), why, reply);
        return false;
    }
    codec_validate(call->arena, api, call->operation->in, *in, &violations);
    forgive(worker, call, &violations);
    if (violations.len > 0) {
        struct codec_failure failure = codec_violations_failure(call->arena, api, &violations);
        encode_failure(worker, running, &failure, reply);
        return false;
    }
    return true;
}

static const char *fault_text(struct worker *worker, int fault)
{
    if (fault == FAULT_UNANSWERED)
        return "another process did not answer";
    return fault < 0 && fault > FAULT_SQL ? strerror(-fault) : db_error(worker->db);
}

/* The reply to a call that answered CALL_FAILED or a fault. */
static void answer_failed(struct worker *worker, const struct running *running, int result, struct msg *reply)
{
    const struct call *call = &running->call;
    if (result == CALL_FAILED) {
        struct codec_failure failure = {call->error, call->error_message, call->error_extra};
        encode_failure(worker, running, &failure, reply);
    } else {
        slice name = call->operation ? call->operation->name : call->request->path;
        log_error("%.*s failed (%d, request id %.*s): %s", SLICE_ARG(name), result, SLICE_ARG(call->request_id),
                  fault_text(worker, result));
        batch_fault(worker, running, result, reply);
    }
}

static void add_to_reply(const struct call *call, int result, struct msg *reply)
{
    if (call->reply_headers.len > 0)
        reply->headers = arena_concat(call->arena, reply->headers, call->reply_headers);
    if (result != 0)
        return;
    if (call->reply_status != 0)
        reply->status = call->reply_status;
    reply->body_file = call->reply_file;
    reply->segments = call->reply_segments;
    reply->lease = call->reply_lease;
    reply->file_offset = call->reply_file_offset;
    reply->file_length = call->reply_file_length;
    reply->flags |= call->reply_file_grows ? MSG_FLAG_GROWING : 0;
}

static void answer(struct worker *worker, struct running *running, int result, const void *out, struct msg *reply)
{
    struct call *call = &running->call;
    if (result == 0)
        codec_of(worker, call->request)
            ->encode(call->arena, worker->service->api, call->operation, call->request_id, out, reply);
    else
        answer_failed(worker, running, result, reply);
    if (result == 0 && call->event_stream.ptr) {
        reply->content_type = S("application/vnd.amazon.eventstream");
        reply->body = call->event_stream;
    }
    add_to_reply(call, result, reply);
}

/* Whether the operation takes its body as it comes, inline or as a file. */
static bool is_streaming(struct worker *worker, const struct call *call)
{
    slice name;
    uint8_t protocol = worker->service->api->protocol;
    if (protocol != API_RESTJSON && protocol != API_RESTXML)
        return false;
    const struct api_operation *operation =
        codec_of(worker, call->request)->operation(call->arena, worker->service->api, call->request, &name);
    for (size_t i = 0; operation && operation->in && i < operation->in->n_members; i++) {
        if (operation->in->members[i].flags & API_MEMBER_STREAMING)
            return true;
    }
    return false;
}

/* A body that came as a file is read, unless the handler wants the file. */
static int read_body(struct worker *worker, struct running *running, struct msg *request)
{
    struct call *call = &running->call;
    if (call->body.ptr) {
        request->body = call->body;
        return 0;
    }
    if (slice_empty(request->body_file) || is_streaming(worker, call))
        return 0;
    const char *path = slice_cstr(call->arena, call_body_path(call));
    return path ? fdio_read_file(call->arena, path, LIMIT_READ_REQUEST_BYTES, &request->body) : FAULT_MESSAGE;
}

/* The files that calls have made since there were so many are of no use. */
static void remove_made(struct worker *worker, size_t from)
{
    for (size_t i = from; i < worker->made.len; i++)
        unlink(slice_cstr(worker->batch, worker->made.items[i]));
    worker->made.len = from;
}

void batch_begin_call(struct worker *worker, struct arena *arena)
{
    db_call_begin(worker->db, arena);
    worker->call_made = worker->made.len;
    worker->call_planned = worker->planned;
}

int batch_end_call(struct worker *worker, int result)
{
    int fault = db_call_end(worker->db, result == 0);
    if (fault != 0 && (result >= 0 || result == FAULT_SQL))
        result = fault;
    if (result != 0) {
        remove_made(worker, worker->call_made);
        later_drop_planned(worker, worker->call_planned);
    }
    return result;
}

/* Offers the request to the service's own hook. True when the call is over for now: *due says whether with a reply. */
static bool run_raw(struct worker *worker, struct running *running, struct msg *reply, bool *due)
{
    struct call *call = &running->call;
    bool taken = false;
    if (!worker->service->raw || slice_eq(call->request->protocol, S("internal")))
        return false;
    batch_begin_call(worker, call->arena);
    int result = worker->service->raw(call, reply, &taken);
    if (result == 0 && taken && db_call_wrote(worker->db) && needs_room(call) && db_is_full(worker->db))
        result = FAULT_FULL; /* it would use what is kept for deleting */
    result = batch_end_call(worker, result);
    if (!taken && result >= 0)
        return false;
    *due = result != CALL_LATER;
    if (result == CALL_LATER)
        later_keep(worker, running);
    else if (result != 0)
        answer_failed(worker, running, result, reply);
    return true;
}

static const struct service_question *find_question(const struct worker *worker, const struct msg *request)
{
    const struct service_question *one = worker->service->questions;
    if (!slice_eq(request->protocol, S("internal")))
        return NULL;
    while (one && one->name.ptr && !slice_eq(one->name, request->operation))
        one++;
    return one && one->name.ptr ? one : NULL;
}

/* Answers another worker. False when the answer comes later. */
static bool run_question(struct worker *worker, struct running *running, const struct service_question *question,
                         struct msg *reply)
{
    struct call *call = &running->call;
    slice text = S("{}");
    batch_begin_call(worker, call->arena);
    int result = question->run(call, call->request->body, &text);
    result = batch_end_call(worker, result);
    if (result == CALL_LATER) {
        later_keep(worker, running);
        return false;
    }
    reply->status = 200;
    reply->body = text;
    if (result != 0)
        answer_failed(worker, running, result, reply);
    return true;
}

static bool run_operation(struct worker *worker, struct running *running, struct msg *reply)
{
    struct call *call = &running->call;
    struct msg request = *call->request;
    void *in;
    if (read_body(worker, running, &request) != 0) {
        log_error("cannot read the request body %.*s", SLICE_ARG(request.body_file));
        batch_fault(worker, running, FAULT_MESSAGE, reply);
        return true;
    }
    const struct msg *original = call->request;
    call->request = &request;
    bool ready = prepare(worker, running, &in, reply);
    if (ready && needs_room(call) && db_is_full(worker->db)) {
        batch_fault(worker, running, FAULT_FULL, reply);
    } else if (ready) {
        void *out = arena_alloc(call->arena, call->operation->out ? call->operation->out->size : 1);
        batch_begin_call(worker, call->arena);
        int result = authorize_call(call, in);
        if (result == 0 && worker->service->prepare)
            result = worker->service->prepare(call);
        if (result == 0)
            result = call->operation->handler(call, in, out);
        worker->credentials_changed |= worker->service->keeps_credentials && !call->operation->readonly;
        result = batch_end_call(worker, result);
        if (result == CALL_LATER) {
            call->request = original;
            later_keep(worker, running);
            return false;
        }
        answer(worker, running, result, out, reply);
    }
    call->request = original;
    return true;
}

bool batch_run(struct worker *worker, struct running *running, struct msg *reply)
{
    bool due;
    if (!codec_of(worker, running->call.request)) {
        reply->status = 501;
        return true;
    }
    const struct service_question *question = find_question(worker, running->call.request);
    if (question)
        return run_question(worker, running, question, reply);
    return run_raw(worker, running, reply, &due) ? due : run_operation(worker, running, reply);
}

void call_credentials_changed(struct call *c)
{
    c->worker->credentials_changed = true;
}

/* Before anybody is told. What was read of a change that is lost must not be kept either. */
static void tell_credentials(struct worker *worker)
{
    if (worker->credentials_changed && worker->generation)
        generation_advance(worker->generation);
    worker->credentials_changed = false;
}

int batch_commit(struct worker *worker)
{
    int result = db_commit(worker->db);
    tell_credentials(worker);
    if (result != 0) {
        log_error("cannot commit: %s", db_error(worker->db));
        remove_made(worker, 0);
        later_drop_planned(worker, NULL);
    }
    worker->made = (struct slice_list){0};
    later_begin_planned(worker);
    return result;
}

static bool may_have_written(const struct msg *request, const struct call *call)
{
    if (request->kind == MSG_EVENT)
        return true;
    return call->operation ? !call->operation->readonly : !(request->flags & MSG_FLAG_READONLY);
}

bool batch_run_lost(struct worker *worker, struct running *running, int fault, struct msg *reply)
{
    const struct bus_from *from = running->from;
    struct later *later = running->later;
    bool again = !may_have_written(running->call.request, &running->call) ||
                 (is_full(fault) && running->call.request->kind == MSG_REQUEST && !needs_room(&running->call));
    fill_call(worker, running, running->call.request, running->call.now_ms);
    running->from = from;
    running->later = later;
    *reply = (struct msg){0};
    if (again) {
        if (is_full(fault))
            db_restart_log(worker->db); /* what has been given back is for the database, the log uses its own again */
        if (!batch_run(worker, running, reply))
            return false;
        fault = batch_commit(worker);
    }
    if (fault != 0)
        batch_fault(worker, running, fault, reply);
    return true;
}

/* Whether an event of the same sender, earlier in this batch, could not be stored: it will come again, and so must
 * those behind it, or their order would be lost. */
static bool must_come_again(const struct bus_item *items, const struct answer *answers, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (items[j].msg.kind == MSG_EVENT && answers[j].reply.status >= 500 &&
            slice_eq(items[j].msg.origin, items[i].msg.origin))
            return true;
    }
    return false;
}

static bool run_item(struct worker *worker, const struct bus_item *item, struct answer *answer)
{
    switch (item->msg.kind) {
    case MSG_REQUEST:
        answer->running.from = &item->from;
        return batch_run(worker, &answer->running, &answer->reply);
    case MSG_EVENT:
        if (slice_eq(item->msg.operation, S("Reset")))
            events_reset(worker, &answer->reply);
        else
            events_run(worker, &answer->running, &answer->reply);
        return true;
    default:
        later_cancel(worker, &item->from);
        return false;
    }
}

void batch_note_step(const struct running *running)
{
    const struct call *call = &running->call;
    if (call->operation)
        loop_watch_did(call->operation->name);
    else if (!slice_empty(call->request->operation))
        loop_watch_did(call->request->operation);
    else
        loop_watch_did_to(call->request->method, call->request->path);
}

/* Runs envelopes that share a commit, and answers them. */
static void run_items(struct worker *worker, const struct bus_item *items, size_t count)
{
    int64_t now_ms = worker_now_ms(worker);
    struct answer *answers = arena_array(worker->batch, count, sizeof(*answers));
    for (size_t i = 0; i < count; i++) {
        fill_call(worker, &answers[i].running, &items[i].msg, now_ms);
        if (items[i].msg.kind == MSG_EVENT && must_come_again(items, answers, i)) {
            answers[i].due = true;
            answers[i].reply.status = 500;
            continue;
        }
        answers[i].due = run_item(worker, &items[i], &answers[i]);
        batch_note_step(&answers[i].running);
    }
    int fault = batch_commit(worker);
    loop_watch_did(S("the commit of a batch"));
    for (size_t i = 0; i < count; i++) {
        if (fault != 0 && answers[i].due)
            answers[i].due = batch_run_lost(worker, &answers[i].running, fault, &answers[i].reply);
        if (answers[i].due)
            bus_answer(worker->bus, &items[i].from, &answers[i].reply);
        if (answers[i].due && answers[i].running.later)
            later_forget(worker, answers[i].running.later); /* it failed although it had begun to wait */
    }
    arena_reset(worker->batch);
}

void batch_after_commit(struct worker *worker)
{
    arena_reset(worker->batch);
    outbox_pump(worker->outbox);
    if (worker->timer_changed)
        timers_run(worker);
    timers_note_work(worker);
}

static bool is_reset(const struct bus_item *item)
{
    return item->msg.kind == MSG_EVENT && slice_eq(item->msg.operation, S("Reset"));
}

/* A reset has a transaction of its own: what came before it has been committed and answered. */
void batch_on_messages(void *context, const struct bus_item *items, size_t count)
{
    struct worker *worker = context;
    size_t begun = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_reset(&items[i]))
            continue;
        run_items(worker, items + begun, i - begun);
        run_items(worker, items + i, 1);
        begun = i + 1;
    }
    run_items(worker, items + begun, count - begun);
    batch_after_commit(worker);
}
