/* rig: see rig.h. */
#include "router/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "router/route.h"
#include "router/test_peer.h"

extern char **environ;

enum { PATIENCE_S = 60 };
static const char *const peer_names[RIG_PEERS] = {"sts", "logs", "ecs", "runner"};
static char *own_path;
static char *router_path;

int rig_main(int argc, char *argv[])
{
    if (argc == 5 && strcmp(argv[1], "peer") == 0)
        return test_peer_main(argv);
    if (argc < 2) {
        fprintf(stderr, "usage: %s PATH-OF-AWSSIM-ROUTER [TEST]\n", argv[0]);
        return 2;
    }
    own_path = realpath(argv[0], NULL);
    router_path = realpath(argv[1], NULL);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    signal(SIGPIPE, SIG_IGN);
    return -1;
}

static pid_t spawn_with(char *const argv[], int ready_fd, int control_fd)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (ready_fd >= 0) {
        /* Both ends above 4, or one dup2 would overwrite the other. */
        assert_true(ready_fd > 4 && control_fd > 4);
        posix_spawn_file_actions_adddup2(&actions, ready_fd, 3);
        posix_spawn_file_actions_adddup2(&actions, control_fd, 4);
    }
    assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

char *rig_text(struct rig *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slice s = arena_vprintf(f->arena, format, args);
    va_end(args);
    return (char *)(uintptr_t)s.ptr;
}

pid_t rig_start_peer(struct rig *f, const char *name)
{
    char *argv[] = {own_path,
                    rig_text(f, "peer"),
                    rig_text(f, "%s", name),
                    rig_text(f, "%s", f->run_dir.ptr),
                    rig_text(f, "%s", f->state_dir.ptr),
                    NULL};
    return spawn_with(argv, -1, -1);
}

bool rig_start_router(struct rig *f, const char *option1, const char *option2)
{
    int ready[2], control[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    int ready_end = fcntl(ready[1], F_DUPFD_CLOEXEC, 10), control_end = fcntl(control[1], F_DUPFD_CLOEXEC, 10);
    char *argv[] = {router_path,
                    rig_text(f, "--port=0"),
                    rig_text(f, "--state-dir=%s", f->state_dir.ptr),
                    rig_text(f, "--run-dir=%s", f->run_dir.ptr),
                    rig_text(f, "--log-level=error"),
                    rig_text(f, "%s", option1 ? option1 : ""),
                    rig_text(f, "%s", option2 ? option2 : ""),
                    NULL};
    if (!option2)
        argv[6] = NULL;
    if (!option1)
        argv[5] = NULL;
    f->router = spawn_with(argv, ready_end, control_end);
    close(ready[1]);
    close(ready_end);
    close(control[1]);
    close(control_end);
    f->control = control[0];
    char newline = 0;
    bool is_ready = read(ready[0], &newline, 1) == 1 && newline == '\n';
    close(ready[0]);
    slice port;
    int64_t number = 0;
    if (is_ready) {
        assert_int_equal(fdio_read_file(f->arena, rig_text(f, "%s/port", f->run_dir.ptr), 100, &port), 0);
        assert_true(slice_to_int64(slice_trim(port), &number));
    }
    f->port = (int)number;
    return is_ready;
}

int rig_wait(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void stop(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    rig_wait(*pid);
    *pid = 0;
}

int rig_set_up_folder(void **state)
{
    struct rig *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_open();
    f->control = -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/awssim-router-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->state_dir = slice_of(rig_text(f, "%s/state", f->dir));
    f->run_dir = slice_of(rig_text(f, "%s/run", f->dir));
    assert_int_equal(mkdir(f->state_dir.ptr, 0700), 0);
    assert_int_equal(mkdir(f->run_dir.ptr, 0700), 0);
    *state = f;
    return 0;
}

static bool is_peer(slice name)
{
    for (int i = 0; i < RIG_PEERS; i++) {
        if (slice_eq(name, slice_of(peer_names[i])))
            return true;
    }
    return false;
}

static void start_others(struct rig *f)
{
    assert_true(route_count() <= RIG_OTHERS);
    for (size_t i = 0; i < route_count(); i++) {
        if (!is_peer(route_at(i)->name))
            f->others[i] = rig_start_peer(f, slice_cstr(f->arena, route_at(i)->name));
    }
}

int rig_set_up(void **state)
{
    rig_set_up_folder(state);
    struct rig *f = *state;
    for (int i = 0; i < RIG_PEERS; i++)
        f->peers[i] = rig_start_peer(f, peer_names[i]);
    start_others(f);
    assert_true(rig_start_router(f, NULL, NULL));
    return 0;
}

/* A sanitizer's complaint shows in the exit code of a router that ends by itself. */
int rig_tear_down(void **state)
{
    struct rig *f = *state;
    int status = 0;
    if (f->router > 0) {
        kill(f->router, SIGTERM);
        status = rig_wait(f->router);
    }
    for (int i = 0; i < RIG_PEERS; i++)
        stop(&f->peers[i]);
    for (int i = 0; i < RIG_OTHERS; i++)
        stop(&f->others[i]);
    if (f->control >= 0)
        close(f->control);
    fdio_remove_tree(f->dir);
    arena_close(f->arena);
    free(f);
    assert_int_equal(status, 0);
    return 0;
}

struct rig_client rig_dial(struct rig *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rig_client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    assert_true(c.fd >= 0);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&address, sizeof address), 0);
    return c;
}

void rig_hang_up(struct rig_client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    buf_deinit(&c->in);
    *c = (struct rig_client){.fd = -1};
}

void rig_say_bytes(struct rig_client *c, slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n =
            c->ssl ? SSL_write(c->ssl, bytes.ptr, (int)bytes.len) : send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            fail_msg("sending: %s", strerror(errno));
        bytes = slice_sub(bytes, (size_t)n, bytes.len);
    }
}

void rig_say(struct rig_client *c, const char *bytes)
{
    rig_say_bytes(c, slice_of(bytes));
}

bool rig_hear_more(struct rig_client *c)
{
    char *into = buf_reserve(&c->in, 65536);
    ssize_t n = c->ssl ? SSL_read(c->ssl, into, 65536) : recv(c->fd, into, 65536, 0);
    if (n < 0 && !c->ssl && errno != ECONNRESET)
        fail_msg("receiving: %s", strerror(errno));
    if (n <= 0)
        return false;
    c->in.len += (size_t)n;
    return true;
}

slice rig_header(slice head, slice name)
{
    slice line, rest = head;
    while (rest.ptr) {
        slice_cut(rest, '\n', &line, &rest);
        if (line.len > name.len && line.ptr[name.len] == ':' && slice_eq_nocase(slice_sub(line, 0, name.len), name))
            return slice_trim(slice_sub(line, name.len + 1, line.len));
    }
    return (slice){0};
}

struct rig_answer rig_hear_one(struct rig *f, struct rig_client *c, bool only_head)
{
    ssize_t end;
    while ((end = slice_find(buf_slice(&c->in), S("\r\n\r\n"))) < 0)
        if (!rig_hear_more(c))
            fail_msg("the connection ended instead of an answer, after '%.*s'", SLICE_ARG(buf_slice(&c->in)));
    struct rig_answer a = {.head = slice_dup(f->arena, slice_sub(buf_slice(&c->in), 0, (size_t)end + 2))};
    buf_consume(&c->in, (size_t)end + 4);
    int64_t status = 0, length = 0;
    assert_true(slice_starts(a.head, S("HTTP/1.1 ")));
    assert_true(slice_to_int64(slice_sub(a.head, 9, 12), &status));
    a.status = (int)status;
    slice announced = rig_header(a.head, S("content-length"));
    if (announced.ptr)
        assert_true(slice_to_int64(announced, &length));
    if (only_head)
        length = 0;
    while (c->in.len < (size_t)length)
        if (!rig_hear_more(c))
            fail_msg("the connection ended in an answer");
    a.body = slice_dup(f->arena, slice_sub(buf_slice(&c->in), 0, (size_t)length));
    buf_consume(&c->in, (size_t)length);
    return a;
}

struct rig_answer rig_hear(struct rig *f, struct rig_client *c)
{
    return rig_hear_one(f, c, false);
}

struct rig_answer rig_ask(struct rig *f, slice request)
{
    struct rig_client c = rig_dial(f);
    rig_say_bytes(&c, request);
    struct rig_answer a = rig_hear(f, &c);
    rig_hang_up(&c);
    return a;
}

void rig_assert_has(slice content, const char *part)
{
    if (slice_find(content, slice_of(part)) < 0)
        fail_msg("'%s' is not in '%.*s'", part, SLICE_ARG(content));
}

void rig_assert_closed(struct rig_client *c)
{
    assert_int_equal(c->in.len, 0);
    if (rig_hear_more(c))
        fail_msg("more came: '%.*s'", SLICE_ARG(buf_slice(&c->in)));
}

struct rig_answer rig_call(struct rig *f, struct rig_client *c, const char *operation, slice body)
{
    slice head = arena_printf(f->arena,
                              "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.%s\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              operation, body.len);
    rig_say_bytes(c, arena_concat(f->arena, head, body));
    return rig_hear(f, c);
}

slice rig_bytes(struct rig *f, size_t size)
{
    char *bytes = arena_alloc(f->arena, size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + i * 31 % 26);
    return (slice){bytes, size};
}
