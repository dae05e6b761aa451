/* runner: what the files of awssim-runner share: the containers and everything about them. */
#pragma once

#include "common/buf.h"
#include "common/json.h"
#include "common/list.h"
#include "proto/bus.h"
#include "runner/cgroup.h"
#include "runner/fallback.h"
#include "runner/image.h"
#include "runner/layers.h"
#include "runner/lines.h"
#include "runner/spool.h"
#include "runner/template.h"

#include <ev.h>
#include <sys/resource.h>
#include <sys/types.h>

struct map;
struct arena;
struct functions;
struct runner;
struct reports;
struct exec_server;
struct exec_target;

enum state {
    STATE_PULLING,  /* waits for its image */
    STATE_STREAM,   /* waits for its log stream */
    STATE_STARTING, /* the stub runs, the command not yet */
    STATE_RUNNING,
    STATE_EXITED,
};

enum { RUNNER_MAX_RESETS = 8 };

/* Where a container's output goes, and what has not arrived there. */
struct ship {
    bool wanted; /* there is a log configuration */
    slice account, region, group, stream;
    bool create_group;
    bool making_group; /* what the Logs worker is being asked for; else the stream */
    bool blocking;
    size_t max_bytes;    /* non-blocking: what may wait */
    struct arena *arena; /* of the events being collected */
    struct json_writer *writer;
    size_t n_events;
    size_t n_bytes;
    struct spool spool; /* closed batches */
    bool in_flight;
    uint64_t call_id;
    ev_timer retry; /* the Logs worker is there and could not do it */
    bool refused;   /* has been said */
    int64_t dropped;
};

/* One of the two output pipes. */
struct output {
    ev_io io; /* fd -1: at its end */
    struct container *container;
    struct lines lines;
    bool paused;
};

/* For containers that belong to the runner's own functions: what would be reported is told to them. */
struct container_hooks {
    void (*started)(struct container *container); /* may be NULL */
    void (*stopped)(struct container *container, bool started, int code);
    void (*line)(struct container *container, int which, slice line); /* of its output: 0, or 1: its standard error */
    void (*drained)(struct container *container);
    void (*forgotten)(struct container *container); /* it is about to be freed */
    void (*ready)(struct container *container);     /* not NULL: nothing is run; its log stream is there */
};

struct container {
    struct runner *runner;
    const struct container_hooks *hooks; /* NULL: of another process */
    void *hook_context;
    struct arena *arena;
    slice id, task, name, owner;
    struct val plan;
    enum state state;
    bool stop_asked;
    bool drained;
    bool removed;  /* with its task: forgotten as soon as it has ended */
    bool leftover; /* not a container: output of one of a former runner */
    int64_t pull_started_ms;
    pid_t pid;
    ev_io pidfd;  /* of the stub */
    ev_io status; /* the stub's status pipe */
    struct image image;
    const struct val *image_config;    /* NULL: it runs on the host's files, or in a sandbox of them */
    bool mirrors;                      /* a task in such a sandbox */
    struct template_version *template; /* what that is laid over */
    slice launched;                    /* what the stub was told (runner/stub/plan.h) */
    slice failure;                     /* what the stub said of a command that could not start */
    struct buf status_text;
    ev_timer kill_timer;
    ev_timer grace_timer; /* pipes that something outside still holds */
    struct output outputs[2];
    struct ship ship;
};

/* Folders of control groups; absent: there are none. */
struct groups {
    const char *root;
    slice memory, cpu, processes;
    bool unified; /* the second version: they are the same folder */
};

struct runner {
    struct ev_loop *loop;
    struct bus *bus;
    struct bus_peer *logs;
    struct bus_peer *ecr;
    struct arena *arena;
    slice boot;
    const char *stub;
    const char *unpacker;
    slice root_dir;           /* <state directory> */
    slice state_dir;          /* <state directory>/runner */
    slice own_dirs[2];        /* the state directory and where sockets are, without links: sandboxes do not show them */
    int64_t loop_limit_ms;    /* for loop_watch */
    struct fallback fallback; /* what an image that is nowhere means */
    slice host_path;          /* PATH for containers that name none */
    struct map *containers;
    struct reports *reports;
    struct exec_server *exec; /* NULL: it cannot be had */
    struct trash *trash;      /* folders that are no longer needed */
    struct functions *functions;
    struct layers layers;
    struct templates templates;
    int64_t next_batch;
    struct groups groups;
    int64_t max_processes; /* of a container that names no limit; 0: none */
    struct rlimit files;   /* as they were found */
    bool stopping;
    struct bus_from resets[RUNNER_MAX_RESETS]; /* who waits until nothing runs any more */
    size_t n_resets;
};

/* container.c: commands (proto/runner.h); the answer's status. One is answered 503 while everything is being killed. */
int container_start(struct runner *runner, slice owner, slice body);
int container_stop(struct runner *runner, slice body);

/* One of our own: *container is set before anything can happen to it. */
int container_start_owned(struct runner *runner, const struct container_hooks *hooks, void *context, slice body,
                          struct container **container);

/* Ends one that runs, as StopContainer does. */
void container_end(struct container *container, int signal_number, int64_t kill_after_ms);
int container_remove_task(struct runner *runner, slice body);

/* Kills everything. When nothing runs any more, those in runner->resets are answered, everything forgotten; or the loop
 * is left, when the runner is stopping. */
void container_kill_all(struct runner *runner);

/* Forgets all containers; what is not shipped goes to files when keep_output, or their folders go too. */
void container_forget_all(struct runner *runner, bool keep_output);

/* The image is there, or this is why not; nowhere: because the registry has no repository of that name. */
void container_image_ready(struct container *container, slice failure, bool nowhere);

/* The log stream is there, or this is why not. */
void container_stream_ready(struct container *container, slice failure);

/* The stub has ended. */
void container_exited(struct container *container, int code);

/* The status pipe has said everything: the command runs, unless status_text says why not. */
void container_command_runs(struct container *container);

/* For exec: a container of a task that runs (runner/exec.h). */
slice container_find_running(void *runner, slice task, slice name, struct exec_target *target);

/* Reports the last line's arrival when everything has arrived. */
void container_check_drained(struct container *container);

/* Forgets one that does not run. */
void container_forget(struct container *container, bool keep_output);

/* streams.c: container_stream_ready is called later, unless streams_cancel is called before. */
void streams_prepare(struct container *container);
void streams_cancel(struct container *container);

/* combine.c: the plan gets what the image says. */
void combine_image(struct container *container);

/* spawn.c: 0, or -1 with container->failure set. */
int spawn_stub(struct container *container);

/* reap.c */
void reap_watch(struct container *container, int pidfd, int status_fd);

/* Signals the command; SIGKILL is for everything in the container. */
void reap_signal(struct container *container, int signal_number);
void reap_kill_after(struct container *container, int64_t ms);
void reap_unwatch(struct container *container);

/* output.c */
void output_watch(struct container *container, int which, int fd);

/* After the exit: reads what there is; pipes still open are given a second. */
void output_finish(struct container *container);

/* Reads what the pipes hold now. */
void output_drain(struct container *container);
void output_close(struct container *container);
bool output_ended(const struct container *container);
void output_pause(struct container *container, bool pause);

/* ship.c */
int ship_init(struct container *container, const struct val *log);
void ship_line(struct container *container, slice line);

/* Sends what can be sent. */
void ship_kick(struct container *container);
bool ship_empty(const struct container *container);
void ship_deinit(struct container *container, bool keep_output);

/* Output that a former runner left in files. */
void ship_leftovers(struct runner *runner);

/* reports.c */
struct reports *reports_open(struct runner *runner);
void reports_close(struct reports *reports);
void reports_send(struct reports *reports, slice owner, slice name, const struct val *body);
void reports_on_peer(struct reports *reports, struct bus_peer *peer, bool up);
