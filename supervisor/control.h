/* control: the supervisor's unix socket `<run_dir>/control`. A client sends one line and reads until the end of file:
 *   ping              ok, at once
 *   status            ok, when the status file has been written
 *   wait              ok, when all processes are READY
 *   restart PROCESS   ok, when a new process is READY
 *   stop              ok, when all processes have ended
 * or `error <sentence>`; both may be followed by more lines (what the process in question has printed). */
#pragma once

#include "common/buf.h"

#include <poll.h>

enum { CONTROL_CLIENTS = 16, CONTROL_LINE_BYTES = 128 };

struct child;
struct supervisor;

enum control_wait { CONTROL_COMMAND, CONTROL_WAITS_FOR_READY, CONTROL_WAITS_FOR_CHILD, CONTROL_WAITS_FOR_END };

struct control_client {
    int fd; /* -1: free */
    enum control_wait waits;
    struct child *child;
    unsigned spawns; /* of the child, when the client asked */
    struct buf line;
};

struct control {
    int listen_fd;
    int spare; /* of listener_accept */
    char *path;
    struct control_client clients[CONTROL_CLIENTS];
};

enum { CONTROL_POLL_FDS = 1 + CONTROL_CLIENTS };

/* Answers 0 or -errno. A socket that is there already is replaced: the caller is the only one who may own it. */
int control_open(struct control *control, const char *run_dir);

/* Answers those who wait for the end, closes everything and removes the socket. */
void control_close(struct control *control);

/* Fills CONTROL_POLL_FDS entries, and acts on what poll has said about them. */
void control_poll(const struct control *control, struct pollfd *fds);
void control_on_poll(struct supervisor *supervisor, const struct pollfd *fds);

/* Answers clients whose event has come; to be called when any state may have changed. */
void control_settle(struct supervisor *supervisor);
