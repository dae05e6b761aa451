/* supervisor: keeps a set of child programs running until it is told to stop. This is the whole supervisor but for
 * where its programs and folders come from (main.c), so that tests can run it with programs of their own. */
#pragma once

#include "supervisor/child.h"
#include "supervisor/control.h"
#include "supervisor/init_stages.h"
#include "supervisor/orphans.h"

#include "common/list.h"

struct supervisor_setup {
    const struct child_program *programs;
    size_t count;
    char *const *const *init_argv; /* see init_stages.h; NULL: there are no init scripts */
    const char *endpoint;          /* "http://127.0.0.1:4566" */
    const char *state_dir;         /* for messages and the status */
    const char *run_dir;           /* exists; gets the control socket and the status file */
    const char *log_dir;           /* exists */
    const char *warning;           /* what users should know of this awssim, for the status; NULL: nothing */
    bool echo;                     /* copy what the children print to stderr */
    int listen_fd;                 /* clients' connections, for the programs that listen; ours from now on; -1: none */
    int parts_fd;                  /* inherited by every process, and borrowed (instance.h); -1: none */
    int starter_fd; /* gets "ready <endpoint>\n", or "failed <sentence>\n" and more lines; -1: nobody waits */
};

struct child_list {
    struct child *items;
    size_t len;
    bool set;
};

struct supervisor {
    const struct supervisor_setup *setup;
    struct child_list children; /* in the order of the programs */
    struct control control;
    struct orphans orphans;
    struct init_stages init;
    char *status_path;
    int64_t began_ms;      /* wall clock */
    int64_t status_due_ms; /* when the status file is to be written; 0: it is up to date */
    int signal_fd;
    int listen_fd;   /* -1: none, or not any more */
    bool was_ready;  /* all children have been READY at once */
    bool booted;     /* the processes have been started */
    bool stop_asked; /* and the last init scripts come first */
    bool stopping;
    bool failed;
};

/* Starts all programs and runs until all have ended: by the control socket's `stop`, by SIGTERM, SIGINT or SIGHUP (a
 * second one does not wait for anybody), or because one of them could not be started in the beginning. Answers the exit
 * code: 0, or 1 when the start failed. */
int supervisor_run(const struct supervisor_setup *setup);

/* For control.c: */

bool supervisor_all_ready(const struct supervisor *supervisor);

/* NULL when there is none of that name. */
struct child *supervisor_find(struct supervisor *supervisor, slice name);

/* Something happened to a child (see child_event). */
void supervisor_event(struct supervisor *supervisor, struct child *child, enum machine_event event);

void supervisor_stop(struct supervisor *supervisor);

/* Writes the status file now. */
void supervisor_write_status(struct supervisor *supervisor);
