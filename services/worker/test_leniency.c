/* Tests of leniency: what the profile and --lenient say of each word, and words that are none. */
#include "services/worker/leniency.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static bool on(const char *profile, const char *lenient, enum leniency leniency)
{
    struct conf conf = {.profile = slice_of(profile), .lenient = slice_of(lenient)};
    return leniency_on(&(struct call){.conf = &conf}, leniency);
}

static void each_word(void **state)
{
    static const struct {
        enum leniency leniency;
        const char *on, *off;
    } words[] = {
#define LENIENCY(name, word, what) {LENIENCY_##name, word, "-" word},
#include "services/worker/leniency.def"
#undef LENIENCY
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        assert_false(on("aws", "", words[i].leniency));
        assert_true(on("aws", words[i].on, words[i].leniency));
        assert_true(on("sockerless", "", words[i].leniency));
        assert_false(on("sockerless", words[i].off, words[i].leniency));
        assert_false(on("aws", words[(i + 1) % (sizeof(words) / sizeof(*words))].on, words[i].leniency));
    }
}

static void the_last_word_counts(void **state)
{
    assert_true(on("aws", "any-zip, log-groups", LENIENCY_LOG_GROUPS));
    assert_false(on("aws", "log-groups,-log-groups", LENIENCY_LOG_GROUPS));
    assert_true(on("sockerless", "-log-groups,,log-groups", LENIENCY_LOG_GROUPS));
}

static void unknown_words(void **state)
{
    static const struct {
        const char *lenient;
        const char *why;
    } cases[] = {
        {"", NULL},
        {"log-groups,-any-zip , stop-at-once", NULL},
        {"log-grups", "--lenient knows no 'log-grups'; docs/sockerless.md lists its words"},
        {"any-zip,-x", "--lenient knows no 'x'; docs/sockerless.md lists its words"},
        {"any-zip,,log-groups", "--lenient knows no ''; docs/sockerless.md lists its words"},
    };
    struct arena *arena = arena_open();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct conf conf = {.lenient = slice_of(cases[i].lenient)};
        slice why = S("");
        assert_int_equal(leniency_check(arena, &conf, &why), cases[i].why ? BAD_INPUT : 0);
        assert_true(slice_eq(why, slice_of(cases[i].why)));
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(unknown_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
