/* admin: what awssim says about itself over HTTP. Process states that only the supervisor knows are awssimctl's. */
#include "router/admin.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"
#include "common/reserve.h"
#include "common/uri.h"
#include "proto/bus.h"
#include "router/conn.h"
#include "router/init_status.h"
#include "router/pending.h"
#include "router/reset.h"
#include "router/route.h"

struct admin {
    struct arena *arena; /* of the answer being written */
    struct bus_peer *runner;
    struct pending *pending;
    struct reset *reset;
    slice run_dir;
    const char *state_dir;
};

typedef void admin_path_fn(struct admin *admin, struct exchange *exchange, const struct conn_request *request);

static void answer_json(struct exchange *exchange, uint16_t status, slice body)
{
    conn_answer(exchange, &(struct msg){.status = status, .content_type = S("application/json"), .body = body});
}

static bool is_up(const struct admin *admin, const struct route_service *service)
{
    return bus_peer_up(pending_peer(admin->pending, service));
}

/* With a full disk everything answers, but what has to be stored is refused. */
static void write_disk(struct json_writer *w, int64_t free_bytes)
{
    json_key(w, S("disk"));
    json_object_begin(w);
    json_key(w, S("status"));
    json_string(w, free_bytes < RESERVE_FULL_BYTES ? S("full") : S("ready"));
    json_key(w, S("freeBytes"));
    json_int(w, free_bytes);
    json_object_end(w);
}

/* 200 when every process answers. */
static void health(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    (void)request;
    bool all = bus_peer_up(admin->runner);
    for (size_t i = 0; i < route_count(); i++)
        all = all && is_up(admin, route_at(i));
    int64_t free_bytes = reserve_free_bytes(admin->state_dir);
    bool full = free_bytes >= 0 && free_bytes < RESERVE_FULL_BYTES;
    struct json_writer *w = json_writer_open(admin->arena);
    json_object_begin(w);
    json_key(w, S("status"));
    json_string(w, !all ? S("starting") : full ? S("disk full") : S("ready"));
    json_key(w, S("services"));
    json_object_begin(w);
    for (size_t i = 0; i < route_count(); i++) {
        json_key(w, route_at(i)->name);
        json_string(w, is_up(admin, route_at(i)) ? S("ready") : S("starting"));
    }
    json_object_end(w);
    json_key(w, S("runner"));
    json_string(w, bus_peer_up(admin->runner) ? S("ready") : S("starting"));
    if (free_bytes >= 0)
        write_disk(w, free_bytes);
    json_object_end(w);
    answer_json(exchange, all ? 200 : 503, json_writer_close(w));
}

static void localstack_health(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    (void)request;
    struct json_writer *w = json_writer_open(admin->arena);
    json_object_begin(w);
    json_key(w, S("services"));
    json_object_begin(w);
    for (size_t i = 0; i < route_count(); i++) {
        json_key(w, route_at(i)->name);
        json_string(w, is_up(admin, route_at(i)) ? S("running") : S("starting"));
    }
    json_object_end(w);
    json_key(w, S("edition"));
    json_string(w, S("community"));
    json_key(w, S("version"));
    json_string(w, S(AWSSIM_VERSION));
    json_object_end(w);
    answer_json(exchange, 200, json_writer_close(w));
}

static void localstack_info(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    (void)request;
    struct json_writer *w = json_writer_open(admin->arena);
    json_object_begin(w);
    json_key(w, S("version"));
    json_string(w, S(AWSSIM_VERSION));
    json_key(w, S("edition"));
    json_string(w, S("community"));
    json_key(w, S("is_license_activated"));
    json_bool(w, false);
    json_key(w, S("server"));
    json_string(w, S("awssim"));
    json_object_end(w);
    answer_json(exchange, 200, json_writer_close(w));
}

static void stats(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    (void)request;
    struct json_writer *w = json_writer_open(admin->arena);
    json_object_begin(w);
    json_key(w, S("services"));
    json_object_begin(w);
    for (size_t i = 0; i < route_count(); i++) {
        struct pending_stats s = pending_stats(admin->pending, route_at(i));
        json_key(w, route_at(i)->name);
        json_object_begin(w);
        json_key(w, S("requests"));
        json_int(w, (int64_t)s.requests);
        json_key(w, S("errors"));
        json_int(w, (int64_t)s.errors);
        json_key(w, S("faults"));
        json_int(w, (int64_t)s.faults);
        json_key(w, S("inFlight"));
        json_int(w, (int64_t)s.in_flight);
        json_object_end(w);
    }
    json_object_end(w);
    json_object_end(w);
    answer_json(exchange, 200, json_writer_close(w));
}

static bool all_up(const struct admin *admin)
{
    bool all = bus_peer_up(admin->runner);
    for (size_t i = 0; i < route_count(); i++)
        all = all && is_up(admin, route_at(i));
    return all;
}

static void localstack_init(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    answer_json(exchange, 200, init_status(admin->arena, admin->run_dir, request->head->path, all_up(admin)));
}

static void answer_problem(struct admin *admin, struct exchange *exchange, uint16_t status, slice message)
{
    struct val document = val_object();
    val_set(admin->arena, &document, S("message"), val_string(message));
    answer_json(exchange, status, json_text(admin->arena, &document));
}

/* The service that ?service= names, NULL when it is not there. False: answered already. */
static bool wanted_service(struct admin *admin, struct exchange *exchange, slice query,
                           const struct route_service **service)
{
    struct pair_list params = {0};
    *service = NULL;
    if (uri_parse_form(admin->arena, query, &params) != 0) {
        answer_problem(admin, exchange, 400, S("The query string cannot be decoded."));
        return false;
    }
    slice name = pair_get(&params, S("service"));
    if (!name.ptr)
        return true;
    *service = route_named(name);
    if (!*service)
        answer_problem(admin, exchange, 400,
                       arena_printf(admin->arena, "There is no service named '%.*s'.", SLICE_ARG(name)));
    return *service != NULL;
}

static void do_reset(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    const struct route_service *service;
    if (wanted_service(admin, exchange, request->head->query, &service))
        reset_begin(admin->reset, exchange, service);
}

static const struct {
    slice path;
    bool changes; /* POST; else GET or HEAD */
    admin_path_fn *handle;
} paths[] = {
    {{"/health", 7}, false, health},
    {{"/_awssim/stats", 14}, false, stats},
    {{"/_awssim/reset", 14}, true, do_reset},
    {{"/_localstack/health", 19}, false, localstack_health},
    {{"/_localstack/info", 17}, false, localstack_info},
    {{"/_localstack/init", 17}, false, localstack_init},
    {{"/_localstack/init/boot", 22}, false, localstack_init},
    {{"/_localstack/init/start", 23}, false, localstack_init},
    {{"/_localstack/init/ready", 23}, false, localstack_init},
    {{"/_localstack/init/shutdown", 26}, false, localstack_init},
    {{"/_localstack/state/reset", 24}, true, do_reset},
};
enum { N_PATHS = sizeof paths / sizeof paths[0] };

bool admin_is_public(slice path)
{
    return slice_eq(path, S("/health"));
}

bool admin_wants(slice path, bool is_signed)
{
    if (admin_is_public(path))
        return !is_signed;
    return slice_starts(path, S("/_awssim/")) || slice_starts(path, S("/_localstack/"));
}

static void unknown_path(struct admin *admin, struct exchange *exchange)
{
    struct val document = val_object();
    struct val list = val_array();
    val_set(admin->arena, &document, S("message"), val_string(S("There is no such path. These exist:")));
    for (size_t i = 0; i < N_PATHS; i++) {
        slice line = arena_concat(admin->arena, paths[i].changes ? S("POST ") : S("GET "), paths[i].path);
        val_push(admin->arena, &list, val_string(line));
    }
    val_set(admin->arena, &document, S("paths"), list);
    answer_json(exchange, 404, json_text(admin->arena, &document));
}

static void wrong_method(struct admin *admin, struct exchange *exchange, bool changes)
{
    struct val document = val_object();
    slice allow = changes ? S("POST") : S("GET, HEAD");
    val_set(admin->arena, &document, S("message"),
            val_string(arena_concat(admin->arena, S("This path answers only "), allow)));
    conn_answer(exchange, &(struct msg){.status = 405,
                                        .headers = arena_printf(admin->arena, "Allow: %.*s\n", SLICE_ARG(allow)),
                                        .content_type = S("application/json"),
                                        .body = json_text(admin->arena, &document)});
}

void admin_handle(struct admin *admin, struct exchange *exchange, const struct conn_request *request)
{
    slice method = request->head->method;
    size_t i = 0;
    while (i < N_PATHS && !slice_eq(paths[i].path, request->head->path))
        i++;
    if (i == N_PATHS)
        unknown_path(admin, exchange);
    else if (paths[i].changes ? !slice_eq(method, S("POST"))
                              : !slice_eq(method, S("GET")) && !slice_eq(method, S("HEAD")))
        wrong_method(admin, exchange, paths[i].changes);
    else
        paths[i].handle(admin, exchange, request);
    arena_reset(admin->arena);
}

struct admin *admin_open(struct bus_peer *runner, struct pending *pending, struct reset *reset, slice run_dir,
                         const char *state_dir)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        abort();
    *admin = (struct admin){.arena = arena_open(),
                            .runner = runner,
                            .pending = pending,
                            .reset = reset,
                            .run_dir = run_dir,
                            .state_dir = state_dir};
    return admin;
}

void admin_close(struct admin *admin)
{
    arena_close(admin->arena);
    free(admin);
}
