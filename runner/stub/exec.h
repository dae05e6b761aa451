/* exec: a further command in a container that runs already. */
#pragma once

#include <sys/types.h>

/* What awssim-stub does with the arguments "exec PID MODE": descriptors and plan as at the container's start, but 4 is
 * a socket. PID is the container's stub's; with MODE "terminal ROWS COLUMNS" the command gets a terminal of the
 * container's own, and the other end of it is sent through the socket before anything else, with the byte 'T'. Answers
 * the exit code. */
int exec_main(pid_t stub, const char *mode);
