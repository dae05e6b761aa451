/* test_peer: see test_peer.h. */
#include "router/test_peer.h"

#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/fdio.h"
#include "proto/bus.h"
#include "proto/segments.h"

enum { MAX_HELD = 256 };

struct peer {
    const char *name;
    const char *run_dir;
    const char *state_dir;
    struct bus *bus;
    struct arena *arena;
    struct bus_from held[MAX_HELD];
    size_t n_held;
    struct bus_from cancelled_asks[MAX_HELD];
    size_t n_cancelled_asks;
    size_t n_cancels;
};

static void answer(struct peer *peer, const struct bus_from *from, uint16_t status, slice body)
{
    bus_answer(
        peer->bus, from,
        &(struct msg){.status = status, .headers = S("x-peer: yes\n"), .content_type = S("text/plain"), .body = body});
}

static int64_t spooled_size(struct peer *peer, slice name)
{
    struct stat st;
    slice path = arena_printf(peer->arena, "%s/spool/%.*s", peer->state_dir, SLICE_ARG(name));
    return name.len > 0 && stat(path.ptr, &st) == 0 ? (int64_t)st.st_size : -1;
}

static slice describe(struct peer *peer, const struct msg *m)
{
    return arena_printf(
        peer->arena,
        "peer=%s\nservice=%.*s\noperation=%.*s\naccount=%.*s\nregion=%.*s\naccess_key=%.*s\nmethod=%.*s\n"
        "path=%.*s\nquery=%.*s\nhost=%.*s\ncontent_type=%.*s\nreadonly=%d\nspooled=%lld\nheaders=%.*s"
        "length=%zu\nbody=%.*s",
        peer->name, SLICE_ARG(m->service), SLICE_ARG(m->operation), SLICE_ARG(m->account), SLICE_ARG(m->region),
        SLICE_ARG(m->access_key), SLICE_ARG(m->method), SLICE_ARG(m->path), SLICE_ARG(m->query), SLICE_ARG(m->host),
        SLICE_ARG(m->content_type), m->flags & MSG_FLAG_READONLY, (long long)spooled_size(peer, m->body_file),
        SLICE_ARG(m->headers), m->body.len, SLICE_ARG(m->body));
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

static void die_once(struct peer *peer)
{
    slice path = arena_printf(peer->arena, "%s/died", peer->run_dir);
    int fd = open(path.ptr, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
    if (fd >= 0)
        die();
}

static void release(struct peer *peer, const struct bus_from *from)
{
    for (size_t i = 0; i < peer->n_held; i++)
        answer(peer, &peer->held[i], 200, S("released"));
    peer->n_held = 0;
    answer(peer, from, 200, S("releasing"));
}

static void tell_cancels(struct peer *peer)
{
    if (peer->n_cancels == 0)
        return;
    for (size_t i = 0; i < peer->n_cancelled_asks; i++)
        answer(peer, &peer->cancelled_asks[i], 200, S("cancelled"));
    if (peer->n_cancelled_asks > 0)
        peer->n_cancels = 0;
    peer->n_cancelled_asks = 0;
}

static void send_file(struct peer *peer, const struct bus_from *from, slice body)
{
    slice name, offset, length;
    int64_t from_byte, n_bytes;
    if (!slice_cut(body, ' ', &name, &offset) || !slice_cut(offset, ' ', &offset, &length) ||
        !slice_to_int64(offset, &from_byte) || !slice_to_int64(length, &n_bytes)) {
        answer(peer, from, 400, S("NAME OFFSET LENGTH"));
        return;
    }
    bus_answer(peer->bus, from,
               &(struct msg){.status = 200, .body_file = name, .file_offset = from_byte, .file_length = n_bytes});
}

static void send_segments(struct peer *peer, const struct bus_from *from, slice body)
{
    slice lease, segments;
    slice_cut(body, '\n', &lease, &segments);
    bus_answer(
        peer->bus, from,
        &(struct msg){.status = 200, .segments = segments, .lease = lease, .file_length = segments_length(segments)});
}

static void run(struct peer *peer, const struct bus_from *from, const struct msg *m)
{
    int64_t status = 0;
    if (slice_eq(m->operation, S("Die")))
        die();
    if (slice_eq(m->operation, S("DescribeLogGroups")) && slice_eq(m->body, S("die once")))
        die_once(peer);
    if (slice_eq(m->operation, S("Hold")) && peer->n_held < MAX_HELD)
        peer->held[peer->n_held++] = *from;
    else if (slice_eq(m->operation, S("Release")))
        release(peer, from);
    else if (slice_eq(m->operation, S("Cancelled")) && peer->n_cancelled_asks < MAX_HELD)
        peer->cancelled_asks[peer->n_cancelled_asks++] = *from;
    else if (slice_eq(m->operation, S("Status")) && slice_to_int64(m->body, &status))
        answer(peer, from, (uint16_t)status, S("as you wish"));
    else if (slice_eq(m->operation, S("File")))
        send_file(peer, from, m->body);
    else if (slice_eq(m->operation, S("Segments")))
        send_segments(peer, from, m->body);
    else if (slice_eq(m->operation, S("Grow")))
        bus_answer(peer->bus, from, &(struct msg){.status = 200, .flags = MSG_FLAG_GROWING, .body_file = m->body});
    else if (slice_eq(m->operation, S("Constant")) || slice_eq(m->operation, S("GetCallerIdentity")))
        answer(peer, from, 200, S("{\"constant\":\"about as long as the answers that are asked for most often are\"}"));
    else
        answer(peer, from, 200, describe(peer, m));
    tell_cancels(peer);
}

static void take_event(struct peer *peer, const struct bus_from *from, const struct msg *m)
{
    slice line = arena_printf(peer->arena, "%s %.*s\n", peer->name, SLICE_ARG(m->operation));
    slice notes = arena_printf(peer->arena, "%s/events", peer->run_dir);
    slice refusal = arena_printf(peer->arena, "%s/refuse-%s", peer->run_dir, peer->name);
    int fd = open(notes.ptr, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || fdio_write_all(fd, line) != 0)
        abort();
    close(fd);
    answer(peer, from, access(refusal.ptr, F_OK) == 0 ? 500 : 200, S("{}"));
}

static void on_batch(void *context, const struct bus_item *items, size_t count)
{
    struct peer *peer = context;
    for (size_t i = 0; i < count; i++) {
        if (items[i].msg.kind == MSG_REQUEST)
            run(peer, &items[i].from, &items[i].msg);
        else if (items[i].msg.kind == MSG_EVENT)
            take_event(peer, &items[i].from, &items[i].msg);
        else
            peer->n_cancels++;
    }
    tell_cancels(peer);
    arena_reset(peer->arena);
}

static void on_term(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)signal;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

int test_peer_main(char *argv[])
{
    struct peer peer = {.name = argv[2], .run_dir = argv[3], .state_dir = argv[4], .arena = arena_open()};
    bus_process_init();
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct bus_config config = {
        .loop = loop, .run_dir = peer.run_dir, .self = peer.name, .on_batch = on_batch, .context = &peer};
    if (bus_open(&config, &peer.bus) != 0)
        return 1;
    ev_signal term;
    ev_signal_init(&term, on_term, SIGTERM);
    ev_signal_start(loop, &term);
    ev_run(loop, 0);
    bus_close(peer.bus);
    ev_loop_destroy(loop);
    arena_close(peer.arena);
    return 0;
}
