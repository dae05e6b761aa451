/* test_bench: a runner process on the bench: started in a folder of its own, with an ecs and a logs played by the test.
 * Everything waits for events; a test that waits too long is aborted. */
#pragma once

#include "common/json.h"
#include "common/list.h"
#include "proto/bus.h"

#include <ev.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct stream {
    slice name;
    struct slice_list lines;
};

struct stream_list {
    struct stream *items;
    size_t len;
    bool set;
};

struct report {
    slice name;
    struct val body;
};

struct report_list {
    struct report *items;
    size_t len;
    bool set;
};

struct from_list {
    struct bus_from *items;
    size_t len;
    bool set;
};

struct bench {
    struct arena *arena;
    struct ev_loop *loop;
    const char *program;
    char dir[64];
    pid_t pid; /* the runner's, 0: none */
    int control;
    bool late; /* nothing happened in time */

    struct bus *ecs; /* NULL: away, as logs */
    struct bus_peer *runner;
    struct report_list reports;
    struct slice_list report_ids; /* seen */
    int refuse_reports;           /* so many are answered 500 first */
    int replies;                  /* to commands */
    int status;                   /* of the last one */
    slice reply;

    struct bus *logs;
    bool no_group; /* until CreateLogGroup */
    bool hold_streams;
    bool hold_batches;
    bool lose_replies; /* batches are stored and not answered */
    int refuse_batches, refuse_streams;
    int batches, stream_calls, group_calls;
    int64_t refused_first_ms, refused_last_ms;
    struct from_list held;
    struct slice_list batch_ids;
    struct stream_list streams;
};

extern struct bench bench;

/* The runner to test; before anything else. */
void bench_use(const char *program);

/* For cmocka: everything up and RunnerStarted received; everything down, the runner without leaks and survivors. */
int bench_setup(void **state);
int bench_teardown(void **state);

void bench_start_runner(void);
void bench_wait_runner_up(void);
void bench_signal_runner(int signal_number);

/* Waits for the runner's end; its wait status. */
int bench_runner_end(void);

void bench_open_ecs(void);
void bench_close_ecs(void);
void bench_open_logs(void);
void bench_close_logs(void);

/* Answers what was held. */
void bench_release(int status);

/* Runs the loop until the condition holds. */
typedef bool bench_condition(const void *context);
void bench_wait(bench_condition *condition, const void *context);

/* Waits until the process behind a pidfd has ended, or whatever else makes a descriptor readable; closes it. */
void bench_wait_end(int pidfd);

/* pidfds of the processes of this machine that have that "NAME=VALUE" in their environment; how many they are. */
size_t bench_open_processes(const char *variable, int *pidfds, size_t max);

/* Sends a command, ' instead of ", waits for its answer and returns the status. */
int bench_command(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bench_send(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* StartContainer: container C of task T runs a shell script, its output in stream C of group g. */
void bench_run(const char *container, const char *script);

/* The same with more members of the command ("'user': 'x', ") and of the log configuration. */
void bench_run_with(const char *container, const char *script, const char *more, const char *more_log);

/* The report about a container, waited for. */
const struct val *bench_report(const char *name, const char *container);
size_t bench_count_reports(const char *name, const char *container);

/* What the stream has; bench_wait_lines waits until it is at least so much. */
const struct slice_list *bench_lines(const char *stream);
void bench_wait_lines(const char *stream, size_t count);
