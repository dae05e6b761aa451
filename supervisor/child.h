/* child: one process below the supervisor: its program, descriptors, output and state. It starts and signals; what to
 * do when is machine's. A child process finds
 *   0 /dev/null    1, 2 the log pipe    3 readiness: it writes a newline    4 the control socket: end of file = no
 * parent    5 the listening socket, when it is the one that serves it    6 what keeps <state_dir>/parts locked
 * and nothing else open, is leader of its own session, and is killed when the supervisor dies. */
#pragma once

#include "supervisor/machine.h"
#include "supervisor/output.h"

#include <sys/types.h>

enum { CHILD_GIVES_UP = 100 /* the exit code of a process that asks not to be started again */ };

/* Who is stopped before whom. */
enum child_stop_rank { CHILD_STOPS_FIRST, CHILD_STOPS_NEXT, CHILD_STOPS_LAST, CHILD_STOP_RANKS };

struct child_program {
    const char *name;
    char *const *argv; /* [0] is the path */
    enum child_stop_rank stop_rank;
    int64_t start_limit_ms;
    int64_t stop_limit_ms;
    bool listens;               /* it gets the listening socket */
    const char *const *without; /* variables that are not in its environment; NULL-terminated; NULL: none */
};

enum child_end_kind { CHILD_NEVER_ENDED, CHILD_EXITED, CHILD_SIGNALLED, CHILD_LATE, CHILD_NOT_SPAWNED };

/* The last end of its process that nobody had asked for. */
struct child_end {
    enum child_end_kind kind;
    int value; /* exit code, signal or errno */
};

struct child {
    const struct child_program *program;
    struct machine machine;
    struct output output;
    pid_t pid;        /* 0: no process */
    int ready_fd;     /* -1: no process, or it has announced itself */
    int parent_fd;    /* our end of the control socket; -1: no process */
    int listen_fd;    /* for each of its processes; borrowed; -1: none */
    int parts_fd;     /* likewise */
    int64_t since_ms; /* wall clock: since when it is in its state */
    unsigned spawns;
    struct child_end end;
};

/* Not started yet. The program is borrowed. Answers 0 or -errno. */
int child_open(struct child *child, const struct child_program *program, const char *log_folder, bool echo);

/* The process, if any, is not touched. */
void child_close(struct child *child);

/* Something happened; answers true when the state has changed. */
bool child_event(struct child *child, enum machine_event event);

/* The readiness pipe has something; answers as child_event. */
bool child_on_readiness(struct child *child);

/* The process has been waited for, with this status; answers as child_event. */
bool child_on_death(struct child *child, int status);

/* Appends why it last ended unasked ("exit code 1"); nothing when it never did. */
void child_describe_end(const struct child *child, struct buf *out);
