/* exec_spawn: starts the stub of an exec session (runner/stub/exec.h). */
#pragma once

#include "runner/exec.h"

struct arena;
struct val;

/* What has been started, and our ends of its descriptors; -1 where there are none: with a terminal only the status. */
struct exec_spawned {
    pid_t pid;
    int pidfd, input, outputs[2], status;
};

/* A copy of the program in memory that nobody can change: in the container the stub is a process before it becomes the
 * command, and its file could be written to through /proc by who is root there. -1 with errno set. */
int exec_spawn_seal(const char *program);

/* wish: what EXEC_START says. 0, or -errno. */
int exec_spawn(struct arena *arena, int program, const struct exec_target *target, const struct val *wish,
               struct exec_spawned *made);

/* What the stub says at its socket, as read(2), and the descriptor that comes with it, or -1. */
ssize_t exec_spawn_receive(int fd, char *bytes, size_t size, int *descriptor);
