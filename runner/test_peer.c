/* Tests of peer: whose a connection over the loopback is. */
#include "runner/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int listener;
static in_port_t port;

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return -1;
    port = address.sin_port;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return close(listener);
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

/* As Java does. */
static int dial_mapped(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = port};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static int take(void)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* A process that may dial and then waits. */
static pid_t start(bool dials)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (dials && dial() < 0)
        _exit(1);
    for (;;)
        pause();
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_own(void **state)
{
    int theirs = dial(), fd = take();
    (void)state;
    assert_int_equal(peer_of(fd, getpid()), PEER_BELOW);
    assert_int_equal(peer_of(fd, 0), PEER_FOREIGN);
    close(theirs);
    assert_int_equal(peer_of(fd, getpid()), PEER_GONE);
    close(fd);
}

static void test_mapped(void **state)
{
    int theirs = dial_mapped();
    (void)state;
    if (theirs < 0)
        skip(); /* a machine without IPv6 */
    int fd = take();
    assert_int_equal(peer_of(fd, getpid()), PEER_BELOW);
    close(theirs);
    close(fd);
}

static void test_strangers(void **state)
{
    pid_t other = start(false), one = start(true);
    int fd = take();
    (void)state;
    assert_int_equal(peer_of(fd, one), PEER_BELOW);
    assert_int_equal(peer_of(fd, getpid()), PEER_BELOW); /* its child */
    assert_int_equal(peer_of(fd, other), PEER_FOREIGN);
    end(one);
    end(other);
    close(fd);
}

static void test_listens(void **state)
{
    (void)state;
    assert_true(peer_listens(ntohs(port), getpid()));
    assert_false(peer_listens(ntohs(port), 0));
    close(listener);
    assert_false(peer_listens(ntohs(port), getpid()));
}

static void *start_in_thread(void *pid)
{
    *(pid_t *)pid = start(true);
    pause();
    return NULL;
}

/* The kernel lists children by the thread that has made them. */
static void test_child_of_thread(void **state)
{
    pthread_t thread;
    pid_t child = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, start_in_thread, &child), 0);
    int fd = take();
    assert_int_equal(peer_of(fd, getpid()), PEER_BELOW);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    end(child);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_child_of_thread, setup, teardown),
        cmocka_unit_test_setup(test_listens, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
