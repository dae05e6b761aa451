/* attend: what a process of the stub does for the one it has started. */
#pragma once

#include "runner/stub/plan.h"

#include <signal.h>
#include <sys/types.h>

/* The signals that are forwarded, and SIGCHLD: to be blocked before anything is started. */
sigset_t attend_signals(void);

/* Joins the plan's control groups. 0, or -1 with errno set and the one that cannot be joined in *group. */
int attend_join(const struct plan *plan, const char **group);

/* Forwards signals to the child and reaps everything until it ends; answers its exit code, or 128 + signal. The first
 * process of a PID namespace has not ended before the kernel has killed and reaped all others. */
int attend_child(pid_t child);
