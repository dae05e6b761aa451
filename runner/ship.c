/* ship: a container's lines on their way to the Logs worker: collected into batches, one under way at a time, sent
 * again with the same id until it is stored. While Logs is away batches wait in memory, then on disk; when nothing more
 * fits, the pipes are left unread (mode blocking) or the oldest output is dropped (mode non-blocking). */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "common/map.h"
#include "common/time.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH_EVENTS = 10000, BATCH_BYTES = 256 * 1024, EVENT_BYTES = 26, MAX_MEMORY_BYTES = 4 * 1024 * 1024 };
enum { DEFAULT_BUFFER_BYTES = 1024 * 1024, BUFFER_BATCHES = 4 };
enum { MAX_TEXT = LIMIT_LOG_EVENT_BYTES - EVENT_BYTES, REPAIRED_BYTES = 3 };

static const double retry_seconds = 0.2;

static void start_batch(struct ship *ship)
{
    ship->arena = arena_open();
    ship->writer = json_writer_open(ship->arena);
    json_object_begin(ship->writer);
    const struct pair head[] = {{S("account"), ship->account},
                                {S("region"), ship->region},
                                {S("group"), ship->group},
                                {S("stream"), ship->stream}};
    for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++) {
        json_key(ship->writer, head[i].key);
        json_string(ship->writer, head[i].value);
    }
    json_key(ship->writer, S("events"));
    json_array_begin(ship->writer);
}

/* The oldest batches go, except the one under way. */
static void drop_oldest(struct ship *ship)
{
    while (ship->spool.memory_bytes > ship->max_bytes && spool_drop_second(&ship->spool))
        ship->dropped++;
}

/* A non-blocking buffer is several batches, or dropping the oldest would leave nothing. */
static size_t batch_bytes(const struct ship *ship)
{
    size_t share = ship->max_bytes / BUFFER_BATCHES;
    return ship->blocking || share > BATCH_BYTES ? BATCH_BYTES : share;
}

/* What has been collected becomes a batch of its own. */
static void close_batch(struct container *container)
{
    struct ship *ship = &container->ship;
    struct runner *runner = container->runner;
    if (!ship->arena)
        return;
    json_array_end(ship->writer);
    json_object_end(ship->writer);
    slice body = json_writer_close(ship->writer);
    slice id = arena_printf(ship->arena, "%.*s-logs:%lld", SLICE_ARG(runner->boot), (long long)++runner->next_batch);
    bool to_disk = ship->blocking && !bus_peer_up(runner->logs) && ship->spool.memory_bytes > SPOOL_MEMORY_BYTES;
    if (spool_add(&ship->spool, id, body, to_disk) != 0)
        log_warn("output of container %.*s cannot be written to disk; it stays in memory", SLICE_ARG(container->id));
    arena_close(ship->arena);
    ship->arena = NULL;
    ship->writer = NULL;
    ship->n_events = ship->n_bytes = 0;
    if (!ship->blocking)
        drop_oldest(ship);
}

static bool is_full(const struct ship *ship)
{
    return ship->spool.memory_bytes + ship->n_bytes > MAX_MEMORY_BYTES || ship->spool.file_bytes > SPOOL_FILE_BYTES;
}

static void add_event(struct container *container, slice line)
{
    struct ship *ship = &container->ship;
    if (!ship->arena)
        start_batch(ship);
    json_array_begin(ship->writer);
    json_int(ship->writer, time_now_ms());
    json_string(ship->writer, line);
    json_array_end(ship->writer);
    ship->n_events++;
    ship->n_bytes += line.len + EVENT_BYTES;
    if (ship->n_events >= BATCH_EVENTS || ship->n_bytes >= batch_bytes(ship))
        close_batch(container);
}

/* How many bytes of a text that is no UTF-8 make an event that is not too large once it is repaired. */
static size_t repaired_fit(slice text)
{
    size_t bytes = 0, i = 0;
    while (i < text.len) {
        uint8_t lead = (uint8_t)text.ptr[i];
        size_t n = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        bool whole = slice_is_utf8(slice_sub(text, i, i + n));
        n = whole ? n : 1;
        bytes += whole ? n : REPAIRED_BYTES;
        if (bytes > MAX_TEXT)
            break;
        i += n;
    }
    return i;
}

void ship_line(struct container *container, slice line)
{
    if (!container->ship.wanted)
        return;
    while (line.len > MAX_TEXT / REPAIRED_BYTES && !slice_is_utf8(line)) {
        size_t n = repaired_fit(line);
        add_event(container, slice_sub(line, 0, n));
        line = slice_sub(line, n, line.len);
    }
    if (line.len > 0)
        add_event(container, line);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    ship_kick(timer->data);
    loop_watch_did(S("sending output again"));
}

static void on_stored(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct container *container = context;
    struct ship *ship = &container->ship;
    ship->in_flight = false;
    if (outcome == BUS_REPLIED && reply->status >= 500) {
        ev_timer_init(&ship->retry, on_retry, retry_seconds, 0);
        ship->retry.data = container;
        ev_timer_start(container->runner->loop, &ship->retry);
    } else if (outcome == BUS_REPLIED) {
        if (reply->status != 200 && !ship->refused)
            log_warn("output of container %.*s is refused (%.*s) and dropped", SLICE_ARG(container->id),
                     SLICE_ARG(reply->error));
        ship->refused = reply->status != 200;
        spool_drop(&ship->spool);
    }
    ship_kick(container);
}

void ship_kick(struct container *container)
{
    struct ship *ship = &container->ship;
    struct runner *runner = container->runner;
    bool waits = ship->in_flight || ev_is_active(&ship->retry);
    if (!waits && spool_empty(&ship->spool))
        close_batch(container);
    const struct spool_batch *batch = waits ? NULL : spool_front(&ship->spool);
    if (batch) {
        struct msg event = {
            .kind = MSG_EVENT,
            .origin = S("runner"),
            .service = S("logs"),
            .operation = S("AppendLogEvents"),
            .event_id = batch->id,
            .body = batch->body,
        };
        ship->in_flight = true;
        ship->call_id = bus_send(runner->logs, &event, on_stored, container);
    }
    output_pause(container, ship->blocking && is_full(ship));
    container_check_drained(container);
}

bool ship_empty(const struct container *container)
{
    const struct ship *ship = &container->ship;
    return !ship->in_flight && !ship->arena && spool_empty(&ship->spool);
}

/* The boot keeps apart what a former runner left of a container of the same id. */
static const char *spool_path(struct container *container)
{
    return arena_printf(container->arena, "%.*s/spool/%.*s.%.*s", SLICE_ARG(container->runner->state_dir),
                        SLICE_ARG(container->id), SLICE_ARG(container->runner->boot))
        .ptr;
}

int ship_init(struct container *container, const struct val *log)
{
    struct ship *ship = &container->ship;
    ship->spool.path = spool_path(container);
    if (!log || log->type == VAL_NULL)
        return 0;
    int64_t max_bytes = val_get_int(log, S("maxBufferBytes"), DEFAULT_BUFFER_BYTES);
    ship->wanted = true;
    ship->account = val_get_string(log, S("account"));
    ship->region = val_get_string(log, S("region"));
    ship->group = val_get_string(log, S("group"));
    ship->stream = val_get_string(log, S("stream"));
    ship->create_group = val_get_bool(log, S("createGroup"), false);
    ship->blocking = !slice_eq(val_get_string(log, S("mode")), S("non-blocking"));
    ship->max_bytes = max_bytes > 0 ? (size_t)max_bytes : DEFAULT_BUFFER_BYTES;
    return ship->group.ptr && ship->stream.ptr ? 0 : -1;
}

void ship_deinit(struct container *container, bool keep_output)
{
    struct ship *ship = &container->ship;
    if (ship->in_flight)
        bus_forget(container->runner->logs, ship->call_id);
    ship->in_flight = false;
    ev_timer_stop(container->runner->loop, &ship->retry);
    if (keep_output)
        close_batch(container);
    if (ship->arena)
        arena_close(ship->arena);
    ship->arena = NULL;
    if (ship->dropped > 0)
        log_warn("%lld batches of output of container %.*s were dropped: its log mode is non-blocking",
                 (long long)ship->dropped, SLICE_ARG(container->id));
    if (spool_close(&ship->spool, keep_output) != 0)
        log_warn("output of container %.*s is lost: it cannot be written to disk", SLICE_ARG(container->id));
}

static void ship_leftover(struct runner *runner, slice name)
{
    struct arena *arena = arena_open();
    struct container *container = arena_alloc(arena, sizeof(*container));
    container->runner = runner;
    container->arena = arena;
    container->id = slice_dup(arena, name);
    container->state = STATE_EXITED;
    container->leftover = true;
    container->pidfd.fd = container->status.fd = container->outputs[0].io.fd = container->outputs[1].io.fd = -1;
    container->ship.blocking = true;
    container->ship.spool.path =
        arena_printf(arena, "%.*s/spool/%.*s", SLICE_ARG(runner->state_dir), SLICE_ARG(name)).ptr;
    if (spool_open_leftover(&container->ship.spool) != 0) {
        log_warn("output that a former runner has left in %s cannot be read", container->ship.spool.path);
        arena_close(arena);
        return;
    }
    map_set(runner->containers, container->id, container);
    ship_kick(container);
}

/* Not one that a killed runner was still writing, beside the whole one. */
static bool is_of_use(DIR *dir, const char *name)
{
    slice whole = slice_of(name);
    char beside[NAME_MAX + 1];
    if (!slice_ends(whole, S(SPOOL_UNFINISHED)))
        return name[0] != '.';
    snprintf(beside, sizeof(beside), "%.*s", (int)(whole.len - sizeof(SPOOL_UNFINISHED) + 1), name);
    if (faccessat(dirfd(dir), beside, F_OK, 0) != 0)
        return true;
    unlinkat(dirfd(dir), name, 0);
    return false;
}

void ship_leftovers(struct runner *runner)
{
    const char *path = arena_printf(runner->arena, "%.*s/spool", SLICE_ARG(runner->state_dir)).ptr;
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (is_of_use(dir, entry->d_name))
            ship_leftover(runner, slice_of(entry->d_name));
    }
    if (dir)
        closedir(dir);
}
