/* listen: the sockets clients connect to: the port, and the owner's own. */
#pragma once

#include "common/slice.h"

struct arena;
struct conn_set;
struct ev_loop;
struct listen;

/* The socket the supervisor holds, else one of our own on host and port (listener.h). Accepting begins with
 * listen_start. Answers 0, or BAD_INPUT with a sentence in *why. */
int listen_open(struct arena *arena, slice host, int64_t port, struct listen **listen, slice *why);

/* A socket named "admin" in the run directory, for awssimctl: connections of awssim's own user and of root only, whose
 * requests are trusted (exchange.h). The same results. */
int listen_open_private(struct arena *arena, slice run_dir, struct listen **listen, slice *why);
void listen_close(struct listen *listen);

/* The port really listened on; 0: a private socket. */
int listen_port(const struct listen *listen);

/* Accepts into the set from now on. */
void listen_start(struct listen *listen, struct ev_loop *loop, struct conn_set *set);

/* A connection has gone: its descriptor is kept back for the next time without, and accepting goes on if it had paused.
 */
void listen_resume(struct listen *listen);

/* Accepts nobody any more. */
void listen_stop(struct listen *listen);
