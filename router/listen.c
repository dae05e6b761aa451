/* listen: accepting. Address and port are listener's business, connections are conn's. */
#include "router/listen.h"

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/listener.h"
#include "common/supervised.h"
#include "router/conn.h"

enum { LISTEN_TURN = 64 /* connections accepted before others have their turn */ };

struct listen {
    int fd;
    int port;
    struct ev_loop *loop; /* NULL: not started or stopped */
    struct conn_set *set;
    ev_io acceptor;
};

int listen_open(struct arena *arena, slice host, int64_t port, struct listen **out, slice *why)
{
    int fd = supervised_listener();
    if (fd < 0)
        TRY(listener_open(arena, host, port, &fd, why));
    struct listen *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->fd = fd;
    l->port = listener_port(fd);
    *out = l;
    return 0;
}

void listen_close(struct listen *l)
{
    listen_stop(l);
    free(l);
}

int listen_port(const struct listen *l)
{
    return l->port;
}

static void on_connection(struct ev_loop *loop, ev_io *acceptor, int events)
{
    struct listen *l = acceptor->data;
    (void)events;
    for (int i = 0; i < LISTEN_TURN; i++) {
        if (!conn_has_room(l->set)) {
            ev_io_stop(loop, acceptor);
            return;
        }
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            /* Without descriptors the connection stays in the backlog until one is free. */
            if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) && conn_count(l->set) > 0)
                ev_io_stop(loop, acceptor);
            return;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conn_accept(l->set, fd);
    }
}

void listen_start(struct listen *l, struct ev_loop *loop, struct conn_set *set)
{
    l->loop = loop;
    l->set = set;
    ev_io_init(&l->acceptor, on_connection, l->fd, EV_READ);
    l->acceptor.data = l;
    ev_io_start(loop, &l->acceptor);
}

void listen_resume(struct listen *l)
{
    if (l->loop && !ev_is_active(&l->acceptor))
        ev_io_start(l->loop, &l->acceptor);
}

void listen_stop(struct listen *l)
{
    if (l->loop)
        ev_io_stop(l->loop, &l->acceptor);
    l->loop = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
