/* Tests of the worker library with a service made up here: in memory, and as a process of its own on the bus (this
 * program started again with "worker" as its first argument), with the test as its peer "other". */
#include "services/worker/worker.h"

#include "common/fdio.h"
#include "common/json.h"
#include "common/opt.h"
#include "proto/bus.h"
#include "services/worker/await.h"

#include <ev.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#undef fail /* cmocka has a macro of that name */

extern char **environ;

/* The service: a table of words, whose changes "other" is told of. */
enum { SQL_ADD, SQL_COUNT };
static const char *const migrations[] = {"CREATE TABLE word (text TEXT PRIMARY KEY) STRICT", NULL};
static const char *const statements[] = {"INSERT INTO word (text) VALUES (?)",
                                         "SELECT COUNT(*) FROM word WHERE text LIKE ?"};

struct word {
    slice text;
    struct opt_int n;
};
static const struct api_constraint short_text = {1, 20, {NULL, 0}, NULL, 0, false, 0};
static const struct api_shape text_shape = {S("Text"), API_STRING, 0, 0, sizeof(slice), 0, NULL, &short_text};
static const struct api_shape number_shape = {S("Number"), API_INTEGER, 0, 0, sizeof(struct opt_int), 0, NULL, NULL};
static const struct api_member members[] = {
    {S("text"), S("text"), {NULL, 0}, &text_shape, offsetof(struct word, text), API_REQUIRED, 0, 0, {NULL, 0}},
    {S("n"), S("n"), {NULL, 0}, &number_shape, offsetof(struct word, n), 0, 0, 0, {NULL, 0}},
};
static const struct api_shape word_shape = {S("Word"), API_STRUCTURE, 0, 2, sizeof(struct word), 0, members, NULL};

static const struct api_error taken = {S("Taken"), S("Taken"), 400, false, S("message"), NULL};
static const struct api_error invalid = {S("Invalid"), S("Invalid"), 400, false, S("message"), NULL};
static const struct api_error failure = {S("InternalFailure"), S("InternalFailure"), 500, true, S("message"), NULL};
static const struct api_error missing = {S("NotImplemented"), S("NotImplemented"), 501, true, S("message"), NULL};

static int run_add(struct call *c, const void *in, void *out)
{
    const struct word *word = in;
    (void)out;
    db_run(c->db, SQL_ADD, "t", word->text);
    if (slice_starts(word->text, S("/")))
        call_made_file(c, word->text);
    if (slice_eq(word->text, S("refuse")) || word->n.set)
        return fail(c, &taken, "no");
    if (slice_eq(word->text, S("twice")))
        db_run(c->db, SQL_ADD, "t", word->text);
    call_effect(c, S("other"), S("Added"), arena_printf(c->arena, "{\"text\":\"%.*s\"}", SLICE_ARG(word->text)));
    call_wake(c, word->text);
    return 0;
}

static int run_count(struct call *c, const void *in, void *out)
{
    struct db_rows rows = db_query(c->db, SQL_COUNT, "t", ((const struct word *)in)->text);
    if (db_next(&rows))
        ((struct word *)out)->n = opt_int(db_int(&rows, 0));
    db_done(&rows);
    return 0;
}

static const struct api_operation question = {S("Question"), S("POST"),   S("/"),    200,  true, false,
                                              &word_shape,   &word_shape, {NULL, 0}, NULL, 0,    NULL};

static int run_ask(struct call *c, const void *in, void *out)
{
    struct word first = {0};
    struct call_refusal refused;
    TRY(call_service(c, S("other"), &question, in, &first, &refused));
    struct word next = {.text = first.text};
    if (call_service(c, S("other"), &question, &next, out, &refused) == CALL_FAILED)
        return fail(c, &taken, "%.*s", SLICE_ARG(refused.code));
    return ((struct word *)out)->text.ptr ? 0 : CALL_LATER;
}

static int run_wait(struct call *c, const void *in, void *out)
{
    const struct word *word = in;
    TRY(run_count(c, in, out));
    if (((struct word *)out)->n.v == 0)
        return call_wait(c, word->text, c->now_ms + 600000);
    ((struct word *)out)->text = word->text;
    return 0;
}

/* On the helper thread. */
static int double_it(struct await *await)
{
    if (slice_eq(await->input, S("bad")))
        return BAD_INPUT;
    await->output = arena_concat(await->arena, await->input, await->input);
    return 0;
}

/* Two pieces of work, the second with the outcome of the first. */
static int run_work(struct call *c, const void *in, void *out)
{
    slice once;
    int result = await_work(c, S("first"), double_it, ((const struct word *)in)->text, &once);
    if (result == BAD_INPUT)
        return fail(c, &taken, "bad");
    TRY(result);
    assert_true(await_is_known(c, S("first")) && !await_is_known(c, S("third")));
    return await_work(c, S("second"), double_it, once, &((struct word *)out)->text);
}

static int64_t commits_left;

static int commit_fails(enum db_point point)
{
    return point == DB_POINT_COMMIT && --commits_left == 0 ? FAULT_SQL : 0;
}

/* The commit of that number from now on fails. */
static int run_break(struct call *c, const void *in, void *out)
{
    (void)out;
    commits_left = ((const struct word *)in)->n.v;
    db_test_fail(c->db, commit_fails);
    return 0;
}

static int run_plan(struct call *c, const void *in, void *out)
{
    const struct word *word = in;
    (void)out;
    call_background(c, S("Planned"), word->text);
    db_run(c->db, SQL_ADD, "t", word->text);
    return slice_eq(word->text, S("refuse")) ? fail(c, &taken, "no") : 0;
}

static const struct api_operation operations[] = {
    {S("Add"), S("POST"), S("/"), 200, false, false, &word_shape, NULL, {NULL, 0}, NULL, 0, run_add},
    {S("Ask"), S("POST"), S("/"), 200, false, false, &word_shape, &word_shape, {NULL, 0}, NULL, 0, run_ask},
    {S("Break"), S("POST"), S("/"), 200, true, false, &word_shape, NULL, {NULL, 0}, NULL, 0, run_break},
    {S("Count"), S("POST"), S("/"), 200, true, false, &word_shape, &word_shape, {NULL, 0}, NULL, 0, run_count},
    {S("Later"), S("POST"), S("/"), 200, true, false, NULL, NULL, {NULL, 0}, NULL, 0, NULL},
    {S("Plan"), S("POST"), S("/"), 200, false, false, &word_shape, NULL, {NULL, 0}, NULL, 0, run_plan},
    {S("Wait"), S("POST"), S("/"), 200, true, false, &word_shape, &word_shape, {NULL, 0}, NULL, 0, run_wait},
    {S("Work"), S("POST"), S("/"), 200, true, false, &word_shape, &word_shape, {NULL, 0}, NULL, 0, run_work},
};
static const struct api_error *const errors[] = {&taken};
static const struct api_service api = {
    S("words"),     S("Words"), API_AWSJSON, S("1.1"), S("Words"), S("1"),   {NULL, 0},
    API_STYLE_FULL, &invalid,   &invalid,    &invalid, &invalid,   &invalid, &missing,
    &failure,       operations, 8,           1,        errors,     1};

static int on_done(struct call *c, slice body)
{
    db_run(c->db, SQL_ADD, "t", arena_concat(c->arena, S("done "), body));
    return 0;
}

static int on_planned(struct call *c, slice body)
{
    db_run(c->db, SQL_ADD, "t", arena_concat(c->arena, S("planned "), body));
    return 0;
}

static int on_happened(struct call *c, slice body)
{
    if (slice_eq(body, S("\"refuse\"")))
        return fail(c, &taken, "no");
    db_run(c->db, SQL_ADD, "t", arena_concat(c->arena, S("happened "), body));
    call_event_reply(c, arena_printf(c->arena, "{\"heard\":%.*s}", SLICE_ARG(body)));
    return 0;
}

static int on_timer(struct call *c, int64_t *next_due_ms)
{
    struct db_rows rows = db_query(c->db, SQL_COUNT, "t", S("tick"));
    bool ticked = db_next(&rows) && db_int(&rows, 0) > 0;
    db_done(&rows);
    if (!ticked && c->now_ms >= 2000000000000)
        db_run(c->db, SQL_ADD, "t", S("tick"));
    *next_due_ms = ticked ? 0 : 2000000000000;
    return 0;
}

static int prepare(struct call *c)
{
    if (slice_eq(c->account, S("refused")))
        return fail(c, &taken, "not this one");
    if (slice_eq(c->account, S("new")))
        db_run(c->db, SQL_ADD, "t", S("prepared"));
    return 0;
}

static const struct service_event events[] = {
    {S("AddedDone"), on_done}, {S("Happened"), on_happened}, {S("Planned"), on_planned}, {{NULL, 0}, NULL}};
static const struct service_action actions[] = {
    {S("Plan"), S("other:PlanAhead")}, {S("Wait"), {NULL, 0}}, {{NULL, 0}, {NULL, 0}}};
static const struct service words = {.api = &api,
                                     .migrations = migrations,
                                     .statements = statements,
                                     .n_statements = 2,
                                     .events = events,
                                     .timer = on_timer,
                                     .actions = actions,
                                     .prepare = prepare};

static const struct service *const services[] = {&words, NULL};
static const struct worker_program program = {.services = services, .credentials = S("credentials")};

/* In memory. */

static struct arena *arena;
static struct worker *worker;
static struct msg reply;

static int ask_memory(const char *operation, const char *body)
{
    struct msg request = {
        .kind = MSG_REQUEST, .request_id = S("id"), .operation = slice_of(operation), .body = slice_of(body)};
    worker_test_request(worker, &request, &reply);
    return reply.status;
}

static int64_t words_like(const char *pattern)
{
    struct val body;
    slice why;
    assert_int_equal(ask_memory("Count", arena_printf(arena, "{\"text\": \"%s\"}", pattern).ptr), 200);
    assert_int_equal(json_parse(arena, reply.body, &body, &why), 0);
    return val_get_int(&body, S("n"), -1);
}

static void test_work_in_memory(void **state)
{
    assert_int_equal(ask_memory("Work", "{\"text\": \"ab\"}"), 200);
    assert_true(slice_find(reply.body, S("\"abababab\"")) >= 0);
    assert_int_equal(ask_memory("Work", "{\"text\": \"bad\"}"), 400);
}

static void test_calls(void **state)
{
    struct worker_effect effect;
    assert_int_equal(ask_memory("Add", "{\"text\": \"a\"}"), 200);
    assert_int_equal(ask_memory("Add", "{\"text\": \"refuse\"}"), 400);
    assert_int_equal(ask_memory("Add", "{\"text\": \"twice\"}"), 500);
    assert_true(slice_find(reply.body, S("request id id")) > 0);
    assert_int_equal(ask_memory("Add", "{\"text\": \"this text is much too long\"}"), 400);
    assert_int_equal(ask_memory("Add", "{}"), 400);
    assert_int_equal(ask_memory("Add", "{"), 400);
    assert_int_equal(ask_memory("Nonsense", "{}"), 400);
    assert_int_equal(ask_memory("Later", "{}"), 501);
    assert_int_equal(words_like("%"), 1);
    assert_true(worker_test_take_effect(worker, &effect, S("{}")));
    assert_true(slice_eq(effect.name, S("Added")) && slice_eq(effect.target, S("other")));
    assert_false(worker_test_take_effect(worker, &effect, S("{}")));
    assert_int_equal(words_like("done%"), 1);
    assert_int_equal(ask_memory("Add", "{\"text\": \"b\"}"), 200);
    assert_true(worker_test_refuse_effect(worker, &effect, 404, S("{}")));
    assert_int_equal(words_like("done%404%"), 1);
}

static int add_for(const char *account, const char *text)
{
    struct msg request = {.kind = MSG_REQUEST,
                          .request_id = S("id"),
                          .account = slice_of(account),
                          .operation = S("Add"),
                          .body = arena_printf(arena, "{\"text\": \"%s\"}", text)};
    worker_test_request(worker, &request, &reply);
    return reply.status;
}

/* What is prepared is part of the call: it goes when the handler refuses, and what it refuses is not done. */
static void test_prepare(void **state)
{
    assert_int_equal(add_for("new", "refuse"), 400);
    assert_int_equal(words_like("prepared"), 0);
    assert_int_equal(add_for("refused", "early"), 400);
    assert_int_equal(words_like("early"), 0);
    assert_int_equal(add_for("new", "first"), 200);
    assert_int_equal(words_like("prepared"), 1);
    assert_int_equal(words_like("first"), 1);
}

static bool keeps_file(const char *more)
{
    char path[] = "/tmp/aw-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    int status = ask_memory("Add", arena_printf(arena, "{\"text\": \"%s\"%s}", path, more).ptr);
    bool kept = access(path, F_OK) == 0;
    assert_int_equal(status, kept ? 200 : 400);
    unlink(path);
    return kept;
}

static void test_made_files(void **state)
{
    assert_true(keeps_file(""));
    assert_false(keeps_file(", \"n\": 1"));
    assert_true(keeps_file(""));
}

/* What comes to nothing plans nothing. */
static void test_background(void **state)
{
    assert_int_equal(ask_memory("Plan", "{\"text\": \"a\"}"), 200);
    assert_int_equal(words_like("planned%"), 1);
    assert_int_equal(ask_memory("Plan", "{\"text\": \"refuse\"}"), 400);
    assert_int_equal(words_like("planned%"), 1);
    assert_int_equal(ask_memory("Break", "{\"text\": \"-\", \"n\": 1}"), 200);
    assert_int_equal(ask_memory("Plan", "{\"text\": \"b\"}"), 500);
    assert_int_equal(words_like("%b"), 0);
    /* A background call whose own commit fails begins again. */
    assert_int_equal(ask_memory("Break", "{\"text\": \"-\", \"n\": 2}"), 200);
    assert_int_equal(ask_memory("Plan", "{\"text\": \"c\"}"), 200);
    assert_int_equal(words_like("planned c"), 1);
}

static int answer_first_only(slice service, slice operation, slice body, slice *answer)
{
    assert_true(slice_eq(service, S("other")) && slice_eq(operation, S("Question")));
    bool first = slice_find(body, S("first")) >= 0;
    *answer = first ? S("{\"text\":\"told\"}") : S("{\"__type\":\"Unknown\",\"message\":\"no\"}");
    return first ? 200 : 400;
}

static void test_questions_in_memory(void **state)
{
    worker_test_set_answers(worker, answer_first_only);
    assert_int_equal(ask_memory("Ask", "{\"text\": \"first\"}"), 400);
    assert_true(slice_find(reply.body, S("Unknown")) >= 0);
    assert_int_equal(ask_memory("Wait", "{\"text\": \"never\"}"), 0);
}

static int answer_with_failure(slice service, slice operation, slice body, slice *answer)
{
    (void)service;
    (void)operation;
    (void)body;
    *answer = S("{\"__type\":\"InternalFailure\",\"message\":\"no\"}");
    return 500;
}

/* What another process cannot do is no fault of the client's. */
static void test_questions_unanswered(void **state)
{
    worker_test_answer_fn *const answers[] = {answer_with_failure, NULL};
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        worker_test_set_answers(worker, answers[i]);
        assert_int_equal(ask_memory("Ask", "{\"text\": \"first\"}"), 500);
        assert_true(slice_find(reply.body, S("InternalFailure")) >= 0);
        assert_true(slice_find(reply.body, S("request id id")) > 0);
    }
}

/* What iam says of access keys; the other service's answers are those of test_questions_in_memory. */
static slice caller_says;
static int n_asked;

static int answer_callers(slice service, slice operation, slice body, slice *answer)
{
    if (!slice_eq(operation, S("Caller")))
        return answer_first_only(service, operation, body, answer);
    assert_true(slice_eq(service, S("credentials")));
    n_asked++;
    *answer = caller_says;
    return caller_says.ptr ? 200 : 0;
}

static int ask_as(const char *key, const char *operation, const char *body)
{
    struct msg request = {.kind = MSG_REQUEST,
                          .request_id = S("id"),
                          .origin = S("router"),
                          .region = S("us-east-1"),
                          .access_key = slice_of(key),
                          .operation = slice_of(operation),
                          .body = slice_of(body)};
    worker_test_request(worker, &request, &reply);
    return reply.status;
}

#define ANN "AKIAQAAAAAAAAAAAAAAA"
#define CALLER                                                                                                         \
    "{\"limited\":true,\"arn\":\"arn:aws:iam::123456789012:user/ann\",\"account\":\"123456789012\",\"keys\":{},"
#define MAY(action)                                                                                                    \
    CALLER "\"identity\":[\"{\\\"Statement\\\":{\\\"Effect\\\":\\\"Allow\\\",\\\"Action\\\":\\\"words:" action         \
           "\\\",\\\"Resource\\\":\\\"*\\\"}}\"]}"

static void begin_enforcement(const char *says)
{
    worker_test_enforce(worker);
    worker_test_keep_credentials(worker);
    worker_test_set_answers(worker, answer_callers);
    caller_says = slice_of(says);
    n_asked = 0;
}

static void test_credentials_are_kept(void **state)
{
    begin_enforcement(MAY("Count"));
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 200);
    assert_int_equal(ask_as(ANN, "Add", "{\"text\": \"x\"}"), 400);
    assert_true(slice_find(reply.body, S("User: arn:aws:iam::123456789012:user/ann is not authorized to perform: "
                                         "words:Add on resource: * because no identity-based policy allows")) >= 0);
    assert_int_equal(n_asked, 1);
    assert_int_equal(ask_as("AKIAQBBBBBBBBBBBBBBB", "Count", "{\"text\": \"x\"}"), 200);
    assert_int_equal(n_asked, 2);
    /* Whatever iam says now counts once it has said that something changed. */
    caller_says = S(MAY("Add"));
    assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 200);
    worker_test_change_credentials(worker);
    assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 400);
    assert_int_equal(ask_as(ANN, "Add", "{\"text\": \"y\"}"), 200);
    assert_int_equal(n_asked, 3);
    /* Roots' keys are nobody's to ask about; what iam does not answer is not kept. */
    assert_int_equal(ask_as("test", "Count", "{\"text\": \"x\"}"), 200);
    worker_test_change_credentials(worker);
    caller_says = (slice){NULL, 0};
    assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 500);
    caller_says = S("{\"limited\":false}");
    assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 200);
    assert_int_equal(n_asked, 5);
}

/* Operations whose action the service names, and one that needs no permission. */
static void test_action_names(void **state)
{
    begin_enforcement(MAY("Plan"));
    assert_int_equal(ask_as(ANN, "Plan", "{\"text\": \"x\"}"), 400);
    assert_true(slice_find(reply.body, S("to perform: other:PlanAhead on")) >= 0);
    assert_int_equal(words_like("x"), 0);
    caller_says = S(CALLER "\"identity\":[\"{\\\"Statement\\\":{\\\"Effect\\\":\\\"Allow\\\","
                           "\\\"Action\\\":\\\"other:PlanAhead\\\",\\\"Resource\\\":\\\"*\\\"}}\"]}");
    worker_test_change_credentials(worker);
    assert_int_equal(ask_as(ANN, "Plan", "{\"text\": \"x\"}"), 200);
    assert_int_equal(n_asked, 2);
    worker_test_change_credentials(worker);
    assert_int_equal(ask_as(ANN, "Wait", "{\"text\": \"x\"}"), 200);
    assert_int_equal(n_asked, 2);
}

/* A call that asks others too finds each answer at its place when it runs again, kept or not. */
static void test_credentials_among_questions(void **state)
{
    begin_enforcement(MAY("*"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_as(ANN, "Ask", "{\"text\": \"first\"}"), 400);
        assert_true(slice_find(reply.body, S("Unknown")) >= 0);
        assert_int_equal(n_asked, 1);
    }
}

static void test_credentials_that_ended(void **state)
{
    begin_enforcement("{\"limited\":true,\"problem\":\"inactive\"}");
    assert_int_equal(ask_as(ANN, "Count", "{\"text\": \"x\"}"), 400);
    assert_true(slice_find(reply.body, S("UnrecognizedClientException")) >= 0);
    worker_test_change_credentials(worker);
    caller_says =
        S(CALLER "\"expiresAt\":1700000001000,\"identity\":[\"{\\\"Statement\\\":{\\\"Effect\\\":\\\"Allow\\\","
                 "\\\"Action\\\":\\\"*\\\",\\\"Resource\\\":\\\"*\\\"}}\"]}");
    assert_int_equal(ask_as("ASIAQAAAAAAAAAAAAAAA", "Count", "{\"text\": \"x\"}"), 200);
    worker_test_set_time(worker, 1700000001000);
    assert_int_equal(ask_as("ASIAQAAAAAAAAAAAAAAA", "Count", "{\"text\": \"x\"}"), 400);
    assert_true(slice_find(reply.body, S("ExpiredTokenException")) >= 0);
    assert_int_equal(n_asked, 2);
}

static void test_event_replies(void **state)
{
    slice said;
    assert_int_equal(worker_test_event_reply(worker, S("x"), S("Happened"), S("1"), &said), 200);
    assert_true(slice_eq(said, S("{\"heard\":1}")));
    assert_int_equal(worker_test_event_reply(worker, S("x"), S("Happened"), S("\"refuse\""), &said), 400);
    assert_true(slice_find(said, S("\"__type\":\"")) >= 0);
    assert_true(slice_find(said, S("\"message\":\"no\"")) >= 0);
}

static void test_events_and_timer(void **state)
{
    assert_int_equal(worker_test_event(worker, S("x"), S("Happened"), S("1")), 200);
    assert_int_equal(worker_test_event(worker, S("x"), S("Happened"), S("1")), 500); /* a duplicate row is a fault */
    assert_int_equal(worker_test_event(worker, S("x"), S("Happened"), S("\"refuse\"")), 400);
    assert_int_equal(worker_test_event(worker, S("x"), S("Unheard"), S("1")), 404);
    worker_test_set_time(worker, 1999999999999);
    assert_int_equal(words_like("tick"), 0);
    worker_test_set_time(worker, 2000000000000);
    assert_int_equal(words_like("tick"), 1);
    assert_int_equal(worker_test_event(worker, S("router"), S("Reset"), S("{}")), 200);
    worker_test_set_time(worker, 1700000000000);
    assert_int_equal(words_like("happened%"), 0);
}

static int set_up_memory(void **state)
{
    arena = arena_open();
    worker = worker_open_test(&words);
    return 0;
}

static int tear_down_memory(void **state)
{
    worker_close(worker);
    arena_close(arena);
    return 0;
}

/* On the bus. */

static const char *self;
static char folder[] = "/tmp/awssim-test-worker-XXXXXX";
static struct ev_loop *loop;
static struct bus *bus;
static pid_t pid;
static int refuse_events; /* so many events are answered with 500 */
static int n_events;
static char last_event[64];
static struct msg answered;
static bool waiting;

static void on_batch(void *context, const struct bus_item *items, size_t count)
{
    (void)context;
    bool refused = false;
    for (size_t i = 0; i < count; i++) {
        if (items[i].msg.kind == MSG_CANCEL)
            continue;
        struct msg answer = {.status = 200, .body = S("{\"text\":\"told\"}")};
        if (items[i].msg.kind == MSG_EVENT) {
            answer.body = S("{}");
            /* Those behind a refused one are refused with it, as workers do. */
            if (refuse_events > 0 || refused) {
                refuse_events -= !refused;
                refused = true;
                answer.status = 500;
            } else {
                n_events++;
                size_t n = items[i].msg.body.len < 63 ? items[i].msg.body.len : 63;
                memcpy(last_event, items[i].msg.body.ptr, n);
                last_event[n] = '\0';
            }
            ev_break(loop, EVBREAK_ONE);
        } else if (slice_find(items[i].msg.body, S("told")) >= 0)
            answer = (struct msg){.status = 200, .body = S("{\"text\":\"twice told\"}")};
        else if (slice_find(items[i].msg.body, S("bad")) >= 0)
            answer = (struct msg){.status = 400, .body = S("{\"__type\":\"Sour\",\"message\":\"m\"}")};
        bus_answer(bus, &items[i].from, &answer);
    }
}

static void spawn_worker(void)
{
    slice state_dir = arena_printf(arena, "--state-dir=%s", folder);
    char *argv[] = {arena_copy(arena, self, strlen(self) + 1), arena_copy(arena, "worker", 7),
                    arena_copy(arena, state_dir.ptr, state_dir.len + 1), NULL};
    assert_int_equal(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
}

static void on_reply(void *context, enum bus_outcome outcome, const struct msg *msg)
{
    (void)context;
    answered = (struct msg){.status = outcome == BUS_REPLIED ? msg->status : 0};
    if (outcome == BUS_REPLIED)
        answered.body = slice_dup(arena, msg->body);
    waiting = false;
    ev_break(loop, EVBREAK_ONE);
}

static void send(uint8_t kind, const char *operation, const char *body, const char *event_id)
{
    struct msg msg = {.kind = kind,
                      .origin = S("test"),
                      .service = S("words"),
                      .operation = slice_of(operation),
                      .request_id = S("r"),
                      .body = slice_of(body),
                      .event_id = slice_of(event_id)};
    waiting = true;
    bus_send(bus_peer(bus, S("words")), &msg, on_reply, NULL);
}

static int ask(uint8_t kind, const char *operation, const char *body, const char *event_id)
{
    do {
        send(kind, operation, body, event_id); /* again, when the worker died under it */
        while (waiting)
            ev_run(loop, EVRUN_ONCE);
    } while (answered.status == 0);
    return answered.status;
}

static void wait_for_events(int n)
{
    while (n_events < n)
        ev_run(loop, EVRUN_ONCE);
}

static void test_effects_are_repeated(void **state)
{
    refuse_events = 2;
    assert_int_equal(ask(MSG_REQUEST, "Add", "{\"text\": \"one\"}", ""), 200);
    assert_int_equal(ask(MSG_REQUEST, "Add", "{\"text\": \"two\"}", ""), 200);
    wait_for_events(2);
    assert_string_equal(last_event, "{\"text\":\"two\"}");
    do
        assert_int_equal(ask(MSG_REQUEST, "Count", "{\"text\": \"done%\"}", ""), 200);
    while (slice_find(answered.body, S("\"n\":2")) < 0);
    assert_int_equal(n_events, 2);
}

static void count_until(const char *pattern, const char *answer)
{
    do
        assert_int_equal(ask(MSG_REQUEST, "Count", arena_printf(arena, "{\"text\": \"%s\"}", pattern).ptr, ""), 200);
    while (slice_find(answered.body, slice_of(answer)) < 0);
}

/* The effect was acknowledged, but what that brings could not be committed: it is tried again, and nothing is sent
 * twice. */
static void test_acknowledgements_are_kept(void **state)
{
    assert_int_equal(ask(MSG_REQUEST, "Break", "{\"text\": \"-\", \"n\": 2}", ""), 200);
    assert_int_equal(ask(MSG_REQUEST, "Add", "{\"text\": \"one\"}", ""), 200);
    count_until("done%", "\"n\":1");
    assert_int_equal(n_events, 1);
    assert_int_equal(ask(MSG_REQUEST, "Break", "{\"text\": \"-\", \"n\": 2}", ""), 200);
    assert_int_equal(ask(MSG_REQUEST, "Plan", "{\"text\": \"p\"}", ""), 200);
    count_until("planned%", "\"n\":1");
}

static void test_events_count_once(void **state)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(MSG_EVENT, "Happened", "1", "stream:1"), 200);
    assert_int_equal(ask(MSG_EVENT, "Happened", "2", "stream:2"), 200);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    spawn_worker();
    assert_int_equal(ask(MSG_EVENT, "Happened", "1", "stream:1"), 200);
    ask(MSG_REQUEST, "Count", "{\"text\": \"happened%\"}", "");
    assert_true(slice_find(answered.body, S("\"n\":2")) >= 0);
}

static void test_questions(void **state)
{
    assert_int_equal(ask(MSG_REQUEST, "Ask", "{\"text\": \"x\"}", ""), 200);
    assert_true(slice_find(answered.body, S("twice told")) >= 0);
    send(MSG_REQUEST, "Wait", "{\"text\": \"awaited\"}", "");
    struct msg add = {
        .kind = MSG_REQUEST, .operation = S("Add"), .request_id = S("r"), .body = S("{\"text\": \"awaited\"}")};
    bus_send(bus_peer(bus, S("words")), &add, on_reply, NULL);
    while (!answered.body.ptr || slice_find(answered.body, S("awaited")) < 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(answered.status, 200);
}

static void on_outcome(void *context, enum bus_outcome outcome, const struct msg *msg)
{
    struct msg *answer = context;
    *answer = (struct msg){.status = outcome == BUS_REPLIED ? msg->status : 1};
    if (outcome == BUS_REPLIED)
        answer->body = slice_dup(arena, msg->body);
}

/* Calls of clients and of other services that wait when everything is emptied. */
static void test_reset_answers(void **state)
{
    struct bus_peer *peer = bus_peer(bus, S("words"));
    struct msg client = {0}, service = {0};
    struct msg wait = {
        .kind = MSG_REQUEST, .operation = S("Wait"), .request_id = S("r"), .body = S("{\"text\": \"never\"}")};
    bus_send(peer, &wait, on_outcome, &client);
    wait.protocol = S("internal");
    bus_send(peer, &wait, on_outcome, &service);
    assert_int_equal(ask(MSG_EVENT, "Reset", "{}", ""), 200);
    while (client.status == 0 || service.status == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(client.status, 503);
    assert_true(slice_find(client.body, S("ServiceUnavailableException")) >= 0);
    assert_int_equal(service.status, 503);
    assert_int_equal(ask(MSG_REQUEST, "Count", "{\"text\": \"%\"}", ""), 200);
}

/* Also when nobody waits any more at the end. */
static void test_work(void **state)
{
    assert_int_equal(ask(MSG_REQUEST, "Work", "{\"text\": \"ab\"}", ""), 200);
    assert_true(slice_find(answered.body, S("\"abababab\"")) >= 0);
    assert_int_equal(ask(MSG_REQUEST, "Work", "{\"text\": \"bad\"}", ""), 400);
    struct msg work = {
        .kind = MSG_REQUEST, .operation = S("Work"), .request_id = S("r"), .body = S("{\"text\": \"x\"}")};
    struct bus_peer *words_peer = bus_peer(bus, S("words"));
    bus_forget(words_peer, bus_send(words_peer, &work, on_reply, NULL));
    assert_int_equal(ask(MSG_REQUEST, "Work", "{\"text\": \"cd\"}", ""), 200);
}

static int set_up_bus(void **state)
{
    arena = arena_open();
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    n_events = refuse_events = 0;
    answered = (struct msg){0};
    if (!mkdtemp(folder))
        return -1;
    slice run_dir = arena_printf(arena, "%s/run", folder);
    fdio_mkdirs(run_dir.ptr, 0700);
    loop = ev_loop_new(EVFLAG_AUTO);
    struct bus_config config = {.loop = loop, .run_dir = run_dir.ptr, .self = "other", .on_batch = on_batch};
    if (bus_open(&config, &bus) != 0)
        return -1;
    spawn_worker();
    return 0;
}

static int tear_down_bus(void **state)
{
    int status = 0;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    bus_close(bus);
    ev_loop_destroy(loop);
    arena_close(arena);
    fdio_remove_tree(folder);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int main(int argc, char *argv[])
{
    if (argc > 2 && strcmp(argv[1], "worker") == 0) {
        argv[1] = argv[0];
        return worker_main(argc - 1, argv + 1, &program, &words);
    }
    self = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_prepare, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_questions_in_memory, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_made_files, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_questions_unanswered, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_action_names, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_credentials_are_kept, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_credentials_among_questions, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_credentials_that_ended, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_event_replies, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_events_and_timer, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_background, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_effects_are_repeated, set_up_bus, tear_down_bus),
        cmocka_unit_test_setup_teardown(test_acknowledgements_are_kept, set_up_bus, tear_down_bus),
        cmocka_unit_test_setup_teardown(test_events_count_once, set_up_bus, tear_down_bus),
        cmocka_unit_test_setup_teardown(test_questions, set_up_bus, tear_down_bus),
        cmocka_unit_test_setup_teardown(test_reset_answers, set_up_bus, tear_down_bus),
        cmocka_unit_test_setup_teardown(test_work_in_memory, set_up_memory, tear_down_memory),
        cmocka_unit_test_setup_teardown(test_work, set_up_bus, tear_down_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
