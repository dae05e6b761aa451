/* listen: address, port, accept. Connections are conn's business. */
#include "router/listen.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/err.h"
#include "router/conn.h"

enum {
    LISTEN_BACKLOG = 1024,
    LISTEN_TURN = 64, /* connections accepted before others have their turn */
};

struct listen {
    int fd;
    int port;
    struct ev_loop *loop; /* NULL: not started or stopped */
    struct conn_set *set;
    ev_io acceptor;
};

/* "[::1]:80", "1.2.3.4:80", "name", "::1" → host and port; port is left alone when there is none. */
static bool split_address(slice address, slice *host, int64_t *port)
{
    slice text = {0};
    *host = address;
    if (slice_starts(address, S("["))) {
        size_t end = slice_index(address, ']');
        *host = slice_sub(address, 1, end);
        text = slice_sub(address, end + 1, address.len);
        if (text.len == 0)
            return end < address.len;
        if (text.ptr[0] != ':')
            return false;
        text = slice_sub(text, 1, text.len);
    } else {
        size_t colon = slice_index(address, ':');
        slice behind = slice_sub(address, colon + 1, address.len);
        if (colon == address.len || slice_index(behind, ':') < behind.len)
            return true;
        *host = slice_sub(address, 0, colon);
        text = behind;
    }
    return slice_to_int64(text, port);
}

static int open_socket(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int port_of(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&name)->sin_port);
}

/* The first of the host's addresses that can be listened on. Answers a descriptor or -errno; BAD_INPUT + *why. */
static int open_first(struct arena *arena, slice host, int64_t port, int *fd, slice *why)
{
    const char *node = host.len > 0 ? slice_cstr(arena, host) : NULL;
    const char *service = slice_cstr(arena, arena_printf(arena, "%d", (int)port));
    struct addrinfo hints = {
        .ai_family = node ? AF_UNSPEC : AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(node, service, &hints, &found);
    if (r != 0) {
        *why = arena_printf(arena, "cannot listen on '%.*s': %s", SLICE_ARG(host), gai_strerror(r));
        return BAD_INPUT;
    }
    *fd = -EADDRNOTAVAIL;
    for (struct addrinfo *at = found; at && *fd < 0; at = at->ai_next)
        *fd = open_socket(at);
    freeaddrinfo(found);
    if (*fd >= 0)
        return 0;
    if (*fd == -EADDRINUSE)
        *why = arena_printf(arena, "port %d on %.*s is in use: another program (or another awssim) listens there",
                            (int)port, SLICE_ARG(host.len > 0 ? host : S("*")));
    else
        *why = arena_printf(arena, "cannot listen on %.*s port %d: %s", SLICE_ARG(host.len > 0 ? host : S("*")),
                            (int)port, strerror(-*fd));
    return BAD_INPUT;
}

int listen_open(struct arena *arena, slice address, int64_t port, struct listen **out, slice *why)
{
    slice host;
    int fd;
    if (!split_address(address, &host, &port) || port < 0 || port > 65535) {
        *why = arena_printf(arena, "'%.*s' is not an address to listen on (ADDRESS or ADDRESS:PORT, port 0 to 65535)",
                            SLICE_ARG(address));
        return BAD_INPUT;
    }
    TRY(open_first(arena, host, port, &fd, why));
    struct listen *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->fd = fd;
    l->port = port_of(fd);
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
