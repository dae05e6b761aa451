/* bus_wire: one nng socket each, as the bus uses it: raw REP (listens, many pipes) or raw REQ (dials, one pipe). Only
 * bus_wire.c calls nng. What the messages hold is bus_link's business. */
#pragma once

#include "common/slice.h"

struct bus_wire;

/* One nng message. A zeroed packet is none. */
struct bus_packet {
    void *message;
    uint32_t pipe; /* where it came from or goes to; ignored when a dialling socket sends */
    uint32_t tag;  /* nng's request id, given back unchanged */
};

/* A connection that began or ended. */
struct bus_wire_event {
    uint32_t pipe;
    bool up;
};

/* Listens on the socket at path, or makes ready to dial it. wake_fd is an eventfd that is raised when an event waits.
 * Answers 0 or -errno. */
int bus_wire_open(const char *path, bool listens, int wake_fd, struct bus_wire **wire);

/* Dials, and again after every end, for ever. At most once; best when the socket is there, as nng's thread spins for
 * up to a millisecond between two attempts. Answers 0 or -errno. */
int bus_wire_dial(struct bus_wire *wire);

void bus_wire_close(struct bus_wire *wire);

/* Readable while a packet waits. */
int bus_wire_receive_fd(const struct bus_wire *wire);

/* Readable while sending is possible; asked for only after a refused send, as it costs from then on. -errno on failure.
 */
int bus_wire_send_fd(const struct bus_wire *wire);

/* The next packet, which is then the caller's; false when none waits. */
bool bus_wire_receive(struct bus_wire *wire, struct bus_packet *packet);

/* Hands the packet over; 0, or -EAGAIN (it stays the caller's), or another fault (likewise). */
int bus_wire_send(struct bus_wire *wire, const struct bus_packet *packet);

/* Takes the oldest event; false when there is none. Everything a connection delivered can be received before its end
 * is told. */
bool bus_wire_next_event(struct bus_wire *wire, struct bus_wire_event *event);
size_t bus_wire_events(struct bus_wire *wire);

/* Ends one connection (told by an event). */
void bus_wire_drop(struct bus_wire *wire, uint32_t pipe);

/* An empty packet with room for size bytes. */
void bus_packet_new(struct bus_packet *packet, size_t size);
void bus_packet_append(struct bus_packet *packet, const void *bytes, size_t size);
slice bus_packet_body(const struct bus_packet *packet);
void bus_packet_free(struct bus_packet *packet);
