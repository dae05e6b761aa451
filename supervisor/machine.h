/* machine: when one child process is started, stopped, killed or left alone. Pure: it knows neither processes nor
 * clocks; child.c tells it what happened and does what it answers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* STATE(name): DOWN no process and none wanted; STARTING spawned, not ready yet; READY; STOPPING told to end;
 * BACKOFF no process, the next start has a time; GIVEN_UP no process until somebody asks for a restart. */
#define MACHINE_STATE_LIST(STATE)                                                                                      \
    STATE(DOWN)                                                                                                        \
    STATE(STARTING)                                                                                                    \
    STATE(READY)                                                                                                       \
    STATE(STOPPING)                                                                                                    \
    STATE(BACKOFF)                                                                                                     \
    STATE(GIVEN_UP)

enum machine_state {
#define MACHINE_STATE(name) MACHINE_##name,
    MACHINE_STATE_LIST(MACHINE_STATE)
#undef MACHINE_STATE
        MACHINE_STATE_COUNT
};

enum machine_event {
    MACHINE_START,    /* it is wanted */
    MACHINE_ANNOUNCE, /* the process says that it is ready */
    MACHINE_DEATH,    /* the process has ended */
    MACHINE_REFUSAL,  /* the process has ended with the exit code that means "do not try again" */
    MACHINE_TIMER,    /* the deadline has passed */
    MACHINE_STOP,     /* it is not wanted any more */
    MACHINE_RESTART,  /* somebody wants a new process, whatever happened before */
    MACHINE_EVENT_COUNT
};

/* What the caller is to do now. */
enum machine_action {
    MACHINE_NOTHING,
    MACHINE_SPAWN,     /* start a process; a failure to do so is a MACHINE_DEATH */
    MACHINE_TERMINATE, /* ask the process to end */
    MACHINE_KILL,      /* end the process */
};

enum {
    MACHINE_DEATHS = 10,                   /* that many deaths … */
    MACHINE_DEATHS_WITHIN_MS = 60 * 1000,  /* … in this time are treated as a bad start */
    MACHINE_RESTART_EVERY_MS = 1000,       /* starts after deaths are at least this far apart */
    MACHINE_BACKOFF_FIRST_MS = 1000,       /* after one bad start; doubles with each further one … */
    MACHINE_BACKOFF_LONGEST_MS = 60 * 1000 /* … up to this */
};

/* All instants are in milliseconds of a clock that never jumps. */
struct machine {
    enum machine_state state;
    int64_t start_limit_ms; /* from spawning to the announcement */
    int64_t stop_limit_ms;  /* from asking to end to the end */
    int64_t deadline_ms;    /* when MACHINE_TIMER is due; 0: never */
    int64_t restarted_ms;   /* the last start after a death; 0: none */
    int64_t deaths_ms[MACHINE_DEATHS];
    size_t deaths; /* unwanted deaths since the last restart by hand; the newest is deaths_ms[(deaths - 1) % …] */
    unsigned bad_starts;
    bool again; /* STOPPING: start again afterwards */
};

/* A machine that is DOWN. */
void machine_init(struct machine *machine, int64_t start_limit_ms, int64_t stop_limit_ms);

/* Moves the machine on by one event. */
enum machine_action machine_step(struct machine *machine, enum machine_event event, int64_t now_ms);

/* "READY" … */
const char *machine_state_name(enum machine_state state);
