/* later: calls that could not be answered in one go: they asked another service, or wait for an event. Their request is
 * kept; when what they wait for is there, they run again from the top, with all answers they have had so far. */
#include "services/worker/credentials.h"
#include "services/worker/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fdio.h"
#include "common/generation.h"
#include "common/json.h"
#include "common/log.h"
#include "common/time.h"
#include "proto/jsonform.h"
#include "proto/segments.h"

/* A background call that failed begins again so much later. */
static const double first_again_seconds = 1, longest_again_seconds = 60;

/* One question to another service and its answer. */
struct question {
    struct later *later;
    struct bus_peer *peer;
    bool repeatable;
    struct msg request; /* of a repeatable one: for the next process, when this one ends */
    uint64_t call_id;
    bool sent;
    uint64_t generation; /* of credentials, when it was sent */
    bool answered;
    int status; /* 0: nobody answered */
    slice body;
    struct call_file file; /* path as in the envelope; absent: none */
};

struct question_list {
    struct question **items;
    size_t len;
    bool set;
};

struct later {
    struct later *next;
    struct worker *worker;
    struct arena *arena;
    struct bus_from from;
    struct msg request; /* copied */
    struct question_list questions;
    struct await *awaits;
    slice wait_key;  /* present: waits to be woken */
    bool background; /* nobody waits for it */
    double again_seconds;
    ev_timer until;
};

static struct running *running_of(struct call *c)
{
    return (struct running *)(void *)((char *)c - offsetof(struct running, call));
}

static struct msg copy_of(struct arena *arena, const struct msg *msg)
{
    struct msg copy = *msg;
#define MSG_FIELD(member) copy.member = slice_dup(arena, msg->member);
#include "proto/msg_fields.def"
#undef MSG_FIELD
    return copy;
}

static struct later *later_new(struct worker *worker, const struct msg *request)
{
    struct arena *arena = arena_open();
    struct later *later = arena_alloc(arena, sizeof(*later));
    later->worker = worker;
    later->arena = arena;
    later->request = copy_of(arena, request);
    return later;
}

/* A question that needed not be sent. */
static void add_answered(struct later *later, slice answer)
{
    struct question *question = arena_alloc(later->arena, sizeof(*question));
    *question =
        (struct question){.later = later, .answered = true, .status = 200, .body = slice_dup(later->arena, answer)};
    *list_add(later->arena, &later->questions) = question;
}

static struct later *later_of(struct running *running)
{
    if (running->later)
        return running->later;
    struct later *later = later_new(running->call.worker, running->call.request);
    if (running->from)
        later->from = *running->from;
    running->later = later;
    list_foreach (answer, &running->kept)
        add_answered(later, *answer);
    return later;
}

static struct running running_again(struct later *later)
{
    struct running running = batch_internal_call(later->worker);
    running.call.request = &later->request;
    running.call.account = later->request.account;
    running.call.region = later->request.region;
    running.call.access_key = later->request.access_key;
    running.call.request_id = later->request.request_id;
    running.call.deadline_ms = later->request.deadline_ms;
    running.from = &later->from;
    running.later = later;
    return running;
}

/* Runs the request again, and answers it when it is over. */
static void run_request(struct later *later, struct running *running)
{
    struct worker *worker = later->worker;
    struct msg reply = {0};
    bool due = batch_run(worker, running, &reply);
    batch_note_step(running);
    int fault = batch_commit(worker);
    if (fault != 0 && due)
        due = batch_run_lost(worker, running, fault, &reply);
    if (!due)
        return;
    bus_answer(worker->bus, &later->from, &reply);
    later_forget(worker, later);
}

static void arm(struct later *later, double seconds);

static void run_background(struct later *later, struct running *running)
{
    struct worker *worker = later->worker;
    int result = events_run_background(worker, running);
    batch_note_step(running);
    if (batch_commit(worker) != 0 || result < 0)
        arm(later, impl_back_off(&later->again_seconds, first_again_seconds, longest_again_seconds));
    else if (result != CALL_LATER)
        later_forget(worker, later);
}

/* Runs the call again. */
static void resume(struct later *later)
{
    struct worker *worker = later->worker;
    struct running running = running_again(later);
    later->wait_key = (slice){NULL, 0};
    if (worker->loop)
        ev_timer_stop(worker->loop, &later->until);
    if (later->background)
        run_background(later, &running);
    else
        run_request(later, &running);
    batch_after_commit(worker);
}

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct question *question = context;
    if (outcome == BUS_GONE && question->repeatable) {
        question->call_id = bus_send(question->peer, &question->request, on_answer, question);
        return;
    }
    question->answered = true;
    question->call_id = 0;
    if (outcome == BUS_REPLIED) {
        question->status = reply->status;
        question->body = slice_dup(question->later->arena, reply->body);
        question->file = (struct call_file){slice_dup(question->later->arena, reply->body_file), reply->file_offset,
                                            reply->file_length, slice_dup(question->later->arena, reply->segments)};
    }
    resume(question->later);
}

static slice answered_path(struct call *c, slice name)
{
    return arena_printf(c->arena, "%.*s/spool/%.*s", SLICE_ARG(c->conf->state_dir), SLICE_ARG(name));
}

static slice segments_with_paths(struct call *c, slice segments)
{
    struct segment part;
    struct buf text;
    buf_init(&text, c->arena);
    while (segments_next(&segments, &part)) {
        part.name = answered_path(c, part.name);
        segments_add(&text, &part);
    }
    return buf_slice(&text);
}

bool call_answered_file(struct call *c, struct call_file *file)
{
    const struct running *running = running_of(c);
    const struct question *last = running->later->questions.items[running->questions - 1];
    *file = last->file;
    if (file->segments.len > 0)
        file->segments = segments_with_paths(c, file->segments);
    else if (file->path.len > 0)
        file->path = answered_path(c, file->path);
    else
        return false;
    return true;
}

static int read_part(struct arena *arena, const struct segment *part, char *into)
{
    const char *path = slice_cstr(arena, part->name);
    __attribute__((cleanup(fdio_cleanup))) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return -errno;
    for (int64_t done = 0; done < part->length;) {
        ssize_t n = pread(fd, into + done, (size_t)(part->length - done), (off_t)(part->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += n;
    }
    return 0;
}

int call_file_read(struct arena *arena, const struct call_file *file, slice *bytes)
{
    struct segment part = {file->path, file->offset, file->length};
    char *into = arena_alloc(arena, (size_t)file->length + 1);
    slice rest = file->segments;
    *bytes = (slice){into, (size_t)file->length};
    if (rest.len == 0)
        return read_part(arena, &part, into);
    if (segments_length(rest) != file->length)
        return -EIO;
    for (; segments_next(&rest, &part); into += part.length)
        TRY(read_part(arena, &part, into));
    return 0;
}

/* Without a bus: the test says what the answer is. */
static void ask_test(struct question *question, slice service, slice name, slice body)
{
    worker_test_answer_fn *answers = question->later->worker->test_answers;
    slice reply = S("");
    question->answered = true;
    question->status = answers ? answers(service, name, body, &reply) : 0;
    question->body = slice_dup(question->later->arena, reply);
}

bool later_is_answered(struct worker *worker, struct running *running)
{
    if (!worker->waiting || worker->waiting->wait_key.ptr || worker->waiting->background)
        return false;
    running->later = worker->waiting;
    running->questions = 0;
    return true;
}

static void ask(struct call *c, slice service, slice name, slice body)
{
    struct later *later = later_of(running_of(c));
    struct question *question = arena_alloc(later->arena, sizeof(*question));
    *list_add(later->arena, &later->questions) = question;
    question->later = later;
    question->sent = true;
    if (c->worker->credentials)
        question->generation = credentials_generation(c->worker->credentials);
    if (!c->worker->loop) {
        ask_test(question, service, name, body);
        return;
    }
    question->peer = bus_peer(c->worker->bus, service);
    struct msg request = {
        .kind = MSG_REQUEST,
        .deadline_ms = c->deadline_ms,
        .request_id = c->request_id,
        .origin = c->worker->service->api->name,
        .service = service,
        .protocol = S("internal"),
        .operation = name,
        .account = c->account,
        .region = c->region,
        .access_key = c->access_key,
        .body = body,
    };
    /* Services are asked for what they know; the runner is given work, which must not be done twice. */
    question->repeatable = !slice_eq(service, S("runner"));
    if (question->repeatable)
        question->request = copy_of(later->arena, &request);
    question->call_id = bus_send(question->peer, &request, on_answer, question);
}

/* The run's next question, when it has been asked before. */
static const struct question *next_question(struct call *c)
{
    struct running *running = running_of(c);
    size_t index = running->questions++;
    if (!running->later || index >= running->later->questions.len)
        return NULL;
    return running->later->questions.items[index];
}

bool call_has_asked(struct call *c)
{
    const struct running *running = running_of(c);
    return running->later && running->questions < running->later->questions.len;
}

int call_question(struct call *c, slice target, slice name, slice body, int *status, slice *answer)
{
    const struct question *question = next_question(c);
    if (!question)
        ask(c, target, name, body);
    if (!question || !question->answered)
        return CALL_LATER;
    *status = question->status;
    *answer = question->body.ptr ? question->body : S("");
    return 0;
}

/* What an answer that is none says. */
static int read_refusal(struct call *c, int status, slice reply, struct call_refusal *refused)
{
    struct val error;
    slice why;
    *refused = (struct call_refusal){S("ServiceUnavailable"), S("The service did not answer.")};
    if (status > 0 && json_parse(c->arena, reply, &error, &why) == 0) {
        refused->code = val_get_string(&error, S("__type"));
        refused->message = val_get_string(&error, S("message"));
        if (!refused->message.ptr)
            refused->message = val_get_string(&error, S("Message"));
    }
    return status == 0 || status >= 500 ? FAULT_UNANSWERED : CALL_FAILED;
}

int call_ask(struct call *c, slice service, slice name, slice body, slice *reply, struct call_refusal *refused)
{
    int status;
    TRY(call_question(c, service, name, body, &status, reply));
    return status == 200 ? 0 : read_refusal(c, status, *reply, refused);
}

/* The cache is opened when it is first needed; without the shared counter there is none. */
static struct credentials *credentials_of(struct worker *worker)
{
    if (worker->credentials || worker->no_credentials)
        return worker->credentials;
    const char *path = arena_printf(worker->arena, "%.*s/credentials", SLICE_ARG(worker->conf.run_dir)).ptr;
    int result = worker->generation || !worker->loop ? 0 : generation_open(path, &worker->generation);
    if (worker->generation)
        worker->credentials = credentials_open(worker->generation);
    else if (result != 0)
        log_warn("%s: %s; every request is asked about", path, strerror(-result));
    worker->no_credentials = !worker->credentials;
    return worker->credentials;
}

static slice kept_name(struct call *c, slice service, slice name, slice body)
{
    return arena_printf(c->arena, "%.*s %.*s %.*s", SLICE_ARG(service), SLICE_ARG(name), SLICE_ARG(body));
}

/* In a run that comes again the answer must be the same one, at the same place among the questions. */
static void note_kept(struct running *running, slice answer)
{
    if (running->later)
        add_answered(running->later, answer);
    else
        *list_add(running->call.arena, &running->kept) = answer;
}

int call_ask_credentials(struct call *c, slice service, slice name, slice body, struct credentials_answer **answer,
                         struct call_refusal *refused)
{
    struct running *running = running_of(c);
    struct credentials *credentials = credentials_of(c->worker);
    const struct question *question = next_question(c);
    struct credentials_answer *here = NULL;
    slice whole = credentials ? kept_name(c, service, name, body) : S("");
    if (!question && credentials)
        here = credentials_find(credentials, whole);
    if (here) {
        note_kept(running, slice_dup(c->arena, here->text));
        *answer = here;
        return 0;
    }
    if (!question)
        ask(c, service, name, body);
    if (!question || !question->answered)
        return CALL_LATER;
    slice text = question->body.ptr ? question->body : S("");
    if (question->status != 200)
        return read_refusal(c, question->status, text, refused);
    if (credentials && question->sent)
        credentials_keep(credentials, whole, text, question->generation);
    struct credentials_answer *own = arena_alloc(c->arena, sizeof(*own));
    *own = (struct credentials_answer){.text = text, .arena = c->arena};
    *answer = own;
    return 0;
}

int call_service(struct call *c, slice service, const struct api_operation *operation, const void *in, void *out,
                 struct call_refusal *refused)
{
    slice reply;
    TRY(call_ask(c, service, operation->name, operation->in ? api_to_json(c->arena, operation->in, in) : S("{}"),
                 &reply, refused));
    return operation->out && api_from_json(c->arena, operation->out, reply, out) != 0 ? FAULT_MESSAGE : 0;
}

static struct await *find_await(struct later *later, slice key)
{
    struct await *await = later ? later->awaits : NULL;
    while (await && !slice_eq(await->key, key))
        await = await->next;
    return await;
}

bool await_is_known(struct call *c, slice key)
{
    return find_await(running_of(c)->later, key) != NULL;
}

bool await_is_any(struct call *c)
{
    const struct later *later = c->worker->waiting;
    while (later && !later->awaits)
        later = later->next;
    return later != NULL;
}

static struct await *add_await(struct call *c, slice key, slice input)
{
    struct later *later = later_of(running_of(c));
    struct arena *arena = arena_open();
    struct await *await = arena_alloc(arena, sizeof(*await));
    *await = (struct await){
        .worker = c->worker,
        .loop = c->worker->loop,
        .arena = arena,
        .key = slice_dup(arena, key),
        .input = slice_dup(arena, input),
        .later = later,
        .next = later->awaits,
    };
    later->awaits = await;
    return await;
}

int await_call(struct call *c, slice key, await_begin_fn *begin, slice input, slice *output)
{
    struct await *await = find_await(running_of(c)->later, key);
    if (!await) {
        await = add_await(c, key, input);
        begin(await);
    }
    *output = await->output;
    return await->done ? await->result : CALL_LATER;
}

int await_work(struct call *c, slice key, await_work_fn *run, slice input, slice *output)
{
    struct await *await = find_await(running_of(c)->later, key);
    if (!await) {
        await = add_await(c, key, input);
        if (c->worker->loop) {
            work_add(await, run);
        } else {
            await->result = run(await);
            await->done = true;
        }
    }
    *output = await->output;
    return await->done ? await->result : CALL_LATER;
}

void await_free(struct await *await)
{
    if (await->file)
        unlink(await->file);
    arena_close(await->arena);
}

void await_done(struct await *await, int result)
{
    await->result = result;
    await->done = true;
    if (!await->later)
        await_free(await);
    else if (await->loop)
        resume(await->later);
}

/* Those that are not over yet stay behind, with nobody to tell. */
static void forget_awaits(struct later *later)
{
    struct await *await = later->awaits;
    while (await) {
        struct await *next = await->next;
        await->later = NULL;
        if (await->done)
            await_free(await);
        await = next;
    }
}

static void on_until(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    resume(timer->data);
}

static void arm(struct later *later, double seconds)
{
    struct ev_loop *loop = later->worker->loop;
    if (!loop)
        return;
    ev_timer_stop(loop, &later->until);
    ev_timer_init(&later->until, on_until, seconds, 0);
    later->until.data = later;
    ev_timer_start(loop, &later->until);
}

int call_wait(struct call *c, slice key, int64_t until_ms)
{
    struct later *later = later_of(running_of(c));
    int64_t left = until_ms - c->now_ms;
    later->wait_key = slice_dup(later->arena, key);
    arm(later, left > 0 ? (double)left / 1000 : 0);
    return CALL_LATER;
}

static struct later *background_of(struct call *c, slice name, slice body)
{
    struct msg request = {.kind = MSG_EVENT,
                          .origin = c->worker->service->api->name,
                          .operation = name,
                          .body = body,
                          .request_id = c->request_id,
                          .account = c->account,
                          .region = c->region};
    struct later *later = later_new(c->worker, &request);
    later->background = true;
    return later;
}

static void begin_background(struct worker *worker, struct later *later)
{
    later->next = worker->waiting;
    worker->waiting = later;
    arm(later, 0);
}

void call_background(struct call *c, slice name, slice body)
{
    struct later *later = background_of(c, name, body);
    later->next = c->worker->planned;
    c->worker->planned = later;
}

/* They begin in the order in which they were planned. */
void later_begin_planned(struct worker *worker)
{
    struct later *oldest_first = NULL, *next;
    for (struct later *later = worker->planned; later; later = next) {
        next = later->next;
        later->next = oldest_first;
        oldest_first = later;
    }
    worker->planned = NULL;
    for (struct later *later = oldest_first; later; later = next) {
        next = later->next;
        begin_background(worker, later);
    }
}

void later_drop_planned(struct worker *worker, const struct later *until)
{
    while (worker->planned != until) {
        struct later *later = worker->planned;
        worker->planned = later->next;
        arena_close(later->arena);
    }
}

bool call_background_once(struct call *c, slice name, slice body, size_t max)
{
    size_t n = 0;
    for (const struct later *later = c->worker->waiting; later; later = later->next) {
        if (!later->background || !slice_eq(later->request.operation, name))
            continue;
        if (slice_eq(later->request.body, body))
            return true;
        n++;
    }
    if (n >= max)
        return false;
    begin_background(c->worker, background_of(c, name, body));
    return true;
}

size_t later_count(const struct worker *worker)
{
    size_t n = 0;
    for (const struct later *later = worker->waiting; later; later = later->next)
        n += !later->background;
    return n;
}

bool later_run_background(struct worker *worker)
{
    struct later *later = worker->waiting;
    while (later && (!later->background || later->wait_key.ptr))
        later = later->next;
    if (!later)
        return false;
    struct running running = running_again(later);
    run_background(later, &running);
    return true;
}

void call_wake(struct call *c, slice key)
{
    for (struct later *later = c->worker->waiting; later; later = later->next) {
        if (!later->wait_key.ptr || !slice_eq(later->wait_key, key))
            continue;
        if (!c->worker->loop) {
            later->wait_key = (slice){NULL, 0};
            continue;
        }
        /* Not before the waker's own writes are committed. */
        ev_timer_stop(c->worker->loop, &later->until);
        ev_timer_set(&later->until, 0, 0);
        ev_timer_start(c->worker->loop, &later->until);
    }
}

void later_keep(struct worker *worker, struct running *running)
{
    for (struct later *known = worker->waiting; known; known = known->next) {
        if (known == running->later)
            return;
    }
    running->later->next = worker->waiting;
    worker->waiting = running->later;
}

void later_forget(struct worker *worker, struct later *later)
{
    struct later **link = &worker->waiting;
    while (*link && *link != later)
        link = &(*link)->next;
    if (*link)
        *link = later->next;
    list_foreach (question, &later->questions) {
        if ((*question)->call_id)
            bus_forget((*question)->peer, (*question)->call_id);
    }
    forget_awaits(later);
    if (worker->loop)
        ev_timer_stop(worker->loop, &later->until);
    arena_close(later->arena);
}

void later_cancel(struct worker *worker, const struct bus_from *from)
{
    for (struct later *later = worker->waiting; later; later = later->next) {
        if (later->from.call_id == from->call_id && later->from.length == from->length &&
            memcmp(later->from.header, from->header, from->length) == 0) {
            later_forget(worker, later);
            return;
        }
    }
}

void later_close(struct worker *worker)
{
    later_drop_planned(worker, NULL);
    while (worker->waiting)
        later_forget(worker, worker->waiting);
}

void later_refuse_all(struct worker *worker, slice message)
{
    for (struct later *later = worker->waiting; later; later = later->next) {
        struct msg reply = {0};
        struct running running = running_again(later);
        if (later->background)
            continue;
        batch_unavailable(worker, &running, message, &reply);
        if (worker->bus)
            bus_answer(worker->bus, &later->from, &reply);
    }
    later_close(worker);
}
