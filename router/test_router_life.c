/* Tests of the whole router as a process: workers that end, admin paths, reset, start, end, TLS. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "common/time.h"
#include "router/rig.h"

static void test_worker_dies(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    struct rig_answer a = rig_call(f, &c, "Die", S(""));
    assert_int_equal(a.status, 500);
    rig_assert_has(a.body, "InternalFailure");
    rig_wait(f->peers[1]);
    /* The next request waits for the new worker. */
    rig_say(&c, RIG_CALL("Constant", "0", ""));
    f->peers[1] = rig_start_peer(f, "logs");
    assert_int_equal(rig_hear(f, &c).status, 200);
    /* One that only reads is sent again. */
    rig_say(&c, RIG_CALL("DescribeLogGroups", "8", "die once"));
    rig_wait(f->peers[1]);
    f->peers[1] = rig_start_peer(f, "logs");
    a = rig_hear(f, &c);
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body, "body=die once");
    rig_hang_up(&c);
}

static struct rig_answer get(struct rig *f, const char *method, const char *path)
{
    return rig_ask(f, slice_of(rig_text(f, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", method, path)));
}

static void test_health(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    assert_int_equal(rig_call(f, &c, "Die", S("")).status, 500);
    rig_wait(f->peers[1]);
    f->peers[1] = 0;
    struct rig_answer a = get(f, "GET", "/health");
    assert_int_equal(a.status, 503);
    rig_assert_has(a.body, "\"status\":\"starting\"");
    rig_assert_has(a.body, "\"logs\":\"starting\"");
    f->peers[1] = rig_start_peer(f, "logs");
    assert_int_equal(rig_call(f, &c, "Constant", S("")).status, 200);
    rig_hang_up(&c);
    /* Calls to the others make sure that they are there; the reset asks the runner. */
    assert_int_equal(get(f, "POST", "/_awssim/reset").status, 200);
    a = get(f, "GET", "/health");
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body, "\"status\":\"ready\"");
    rig_assert_has(a.body, "\"sts\":\"ready\"");
    rig_assert_has(a.body, "\"runner\":\"ready\"");
    a = get(f, "GET", "/_localstack/health");
    assert_int_equal(a.status, 200);
    rig_assert_has(a.body, "\"logs\":\"running\"");
    rig_assert_has(a.body, "\"edition\":\"community\"");
}

static void test_admin_paths(void **state)
{
    struct rig *f = *state;
    struct rig_answer a = get(f, "GET", "/_awssim/whatever");
    assert_int_equal(a.status, 404);
    rig_assert_has(a.body, "POST /_awssim/reset");
    a = get(f, "GET", "/_awssim/reset");
    assert_int_equal(a.status, 405);
    rig_assert_has(a.head, "Allow: POST\r\n");
    assert_int_equal(get(f, "POST", "/health").status, 405);
    assert_int_equal(get(f, "GET", "/_localstack/info").status, 200);
    /* With credentials they are S3's. */
    a = rig_ask(f, S("GET /health HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/20260101/r/s3/"
                     "aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"));
    rig_assert_has(a.body, "service=s3\n");
}

static void test_stats(void **state)
{
    struct rig *f = *state;
    struct rig_client c = rig_dial(f);
    rig_call(f, &c, "Constant", S(""));
    rig_call(f, &c, "Status", S("400"));
    rig_call(f, &c, "Status", S("500"));
    rig_hang_up(&c);
    rig_assert_has(get(f, "GET", "/_awssim/stats").body,
                   "\"logs\":{\"requests\":3,\"errors\":2,\"faults\":1,\"inFlight\":0}");
}

static slice events_of(struct rig *f)
{
    slice events = S("");
    char *path = rig_text(f, "%s/events", f->run_dir.ptr);
    fdio_read_file(f->arena, path, 100000, &events);
    unlink(path);
    return events;
}

static void test_reset(void **state)
{
    struct rig *f = *state;
    struct rig_answer a = get(f, "POST", "/_awssim/reset");
    assert_int_equal(a.status, 200);
    slice events = events_of(f);
    assert_true(slice_starts(events, S("runner Reset\n")));
    rig_assert_has(events, "sts Reset\n");
    rig_assert_has(events, "logs Reset\n");
    rig_assert_has(events, "ecs Reset\n");
    assert_int_equal(get(f, "POST", "/_localstack/state/reset").status, 200);
    assert_true(slice_starts(events_of(f), S("runner Reset\n")));
    assert_int_equal(get(f, "POST", "/_awssim/reset?service=sts").status, 200);
    assert_true(slice_eq(events_of(f), S("sts Reset\n")));
    assert_int_equal(get(f, "POST", "/_awssim/reset?service=ecs").status, 200);
    assert_true(slice_eq(events_of(f), S("runner Reset\necs Reset\n")));
    a = get(f, "POST", "/_awssim/reset?service=nobody");
    assert_int_equal(a.status, 400);
    rig_assert_has(a.body, "'nobody'");
    assert_int_equal(fdio_replace_file(rig_text(f, "%s/refuse-logs", f->run_dir.ptr), S(""), 0600), 0);
    a = get(f, "POST", "/_awssim/reset");
    assert_int_equal(a.status, 500);
    rig_assert_has(a.body, "\"failed\":\"logs\"");
}

static void test_reset_is_quick(void **state)
{
    struct rig *f = *state;
    assert_int_equal(get(f, "POST", "/_awssim/reset").status, 200);
    int64_t best_us = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t began = time_mono_us();
        assert_int_equal(get(f, "POST", "/_awssim/reset").status, 200);
        int64_t took = time_mono_us() - began;
        best_us = took < best_us ? took : best_us;
    }
    assert_true(best_us < 50000);
}

/* A reset waits for the call in flight; requests behind it wait for the reset. */
static void test_reset_holds(void **state)
{
    struct rig *f = *state;
    struct rig_client first = rig_dial(f), admin = rig_dial(f), later = rig_dial(f);
    assert_int_equal(rig_call(f, &first, "Constant", S("")).status, 200);
    rig_say(&first, RIG_CALL("Hold", "0", "") "GET /_awssim/stats HTTP/1.1\r\nHost: h\r\n\r\n");
    /* The stats on another connection tell when the call has been sent. */
    while (slice_find(get(f, "GET", "/_awssim/stats").body,
                      S("\"requests\":2,\"errors\":0,\"faults\":0,\"inFlight\":1")) < 0)
        continue;
    rig_say(
        &admin,
        "POST /_awssim/reset HTTP/1.1\r\nHost: h\r\n\r\nPOST /_awssim/reset?service=sts HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_say(&later, RIG_CALL("Echo", "4", "held"));
    /* Nobody releases: the reset goes on after its patience with calls that wait for something, and answers them. */
    struct rig_answer refused = rig_hear(f, &first);
    assert_int_equal(refused.status, 503);
    rig_assert_has(refused.body, "ServiceUnavailableException");
    rig_assert_has(refused.body, "was reset");
    assert_int_equal(rig_hear(f, &first).status, 200);
    assert_int_equal(rig_hear(f, &admin).status, 200);
    assert_int_equal(rig_hear(f, &admin).status, 200);
    rig_assert_has(rig_hear(f, &later).body, "body=held");
    slice events = events_of(f);
    assert_true(slice_starts(events, S("runner Reset\n")));
    assert_true(slice_ends(events, S("sts Reset\n")));
    /* The worker knows that nobody waits any more. */
    rig_assert_has(rig_call(f, &later, "Cancelled", S("")).body, "cancelled");
    /* What waits for another service than the one that is reset goes on waiting. */
    rig_say(&first, RIG_CALL("Hold", "0", ""));
    while (slice_find(get(f, "GET", "/_awssim/stats").body, S("\"inFlight\":1")) < 0)
        continue;
    assert_int_equal(get(f, "POST", "/_awssim/reset?service=sts").status, 200);
    assert_int_equal(rig_call(f, &later, "Release", S("")).status, 200);
    rig_assert_has(rig_hear(f, &first).body, "released");
    rig_hang_up(&first);
    rig_hang_up(&admin);
    rig_hang_up(&later);
}

static void test_drain(void **state)
{
    struct rig *f = *state;
    struct rig_client busy = rig_dial(f), idle = rig_dial(f), partial = rig_dial(f), other = rig_dial(f);
    assert_int_equal(rig_call(f, &busy, "Constant", S("")).status, 200);
    assert_int_equal(rig_call(f, &other, "Constant", S("")).status, 200);
    rig_say(&partial, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: Logs_20140328.Release\r\nContent-Length: 1\r\n\r\n");
    rig_say(&busy, RIG_CALL("Hold", "0", ""));
    while (slice_find(get(f, "GET", "/_awssim/stats").body, S("\"inFlight\":1")) < 0)
        continue;
    kill(f->router, SIGTERM);
    rig_assert_closed(&idle);
    rig_say(&partial, "x");
    struct rig_answer a = rig_hear(f, &partial);
    rig_assert_has(a.body, "releasing");
    rig_assert_has(a.head, "Connection: close\r\n");
    a = rig_hear(f, &busy);
    rig_assert_has(a.body, "released");
    rig_assert_has(a.head, "Connection: close\r\n");
    assert_int_equal(rig_wait(f->router), 0);
    f->router = 0;
    rig_hang_up(&busy);
    rig_hang_up(&idle);
    rig_hang_up(&partial);
    rig_hang_up(&other);
}

static void test_control_end(void **state)
{
    struct rig *f = *state;
    close(f->control);
    f->control = -1;
    assert_true(WIFEXITED(rig_wait(f->router)));
    f->router = 0;
}

static int exit_code(struct rig *f, const char *option1, const char *option2)
{
    assert_false(rig_start_router(f, option1, option2));
    int status = rig_wait(f->router);
    f->router = 0;
    close(f->control);
    f->control = -1;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_give_up(void **state)
{
    struct rig *f = *state;
    assert_true(rig_start_router(f, NULL, NULL));
    pid_t running = f->router;
    int control = f->control;
    char *taken = rig_text(f, "--port=%d", f->port);
    assert_int_equal(exit_code(f, taken, NULL), 100);
    assert_int_equal(exit_code(f, "--verify-signatures=1", "--root-keys=nonsense"), 100);
    assert_int_equal(exit_code(f, "--tls-cert=/nowhere/cert.pem", "--tls-key=/nowhere/key.pem"), 100);
    assert_int_equal(exit_code(f, "--tls-cert=/nowhere/cert.pem", NULL), 100);
    assert_int_equal(exit_code(f, "--listen=999.1.1.1", NULL), 100);
    assert_int_equal(exit_code(f, "--nonsense", NULL), 100);
    f->router = running;
    f->control = control;
}

static void test_ipv6(void **state)
{
    struct rig *f = *state;
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool possible = probe >= 0 && bind(probe, (struct sockaddr *)&here, sizeof here) == 0;
    if (probe >= 0)
        close(probe);
    if (!possible)
        skip();
    assert_true(rig_start_router(f, "--listen=::1", NULL));
    struct rig_client c = {.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    here.sin6_port = htons((uint16_t)f->port);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&here, sizeof here), 0);
    rig_say(&c, "GET /_localstack/info HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(rig_hear(f, &c).status, 200);
    rig_hang_up(&c);
}

static void make_certificate(struct rig *f)
{
    char *command =
        rig_text(f,
                 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
                 "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
                 f->dir, f->dir);
    assert_int_equal(system(command), 0);
}

static void start_tls(struct rig_client *c, SSL_CTX *context)
{
    c->ssl = SSL_new(context);
    assert_non_null(c->ssl);
    SSL_set_fd(c->ssl, c->fd);
    assert_int_equal(SSL_connect(c->ssl), 1);
}

static void test_tls(void **state)
{
    struct rig *f = *state;
    make_certificate(f);
    f->peers[1] = rig_start_peer(f, "logs");
    assert_true(rig_start_router(f, rig_text(f, "--tls-cert=%s/cert.pem", f->dir),
                                 rig_text(f, "--tls-key=%s/key.pem", f->dir)));
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct rig_client secure = rig_dial(f), plain = rig_dial(f);
    start_tls(&secure, context);
    assert_int_equal(rig_call(f, &secure, "Constant", S("")).status, 200);
    assert_int_equal(rig_call(f, &plain, "Constant", S("")).status, 200);
    slice large = rig_bytes(f, LIMIT_BODY_INLINE_BYTES - 1000);
    struct rig_answer a = rig_call(f, &secure, "Echo", large);
    assert_true(slice_ends(a.body, large));
    rig_assert_has(rig_call(f, &secure, "Echo", rig_bytes(f, 1000000)).body, "spooled=1000000\n");
    char *path = rig_text(f, "%s/object", f->state_dir.ptr);
    slice content = rig_bytes(f, 1024 * 1024 + 3);
    assert_int_equal(fdio_replace_file(path, content, 0600), 0);
    a = rig_call(f, &secure, "File", S("../object 0 -1"));
    assert_true(slice_eq(a.body, content));
    /* Requests that arrive in one record, more than may be in flight. */
    struct buf all = {0};
    for (int i = 0; i < 2 * LIMIT_HTTP_PIPELINE; i++)
        buf_add(&all, S(RIG_CALL("Constant", "0", "")));
    rig_say_bytes(&secure, buf_slice(&all));
    for (int i = 0; i < 2 * LIMIT_HTTP_PIPELINE; i++)
        assert_int_equal(rig_hear(f, &secure).status, 200);
    buf_deinit(&all);
    rig_say(&secure, "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(rig_hear(f, &secure).status, 400);
    rig_assert_closed(&secure);
    rig_hang_up(&secure);
    rig_hang_up(&plain);
    /* A handshake that never comes to its end does no harm. */
    struct rig_client broken = rig_dial(f);
    rig_say_bytes(&broken, (slice){"\x16\x03\x01\x00\x05hello", 10});
    while (rig_hear_more(&broken))
        continue;
    rig_hang_up(&broken);
    SSL_CTX_free(context);
}

static void test_tls_wrong_key(void **state)
{
    struct rig *f = *state;
    make_certificate(f);
    assert_int_equal(rename(rig_text(f, "%s/key.pem", f->dir), rig_text(f, "%s/old.pem", f->dir)), 0);
    char *cert = rig_text(f, "--tls-cert=%s/cert.pem", f->dir);
    assert_int_equal(exit_code(f, cert, rig_text(f, "--tls-key=%s/cert.pem", f->dir)), 100);
    char *command = rig_text(f, "openssl ecparam -genkey -name prime256v1 -noout -out %s/key.pem 2>/dev/null", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(exit_code(f, cert, rig_text(f, "--tls-key=%s/key.pem", f->dir)), 100);
}

int main(int argc, char *argv[])
{
    int code = rig_main(argc, argv);
    if (code >= 0)
        return code;
#define RUNNING(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)
#define STOPPED(function) cmocka_unit_test_setup_teardown(function, rig_set_up_folder, rig_tear_down)
    const struct CMUnitTest tests[] = {
        RUNNING(test_worker_dies),   RUNNING(test_health),         RUNNING(test_admin_paths), RUNNING(test_stats),
        RUNNING(test_reset),         RUNNING(test_reset_is_quick), RUNNING(test_reset_holds), RUNNING(test_drain),
        RUNNING(test_control_end),   STOPPED(test_give_up),        STOPPED(test_ipv6),        STOPPED(test_tls),
        STOPPED(test_tls_wrong_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
