/* exec: further commands in containers that run, for who asks at the socket "exec" in the run directory
 * (common/exec_frame.h): each session is a connection and a stub that has joined the container. It knows of containers
 * only what its owner tells when it asks. */
#pragma once

#include "common/slice.h"

#include <sys/types.h>

struct ev_loop;
struct exec_server;

/* Where a command is to run. */
struct exec_target {
    pid_t stub; /* the container's */
    slice plan; /* what that stub was told */
};

struct exec_config {
    struct ev_loop *loop;
    const char *run_dir;
    const char *stub; /* the program */
    /* The container of that task, an id or an ARN, by its name or, when that is absent, the only one. An absent slice,
     * or a sentence why there is none that runs. */
    slice (*find)(void *context, slice task, slice container, struct exec_target *target);
    void *context;
};

/* NULL with errno set. */
struct exec_server *exec_open(const struct exec_config *config);

/* Ends all sessions. */
void exec_close(struct exec_server *server);
