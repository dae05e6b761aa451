/* peer: whose the other end of a TCP connection over the loopback is. Loopback addresses are open to every process of
 * the machine and TCP knows no SO_PEERCRED, so the kernel is asked for the inode of the other end's socket, and the
 * processes that may have it are searched for it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether a process that descends from root (or root itself) holds the other end of the connected fd. False also when
 * nobody can tell: when the other end is closed, or its holder has more descriptors than are looked at (some thousand).
 * Where /proc does not show the descriptors of these processes (without CAP_SYS_PTRACE, those of another user), a
 * socket of that user's is taken for theirs, and the log says so once. */
bool peer_descends_from(int fd, pid_t root);
