/* main: awssim-router, from options to exit code. What it is made of is in the other files. */
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/heap_trim.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/supervised.h"
#include "proto/bus.h"
#include "router/admin.h"
#include "router/conn.h"
#include "router/dispatch.h"
#include "router/listen.h"
#include "router/origin.h"
#include "router/pending.h"
#include "router/reset.h"
#include "router/route.h"
#include "router/secrets.h"
#include "router/tls.h"

enum {
    EXIT_GIVE_UP = 100, /* trying again would not help */
    DRAIN_MS = 5000,
    OWN_DESCRIPTORS = 80,   /* the bus and the rest of the router, and connections beyond the limit */
    FILE_DESCRIPTORS = 512, /* of bodies that come and files that go, at most at once */
};

struct router {
    struct arena *arena;
    struct conf conf;
    struct ev_loop *loop;
    struct tls *tls;
    struct spool spool;
    struct listen *listen;
    struct listen *private; /* for awssimctl */
    struct bus *bus;
    struct pending *pending;
    struct reset *reset;
    struct admin *admin;
    struct origin_rules origins;
    struct secrets *secrets; /* NULL: signatures are not verified */
    struct dispatch *dispatch;
    struct conn_set *conns;
    ev_signal on_term;
    ev_signal on_int;
    ev_io control;
    ev_timer drain_timer;
    bool draining;
};

static int give_up(slice why)
{
    log_error("%.*s", SLICE_ARG(why));
    return EXIT_GIVE_UP;
}

static int read_options(struct router *router, int argc, char *argv[])
{
    struct slice_list rest = {0};
    slice why;
    enum log_level level;
    if (conf_parse(router->arena, argc, argv, &router->conf, &rest, &why) != 0)
        return give_up(why);
    if (rest.len > 0)
        return give_up(arena_printf(router->arena, "'%.*s' is no option", SLICE_ARG(rest.items[0])));
    if (!log_level_parse(router->conf.log_level, &level))
        return give_up(arena_printf(router->arena, "'%.*s' is no log level", SLICE_ARG(router->conf.log_level)));
    log_init("awssim-router", level);
    if (origin_read_rules(router->arena, router->conf.allow_origin, router->conf.allow_host, router->conf.listen,
                          &router->origins, &why) != 0)
        return give_up(why);
    return 0;
}

/* As many descriptors as the system allows; answers how many connections that is: half of what the router itself does
 * not need, or more, when there are enough for files too. */
static size_t raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return LIMIT_HTTP_CONNECTIONS / 16;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t others = limit.rlim_cur > OWN_DESCRIPTORS ? limit.rlim_cur - OWN_DESCRIPTORS : 2;
    size_t conns = others / 2 > FILE_DESCRIPTORS ? others - FILE_DESCRIPTORS : (others + 1) / 2;
    if (conns >= LIMIT_HTTP_CONNECTIONS)
        return LIMIT_HTTP_CONNECTIONS;
    log_info("%llu descriptors allow for %zu connections at once", (unsigned long long)limit.rlim_cur, conns);
    return conns;
}

static void on_drained(void *context)
{
    struct router *router = context;
    if (router->reset)
        reset_on_drained(router->reset);
}

static void on_closed(void *owner)
{
    struct router *router = owner;
    if (router->draining && conn_count(router->conns) == 0)
        ev_break(router->loop, EVBREAK_ALL);
    else {
        listen_resume(router->listen);
        listen_resume(router->private);
    }
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct router *router = signal->data;
    (void)events;
    if (router->draining)
        return;
    router->draining = true;
    listen_stop(router->listen);
    listen_stop(router->private);
    conn_drain(router->conns);
    ev_timer_start(loop, &router->drain_timer);
    if (conn_count(router->conns) == 0)
        ev_break(loop, EVBREAK_ALL);
}

/* The supervisor is gone: nothing must survive it. */
static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
    if (supervised_orphaned())
        _exit(1);
}

static void watch(struct router *router)
{
    ev_signal_init(&router->on_term, on_signal, SIGTERM);
    ev_signal_init(&router->on_int, on_signal, SIGINT);
    ev_timer_init(&router->drain_timer, on_drain_timer, DRAIN_MS / 1e3, 0);
    router->on_term.data = router->on_int.data = router;
    ev_signal_start(router->loop, &router->on_term);
    ev_signal_start(router->loop, &router->on_int);
    if (supervised_control() >= 0) {
        ev_io_init(&router->control, on_control, supervised_control(), EV_READ);
        ev_io_start(router->loop, &router->control);
    }
}

static bool open_bus(struct router *router)
{
    const char *run_dir = slice_cstr(router->arena, router->conf.run_dir);
    struct bus_config config = {.loop = router->loop, .run_dir = run_dir, .self = "router", .context = router};
    int r = fdio_mkdirs(run_dir, 0700);
    if (r == 0)
        r = bus_open(&config, &router->bus);
    if (r != 0)
        log_error("cannot open the bus below %s: %s", run_dir, r > -4096 ? strerror(-r) : "fault");
    return r == 0;
}

static void assemble(struct router *router, size_t max_conns)
{
    struct bus_peer *runner = bus_peer(router->bus, S("runner"));
    router->pending = pending_open(router->bus, &(struct pending_config){.on_drained = on_drained, .context = router});
    router->reset = reset_open(router->loop, runner, router->pending);
    router->admin = admin_open(runner, router->pending, router->reset, router->conf.run_dir,
                               slice_cstr(router->arena, router->conf.state_dir));
    router->dispatch = dispatch_open(router->admin, router->pending, router->secrets, &router->origins);
    router->conns = conn_open_set(&(struct conn_config){.loop = router->loop,
                                                        .tls = router->tls,
                                                        .spool = &router->spool,
                                                        .max_conns = max_conns,
                                                        .plan_body = dispatch_plan_body,
                                                        .on_request = dispatch_request,
                                                        .on_refused = dispatch_refused,
                                                        .is_urgent = dispatch_is_urgent,
                                                        .context = router->dispatch,
                                                        .on_closed = on_closed,
                                                        .owner = router});
}

/* The port for whoever was told to choose none, and the newline for the supervisor. */
static int say_ready(struct router *router)
{
    slice path = arena_printf(router->arena, "%.*s/port", SLICE_ARG(router->conf.run_dir));
    slice port = arena_printf(router->arena, "%d\n", listen_port(router->listen));
    int r = fdio_replace_file(path.ptr, port, 0644);
    if (r != 0)
        return r;
    log_info("listening on %.*s port %d", SLICE_ARG(router->conf.listen), listen_port(router->listen));
    supervised_ready();
    return 0;
}

/* What decides who may do what. Answers 0, or BAD_INPUT with a sentence in *why and nothing open. */
static int open_guarded(struct router *router, slice *why)
{
    if (router->conf.verify_signatures)
        TRY(secrets_open(router->bus, router->arena, &router->conf, &router->secrets, why));
    if (listen_open_private(router->arena, router->conf.run_dir, &router->private, why) == 0)
        return 0;
    if (router->secrets)
        secrets_close(router->secrets);
    return BAD_INPUT;
}

/* Everything that can fail. Answers 0 or the exit code. */
static int open_all(struct router *router)
{
    slice why;
    size_t max_conns = raise_descriptor_limit();
    fdio_reserve((int)max_conns + OWN_DESCRIPTORS + FILE_DESCRIPTORS);
    const char *state_dir = slice_cstr(router->arena, router->conf.state_dir);
    if (router->conf.tls_cert.len > 0 || router->conf.tls_key.len > 0)
        if (tls_open(router->arena, router->conf.tls_cert, router->conf.tls_key, &router->tls, &why) != 0)
            return give_up(why);
    int r = spool_open(&router->spool, state_dir);
    if (r != 0)
        return give_up(arena_printf(router->arena, "cannot use the folder %s/spool: %s", state_dir, strerror(-r)));
    if (listen_open(router->arena, router->conf.listen, router->conf.port, &router->listen, &why) != 0)
        return give_up(why);
    if (!open_bus(router))
        return 1;
    if (open_guarded(router, &why) != 0) {
        bus_close(router->bus);
        listen_close(router->listen);
        return give_up(why);
    }
    assemble(router, max_conns);
    listen_start(router->listen, router->loop, router->conns);
    listen_start(router->private, router->loop, router->conns);
    watch(router);
    r = say_ready(router);
    if (r != 0)
        log_error("cannot say that the router is ready: %s", strerror(-r));
    return r == 0 ? 0 : 1;
}

static void close_all(struct router *router)
{
    conn_close_set(router->conns);
    dispatch_close(router->dispatch);
    admin_close(router->admin);
    reset_close(router->reset);
    pending_close(router->pending);
    if (router->secrets)
        secrets_close(router->secrets);
    bus_close(router->bus);
    listen_close(router->listen);
    listen_close(router->private);
    spool_close(&router->spool);
    tls_close(router->tls);
}

static void release_memory(void *context)
{
    struct router *router = context;
    conn_release_memory(router->conns);
}

int main(int argc, char *argv[])
{
    struct router router = {0};
    supervised_begin();
    heap_trim_init();
    bus_process_init();
    log_init("awssim-router", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    router.arena = arena_open();
    int code = read_options(&router, argc, argv);
    if (code == 0) {
        router.loop = ev_loop_new(EVFLAG_AUTO);
        code = open_all(&router);
    }
    if (code == 0) {
        loop_watch_begin(router.loop, router.conf.loop_limit);
        heap_trim_begin(router.loop, release_memory, &router);
        ev_run(router.loop, 0);
        heap_trim_end();
        loop_watch_end();
        close_all(&router);
    }
    if (router.loop)
        ev_loop_destroy(router.loop);
    arena_close(router.arena);
    return code;
}
