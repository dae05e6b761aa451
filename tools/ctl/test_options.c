/* Tests of the command line: which options go where, and that an ephemeral instance is known by the lasting folder. */
#include "tools/ctl/options.h"
#include "tools/ctl/say.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MAX_WORDS = 8 };

static const struct ctl_command plain = {.name = "plain"};
static const struct ctl_command rich = {
    .name = "rich", .options = CTL_FOREGROUND | CTL_SHELL | CTL_TIMEOUT, .argument = "[THING]"};

struct fixture {
    struct ctl ctl;
    slice why;
};

static int set_up(void **state)
{
    struct arena *arena = arena_open();
    struct fixture *f = arena_alloc(arena, sizeof(*f));
    f->ctl.arena = arena;
    setenv("AWSSIM_STATE_DIR", "/somewhere", 1);
    unsetenv("AWSSIM_RUN_DIR");
    unsetenv("AWSSIM_EPHEMERAL");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_close(f->ctl.arena);
    return 0;
}

static int parse(struct fixture *f, const struct ctl_command *command, const char *const words[])
{
    char *argv[MAX_WORDS + 1];
    int n = 0;
    for (; words[n]; n++)
        argv[n] = arena_copy(f->ctl.arena, words[n], strlen(words[n]) + 1);
    argv[n] = NULL;
    return options_parse(&f->ctl, command, n, argv, &f->why);
}

#define words(...) ((const char *const[]){"awssimctl", ##__VA_ARGS__, NULL})
#define assert_text(a, b) assert_true(slice_eq(a, slice_of(b)))

static void own_and_common_options_mix(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, &rich, words("--port", "7", "-F", "thing", "--timeout=3", "-s", "fish")), 0);
    assert_int_equal(f->ctl.options, CTL_FOREGROUND | CTL_TIMEOUT | CTL_SHELL);
    assert_int_equal(f->ctl.conf.port, 7);
    assert_int_equal(f->ctl.timeout_ms, 3000);
    assert_text(f->ctl.shell, "fish");
    assert_text(f->ctl.argument, "thing");
}

static void defaults(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, &plain, words()), 0);
    assert_int_equal(f->ctl.timeout_ms, 30000);
    assert_text(f->ctl.conf.state_dir, "/somewhere");
    assert_text(f->ctl.conf.run_dir, "/somewhere/run");
    assert_text(f->ctl.state_option, "");
    assert_null(f->ctl.argument.ptr);
}

static void another_folder_is_hinted_at(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, &plain, words("--state-dir", "/else where")), 0);
    assert_text(f->ctl.state_option, " --state-dir '/else where'");
}

static void ephemeral_does_not_move_the_folder(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, &plain, words("--ephemeral")), 0);
    assert_true(f->ctl.conf.ephemeral);
    assert_text(f->ctl.conf.state_dir, "/somewhere");
    assert_text(f->ctl.conf.run_dir, "/somewhere/run");
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const struct ctl_command *command;
        const char *const words[4];
        const char *why;
    } cases[] = {
        {&plain, {"awssimctl", "--foreground"}, "this command has no option --foreground"},
        {&plain, {"awssimctl", "thing"}, "this command takes no argument 'thing'"},
        {&rich, {"awssimctl", "one", "two"}, "there is one argument too many: two"},
        {&rich, {"awssimctl", "-x"}, "there is no option -x"},
        {&rich, {"awssimctl", "--timeout"}, "--timeout needs a value"},
        {&rich, {"awssimctl", "--timeout", "soon"}, "--timeout takes a number of seconds, not 'soon'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        f->ctl.argument = (slice){NULL, 0};
        assert_int_equal(parse(f, cases[i].command, cases[i].words), BAD_INPUT);
        assert_text(f->why, cases[i].why);
    }
}

static void quoting(void **state)
{
    struct fixture *f = *state;
    assert_text(say_quoted(f->ctl.arena, S("/plain/path-1.2")), "/plain/path-1.2");
    assert_text(say_quoted(f->ctl.arena, S("")), "''");
    assert_text(say_quoted(f->ctl.arena, S("it's")), "'it'\\''s'");
}

int main(void)
{
#define options_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        options_test(own_and_common_options_mix),
        options_test(defaults),
        options_test(another_folder_is_hinted_at),
        options_test(ephemeral_does_not_move_the_folder),
        options_test(refusals),
        options_test(quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
