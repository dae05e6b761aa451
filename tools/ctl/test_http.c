/* Tests of http against a server that says one thing and closes. */
#include "tools/ctl/http.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { LIMIT_MS = 20000, READ_BYTES = 4096 };

/* A listening socket on a free port. */
static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Exits with 0 when the request began as it should. */
static _Noreturn void serve_once(int listener, slice reply)
{
    char request[READ_BYTES];
    int fd = accept(listener, NULL, NULL);
    ssize_t n = read(fd, request, sizeof(request));
    bool good = n > 0 && slice_starts((slice){request, (size_t)n}, S("POST /a?b HTTP/1.1\r\nHost: "));
    fdio_write_all(fd, reply);
    _exit(good ? 0 : 1);
}

static int call(struct arena *arena, slice reply, struct http_answer *answer)
{
    int port = 0, status = 0;
    int listener = listen_somewhere(&port);
    pid_t pid = fork();
    if (pid == 0)
        serve_once(listener, reply);
    close(listener);
    slice endpoint = arena_printf(arena, "http://127.0.0.1:%d", port);
    int result = http_call(arena, &(struct http_request){endpoint, "POST", S("/a?b"), LIMIT_MS}, answer);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return result;
}

static void status_and_body(void **state)
{
    struct arena *arena = arena_open();
    struct http_answer answer = {0};
    assert_int_equal(call(arena, S("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbody"), &answer), 0);
    assert_int_equal(answer.status, 503);
    assert_true(slice_eq(answer.body, S("body")));
    arena_close(arena);
}

static void no_http(void **state)
{
    struct arena *arena = arena_open();
    struct http_answer answer = {0};
    assert_int_equal(call(arena, S("SSH-2.0\r\n\r\n"), &answer), FAULT_MESSAGE);
    assert_int_equal(call(arena, S("HTTP/1.1 abc\r\n\r\n"), &answer), FAULT_MESSAGE);
    arena_close(arena);
}

static void nobody_there(void **state)
{
    struct arena *arena = arena_open();
    struct http_answer answer = {0};
    int port = 0;
    close(listen_somewhere(&port));
    slice endpoint = arena_printf(arena, "http://127.0.0.1:%d", port);
    int result = http_call(arena, &(struct http_request){endpoint, "GET", S("/"), LIMIT_MS}, &answer);
    assert_int_equal(result, -ECONNREFUSED);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_body),
        cmocka_unit_test(no_http),
        cmocka_unit_test(nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
