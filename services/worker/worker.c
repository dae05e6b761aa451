/* worker: the process: options, database, bus, readiness, and its end. */
#include "services/worker/impl.h"
#include "services/worker/credentials.h"
#include "services/worker/leniency.h"

#include "common/fdio.h"
#include "common/generation.h"
#include "common/heap_trim.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/supervised.h"
#include "common/time.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

extern const char *const worker_migrations[];

enum { EXIT_GIVE_UP = 100, USUAL_DESCRIPTORS = 256, BATCH_BYTES = 256 * 1024 };

static const char *const library_statements[] = {
#define SQL(name, text) text,
#include "services/worker/sql.def"
#undef SQL
};

int64_t worker_now_ms(const struct worker *worker)
{
    return worker->loop ? time_now_ms() : worker->test_now_ms;
}

/* The service's first schema begins with the library's tables. */
static const char *const *migrations_of(struct worker *worker)
{
    size_t n = 0;
    while (worker->service->migrations[n])
        n++;
    const char **all = arena_array(worker->arena, n + 1, sizeof(*all));
    all[0] = arena_printf(worker->arena, "%s\n%s", worker_migrations[0], worker->service->migrations[0]).ptr;
    for (size_t i = 1; i < n; i++)
        all[i] = worker->service->migrations[i];
    return all;
}

static const char *const *statements_of(struct worker *worker)
{
    size_t own = worker->service->n_statements;
    const char **all = arena_array(worker->arena, own + WORKER_N_SQL, sizeof(*all));
    memcpy(all, worker->service->statements, own * sizeof(*all));
    memcpy(all + own, library_statements, sizeof(library_statements));
    return all;
}

/* The database has an id of its own, so that its events are never taken for a former database's. */
static void name_stream(struct worker *worker)
{
    slice id = {NULL, 0};
    struct db_rows rows = db_query(worker->db, worker_sql(worker, WORKER_SQL_INSTANCE_GET), "");
    if (db_next(&rows))
        id = db_text(&rows, 0);
    db_done(&rows);
    if (!id.ptr) {
        id = ids_hex(worker->arena, 16);
        db_run(worker->db, worker_sql(worker, WORKER_SQL_INSTANCE_SET), "t", id);
    }
    worker->stream = arena_printf(worker->arena, "%.*s-%.*s", SLICE_ARG(worker->service->api->name), SLICE_ARG(id));
}

int worker_set_up(struct worker *worker, const struct service *service, const char *path, slice *why)
{
    worker->service = service;
    worker->codec = codec_for(service->api->protocol);
    worker->arena = arena_open();
    worker->batch = arena_open_sized(BATCH_BYTES);
    struct db_config config = {path, migrations_of(worker), statements_of(worker),
                               service->n_statements + WORKER_N_SQL};
    TRY(db_open(worker->arena, &config, &worker->db, why));
    batch_begin_call(worker, worker->arena);
    name_stream(worker);
    struct running running = batch_internal_call(worker);
    int result = service->start ? service->start(&running.call) : 0;
    result = batch_end_call(worker, result);
    int kept = batch_commit(worker);
    if (result == FAULT_DAMAGED)
        *why = db_damage_advice(worker->arena, path);
    else if (result != 0 || kept != 0)
        *why = arena_printf(worker->arena, "%s", db_error(worker->db));
    if (result != 0 || kept != 0)
        return result == FAULT_DAMAGED ? result : FAULT_SQL;
    arena_reset(worker->batch);
    return 0;
}

void worker_tear_down(struct worker *worker)
{
    later_close(worker);
    outbox_close(worker->outbox);
    db_close(worker->db);
    if (worker->credentials)
        credentials_close(worker->credentials);
    if (worker->generation)
        generation_close(worker->generation);
    if (worker->batch)
        arena_close(worker->batch);
    if (worker->arena)
        arena_close(worker->arena);
}

int worker_run(struct worker *worker, worker_run_fn *fn, void *context)
{
    arena_reset(worker->batch);
    struct running running = batch_internal_call(worker);
    batch_begin_call(worker, worker->batch);
    int result = fn(&running.call, context);
    result = batch_end_call(worker, result);
    int kept = batch_commit(worker);
    return result != 0 ? result : kept;
}

static void on_peer(void *context, struct bus_peer *peer, bool up)
{
    struct worker *worker = context;
    outbox_on_peer(worker->outbox, peer, up);
}

static void on_terminate(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)signal;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
    if (supervised_orphaned())
        _exit(0);
}

static void watch_supervisor(struct ev_loop *loop, ev_io *control, ev_signal *terminate)
{
    ev_signal_init(terminate, on_terminate, SIGTERM);
    ev_signal_start(loop, terminate);
    if (supervised_control() < 0)
        return;
    ev_io_init(control, on_control, supervised_control(), EV_READ);
    ev_io_start(loop, control);
}

/* What is only kept for the next use. */
static void release_memory(void *context)
{
    struct worker *worker = context;
    db_release_memory(worker->db);
}

/* A process before this one may have ended between a change and its announcement. */
static bool announce_credentials(struct worker *worker)
{
    const char *path = arena_printf(worker->arena, "%.*s/credentials", SLICE_ARG(worker->conf.run_dir)).ptr;
    int result = generation_open(path, &worker->generation);
    if (result == 0)
        generation_advance(worker->generation);
    else
        log_error("cannot open %s: %s", path, strerror(-result));
    return result == 0;
}

/* Serves until SIGTERM. */
static int serve(struct worker *worker)
{
    struct bus_config config = {
        .loop = worker->loop,
        .run_dir = slice_cstr(worker->arena, worker->conf.run_dir),
        .self = slice_cstr(worker->arena, worker->service->api->name),
        .on_batch = batch_on_messages,
        .on_peer = on_peer,
        .context = worker,
    };
    ev_io control;
    ev_signal terminate;
    if (bus_open(&config, &worker->bus) != 0) {
        log_error("cannot listen in %s", config.run_dir);
        return 1;
    }
    if (worker->service->keeps_credentials && !announce_credentials(worker)) {
        bus_close(worker->bus);
        return 1;
    }
    worker->outbox = outbox_open(worker);
    watch_supervisor(worker->loop, &control, &terminate);
    timers_start(worker);
    outbox_pump(worker->outbox);
    const struct service *service = worker->service;
    void *opened = service->open ? service->open(worker, worker->loop, &worker->conf) : NULL;
    supervised_ready();
    loop_watch_begin(worker->loop, worker->conf.loop_limit);
    heap_trim_begin(worker->loop, release_memory, worker);
    ev_run(worker->loop, 0);
    heap_trim_end();
    loop_watch_end();
    if (service->open)
        service->close(opened);
    timers_stop(worker);
    later_close(worker);
    work_close(worker->work);
    outbox_close(worker->outbox);
    worker->outbox = NULL;
    bus_close(worker->bus);
    return 0;
}

static int configure(struct worker *worker, struct arena *arena, int argc, char *argv[])
{
    struct slice_list rest = {0};
    slice why;
    enum log_level level = LOG_INFO;
    const char *program = arena_printf(arena, "awssim-%.*s", SLICE_ARG(worker->service->api->name)).ptr;
    log_init(program, level);
    if (conf_parse(arena, argc, argv, &worker->conf, &rest, &why) != 0 ||
        leniency_check(arena, &worker->conf, worker->program->services, &why) != 0) {
        log_error("%.*s", SLICE_ARG(why));
        return EXIT_GIVE_UP;
    }
    log_level_parse(worker->conf.log_level, &level);
    log_init(program, level);
    return 0;
}

int worker_main(int argc, char *argv[], const struct worker_program *program, const struct service *service)
{
    struct worker worker = {.program = program, .service = service};
    struct arena *arena = arena_open();
    slice why = S("");
    supervised_begin();
    heap_trim_init();
    bus_process_init();
    fdio_reserve(USUAL_DESCRIPTORS);
    int code = configure(&worker, arena, argc, argv);
    if (code != 0)
        return code;
    fdio_mkdirs(slice_cstr(arena, worker.conf.state_dir), 0700);
    fdio_mkdirs(slice_cstr(arena, worker.conf.run_dir), 0700);
    slice path = arena_printf(arena, "%.*s/%.*s.db", SLICE_ARG(worker.conf.state_dir), SLICE_ARG(service->api->name));
    worker.loop = ev_loop_new(EVFLAG_AUTO);
    int result = worker_set_up(&worker, service, path.ptr, &why);
    if (result != 0)
        log_error("%.*s", SLICE_ARG(why));
    code = result == 0 ? serve(&worker) : result == DB_NEWER || result == FAULT_DAMAGED ? EXIT_GIVE_UP : 1;
    worker_tear_down(&worker);
    ev_loop_destroy(worker.loop);
    arena_close(arena);
    return code;
}
