/* rig: what tests of the whole router share: a private folder, the router, stand-ins for workers, raw HTTP clients.
 * Waits end by the tests' own time limit. */
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include "common/buf.h"

struct arena;

enum { RIG_PEERS = 4, RIG_OTHERS = 32 };

struct rig {
    struct arena *arena;
    char dir[64];
    slice state_dir;
    slice run_dir;
    pid_t router;             /* 0: none runs */
    pid_t peers[RIG_PEERS];   /* sts, logs, ecs, runner */
    pid_t others[RIG_OTHERS]; /* the other services of this build */
    int port;
    int control; /* our end of the router's control socket */
};

struct rig_answer {
    int status;
    slice head;
    slice body;
};

/* One client connection, plain or TLS, with what has been read too far. */
struct rig_client {
    int fd;
    SSL *ssl;
    struct buf in;
};

/* Runs as a stand-in when the arguments say so, else remembers where the programs are and answers -1. */
int rig_main(int argc, char *argv[]);

/* cmocka's set-up and tear-down: a folder; the same with stand-ins and a router in it. */
int rig_set_up_folder(void **state);
int rig_set_up(void **state);
int rig_tear_down(void **state);

pid_t rig_start_peer(struct rig *f, const char *name);

/* Starts a router with further options (or NULL) and waits until it is ready. False when it ended instead. */
bool rig_start_router(struct rig *f, const char *option1, const char *option2);

/* Waits for the process's end and answers its status. */
int rig_wait(pid_t pid);

/* Formatted, in the rig's arena. */
char *rig_text(struct rig *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Letters, always the same. */
slice rig_bytes(struct rig *f, size_t size);

struct rig_client rig_dial(struct rig *f);
void rig_hang_up(struct rig_client *c);
void rig_say(struct rig_client *c, const char *bytes);
void rig_say_bytes(struct rig_client *c, slice bytes);

/* Reads some more into c->in; false at the end of the connection. */
bool rig_hear_more(struct rig_client *c);

/* One whole answer; only_head: it has no content (to HEAD). */
struct rig_answer rig_hear(struct rig *f, struct rig_client *c);
struct rig_answer rig_hear_one(struct rig *f, struct rig_client *c, bool only_head);

/* A request on a connection of its own. */
struct rig_answer rig_ask(struct rig *f, slice request);

/* A JSON call to logs. */
struct rig_answer rig_call(struct rig *f, struct rig_client *c, const char *operation, slice body);
#define RIG_CALL(operation, length, body)                                                                              \
    "POST / HTTP/1.1\r\nHost: localhost:4566\r\nX-Amz-Target: Logs_20140328." operation                                \
    "\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: " length "\r\n\r\n" body

/* A header's value in an answer's head. */
slice rig_header(slice head, slice name);

void rig_assert_has(slice content, const char *part);
void rig_assert_closed(struct rig_client *c);
