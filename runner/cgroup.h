/* cgroup: limits of memory and of processes and shares of the processor for tasks and their containers, with the first
 * or the second version of control groups, where this process may make groups below its own; elsewhere there are none.
 */
#pragma once

#include "common/slice.h"

struct arena;
struct buf;
struct container;
struct runner;

/* Finds out what there is, and removes groups that a former runner left. root is where control groups are mounted,
 * /sys/fs/cgroup, and own the file that says in which this process is, /proc/self/cgroup. */
void cgroup_open(struct runner *runner, const char *root, const char *own);
void cgroup_close(struct runner *runner);

/* Makes the container's groups, and appends the files through which its stub joins them: calls add(context, path). What
 * there is here must work: answers a sentence when a group cannot be made or does not keep its limit, else an absent
 * slice. */
slice cgroup_make(struct container *container, void (*add)(void *context, slice path), void *context);

/* How many processes and threads the container may have at once, 0: no limit is asked for. */
int64_t cgroup_processes(const struct container *container);

/* Whether the kernel has killed something in the container for want of memory. */
bool cgroup_was_out_of_memory(struct container *container);

/* Removes the container's groups; nothing of it runs any more. */
void cgroup_remove(struct container *container);
