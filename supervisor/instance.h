/* instance: at most one awssim per state directory. The file <state_dir>/lock is locked as long as the supervisor lives
 * (however it ends), and tells others where to find it, in lines "name=value": pid, port, endpoint, run_dir, log_dir.
 */
#pragma once

#include "common/slice.h"

struct arena;

struct instance {
    slice state_dir;
    slice run_dir;
    slice log_dir;
    slice endpoint;
    int64_t port;
    int lock_fd;
    int parts_fd; /* every process below the supervisor inherits it: while one lives, <state_dir>/parts is locked */
};

/* Takes the lock of instance->state_dir, which exists, and waits for what a supervisor that was killed has left dying:
 * it may have the port and the databases yet. Answers 0, or BAD_INPUT with a sentence in *why. */
int instance_lock(struct arena *arena, struct instance *instance, slice *why);

/* The run directory of the one before, when that was killed; "?" when it was not. */
slice instance_left_run_dir(struct arena *arena, const struct instance *instance);

/* Writes the other fields into the locked file. */
void instance_publish(struct arena *arena, const struct instance *instance);

/* Empties the file, which stays (removing it would let two processes lock two files of one name), and stays locked
 * until this process has ended: who waits for the lock waits for that. */
void instance_retract(const struct instance *instance);
