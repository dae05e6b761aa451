/* instances: which awssims of this user run, whatever their state directories are. The supervisor enters its state
 * directory into a folder of the user's own; awssimctl lists the folder when no --state-dir was given. An entry says
 * that a supervisor had the lock of that directory, not that it still has it. */
#pragma once

#include "common/list.h"

struct arena;

/* Enters the state directory. Answers 0 or -errno; without it awssim is still found by --state-dir. */
int instances_add(struct arena *arena, slice state_dir);

/* Takes the entry out again; none is fine. */
void instances_remove(struct arena *arena, slice state_dir);

/* The state directories entered, in the order of their entries' names. Entries that others could have written are
 * left out. */
void instances_list(struct arena *arena, struct slice_list *state_dirs);
