/* dns_tcp: see dns_tcp.h. A connection answers one query after the other, reads no more while it cannot write, and is
 * closed after some silence; there are only so many of them, and the oldest goes for a new one. */
#include "services/servicediscovery/dns_tcp.h"

#include "common/buf.h"
#include "common/fdio.h"
#include "common/listener.h"
#include "common/loop_watch.h"
#include "services/servicediscovery/dns.h"
#include "services/worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64, LENGTH_BYTES = 2 };

static const double idle_seconds = 10;

struct conn {
    struct dns_tcp *tcp;
    struct conn *next;
    int fd;
    ev_io io;
    ev_timer idle;
    struct buf in;
    struct buf out;
};

struct dns_tcp {
    struct worker *worker;
    struct ev_loop *loop;
    ev_io accepting;
    struct conn *conns;
    size_t n_conns;
    int spare; /* of listener_accept */
};

static void close_conn(struct conn *conn)
{
    struct dns_tcp *tcp = conn->tcp;
    struct conn **at = &tcp->conns;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    tcp->n_conns--;
    ev_io_stop(tcp->loop, &conn->io);
    ev_timer_stop(tcp->loop, &conn->idle);
    close(conn->fd);
    buf_deinit(&conn->in);
    buf_deinit(&conn->out);
    free(conn);
}

static size_t length_of(const struct conn *conn)
{
    return (size_t)(unsigned char)conn->in.ptr[0] << 8 | (unsigned char)conn->in.ptr[1];
}

static int answer_one(struct call *c, void *context)
{
    struct conn *conn = context;
    slice reply;
    size_t len = length_of(conn);
    int result = dns_answer(c, (slice){conn->in.ptr + LENGTH_BYTES, len}, false, &reply);
    buf_consume(&conn->in, LENGTH_BYTES + len);
    if (result == 0 && reply.ptr) {
        buf_add_char(&conn->out, (char)(reply.len >> 8));
        buf_add_char(&conn->out, (char)(reply.len & 255));
        buf_add(&conn->out, reply);
    }
    return result;
}

/* False when the connection cannot go on. */
static bool answer_all(struct conn *conn)
{
    while (conn->in.len >= LENGTH_BYTES && conn->out.len == 0) {
        if (length_of(conn) > DNS_QUERY_BYTES)
            return false;
        if (conn->in.len < LENGTH_BYTES + length_of(conn))
            return true;
        if (worker_run(conn->tcp->worker, answer_one, conn) != 0)
            return false;
        ssize_t n = send(conn->fd, conn->out.ptr, conn->out.len, MSG_NOSIGNAL);
        if (n > 0)
            buf_consume(&conn->out, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
    }
    return true;
}

static bool flush(struct conn *conn)
{
    ssize_t n = send(conn->fd, conn->out.ptr, conn->out.len, MSG_NOSIGNAL);
    if (n > 0)
        buf_consume(&conn->out, (size_t)n);
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static bool fill(struct conn *conn)
{
    size_t room = LENGTH_BYTES + DNS_QUERY_BYTES - conn->in.len;
    ssize_t n = recv(conn->fd, buf_reserve(&conn->in, room), room, 0);
    if (n > 0)
        conn->in.len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *conn = io->data;
    ev_timer_again(loop, &conn->idle);
    bool well = events & EV_WRITE ? flush(conn) : fill(conn);
    well = well && answer_all(conn);
    loop_watch_did(S("DNS questions"));
    if (!well) {
        close_conn(conn);
        return;
    }
    int wanted = conn->out.len > 0 ? EV_WRITE : EV_READ;
    ev_io_stop(loop, io);
    ev_io_set(io, conn->fd, wanted);
    ev_io_start(loop, io);
}

static void on_idle(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    close_conn(timer->data);
}

static struct conn *oldest_of(const struct dns_tcp *tcp)
{
    struct conn *conn = tcp->conns;
    while (conn->next)
        conn = conn->next;
    return conn;
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct dns_tcp *tcp = io->data;
    (void)events;
    int fd = listener_accept(io->fd, &tcp->spare);
    if (fd < 0)
        return;
    if (tcp->n_conns == CONNECTIONS)
        close_conn(oldest_of(tcp));
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        abort();
    *conn = (struct conn){.tcp = tcp, .next = tcp->conns, .fd = fd};
    tcp->conns = conn;
    tcp->n_conns++;
    ev_io_init(&conn->io, on_io, fd, EV_READ);
    ev_init(&conn->idle, on_idle);
    conn->io.data = conn->idle.data = conn;
    conn->idle.repeat = idle_seconds;
    ev_io_start(loop, &conn->io);
    ev_timer_again(loop, &conn->idle);
}

struct dns_tcp *dns_tcp_open(struct worker *worker, struct ev_loop *loop, int listener)
{
    struct dns_tcp *tcp = calloc(1, sizeof(*tcp));
    if (!tcp)
        abort();
    *tcp = (struct dns_tcp){.worker = worker, .loop = loop, .spare = LISTENER_NO_SPARE};
    ev_io_init(&tcp->accepting, on_accept, listener, EV_READ);
    tcp->accepting.data = tcp;
    ev_io_start(loop, &tcp->accepting);
    return tcp;
}

void dns_tcp_close(struct dns_tcp *tcp)
{
    ev_io_stop(tcp->loop, &tcp->accepting);
    while (tcp->conns)
        close_conn(tcp->conns);
    fdio_cleanup(&tcp->spare);
    free(tcp);
}
