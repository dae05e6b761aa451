/* Tests of leniency: what the profile and --lenient say of each word, and words that are none. */
#include "services/worker/leniency.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"
#include "services/worker/impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ANY_ZIP, LOG_GROUPS };
enum { STOP_AT_ONCE };
static const slice first_words[] = {S("any-zip"), S("log-groups"), {NULL, 0}};
static const slice second_words[] = {S("stop-at-once"), {NULL, 0}};
static const struct service first = {.leniencies = first_words}, second = {.leniencies = second_words}, none = {0};
static const struct service *const services[] = {&first, &none, &second, NULL};

static bool on(const struct service *service, const char *profile, const char *lenient, size_t leniency)
{
    struct worker worker = {.service = service};
    struct conf conf = {.profile = slice_of(profile), .lenient = slice_of(lenient)};
    return leniency_on(&(struct call){.worker = &worker, .conf = &conf}, leniency);
}

static void each_word(void **state)
{
    static const struct {
        const struct service *service;
        size_t leniency;
        const char *on, *off, *other;
    } words[] = {
        {&first, ANY_ZIP, "any-zip", "-any-zip", "log-groups"},
        {&first, LOG_GROUPS, "log-groups", "-log-groups", "stop-at-once"},
        {&second, STOP_AT_ONCE, "stop-at-once", "-stop-at-once", "any-zip"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        assert_false(on(words[i].service, "aws", "", words[i].leniency));
        assert_true(on(words[i].service, "aws", words[i].on, words[i].leniency));
        assert_true(on(words[i].service, "sockerless", "", words[i].leniency));
        assert_false(on(words[i].service, "sockerless", words[i].off, words[i].leniency));
        assert_false(on(words[i].service, "aws", words[i].other, words[i].leniency));
    }
}

static void the_last_word_counts(void **state)
{
    assert_true(on(&first, "aws", "any-zip, log-groups", LOG_GROUPS));
    assert_false(on(&first, "aws", "log-groups,-log-groups", LOG_GROUPS));
    assert_true(on(&first, "sockerless", "-log-groups,,log-groups", LOG_GROUPS));
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
        assert_int_equal(leniency_check(arena, &conf, services, &why), cases[i].why ? BAD_INPUT : 0);
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
