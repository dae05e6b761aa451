/* listener: the TCP socket clients connect to. The supervisor opens it and hands it to each router in turn, so that
 * connections wait in its queue while there is none. */
#pragma once

#include "common/slice.h"

struct arena;

/* Listens on the first usable address of a host ("127.0.0.1", "::1", "localhost"; "::" is all interfaces of both
 * kinds) without blocking; port 0 chooses a free one. Answers 0, or BAD_INPUT with a sentence in *why. */
int listener_open(struct arena *arena, slice host, int64_t port, int *fd, slice *why);

/* The port really listened on; 0 when the descriptor is no TCP socket. */
int listener_port(int fd);

/* The next connection, without blocking and closed on exec, or -1. When there is no descriptor for it, whoever waits is
 * turned away: one descriptor is kept back for that in *spare (at first LISTENER_NO_SPARE; the caller closes it at the
 * end). Otherwise the loop would be told of him again and again. */
enum { LISTENER_NO_SPARE = -1 };
int listener_accept(int fd, int *spare);

/* The URL under which a client on this machine reaches what listens at host and port. */
slice listener_endpoint(struct arena *arena, slice host, int64_t port);

/* Whether only this machine reaches it: it listens on a loopback address. */
bool listener_is_loopback(int fd);
