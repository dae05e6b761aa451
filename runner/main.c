/* awssim-runner: runs what ecs and lambda are asked to run: processes in sandboxes, their output, their ends. */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/conf.h"
#include "common/fdio.h"
#include "common/heap_trim.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/map.h"
#include "common/supervised.h"
#include "runner/doctor.h"
#include "runner/exec.h"
#include "runner/functions/functions.h"
#include "runner/trash.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_GIVE_UP = 100, USUAL_DESCRIPTORS = 1024 };

static void answer(struct runner *runner, const struct bus_from *from, int status, slice body)
{
    struct msg reply = {.status = (uint16_t)status, .body = body};
    bus_answer(runner->bus, from, &reply);
}

static void reset(struct runner *runner, const struct bus_from *from)
{
    if (runner->n_resets == RUNNER_MAX_RESETS) {
        answer(runner, from, 503, S("{}"));
        return;
    }
    runner->resets[runner->n_resets++] = *from;
    container_kill_all(runner);
}

static void run_event(struct runner *runner, const struct bus_item *item)
{
    const struct msg *event = &item->msg;
    if (slice_eq(event->operation, S("StartContainer"))) {
        struct arena *arena = arena_open();
        slice boot = arena_printf(arena, "{\"boot\":\"%.*s\"}", SLICE_ARG(runner->boot));
        answer(runner, &item->from, container_start(runner, event->origin, event->body), boot);
        arena_close(arena);
    } else if (slice_eq(event->operation, S("StopContainer")))
        answer(runner, &item->from, container_stop(runner, event->body), S("{}"));
    else if (slice_eq(event->operation, S("RemoveTask")))
        answer(runner, &item->from, container_remove_task(runner, event->body), S("{}"));
    else if (slice_eq(event->operation, S("RetireEnvironments"))) {
        pool_retire(runner->functions, event->body);
        answer(runner, &item->from, 200, S("{}"));
    } else if (slice_eq(event->operation, S("Reset")))
        reset(runner, &item->from);
    else
        answer(runner, &item->from, 404, S("{}"));
}

static void on_batch(void *context, const struct bus_item *items, size_t count)
{
    struct runner *runner = context;
    for (size_t i = 0; i < count; i++) {
        if (items[i].msg.kind == MSG_EVENT)
            run_event(runner, &items[i]);
        else if (items[i].msg.kind == MSG_REQUEST && slice_eq(items[i].msg.operation, S("InvokeFunction")))
            pool_invoke(runner->functions, &items[i].from, items[i].msg.body);
        else if (items[i].msg.kind == MSG_REQUEST)
            answer(runner, &items[i].from, 501, S("{}"));
        loop_watch_did(items[i].msg.operation);
    }
}

/* Logs has come back, or has gone: pipes are read on, or again. */
static void kick_all(struct runner *runner)
{
    size_t position = 0;
    slice key;
    void *value;
    while (map_next(runner->containers, &position, &key, &value))
        ship_kick(value);
}

static void on_peer(void *context, struct bus_peer *peer, bool up)
{
    struct runner *runner = context;
    if (runner->reports)
        reports_on_peer(runner->reports, peer, up);
    if (peer == runner->logs && runner->containers)
        kick_all(runner);
}

static void on_terminate(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct runner *runner = signal->data;
    (void)loop;
    (void)events;
    runner->stopping = true;
    container_kill_all(runner);
}

static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
    if (supervised_orphaned())
        _exit(0); /* the stubs die with this process */
}

/* The program of that name beside this one: installed, or in the build tree. */
static const char *find_program(struct arena *arena, const char *name)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    slice self = {path, length > 0 ? (size_t)length : 0};
    while (self.len > 0 && self.ptr[self.len - 1] != '/')
        self.len--;
    const char *program = arena_printf(arena, "%.*s%s", SLICE_ARG(self), name).ptr;
    return access(program, X_OK) == 0 ? program : NULL;
}

static slice real_path(struct arena *arena, slice path)
{
    char real[PATH_MAX];
    return realpath(slice_cstr(arena, path), real) ? slice_dup(arena, slice_of(real)) : path;
}

static int configure(struct runner *runner, struct conf *conf, int argc, char *argv[])
{
    struct slice_list rest = {0};
    slice why;
    enum log_level level = LOG_INFO;
    log_init("awssim-runner", level);
    if (conf_parse(runner->arena, argc, argv, conf, &rest, &why) != 0) {
        log_error("%.*s", SLICE_ARG(why));
        return EXIT_GIVE_UP;
    }
    log_level_parse(conf->log_level, &level);
    log_init("awssim-runner", level);
    runner->stub = find_program(runner->arena, "awssim-stub");
    runner->unpacker = find_program(runner->arena, "awssim-unpack");
    if (!runner->stub || !runner->unpacker) {
        log_error("%s is not beside awssim-runner: the installation is incomplete",
                  runner->stub ? "awssim-unpack" : "awssim-stub");
        return EXIT_GIVE_UP;
    }
    runner->root_dir = conf->state_dir;
    runner->loop_limit_ms = conf->loop_limit;
    runner->max_processes = conf->pids_limit;
    const char *path = getenv("PATH");
    runner->host_path =
        path && *path ? slice_of(path) : S("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    runner->state_dir = arena_printf(runner->arena, "%.*s/runner", SLICE_ARG(conf->state_dir));
    runner->boot = ids_hex(runner->arena, 16);
    fdio_mkdirs(slice_cstr(runner->arena, conf->run_dir), 0700);
    if (fdio_mkdirs(arena_printf(runner->arena, "%.*s/spool", SLICE_ARG(runner->state_dir)).ptr, 0700) != 0)
        return 1;
    runner->own_dirs[0] = real_path(runner->arena, conf->state_dir);
    runner->own_dirs[1] = real_path(runner->arena, conf->run_dir);
    templates_open(&runner->templates, arena_printf(runner->arena, "%.*s/templates", SLICE_ARG(runner->state_dir)).ptr);
    fallback_decide(runner, conf->images, conf->run_dir);
    return 0;
}

/* Each container needs five descriptors; commands get the limit that was found. */
static void raise_limits(struct runner *runner)
{
    if (getrlimit(RLIMIT_NOFILE, &runner->files) != 0)
        return;
    struct rlimit most = {runner->files.rlim_max, runner->files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &most);
    fdio_reserve(USUAL_DESCRIPTORS);
}

static int open_bus(struct runner *runner, const struct conf *conf)
{
    struct bus_config config = {
        .loop = runner->loop,
        .run_dir = slice_cstr(runner->arena, conf->run_dir),
        .self = "runner",
        .on_batch = on_batch,
        .on_peer = on_peer,
        .context = runner,
    };
    if (bus_open(&config, &runner->bus) != 0) {
        log_error("cannot listen in %s", config.run_dir);
        return 1;
    }
    runner->logs = bus_peer(runner->bus, S("logs"));
    runner->ecr = bus_peer(runner->bus, S("ecr"));
    runner->containers = map_open();
    runner->trash = trash_open(arena_printf(runner->arena, "%.*s/removed", SLICE_ARG(runner->state_dir)));
    runner->functions = pool_open(runner);
    runner->reports = reports_open(runner);
    ship_leftovers(runner);
    layers_open(runner);
    cgroup_open(runner, "/sys/fs/cgroup", "/proc/self/cgroup");
    struct exec_config exec = {
        .loop = runner->loop,
        .run_dir = config.run_dir,
        .stub = runner->stub,
        .find = container_find_running,
        .context = runner,
    };
    runner->exec = exec_open(&exec);
    if (!runner->exec)
        log_warn("commands cannot be run in containers: %s/exec: %s", config.run_dir, strerror(errno));
    return 0;
}

static void serve(struct runner *runner)
{
    ev_signal terminate;
    ev_io control;
    ev_signal_init(&terminate, on_terminate, SIGTERM);
    terminate.data = runner;
    ev_signal_start(runner->loop, &terminate);
    if (supervised_control() >= 0) {
        ev_io_init(&control, on_control, supervised_control(), EV_READ);
        ev_io_start(runner->loop, &control);
    }
    supervised_ready();
    loop_watch_begin(runner->loop, runner->loop_limit_ms);
    heap_trim_begin(runner->loop, NULL, NULL);
    ev_run(runner->loop, 0);
    heap_trim_end();
    loop_watch_end();
}

/* "awssim-runner doctor" is awssimctl's. */
static int examine(struct runner *runner)
{
    const char *path = getenv("PATH");
    log_init("awssim-runner", LOG_ERROR);
    runner->stub = find_program(runner->arena, "awssim-stub");
    runner->host_path = slice_of(path ? path : "");
    runner->boot = ids_hex(runner->arena, 16);
    return runner->stub ? doctor_run(runner) : 1;
}

int main(int argc, char *argv[])
{
    struct runner runner = {.arena = arena_open()};
    struct conf conf;
    if (argc == 2 && strcmp(argv[1], "doctor") == 0) {
        int result = examine(&runner);
        arena_close(runner.arena);
        return result;
    }
    supervised_begin(); /* 3 and 4 are taken from here on: a stub's descriptors never collide with them */
    heap_trim_init();
    bus_process_init();
    int code = configure(&runner, &conf, argc, argv);
    if (code != 0) {
        arena_close(runner.arena);
        return code;
    }
    raise_limits(&runner);
    runner.loop = ev_loop_new(EVFLAG_AUTO);
    code = open_bus(&runner, &conf);
    if (code == 0)
        serve(&runner);
    exec_close(runner.exec);
    if (runner.containers) {
        container_forget_all(&runner, true);
        cgroup_close(&runner);
        layers_close(&runner);
        templates_close(&runner.templates);
        pool_close(runner.functions);
        trash_close(runner.trash);
        reports_close(runner.reports);
        map_close(runner.containers);
        bus_close(runner.bus);
    }
    ev_loop_destroy(runner.loop);
    arena_close(runner.arena);
    return code;
}
