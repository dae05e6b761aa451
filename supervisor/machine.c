/* machine: the table of states × events that supervises one child process. Leaves processes to child.c. */
#include "supervisor/machine.h"

#include <assert.h>

typedef enum machine_action (*cell_fn)(struct machine *m, int64_t now_ms);

static enum machine_action ignore(struct machine *m, int64_t now_ms)
{
    return MACHINE_NOTHING;
}

static enum machine_action rest_in(struct machine *m, enum machine_state state)
{
    m->state = state;
    m->deadline_ms = 0;
    return MACHINE_NOTHING;
}

static enum machine_action go_down(struct machine *m, int64_t now_ms)
{
    return rest_in(m, MACHINE_DOWN);
}

static enum machine_action give_up(struct machine *m, int64_t now_ms)
{
    return rest_in(m, MACHINE_GIVEN_UP);
}

static enum machine_action become_ready(struct machine *m, int64_t now_ms)
{
    return rest_in(m, MACHINE_READY);
}

static enum machine_action start(struct machine *m, int64_t now_ms)
{
    m->state = MACHINE_STARTING;
    m->deadline_ms = now_ms + m->start_limit_ms;
    m->again = false;
    return MACHINE_SPAWN;
}

static enum machine_action start_again(struct machine *m, int64_t now_ms)
{
    m->restarted_ms = now_ms;
    return start(m, now_ms);
}

/* A person has asked: what happened before does not count. */
static enum machine_action start_afresh(struct machine *m, int64_t now_ms)
{
    m->restarted_ms = 0;
    m->deaths = 0;
    m->bad_starts = 0;
    return start(m, now_ms);
}

static enum machine_action wait_until(struct machine *m, int64_t due_ms)
{
    m->state = MACHINE_BACKOFF;
    m->deadline_ms = due_ms;
    return MACHINE_NOTHING;
}

static enum machine_action back_off(struct machine *m, int64_t now_ms)
{
    int64_t delay_ms = MACHINE_BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < m->bad_starts && delay_ms < MACHINE_BACKOFF_LONGEST_MS; i++)
        delay_ms *= 2;
    m->bad_starts++;
    return wait_until(m, now_ms + (delay_ms < MACHINE_BACKOFF_LONGEST_MS ? delay_ms : MACHINE_BACKOFF_LONGEST_MS));
}

static void count_death(struct machine *m, int64_t now_ms)
{
    m->deaths_ms[m->deaths % MACHINE_DEATHS] = now_ms;
    m->deaths++;
}

static bool dies_often(const struct machine *m, int64_t now_ms)
{
    return m->deaths >= MACHINE_DEATHS && now_ms - m->deaths_ms[m->deaths % MACHINE_DEATHS] < MACHINE_DEATHS_WITHIN_MS;
}

static enum machine_action bad_start(struct machine *m, int64_t now_ms)
{
    count_death(m, now_ms);
    return back_off(m, now_ms);
}

static enum machine_action sudden_death(struct machine *m, int64_t now_ms)
{
    count_death(m, now_ms);
    if (dies_often(m, now_ms))
        return back_off(m, now_ms);
    m->bad_starts = 0;
    int64_t due_ms = m->restarted_ms ? m->restarted_ms + MACHINE_RESTART_EVERY_MS : now_ms;
    return due_ms <= now_ms ? start_again(m, now_ms) : wait_until(m, due_ms);
}

static enum machine_action stop(struct machine *m, int64_t now_ms)
{
    m->state = MACHINE_STOPPING;
    m->deadline_ms = now_ms + m->stop_limit_ms;
    m->again = false;
    return MACHINE_TERMINATE;
}

static enum machine_action stop_then_start(struct machine *m, int64_t now_ms)
{
    enum machine_action action = stop(m, now_ms);
    m->again = true;
    return action;
}

static enum machine_action start_when_stopped(struct machine *m, int64_t now_ms)
{
    m->again = true;
    return MACHINE_NOTHING;
}

static enum machine_action stay_stopped(struct machine *m, int64_t now_ms)
{
    m->again = false;
    return MACHINE_NOTHING;
}

static enum machine_action stopped(struct machine *m, int64_t now_ms)
{
    return m->again ? start_afresh(m, now_ms) : go_down(m, now_ms);
}

/* The state stays: the death that follows is judged by it. */
static enum machine_action kill_late(struct machine *m, int64_t now_ms)
{
    return MACHINE_KILL;
}

/* clang-format off */
static const cell_fn cells[MACHINE_STATE_COUNT][MACHINE_EVENT_COUNT] = {
    /*                    START               ANNOUNCE      DEATH         REFUSAL  TIMER        STOP          RESTART */
    [MACHINE_DOWN]     = {start,              ignore,       ignore,       ignore,  ignore,      ignore,       start_afresh},
    [MACHINE_STARTING] = {ignore,             become_ready, bad_start,    give_up, kill_late,   stop,         stop_then_start},
    [MACHINE_READY]    = {ignore,             ignore,       sudden_death, give_up, ignore,      stop,         stop_then_start},
    [MACHINE_STOPPING] = {start_when_stopped, ignore,       stopped,      stopped, kill_late,   stay_stopped, start_when_stopped},
    [MACHINE_BACKOFF]  = {ignore,             ignore,       ignore,       ignore,  start_again, go_down,      start_afresh},
    [MACHINE_GIVEN_UP] = {start_afresh,       ignore,       ignore,       ignore,  ignore,      go_down,      start_afresh},
};
/* clang-format on */

void machine_init(struct machine *machine, int64_t start_limit_ms, int64_t stop_limit_ms)
{
    *machine = (struct machine){.start_limit_ms = start_limit_ms, .stop_limit_ms = stop_limit_ms};
}

enum machine_action machine_step(struct machine *machine, enum machine_event event, int64_t now_ms)
{
    assert(machine->state < MACHINE_STATE_COUNT && event < MACHINE_EVENT_COUNT);
    if (event == MACHINE_TIMER)
        machine->deadline_ms = 0;
    return cells[machine->state][event](machine, now_ms);
}

const char *machine_state_name(enum machine_state state)
{
    static const char *const names[] = {
#define MACHINE_STATE(name) #name,
        MACHINE_STATE_LIST(MACHINE_STATE)
#undef MACHINE_STATE
    };
    return names[state];
}
