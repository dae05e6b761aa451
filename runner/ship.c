/* ship: a container's lines on their way to the Logs worker: collected into batches, one under way at a time, sent
 * again with the same id until it is stored. While Logs is away batches wait in memory, then on disk; when nothing more
 * fits, the pipes are left unread (mode blocking) or the oldest output is dropped (mode non-blocking). */
#include "runner/runner.h"

#include "common/arena.h"
#include "common/log.h"
#include "common/time.h"

#include <dirent.h>
#include <stdlib.h>

enum { BATCH_EVENTS = 10000, BATCH_BYTES = 256 * 1024, EVENT_BYTES = 26, MAX_MEMORY_BYTES = 4 * 1024 * 1024 };
enum { DEFAULT_BUFFER_BYTES = 1024 * 1024 };

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

/* The oldest batch goes, unless it is under way. */
static void drop_oldest(struct ship *ship)
{
    while (!ship->in_flight && spool_bytes(&ship->spool) > ship->max_bytes && spool_front(&ship->spool)) {
        spool_drop(&ship->spool);
        ship->dropped++;
    }
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

static bool is_full(const struct ship *ship, bool logs_up)
{
    size_t waiting = ship->spool.memory_bytes + ship->n_bytes;
    return logs_up ? waiting > MAX_MEMORY_BYTES : spool_bytes(&ship->spool) > SPOOL_FILE_BYTES;
}

void ship_line(struct container *container, slice line)
{
    struct ship *ship = &container->ship;
    if (!ship->wanted)
        return;
    if (!ship->arena)
        start_batch(ship);
    json_array_begin(ship->writer);
    json_int(ship->writer, time_now_ms());
    json_string(ship->writer, line);
    json_array_end(ship->writer);
    ship->n_events++;
    ship->n_bytes += line.len + EVENT_BYTES;
    if (ship->n_events >= BATCH_EVENTS || ship->n_bytes >= BATCH_BYTES)
        close_batch(container);
}

static void on_stored(void *context, enum bus_outcome outcome, const struct msg *reply)
{
    struct container *container = context;
    struct ship *ship = &container->ship;
    ship->in_flight = false;
    if (outcome == BUS_REPLIED && reply->status < 500) {
        if (reply->status != 200)
            log_warn("output of container %.*s was refused (%.*s) and dropped", SLICE_ARG(container->id),
                     SLICE_ARG(reply->error));
        spool_drop(&ship->spool);
    }
    ship_kick(container);
}

void ship_kick(struct container *container)
{
    struct ship *ship = &container->ship;
    struct runner *runner = container->runner;
    if (!ship->in_flight && spool_empty(&ship->spool))
        close_batch(container);
    const struct spool_batch *batch = ship->in_flight ? NULL : spool_front(&ship->spool);
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
    output_pause(container, ship->blocking && is_full(ship, bus_peer_up(runner->logs)));
    container_check_drained(container);
}

bool ship_empty(const struct container *container)
{
    const struct ship *ship = &container->ship;
    return !ship->in_flight && !ship->arena && spool_empty(&ship->spool);
}

static const char *spool_path(struct container *container)
{
    return arena_printf(container->arena, "%.*s/spool/%.*s", SLICE_ARG(container->runner->state_dir),
                        SLICE_ARG(container->id))
        .ptr;
}

int ship_init(struct container *container, const struct val *log)
{
    struct ship *ship = &container->ship;
    ship->spool.path = spool_path(container);
    if (!log)
        return 0;
    ship->wanted = true;
    ship->account = val_get_string(log, S("account"));
    ship->region = val_get_string(log, S("region"));
    ship->group = val_get_string(log, S("group"));
    ship->stream = val_get_string(log, S("stream"));
    ship->create_group = val_get_bool(log, S("createGroup"), false);
    ship->blocking = !slice_eq(val_get_string(log, S("mode")), S("non-blocking"));
    ship->max_bytes = (size_t)val_get_int(log, S("maxBufferBytes"), DEFAULT_BUFFER_BYTES);
    return ship->group.ptr && ship->stream.ptr ? 0 : -1;
}

void ship_deinit(struct container *container, bool keep_output)
{
    struct ship *ship = &container->ship;
    if (ship->in_flight)
        bus_forget(container->runner->logs, ship->call_id);
    ship->in_flight = false;
    if (keep_output)
        close_batch(container);
    if (ship->arena)
        arena_close(ship->arena);
    if (ship->dropped > 0)
        log_warn("%lld batches of output of container %.*s were dropped: its log mode is non-blocking",
                 (long long)ship->dropped, SLICE_ARG(container->id));
    spool_close(&ship->spool, keep_output);
}

static void ship_leftover(struct runner *runner, const char *name)
{
    struct arena *arena = arena_open();
    struct container *container = arena_alloc(arena, sizeof(*container));
    container->runner = runner;
    container->arena = arena;
    container->id = slice_dup(arena, slice_of(name));
    container->state = STATE_EXITED;
    container->leftover = true;
    container->outputs[0].io.fd = container->outputs[1].io.fd = -1;
    container->ship.blocking = true;
    container->ship.spool.path = spool_path(container);
    if (spool_open_leftover(&container->ship.spool) != 0) {
        arena_close(arena);
        return;
    }
    ship_kick(container);
}

void ship_leftovers(struct runner *runner)
{
    const char *path = arena_printf(runner->arena, "%.*s/spool", SLICE_ARG(runner->state_dir)).ptr;
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.')
            ship_leftover(runner, entry->d_name);
    }
    if (dir)
        closedir(dir);
}
