/* conn: life, time limits and memory of connections. conn_in.c takes requests from them, conn_out.c writes answers. */
#include "router/conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/hashpool.h"
#include "common/log.h"
#include "common/loop_watch.h"
#include "router/conn_impl.h"
#include "router/follow.h"
#include "router/tls.h"

struct buf conn_buf_take(struct conn_set *set)
{
    return set->n_spare_bufs > 0 ? set->spare_bufs[--set->n_spare_bufs] : (struct buf){0};
}

void conn_buf_give(struct conn_set *set, struct buf *buf)
{
    buf_clear(buf);
    if (buf->cap == 0 || buf->cap > CONN_KEEP_BYTES || set->n_spare_bufs == CONN_KEEP_COUNT)
        buf_deinit(buf);
    else
        set->spare_bufs[set->n_spare_bufs++] = *buf;
    *buf = (struct buf){0};
}

static struct exchange *exchange_take(struct conn_set *set)
{
    struct exchange *exchange = set->spare_exchanges;
    if (!exchange) {
        exchange = calloc(1, sizeof *exchange);
        if (!exchange)
            abort();
        return exchange;
    }
    set->spare_exchanges = exchange->next;
    set->n_spare_exchanges--;
    return exchange;
}

/* Back to the spare ones, with the memory of its envelope, which most requests need. */
static void exchange_give(struct conn_set *set, struct exchange *exchange)
{
    struct buf envelope = exchange->call.envelope;
    conn_out_close_file(exchange);
    if (exchange->spooled[0])
        spool_discard(set->config.spool, set->pool, exchange->spooled);
    conn_buf_give(set, &exchange->out);
    if (set->n_spare_exchanges == CONN_KEEP_COUNT) {
        buf_deinit(&envelope);
        free(exchange);
        return;
    }
    if (envelope.cap > CONN_KEEP_BYTES) {
        buf_deinit(&envelope);
        envelope = (struct buf){0};
    }
    buf_clear(&envelope);
    *exchange = (struct exchange){.next = set->spare_exchanges, .call.envelope = envelope};
    set->spare_exchanges = exchange;
    set->n_spare_exchanges++;
}

struct exchange *conn_exchange_add(struct conn *conn)
{
    struct exchange *exchange = exchange_take(conn->set);
    exchange->next = NULL;
    exchange->conn = conn;
    exchange->trusted = conn->trusted;
    exchange->file = exchange->lease = -1;
    if (conn->last)
        conn->last->next = exchange;
    else
        conn->first = exchange;
    conn->last = exchange;
    conn->n_exchanges++;
    return exchange;
}

void conn_exchange_remove_first(struct conn *conn)
{
    struct exchange *exchange = conn->first;
    conn->first = exchange->next;
    if (!conn->first)
        conn->last = NULL;
    conn->n_exchanges--;
    if (!exchange->answered && exchange->on_gone)
        exchange->on_gone(exchange);
    exchange_give(conn->set, exchange);
}

void conn_mark_dirty(struct conn *conn)
{
    if (conn->dirty)
        return;
    conn->dirty = true;
    conn->next_dirty = conn->set->dirty;
    conn->set->dirty = conn;
}

void conn_begin_pace(struct conn *conn)
{
    conn->pace_at = ev_now(conn->set->config.loop);
    conn->pace_bytes = 0;
}

void conn_note_progress(struct conn *conn, size_t bytes)
{
    conn->active_at = ev_now(conn->set->config.loop);
    conn->pace_bytes += bytes;
    if (conn->pace_bytes >= LIMIT_HTTP_PACE_BYTES)
        conn_begin_pace(conn);
}

/* When the connection has been waiting too long, by what it waits for. */
static ev_tstamp deadline_of(const struct conn *conn)
{
    if (conn->lingering) {
        ev_tstamp silence = conn->active_at + CONN_SILENCE_MS / 1e3;
        return silence < conn->linger_at ? silence : conn->linger_at;
    }
    if (conn->reserved && !conn->first)
        return conn->opened_at + CONN_RESERVED_MS / 1e3;
    if (conn_out_pending(conn) || (conn->reception && !conn_in_hashing(conn)))
        return conn->pace_at + LIMIT_HTTP_PACE_MS / 1e3;
    if (conn->head_at > 0)
        return conn->head_at + LIMIT_HTTP_HEAD_TIMEOUT_MS / 1e3;
    if (conn->eof)
        return conn->active_at + CONN_SILENCE_MS / 1e3;
    if (conn->first) /* the call has a deadline of its own */
        return ev_now(conn->set->config.loop) + LIMIT_HTTP_IDLE_TIMEOUT_MS / 1e3;
    return conn->active_at + LIMIT_HTTP_IDLE_TIMEOUT_MS / 1e3;
}

/* The timer is moved only when it would fire too late: on_timer finds out that there is time left. */
void conn_arm(struct conn *conn)
{
    struct ev_loop *loop = conn->set->config.loop;
    ev_tstamp at = deadline_of(conn);
    if (ev_is_active(&conn->timer) && conn->armed_at <= at)
        return;
    ev_timer_stop(loop, &conn->timer);
    ev_timer_set(&conn->timer, at > ev_now(loop) ? at - ev_now(loop) : 0, 0);
    ev_timer_start(loop, &conn->timer);
    conn->armed_at = at;
}

/* What the client has not taken does not go on waiting for it in the kernel. */
static void abandon(struct conn *conn)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    conn_destroy(conn);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct conn *conn = timer->data;
    (void)events;
    if (deadline_of(conn) > ev_now(loop) + 1e-3) {
        conn_arm(conn);
        return;
    }
    bool mute = conn->lingering || conn->handshake || conn->reserved || conn_out_pending(conn) || conn_in_hashing(conn);
    bool late_request = !mute && (conn->reception || conn->head_at > 0);
    if (!late_request) {
        (conn_out_pending(conn) ? abandon : conn_destroy)(conn);
        return;
    }
    conn_in_timeout(conn);
    conn->active_at = ev_now(loop);
    conn_arm(conn);
    conn_pressure_update(conn);
    loop_watch_did(S("a connection's time limit"));
}

static void on_reader(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *conn = io->data;
    (void)loop;
    (void)events;
    conn_in_ready(conn);
    if (!conn->dead)
        conn_pressure_update(conn);
    loop_watch_did(S("reading from a client"));
}

static void on_writer(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *conn = io->data;
    (void)events;
    if (conn->tls && tls_wants_write(conn->tls)) {
        ev_io_stop(loop, io);
        conn_in_ready(conn);
    }
    if (!conn->dead)
        conn_out_flush(conn);
    if (!conn->dead)
        conn_pressure_update(conn);
    loop_watch_did(S("writing to a client"));
}

void conn_accept(struct conn_set *set, int fd, bool only_urgent, bool trusted)
{
    conn_pressure_make_room(set);
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        abort();
    conn->set = set;
    conn->fd = fd;
    conn->trusted = trusted;
    conn->unknown = set->config.tls != NULL;
    conn->opened_at = conn->active_at = conn->idle_at = ev_now(set->config.loop);
    conn->reserved = only_urgent || !conn_pressure_has_room(set);
    ev_io_init(&conn->reader, on_reader, fd, EV_READ);
    ev_io_init(&conn->writer, on_writer, fd, EV_WRITE);
    ev_timer_init(&conn->timer, on_timer, 0, 0);
    conn->reader.data = conn->writer.data = conn->timer.data = conn;
    conn->next = set->conns;
    if (set->conns)
        set->conns->prev = conn;
    set->conns = conn;
    set->n_conns++;
    conn_pressure_enter(conn);
    ev_io_start(set->config.loop, &conn->reader);
    conn_arm(conn);
    /* What is urgent has been sent already, and must not wait until others have pushed this connection out. */
    if (conn->reserved)
        on_reader(set->config.loop, &conn->reader, EV_READ);
}

static void unlink_conn(struct conn *conn)
{
    struct conn_set *set = conn->set;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        set->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    set->n_conns--;
}

void conn_count_held(struct conn *conn)
{
    size_t held = conn->in.cap + conn->out.cap;
    if (conn->reception)
        held += conn->reception->head_bytes.cap + conn->reception->body.bytes.cap;
    for (const struct exchange *exchange = conn->first; exchange; exchange = exchange->next)
        held += exchange->out.cap + exchange->segments.cap;
    conn->set->held += held - conn->held;
    conn->held = held;
}

void conn_destroy(struct conn *conn)
{
    struct conn_set *set = conn->set;
    if (conn->dead)
        return;
    conn->dead = true;
    set->held -= conn->held;
    ev_io_stop(set->config.loop, &conn->reader);
    ev_io_stop(set->config.loop, &conn->writer);
    ev_timer_stop(set->config.loop, &conn->timer);
    conn_in_drop_reception(conn);
    while (conn->first)
        conn_exchange_remove_first(conn);
    if (conn->tls)
        tls_end(conn->tls);
    close(conn->fd);
    buf_deinit(&conn->in);
    conn_buf_give(set, &conn->out);
    conn_pressure_leave(conn);
    unlink_conn(conn);
    conn_mark_dirty(conn);
    set->config.on_closed(set->config.owner);
}

static void flush_dirty(struct conn_set *set)
{
    while (set->dirty) {
        struct conn *conn = set->dirty;
        set->dirty = conn->next_dirty;
        conn->dirty = false;
        if (conn->dead) {
            free(conn);
            continue;
        }
        conn_out_flush(conn);
        if (!conn->dead) {
            conn_count_held(conn);
            conn_pressure_update(conn);
        }
        loop_watch_did(S("writing to a client"));
    }
}

/* Slow clients may hold so much and no more: those that hold most have to go. */
static void relieve(struct conn_set *set)
{
    while (set->held > LIMIT_HTTP_HELD_BYTES) {
        struct conn *most = set->conns;
        for (struct conn *conn = set->conns; conn; conn = conn->next)
            most = conn->held > most->held ? conn : most;
        log_warn("a slow client that holds %zu bytes is disconnected", most->held);
        abandon(most);
    }
}

/* Runs before anything else that prepares for sleep: what it takes from connections must still reach the bus's batch.
 */
static void on_flush(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct conn_set *set = prepare->data;
    (void)loop;
    (void)events;
    flush_dirty(set);
    relieve(set);
    flush_dirty(set);
}

static void on_growth(void *context)
{
    struct exchange *exchange = context;
    conn_mark_dirty(exchange->conn);
}

static void on_hashed(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn_set *set = io->data;
    (void)loop;
    (void)events;
    for (struct hashjob *job = hashpool_next(set->pool); job; job = hashpool_next(set->pool))
        conn_in_hashed(hashpool_owner(job));
    loop_watch_did(S("hashed bodies"));
}

struct conn_set *conn_open_set(const struct conn_config *config)
{
    struct conn_set *set = calloc(1, sizeof *set);
    if (!set)
        abort();
    set->config = *config;
    ev_prepare_init(&set->flusher, on_flush);
    ev_set_priority(&set->flusher, EV_MAXPRI);
    set->flusher.data = set;
    ev_prepare_start(config->loop, &set->flusher);
    set->follow = follow_open(config->loop, on_growth);
    set->pool = hashpool_open();
    ev_io_init(&set->hashed, on_hashed, hashpool_fd(set->pool), EV_READ);
    set->hashed.data = set;
    ev_io_start(config->loop, &set->hashed);
    return set;
}

void conn_release_memory(struct conn_set *set)
{
    while (set->spare_exchanges) {
        struct exchange *exchange = set->spare_exchanges;
        set->spare_exchanges = exchange->next;
        buf_deinit(&exchange->call.envelope);
        free(exchange);
    }
    set->n_spare_exchanges = 0;
    while (set->n_spare_bufs > 0)
        buf_deinit(&set->spare_bufs[--set->n_spare_bufs]);
}

void conn_close_set(struct conn_set *set)
{
    while (set->conns)
        conn_destroy(set->conns);
    while (set->dirty) {
        struct conn *conn = set->dirty;
        set->dirty = conn->next_dirty;
        free(conn);
    }
    conn_release_memory(set);
    ev_prepare_stop(set->config.loop, &set->flusher);
    ev_io_stop(set->config.loop, &set->hashed);
    hashpool_close(set->pool);
    follow_close(set->follow);
    free(set);
}

size_t conn_count(const struct conn_set *set)
{
    return set->n_conns;
}

bool conn_is_full(const struct conn_set *set)
{
    return !conn_pressure_has_room(set);
}

/* A request may just have arrived: it is read and still answered. */
static void drain_one(struct conn *conn)
{
    if (!conn->first && !conn->reception && !conn->paused)
        conn_in_ready(conn);
    if (conn->dead)
        return;
    if (conn->last)
        conn->last->close = conn->last->close || !conn->last->answered;
    if (conn->last && !conn->reception)
        conn->closing = true;
    if (!conn->first && !conn->reception && conn->in.len == 0 && !conn_out_pending(conn))
        conn_destroy(conn);
}

void conn_drain(struct conn_set *set)
{
    set->draining = true;
    for (struct conn *conn = set->conns, *next; conn; conn = next) {
        next = conn->next;
        drain_one(conn);
        conn_mark_dirty(conn);
    }
}
