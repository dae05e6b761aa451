/* Tests of machine: every cell of the table, then the rules about time. */
#include "supervisor/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { NOW = 100000, START_LIMIT = 20000, STOP_LIMIT = 10000 };

struct expectation {
    enum machine_state state;
    enum machine_action action;
    int64_t deadline_ms; /* relative to NOW; 0: none; SAME: as it was */
};

enum { SAME = -1, OLD_DEADLINE = NOW + 77 };

#define STAYS(name)                                                                                                    \
    {                                                                                                                  \
        MACHINE_##name, MACHINE_NOTHING, SAME                                                                          \
    }
#define STARTS                                                                                                         \
    {                                                                                                                  \
        MACHINE_STARTING, MACHINE_SPAWN, START_LIMIT                                                                   \
    }
#define STOPS                                                                                                          \
    {                                                                                                                  \
        MACHINE_STOPPING, MACHINE_TERMINATE, STOP_LIMIT                                                                \
    }
#define RESTS(name)                                                                                                    \
    {                                                                                                                  \
        MACHINE_##name, MACHINE_NOTHING, 0                                                                             \
    }

/* clang-format off */
static const struct expectation expected[MACHINE_STATE_COUNT][MACHINE_EVENT_COUNT] = {
    [MACHINE_DOWN] = {
        [MACHINE_START] = STARTS, [MACHINE_ANNOUNCE] = STAYS(DOWN), [MACHINE_DEATH] = STAYS(DOWN),
        [MACHINE_REFUSAL] = STAYS(DOWN), [MACHINE_TIMER] = RESTS(DOWN), [MACHINE_STOP] = STAYS(DOWN),
        [MACHINE_RESTART] = STARTS},
    [MACHINE_STARTING] = {
        [MACHINE_START] = STAYS(STARTING), [MACHINE_ANNOUNCE] = RESTS(READY),
        [MACHINE_DEATH] = {MACHINE_BACKOFF, MACHINE_NOTHING, 1000}, [MACHINE_REFUSAL] = RESTS(GIVEN_UP),
        [MACHINE_TIMER] = {MACHINE_STARTING, MACHINE_KILL, 0}, [MACHINE_STOP] = STOPS, [MACHINE_RESTART] = STOPS},
    [MACHINE_READY] = {
        [MACHINE_START] = STAYS(READY), [MACHINE_ANNOUNCE] = STAYS(READY), [MACHINE_DEATH] = STARTS,
        [MACHINE_REFUSAL] = RESTS(GIVEN_UP), [MACHINE_TIMER] = RESTS(READY), [MACHINE_STOP] = STOPS,
        [MACHINE_RESTART] = STOPS},
    [MACHINE_STOPPING] = {
        [MACHINE_START] = STAYS(STOPPING), [MACHINE_ANNOUNCE] = STAYS(STOPPING), [MACHINE_DEATH] = RESTS(DOWN),
        [MACHINE_REFUSAL] = RESTS(DOWN), [MACHINE_TIMER] = {MACHINE_STOPPING, MACHINE_KILL, 0},
        [MACHINE_STOP] = STAYS(STOPPING), [MACHINE_RESTART] = STAYS(STOPPING)},
    [MACHINE_BACKOFF] = {
        [MACHINE_START] = STAYS(BACKOFF), [MACHINE_ANNOUNCE] = STAYS(BACKOFF), [MACHINE_DEATH] = STAYS(BACKOFF),
        [MACHINE_REFUSAL] = STAYS(BACKOFF), [MACHINE_TIMER] = STARTS, [MACHINE_STOP] = RESTS(DOWN),
        [MACHINE_RESTART] = STARTS},
    [MACHINE_GIVEN_UP] = {
        [MACHINE_START] = STARTS, [MACHINE_ANNOUNCE] = STAYS(GIVEN_UP), [MACHINE_DEATH] = STAYS(GIVEN_UP),
        [MACHINE_REFUSAL] = STAYS(GIVEN_UP), [MACHINE_TIMER] = RESTS(GIVEN_UP), [MACHINE_STOP] = RESTS(DOWN),
        [MACHINE_RESTART] = STARTS},
};
/* clang-format on */

static struct machine machine_in(enum machine_state state)
{
    struct machine m;
    machine_init(&m, START_LIMIT, STOP_LIMIT);
    m.state = state;
    m.deadline_ms = OLD_DEADLINE;
    return m;
}

static void every_cell(void **state)
{
    for (int s = 0; s < MACHINE_STATE_COUNT; s++) {
        for (int e = 0; e < MACHINE_EVENT_COUNT; e++) {
            const struct expectation *x = &expected[s][e];
            struct machine m = machine_in(s);
            enum machine_action action = machine_step(&m, e, NOW);
            int64_t deadline_ms = x->deadline_ms == SAME ? OLD_DEADLINE : x->deadline_ms ? NOW + x->deadline_ms : 0;
            if (m.state != x->state || action != x->action || m.deadline_ms != deadline_ms)
                fail_msg("%s, event %d: %s, action %d, deadline %ld", machine_state_name(s), e,
                         machine_state_name(m.state), (int)action, (long)m.deadline_ms);
        }
    }
}

static void names(void **state)
{
    assert_string_equal(machine_state_name(MACHINE_DOWN), "DOWN");
    assert_string_equal(machine_state_name(MACHINE_GIVEN_UP), "GIVEN_UP");
}

static void bad_starts_back_off_up_to_a_minute(void **state)
{
    static const int64_t delays_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct machine m = machine_in(MACHINE_DOWN);
    int64_t now_ms = NOW;
    machine_step(&m, MACHINE_START, now_ms);
    for (size_t i = 0; i < sizeof(delays_ms) / sizeof(*delays_ms); i++) {
        assert_int_equal(machine_step(&m, MACHINE_DEATH, now_ms), MACHINE_NOTHING);
        assert_int_equal(m.state, MACHINE_BACKOFF);
        assert_int_equal(m.deadline_ms, now_ms + delays_ms[i]);
        now_ms = m.deadline_ms;
        assert_int_equal(machine_step(&m, MACHINE_TIMER, now_ms), MACHINE_SPAWN);
    }
}

static void a_late_start_is_a_bad_start(void **state)
{
    struct machine m = machine_in(MACHINE_DOWN);
    machine_step(&m, MACHINE_START, NOW);
    assert_int_equal(m.deadline_ms, NOW + START_LIMIT);
    assert_int_equal(machine_step(&m, MACHINE_TIMER, m.deadline_ms), MACHINE_KILL);
    machine_step(&m, MACHINE_DEATH, NOW + START_LIMIT);
    assert_int_equal(m.state, MACHINE_BACKOFF);
}

static void a_death_after_ready_restarts_at_most_once_a_second(void **state)
{
    struct machine m = machine_in(MACHINE_DOWN);
    machine_step(&m, MACHINE_START, NOW);
    machine_step(&m, MACHINE_ANNOUNCE, NOW + 5);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, NOW + 300), MACHINE_SPAWN);
    machine_step(&m, MACHINE_ANNOUNCE, NOW + 305);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, NOW + 600), MACHINE_NOTHING);
    assert_int_equal(m.deadline_ms, NOW + 1300);
    assert_int_equal(machine_step(&m, MACHINE_TIMER, NOW + 1300), MACHINE_SPAWN);
    machine_step(&m, MACHINE_ANNOUNCE, NOW + 1305);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, NOW + 2300), MACHINE_SPAWN);
}

static void ten_deaths_in_a_minute_back_off(void **state)
{
    struct machine m = machine_in(MACHINE_DOWN);
    int64_t now_ms = NOW;
    machine_step(&m, MACHINE_START, now_ms);
    for (int i = 0; i < MACHINE_DEATHS - 1; i++) {
        machine_step(&m, MACHINE_ANNOUNCE, now_ms);
        now_ms += 2000;
        assert_int_equal(machine_step(&m, MACHINE_DEATH, now_ms), MACHINE_SPAWN);
    }
    machine_step(&m, MACHINE_ANNOUNCE, now_ms);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, now_ms + 2000), MACHINE_NOTHING);
    assert_int_equal(m.state, MACHINE_BACKOFF);
    assert_int_equal(m.deadline_ms, now_ms + 2000 + MACHINE_BACKOFF_FIRST_MS);
}

static void rare_deaths_never_back_off(void **state)
{
    struct machine m = machine_in(MACHINE_DOWN);
    int64_t now_ms = NOW;
    machine_step(&m, MACHINE_START, now_ms);
    for (int i = 0; i < 3 * MACHINE_DEATHS; i++) {
        machine_step(&m, MACHINE_ANNOUNCE, now_ms);
        now_ms += 7000;
        assert_int_equal(machine_step(&m, MACHINE_DEATH, now_ms), MACHINE_SPAWN);
    }
}

static void a_restart_stops_then_starts(void **state)
{
    struct machine m = machine_in(MACHINE_READY);
    assert_int_equal(machine_step(&m, MACHINE_RESTART, NOW), MACHINE_TERMINATE);
    assert_int_equal(machine_step(&m, MACHINE_TIMER, NOW + STOP_LIMIT), MACHINE_KILL);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, NOW + STOP_LIMIT), MACHINE_SPAWN);
    assert_int_equal(m.state, MACHINE_STARTING);
}

static void a_stop_wins_over_a_restart(void **state)
{
    struct machine m = machine_in(MACHINE_READY);
    machine_step(&m, MACHINE_RESTART, NOW);
    machine_step(&m, MACHINE_STOP, NOW + 1);
    assert_int_equal(machine_step(&m, MACHINE_DEATH, NOW + 2), MACHINE_NOTHING);
    assert_int_equal(m.state, MACHINE_DOWN);
}

static void a_restart_by_hand_forgets_the_past(void **state)
{
    struct machine m = machine_in(MACHINE_STARTING);
    for (int i = 0; i < 5; i++) {
        machine_step(&m, MACHINE_DEATH, NOW);
        machine_step(&m, MACHINE_TIMER, NOW);
    }
    machine_step(&m, MACHINE_DEATH, NOW);
    assert_int_equal(machine_step(&m, MACHINE_RESTART, NOW), MACHINE_SPAWN);
    machine_step(&m, MACHINE_DEATH, NOW);
    assert_int_equal(m.deadline_ms, NOW + MACHINE_BACKOFF_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(names),
        cmocka_unit_test(bad_starts_back_off_up_to_a_minute),
        cmocka_unit_test(a_late_start_is_a_bad_start),
        cmocka_unit_test(a_death_after_ready_restarts_at_most_once_a_second),
        cmocka_unit_test(ten_deaths_in_a_minute_back_off),
        cmocka_unit_test(rare_deaths_never_back_off),
        cmocka_unit_test(a_restart_stops_then_starts),
        cmocka_unit_test(a_stop_wins_over_a_restart),
        cmocka_unit_test(a_restart_by_hand_forgets_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
