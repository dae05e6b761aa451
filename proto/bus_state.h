/* bus_state: what a bus consists of, for bus.c (the public functions, sending) and bus_intake.c (what arrives). */
#pragma once

#include <ev.h>

#include "proto/bus.h"
#include "proto/bus_calls.h"
#include "proto/bus_link.h"

/* A socket in the loop. */
struct bus_port {
    struct bus *bus;
    struct bus_peer *peer; /* NULL: the listening socket */
    struct bus_wire *wire;
    ev_io readable;
    ev_io writable;  /* active while a packet is held */
    ev_stat appears; /* active until the socket of the peer is there */
    char path[108];  /* of the socket; as long as struct sockaddr_un allows */
};

struct bus_peer {
    struct bus *bus;
    struct bus_peer *next;
    char *name;
    struct bus_port port;
    struct bus_link link;
    uint32_t sessions; /* connections so far */
    uint32_t oversize; /* calls too large to send that nobody was told of yet */
};

/* A connection to the listening socket. */
struct bus_conn {
    struct bus_conn *next;
    struct bus_link link;
};

struct bus {
    struct bus_config config; /* its texts are not used after bus_open */
    char *run_dir;
    char *self;
    struct bus_peer *peers;
    struct bus_conn *conns;
    struct bus_port listener; /* wire NULL: none */
    struct bus_calls calls;
    int wake_fd; /* eventfd: a wire has events */
    ev_io wake;
    ev_prepare flush;
    ev_timer timer;
    int64_t timer_ms; /* what the timer is armed for; 0: it is not */
    struct bus_item *items;
    size_t items_cap;
    int64_t started_us;
    size_t broken;
    bool closing; /* nothing more is given to the program */
};

/* Everything that waits on this socket. */
void bus_intake_receive(struct bus_port *port);

/* The connections that began or ended, on all sockets, after what they had delivered. */
void bus_intake_events(struct bus *bus);

struct bus_conn *bus_intake_conn(struct bus *bus, uint32_t pipe);
void bus_intake_conn_free(struct bus_conn *conn);
