/* Tests of listener: addresses of both kinds, names, free and taken ports, and the URLs that name them. */
#include "common/listener.h"

#include "common/arena.h"
#include "common/err.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static bool reaches(struct arena *arena, const char *host, int port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    assert_int_equal(getaddrinfo(host, arena_printf(arena, "%d", port).ptr, &hints, &found), 0);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    close(fd);
    freeaddrinfo(found);
    return done;
}

/* Not every machine has IPv6. */
static bool has_v6(struct arena *arena)
{
    int fd = -1;
    slice why;
    bool has = listener_open(arena, S("::1"), 0, &fd, &why) == 0;
    if (has)
        close(fd);
    return has;
}

static void listens(void **state)
{
    static const struct {
        slice host;
        const char *client;
        bool v6;
    } cases[] = {
        {S("127.0.0.1"), "127.0.0.1", false},
        {S("0.0.0.0"), "127.0.0.1", false},
        {S("localhost"), "localhost", false},
        {S("::1"), "::1", true},
        {S("::"), "::1", true},
        {S("::"), "127.0.0.1", true},
    };
    struct arena *arena = arena_open();
    bool v6 = has_v6(arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int fd = -1, other = -1;
        slice why = S("");
        if (cases[i].v6 && !v6)
            continue;
        assert_int_equal(listener_open(arena, cases[i].host, 0, &fd, &why), 0);
        int port = listener_port(fd);
        assert_true(port > 0 && reaches(arena, cases[i].client, port));
        assert_int_equal(listener_open(arena, cases[i].host, port, &other, &why), BAD_INPUT);
        assert_true(
            slice_starts(why, arena_printf(arena, "port %d on %.*s is in use", port, SLICE_ARG(cases[i].host))));
        close(fd);
        assert_int_equal(listener_open(arena, cases[i].host, port, &fd, &why), 0);
        close(fd);
    }
    arena_close(arena);
}

static void refuses(void **state)
{
    struct arena *arena = arena_open();
    int fd = -1;
    slice why = S("");
    assert_int_equal(listener_open(arena, S("999.1.1.1"), 0, &fd, &why), BAD_INPUT);
    assert_true(slice_starts(why, S("cannot listen on '999.1.1.1': ")));
    assert_int_equal(listener_open(arena, S("192.0.2.1"), 0, &fd, &why), BAD_INPUT);
    assert_true(slice_starts(why, S("cannot listen on 192.0.2.1 port 0: ")));
    assert_int_equal(listener_open(arena, (slice){"a\0b", 3}, 0, &fd, &why), BAD_INPUT);
    assert_int_equal(listener_port(STDIN_FILENO), 0);
    arena_close(arena);
}

static void endpoints(void **state)
{
    static const struct {
        slice address, endpoint;
    } cases[] = {
        {S("127.0.0.1"), S("http://127.0.0.1:80")},
        {S("0.0.0.0"), S("http://127.0.0.1:80")},
        {S("::"), S("http://[::1]:80")},
        {S("fe80::1"), S("http://[fe80::1]:80")},
        {S("localhost"), S("http://localhost:80")},
    };
    struct arena *arena = arena_open();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        slice endpoint = listener_endpoint(arena, cases[i].address, 80);
        assert_true(slice_eq(endpoint, cases[i].endpoint));
    }
    arena_close(arena);
}

/* Without a descriptor for it the next who waits is turned away, and is not announced again. */
static void lacks_descriptors(void **state)
{
    struct arena *arena = arena_open();
    struct rlimit before, few;
    int fd = -1, spare = LISTENER_NO_SPARE, last;
    slice why = S("");
    assert_int_equal(listener_open(arena, S("127.0.0.1"), 0, &fd, &why), 0);
    assert_int_equal(listener_accept(fd, &spare), -1);
    assert_true(spare >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)listener_port(fd))};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    while ((last = open("/dev/null", O_RDONLY | O_CLOEXEC)) < client)
        continue;
    few = (struct rlimit){(rlim_t)last + 1, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    char byte;
    assert_int_equal(listener_accept(fd, &spare), -1);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    assert_true(spare >= 0);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 0), 0);
    setrlimit(RLIMIT_NOFILE, &before);
    close(client);
    close(last);
    close(spare);
    close(fd);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens),
        cmocka_unit_test(refuses),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(lacks_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
