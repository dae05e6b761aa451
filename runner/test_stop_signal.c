/* Tests of the names of signals. */
#include "runner/stop_signal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names(void **state)
{
    static const struct {
        const char *name;
        int number;
    } cases[] = {{"SIGTERM", SIGTERM}, {"term", SIGTERM}, {"SigQuit", SIGQUIT}, {"WINCH", SIGWINCH}, {"9", SIGKILL},
                 {"28", SIGWINCH},     {"64", 64},        {"SIGUSR1", SIGUSR1}, {"kill", SIGKILL}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(stop_signal_number(slice_of(cases[i].name)), cases[i].number);
    assert_int_equal(stop_signal_number(S("SIGRTMIN+3")), SIGRTMIN + 3);
    assert_int_equal(stop_signal_number(S("RTMIN")), SIGRTMIN);
    assert_int_equal(stop_signal_number(S("SIGRTMAX-2")), SIGRTMAX - 2);
    assert_int_equal(stop_signal_number(S("SIGRTMAX")), SIGRTMAX);
}

static void test_no_names(void **state)
{
    static const char *const names[] = {"",
                                        "0",
                                        "65",
                                        "-1",
                                        "SIG",
                                        "SIGNOTHING",
                                        "SIGRTMIN+99",
                                        "RTMIN3",
                                        "RTMAX+1",
                                        "SIGRTMIN+x",
                                        "99999999999999999999",
                                        " TERM"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(stop_signal_number(slice_of(names[i])), SIGTERM);
    assert_int_equal(stop_signal_number((slice){NULL, 0}), SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_no_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
