/* Tests of what is kept of iam's answers: that it holds until iam says otherwise, in whatever process, and is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/generation.h"
#include "services/worker/credentials.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena *arena;
static struct generation *generation;
static struct credentials *credentials;

static int set_up(void **state)
{
    arena = arena_open();
    generation = generation_open_private();
    credentials = credentials_open(generation);
    return 0;
}

static int tear_down(void **state)
{
    credentials_close(credentials);
    generation_close(generation);
    arena_close(arena);
    return 0;
}

static void keep(slice question, slice answer)
{
    credentials_keep(credentials, question, answer, credentials_generation(credentials));
}

static bool is_kept(slice question, slice answer)
{
    struct credentials_answer *found = credentials_find(credentials, question);
    return found && slice_eq(found->text, answer);
}

static void test_holds_until_changed(void **state)
{
    assert_null(credentials_find(credentials, S("q")));
    keep(S("q"), S("a"));
    assert_true(is_kept(S("q"), S("a")));
    assert_null(credentials_find(credentials, S("other")));
    keep(S("q"), S("b"));
    assert_true(is_kept(S("q"), S("b")));
    generation_advance(generation);
    assert_null(credentials_find(credentials, S("q")));
}

/* An answer that was given before a change is not believed behind it. */
static void test_late_answers(void **state)
{
    uint64_t asked = credentials_generation(credentials);
    generation_advance(generation);
    credentials_keep(credentials, S("q"), S("a"), asked);
    assert_null(credentials_find(credentials, S("q")));
}

static void test_parsed_form(void **state)
{
    keep(S("q"), S("a"));
    struct credentials_answer *found = credentials_find(credentials, S("q"));
    assert_null(found->parsed);
    found->parsed = arena_alloc(found->arena, 8);
    assert_ptr_equal(credentials_find(credentials, S("q"))->parsed, found->parsed);
    keep(S("q"), S("a"));
    assert_null(credentials_find(credentials, S("q"))->parsed);
}

static void test_bounds(void **state)
{
    enum { LARGE = 60 * 1024, N = 3000 };
    slice large = {arena_array(arena, 2, LARGE), LARGE};
    size_t kept = 0;
    for (int i = 0; i < N; i++)
        keep(arena_printf(arena, "question %d", i), large);
    for (int i = 0; i < N; i++)
        kept += credentials_find(credentials, arena_printf(arena, "question %d", i)) != NULL;
    assert_true(kept > 0 && kept * LARGE <= 4 * 1024 * 1024);
    assert_true(is_kept(arena_printf(arena, "question %d", N - 1), large));
    large.len *= 2;
    keep(S("too large"), large);
    assert_null(credentials_find(credentials, S("too large")));
}

/* Two processes, and one that comes later. */
static void test_shared(void **state)
{
    char folder[] = "/tmp/awssim-test-generation-XXXXXX";
    struct generation *first, *second;
    assert_non_null(mkdtemp(folder));
    const char *path = arena_printf(arena, "%s/counter", folder).ptr;
    assert_int_equal(generation_open(path, &first), 0);
    uint64_t before = generation_now(first);
    pid_t pid = fork();
    if (pid == 0) {
        if (generation_open(path, &second) == 0)
            generation_advance(second);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(generation_now(first), before + 1);
    assert_int_equal(generation_open(path, &second), 0);
    assert_int_equal(generation_now(second), before + 1);
    generation_close(first);
    generation_close(second);
    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_true(generation_open(path, &first) < 0);
    unlink(path);
    rmdir(folder);
    assert_true(generation_open(path, &first) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_holds_until_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parsed_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
