/* peer: whose the other end of a TCP connection over the loopback is. Loopback addresses are open to every process of
 * the machine and TCP knows no SO_PEERCRED, so the kernel is asked for the inode of the other end's socket, and the
 * processes that may have it are searched for it. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

/* GONE: the other end is closed already, which may have sent something before. */
enum peer { PEER_FOREIGN, PEER_BELOW, PEER_GONE };

/* BELOW when a process that descends from root (or root itself) holds the other end of the connected fd. FOREIGN also
 * when nobody can tell, as when its holder has more descriptors than are looked at (some thousand). Where /proc does
 * not show the descriptors of these processes (without CAP_SYS_PTRACE, those of another user), a socket of that user's
 * is taken for theirs, and the log says so once. */
enum peer peer_of(int fd, pid_t root);

/* Whether one of them listens at that port of 127.0.0.1. */
bool peer_listens(in_port_t port, pid_t root);
