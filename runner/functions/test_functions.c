/* Tests of the runner's Lambda side: a runner process, a lambda and a logs played by the test, and a function of our
 * own (test_bootstrap) that speaks the Runtime API. Arguments: the runner, the function, perhaps a test's name. */
#include "runner/test_bench.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/fdio.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *function;
static slice code;

struct answer {
    bool here;
    enum bus_outcome outcome;
    int status;
    struct val head;
    slice payload;
};

static void on_answer(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct answer *answer = context;
    slice line, why;
    answer->here = true;
    answer->outcome = outcome;
    answer->head = val_null();
    if (outcome != BUS_REPLIED)
        return;
    answer->status = reply->status;
    slice body = slice_dup(bench.arena, reply->body);
    slice_cut(body, '\n', &line, &answer->payload);
    if (json_parse(bench.arena, line, &answer->head, &why) != 0)
        answer->head = val_null();
}

/* InvokeFunction; more: further members of the question, plan: of the plan, NULL for none. ' stands for ". */
static void ask(struct answer *answer, const char *id, const char *more, const char *plan, const char *payload)
{
    struct buf body;
    *answer = (struct answer){0};
    buf_init(&body, bench.arena);
    buf_printf(&body, "{'id':'%s','function':'arn:f','key':'k','arn':'arn:f'%s,'timeoutMs':2000", id, more);
    if (plan)
        buf_printf(
            &body,
            ",'plan':{'name':'f','version':'$LATEST','runtime':'provided.al2023','runtimeVersion':'p','handler':'h'"
            ",'memory':128,'code':'%.*s','log':{'account':'123456789012','region':'us-east-1','group':'g'}%s}",
            SLICE_ARG(code), plan);
    buf_add(&body, S("}\n"));
    buf_add(&body, slice_of(payload));
    for (size_t i = 0; i < body.len; i++)
        body.ptr[i] = body.ptr[i] == '\'' ? '"' : body.ptr[i];
    struct msg request = {.kind = MSG_REQUEST,
                          .origin = S("ecs"),
                          .service = S("runner"),
                          .protocol = S("internal"),
                          .operation = S("InvokeFunction"),
                          .body = buf_slice(&body)};
    bus_send(bench.runner, &request, on_answer, answer);
}

static bool is_here(const void *context)
{
    return ((const struct answer *)context)->here;
}

static void invoke(struct answer *answer, const char *id, const char *plan, const char *payload)
{
    ask(answer, id, "", plan, payload);
    bench_wait(is_here, answer);
    assert_int_equal(answer->outcome, BUS_REPLIED);
}

static void assert_error(const struct answer *answer, const char *type, const char *message)
{
    struct val document;
    slice why;
    assert_int_equal(answer->status, 200);
    assert_true(slice_eq(val_get_string(&answer->head, S("error")), S("Unhandled")));
    assert_int_equal(json_parse(bench.arena, answer->payload, &document, &why), 0);
    slice is = val_get_string(&document, S("errorType"));
    if (!slice_eq(is, slice_of(type)))
        fail_msg("errorType is %.*s, not %s", SLICE_ARG(is), type);
    if (slice_find(answer->payload, slice_of(message)) < 0)
        fail_msg("%.*s does not say %s", SLICE_ARG(answer->payload), message);
}

static void assert_payload(const struct answer *answer, const char *payload)
{
    assert_int_equal(answer->status, 200);
    assert_false(val_get(&answer->head, S("error")) != NULL);
    if (!slice_eq(answer->payload, slice_of(payload)))
        fail_msg("answered %.*s, not %s", SLICE_ARG(answer->payload), payload);
}

static bool logged(const void *context)
{
    list_foreach (stream, &bench.streams) {
        list_foreach (line, &stream->lines) {
            if (slice_find(*line, slice_of(context)) >= 0)
                return true;
        }
    }
    return false;
}

static void wait_logged(const char *text)
{
    bench_wait(logged, text);
}

static int setup(void **state)
{
    int result = bench_setup(state);
    slice content;
    code = arena_printf(bench.arena, "%s/code", bench.dir);
    if (result != 0 || fdio_mkdirs(code.ptr, 0755) != 0 ||
        fdio_read_file(bench.arena, function, 64 * 1024 * 1024, &content) != 0)
        return -1;
    return fdio_replace_file(arena_printf(bench.arena, "%.*s/bootstrap", SLICE_ARG(code)).ptr, content, 0755);
}

static void test_warm(void **state)
{
    struct answer a;
    invoke(&a, "1", NULL, "{}");
    assert_int_equal(a.status, 412);
    invoke(&a, "1", "", "{\"a\":1}");
    assert_payload(&a, "{\"a\":1}");
    invoke(&a, "2", NULL, "{\"a\":2}");
    assert_payload(&a, "{\"a\":2}");
    wait_logged("REPORT RequestId: 2\tDuration: ");
    assert_int_equal(bench.streams.len, 1);
    const struct slice_list *lines = &bench.streams.items[0].lines;
    static const char *const expected[] = {"INIT_START",
                                           "START RequestId: 1 Version: $LATEST",
                                           "event {\"a\":1}",
                                           "END RequestId: 1",
                                           "REPORT RequestId: 1\t",
                                           "START RequestId: 2 Version: $LATEST",
                                           "event {\"a\":2}",
                                           "END RequestId: 2",
                                           "REPORT RequestId: 2\t"};
    assert_int_equal(lines->len, sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < lines->len; i++)
        assert_true(slice_starts(lines->items[i], slice_of(expected[i])));
    assert_true(slice_find(lines->items[4], S("\tInit Duration: ")) > 0);
    assert_true(slice_find(lines->items[8], S("\tInit Duration: ")) < 0);
}

static void test_errors(void **state)
{
    struct answer a;
    invoke(&a, "1", "", "exit");
    assert_error(&a, "Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 7");
    invoke(&a, "2", NULL, "error");
    assert_error(&a, "Own", "Own");
    invoke(&a, "3", NULL, "large");
    assert_error(&a, "Function.ResponseSizeTooLarge", "6291556");
    invoke(&a, "4", NULL, "twice");
    assert_payload(&a, "1");
    invoke(&a, "5", NULL, "unknown");
    assert_payload(&a, "400");
    invoke(&a, "6", NULL, "chunked");
    assert_payload(&a, "\"chunked\"");
    wait_logged("HTTP/1.1 403");
    wait_logged("HTTP/1.1 413");
}

static void test_timeout(void **state)
{
    struct answer a;
    invoke(&a, "1", "", "sleep");
    assert_error(&a, "Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 2.00 seconds");
    invoke(&a, "2", NULL, "again");
    assert_payload(&a, "again");
    wait_logged("\tStatus: timeout");
}

static void test_start_fails(void **state)
{
    struct answer a;
    invoke(&a, "1", ",'environment':[['FAIL_INIT','1']]", "x");
    assert_error(&a, "Init.Own", "Init.Own");
    wait_logged("INIT_REPORT Init Duration: ");
    unlink(arena_printf(bench.arena, "%.*s/bootstrap", SLICE_ARG(code)).ptr);
    invoke(&a, "2", "", "x");
    assert_error(&a, "Runtime.InvalidEntrypoint", "RequestId: 2 Error: Couldn't find valid bootstrap(s)");
}

static bool is_whole(const void *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !(st.st_mode & S_IWUSR);
}

/* What was streamed, when all of it is there. */
static slice read_stream(const struct answer *a)
{
    slice name = val_get_string(&a->head, S("stream")), content;
    assert_int_equal(a->status, 200);
    assert_true(slice_starts(name, S("stream-")));
    const char *path = arena_printf(bench.arena, "%s/state/spool/%.*s", bench.dir, SLICE_ARG(name)).ptr;
    bench_wait(is_whole, path);
    assert_int_equal(fdio_read_file(bench.arena, path, 100000, &content), 0);
    return content;
}

static void test_streams(void **state)
{
    static struct answer a;
    ask(&a, "1", ",'stream':'http'", "", "chunked");
    bench_wait(is_here, &a);
    assert_true(slice_eq(read_stream(&a), S("\"chunked\"")));
    ask(&a, "2", ",'stream':'events','tail':true", NULL, "chunked");
    bench_wait(is_here, &a);
    slice content = read_stream(&a);
    assert_true(slice_find(content, S("PayloadChunk")) > 0 && slice_find(content, S("\"chu")) > 0);
    assert_true(slice_find(content, S("{\"LogResult\":\"")) > 0);
    /* Not what is whole, nor what nobody wants so. */
    ask(&a, "3", ",'stream':'events'", NULL, "whole");
    bench_wait(is_here, &a);
    assert_payload(&a, "whole");
    ask(&a, "4", "", NULL, "chunked");
    bench_wait(is_here, &a);
    assert_payload(&a, "\"chunked\"");
}

static void test_limits(void **state)
{
    static struct answer running, refused; /* the last answers come behind the test */
    ask(&running, "1", ",'reserved':1", "", "sleep");
    wait_logged("event sleep");
    ask(&refused, "2", ",'reserved':1", NULL, "x");
    bench_wait(is_here, &refused);
    assert_int_equal(refused.status, 429);
    ask(&refused, "3", ",'unreserved':1", NULL, "x");
    bench_wait(is_here, &refused);
    assert_int_equal(refused.status, 429);
    ask(&refused, "4", ",'unreserved':2", NULL, "x"); /* another environment */
    bench_wait(is_here, &refused);
    assert_payload(&refused, "x");
    assert_false(running.here);
}

static void test_asked_again(void **state)
{
    static struct answer first, second;
    ask(&first, "1", "", "", "sleep");
    wait_logged("event sleep");
    ask(&second, "1", "", NULL, "sleep");
    bench_wait(is_here, &second);
    assert_error(&second, "Sandbox.Timedout", "timed out");
    assert_false(first.here);
}

static void test_retired(void **state)
{
    struct answer a;
    invoke(&a, "1", "", "x");
    assert_int_equal(bench_command("RetireEnvironments", "{'function':'arn:f'}"), 200);
    invoke(&a, "2", NULL, "x");
    assert_int_equal(a.status, 412);
}

/* A layer with the function's program as an extension; the rest of a plan that has it. */
static slice layer_with_extension(void)
{
    slice content, layer = arena_printf(bench.arena, "%s/layer", bench.dir);
    const char *folder = arena_printf(bench.arena, "%.*s/extensions", SLICE_ARG(layer)).ptr;
    assert_int_equal(fdio_mkdirs(folder, 0755), 0);
    assert_int_equal(fdio_read_file(bench.arena, function, 64 * 1024 * 1024, &content), 0);
    assert_int_equal(fdio_replace_file(arena_printf(bench.arena, "%s/test", folder).ptr, content, 0755), 0);
    return arena_printf(bench.arena, ",'layers':['%.*s']", SLICE_ARG(layer));
}

static void test_extension(void **state)
{
    struct answer a;
    invoke(&a, "1", layer_with_extension().ptr, "x");
    assert_payload(&a, "x");
    wait_logged("EXTENSION\tName: test\tState: Ready\tEvents: [INVOKE, SHUTDOWN]");
    wait_logged("extension INVOKE");
    assert_int_equal(bench_command("RetireEnvironments", "{'function':'arn:f'}"), 200);
    wait_logged("extension SHUTDOWN");
}

/* It learns of the end when it asks for its next event. */
static void test_busy_extension(void **state)
{
    struct answer a;
    slice plan = arena_concat(bench.arena, layer_with_extension(), S(",'environment':[['BUSY_EXTENSION','1']]"));
    invoke(&a, "1", plan.ptr, "x");
    assert_payload(&a, "x");
    wait_logged("extension INVOKE");
    assert_int_equal(bench_command("RetireEnvironments", "{'function':'arn:f'}"), 200);
    wait_logged("extension SHUTDOWN");
}

/* What starts AWS's own runtimes does not start those of functions. */
static void test_no_wrapper(void **state)
{
    struct answer a;
    invoke(&a, "1", ",'environment':[['AWS_LAMBDA_EXEC_WRAPPER','/none']]", "x");
    assert_payload(&a, "x");
}

static void test_many(void **state)
{
    enum { MANY = 20 };
    static struct answer answers[MANY];
    invoke(&answers[0], "first", "", "x");
    for (int i = 0; i < MANY; i++)
        ask(&answers[i], arena_printf(bench.arena, "%d", i).ptr, "", NULL, "x");
    for (int i = 0; i < MANY; i++) {
        bench_wait(is_here, &answers[i]);
        assert_payload(&answers[i], "x");
    }
}

static void test_reset(void **state)
{
    static struct answer running;
    ask(&running, "1", "", "", "sleep");
    wait_logged("event sleep");
    assert_int_equal(bench_command("Reset", "{}"), 200);
    bench_wait(is_here, &running);
}

static void assert_number(const char *id, const char *plan, const char *event, int number)
{
    struct answer a;
    invoke(&a, id, plan, event);
    assert_payload(&a, arena_printf(bench.arena, "%d", number).ptr);
}

static void test_sandbox(void **state)
{
    assert_number("1", "", "uid", geteuid() == 0 ? 1879049185 : (int)geteuid());
    assert_number("2", NULL, "open /tmp/x", 0);
    assert_number("3", NULL, "open /var/task/bootstrap", geteuid() == 0 ? EACCES : EROFS);
    static const char *const sealed[] = {"/x", "/var/x", "/opt/x", "/usr/x", "/dev/x", "/mnt/x"};
    for (size_t i = 0; i < sizeof(sealed) / sizeof(*sealed); i++)
        assert_number(arena_printf(bench.arena, "sealed-%zu", i).ptr, NULL,
                      arena_printf(bench.arena, "open %s", sealed[i]).ptr, EROFS);
    assert_number("4", NULL, arena_printf(bench.arena, "open %s/x", bench.dir).ptr, ENOENT);
    assert_number("5", NULL, arena_printf(bench.arena, "kill %d", (int)bench.pid).ptr, ESRCH);
}

static void test_storage(void **state)
{
    assert_number("1", ",'storage':1", "fill", 1024 * 1024);
    assert_number("2", NULL, "fill", 1024 * 1024);
}

static void test_children_end(void **state)
{
    enum { CHILDREN = 10 };
    int pidfds[CHILDREN + 2];
    slice mark = arena_printf(bench.arena, "children-%d", (int)getpid());
    assert_number("1", arena_printf(bench.arena, ",'environment':[['OWN_MARK','%.*s']]", SLICE_ARG(mark)).ptr,
                  "fork 10", 0);
    slice variable = arena_concat(bench.arena, S("OWN_MARK="), mark);
    assert_int_equal(bench_open_processes(variable.ptr, pidfds, CHILDREN + 2), CHILDREN + 1);
    assert_int_equal(bench_command("RetireEnvironments", "{'function':'arn:f'}"), 200);
    for (int i = 0; i < CHILDREN + 1; i++)
        bench_wait_end(pidfds[i]);
}

static void test_file_system(void **state)
{
    slice folder = arena_printf(bench.arena, "%s/shared", bench.dir);
    uid_t uid = geteuid() == 0 ? 1234 : geteuid();
    assert_int_equal(fdio_mkdirs(folder.ptr, 0700), 0);
    assert_int_equal(chown(folder.ptr, uid, (gid_t)-1), 0);
    slice plan = arena_printf(bench.arena, ",'fileSystem':{'path':'%.*s','target':'/mnt/own','uid':1234,'gid':2345}",
                              SLICE_ARG(folder));
    assert_number("1", plan.ptr, "uid", (int)uid);
    assert_number("2", NULL, "open /mnt/own/note", 0);
    assert_int_equal(access(arena_concat(bench.arena, folder, S("/note")).ptr, F_OK), 0);
}

static int port_of(const char *id, const char *plan)
{
    struct answer a;
    int64_t port = 0;
    invoke(&a, id, plan, "port");
    assert_int_equal(a.status, 200);
    assert_true(slice_to_int64(a.payload, &port));
    return (int)port;
}

static char *own_text(const char *text)
{
    return arena_copy(bench.arena, text, strlen(text) + 1);
}

/* Whether a process outside is refused: 0. */
static int ask_from_outside(int port, const char *path, uid_t uid)
{
    char *argv[] = {own_text(function), own_text(arena_printf(bench.arena, "%d", port).ptr), own_text(path),
                    own_text(arena_printf(bench.arena, "%u", uid).ptr), NULL};
    char *envp[] = {NULL};
    pid_t child;
    int status;
    assert_int_equal(posix_spawn(&child, function, NULL, NULL, argv, envp), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The Runtime API is for the environment's own processes, whatever user others are. */
static void test_strangers(void **state)
{
    static const char *const paths[] = {"/2018-06-01/runtime/invocation/next", "/2020-01-01/extension/event/next",
                                        "/2020-01-01/extension/register", "/2022-07-01/telemetry", "/"};
    struct answer a;
    int port = port_of("1", "");
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        assert_int_equal(ask_from_outside(port, paths[i], geteuid()), 0);
    if (geteuid() == 0)
        assert_int_equal(ask_from_outside(port, paths[0], 65534), 0);
    /* Another environment, whose user is the same. */
    static struct answer other;
    ask(&other, "2", "", NULL, "sleep");
    wait_logged("event sleep");
    invoke(&a, "3", NULL, arena_printf(bench.arena, "next %d", port).ptr);
    assert_payload(&a, "403");
    bench_wait(is_here, &other);
    invoke(&a, "4", NULL, "mine");
    assert_payload(&a, "mine");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, bench_teardown)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        TEST(warm),         TEST(errors),      TEST(timeout), TEST(start_fails), TEST(limits),     TEST(asked_again),
        TEST(retired),      TEST(extension),   TEST(many),    TEST(reset),       TEST(sandbox),    TEST(storage),
        TEST(children_end), TEST(file_system), TEST(streams), TEST(strangers),   TEST(no_wrapper), TEST(busy_extension),
    };
    if (argc < 3) {
        fprintf(stderr, "usage: %s AWSSIM-RUNNER FUNCTION [TEST]\n", argv[0]);
        return 2;
    }
    bench_use(argv[1]);
    function = argv[2];
    if (argc > 3)
        cmocka_set_test_filter(argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
