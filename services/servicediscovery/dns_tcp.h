/* dns_tcp: DNS over TCP connections: messages behind their length, many in a row. */
#pragma once

#include <ev.h>

struct worker;
struct dns_tcp;

/* Serves the connections of a listening socket, which belongs to the caller. */
struct dns_tcp *dns_tcp_open(struct worker *worker, struct ev_loop *loop, int listener);
void dns_tcp_close(struct dns_tcp *tcp);
