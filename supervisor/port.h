/* port: a free TCP port for the router when the user asks for port 0, kept for it as long as awssim runs, so that a
 * restarted router is where its clients look for it. */
#pragma once

#include "common/slice.h"

#include <stdint.h>

struct arena;

/* Chooses a free port of this numeric address. The answered descriptor reserves it: it is bound but does not listen,
 * and lets the router (SO_REUSEADDR) bind the same port. -errno when there is none. */
int port_reserve(struct arena *arena, slice address, int64_t *port);

/* The URL under which a client on this machine reaches what listens at address and port. */
slice port_endpoint(struct arena *arena, slice address, int64_t port);
