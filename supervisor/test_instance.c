/* Tests of instance and port: one awssim per state directory, and a reserved port the router can use. */
#include "supervisor/instance.h"
#include "supervisor/port.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/fdio.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static void one_instance_per_directory(void **state)
{
    struct arena *arena = arena_open();
    const char *dir = mkdtemp(arena_copy(arena, "/tmp/instance-XXXXXX", sizeof("/tmp/instance-XXXXXX")));
    struct instance first = {.state_dir = slice_of(dir), .port = 4711}, second = first;
    slice why = S("");
    assert_int_equal(instance_lock(arena, &first, &why), 0);
    instance_publish(arena, &first);
    assert_int_equal(instance_lock(arena, &second, &why), BAD_INPUT);
    slice expected =
        arena_printf(arena, "awssim is already running on port 4711 (pid %d, state directory %s)", (int)getpid(), dir);
    assert_true(slice_eq(why, expected));
    instance_unlock(&first);
    assert_int_equal(instance_lock(arena, &second, &why), 0);
    instance_unlock(&second);
    fdio_remove_tree(dir);
    arena_close(arena);
}

static void a_missing_directory_is_named(void **state)
{
    struct arena *arena = arena_open();
    struct instance instance = {.state_dir = S("/nonexistent")};
    slice why = S("");
    assert_int_equal(instance_lock(arena, &instance, &why), BAD_INPUT);
    assert_true(slice_eq(why, S("cannot open /nonexistent/lock: No such file or directory")));
    arena_close(arena);
}

/* As the router does, twice: it is restarted. */
static void a_reserved_port_can_be_listened_on(void **state)
{
    struct arena *arena = arena_open();
    int64_t port = 0;
    int reserved = port_reserve(arena, S("127.0.0.1"), &port);
    assert_true(reserved >= 0 && port > 0);
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        close(fd);
    }
    close(reserved);
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
        slice endpoint = port_endpoint(arena, cases[i].address, 80);
        assert_true(slice_eq(endpoint, cases[i].endpoint));
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_instance_per_directory),
        cmocka_unit_test(a_missing_directory_is_named),
        cmocka_unit_test(a_reserved_port_can_be_listened_on),
        cmocka_unit_test(endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
