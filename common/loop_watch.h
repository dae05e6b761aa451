/* loop_watch: which of a loop's steps kept it longer than allowed: for the option --loop-limit. One loop a process.
 *
 * A turn is what a loop does between waking and going back to sleep. It consists of steps: whoever dispatches says
 * after each call, event, timer or commit what it was. A step's time is its wall time without the time in which the
 * thread could have run but another had the processor, so that a busy machine does not make every step long: what
 * counts is the thread's own work and its waiting (for a disk, a lock). Steps that took longer than the limit are
 * logged as warnings, "loop busy for 7.2 ms (0.3 ms of it working) in PutObject"; turns of short steps that together
 * took longer are not a fault and are logged at level debug. */
#pragma once

#include "common/slice.h"

struct ev_loop;

/* From the thread that runs the loop, before ev_run. limit_ms 0: nothing is measured, and loop_watch_did costs nothing.
 */
void loop_watch_begin(struct ev_loop *loop, int64_t limit_ms);

/* Ends a step: since the last one, or since the loop woke, it has done this. Only the name's start is kept. */
void loop_watch_did(slice what);

/* The same in two words: a method and its path, "the reply of" and a peer. */
void loop_watch_did_to(slice what, slice which);

/* Before the loop is destroyed. */
void loop_watch_end(void);
