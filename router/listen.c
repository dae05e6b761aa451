/* listen: accepting. Address and port are listener's business, connections are conn's. Somebody who connects is always
 * accepted: where there are too many connections, conn closes one that is idle, or answers what is urgent only; when
 * even descriptors are lacking, one that was kept back serves for that. */
#include "router/listen.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/err.h"
#include "common/listener.h"
#include "common/loop_watch.h"
#include "common/supervised.h"
#include "router/conn.h"

enum {
    LISTEN_TURN = 64,        /* connections accepted before others have their turn */
    LISTEN_CROWDED_TURN = 4, /* the same, when they may push out each other */
    PRIVATE_BACKLOG = 64,
    LISTEN_RETRY_MS = 100, /* without descriptors; one may become free outside of this process */
};

struct listen {
    int fd;
    int port;
    bool private;
    struct ev_loop *loop; /* NULL: not started or stopped */
    struct conn_set *set;
    ev_io acceptor;
    ev_timer retry;
    int spare; /* a descriptor kept back for a time without others; -1: it is in use */
};

static struct listen *listen_new(int fd)
{
    struct listen *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->fd = fd;
    l->spare = -1;
    l->port = listener_port(fd);
    return l;
}

int listen_open(struct arena *arena, slice host, int64_t port, struct listen **out, slice *why)
{
    int fd = supervised_listener();
    if (fd < 0)
        TRY(listener_open(arena, host, port, &fd, why));
    *out = listen_new(fd);
    return 0;
}

/* A router before this one may have left the name behind. */
static int bind_private(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    memcpy(name.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, PRIVATE_BACKLOG) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int listen_open_private(struct arena *arena, slice run_dir, struct listen **out, slice *why)
{
    slice path = arena_printf(arena, "%.*s/admin", SLICE_ARG(run_dir));
    int fd = bind_private(path.ptr);
    if (fd < 0) {
        *why = arena_printf(arena, "cannot listen on %.*s: %s", SLICE_ARG(path), strerror(-fd));
        return BAD_INPUT;
    }
    *out = listen_new(fd);
    (*out)->private = true;
    return 0;
}

void listen_close(struct listen *l)
{
    listen_stop(l);
    if (l->spare >= 0)
        close(l->spare);
    free(l);
}

int listen_port(const struct listen *l)
{
    return l->port;
}

/* accept looks for a descriptor before it looks whether anybody waits. */
static bool lacks_descriptors(const struct listen *l)
{
    struct pollfd waiting = {.fd = l->fd, .events = POLLIN};
    bool lacks = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return lacks && poll(&waiting, 1, 0) == 1;
}

static int accept_one(struct listen *l)
{
    return accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void keep_spare(struct listen *l)
{
    if (l->spare < 0)
        l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The next who waits, or -1. *spare: there was no descriptor for it but the one kept back. */
static int accept_next(struct listen *l, bool *spare)
{
    *spare = false;
    int fd = accept_one(l);
    if (fd < 0 && lacks_descriptors(l) && conn_evict(l->set))
        fd = accept_one(l);
    if (fd < 0 && lacks_descriptors(l) && l->spare >= 0) {
        close(l->spare);
        l->spare = -1;
        *spare = true;
        fd = accept_one(l);
    }
    /* The one kept back is with somebody who has asked nothing yet. */
    if (fd < 0 && lacks_descriptors(l) && conn_evict_reserved(l->set)) {
        *spare = true;
        fd = accept_one(l);
    }
    return fd;
}

/* The folder keeps others out already, unless somebody has given them the right to enter. */
static bool is_owner(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void welcome(struct listen *l, int fd, bool spare)
{
    int on = 1;
    if (l->private && !is_owner(fd)) {
        close(fd);
        return;
    }
    if (!l->private)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn_accept(l->set, fd, spare, l->private);
}

static void on_connection(struct ev_loop *loop, ev_io *acceptor, int events)
{
    struct listen *l = acceptor->data;
    (void)events;
    int turn = conn_is_full(l->set) ? LISTEN_CROWDED_TURN : LISTEN_TURN;
    for (int i = 0; i < turn; i++) {
        bool spare;
        int fd = accept_next(l, &spare);
        if (fd < 0) {
            /* The acceptor would go on saying that somebody waits. */
            if (lacks_descriptors(l)) {
                ev_io_stop(loop, acceptor);
                ev_timer_again(loop, &l->retry);
            }
            break;
        }
        welcome(l, fd, spare);
    }
    loop_watch_did(S("new connections"));
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    listen_resume(timer->data);
}

void listen_start(struct listen *l, struct ev_loop *loop, struct conn_set *set)
{
    l->loop = loop;
    l->set = set;
    ev_io_init(&l->acceptor, on_connection, l->fd, EV_READ);
    l->acceptor.data = l;
    ev_io_start(loop, &l->acceptor);
    ev_init(&l->retry, on_retry);
    l->retry.repeat = LISTEN_RETRY_MS / 1e3;
    l->retry.data = l;
    keep_spare(l);
}

void listen_resume(struct listen *l)
{
    if (!l->loop)
        return;
    keep_spare(l);
    ev_timer_stop(l->loop, &l->retry);
    if (!ev_is_active(&l->acceptor))
        ev_io_start(l->loop, &l->acceptor);
}

void listen_stop(struct listen *l)
{
    if (l->loop) {
        ev_io_stop(l->loop, &l->acceptor);
        ev_timer_stop(l->loop, &l->retry);
    }
    l->loop = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
